//! Notifications on standard input and output: progress of calls that wait, and updates of subscribed channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcp_multiplayer_mcp::{McpServer, StdioService};
use mcp_multiplayer_protocol::operation::ReplyFuture;
use mcp_multiplayer_protocol::{Error, Multiplayer, Request};
use rmcp::service::serve_directly;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, split};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

const CHANNEL: &str = "channel://chn_0123456789abcdef";
const FOREIGN: &str = "channel://chn_fedcba9876543210";

/// A fake relay with one channel.
#[derive(Clone)]
struct Channel {
    /// Number of entries in the log; 0 when the caller was kicked.
    entries: watch::Receiver<u64>,
    /// Number of current waits.
    waits: Arc<AtomicU64>,
}

/// Decrements the number of current waits when dropped.
struct WaitGuard(Arc<AtomicU64>);

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Multiplayer for Channel {
    fn perform(&self, request: Request) -> ReplyFuture<'_> {
        let mut entries = self.entries.clone();
        Box::pin(async move {
            let reply = |reply: Value| Ok(serde_json::from_str(&reply.to_string()).expect("valid JSON"));
            let args = match request {
                Request::GetChannelInfo(args) => {
                    let size = *entries.borrow();
                    if size == 0 || !CHANNEL.ends_with(&args.channel_id.to_string()) {
                        return Err(Error::not_member());
                    }
                    return reply(json!({ "your_slots": ["s1"], "message_count": size }));
                }
                Request::SyncMessages(args) => args,
                _ => return Err(Error::internal()),
            };
            if !CHANNEL.ends_with(&args.channel_id.to_string()) {
                return Err(Error::not_member());
            }
            self.waits.fetch_add(1, Ordering::SeqCst);
            let _guard = WaitGuard(Arc::clone(&self.waits));
            let cursor = args.cursor.unwrap_or_default().min(*entries.borrow());
            let wait = Duration::from_millis(args.timeout_ms.unwrap_or(25_000));
            let _ = timeout(wait, entries.wait_for(|size| *size == 0 || *size > cursor)).await;
            let size = *entries.borrow();
            if size == 0 {
                return Err(Error::not_member());
            }
            let messages: Vec<Value> = (cursor + 1..=size).map(|id| json!({ "id": id, "sender": "s0" })).collect();
            reply(json!({ "messages": messages, "cursor": size, "has_more": false }))
        })
    }
}

struct Client {
    pipe: BufReader<DuplexStream>,
    entries: watch::Sender<u64>,
    waits: Arc<AtomicU64>,
    _running: rmcp::service::RunningService<rmcp::RoleServer, StdioService>,
}

impl Client {
    fn connected() -> Self {
        let (entries, receiver) = watch::channel(1);
        let waits = Arc::<AtomicU64>::default();
        let server = McpServer::for_stdio(Arc::new(Channel { entries: receiver, waits: Arc::clone(&waits) }));
        let (near, far) = tokio::io::duplex(65_536);
        let running = serve_directly(StdioService::new(server), split(far), None);
        Self { pipe: BufReader::new(near), entries, waits, _running: running }
    }

    async fn send(&mut self, message: Value) {
        self.pipe.write_all(format!("{message}\n").as_bytes()).await.expect("the server reads");
    }

    async fn request(&mut self, id: u64, method: &str, params: Value) {
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
    }

    async fn next(&mut self) -> Value {
        let mut line = String::new();
        self.pipe.read_line(&mut line).await.expect("the server answers");
        serde_json::from_str(&line).expect("it answers in JSON")
    }

    /// Returns when there is no current wait.
    async fn all_waits_ended(&self) {
        while self.waits.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn sync_call(meta: &Value, timeout_ms: u64) -> Value {
    let channel_id = CHANNEL.strip_prefix("channel://");
    json!({ "name": "sync_messages", "_meta": meta,
        "arguments": { "channel_id": channel_id, "cursor": 1, "timeout_ms": timeout_ms } })
}

fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "alice", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_report_progress_every_ten_seconds() {
    let mut client = Client::connected();
    let began = Instant::now();
    client.request(1, "tools/call", sync_call(&json!({ "progressToken": 7 }), 35_000)).await;
    for seconds in [10.0, 20.0, 30.0] {
        let progress = client.next().await;
        assert_eq!(progress["method"], "notifications/progress");
        assert_eq!(progress["params"]["progressToken"], 7);
        assert!((progress["params"]["progress"].as_f64().unwrap() - seconds).abs() < 0.5, "{progress}");
        assert_eq!(progress["params"]["total"], 35.0);
    }
    assert!(client.next().await["result"]["content"].is_array());
    assert!((35..37).contains(&began.elapsed().as_secs()));
    // Without a progress token there are no notifications.
    client.request(2, "tools/call", sync_call(&json!({}), 35_000)).await;
    assert_eq!(client.next().await["id"], 2);
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_call_ends_its_wait() {
    let mut client = Client::connected();
    client.request(1, "tools/call", sync_call(&json!({}), 45_000)).await;
    while client.waits.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    client.send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } })).await;
    client.all_waits_ended().await;
}

#[tokio::test(start_paused = true)]
async fn older_clients_can_subscribe_and_unsubscribe() {
    let mut client = Client::connected();
    client.request(1, "resources/subscribe", json!({ "uri": FOREIGN })).await;
    assert!(client.next().await["error"]["message"].as_str().unwrap().contains("no seat"));
    client.request(2, "resources/subscribe", json!({ "uri": "doc://quick-start" })).await;
    assert!(client.next().await["error"]["message"].as_str().unwrap().contains("channel://"));
    for id in [3, 4] {
        client.request(id, "resources/subscribe", json!({ "uri": CHANNEL })).await;
        assert_eq!(client.next().await["id"], id);
    }
    for size in [2, 5] {
        client.entries.send(size).unwrap();
        let updated = client.next().await;
        assert_eq!(
            (&updated["method"], &updated["params"]["uri"]),
            (&json!("notifications/resources/updated"), &json!(CHANNEL))
        );
    }
    client.request(5, "resources/unsubscribe", json!({ "uri": CHANNEL })).await;
    assert_eq!(client.next().await["id"], 5);
    client.all_waits_ended().await;
    client.entries.send(9).unwrap();
    client.request(6, "ping", json!({})).await;
    assert_eq!(client.next().await["id"], 6);
}

#[tokio::test(start_paused = true)]
async fn listeners_are_notified_until_they_are_kicked_or_cancel() {
    let mut client = Client::connected();
    let notifications = json!({ "resourceSubscriptions": [CHANNEL, FOREIGN], "toolsListChanged": true });
    for id in [1, 2] {
        client
            .request(id, "subscriptions/listen", json!({ "notifications": notifications, "_meta": modern_meta() }))
            .await;
        let acknowledged = client.next().await;
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(acknowledged["params"]["notifications"], json!({ "resourceSubscriptions": [CHANNEL] }));
    }
    client.entries.send(2).unwrap();
    let mut notified: Vec<u64> = vec![];
    for _ in 0..2 {
        let updated = client.next().await;
        assert_eq!(updated["params"]["uri"], CHANNEL);
        notified.push(updated["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].as_u64().unwrap());
    }
    notified.sort_unstable();
    assert_eq!(notified, [1, 2]);
    client.send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } })).await;
    client.entries.send(0).unwrap();
    let mut ended = client.next().await;
    if ended["id"] == 1 {
        ended = client.next().await;
    }
    assert_eq!((&ended["id"], &ended["result"]["resultType"]), (&json!(2), &json!("complete")));
    client.all_waits_ended().await;
}
