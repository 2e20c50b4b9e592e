use anyhow::{Result, bail};
use clap::Subcommand;
use mcp_multiplayer_protocol::printable;
use mcp_multiplayer_relay::auth;
use mcp_multiplayer_relay::clock::{Clock, Random};
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::telemetry::SECURITY;

use super::terminal::{parse_name, print_table};
use super::{REVOCATION_NOTE, open, open_or_create};

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token and print it. It cannot be shown again
    Create {
        /// Name of the person or program that will use the token, for your own lists
        #[arg(long, value_parser = parse_name)]
        name: String,
    },
    /// List tokens: id, creation time and name. The tokens themselves are not stored
    List,
    /// Revoke a token
    Revoke {
        /// Id of the token, as shown by 'token list'
        id: String,
    },
}

/// Runs `token …`.
pub(crate) async fn run(config: &Config, command: TokenCommand) -> Result<()> {
    let store = match command {
        TokenCommand::Create { .. } => open_or_create(config)?,
        TokenCommand::List | TokenCommand::Revoke { .. } => open(config)?,
    };
    match command {
        TokenCommand::Create { name } => {
            let (id, token) = auth::create_token(&*store, &Clock::system(), &Random::system(), &name).await?;
            tracing::info!(
                target: SECURITY,
                { security.event = "token_created", token.id = id, name },
                "token created"
            );
            eprintln!("Created token {id} for {}. Keep it secret; it cannot be shown again:", printable(&name));
            println!("{token}");
        }
        TokenCommand::List => {
            let tokens = store.list_tokens().await?;
            let rows = tokens.into_iter().map(|token| [token.id, token.created_at.to_string(), token.name]);
            print_table(["ID", "CREATED", "NAME"], rows);
        }
        TokenCommand::Revoke { id } => {
            if !store.revoke_token(id.clone()).await? {
                bail!("there is no token {}; list them with 'token list'", printable(&id));
            }
            tracing::info!(
                target: SECURITY,
                { security.event = "token_revoked", revoked.by = "operator", token.id = id },
                "token revoked"
            );
            eprintln!("Revoked token {id}. {REVOCATION_NOTE}");
        }
    }
    Ok(())
}
