//! The name and key of a relay's log, kept from the first use of its address on.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use mcp_multiplayer_protocol::Hash;
use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use mcp_multiplayer_protocol::operation::Health;
use serde::{Deserialize, Serialize};

use super::files::Folder;
use super::known::Finding;

const FILE: &str = "log.json";

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Pin {
    /// Address of the relay, for people who look for the file.
    relay: String,
    log: LogIdentity,
}

/// The folder of a relay's address.
pub(super) fn folder_of_relay(root: &Path, relay: &str) -> Folder {
    Folder::new(root.join("relays").join(short(&Hash::of(&[relay.as_bytes()]))))
}

/// The folder of a relay's log, in which each channel has one.
pub(super) fn folder_of_channel(root: &Path, log: &LogIdentity, channel_id: &str) -> Folder {
    let log = Hash::of(&[log.origin.as_str().as_bytes(), b"\n", log.key.to_string().as_bytes()]);
    Folder::new(root.join("logs").join(short(&log)).join(channel_id))
}

/// Enough of a hash to name a folder.
fn short(hash: &Hash) -> String {
    data_encoding::HEXLOWER.encode(&hash.as_bytes()[..12])
}

/// Lists the addresses of all relays that were used, and the log of each.
pub(super) fn list(root: &Path) -> io::Result<Vec<(String, LogIdentity)>> {
    let folders = match fs::read_dir(root.join("relays")) {
        Ok(folders) => folders,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut pins = vec![];
    for folder in folders {
        let text = Folder::new(folder?.path()).read(FILE)?;
        pins.extend(text.and_then(|text| serde_json::from_str::<Pin>(&text).ok()).map(|pin| (pin.relay, pin.log)));
    }
    Ok(pins)
}

/// Reads the log that is known for a relay's address.
pub(super) fn load(folder: &Folder) -> io::Result<Option<LogIdentity>> {
    Ok(folder.read(FILE)?.and_then(|text| serde_json::from_str::<Pin>(&text).ok()).map(|pin| pin.log))
}

/// Keeps the log that a relay states, unless another process has just done so. Returns the one that is kept.
pub(super) fn store(folder: &Folder, relay: &str, health: &Health) -> io::Result<LogIdentity> {
    let locked = folder.lock()?;
    if let Some(log) = load(folder)? {
        return Ok(log);
    }
    let log = stated(health);
    let pin = Pin { relay: relay.to_owned(), log: log.clone() };
    locked.replace(FILE, &serde_json::to_string_pretty(&pin).expect("it is plain JSON"))?;
    Ok(log)
}

/// Compares the log that a relay states with the one that is kept.
pub(super) fn check(kept: &LogIdentity, health: &Health) -> Result<(), Finding> {
    let stated = stated(health);
    if stated == *kept {
        return Ok(());
    }
    Err(Finding::new(
        format!(
            "The relay at this address signs the log {} with the key {}: it did so when it was first used.",
            kept.origin, kept.key
        ),
        format!("It says now that it signs the log {} with the key {}.", stated.origin, stated.key),
    ))
}

fn stated(health: &Health) -> LogIdentity {
    LogIdentity { origin: health.log_origin.clone(), key: health.log_key }
}
