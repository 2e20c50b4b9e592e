use mcp_multiplayer_protocol::Hash;

use super::Subject;

fn fingerprint(text: &str) -> Hash {
    Hash::of(&[text.as_bytes()])
}

pub async fn is_bound_once(store: Subject) {
    assert_eq!(store.lookup_relay_key().await.unwrap(), None);
    assert_eq!(store.bind_relay_key(fingerprint("first")).await.unwrap(), fingerprint("first"));
    assert_eq!(store.bind_relay_key(fingerprint("second")).await.unwrap(), fingerprint("first"));
    let store = store.reopen().await;
    assert_eq!(store.lookup_relay_key().await.unwrap(), Some(fingerprint("first")));
}
