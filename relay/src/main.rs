//! `mcp-multiplayer-relay`: parses, wires, reports.

mod admin;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use mcp_multiplayer_protocol::ChannelId;
use mcp_multiplayer_relay::clock::{Clock, Random};
use mcp_multiplayer_relay::config::{self, Config, Settings};
use mcp_multiplayer_relay::store::sqlite::SqliteStore;
use mcp_multiplayer_relay::{RelayKey, Tls, export, open, serve, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use self::admin::{AccessCodeCommand, GrantCommand, TokenCommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hosts channels in which AI sessions of different people meet, and the bots that referee them.
#[derive(Parser)]
#[command(name = "mcp-multiplayer-relay", version)]
struct Cli {
    /// A configuration file (TOML)
    #[arg(long, env = "MCP_MULTIPLAYER_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default)
    Serve,
    /// Make, list and revoke tokens for people and programs
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Make, list and revoke access codes, with which people let apps act for them
    AccessCode {
        #[command(subcommand)]
        command: AccessCodeCommand,
    },
    /// List and revoke what people have allowed apps
    Grant {
        #[command(subcommand)]
        command: GrantCommand,
    },
    /// Write a channel to a file, from which its bots can be run again: mcp-multiplayer-bot replay
    Export {
        /// The channel, chn_…
        channel_id: ChannelId,
        /// The file to write, readable by its owner alone; standard output without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Leave out what is not for everybody: private messages, and seeds that were not revealed
        #[arg(long)]
        public: bool,
    },
    /// Print the configuration, and where each value comes from
    Config,
}

#[tokio::main]
async fn main() -> Result<()> {
    // Before anything reads the environment: the original system kept its settings in such a file.
    match dotenvy::dotenv() {
        Ok(_) => {}
        Err(error) if error.not_found() => {}
        Err(error) => return Err(error).context("the file .env cannot be read"),
    }
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches)?;
    let loaded = config::load(&cli.settings, &matches, cli.config.as_deref())?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Config => {
            print!("{loaded}");
            Ok(())
        }
        Command::Token { command } => admin::token(&loaded.config, command).await,
        Command::AccessCode { command } => admin::access_code(&loaded.config, command).await,
        Command::Grant { command } => admin::grant(&loaded.config, command).await,
        Command::Export { channel_id, out, public } => write_export(&loaded.config, channel_id, out, public).await,
        Command::Serve => run(loaded.config).await,
    }
}

async fn run(mut config: Config) -> Result<()> {
    telemetry::start(&config)?;
    let tls = Tls::open(&config)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut listeners = vec![];
    for address in std::iter::once(config.listen).chain(config.also_listen) {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| {
            format!("cannot listen on {address}; is another relay running? choose another address with --listen")
        })?;
        listeners.push(listener);
    }
    if config.listen.port() == 0 && config.public_url.ends_with(":0") {
        config.public_url = format!("{scheme}://{}", listeners[0].local_addr()?);
    }
    let shutdown = CancellationToken::new();
    let relay = open(config.clone(), Clock::system(), Random::system(), shutdown.clone()).await?;
    for listener in &listeners {
        tracing::info!(listen.address = %listener.local_addr()?, data_dir = %config.data_dir.display(), "listening");
        // For whoever started the relay on port 0.
        println!("listening on {scheme}://{}", listener.local_addr()?);
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shutdown.cancel();
    });
    serve(listeners, tls, relay).await
}

async fn write_export(config: &Config, channel_id: ChannelId, out: Option<PathBuf>, public: bool) -> Result<()> {
    anyhow::ensure!(config.database().exists(), "there is no database {}", config.database().display());
    let store = SqliteStore::open_shared(&config.database()).context("cannot open the relay's database")?;
    let key = RelayKey::open(&config.key_file(), &Random::system()).context("cannot open the relay's key")?;
    let export = export(&store, &key, config, channel_id, public).await?;
    let text = serde_json::to_string(&export)?;
    let Some(path) = out else {
        println!("{text}");
        return Ok(());
    };
    let mut options = std::fs::OpenOptions::new();
    let file = std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600).write(true).create_new(true).open(&path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("{} entries of {channel_id} are in {}", export.entries.len(), path.display());
    Ok(())
}
