use anyhow::Result;
use mcp_multiplayer_tests::RelayProcess;

use crate::bare::BareServer;
use crate::delivery::Delivery;
use crate::load::{CONNECTIONS, Load, Target};
use crate::row::Row;
use crate::settings::{ROUNDS, Settings};
use crate::timing::{Timing, median};
use crate::{UNLIMITED, bots, delivery, disk, signed, token};

struct Round {
    sync: Timing,
    bare: Load,
    health: Load,
    posts: Load,
    keyed: Load,
    signed: Load,
    delivery: Delivery,
    bot: Timing,
}

/// Measures posts, their delivery, and replies of bots, beside the empty tool of a bare server.
pub(crate) async fn measure(settings: &Settings) -> Result<Vec<Row>> {
    let (server, relay) = (BareServer::start().await?, RelayProcess::start_with(&UNLIMITED).await?);
    let (address, token) = (relay.address(), &token::obtain(relay.address()).await?);
    let bare = Target { address: &server.address, token: "", pid: server.pid() };
    let ours = Target { address, token, pid: relay.pid() };
    let seconds = settings.round_seconds();
    let mut rounds = vec![];
    for number in 1..=ROUNDS {
        let round = Round {
            sync: disk::fdatasync()?,
            bare: bare.measure("nothing", seconds).await?,
            health: ours.measure("health_check", seconds).await?,
            posts: ours.measure_posts(seconds, false).await?,
            keyed: ours.measure_posts(seconds, true).await?,
            signed: signed::measure(ours, seconds).await?,
            delivery: delivery::measure(address, token, seconds).await?,
            bot: bots::measure(address, token, seconds).await?,
        };
        println!(
            "  round {number}: bare {:.0}/s, health_check {:.0}/s, posts {:.0}/s, with a key {:.0}/s, signed {:.0}/s",
            round.bare.rate, round.health.rate, round.posts.rate, round.keyed.rate, round.signed.rate
        );
        rounds.push(round);
    }
    Ok(rows(&rounds))
}

fn rows(rounds: &[Round]) -> Vec<Row> {
    let of = |figure: fn(&Round) -> f64| median(rounds, figure);
    let bare = of(|round| round.bare.rate);
    let share = |what: &str, rate: fn(&Round) -> f64, limit: f64| {
        Row::at_least(what, of(rate) / bare, limit, "").detail(&format!("{:.0} of {bare:.0}/s", of(rate)))
    };
    let over_connections = format!("{CONNECTIONS} HTTP connections, OAuth, SQLite; bare: rmcp, one empty tool");
    let (bare_p50, sync) = (of(|round| round.bare.single.p50()), of(|round| round.sync.p50()));
    let allowed = bare_p50 + 3.0 * sync;
    let post_p50 = of(|round| round.posts.single.p50());
    let (to_peer, to_bot) = (of(|round| round.delivery.timing.p50()), of(|round| round.bot.p50()));
    let most_calls = rounds.iter().map(|round| round.delivery.calls).fold(0.0, f64::max);
    vec![
        share("durable post_message/s, share of bare", |round| round.posts.rate, 0.50).how(&over_connections),
        share("the same with an idempotency key", |round| round.keyed.rate, 0.45).how("time-ordered keys"),
        share("the same over WebSockets, with a checkpoint", |round| round.signed.rate, 0.50)
            .how("each reply carries the signed checkpoint"),
        Row::at_most("relay CPU time per post", of(|round| round.posts.cpu_per_call), 100.0, "µs")
            .how("/proc/PID/stat over the load without keys"),
        Row::at_most("relay CPU time per post with a checkpoint", of(|round| round.signed.cpu_per_call), 120.0, "µs")
            .how("the same over WebSockets; one signature for each size of a log"),
        Row::at_most("post p50, one connection", post_p50, allowed, "µs")
            .how("OAuth; fdatasync of an overwritten page")
            .target(&format!("≤ {bare_p50:.0} + 3 × {sync:.0} = {allowed:.0} µs")),
        share("health_check/s, share of bare", |round| round.health.rate, 0.80).how("as the posts"),
        Row::at_most("post to waiting peer p50 / post p50", to_peer / post_p50, 1.5, "")
            .detail(&format!("{to_peer:.0} / {post_p50:.0} µs"))
            .how("from the start of the post until the peer has it"),
        Row::exactly("sync calls per message", most_calls, 1.0).how("calls of the waiting peer, most of all rounds"),
        Row::at_most("bot round trip p50 / post p50", to_bot / post_p50, 3.0, "")
            .detail(&format!("{to_bot:.0} / {post_p50:.0} µs"))
            .how("echo bot in its sandbox, reply in the same call"),
    ]
}
