//! Policies: the logs and witnesses that somebody trusts, in the format of C2SP `tlog-policy`.
//!
//! ```text
//! log relay.example.org+<key id>+<key>
//! witness w1 witness.example.com/w1+<key id>+<key>
//! witness w2 witness.example.net+<key id>+<key>
//! group two-of-them all w1 w2
//! quorum two-of-them
//! ```

use std::collections::BTreeMap;

use data_encoding::BASE64;
use thiserror::Error;

use super::note::{self, KEY_ID_BYTES, NoteError, Purpose};
use super::{LogOrigin, cosignature};
use crate::{Algorithm, PublicKey};

/// Largest policy, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// Name of the quorum that asks for no cosignature.
const NO_QUORUM: &[u8] = b"none";

/// A policy. Names in it are bytes, because the specification gives them no encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<NamedKey>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Quorum,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedKey {
    name: String,
    key: PublicKey,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Witness {
    /// Name in the policy, for people.
    name: String,
    key: NamedKey,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

/// The cosignatures that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quorum {
    None,
    Of(Member),
}

/// A witness or a group, by its place in the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// A line of a policy that breaks the format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} of the policy: {reason}")]
pub struct PolicyError {
    /// Its number, from 1; the last one, if something is missing.
    pub line: usize,
    /// Description, for people.
    pub reason: String,
}

/// Cosignatures under a checkpoint, as a policy judges them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// Names of the witnesses whose cosignatures are valid, in the order of the policy.
    pub by: Vec<String>,
    /// Names of the witnesses whose cosignatures are not valid.
    pub invalid: Vec<String>,
    /// `true` if those that are valid are a quorum.
    pub is_quorum: bool,
}

impl Policy {
    /// Parses a policy.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        if text.len() > MAX_BYTES {
            return Err(PolicyError { line: 1, reason: format!("a policy has at most {MAX_BYTES} bytes") });
        }
        let mut parser = Parser::default();
        let mut last = 1;
        for (line, items) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            // After the last newline there is no line.
            last = if items.is_empty() { last } else { line };
            parser.read(items).map_err(|reason| PolicyError { line, reason })?;
        }
        parser.finish().map_err(|reason| PolicyError { line: last, reason: reason.to_owned() })
    }

    /// Returns `true` if the policy names the logs that it accepts.
    pub fn has_logs(&self) -> bool {
        !self.logs.is_empty()
    }

    /// Returns `true` if the policy accepts this key for one of these logs: that of a channel, or all logs of a relay.
    pub fn accepts_log(&self, origins: &[&LogOrigin], key: &PublicKey) -> bool {
        let mut logs = self.logs.iter();
        logs.any(|log| log.key == *key && origins.iter().any(|origin| origin.as_str() == log.name))
    }

    /// Returns `true` if the policy asks for cosignatures.
    pub fn needs_witnesses(&self) -> bool {
        self.quorum != Quorum::None
    }

    /// Judges the cosignatures under a checkpoint. Those of unknown keys are ignored.
    pub fn judge(&self, note: &str) -> Result<Witnessed, NoteError> {
        note::parse(note)?;
        let (mut by, mut invalid) = (Vec::new(), Vec::new());
        let mut has_cosigned = Vec::with_capacity(self.witnesses.len());
        for Witness { name, key } in &self.witnesses {
            let found = cosignature::verify(note, &key.name, &key.key);
            has_cosigned.push(matches!(found, Ok(Some(_))));
            match found {
                Ok(Some(_)) => by.push(name.clone()),
                Ok(None) => {}
                Err(_) => invalid.push(name.clone()),
            }
        }
        // A group has members that were defined before it.
        let mut is_met: Vec<bool> = Vec::with_capacity(self.groups.len());
        for Group { threshold, members } in &self.groups {
            let count = members.iter().filter(|member| member.has_cosigned(&has_cosigned, &is_met)).count();
            is_met.push(count >= *threshold);
        }
        let is_quorum = match self.quorum {
            Quorum::None => true,
            Quorum::Of(member) => member.has_cosigned(&has_cosigned, &is_met),
        };
        Ok(Witnessed { by, invalid, is_quorum })
    }
}

impl Member {
    fn has_cosigned(self, witnesses: &[bool], groups: &[bool]) -> bool {
        match self {
            Self::Witness(place) => witnesses[place],
            Self::Group(place) => groups[place],
        }
    }
}

#[derive(Default)]
struct Parser {
    logs: Vec<NamedKey>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// The meaning of each name, and whether it is a member of a group already.
    names: BTreeMap<Vec<u8>, (Member, bool)>,
    quorum: Option<Quorum>,
}

impl Parser {
    fn read(&mut self, line: &[u8]) -> Result<(), String> {
        if line.iter().any(|byte| *byte < 0x20 && *byte != b'\t' || *byte == 0x7f) {
            return Err("there is a control character in it".to_owned());
        }
        let items: Vec<&[u8]> =
            line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|item| !item.is_empty()).collect();
        match items[..] {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key] | [b"log", key, _] => {
                let key = parse_key(key, Purpose::Log)?;
                if self.logs.iter().any(|log| log.key == key.key) {
                    return Err("another log has this key".to_owned());
                }
                self.logs.push(key);
                Ok(())
            }
            [b"witness", name, key] | [b"witness", name, key, _] => {
                let key = parse_key(key, Purpose::Cosignature)?;
                if self.witnesses.iter().any(|witness| witness.key.key == key.key) {
                    return Err("another witness has this key".to_owned());
                }
                self.define(name, Member::Witness(self.witnesses.len()))?;
                self.witnesses.push(Witness { name: String::from_utf8_lossy(name).into_owned(), key });
                Ok(())
            }
            [b"group", name, threshold, ref members @ ..] if !members.is_empty() => {
                let threshold = parse_threshold(threshold, members.len())?;
                let members = members.iter().map(|member| self.use_member(member)).collect::<Result<_, _>>()?;
                self.define(name, Member::Group(self.groups.len()))?;
                self.groups.push(Group { threshold, members });
                Ok(())
            }
            [b"quorum", name] => {
                if self.quorum.is_some() {
                    return Err("there is a second quorum".to_owned());
                }
                self.quorum = Some(if name == NO_QUORUM { Quorum::None } else { Quorum::Of(self.lookup(name)?.0) });
                Ok(())
            }
            _ => Err("a line is 'log <key> [<url>]', 'witness <name> <key> [<url>]', 'group <name> all|any|<number> <name>...', 'quorum <name>' or 'quorum none'".to_owned()),
        }
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), String> {
        if name == NO_QUORUM || self.names.contains_key(name) {
            return Err(format!("the name {} stands for something already", shown(name)));
        }
        self.names.insert(name.to_owned(), (member, false));
        Ok(())
    }

    fn lookup(&mut self, name: &[u8]) -> Result<&mut (Member, bool), String> {
        let unknown = || format!("there is no witness or group {} on a line before", shown(name));
        self.names.get_mut(name).ok_or_else(unknown)
    }

    /// Takes a witness or group into a group. It belongs to one alone, so that no witness counts twice.
    fn use_member(&mut self, name: &[u8]) -> Result<Member, String> {
        let (member, is_used) = self.lookup(name)?;
        if std::mem::replace(is_used, true) {
            return Err(format!("{} is a member of a group already", shown(name)));
        }
        Ok(*member)
    }

    fn finish(self) -> Result<Policy, &'static str> {
        let quorum = self.quorum.ok_or("there is no quorum; write 'quorum none' to ask for no witness")?;
        Ok(Policy { logs: self.logs, witnesses: self.witnesses, groups: self.groups, quorum })
    }
}

fn parse_threshold(text: &[u8], members: usize) -> Result<usize, String> {
    let number =
        || std::str::from_utf8(text).ok()?.parse().ok().filter(|number: &usize| number.to_string().as_bytes() == text);
    match text {
        b"all" => Ok(members),
        b"any" => Ok(1),
        _ => number().filter(|number| (1..=members).contains(number)).ok_or_else(|| {
            format!("a group of {members} asks for 'all', 'any', or 1 to {members} of them, not {}", shown(text))
        }),
    }
}

/// Parses a key with its name, `<name>+<key id in hex>+<base64 of signature type ‖ public key>` (C2SP `signed-note`).
fn parse_key(text: &[u8], purpose: Purpose) -> Result<NamedKey, String> {
    let malformed = || format!("{} is not a key of the form <name>+<key id>+<base64>", shown(text));
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    let [name, id, key] = text.splitn(3, '+').collect::<Vec<_>>()[..] else { return Err(malformed()) };
    let typed = BASE64.decode(key.as_bytes()).map_err(|_| malformed())?;
    let (kind, bytes) = typed.split_first().ok_or_else(malformed)?;
    let expected = note::signature_type(Algorithm::Ed25519, purpose);
    if *kind != expected {
        return Err(format!(
            "the key of {name:?} has the signature type {kind:#04x}; this program knows {expected:#04x} here, which is Ed25519"
        ));
    }
    let key = bytes.try_into().ok().and_then(PublicKey::ed25519).ok_or_else(malformed)?;
    let key_id: [u8; KEY_ID_BYTES] = note::key_id(name, &key, purpose);
    if !note::is_key_name(name) || id != format!("{:08x}", u32::from_be_bytes(key_id)) {
        return Err(format!("the key id of {name:?} does not belong to its name and key"));
    }
    Ok(NamedKey { name: name.to_owned(), key })
}

fn shown(text: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(text).chars().take(80).collect::<String>())
}
