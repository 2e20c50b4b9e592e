use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use mcp_multiplayer_protocol::ChannelId;
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::{LogKey, Purpose, RelayKey, open_database, operator_receipt};

#[derive(Args)]
pub(crate) struct ReceiptCommand {
    /// Id of the channel, chn_…
    channel_id: ChannelId,
    /// File to create, readable by its owner only [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave out what only some may see: bodies of private entries, network traffic of the hooks that they
    /// started, and bots' seeds that were not revealed
    #[arg(long)]
    public: bool,
}

/// Runs `receipt …`.
pub(crate) async fn run(config: &Config, command: ReceiptCommand) -> Result<()> {
    let ReceiptCommand { channel_id, out, public } = command;
    let store = open_database(config, Purpose::Administer)?;
    let key = RelayKey::open_existing(&config.key_file(), &*store).await.context("cannot open the relay's key")?;
    let log = LogKey::open_existing(config, &*store).await.context("cannot open the key of the relay's log")?;
    let operator = (!public).then_some(&key);
    let mut file: Box<dyn Write + Send> = match &out {
        None => Box::new(std::io::stdout()),
        Some(path) => {
            let file = OpenOptions::new().mode(0o600).write(true).create_new(true).open(path);
            Box::new(BufWriter::new(file.with_context(|| format!("cannot create {}", path.display()))?))
        }
    };
    let size = operator_receipt(&*store, &log, channel_id, operator, |text| file.write_all(text.as_bytes())).await?;
    file.flush().context("cannot write the receipt")?;
    if let Some(path) = out {
        eprintln!("Wrote {size} entries of {channel_id} to {}.", path.display());
    }
    Ok(())
}
