use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use mcp_multiplayer_protocol::ChannelId;
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::{Purpose, RelayKey, open_database};

#[derive(Args)]
pub(crate) struct ExportCommand {
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

/// Runs `export …`.
pub(crate) async fn run(config: &Config, command: ExportCommand) -> Result<()> {
    let ExportCommand { channel_id, out, public } = command;
    let store = open_database(config, Purpose::Administer)?;
    let key = RelayKey::open_existing(&config.key_file(), &*store).await.context("cannot open the relay's key")?;
    let export = mcp_multiplayer_relay::export(&*store, &key, config, channel_id, public).await?;
    let text = serde_json::to_string(&export)?;
    let Some(path) = out else {
        println!("{text}");
        return Ok(());
    };
    let file = OpenOptions::new().mode(0o600).write(true).create_new(true).open(&path);
    let mut file = file.with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("Wrote {} entries of {channel_id} to {}.", export.entries.len(), path.display());
    Ok(())
}
