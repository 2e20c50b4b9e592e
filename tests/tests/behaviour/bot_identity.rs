//! A bot's identity: its id, its code and its channel stay those that it was attached with, and it cannot post as
//! another sender.

use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, of_type, read, read_until, with, with_text};

/// Posts and sends DMs with all kinds of forged fields, then posts "over".
const IMPOSTOR: &str = "
class Impostor:
    def on_message(self, msg):
        if not msg['sender'].startswith('s'):
            return
        for kind in ('system', 'control', 'user', 'private', 'bot:bot_Other_0', 's2'):
            for claimed in ('s2', 'system', 'bot:bot_Other_0'):
                body = {'sender': claimed, 'sender_label': 'bob', 'to_slot': 's1', 'id': 1, 'cause': 1,
                        'channel_id': self.params.get('elsewhere'), 'kind': 'system', 'text': 'forged'}
                try:
                    self.ctx.post(kind, body)
                    self.ctx.dm('s1', kind, body)
                except ValueError:
                    pass
        for event in ('member:kick', 'member:leave', 'bot:detach', 'bot:attach', 'close_applied', 'rename_applied'):
            for name in (event, event + ' '):
                try:
                    self.ctx.post('system', {'type': name, 'slot_id': 's2', 'bot_id': self.ctx.bot_id, 'name': 'taken',
                                             'by': 's2', 'reason': 'forged', 'text': 'forged'})
                except ValueError:
                    pass
        self.ctx.post('bot', {'text': 'over'})
";

/// Tries to become another bot, by writing its state and everything else that it can reach.
const CHANGELING: &str = "
class Changeling:
    name = 'Changeling'
    def on_message(self, msg):
        if not msg['sender'].startswith('s'):
            return
        refused = 0
        for write in (self.by_ctx, self.by_class, self.by_params, self.by_library):
            try:
                write()
            except (AttributeError, TypeError):
                refused += 1
        Changeling.on_message = lambda self, msg: self.ctx.post('bot', {'text': 'another'})
        self.ctx.set_state({'source': 'another', 'bot_id': 'bot_Other_0', 'code_hash': 'sha256:0', 'seen': msg['id']})
        self.ctx.post('bot', {'text': 'still me', 'bot_id': self.ctx.bot_id, 'channel_id': self.ctx.channel_id,
                              'params': self.params, 'refused': refused})
    def by_ctx(self):
        self.ctx.bot_id = 'bot_Other_0'
    def by_class(self):
        type(self.ctx).bot_id = 'bot_Other_0'
    def by_params(self):
        self.ctx.params['stakes'] = 100
        self.ctx.params = {}
    def by_library(self):
        import json
        json.loads = lambda text: {}
";

/// Posts its id and its state when it receives `who?` or a DM.
const REPORTER: &str = "
class Reporter:
    def on_message(self, msg):
        if msg['body']['text'] == 'who?':
            self.report(0)
    def on_private_message(self, slot_id, msg):
        self.report(1)
    def report(self, dms):
        state = self.ctx.get_state()
        state = {'asked': state.get('asked', 0) + 1, 'dms': state.get('dms', 0) + dms}
        self.ctx.set_state(state)
        own = [slot for slot in self.ctx.slots if slot['kind'] == 'bot']
        self.ctx.post('bot', {'text': 'I', 'bot_id': self.ctx.bot_id, 'channel_id': self.ctx.channel_id, 'state': state,
                              'slots': [slot['label'] for slot in own]})
";

/// Finds a bot's last post with the text `I`.
fn last_report<'a>(log: &'a [Value], bot_id: &str) -> Option<&'a Value> {
    let sender = format!("bot:{bot_id}");
    log.iter().rev().find(|message| message["sender"] == sender.as_str() && message["body"]["text"] == "I")
}

/// Checks that bots, slots and senders of a channel match each other.
fn assert_consistent(info: &Value, log: &[Value]) {
    let (slots, bots) = (info["view"]["slots"].as_array().unwrap(), info["bots"].as_array().unwrap());
    let mut ids: Vec<&str> = bots.iter().map(|bot| bot["bot_id"].as_str().unwrap()).collect();
    for bot in bots {
        let slot = slots.iter().find(|slot| slot["slot_id"] == bot["slot_id"]).unwrap();
        assert_eq!(slot["kind"], "bot", "{bot}");
        assert_eq!(slot["filled_by"], format!("bot:{}", bot["bot_id"].as_str().unwrap()), "{bot}");
    }
    let filled = slots.iter().filter_map(|slot| slot["filled_by"].as_str()).filter(|holder| *holder != "player");
    assert_eq!(filled.count(), bots.len(), "each bot has a slot of its own: {info}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), bots.len(), "each bot has an id of its own: {info}");
    // Every bot that posted was attached under its id before.
    let attached: Vec<&Value> = of_type(log, "bot:attach").into_iter().filter(|m| m["sender"] == "system").collect();
    for message in log.iter().filter(|message| message["sender"].as_str().unwrap().starts_with("bot:")) {
        let bot_id = message["sender"].as_str().unwrap().trim_start_matches("bot:");
        let attach = attached.iter().find(|attach| attach["body"]["bot_id"] == bot_id).unwrap();
        assert!(attach["id"].as_u64() < message["id"].as_u64(), "{message}");
        // Only bots that are still attached have a label.
        let present = bots.iter().any(|bot| bot["bot_id"] == bot_id);
        let label = if present { &attach["body"]["name"] } else { &Value::Null };
        assert_eq!(&message["sender_label"], label, "{message}");
    }
}

#[tokio::test]
async fn a_bot_cannot_post_as_another_sender() {
    let elsewhere = json!({ "name": "Elsewhere", "slots": ["bot:r", "invite:a"], "join_as": "a" });
    let mut fixture = TwoPlayerChannel::create().await;
    let elsewhere = fixture.alice.call("create_channel", elsewhere).await["channel_id"].clone();
    let bot = json!({ "name": "Impostor", "inline_code": IMPOSTOR, "params": { "elsewhere": elsewhere } });
    let create =
        json!({ "name": "Masks", "slots": ["bot:r", "invite:alice", "invite:bob"], "join_as": "alice", "bots": [bot] });
    let created = fixture.alice.call("create_channel", create).await;
    let at = json!({ "channel_id": created["channel_id"] });
    let channel_id = created["channel_id"].as_str().unwrap();
    fixture.bob.call("join_channel", json!({ "invite_code": created["invites"][0] })).await;
    let before = fixture.alice.call("get_channel_info", at.clone()).await;

    fixture.bob.call("post_message", with(at.clone(), json!({ "body": "who is who?" }))).await;
    let log = read_until(&mut fixture.alice, channel_id, "the masks", |m| m["body"]["text"] == "over").await;
    let forged = with_text(&log, "forged");
    assert!(forged.len() > 30, "it tried: {}", forged.len());
    for message in forged {
        assert_ne!(message["body"]["type"], "member:kick", "the relay's own statements are refused");
        assert_eq!(message["sender"], "bot:bot_Impostor_0", "{message}");
        assert_eq!(message["sender_label"], "Impostor", "{message}");
        assert_eq!(message["channel_id"], channel_id, "{message}");
        assert!(message["to_slot"] == "s1" || message["to_slot"].is_null(), "{message}");
    }
    let ids: Vec<u64> = log.iter().map(|message| message["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "entries are numbered by the relay: {ids:?}");
    let mut after = fixture.alice.call("get_channel_info", at.clone()).await;
    after["message_count"] = before["message_count"].clone();
    assert_eq!(after, before, "its posts changed nothing");
    assert_consistent(&before, &log);

    // Bob does not see its DMs to alice, and nothing was posted to the other channel.
    let bobs = read(&mut fixture.bob, channel_id).await;
    assert!(bobs.iter().all(|message| message["to_slot"] != "s1"), "{bobs:?}");
    let there = read(&mut fixture.alice, elsewhere.as_str().unwrap()).await;
    assert_eq!(with_text(&there, "forged"), Vec::<&Value>::new());
    fixture.bob.call("post_message", with(at, json!({ "body": "I am still s2" }))).await;
    let log = read(&mut fixture.alice, channel_id).await;
    assert_eq!(with_text(&log, "I am still s2")[0]["sender"], "s2");
}

#[tokio::test]
async fn a_bot_keeps_the_code_and_the_id_that_it_was_attached_with() {
    let bot = json!({ "name": "Changeling", "inline_code": CHANGELING, "params": { "stakes": 1 } });
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots": [bot] })).await;
    let attach = of_type(&fixture.bob_reads().await, "bot:attach")[0]["body"].clone();
    let at = fixture.args(json!({ "bot_id": "bot_Changeling_0" }));
    let before = fixture.bob.call("get_bot_code", at.clone()).await;
    assert_eq!(before["inline_code"], CHANGELING);
    for field in ["code_hash", "manifest_hash", "params_hash"] {
        assert_eq!(before[field], attach[field], "{field}");
    }

    for round in 1..=3 {
        fixture.bob_posts("are you still you?").await;
        let answers = |log: &[Value]| with_text(log, "still me").len();
        let channel_id = fixture.channel_id.clone();
        let log = loop {
            let log =
                read_until(&mut fixture.bob, &channel_id, "the changeling", |m| m["body"]["text"] == "still me").await;
            if answers(&log) == round {
                break log;
            }
        };
        let answer = with_text(&log, "still me")[round - 1];
        assert_eq!(answer["sender"], "bot:bot_Changeling_0");
        assert_eq!(answer["body"]["bot_id"], "bot_Changeling_0");
        assert_eq!(answer["body"]["channel_id"], channel_id.as_str());
        assert_eq!((&answer["body"]["params"], &answer["body"]["refused"]), (&json!({ "stakes": 1 }), &json!(4)));
        assert_eq!(with_text(&log, "another"), Vec::<&Value>::new());
        assert_eq!(fixture.bob.call("get_bot_code", at.clone()).await, before);
        if round == 2 {
            fixture.relay.restart(None).await.unwrap();
            fixture.alice = fixture.relay.connect().await.unwrap();
            fixture.bob = fixture.bob_ws().await;
        }
    }
    // Players cannot change it either.
    let ops = json!([{ "type": "set_bot", "slot_id": "s0", "bot": { "inline_code": REPORTER } }]);
    assert_eq!(fixture.update(ops).await, Err("BAD_OP".to_owned()));
    assert_eq!(fixture.bob.call("get_bot_code", at).await, before);
}

#[tokio::test]
async fn bots_with_the_same_id_in_two_channels_are_independent() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut channels = vec![];
    for name in ["left", "right"] {
        let bot = json!({ "name": "Reporter", "inline_code": REPORTER });
        let create =
            json!({ "name": name, "slots": [format!("bot:{name}"), "invite:a"], "join_as": "a", "bots": [bot] });
        let created = fixture.alice.call("create_channel", create).await;
        assert_eq!(created["bots"][0]["bot_id"], "bot_Reporter_0");
        channels.push((name, created["channel_id"].as_str().unwrap().to_owned()));
    }
    for (asked, (name, channel_id)) in channels.iter().enumerate() {
        for _ in 0..=asked {
            fixture.alice.call("post_message", json!({ "channel_id": channel_id, "body": "who?" })).await;
        }
        let count = asked + 1;
        let log = read_until(&mut fixture.alice, channel_id, name, |m| m["body"]["state"]["asked"] == count).await;
        let report = &last_report(&log, "bot_Reporter_0").unwrap()["body"];
        assert_eq!((&report["channel_id"], &report["slots"]), (&json!(channel_id), &json!([name])));
        assert!(log.iter().all(|message| message["channel_id"] == channel_id.as_str()), "{log:?}");
    }
    let log = read(&mut fixture.alice, &channels[0].1).await;
    assert_eq!(with_text(&log, "I").len(), 1, "each bot answers only in its own channel");
}

#[tokio::test]
async fn several_bots_in_a_channel_are_distinguished() {
    let mut fixture = TwoPlayerChannel::create().await;
    let reporter = |slot: &str| json!({ "name": "Reporter", "inline_code": REPORTER, "slot": slot });
    let create = json!({ "name": "Three", "slots": ["bot:one", "bot:two", "bot:three", "invite:a"], "join_as": "a",
        "bots": [reporter("bot:three"), reporter("bot:one"), { "name": "Other", "inline_code": REPORTER }] });
    let created = fixture.alice.call("create_channel", create).await;
    let channel_id = created["channel_id"].as_str().unwrap().to_owned();
    let at = json!({ "channel_id": channel_id });
    let slots: Vec<(&str, &str)> = created["bots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bot| (bot["bot_id"].as_str().unwrap(), bot["slot_id"].as_str().unwrap()))
        .collect();
    assert_eq!(slots, [("bot_Reporter_0", "s2"), ("bot_Reporter_1", "s0"), ("bot_Other_2", "s1")]);

    fixture.alice.call("post_message", with(at.clone(), json!({ "body": "who?" }))).await;
    let dm = with(at.clone(), json!({ "bot_id": "bot_Reporter_1", "message": "only you" }));
    assert_eq!(fixture.alice.call("dm_bot", dm).await["delivered_to"], "bot_Reporter_1");
    let log =
        read_until(&mut fixture.alice, &channel_id, "the answer to the DM", |m| m["body"]["state"]["dms"] == 1).await;
    let log = if with_text(&log, "I").len() == 4 {
        log
    } else {
        fixture.alice.call("post_message", with(at.clone(), json!({ "body": "who?" }))).await;
        read_until(&mut fixture.alice, &channel_id, "all of them", |m| {
            m["sender"] == "bot:bot_Reporter_1" && m["body"]["state"]["asked"] == 3
        })
        .await
    };
    assert_consistent(&fixture.alice.call("get_channel_info", at.clone()).await, &log);
    for message in with_text(&log, "I") {
        let bot_id = message["body"]["bot_id"].as_str().unwrap();
        assert_eq!(message["sender"], format!("bot:{bot_id}"));
        let dms = message["body"]["state"]["dms"].as_u64().unwrap();
        assert!(dms == 0 || bot_id == "bot_Reporter_1", "a DM reached {bot_id}");
    }
}

#[tokio::test]
async fn bots_of_a_new_channel_take_new_slots_when_none_is_left_and_never_the_same_one() {
    let mut fixture = TwoPlayerChannel::create().await;
    let reporter = |slot: Option<&str>| json!({ "name": "Reporter", "inline_code": REPORTER, "slot": slot });
    let create = |bots: Vec<Value>| json!({ "name": "Few", "slots": ["bot:one", "invite:a"], "bots": bots });
    let created = fixture.alice.call("create_channel", create(vec![reporter(None); 3])).await;
    let slots: Vec<&Value> = created["bots"].as_array().unwrap().iter().map(|bot| &bot["slot_id"]).collect();
    assert_eq!(slots, ["s0", "s2", "s3"]);
    let same = create(vec![reporter(Some("bot:one")); 2]);
    assert_eq!(fixture.alice.refusal("create_channel", same).await, "INVALID_REQUEST");
    let too_many = create(vec![reporter(None); 32]);
    assert_eq!(fixture.alice.refusal("create_channel", too_many).await, "BAD_OP");
}

#[tokio::test]
async fn a_bot_that_replaces_another_is_a_new_bot() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner", "bot_code": REPORTER })).await;
    fixture.bob_posts("who?").await;
    let channel_id = fixture.channel_id.clone();
    read_until(&mut fixture.bob, &channel_id, "the first", |m| m["body"]["state"]["asked"] == 1).await;
    let first = fixture.args(json!({ "bot_id": "bot_CustomBot_0" }));
    let code = fixture.bob.call("get_bot_code", first.clone()).await;

    let successor = REPORTER.replace("'I'", "'I' + ''");
    let ops = json!([{ "type": "set_bot", "slot_id": "s0", "bot": { "name": "CustomBot", "inline_code": successor } }]);
    fixture.update(ops).await.unwrap();
    fixture.bob_posts("who?").await;
    let log = read_until(&mut fixture.bob, &channel_id, "the second", |m| m["sender"] == "bot:bot_CustomBot_1").await;
    let report = last_report(&log, "bot_CustomBot_1").unwrap();
    assert_eq!(report["body"]["state"]["asked"], 1, "it has not inherited the state of the first");
    assert_eq!(
        last_report(&log, "bot_CustomBot_0").unwrap()["body"]["state"]["asked"],
        1,
        "the first did not answer again"
    );
    let here = fixture.args(json!({}));
    let info = fixture.bob.call("get_channel_info", here.clone()).await;
    assert_consistent(&info, &log);
    assert_eq!(info["bots"].as_array().unwrap().len(), 1);
    assert_eq!((&info["bots"][0]["bot_id"], &info["bots"][0]["slot_id"]), (&json!("bot_CustomBot_1"), &json!("s0")));
    let second = fixture.args(json!({ "bot_id": "bot_CustomBot_1" }));
    assert_ne!(fixture.bob.call("get_bot_code", second).await["code_hash"], code["code_hash"]);

    // The removed bot receives nothing, and its id is not used again.
    let dm = with(first.clone(), json!({ "message": "are you there?" }));
    assert_eq!(fixture.bob.refusal("dm_bot", dm).await, "BOT_NOT_FOUND");
    fixture.update(json!([{ "type": "remove_bot", "slot_id": "s0" }])).await.unwrap();
    let info = fixture.bob.call("get_channel_info", here.clone()).await;
    assert_eq!((&info["bots"], &info["view"]["slots"][0]["filled_by"]), (&json!([]), &Value::Null));
    let attach = fixture.args(json!({ "name": "CustomBot", "inline_code": REPORTER }));
    assert_eq!(fixture.alice.call("attach_bot", attach).await["bot_id"], "bot_CustomBot_2");
    fixture.bob_posts("who?").await;
    let log = read_until(&mut fixture.bob, &channel_id, "the third", |m| m["sender"] == "bot:bot_CustomBot_2").await;
    assert_consistent(&fixture.bob.call("get_channel_info", here).await, &log);
    assert_eq!(with_text(&log, "I").len(), 3, "each was asked once and answered once");
}
