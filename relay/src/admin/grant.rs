use anyhow::{Result, bail};
use clap::Subcommand;
use mcp_multiplayer_protocol::printable;
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::store::Grant;

use super::{REVOCATION_NOTE, open};

#[derive(Subcommand)]
pub(crate) enum GrantCommand {
    /// List grants: id, creation time, principal, client id, scope, and the name that the client chose for itself
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
            for grant in store.list_grants().await? {
                println!("{}", line(&grant));
            }
        }
        GrantCommand::Revoke { id } => {
            if !store.revoke_grant(id.clone()).await? {
                bail!("there is no grant {}; list them with 'grant list'", printable(&id));
            }
            eprintln!("Revoked grant {id} and all its tokens. {REVOCATION_NOTE}");
        }
    }
    Ok(())
}

fn line(grant: &Grant) -> String {
    // The name comes last: the client chooses it, and could imitate any column that followed.
    let columns = [&grant.principal, &grant.client_id, &grant.scope, &grant.client_name];
    let columns = columns.map(|column| printable(column)).join("  ");
    format!("{}  {}  {columns}", grant.id, grant.created_at)
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;
    use mcp_multiplayer_relay::store::Grant;

    use super::line;

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
        let expected = "g1  1970-01-01T00:00:00.000Z  person:p1  https://client.example/oauth.json  \
            multiplayer offline_access  Claude\\n\\u{1b}[31mg2  person:p2";
        assert_eq!(line(&grant), expected);
    }
}
