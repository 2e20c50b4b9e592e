//! Fixtures for the tests of [`OAuthStore`](crate::OAuthStore). Times are milliseconds after [`START`].

use mcp_multiplayer_protocol::{Hash, Timestamp};

use super::Subject;
use crate::{AuthorizationCode, Grant, NewAuthorizationCode, NewTokens, RedemptionOutcome, RegisteredClient};

pub(super) const START: i64 = 1_800_000_000_000;
/// Lifetimes of an authorization code, an access token and a refresh token.
pub(super) const CODE: i64 = 60_000;
pub(super) const ACCESS: i64 = 3_600_000;
pub(super) const REFRESH: i64 = 30 * 24 * ACCESS;

/// The time `millis` after the start.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

pub(super) fn hash(text: &str) -> Hash {
    Hash::of(&[text.as_bytes()])
}

/// Hash of the access token of [`tokens`] with this name.
pub(super) fn access_hash(name: &str) -> Hash {
    hash(&format!("{name}'s access token"))
}

/// Hash of the refresh token of [`tokens`] with this name.
pub(super) fn refresh_hash(name: &str) -> Hash {
    hash(&format!("{name}'s refresh token"))
}

/// An access token and a refresh token, issued at this time.
pub(super) fn tokens(name: &str, issued: i64) -> NewTokens {
    NewTokens {
        issued_at: at(issued),
        access: (access_hash(name), at(issued + ACCESS)),
        refresh: Some((refresh_hash(name), at(issued + REFRESH))),
    }
}

pub(super) fn client(id: &str, registered: i64) -> RegisteredClient {
    RegisteredClient {
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

/// The authorization code that creates this grant; its hash is that of the grant's id.
pub(super) fn code(grant: &Grant) -> NewAuthorizationCode {
    let expires_at = Timestamp::from_millis(grant.created_at.as_millis() + CODE);
    let code = AuthorizationCode {
        grant: grant.clone(),
        redirect_uri: "https://client.example/callback".into(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        expires_at,
        redeemed: false,
    };
    NewAuthorizationCode { code_hash: hash(&grant.id), code }
}

/// Creates a grant by redeeming its code. Its first tokens are named by the grant's id.
pub(super) async fn create_grant(store: &Subject, grant: &Grant) {
    store.insert_authorization_code(code(grant)).await.unwrap();
    let issued = grant.created_at.as_millis() - START;
    let outcome = store.redeem_authorization_code(hash(&grant.id), tokens(&grant.id, issued)).await.unwrap();
    assert_eq!(outcome, RedemptionOutcome::Redeemed);
}

/// The id of the grant that an access token belongs to, if the token is valid at `now`.
pub(super) async fn grant_id_of(store: &Subject, name: &str, now: i64) -> Option<String> {
    store.find_access_token(access_hash(name), at(now)).await.unwrap().map(|(grant, _)| grant.id)
}

/// The ids of the listed grants.
pub(super) async fn listed_grants(store: &Subject) -> Vec<String> {
    store.list_grants().await.unwrap().into_iter().map(|grant| grant.id).collect()
}
