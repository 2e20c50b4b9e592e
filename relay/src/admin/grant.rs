use std::collections::HashMap;

use anyhow::{Result, bail};
use clap::Subcommand;
use mcp_multiplayer_protocol::printable;
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::store::Grant;
use mcp_multiplayer_relay::telemetry::SECURITY;

use super::terminal::table;
use super::{REVOCATION_NOTE, open, principal_names};

#[derive(Subcommand)]
pub(crate) enum GrantCommand {
    /// List grants: id, creation time, name of the person's access code, principal, client id, scope, and the name that the
    /// client chose for itself
    List,
    /// Revoke a grant and all its tokens. A client that acts for itself (principal client:…) gets no tokens again
    Revoke {
        /// Id of the grant, as shown by 'grant list'
        id: String,
    },
}

/// Runs `grant …`.
pub(crate) async fn run(config: &Config, command: GrantCommand) -> Result<()> {
    let store = open(config)?;
    match command {
        GrantCommand::List => {
            let names = principal_names(&*store).await?;
            print!("{}", list(store.list_grants().await?, &names));
        }
        GrantCommand::Revoke { id } => {
            if !store.revoke_grant(id.clone()).await? {
                bail!("there is no grant {}; list them with 'grant list'", printable(&id));
            }
            tracing::info!(
                target: SECURITY,
                { security.event = "grant_revoked", revoked.by = "operator", oauth.grant_id = id },
                "grant revoked"
            );
            eprintln!("Revoked grant {id} and all its tokens. {REVOCATION_NOTE}");
        }
    }
    Ok(())
}

/// Formats grants, with the names of people who entered an access code.
fn list(grants: Vec<Grant>, names: &HashMap<String, String>) -> String {
    let rows = grants.into_iter().map(|grant| {
        let name = names.get(&grant.principal).map_or("-", String::as_str).to_owned();
        let created_at = grant.created_at.to_string();
        [grant.id, created_at, name, grant.principal, grant.client_id, grant.scope, grant.client_name]
    });
    table(["ID", "CREATED", "PERSON", "PRINCIPAL", "CLIENT ID", "SCOPE", "CLIENT NAME"], rows)
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;
    use mcp_multiplayer_relay::store::Grant;

    use super::list;

    #[test]
    fn a_grant_is_printed_on_one_line() {
        let grant = Grant {
            id: "g1".into(),
            principal: "person:p1".into(),
            client_id: "https://client.example/oauth.json".into(),
            client_name: "Claude\n\u{1b}[31mg2  person:p2".into(),
            scope: "multiplayer offline_access".into(),
            resource: "https://relay.example/mcp".into(),
            created_at: Timestamp::from_millis(0),
        };
        let names = [("person:p1".to_owned(), "alice".to_owned())].into();
        let expected = "g1  1970-01-01T00:00:00.000Z  alice   person:p1  https://client.example/oauth.json  \
            multiplayer offline_access  Claude\\n\\u{1b}[31mg2  person:p2";
        assert_eq!(list(vec![grant], &names).lines().skip(1).collect::<Vec<_>>(), [expected]);
    }
}
