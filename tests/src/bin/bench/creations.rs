use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::original::{Original, OriginalClient};
use crate::row::Row;
use crate::settings::{ROUNDS, Settings};
use crate::timing::{Timing, median, micros};
use crate::{UNLIMITED, token};

/// A bot that both systems accept.
const ECHO: &str = "
class EchoBot:
    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_init(self):
        self.ctx.post('bot', {'type': 'ready'})

    def on_message(self, msg):
        if msg.get('kind') == 'user':
            self.ctx.post('bot', {'echo': msg.get('body')})
";

const CLIENTS: usize = 8;
/// Pause before each load, in which the workers of the load before it end.
const PAUSE: Duration = Duration::from_millis(300);

/// Creations by one client and by eight.
struct Creations {
    p50: f64,
    one: f64,
    eight: f64,
}

struct Round {
    ours: Creations,
    /// Latency when each channel has a bot with another source.
    new_source_p50: f64,
    original: Option<Creations>,
}

/// Measures the creation of channels with a bot, beside the original system if there is one.
pub(crate) async fn measure(settings: &Settings) -> Result<Vec<Row>> {
    let relay = RelayProcess::start_with(&UNLIMITED).await?;
    let original = match &settings.peer {
        Some(checkout) => Some(Original::start(checkout).await?),
        None => None,
    };
    let (mut ours, mut theirs) = (vec![], vec![]);
    for _ in 0..CLIENTS {
        let token = token::obtain(relay.address()).await?;
        ours.push(Client::Ours(HttpClient::connect(relay.address(), &token).await?));
        if let Some(original) = &original {
            theirs.push(Client::Original(original.connect().await?));
        }
    }
    let duration = Duration::from_secs_f64(settings.round_seconds());
    let mut rounds = vec![];
    for number in 1..=ROUNDS {
        let our_one = run(&mut ours, 1, Source::Same, duration).await?;
        let their_one = run(&mut theirs, 1, Source::Same, duration).await?;
        let our_eight = run(&mut ours, CLIENTS, Source::Same, duration).await?;
        let their_eight = run(&mut theirs, CLIENTS, Source::Same, duration).await?;
        let (new_source, _) = run(&mut ours, 1, Source::New { round: number }, duration).await?;
        let creations =
            |one: (Timing, f64), eight: (Timing, f64)| Creations { p50: one.0.p50() / 1e3, one: one.1, eight: eight.1 };
        let original = original.as_ref().map(|_| creations(their_one, their_eight));
        let new_source_p50 = new_source.p50() / 1e3;
        let round = Round { ours: creations(our_one, our_eight), new_source_p50, original };
        println!(
            "  round {number}: one client {:.0}/s, eight {:.0}/s; original {}",
            round.ours.one,
            round.ours.eight,
            round.original.as_ref().map_or_else(
                || "not measured".to_owned(),
                |original| format!("{:.0}/s, {:.0}/s", original.one, original.eight)
            )
        );
        rounds.push(round);
    }
    Ok(rows(&rounds))
}

fn rows(rounds: &[Round]) -> Vec<Row> {
    const ONE: &str = "create_channel with a bot p50, one client";
    const EIGHT: &str = "the same per second, eight clients, ours / original";
    const HOW: &str = "OAuth, inline bot with on_init, same source each time; original: its OAuth proxy";
    let ours = |figure: fn(&Creations) -> f64| median(rounds, |round| figure(&round.ours));
    let (p50, one, eight) = (ours(|of| of.p50), ours(|of| of.one), ours(|of| of.eight));
    let new_source = format!("new source: {:.2} ms", median(rounds, |round| round.new_source_p50));
    if rounds.iter().any(|round| round.original.is_none()) {
        return vec![
            Row::not_measured(ONE, "≤ original's").detail(&format!("{p50:.2} ms; {new_source}")).how("needs PEER=path"),
            Row::not_measured(EIGHT, "≥ 1.5")
                .detail(&format!("{eight:.0}/s; one client: {one:.0}/s"))
                .how("needs PEER=path"),
        ];
    }
    let original: Vec<&Creations> = rounds.iter().filter_map(|round| round.original.as_ref()).collect();
    let theirs = |figure: fn(&Creations) -> f64| median(&original, |of| figure(of));
    let (their_p50, their_one, their_eight) = (theirs(|of| of.p50), theirs(|of| of.one), theirs(|of| of.eight));
    let parts =
        format!("{eight:.0} / {their_eight:.0}; one client: {one:.0} / {their_one:.0} = {:.2}", one / their_one);
    vec![
        Row::at_most(ONE, p50, their_p50, "ms")
            .detail(&new_source)
            .target(&format!("≤ original's {their_p50:.2} ms"))
            .how(HOW),
        Row::at_least(EIGHT, eight / their_eight, 1.5, "").detail(&parts).how("a token for each client"),
    ]
}

enum Client {
    Ours(HttpClient),
    Original(OriginalClient),
}

impl Client {
    async fn create(&mut self, arguments: &Value) -> Result<()> {
        let created = match self {
            Self::Ours(client) => client.call_tool("create_channel", arguments.clone()).await?,
            Self::Original(client) => client.create_channel(arguments).await?,
        };
        ensure!(created["bot_errors"].is_null(), "{created}");
        Ok(())
    }
}

/// Source of the bot of each channel.
#[derive(Clone, Copy)]
enum Source {
    Same,
    New { round: u32 },
}

impl Source {
    fn text(self, number: u64) -> String {
        match self {
            Self::Same => ECHO.to_owned(),
            Self::New { round } => format!("{ECHO}\n# {round} {number}\n"),
        }
    }
}

/// Has the first `count` clients create one channel after the other. Returns latencies and channels per second.
async fn run(clients: &mut Vec<Client>, count: usize, source: Source, duration: Duration) -> Result<(Timing, f64)> {
    sleep(PAUSE).await;
    let (start, mut running) = (Instant::now(), JoinSet::new());
    for mut client in clients.drain(..count.min(clients.len())) {
        running.spawn(async move {
            let mut latencies = vec![];
            for number in 0.. {
                if start.elapsed() >= duration {
                    break;
                }
                let code = source.text(number);
                let arguments = json!({ "name": "bench", "slots": ["bot:echo", "invite:player"], "bot_code": code });
                let begun = Instant::now();
                client.create(&arguments).await?;
                latencies.push(micros(begun));
            }
            anyhow::Ok((client, latencies))
        });
    }
    let mut all = vec![];
    while let Some(done) = running.join_next().await {
        let (client, latencies) = done??;
        clients.push(client);
        all.extend(latencies);
    }
    let timing = Timing::new(all);
    let rate = timing.count() / start.elapsed().as_secs_f64();
    Ok((timing, rate))
}
