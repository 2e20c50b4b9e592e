//! Receipts: the time in which a relay makes one and `verify` checks it, and the memory that both take.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use mcp_multiplayer_tests::{HttpClient, RelayProcess, binary};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::sleep;

use crate::UNLIMITED;
use crate::channels::fill;
use crate::process::{peak, resident};
use crate::row::Row;
use crate::settings::ROUNDS;
use crate::timing::median;

const SHORT: u64 = 10_000;
const LONG: u64 = 100_000;
/// Pause between two looks at the memory of `verify`.
const LOOK: Duration = Duration::from_millis(2);

/// Costs of one receipt.
struct Cost {
    /// Seconds until the relay has sent all of it.
    made: f64,
    /// Seconds until `verify` has said what holds.
    verified: f64,
    /// Size of the receipt, in MB.
    megabytes: f64,
    /// Growth of the relay's peak of memory while it made the receipt, in MB.
    relay: f64,
    /// Peak of memory of `verify`, in MB.
    verifier: f64,
}

/// Measures a receipt of 10,000 entries and one of 100,000.
pub(crate) async fn measure() -> Result<Vec<Row>> {
    let (short, long) = (rounds(SHORT).await?, rounds(LONG).await?);
    let of = |rounds: &[Cost], figure: fn(&Cost) -> f64| median(rounds, figure);
    let size = |rounds: &[Cost]| format!("{:.1} MB", of(rounds, |cost| cost.megabytes));
    let memory = |what: &str, figure: fn(&Cost) -> f64, limit: f64| {
        let (long, short) = (of(&long, figure), of(&short, figure));
        let detail = format!("{short:.1} MB for {SHORT}");
        Row::at_most(&format!("receipt of {LONG} entries: memory of {what}"), long, limit, "MB").detail(&detail)
    };
    Ok(vec![
        Row::at_most(&format!("receipt of {SHORT} entries: made"), of(&short, |cost| cost.made), 1.0, "s")
            .detail(&size(&short))
            .how("GET /receipt until the last byte; posts of a member"),
        Row::at_most(&format!("receipt of {SHORT} entries: verified"), of(&short, |cost| cost.verified), 1.0, "s")
            .how("mcp-multiplayer verify"),
        Row::at_most(&format!("receipt of {LONG} entries: made"), of(&long, |cost| cost.made), 10.0, "s")
            .detail(&size(&long)),
        Row::at_most(&format!("receipt of {LONG} entries: verified"), of(&long, |cost| cost.verified), 10.0, "s"),
        memory("the relay", |cost| cost.relay, 16.0).how("growth of its peak; the receipt is several times as large"),
        memory("verify", |cost| cost.verifier, 64.0).how("its peak"),
    ])
}

/// Makes and verifies the receipt of a channel with this number of entries several times.
async fn rounds(entries: u64) -> Result<Vec<Cost>> {
    let relay = RelayProcess::start_with(&UNLIMITED).await?;
    let mut alice = relay.connect().await?;
    let create = json!({ "name": "long", "slots": ["invite:a"], "join_as": "a" });
    let channel_id: Value = alice.call("create_channel", create).await["channel_id"].clone();
    fill(&mut alice, &channel_id, entries).await?;
    let path = format!("/receipt?channel_id={}", channel_id.as_str().context("a channel id")?);
    let mut costs = vec![];
    for number in 1..=ROUNDS {
        let before = peak(relay.pid()).max(resident(relay.pid()));
        let mut http = HttpClient::connect(relay.address(), "").await?;
        let request = Request::get(&path)
            .header("host", relay.address())
            .header("authorization", format!("Bearer {}", relay.local_token()?))
            .body(Full::new(Bytes::new()))?;
        let start = Instant::now();
        let receipt = http.send(request).await?;
        let made = start.elapsed().as_secs_f64();
        ensure!(receipt.status() == 200, "the relay refuses the receipt");
        let file = relay.data_dir().join("receipt.jsonl");
        std::fs::write(&file, receipt.body())?;
        let (verified, largest) = verify(&file).await?;
        #[expect(clippy::cast_precision_loss, reason = "a receipt is far smaller than 2^52 bytes")]
        let megabytes = receipt.body().len() as f64 / 1e6;
        println!("  {entries} entries, round {number}: made in {made:.2} s, verified in {verified:.2} s");
        costs.push(Cost { made, verified, megabytes, relay: peak(relay.pid()) - before, verifier: largest });
    }
    Ok(costs)
}

/// Runs `verify`; returns its time in seconds and its peak of memory in MB.
async fn verify(file: &Path) -> Result<(f64, f64)> {
    let start = Instant::now();
    let mut program = Command::new(binary("mcp-multiplayer"));
    let mut child = program.arg("verify").arg(file).stdout(std::process::Stdio::null()).spawn()?;
    let mut largest = f64::NAN;
    loop {
        largest = largest.max(peak(child.id()));
        tokio::select! {
            status = child.wait() => {
                ensure!(status?.success(), "verify refuses the receipt");
                return Ok((start.elapsed().as_secs_f64(), largest));
            }
            () = sleep(LOOK) => {}
        }
    }
}
