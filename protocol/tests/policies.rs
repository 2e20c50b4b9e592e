//! Policies, good and bad, in the format of C2SP `tlog-policy`. Other software made the keys and cosignatures in the file.
#![expect(clippy::unwrap_used, reason = "a failure here is a failure of the test")]

use mcp_multiplayer_protocol::checkpoint::{LogOrigin, Policy, Witnessed};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    note: String,
    good: Vec<Good>,
    bad: Vec<Bad>,
}

#[derive(Deserialize)]
struct Good {
    name: String,
    policy: String,
    by: Vec<String>,
    is_quorum: bool,
}

#[derive(Deserialize)]
struct Bad {
    name: String,
    policy: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("checkpoints/policy.json")).unwrap()
}

#[test]
fn cosignatures_are_judged_by_the_quorum() {
    let Vectors { note, good, .. } = vectors();
    for Good { name, policy, by, is_quorum } in good {
        let policy = Policy::parse(policy.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(policy.judge(&note), Ok(Witnessed { by, invalid: vec![], is_quorum }), "{name}");
    }
}

#[test]
fn a_cosignature_of_another_text_is_reported() {
    let Vectors { note, good, .. } = vectors();
    let two = good.iter().find(|good| good.name == "two of three").unwrap();
    let policy = Policy::parse(two.policy.as_bytes()).unwrap();
    let witnessed = policy.judge(&note.replacen("\n3\n", "\n4\n", 1)).unwrap();
    assert_eq!(witnessed.invalid, ["w1", "w3"]);
    assert!(witnessed.by.is_empty() && !witnessed.is_quorum);
}

#[test]
fn malformed_policies_are_refused_with_the_line() {
    for Bad { name, policy } in vectors().bad {
        let error = Policy::parse(policy.as_bytes()).expect_err(&name);
        assert!(error.line >= 1 && error.line <= policy.lines().count().max(1), "{name}: {error}");
    }
    let error = Policy::parse(b"# fine\nquorum w1\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2 of the policy: there is no witness or group \"w1\" on a line before");
    assert!(Policy::parse(&vec![b'#'; 300_000]).is_err());
}

#[test]
fn a_log_is_accepted_by_name_and_key() {
    let origin = |text: &str| text.parse::<LogOrigin>().unwrap();
    let Vectors { good, .. } = vectors();
    let with_log = good.iter().find(|good| good.policy.contains("log\t")).unwrap();
    let policy = Policy::parse(with_log.policy.as_bytes()).unwrap();
    let [key, other] = [4, 5].map(|secret| mcp_multiplayer_protocol::SigningKey::ed25519(&[secret; 32]).public());
    let (relay, channel) = (origin("relay.example.org"), origin("relay.example.org/chn_0123456789abcdef"));
    assert!(policy.has_logs() && policy.accepts_log(&[&channel, &relay], &key));
    assert!(!policy.accepts_log(&[&channel], &key) && !policy.accepts_log(&[&relay], &other));
}
