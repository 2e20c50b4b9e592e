//! Data types and channel rules that the relay, its clients and verifiers share.
//!
//! A *channel* is a deterministic state machine over an append-only log of [`Entry`]s. This crate
//! implements that machine as pure functions ([`channel::allowed`], [`channel::evolve`],
//! [`channel::plan`], and [`channel::Step`] around them). It also defines the bytes that are hashed ([`Envelope`], [`Body`], [`merkle`]) and signed ([`checkpoint`]), the
//! [`operation`]s that a relay offers, and the [`frame`]s that carry them over WebSocket.
//!
//! It must never do I/O, read a clock or draw randomness, because a verifier runs exactly the same
//! code over a transcript as the relay that wrote it.
#![warn(missing_docs)]

mod body;
pub mod channel;
pub mod checkpoint;
mod entry;
mod error;
mod event;
pub mod frame;
mod hash;
mod id;
mod key;
mod kind;
pub mod limits;
mod local_relay;
pub mod merkle;
pub mod operation;
mod printable;
pub mod receipt;
mod secret;
pub mod seed;
mod timestamp;
mod unique;

pub use body::{Body, BodyError, canonical_text};
pub use entry::{Author, Content, DirectMessage, Entry, Envelope, Salt, Sender};
pub use error::{Error, ErrorCode};
pub use event::{
    Actor, BotAnnouncement, BotLimits, Contribution, HookFailure, HookOutcome, HookResult, KeystreamRange,
    NetworkExchange, PrivateResult, Runtime, SandboxReport, SkipReason, SlotSpec, SystemEvent, TimerChange,
    record_hash,
};
pub use hash::Hash;
pub use id::{BotId, ChannelId, IdParseError, SlotId};
pub use key::{Algorithm, PublicKey, SigningKey};
pub use kind::{Kind, KindError};
pub use local_relay::LocalRelay;
pub use operation::{Multiplayer, Reply, Request};
pub use printable::{printable, printable_json};
pub use secret::Secret;
pub use timestamp::Timestamp;
