//! `compare`: finds the first entry in which two receipts of one channel differ.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mcp_multiplayer_protocol::printable;
use mcp_multiplayer_protocol::receipt::{Receipt, Verifier};

/// Compare two receipts of one channel, such as those of two players
///
/// A relay that shows its players different logs has to sign both. Exits with 0 if one receipt is the beginning of the
/// other, or both are of the same log; 1 if they differ; 2 if a file cannot be read, or is not good by itself.
#[derive(Debug, clap::Args)]
pub struct Compare {
    /// One receipt
    first: PathBuf,
    /// The other one
    second: PathBuf,
}

/// Compares two receipts and prints the result.
pub fn run(arguments: &Compare) -> ExitCode {
    match compare(&arguments.first, &arguments.second) {
        Ok((text, is_same)) => {
            // Fails if nobody reads the output any more.
            let _ = writeln!(io::stdout(), "{}", printable(&text));
            if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}", printable(&error));
            ExitCode::from(2)
        }
    }
}

fn compare(first: &Path, second: &Path) -> Result<(String, bool), String> {
    let (one, other) = (read(first)?, read(second)?);
    if one.header.channel_id != other.header.channel_id {
        let (one, other) = (one.header.channel_id, other.header.channel_id);
        return Err(format!("These are receipts of two channels: {one} and {other}."));
    }
    let same_key = one.header.log.is_some() && one.header.log == other.header.log;
    let mut entries = one.entries.iter().zip(&other.entries);
    let Some((entry, _)) = entries.find(|(one, other)| one.envelope != other.envelope) else {
        let (shorter, longer) =
            (one.entries.len().min(other.entries.len()), one.entries.len().max(other.entries.len()));
        let more = if longer > shorter { format!(" One of them goes on to entry {longer}.") } else { String::new() };
        let keys = if same_key { "" } else { " But they name different relays or keys." };
        return Ok((format!("Both receipts have the same entries 1 to {shorter}.{more}{keys}"), same_key));
    };
    let proof = if same_key {
        "The same relay signed both with the same key: it showed two people two different logs, and these files prove it."
    } else {
        "They name different relays or keys: compare the keys with the one that the relay shows."
    };
    Ok((format!("The receipts differ from entry {} on. {proof}", entry.id()), false))
}

/// Reads a receipt that is good by itself; else a comparison would show nothing.
fn read(path: &Path) -> Result<Receipt, String> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let mut verifier = Verifier::new(None);
    for line in text.lines() {
        verifier.read(line);
    }
    let report = verifier.finish();
    if !report.is_good() {
        return Err(format!("{name} is not a good receipt. {} See 'mcp-multiplayer verify'.", report.fails.join(" ")));
    }
    Receipt::parse(&text).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::checkpoint::{Checkpoint, LogIdentity};
    use mcp_multiplayer_protocol::merkle::Frontier;
    use mcp_multiplayer_protocol::{Salt, SigningKey, SystemEvent};

    use super::*;

    /// A genuine receipt with the first `size` entries, `changed` in its last one, signed by a relay with this key.
    fn receipt(size: usize, changed: bool, key: u8) -> String {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/receipts");
        let mut files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
        let file = files.find(|path| path.to_string_lossy().contains("GuessBot")).unwrap();
        let mut receipt = Receipt::parse(&fs::read_to_string(file).unwrap()).unwrap();
        receipt.entries.truncate(size);
        if changed {
            let last = receipt.entries.last_mut().unwrap();
            last.content.as_mut().unwrap().salt = Salt([1; 32]);
            last.envelope.body_hash = last.content.as_ref().unwrap().hash();
        }
        let (key, mut frontier) = (SigningKey::ed25519(&[key; 32]), Frontier::default());
        let origin: mcp_multiplayer_protocol::checkpoint::LogOrigin = "relay.example.org".parse().unwrap();
        receipt.header.log = Some(LogIdentity { origin: origin.clone(), key: key.public() });
        let first = receipt.entries.first_mut().unwrap();
        let content = first.content.as_mut().unwrap();
        let mut created: SystemEvent = content.body.parse().unwrap();
        if let SystemEvent::ChannelCreated { log, .. } = &mut created {
            log.clone_from(&receipt.header.log);
        }
        content.body = created.to_body();
        first.envelope.body_hash = content.hash();
        receipt.entries.iter().for_each(|entry| frontier.push(entry.envelope.leaf_hash()));
        let tree = frontier.tree_head();
        receipt.checkpoint = Some(Checkpoint { origin: origin.channel(receipt.header.channel_id), tree }.sign(&key));
        receipt.into_lines().map(|line| line.to_text()).collect()
    }

    fn compared(first: &str, second: &str) -> Result<(String, bool), String> {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (directory.path().join("one"), directory.path().join("other"));
        fs::write(&one, first).unwrap();
        fs::write(&other, second).unwrap();
        compare(&one, &other)
    }

    #[test]
    fn a_relay_that_signs_two_logs_is_found() {
        let genuine = receipt(20, false, 1);
        assert_eq!(
            compared(&genuine, &genuine).unwrap(),
            ("Both receipts have the same entries 1 to 20.".to_owned(), true)
        );
        let longer = compared(&genuine, &receipt(25, false, 1)).unwrap();
        assert_eq!(
            longer,
            ("Both receipts have the same entries 1 to 20. One of them goes on to entry 25.".to_owned(), true)
        );
        let (text, is_same) = compared(&genuine, &receipt(12, true, 1)).unwrap();
        assert!(
            !is_same && text.starts_with("The receipts differ from entry 12 on. The same relay signed both"),
            "{text}"
        );
        let (text, is_same) = compared(&genuine, &receipt(20, false, 2)).unwrap();
        assert!(
            !is_same && text.ends_with("they name different relays or keys.") || text.contains("different relays"),
            "{text}"
        );
        let error = compared(&genuine, &genuine[..genuine.len() / 2]).unwrap_err();
        assert!(error.contains("is not a good receipt"), "{error}");
    }
}
