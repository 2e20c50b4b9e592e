use mcp_multiplayer_protocol::SigningKey;
use mcp_multiplayer_protocol::checkpoint::LogIdentity;

use super::Subject;

fn identity(origin: &str, secret: u8) -> LogIdentity {
    LogIdentity { origin: origin.parse().unwrap(), key: SigningKey::ed25519(&[secret; 32]).public() }
}

pub async fn is_bound_once(store: Subject) {
    assert_eq!(store.lookup_log().await.unwrap(), None);
    let first = identity("relay.example.org", 1);
    assert_eq!(store.bind_log(first.clone()).await.unwrap(), first);
    for other in [identity("relay.example.org", 2), identity("other.example.org", 1)] {
        assert_eq!(store.bind_log(other).await.unwrap(), first);
    }
    let store = store.reopen().await;
    assert_eq!(store.lookup_log().await.unwrap(), Some(first));
}
