//! Signed checkpoints, good and bad, compared with the bytes that were committed when their format was frozen.
//!
//! Each bad one in `checkpoints/` breaks one rule, and says which. The file is rewritten only on request.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use mcp_multiplayer_protocol::checkpoint::{Checkpoint, CheckpointError, LogOrigin, NoteError, verifier_key};
use mcp_multiplayer_protocol::merkle::{Frontier, ProofPlan, TreeHead, leaf_hash, verify_inclusion};
use mcp_multiplayer_protocol::operation::LogProof;
use mcp_multiplayer_protocol::{ChannelId, Hash, PublicKey, SigningKey};
use serde::{Deserialize, Serialize};

/// Environment variable that makes a test rewrite the file.
const WRITE_VARIABLE: &str = "MULTIPLAYER_WRITE_VECTORS";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    about: String,
    /// The log that the checkpoints claim to be of.
    origin: LogOrigin,
    /// The key that must have signed them, in this project's form and in that of other tools.
    key: PublicKey,
    verifier_key: String,
    good: Vec<Good>,
    bad: Vec<Bad>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Good {
    name: String,
    tree: TreeHead,
    note: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    /// The rule that the note breaks.
    breaks: String,
    error: String,
    note: String,
}

/// The note signed by hand, as the specification says, so that the crate is not compared with itself.
struct Note {
    text: String,
    key_name: String,
    /// Appended to the name before it is hashed; empty in a note that follows the rules.
    hashed_name_suffix: &'static str,
    signature_type: u8,
    signed_text: Option<String>,
}

impl Note {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            key_name: origin().to_string(),
            hashed_name_suffix: "",
            signature_type: 1,
            signed_text: None,
        }
    }

    fn signature(&self, key: &SigningKey) -> Vec<u8> {
        let Self { text, key_name, hashed_name_suffix, signature_type, signed_text } = self;
        let hashed_name = format!("{key_name}{hashed_name_suffix}\n");
        let key_hash = Hash::of(&[hashed_name.as_bytes(), &[*signature_type], key.public().as_bytes()]);
        [&key_hash.as_bytes()[..4], &key.sign(signed_text.as_ref().unwrap_or(text).as_bytes())].concat()
    }

    fn sign(&self) -> String {
        self.with(&BASE64.encode(&self.signature(&key())))
    }

    fn with(&self, signature: &str) -> String {
        format!("{}\n— {} {signature}\n", self.text, self.key_name)
    }
}

fn key() -> SigningKey {
    SigningKey::ed25519(&[7; 32])
}

fn origin() -> LogOrigin {
    let relay: LogOrigin = "relay.example.org".parse().expect("a host name");
    relay.channel(ChannelId::from_bytes([7; 10]))
}

fn tree(size: u64) -> TreeHead {
    TreeHead { size, root: Hash::of(&[&size.to_be_bytes()]) }
}

/// A checkpoint's text with another first, second or third line.
fn text(line: usize, other: &str) -> String {
    let text = Checkpoint { origin: origin(), tree: tree(9) }.text();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[line] = other;
    lines.join("\n") + "\n"
}

fn good() -> Vec<Good> {
    let note = |tree: TreeHead| Note::new(Checkpoint { origin: origin(), tree }.text());
    let signed = |name: &str, tree| Good { name: name.to_owned(), tree, note: note(tree).sign() };
    let nine = note(tree(9));
    let stranger = Note { key_name: "witness.example.org".to_owned(), ..Note::new("") };
    let stranger = format!("— {} {}\n", stranger.key_name, BASE64.encode(&[0xff; 76]));
    let (text, own) = (&nine.text, nine.sign()[nine.text.len() + 1..].to_owned());
    vec![
        signed("an empty log", TreeHead { size: 0, root: Hash::of(&[]) }),
        signed("nine entries", tree(9)),
        signed("a large log", tree(20_852_163)),
        signed("the largest number", tree(u64::MAX)),
        Good {
            name: "a signature of another key before the log's".to_owned(),
            tree: tree(9),
            note: format!("{text}\n{stranger}{own}"),
        },
        Good {
            name: "a signature of another key after the log's".to_owned(),
            tree: tree(9),
            note: format!("{text}\n{own}{stranger}"),
        },
        Good { name: "the same signature twice".to_owned(), tree: tree(9), note: format!("{text}\n{own}{own}") },
    ]
}

fn bad() -> Vec<Bad> {
    let plain = Note::new(Checkpoint { origin: origin(), tree: tree(9) }.text());
    let note = || Note::new(plain.text.clone());
    let signature = plain.signature(&key());
    let encoded = BASE64.encode(&signature);
    let root = BASE64.encode(tree(9).root.as_bytes());
    let mut altered = signature.clone();
    altered[40] ^= 1;
    let mut bad = Vec::new();
    let mut push = |breaks: &str, error: CheckpointError, note: String| {
        bad.push(Bad { breaks: breaks.to_owned(), error: format!("{error:?}"), note });
    };
    let mut of_note = |breaks: &str, error: NoteError, note: String| push(breaks, error.into(), note);

    of_note(
        "the signature is the log's",
        NoteError::NotSigned,
        Note { key_name: "relay.example.org".to_owned(), ..note() }.sign(),
    );
    of_note("the key name is in the key id", NoteError::NotSigned, Note { hashed_name_suffix: "/", ..note() }.sign());
    of_note(
        "the signature type of a log is 0x01, not a witness's",
        NoteError::NotSigned,
        Note { signature_type: 4, ..note() }.sign(),
    );
    let other_key = SigningKey::ed25519(&[8; 32]);
    of_note("the key is the log's", NoteError::NotSigned, plain.with(&BASE64.encode(&plain.signature(&other_key))));
    let forged = [&signature[..4], &other_key.sign(plain.text.as_bytes())].concat();
    of_note("the key behind the key id is the log's", NoteError::InvalidSignature, plain.with(&BASE64.encode(&forged)));
    of_note(
        "the signature is one of this size",
        NoteError::InvalidSignature,
        Note { signed_text: Some(text(1, "10")), ..note() }.sign(),
    );
    of_note(
        "the signature is one of this root",
        NoteError::InvalidSignature,
        Note { signed_text: Some(text(2, &BASE64.encode(&[7; 32]))), ..note() }.sign(),
    );
    of_note(
        "the signed text includes its last newline",
        NoteError::InvalidSignature,
        Note { signed_text: Some(plain.text.trim_end().to_owned()), ..note() }.sign(),
    );
    of_note("the signature is unaltered", NoteError::InvalidSignature, plain.with(&BASE64.encode(&altered)));
    of_note("the signature has 64 bytes", NoteError::InvalidSignature, plain.with(&BASE64.encode(&signature[..67])));
    let longer = BASE64.encode(&[&signature[..], &[0]].concat());
    of_note("nothing follows the signature's 64 bytes", NoteError::InvalidSignature, plain.with(&longer));
    of_note("every signature of the key is valid", NoteError::InvalidSignature, {
        format!("{}— {} {}\n", plain.sign(), plain.key_name, BASE64.encode(&altered))
    });
    let malformed = NoteError::MalformedSignature;
    of_note("there is a signature behind the key id", malformed, plain.with(&BASE64.encode(&signature[..4])));
    of_note("base64 is padded", malformed, plain.with(encoded.trim_end_matches('=')));
    of_note("base64 has no unused bits set", malformed, {
        // 68 bytes end with one `=`, so the two lowest bits of the last digit are unused.
        let (digits, last) = encoded.trim_end_matches('=').split_at(encoded.len() - 2);
        let next = char::from(last.as_bytes()[0] + 1);
        plain.with(&format!("{digits}{next}="))
    });
    of_note("base64 has the standard alphabet", malformed, plain.with(&encoded.replace(['+', '/'], "_")));
    of_note("a signature line starts with an em dash", malformed, plain.sign().replace('—', "-"));
    of_note("one space is between name and signature", malformed, plain.with(&format!(" {encoded}")));
    of_note("nothing follows the signature line", malformed, format!("{}more\n", plain.sign()));
    let unsigned = NoteError::NoSignatures;
    of_note("there is a signature", unsigned, format!("{}\n", plain.text));
    of_note("a blank line is before the signatures", unsigned, plain.sign().replace("\n\n", "\n"));
    of_note("the last line ends with a newline", unsigned, plain.sign().trim_end().to_owned());
    of_note("the note is not empty", unsigned, String::new());
    of_note("lines end with a newline alone", NoteError::ControlCharacter, plain.sign().replace('\n', "\r\n"));
    of_note("there are no control characters", NoteError::ControlCharacter, Note::new(text(0, "relay\t")).sign());

    let mut of_text = |breaks: &str, error, text: String| push(breaks, error, Note::new(text).sign());
    of_text("the origin is the log's", CheckpointError::OtherOrigin, text(0, "relay.example.org"));
    of_text("the origin is not empty", CheckpointError::OtherOrigin, text(0, ""));
    of_text("there are no extension lines", CheckpointError::NotThreeLines, format!("{}more\n", plain.text));
    of_text("there are no blank lines in the text", CheckpointError::NotThreeLines, format!("{}\n", plain.text));
    of_text("there is a root", CheckpointError::NotThreeLines, format!("{}\n9\n", plain.key_name));
    let size = CheckpointError::MalformedSize;
    of_text("a size has no leading zero", size, text(1, "09"));
    of_text("a size has no sign", size, text(1, "+9"));
    of_text("a size is not negative", size, text(1, "-9"));
    of_text("a size is decimal", size, text(1, "0x9"));
    of_text("a size has no spaces", size, text(1, "9 "));
    of_text("a size is a number", size, text(1, "nine"));
    of_text("a size is below 2^64", size, text(1, "18446744073709551616"));
    let malformed = CheckpointError::MalformedRoot;
    of_text("a root is padded", malformed, text(2, root.trim_end_matches('=')));
    of_text("a root has 32 bytes", malformed, text(2, &BASE64.encode(&[7; 31])));
    of_text("a root has no more than 32 bytes", malformed, text(2, &BASE64.encode(&[7; 33])));
    of_text(
        "a root's base64 has no unused bits set",
        malformed,
        text(2, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J="),
    );
    of_text("a root is in base64, not in hex", malformed, text(2, &tree(9).root.to_string()["sha256:".len()..]));
    bad
}

fn vectors() -> Vectors {
    let about = "Checkpoints of one log as C2SP signed notes, to be verified with this origin and key. Each bad one breaks the \
                 rule that it names, and no other.";
    let key = key().public();
    let verifier_key = verifier_key(&origin(), &key);
    Vectors { about: about.to_owned(), origin: origin(), key, verifier_key, good: good(), bad: bad() }
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints/checkpoint.json")
}

fn committed() -> Vectors {
    let text = std::fs::read_to_string(path()).expect("the file");
    serde_json::from_str(&text).expect("test vectors")
}

#[test]
fn the_file_contains_these_notes() {
    let vectors = vectors();
    if std::env::var_os(WRITE_VARIABLE).is_some() {
        std::fs::write(path(), serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    }
    assert_eq!(committed(), vectors);
}

#[test]
fn good_checkpoints_are_verified_and_made_again_byte_for_byte() {
    let Vectors { origin, key, good, .. } = committed();
    for Good { name, tree, note } in good {
        let checkpoint = Checkpoint::verify(&note, &origin, &key).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(checkpoint, Checkpoint { origin: origin.clone(), tree }, "{name}");
        let signed = checkpoint.sign(&self::key());
        assert!(note.lines().count() > signed.lines().count() || note == signed, "{name}");
    }
}

#[test]
fn bad_checkpoints_are_refused_for_the_rule_that_they_break() {
    let Vectors { origin, key, bad, .. } = committed();
    for Bad { breaks, error, note } in bad {
        let refused = Checkpoint::verify(&note, &origin, &key).expect_err(&breaks);
        assert_eq!(format!("{refused:?}"), error, "{breaks}");
    }
}

#[test]
fn a_checkpoint_is_valid_for_its_log_and_key_only() {
    let note = Checkpoint { origin: origin(), tree: tree(9) }.sign(&key());
    let relay: LogOrigin = "relay.example.org".parse().unwrap();
    for other in [relay.clone(), relay.channel(ChannelId::from_bytes([8; 10]))] {
        assert_eq!(Checkpoint::verify(&note, &other, &key().public()), Err(NoteError::NotSigned.into()));
    }
    let other_key = SigningKey::ed25519(&[8; 32]).public();
    assert_eq!(Checkpoint::verify(&note, &origin(), &other_key), Err(NoteError::NotSigned.into()));
}

/// Flips each bit of a note.
#[test]
fn no_altered_note_is_a_checkpoint() {
    let note = Checkpoint { origin: origin(), tree: tree(9) }.sign(&key());
    for place in 0..note.len() * 8 {
        let mut altered = note.clone().into_bytes();
        altered[place / 8] ^= 1 << (place % 8);
        if let Ok(altered) = String::from_utf8(altered) {
            assert!(Checkpoint::verify(&altered, &origin(), &key().public()).is_err(), "{altered}");
        }
    }
}

#[test]
fn origins_have_no_spaces_and_no_plus() {
    for text in ["", "a b", "a\u{a0}b", "a+b", "a\nb", "a\u{7f}b", "a\u{85}b", &"x".repeat(256)] {
        assert!(text.parse::<LogOrigin>().is_err(), "{text:?}");
    }
    for text in ["relay.example.org", "relay.example.org:8100/games", "[::1]:8100", &"x".repeat(255)] {
        assert_eq!(text.parse::<LogOrigin>().unwrap().as_str(), text);
    }
}

/// The example of docs/PROTOCOL.md.
#[test]
fn the_example_of_the_page_holds() {
    let relay: LogOrigin = "relay.example.org".parse().unwrap();
    let origin = relay.channel("chn_0123456789abcdef".parse().unwrap());
    let leaves = ["one", "two", "three"].map(|leaf| leaf_hash(leaf.as_bytes()));
    let mut frontier = Frontier::default();
    let stored = leaves.map(|leaf| frontier.push_and_complete(leaf));
    let plan = ProofPlan::inclusion(1, 3).unwrap();
    let nodes = plan.nodes();
    let place = |id: u64| usize::try_from(id - 1).unwrap();
    let hashes: Vec<Hash> =
        nodes.iter().map(|node| stored[place(node.completed_by())][usize::from(node.level())]).collect();
    let checkpoint = Checkpoint { origin: origin.clone(), tree: frontier.tree_head() }.sign(&key());
    let example = LogProof {
        size: 3,
        leaf_hash: Some(leaves[1]),
        proof: plan.prove(&hashes).unwrap(),
        verifier_key: verifier_key(&origin, &key().public()),
        checkpoint,
    };
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PROTOCOL.md")).unwrap();
    let json = serde_json::to_string(&example).unwrap();
    for text in [&json, &example.checkpoint] {
        assert!(page.contains(text), "docs/PROTOCOL.md must contain:\n{text}");
    }
    let tree = Checkpoint::verify(&example.checkpoint, &origin, &key().public()).unwrap().tree;
    verify_inclusion(leaves[1], 1, tree, &example.proof).unwrap();
}
