//! What the tests of the authorization server's part begin with. Times are milliseconds; it begins at [`START`].

use mcp_multiplayer_protocol::{Hash, Timestamp};

use super::Subject;
use crate::{Client, Code, Grant, NewCode, NewTokens};

pub(super) const START: i64 = 1_800_000_000_000;
/// When a code, an access token and a refresh token end, counted from when they are made.
pub(super) const CODE: i64 = 60_000;
pub(super) const ACCESS: i64 = 3_600_000;
pub(super) const REFRESH: i64 = 30 * 24 * ACCESS;

/// So long after the start.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

pub(super) fn hash(text: &str) -> Hash {
    Hash::of(&[text.as_bytes()])
}

/// The access token that [`tokens`] of this name have.
pub(super) fn access(name: &str) -> Hash {
    hash(&format!("{name}'s access token"))
}

/// The refresh token that [`tokens`] of this name have.
pub(super) fn refresh(name: &str) -> Hash {
    hash(&format!("{name}'s refresh token"))
}

/// An access token and a refresh token.
pub(super) fn tokens(name: &str, issued: i64) -> NewTokens {
    NewTokens {
        issued_at: at(issued),
        access: (access(name), at(issued + ACCESS)),
        refresh: Some((refresh(name), at(issued + REFRESH))),
    }
}

pub(super) fn client(id: &str, registered: i64) -> Client {
    Client {
        id: id.into(),
        name: format!("{id} \"the\" client\n"),
        redirect_uris: vec!["https://client.example/callback".into(), "http://127.0.0.1/?a=b,c".into()],
        secret_hash: Some(hash("secret")),
        registered_at: at(registered),
    }
}

/// A grant of the client `app`.
pub(super) fn grant(id: &str, principal: &str) -> Grant {
    Grant {
        id: id.into(),
        principal: principal.into(),
        client_id: "app".into(),
        client_name: "An app".into(),
        scope: "multiplayer offline_access".into(),
        resource: "https://relay.example/mcp".into(),
        created_at: at(0),
    }
}

/// The code that becomes a grant; its hash is that of the grant's id.
pub(super) fn code(grant: &Grant) -> NewCode {
    let expires_at = Timestamp::from_millis(grant.created_at.as_millis() + CODE);
    let code = Code {
        grant: grant.clone(),
        redirect_uri: "https://client.example/callback".into(),
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        expires_at,
        redeemed: false,
    };
    NewCode { code_hash: hash(&grant.id), code }
}

/// Makes a grant as a person and a client do. Its first tokens have its id as their name.
pub(super) async fn allow(store: &Subject, grant: &Grant) {
    store.insert_code(code(grant)).await.unwrap();
    let issued = grant.created_at.as_millis() - START;
    assert!(store.redeem_code(hash(&grant.id), tokens(&grant.id, issued)).await.unwrap());
}

/// Whose grant an access token stands for.
pub(super) async fn bearer(store: &Subject, name: &str, now: i64) -> Option<String> {
    store.find_access_token(access(name), at(now)).await.unwrap().map(|grant| grant.id)
}

/// The ids of the grants that are listed.
pub(super) async fn listed(store: &Subject) -> Vec<String> {
    store.list_grants().await.unwrap().into_iter().map(|grant| grant.id).collect()
}
