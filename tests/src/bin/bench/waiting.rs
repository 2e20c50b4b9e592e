use std::time::Instant;

use anyhow::{Result, bail, ensure};
use futures::future::try_join_all;
use mcp_multiplayer_tests::HttpClient;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Connections that are opened at the same time. More would overflow the queue of the listening socket.
const BATCH: usize = 500;

/// Transport of a call that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    Mcp,
    Rest,
}

/// A channel with one player who posts, and one who waits over many connections.
#[derive(Clone, Debug)]
pub(crate) struct Waited {
    channel_id: Value,
    poster: Value,
    waiter: Value,
    cursor: Value,
}

impl Waited {
    pub(crate) async fn create(client: &mut HttpClient) -> Result<Self> {
        let slots = json!({ "name": "idle", "slots": ["invite:a", "invite:b"], "join_as": "a" });
        let mut created = client.call_tool("create_channel", slots).await?;
        let mut joined = client.call_tool("join_channel", json!({ "invite_code": created["invites"][0] })).await?;
        Ok(Self {
            channel_id: created["channel_id"].take(),
            poster: created["slot_id"].take(),
            waiter: joined["slot_id"].take(),
            cursor: joined["cursor"].take(),
        })
    }

    fn sync(&self) -> Value {
        let (id, slot, cursor) = (&self.channel_id, &self.waiter, &self.cursor);
        json!({ "channel_id": id, "slot_id": slot, "cursor": cursor, "timeout_ms": 600_000 })
    }

    /// Posts a message.
    pub(crate) async fn post(&self, client: &mut HttpClient) -> Result<()> {
        let post = json!({ "channel_id": self.channel_id, "slot_id": self.poster, "body": "hello" });
        client.call_tool("post_message", post).await?;
        Ok(())
    }

    /// Moves the cursor of the waiting player to the end of the channel.
    pub(crate) async fn catch_up(&mut self, client: &mut HttpClient) -> Result<()> {
        self.cursor = client.call_tool("sync_messages", self.sync()).await?["cursor"].take();
        Ok(())
    }
}

/// Calls that wait. Dropping them closes their connections.
#[derive(Debug, Default)]
pub(crate) struct Waiting(JoinSet<Result<(HttpClient, Instant)>>);

impl Waiting {
    /// Has each client make a call that waits for a message in this channel.
    pub(crate) fn start(&mut self, transport: Transport, clients: Vec<HttpClient>, channel: &Waited) {
        for mut client in clients {
            let arguments = channel.sync();
            self.0.spawn(async move {
                let woken = match transport {
                    Transport::Mcp => client.call_tool("sync_messages", arguments).await?,
                    Transport::Rest => {
                        let response = client.post("/sync_messages", &[], arguments.to_string().into()).await?;
                        serde_json::from_slice(response.body())?
                    }
                };
                let at = Instant::now();
                ensure!(woken["messages"].as_array().is_some_and(|messages| !messages.is_empty()), "{woken}");
                Ok((client, at))
            });
        }
    }

    /// Fails if one of the calls has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(ended) = self.0.try_join_next() {
            ended??;
            bail!("A call that should wait was answered.");
        }
        Ok(())
    }

    /// Waits until all calls were answered, and returns their clients and the instant of the last answer.
    pub(crate) async fn all_woken(&mut self) -> Result<(Vec<HttpClient>, Option<Instant>)> {
        let (mut clients, mut last) = (vec![], None);
        while let Some(woken) = self.0.join_next().await {
            let (client, at) = woken??;
            last = last.max(Some(at));
            clients.push(client);
        }
        Ok((clients, last))
    }
}

/// Opens many connections.
pub(crate) async fn connect(address: &str, token: &str, count: usize) -> Result<Vec<HttpClient>> {
    let mut clients = vec![];
    while clients.len() < count {
        let batch = BATCH.min(count - clients.len());
        clients.extend(try_join_all((0..batch).map(|_| HttpClient::connect(address, token))).await?);
    }
    Ok(clients)
}
