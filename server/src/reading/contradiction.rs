//! The message to a person, and the evidence that is kept, when a relay contradicts itself.

use std::io;
use std::path::Path;

use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use mcp_multiplayer_protocol::{Entry, Error, ErrorCode, Hash, Timestamp};
use serde::{Deserialize, Serialize};

use super::files::{EVIDENCE, Folder};
use super::known::{Finding, Received};

/// The evidence of a contradiction, as it is stored. Nobody needs it but people and programs that judge the relay.
#[derive(Debug, Serialize)]
pub(super) struct Evidence<'a> {
    /// Always `mcp-multiplayer/contradiction/v1`.
    format: &'static str,
    /// Time by the clock of this computer.
    at: Timestamp,
    /// Address of the relay.
    relay: &'a str,
    /// The log and key that signed what was verified before.
    log: Option<&'a LogIdentity>,
    /// The operation whose answer contradicts.
    operation: &'a str,
    expected: String,
    found: String,
    /// The signed checkpoint of what was verified before.
    verified_checkpoint: &'a str,
    /// The signed checkpoint that came with the answer.
    received_checkpoint: &'a str,
    /// Entries that came with the answer.
    received_entries: Vec<EvidenceEntry<'a>>,
    /// The error with which all further operations are refused.
    error: Error,
}

/// An entry that a relay sent.
#[derive(Debug, Serialize)]
struct EvidenceEntry<'a> {
    id: u64,
    leaf_hash: Hash,
    #[serde(flatten)]
    entry: Option<&'a Entry>,
}

/// The circumstances of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) relay: &'a str,
    pub(super) log: Option<&'a LogIdentity>,
    pub(super) operation: &'a str,
    pub(super) verified_checkpoint: &'a str,
    pub(super) received_checkpoint: &'a str,
}

/// The part of the stored evidence that is read again.
#[derive(Deserialize)]
struct Refusal {
    error: Error,
}

/// The error of a contradiction that was found before; `None` if there was none, or the person has removed the evidence.
pub(super) fn earlier(folder: &Folder) -> io::Result<Option<Error>> {
    let Some(text) = folder.read(EVIDENCE)? else { return Ok(None) };
    let refusal = serde_json::from_str::<Refusal>(&text).map(|refusal| refusal.error);
    // A damaged file is a reason for caution, too.
    Ok(Some(refusal.unwrap_or_else(|_| error("Evidence against it was found before.", folder.path()))))
}

/// Stores the evidence of a contradiction, and returns the error for the model.
pub(super) fn report(
    folder: &Folder,
    at: Timestamp,
    answer: Answer<'_>,
    finding: Finding,
    received: &Received,
) -> Error {
    let Finding { expected, found } = finding;
    let error = error(&format!("{found} But: {expected}"), folder.path());
    let received_entries = received.entries.iter().map(|(id, logged)| EvidenceEntry {
        id: *id,
        leaf_hash: logged.leaf_hash(),
        entry: logged.entry(),
    });
    let evidence = Evidence {
        format: "mcp-multiplayer/contradiction/v1",
        at,
        relay: answer.relay,
        log: answer.log,
        operation: answer.operation,
        expected,
        found,
        verified_checkpoint: answer.verified_checkpoint,
        received_checkpoint: answer.received_checkpoint,
        received_entries: received_entries.collect(),
        error: error.clone(),
    };
    let text = serde_json::to_string_pretty(&evidence).expect("evidence is plain JSON");
    let stored = folder.lock().and_then(|locked| match locked.read(EVIDENCE)? {
        // The first contradiction explains the others.
        Some(_) => Ok(()),
        None => locked.replace(EVIDENCE, &text),
    });
    if let Err(cause) = stored {
        tracing::error!(%cause, "cannot store the evidence of a contradiction");
    }
    tracing::warn!("{}", error.message);
    error
}

fn error(what: &str, folder: &Path) -> Error {
    Error::new(
        ErrorCode::RelayContradiction,
        format!(
            "The relay's answer was not shown, because it contradicts what the relay has signed. {what} Either the relay or \
             somebody between it and this computer has shown two versions or broken a rule of the channel, or the relay was \
             restored from an old backup. The evidence is in {}.",
            folder.join(EVIDENCE).display()
        ),
        format!(
            "Tell your user, and rely on nothing more from this relay. The request may have been performed. The other players \
             should compare their receipts (mcp-multiplayer compare). To go on all the same, your user has to keep a copy of the \
             evidence and remove the folder {}: everything is then verified from the start again.",
            folder.display()
        ),
    )
}
