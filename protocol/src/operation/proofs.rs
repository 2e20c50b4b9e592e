use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ChannelId, Hash};

/// Arguments of `get_proof`: `id` for an inclusion proof, or `from` and perhaps `to` for a consistency proof.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetProof {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// Proves that this entry is in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Proves that the log of this size is the beginning of a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Size of the later log; the present one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// Result of [`GetProof`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogProof {
    /// Size of the tree that the proof leads to the root of.
    pub size: u64,
    /// With `id`: the hash of the entry's leaf. A verifier computes it from the entry's envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_hash: Option<Hash>,
    /// The hashes of the proof, in the order of RFC 6962.
    pub proof: Vec<Hash>,
    /// Signed note with the size and root of the tree.
    pub checkpoint: String,
    /// Name and public key of the channel's log, as tools for signed notes read them. A verifier compares them with those
    /// that it knows: that the relay states them here proves nothing.
    pub verifier_key: String,
}
