//! Checkpoints: signed statements of the size and root of a log, in the format of C2SP `tlog-checkpoint`, which tools for
//! transparency logs read.
//!
//! ```text
//! relay.example.org/chn_0123456789abcdef
//! 9
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — relay.example.org/chn_0123456789abcdef Az3grlgtzPICa5OS8npV…
//! ```
//!
//! The first line is the log's [`LogOrigin`], which is also the name of its key; then follow the number of entries in decimal,
//! the root of the tree in base64, a blank line, and the signatures. [`Checkpoint::verify`] takes nothing but this form:
//! extension lines, which the specification advises against, are refused.

mod cosignature;
mod note;
mod origin;
mod policy;

use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use note::{NoteError, verifier_key};
pub use origin::LogOrigin;
pub use policy::{Policy, PolicyError, Witnessed};

use crate::merkle::TreeHead;
use crate::{Hash, PublicKey, SigningKey};

/// Name and key of a relay's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIdentity {
    /// First part of the origin of the relay's checkpoints; `/` and the channel's id follow there.
    pub origin: LogOrigin,
    /// The key that the relay signs with.
    pub key: PublicKey,
}

/// The statement that a log has this tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: LogOrigin,
    /// Size and root of its tree.
    pub tree: TreeHead,
}

/// Reasons why a text is not a checkpoint of the expected log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The signed note is refused.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text has fewer or more than three lines.
    #[error("a checkpoint has three lines: origin, size and root")]
    NotThreeLines,
    /// The checkpoint is one of another log.
    #[error("the checkpoint is one of another log")]
    OtherOrigin,
    /// The size is not a number in decimal without leading zeros.
    #[error("the size of a checkpoint is a decimal number without sign and leading zeros")]
    MalformedSize,
    /// The root is not a hash in base64.
    #[error("the root of a checkpoint is a hash in base64, with padding")]
    MalformedRoot,
}

impl Checkpoint {
    /// Returns the text that is signed.
    pub fn text(&self) -> String {
        let Self { origin, tree: TreeHead { size, root } } = self;
        format!("{origin}\n{size}\n{}\n", BASE64.encode(root.as_bytes()))
    }

    /// Signs the checkpoint, and returns it as a signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        note::sign(&self.text(), &self.origin, key)
    }

    /// Verifies that a signed note is a checkpoint of this log, signed with this key.
    pub fn verify(note: &str, origin: &LogOrigin, key: &PublicKey) -> Result<Self, CheckpointError> {
        Self::parse(note::verify(note, origin, key)?, origin)
    }

    fn parse(text: &str, origin: &LogOrigin) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        let [first, size, root] = lines[..] else { return Err(CheckpointError::NotThreeLines) };
        if first != origin.as_str() {
            return Err(CheckpointError::OtherOrigin);
        }
        let size = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let root = BASE64.decode(root.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        let tree = TreeHead {
            size: size.ok_or(CheckpointError::MalformedSize)?,
            root: Hash::from_bytes(root.ok_or(CheckpointError::MalformedRoot)?),
        };
        Ok(Self { origin: origin.clone(), tree })
    }
}
