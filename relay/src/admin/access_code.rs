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
pub(crate) enum AccessCodeCommand {
    /// Create an access code and print it. It cannot be shown again
    Create {
        /// Name of the person who will use the access code, for your own lists
        #[arg(long, value_parser = parse_name)]
        name: String,
    },
    /// List access codes: id, creation time and name. The codes themselves are not stored
    List,
    /// Revoke an access code and all grants of its person
    Revoke {
        /// Id of the access code, as shown by 'access-code list'
        id: String,
    },
}

/// Runs `access-code …`.
pub(crate) async fn run(config: &Config, command: AccessCodeCommand) -> Result<()> {
    let store = match command {
        AccessCodeCommand::Create { .. } => open_or_create(config)?,
        AccessCodeCommand::List | AccessCodeCommand::Revoke { .. } => open(config)?,
    };
    match command {
        AccessCodeCommand::Create { name } => {
            let (id, code) = auth::create_access_code(&*store, &Clock::system(), &Random::system(), &name).await?;
            tracing::info!(
                target: SECURITY,
                { security.event = "access_code_created", access_code.id = id, name },
                "access code created"
            );
            let name = printable(&name);
            eprintln!("Created access code {id} for {name}. Give it to nobody else; it cannot be shown again:");
            println!("{code}");
        }
        AccessCodeCommand::List => {
            let codes = store.list_access_codes().await?;
            let rows = codes.into_iter().map(|code| [code.id, code.created_at.to_string(), code.name]);
            print_table(["ID", "CREATED", "NAME"], rows);
        }
        AccessCodeCommand::Revoke { id } => {
            if !store.revoke_access_code(id.clone()).await? {
                bail!("there is no access code {}; list them with 'access-code list'", printable(&id));
            }
            tracing::info!(
                target: SECURITY,
                { security.event = "access_code_revoked", revoked.by = "operator", access_code.id = id },
                "access code revoked"
            );
            eprintln!("Revoked access code {id} and all grants of its person. {REVOCATION_NOTE}");
        }
    }
    Ok(())
}
