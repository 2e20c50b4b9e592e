//! Refreshing the tokens of a login that several processes share, with a network that loses replies.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use futures::future::join_all;
use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::fixture::in_time;
use crate::login::Person;

/// Treatment of the reply to a refresh.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The connection is closed instead.
    Lose,
    /// Nothing happens any more.
    Withhold,
}

/// A relay behind a proxy, which counts the refreshes.
struct ProxiedRelay {
    relay: RelayProcess,
    /// Address of the proxy, which the relay's public URL has.
    address: String,
    proxy: Arc<Proxy>,
}

#[derive(Default)]
struct Proxy {
    target: OnceLock<String>,
    refreshes: AtomicUsize,
    /// Faults of the next refreshes.
    faults: Mutex<VecDeque<Fault>>,
    /// Notified when the relay has replied to a refresh with a fault.
    replied: Notify,
}

impl ProxiedRelay {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let relay = RelayProcess::start_with(&["--public-url", &format!("http://{address}")]).await.unwrap();
        let proxy = Arc::new(Proxy::default());
        proxy.target.set(relay.address().to_owned()).unwrap();
        let accepting = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&accepting).serve(stream));
            }
        });
        Self { relay, address, proxy }
    }

    fn refreshes(&self) -> usize {
        self.proxy.refreshes.load(Ordering::SeqCst)
    }

    fn fail_next(&self, fault: Fault) {
        self.proxy.faults.lock().unwrap().push_back(fault);
    }

    async fn is_accepted(&self, token: &str) -> bool {
        let mut http = HttpClient::connect(self.relay.address(), token).await.unwrap();
        http.call_tool("health_check", json!({})).await.is_ok()
    }
}

impl Proxy {
    async fn serve(self: Arc<Self>, mut client: TcpStream) {
        let mut relay = TcpStream::connect(self.target.get().unwrap()).await.unwrap();
        let mut request = Vec::new();
        while !is_complete(&request) {
            let mut bytes = vec![0; 16 << 10];
            match client.read(&mut bytes).await {
                Ok(count) if count > 0 => request.extend(&bytes[..count]),
                _ => return,
            }
        }
        let is_refresh = String::from_utf8_lossy(&request).contains("grant_type=refresh_token");
        relay.write_all(&request).await.unwrap();
        let fault = if is_refresh {
            self.refreshes.fetch_add(1, Ordering::SeqCst);
            self.faults.lock().unwrap().pop_front()
        } else {
            None
        };
        if let Some(fault) = fault {
            // Once the relay replies, the old token is replaced.
            assert!(relay.read(&mut [0; 1]).await.unwrap() == 1);
            self.replied.notify_one();
            if let Fault::Withhold = fault {
                std::future::pending::<()>().await;
            }
            return;
        }
        // Fails when one of both ends breaks the connection.
        let _ = copy_bidirectional(&mut client, &mut relay).await;
    }
}

/// Returns whether a request has its head, and all of its body.
fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// Makes the stored access token look expired.
fn expire(person: &Person) {
    let mut credentials = person.credentials();
    credentials["access_token_expires_at"] = json!("2020-01-01T00:00:00.000Z");
    std::fs::write(person.credentials_path(), credentials.to_string()).unwrap();
}

fn access_token(person: &Person) -> String {
    person.credentials()["access_token"].as_str().unwrap().to_owned()
}

/// Launches a server, and has it do something on the relay.
async fn use_login(person: &Person, relay: &ProxiedRelay) {
    let mut client = person.launch(&relay.address).await;
    in_time("a call", client.call_tool("list_channels", json!({}))).await.unwrap();
}

#[tokio::test]
async fn fifty_processes_refresh_once() {
    let relay = ProxiedRelay::start().await;
    let alice = Person::new();
    alice.log_in(&relay.address).await;
    let first = access_token(&alice);
    use_login(&alice, &relay).await;
    assert_eq!((relay.refreshes(), access_token(&alice)), (0, first.clone()), "a fresh token is used as it is");

    expire(&alice);
    join_all((0..50).map(|_| use_login(&alice, &relay))).await;
    assert_eq!(relay.refreshes(), 1);
    let second = access_token(&alice);
    assert_ne!(second, first);
    assert!(relay.is_accepted(&second).await);

    // The session goes on after that.
    expire(&alice);
    use_login(&alice, &relay).await;
    assert_eq!(relay.refreshes(), 2);
}

#[tokio::test]
async fn a_lost_reply_does_not_end_the_login() {
    let relay = ProxiedRelay::start().await;
    let alice = Person::new();
    alice.log_in(&relay.address).await;
    for refreshes in [2, 4] {
        relay.fail_next(Fault::Lose);
        expire(&alice);
        use_login(&alice, &relay).await;
        assert_eq!(relay.refreshes(), refreshes, "one was lost, one repeated it");
        assert!(relay.is_accepted(&access_token(&alice)).await);
    }
}

#[tokio::test]
async fn a_process_that_is_killed_during_a_refresh_does_not_end_the_login() {
    let relay = ProxiedRelay::start().await;
    let alice = Person::new();
    alice.log_in(&relay.address).await;
    let first = access_token(&alice);
    expire(&alice);
    relay.fail_next(Fault::Withhold);
    // It refreshes as it starts. The relay has replaced the token, and nothing is stored; dropping the client kills it.
    let client = alice.launch(&relay.address).await;
    in_time("the reply", relay.proxy.replied.notified()).await;
    drop(client);
    assert_eq!(access_token(&alice), first);

    use_login(&alice, &relay).await;
    assert_eq!(relay.refreshes(), 2);
    expire(&alice);
    use_login(&alice, &relay).await;
    assert!(relay.is_accepted(&access_token(&alice)).await);
}

#[tokio::test]
async fn a_token_that_the_relay_does_not_know_any_more_is_refreshed() {
    let relay = ProxiedRelay::start().await;
    let alice = Person::new();
    alice.log_in(&relay.address).await;
    let mut credentials = alice.credentials();
    credentials["access_token"] = json!("mma_unknown");
    std::fs::write(alice.credentials_path(), credentials.to_string()).unwrap();
    use_login(&alice, &relay).await;
    assert_eq!(relay.refreshes(), 1);
}
