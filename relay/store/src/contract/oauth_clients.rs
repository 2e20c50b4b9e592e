use super::Subject;
use super::oauth::{client, code, grant};
use crate::RegisteredClient;

pub async fn are_stored_as_registered(store: Subject) {
    let confidential = client("confidential", 0);
    let public = RegisteredClient { secret_hash: None, redirect_uris: vec![], ..client("public", 1) };
    assert_eq!(store.lookup_client("public".into()).await.unwrap(), None);
    store.insert_client(confidential.clone()).await.unwrap();
    store.insert_client(public.clone()).await.unwrap();
    let again = RegisteredClient { name: "another".into(), ..confidential.clone() };
    assert!(store.insert_client(again).await.is_err(), "client ids are unique");
    let store = store.reopen().await;
    assert_eq!(store.lookup_client("confidential".into()).await.unwrap(), Some(confidential));
    assert_eq!(store.lookup_client("public".into()).await.unwrap(), Some(public));
    assert_eq!(store.lookup_client("Public".into()).await.unwrap(), None);
}

pub async fn need_not_be_registered(store: Subject) {
    let url = "https://client.example/oauth.json";
    let mut unregistered = grant("g", "person:alice");
    unregistered.client_id = url.into();
    store.insert_authorization_code(code(&unregistered)).await.unwrap();
    let found = store.find_authorization_code(code(&unregistered).code_hash).await.unwrap().unwrap();
    assert_eq!(found.grant.client_id, url);
    assert_eq!(store.lookup_client(url.into()).await.unwrap(), None);
}
