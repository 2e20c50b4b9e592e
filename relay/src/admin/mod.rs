//! The operator's commands, which work beside a running relay: tokens, access codes, grants.

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use mcp_multiplayer_protocol::limits;
use mcp_multiplayer_relay::auth;
use mcp_multiplayer_relay::clock::{Clock, Random};
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::store::sqlite::SqliteStore;
use mcp_multiplayer_relay::store::{Grant, OAuthStore as _, Store as _};

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, this once
    Create {
        /// Whose it is
        #[arg(long, value_parser = checked_name)]
        name: String,
    },
    /// List tokens, without their secrets
    List,
    /// Revoke a token
    Revoke {
        /// Its id, as list shows it
        id: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum AccessCodeCommand {
    /// Make an access code and print it, this once
    Create {
        /// Whose it is
        #[arg(long, value_parser = checked_name)]
        name: String,
    },
    /// List access codes, without their secrets
    List,
    /// Revoke an access code, and all that its person has allowed
    Revoke {
        /// Its id, as list shows it
        id: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum GrantCommand {
    /// List grants: id, when, who is acted for, the client's id, what it may do, what it calls itself
    List,
    /// Revoke a grant with all its tokens
    Revoke {
        /// Its id, as list shows it
        id: String,
    },
}

/// Runs `token …`.
pub(crate) async fn token(config: &Config, command: TokenCommand) -> Result<()> {
    let store = open(config)?;
    match command {
        TokenCommand::Create { name } => {
            let (id, token) = auth::create_token(&store, &Clock::system(), &Random::system(), &name).await?;
            eprintln!("Token {id} for {}. It is shown only now; keep it secret:", printable(&name));
            println!("{token}");
        }
        TokenCommand::List => {
            for token in store.list_tokens().await? {
                println!("{}  {}  {}", token.id, token.created_at, printable(&token.name));
            }
        }
        TokenCommand::Revoke { id } => {
            if !store.revoke_token(id.clone()).await? {
                bail!("there is no token {}; 'token list' shows them", printable(&id));
            }
            eprintln!("Token {id} is revoked; a running relay forgets it within seconds.");
        }
    }
    Ok(())
}

/// Runs `access-code …`.
pub(crate) async fn access_code(config: &Config, command: AccessCodeCommand) -> Result<()> {
    let store = open(config)?;
    match command {
        AccessCodeCommand::Create { name } => {
            let (id, code) = auth::create_access_code(&store, &Clock::system(), &Random::system(), &name).await?;
            eprintln!("Access code {id} for {}. It is shown only now; give it to nobody else:", printable(&name));
            println!("{code}");
        }
        AccessCodeCommand::List => {
            for code in store.list_access_codes().await? {
                println!("{}  {}  {}", code.id, code.created_at, printable(&code.name));
            }
        }
        AccessCodeCommand::Revoke { id } => {
            if !store.revoke_access_code(id.clone()).await? {
                bail!("there is no access code {}; 'access-code list' shows them", printable(&id));
            }
            eprintln!(
                "Access code {id} is revoked, with the grants of its person; a running relay forgets them within seconds."
            );
        }
    }
    Ok(())
}

/// Runs `grant …`.
pub(crate) async fn grant(config: &Config, command: GrantCommand) -> Result<()> {
    let store = open(config)?;
    match command {
        GrantCommand::List => {
            for grant in store.list_grants().await? {
                println!("{}", grant_line(&grant));
            }
        }
        GrantCommand::Revoke { id } => {
            if !store.revoke_grant(id.clone()).await? {
                bail!("there is no grant {}; 'grant list' shows them", printable(&id));
            }
            eprintln!("Grant {id} is revoked; a running relay forgets its tokens within seconds.");
        }
    }
    Ok(())
}

fn grant_line(grant: &Grant) -> String {
    // The name comes last: a client chooses it, and could imitate what comes after it.
    let columns = [&grant.principal, &grant.client_id, &grant.scope, &grant.client_name];
    let columns = columns.map(|column| printable(column)).join("  ");
    format!("{}  {}  {columns}", grant.id, grant.created_at)
}

fn open(config: &Config) -> Result<SqliteStore> {
    std::fs::create_dir_all(&config.data_dir)?;
    SqliteStore::open_shared(&config.database()).context("cannot open the relay's database")
}

/// As names in channels are checked: 1 to 100 characters, none of them a control character.
fn checked_name(name: &str) -> Result<String, String> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > limits::NAME_CHARS || name.chars().any(char::is_control) {
        return Err(format!("a name is 1 to {} printable characters on one line", limits::NAME_CHARS));
    }
    Ok(name.to_owned())
}

/// A text of which nothing is an instruction to a terminal: control characters, and those that turn or hide
/// what stands beside them, are spelled out (`\u{1b}`); a backslash is doubled.
fn printable(text: &str) -> String {
    // Quotes are harmless where no quotes are around.
    text.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;
    use mcp_multiplayer_relay::store::Grant;

    use super::{checked_name, grant_line, printable};

    #[test]
    fn a_grant_is_one_line() {
        let grant = Grant {
            id: "g1".into(),
            principal: "person:p1".into(),
            client_id: "https://client.example/oauth.json".into(),
            client_name: "Claude\n\u{1b}[31mg2  person:p2".into(),
            scope: "multiplayer offline_access".into(),
            resource: "https://relay.example/mcp".into(),
            created_at: Timestamp::from_millis(0),
        };
        let line = "g1  1970-01-01T00:00:00.000Z  person:p1  https://client.example/oauth.json  \
            multiplayer offline_access  Claude\\n\\u{1b}[31mg2  person:p2";
        assert_eq!(grant_line(&grant), line);
    }

    #[test]
    fn nothing_that_is_printed_instructs_a_terminal() {
        assert_eq!(printable(r#"\'Bob's "laptop", हिन्दी, 東京 🎲"#), r#"\\'Bob's "laptop", हिन्दी, 東京 🎲"#);
        let hostile = "\u{1b}[2Jx\r\n\u{7}\u{9b}31m\u{202e}gpj\u{200b}\u{2028}\u{2066}\\u{1b}";
        let spelled = r"\u{1b}[2Jx\r\n\u{7}\u{9b}31m\u{202e}gpj\u{200b}\u{2028}\u{2066}\\u{1b}";
        assert_eq!(printable(hostile), spelled);
    }

    #[test]
    fn names_are_short_lines() {
        for name in ["alice", "Bob's laptop", r"C:\bob", &"é".repeat(100)] {
            assert_eq!(checked_name(name).unwrap(), name);
        }
        for name in ["", " ", "a\nb", "\u{1b}[0m", "\u{9b}0m", &"a".repeat(101)] {
            assert!(checked_name(name).unwrap_err().contains("1 to 100 printable"), "{name:?}");
        }
    }
}
