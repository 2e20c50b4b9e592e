//! Isolation between hooks: only state is kept.

use mcp_multiplayer_bot_supervisor::HookRequest;
use serde_json::json;

use crate::harness::{Bots, ReportExt, eventually, on_init, on_message, stream};

#[tokio::test]
async fn instance_globals_and_workspace_are_fresh() {
    let bots = Bots::new();
    let source = "
import io
calls = []
class Bot:
    seen = []
    def on_init(self):
        calls.append(1)
        Bot.seen.append(1)
        self.once = getattr(self, 'once', 0) + 1
        try:
            io.open('note.txt').close()
            kept = True
        except FileNotFoundError:
            kept = False
        with io.open(self.ctx.workspace + '/note.txt', 'w') as note:
            note.write('x' * 10)
        with io.open('note.txt') as note:
            length = len(note.read())
        self.ctx.post('bot', {'out': [len(calls), len(Bot.seen), self.once, kept, length]})
";
    for hook in 0..3 {
        let report = bots.run(source, on_init()).await;
        assert_eq!(report.bodies(), [json!({"out": [1, 1, 1, false, 10]})], "hook {hook}");
    }
    // One process runs all of them, unless its workspace is on disk, where it could still have a file open.
    let processes = usize::from(bots.has_layer("workspace in memory").await);
    assert_eq!(bots.pids().len(), processes);
}

/// Files in memory count as memory of the machine, so an idle worker must not keep any.
#[tokio::test]
async fn a_workspace_in_memory_is_emptied_after_each_hook() {
    let bots = Bots::new();
    if !bots.has_layer("workspace in memory").await {
        return;
    }
    let source = "
import io
class Bot:
    def on_init(self):
        io.open(self.ctx.workspace + '/large', 'w').write('x' * 1_000_000)
";
    bots.run(source, on_init()).await.effects();
    let workspace = format!("/proc/{}/root/workspace", bots.pids()[0]);
    if std::fs::read_dir(&workspace).is_err() {
        println!("not tested: only root can look into a worker's workspace");
        return;
    }
    // The worker sends its reply first.
    eventually("the removal of the files", || std::fs::read_dir(&workspace).unwrap().next().is_none()).await;
}

#[tokio::test]
async fn state_persists_and_is_a_copy() {
    let bots = Bots::new();
    let source = "
class Bot:
    def on_init(self):
        state = self.ctx.get_state()
        state['n'] = 5
        self.ctx.post('bot', {'unset': self.ctx.get_state()})
        self.ctx.set_state({'n': 1, 'nested': {'list': (1, 'ä')}})
        state = self.ctx.get_state()
        state['nested']['list'].append(2)
        self.ctx.post('bot', self.ctx.get_state())
    def on_message(self, msg):
        state = self.ctx.get_state()
        if msg['body']['text'] == 'same':
            self.ctx.set_state(state)
        else:
            state['n'] += 1
            self.ctx.set_state(state)
";
    let report = bots.run(source, on_init()).await;
    let state = json!({"n": 1, "nested": {"list": [1, "ä"]}});
    assert_eq!(report.bodies(), [json!({"unset": {}}), state.clone()]);
    let text = report.state().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), state);

    let mut call = on_message("same");
    call.state = Some(text.clone());
    assert_eq!(bots.run(source, call.clone()).await.state(), None, "unchanged");
    call.args = on_message("more").args;
    assert_eq!(bots.run(source, call.clone()).await.state().unwrap(), text.replace("\"n\":1", "\"n\":2"));
    assert_eq!(bots.run(source, call).await.state().unwrap(), text.replace("\"n\":1", "\"n\":2"), "as the caller says");
}

#[tokio::test]
async fn later_changes_do_not_affect_posted_bodies() {
    let bots = Bots::new();
    let source = "
class Bot:
    def on_init(self):
        body = {'n': 1}
        self.ctx.post('bot', body)
        body['n'] = 2
        self.ctx.post('bot', body)
        self.ctx.dm('s2', 'private', 'psst')
        self.ctx.post('my:own.kind-1', 'text')
";
    let report = bots.run(source, on_init()).await;
    let expected = [json!({"n": 1}), json!({"n": 2}), json!({"text": "psst"}), json!({"text": "text"})];
    assert_eq!(report.bodies(), expected);
    let text = format!("{:?}", report.effects());
    assert!(text.contains(r#"Dm { slot_id: "s2", kind: "private""#) && text.contains("my:own.kind-1"), "{text}");
}

#[tokio::test]
async fn changes_to_libraries_do_not_reach_the_next_hook() {
    let bots = Bots::new();
    let source = "
import random
import decimal
class Bot:
    def on_init(self):
        before = decimal.getcontext().prec
        decimal.getcontext().prec = 5
        draw = random.getrandbits(128)
        random.seed(1)
        self.ctx.post('bot', {'prec': before, 'draw': str(draw)})
";
    let first = bots.run(source, on_init()).await.bodies();
    let second = bots.run(source, on_init()).await.bodies();
    let further = HookRequest { stream: stream(16), ..on_init() };
    let third = bots.run(source, further).await.bodies();
    assert_eq!([&first[0]["prec"], &second[0]["prec"]], [28, 28]);
    // Random numbers depend only on the position in the keystream.
    assert_eq!(first[0]["draw"], second[0]["draw"]);
    assert_ne!(second[0]["draw"], third[0]["draw"]);
}
