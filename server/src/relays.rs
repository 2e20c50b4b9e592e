//! All relays that this process works with: its own, which the settings name, and those that invite links name.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use mcp_multiplayer_protocol::operation::{ListChannels, ReplyFuture};
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Multiplayer, Reply, Request, Secret};
use serde::Deserialize;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::invite_link::InviteLink;
use crate::login::Login;
use crate::{Destination, Dialer, RelayClient, RelayUrl, TokenSource, VerifiedRelay};

/// Longest time that another relay may take to list its channels.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// A relay and the others that its user has been invited to, as one.
///
/// An invite link leads to its relay, and everything about a channel goes to the relay of that channel. Which one that is,
/// later processes know from what was verified of the channel.
#[derive(Debug)]
pub struct Relays {
    own: Arc<VerifiedRelay>,
    data_dir: Option<PathBuf>,
    others: Mutex<HashMap<String, Arc<VerifiedRelay>>>,
    /// The relays of channels that are not on the process's own one.
    channels: Mutex<HashMap<ChannelId, Arc<VerifiedRelay>>>,
}

impl Relays {
    /// Works with the relay of `own`, and with others as invite links name them.
    pub fn new(own: Dialer, data_dir: Option<PathBuf>) -> Self {
        let own = Arc::new(VerifiedRelay::new(RelayClient::new(own), data_dir.clone()));
        Self { own, data_dir, others: Mutex::default(), channels: Mutex::default() }
    }

    async fn perform_somewhere(&self, mut request: Request) -> Result<Reply, Error> {
        if let Request::ListChannels(_) = request {
            return self.list_channels(request).await;
        }
        let link = match &mut request {
            Request::JoinChannel(args) => take_link(&mut args.invite_code)?,
            Request::GetBotCode(args) => args.invite_code.as_mut().map_or(Ok(None), take_link)?,
            _ => None,
        };
        let relay = match link {
            Some(link) => self.relay_of_link(&link.relay).await,
            None => request.channel_id().map_or_else(|| Arc::clone(&self.own), |id| self.relay_of_channel(id)),
        };
        let is_join = matches!(request, Request::JoinChannel(_));
        let reply = relay.perform(request).await?;
        if is_join && !Arc::ptr_eq(&relay, &self.own) { self.remember(&relay, &reply) } else { Ok(reply) }
    }

    /// Notes that a channel is on another relay, and makes links of the secrets in the reply, so that they lead there.
    fn remember(&self, relay: &Arc<VerifiedRelay>, reply: &Reply) -> Result<Reply, Error> {
        let mut fields: Map<String, Value> = serde_json::from_str(reply.get()).map_err(|_| Error::internal())?;
        let channel_id = fields.get("channel_id").and_then(Value::as_str).and_then(|id| id.parse::<ChannelId>().ok());
        if let Some(channel_id) = channel_id {
            lock(&self.channels).insert(channel_id, Arc::clone(relay));
        }
        if let (Some(Value::String(token)), Destination::Address(url)) =
            (fields.get_mut("rejoin_token"), relay.destination())
        {
            *token = InviteLink::new(url.clone(), Secret::new(token.as_str())).to_text();
        }
        Ok(to_raw_value(&fields).expect("it was JSON before"))
    }

    fn relay_of_channel(&self, channel_id: ChannelId) -> Arc<VerifiedRelay> {
        if let Some(relay) = lock(&self.channels).get(&channel_id) {
            return Arc::clone(relay);
        }
        let address = self.own.relay_that_has(channel_id).and_then(|address| address.parse().ok());
        match address {
            Some(address) => {
                let relay = self.other(&address);
                lock(&self.channels).insert(channel_id, Arc::clone(&relay));
                relay
            }
            None => Arc::clone(&self.own),
        }
    }

    /// The relay that a link names.
    async fn relay_of_link(&self, url: &RelayUrl) -> Arc<VerifiedRelay> {
        if self.own.is_at(url).await { Arc::clone(&self.own) } else { self.other(url) }
    }

    fn other(&self, url: &RelayUrl) -> Arc<VerifiedRelay> {
        let mut others = lock(&self.others);
        let relay = others.entry(url.to_string()).or_insert_with(|| {
            // The token of the process's own relay, and the file of this computer's, are for nobody else.
            let dialer = Dialer::new(
                Destination::Address(url.clone()),
                TokenSource::Login(Login::at_another_relay(self.data_dir.clone())),
                false,
            );
            Arc::new(VerifiedRelay::new(RelayClient::new(dialer), self.data_dir.clone()))
        });
        Arc::clone(relay)
    }

    /// Lists the channels of all relays that were used so far. Those of another relay say which it is.
    async fn list_channels(&self, request: Request) -> Result<Reply, Error> {
        #[derive(Deserialize)]
        struct List {
            channels: Vec<Map<String, Value>>,
        }
        for url in self.own.other_relays().iter().filter_map(|address| address.parse().ok()) {
            if self.data_dir.as_deref().is_some_and(|data_dir| Login::is_stored_for(&url, data_dir)) {
                self.other(&url);
            }
        }
        let others: Vec<_> = lock(&self.others).iter().map(|(url, relay)| (url.clone(), Arc::clone(relay))).collect();
        let of_others = others.into_iter().map(async |(url, relay)| {
            let reply = timeout(LIST_TIMEOUT, relay.perform(Request::from(ListChannels {}))).await;
            let reply = reply.unwrap_or_else(|_| Err(too_slow()));
            let list = reply.and_then(|reply| serde_json::from_str::<List>(reply.get()).map_err(|_| Error::internal()));
            (url, list)
        });
        let (own, of_others) = futures::join!(self.own.perform(request), join_all(of_others));
        let own = own?;
        if of_others.is_empty() {
            return Ok(own);
        }
        let mut fields: Map<String, Value> = serde_json::from_str(own.get()).map_err(|_| Error::internal())?;
        let mut unreachable = Map::new();
        for (url, list) in of_others {
            match list {
                Ok(list) => {
                    let channels = list.channels.into_iter().map(|mut channel| {
                        channel.insert("relay".to_owned(), url.as_str().into());
                        Value::Object(channel)
                    });
                    if let Some(Value::Array(all)) = fields.get_mut("channels") {
                        all.extend(channels);
                    }
                }
                Err(error) => {
                    unreachable.insert(url, json!(format!("{} {}", error.message, error.hint)));
                }
            }
        }
        if !unreachable.is_empty() {
            fields.insert("not_listed".to_owned(), Value::Object(unreachable));
        }
        Ok(to_raw_value(&fields).expect("it was JSON before"))
    }
}

impl Multiplayer for Relays {
    fn perform(&self, request: Request) -> ReplyFuture<'_> {
        Box::pin(self.perform_somewhere(request))
    }
}

/// Replaces a link with the code in it, and returns the link.
fn take_link(code: &mut Secret) -> Result<Option<InviteLink>, Error> {
    let Some(link) = InviteLink::parse(code)? else { return Ok(None) };
    *code = link.code.clone();
    Ok(Some(link))
}

fn too_slow() -> Error {
    Error::new(ErrorCode::RelayUnreachable, "The relay did not answer in time.", "Try again later.")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
