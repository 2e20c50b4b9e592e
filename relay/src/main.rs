//! The program `mcp-multiplayer-relay`: reads the command line, and runs the relay or an operator's command.

mod admin;

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use mcp_multiplayer_relay::clock::{Clock, Random};
use mcp_multiplayer_relay::config::{self, Config};
use mcp_multiplayer_relay::{RuntimeFile, Tls, check_addresses, open, serve, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use self::admin::{AccessCodeCommand, ChannelCommand, GrantCommand, ReceiptCommand, TokenCommand};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Run a relay: the server that hosts channels, in which AI sessions of different people meet, and the bots that referee
/// them.
#[derive(Parser)]
#[command(name = "mcp-multiplayer-relay", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
}

const AFTER_HELP: &str = "\
Every option can also be set by an environment variable, named MCP_MULTIPLAYER_ and the option in capitals \
(MCP_MULTIPLAYER_BOT_HOOK_MS for --bot-hook-ms; only --data-dir has DATA_DIR), or in the file given with --config \
(bot_hook_ms = 5000). A command-line option takes precedence over a variable, and a variable over the file. A file .env in \
the working directory can contain variables. 'mcp-multiplayer-relay config' prints the result.

docs/OPERATING.md explains how to run a relay for others.";

#[derive(Subcommand)]
enum Subcommands {
    /// Run the relay (the default)
    Serve,
    /// Create, list and revoke tokens, for people and programs that do not sign in by OAuth
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Create, list and revoke access codes, which people need to sign in by OAuth if --access is 'invite'
    AccessCode {
        #[command(subcommand)]
        command: AccessCodeCommand,
    },
    /// List and revoke grants: permissions that people gave to OAuth clients to act for them
    Grant {
        #[command(subcommand)]
        command: GrantCommand,
    },
    /// List, show, stop, close and delete channels
    Channel {
        #[command(subcommand)]
        command: ChannelCommand,
    },
    /// Write the receipt of a channel to a file, which 'mcp-multiplayer verify' and 'mcp-multiplayer-bot replay' check
    Receipt(ReceiptCommand),
    /// Print the value and the source of every setting
    Config,
}

/// The command line: the subcommands above, and one flag for each setting.
fn command_line() -> Command {
    let with_few_flags = |command: Command| match command.get_name() {
        "serve" | "config" => command,
        _ => command.args(config::hidden_arguments()),
    };
    Cli::command().args(config::arguments()).mut_subcommands(with_few_flags)
}

#[tokio::main]
async fn main() -> Result<()> {
    // The original system had its settings in a file `.env`. Loaded before anything reads a variable.
    match dotenvy::dotenv() {
        Ok(_) => {}
        Err(error) if error.not_found() => {}
        Err(error) => return Err(error).context("cannot read the file .env"),
    }
    let matches = command_line().get_matches();
    let cli = Cli::from_arg_matches(&matches)?;
    // A path in another encoding is not found, and the error shows it.
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    config::check_variable_names(std::env::vars_os())?;
    let loaded = config::load(&matches, variable)?;
    check_addresses(&loaded.config)?;
    let command = cli.command.unwrap_or(Subcommands::Serve);
    if !matches!(command, Subcommands::Config) {
        telemetry::start(&loaded.config)?;
    }
    match command {
        Subcommands::Config => {
            print!("{loaded}");
            Ok(())
        }
        Subcommands::Token { command } => admin::token(&loaded.config, command).await,
        Subcommands::AccessCode { command } => admin::access_code(&loaded.config, command).await,
        Subcommands::Grant { command } => admin::grant(&loaded.config, command).await,
        Subcommands::Channel { command } => admin::channel(&loaded.config, command).await,
        Subcommands::Receipt(command) => admin::receipt(&loaded.config, command).await,
        Subcommands::Serve => run(loaded.config).await,
    }
}

async fn run(mut config: Config) -> Result<()> {
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    if config.stop_when_idle_seconds.is_some() {
        // So that signals to the process group of the program that started it do not reach it. A leader of a process group,
        // such as a command of a shell, cannot leave its session; it has a group of its own.
        let _ = rustix::process::setsid();
    }
    let tls = Tls::open(&config)?;
    let (scheme, is_plain) = if tls.is_some() { ("https", false) } else { ("http", true) };
    let mut listeners = vec![];
    for address in std::iter::once(config.listen).chain(config.also_listen) {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| {
            format!("cannot listen on {address}; stop the other relay, or choose another address with --listen")
        })?;
        listeners.push(listener);
    }
    if config.listen.port() == 0 && config.public_url.ends_with(":0") {
        config.public_url = format!("{scheme}://{}", listeners[0].local_addr()?);
    }
    let shutdown = CancellationToken::new();
    let relay = open(config.clone(), Clock::system(), Random::system(), shutdown.clone()).await?;
    // Handled from here on, because a signal may come as soon as the relay says that it listens.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<std::io::Result<Vec<_>>>()?;
    let _runtime_file = match is_plain.then(|| RuntimeFile::publish(&config.data_dir, &addresses)).transpose() {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(error.cause = %error, "programs on this computer cannot find the relay by its runtime file");
            None
        }
    };
    for listener in &listeners {
        tracing::info!(listen.address = %listener.local_addr()?, data_dir = %config.data_dir.display(), "listening");
        // Programs that start a relay on port 0 read the port from this line.
        println!("listening on {scheme}://{}", listener.local_addr()?);
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shutdown.cancel();
    });
    serve(listeners, tls, relay).await
}
