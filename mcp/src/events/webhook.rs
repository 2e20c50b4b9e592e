use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::{Secret, Timestamp};
use rmcp::model::Extensions;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::subscription::EventParams;
use super::{EventError, EventSubscription, Start};

/// The methods of servers that can post to webhooks.
pub(crate) const WEBHOOK_METHODS: [&str; 2] = ["events/subscribe", "events/unsubscribe"];

/// The delivery mode.
const MODE: &str = "webhook";

/// Performs a request for the principal that the extensions name.
pub(crate) type PerformWebhookRequest =
    dyn Fn(&Extensions, WebhookRequest) -> BoxFuture<'static, Result<WebhookReply, EventError>> + Send + Sync;

/// A request of `events/subscribe` or `events/unsubscribe`.
#[derive(Clone, Debug)]
pub enum WebhookRequest {
    /// Creates or refreshes a subscription.
    Subscribe(SubscribeWebhook),
    /// Ends a subscription.
    Unsubscribe {
        /// The arguments that it was created with.
        subscription: EventSubscription,
        /// The URL that it delivers to, as the client wrote it.
        url: String,
    },
}

/// The params of `events/subscribe`.
#[derive(Clone)]
pub struct SubscribeWebhook {
    /// The events that are delivered.
    pub subscription: EventSubscription,
    /// The position at which delivery begins.
    pub start: Start,
    /// The URL that events are posted to, as the client wrote it.
    pub url: String,
    /// The secret that signs deliveries, as the client wrote it.
    pub secret: Secret,
    /// The lifetime that the client suggests.
    pub lifetime: Lifetime,
}

impl fmt::Debug for SubscribeWebhook {
    /// Leaves out the URL, which may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, start, lifetime, .. } = self;
        f.debug_struct("SubscribeWebhook")
            .field("subscription", subscription)
            .field("start", start)
            .field("lifetime", lifetime)
            .finish_non_exhaustive()
    }
}

/// A suggested lifetime of a subscription (`ttlMs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// The server chooses.
    #[default]
    Default,
    /// A number of milliseconds.
    Millis(u64),
    /// No expiry.
    Unlimited,
}

/// Outcome of a [`WebhookRequest`].
#[derive(Clone, Debug)]
pub enum WebhookReply {
    /// The subscription exists.
    Subscribed(SubscribedWebhook),
    /// The subscription has ended.
    Unsubscribed,
}

/// The result of `events/subscribe`.
#[derive(Clone, Debug)]
pub struct SubscribedWebhook {
    /// Id of the subscription, the same whenever it is refreshed.
    pub id: String,
    /// Time at which the subscription expires.
    pub refresh_before: Timestamp,
    /// Id of the last entry that needs no delivery any more.
    pub cursor: u64,
    /// Events after the requested cursor were skipped because of their age.
    pub truncated: bool,
    /// State of delivery before the request, if it refreshed a subscription.
    pub status: Option<WebhookStatus>,
}

/// State of the delivery of a subscription (`deliveryStatus`).
#[derive(Clone, Debug)]
pub struct WebhookStatus {
    /// Events were being delivered.
    pub active: bool,
    /// Time of the last acknowledged delivery.
    pub last_delivery_at: Option<Timestamp>,
    /// Category of the error of the last attempt, and time of the first attempt that failed.
    pub failure: Option<(String, Timestamp)>,
}

/// The params that only webhooks have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookParams {
    #[serde(default)]
    delivery: Value,
    #[serde(default)]
    ttl_ms: Lifetime,
}

impl<'de> Deserialize<'de> for Lifetime {
    /// Parses a member that is present, so that `null` differs from an absent one.
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let millis = Option::<u64>::deserialize(value)?;
        Ok(millis.map_or(Self::Unlimited, Self::Millis))
    }
}

impl WebhookRequest {
    /// Parses the params of one of the [`WEBHOOK_METHODS`].
    pub(crate) fn parse(method: &str, params: Option<Value>) -> Result<Self, EventError> {
        let common = EventParams::parse(params.clone())?;
        let subscription = common.subscription()?;
        let invalid = |message: &str| EventError::InvalidParams(message.to_owned());
        let WebhookParams { delivery, ttl_ms } = serde_json::from_value(params.unwrap_or_default())
            .map_err(|_| invalid("'ttlMs' must be a number of milliseconds, or null."))?;
        // Errors do not quote what was sent: it contains the secret.
        let text = |name: &str| delivery[name].as_str();
        let url = text("url").ok_or_else(|| invalid("'delivery.url' is missing."))?.to_owned();
        if let Some(mode) = text("mode").filter(|mode| *mode != MODE) {
            return Err(EventError::UnsupportedMode(mode.chars().take(64).collect()));
        }
        if method == "events/unsubscribe" {
            return Ok(Self::Unsubscribe { subscription, url });
        }
        if text("mode").is_none() {
            return Err(invalid("'delivery.mode' must be \"webhook\"."));
        }
        let secret = text("secret").ok_or_else(|| invalid("'delivery.secret' is missing."))?;
        let (start, secret) = (common.start()?, Secret::new(secret));
        Ok(Self::Subscribe(SubscribeWebhook { subscription, start, url, secret, lifetime: ttl_ms }))
    }
}

impl WebhookReply {
    /// Returns the JSON-RPC result.
    pub(crate) fn to_result(&self) -> Value {
        let Self::Subscribed(subscribed) = self else { return json!({ "resultType": "complete" }) };
        let SubscribedWebhook { id, refresh_before, cursor, truncated, status } = subscribed;
        let mut result = json!({ "resultType": "complete", "id": id, "refreshBefore": refresh_before,
            "cursor": cursor.to_string(), "truncated": truncated });
        if let Some(WebhookStatus { active, last_delivery_at, failure }) = status {
            let (error, since) = failure.clone().unzip();
            result["deliveryStatus"] =
                json!({ "active": active, "lastDeliveryAt": last_delivery_at, "lastError": error });
            if since.is_some() {
                result["deliveryStatus"]["failedSince"] = json!(since);
            }
        }
        result
    }
}

/// Performs a request of one of the [`WEBHOOK_METHODS`], and returns its result.
pub(crate) async fn perform_webhook_request(
    perform: &Arc<PerformWebhookRequest>,
    extensions: &Extensions,
    method: &str,
    params: Option<Value>,
) -> Result<Value, EventError> {
    let request = WebhookRequest::parse(method, params)?;
    Ok(perform(extensions, request).await?.to_result())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{EventError, Lifetime, WebhookRequest};

    const SECRET: &str = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";

    fn parse(method: &str, delivery: &Value, ttl: Option<Value>) -> Result<WebhookRequest, EventError> {
        let mut params = json!({ "name": "channel.message", "delivery": delivery,
            "arguments": { "channel_id": "chn_0123456789abcdef" } });
        if let Some(ttl) = ttl {
            params["ttlMs"] = ttl;
        }
        WebhookRequest::parse(method, Some(params))
    }

    #[test]
    fn a_lifetime_of_null_is_none() {
        let delivery = json!({ "mode": "webhook", "url": "https://app.example/hook", "secret": SECRET });
        for (ttl, lifetime) in
            [(None, Lifetime::Default), (Some(json!(7)), Lifetime::Millis(7)), (Some(json!(null)), Lifetime::Unlimited)]
        {
            let Ok(WebhookRequest::Subscribe(subscribe)) = parse("events/subscribe", &delivery, ttl) else {
                panic!("{lifetime:?}");
            };
            assert_eq!(subscribe.lifetime, lifetime);
            assert!(!format!("{subscribe:?}").contains("whsec_"));
        }
        assert!(parse("events/subscribe", &delivery, Some(json!(-1))).is_err());
    }

    #[test]
    fn errors_never_quote_the_secret() {
        let url = "https://app.example/hook";
        for (method, delivery) in [
            ("events/subscribe", json!(SECRET)),
            ("events/subscribe", json!({ "mode": "webhook", "secret": SECRET })),
            ("events/subscribe", json!({ "url": url, "secret": SECRET })),
            ("events/subscribe", json!({ "mode": "push", "url": url, "secret": SECRET })),
            ("events/subscribe", json!({ "mode": "webhook", "url": url, "secret": [SECRET] })),
            ("events/unsubscribe", json!({ "mode": "webhook", "secret": SECRET })),
        ] {
            let error = parse(method, &delivery, None).unwrap_err();
            assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
        }
        let unsubscribe = parse("events/unsubscribe", &json!({ "url": url }), None);
        assert!(matches!(unsubscribe, Ok(WebhookRequest::Unsubscribe { .. })));
    }
}
