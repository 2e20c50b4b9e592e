//! What can be said at the prompt.

use mcp_multiplayer_protocol::limits;
use serde_json::{Map, Value};

/// For people, as `help` shows it.
pub(crate) const HELP: &str =
    "  alice: guess 42                 alice posts it; a line without a name is the last player's
  alice: hit + {\"action\": \"hit\"}  the same, with data for programs beside the text
  alice> my secret                alice tells the bot alone (dm_bot)
  join carol · leave bob          takes a seat, gives it up; seats that start empty: --later carol
  timer · wait 90                 time jumps to the next timer; 90 seconds pass
  state · log · code              what the bot remembers; the whole log; the bot's source
  save game.json                  the channel as a file, for mcp-multiplayer-bot replay
  help · quit                     every other command takes a second of the channel's time
";

/// A line, understood.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Somebody says something; without a name, whoever spoke last.
    Say {
        who: Option<String>,
        private: bool,
        text: String,
        data: Map<String, Value>,
    },
    /// Whoever speaks from here on.
    As(String),
    Join(String),
    Leave(String),
    Timer,
    Wait(u64),
    State,
    Log,
    Code,
    /// Writes the channel to a file.
    Save(String),
    Help,
    Quit,
    /// An empty line or a remark.
    Nothing,
}

/// Longest wait, in seconds: as long as a timer may be set to.
const LONGEST_WAIT: u64 = limits::TIMER_SECONDS;

/// Understands a line; `is_player` knows the names of the seats. The error says what to write instead.
pub(crate) fn parse(line: &str, is_player: impl Fn(&str) -> bool) -> Result<Command, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let named = |command: fn(String) -> Command| match rest {
        "" => Err(format!("{word} whom? For example: {word} alice")),
        name if name.contains(char::is_whitespace) => Err(format!("one name after {word}, please")),
        name => Ok(command(name.to_owned())),
    };
    match (word, rest) {
        ("", _) => return Ok(Command::Nothing),
        ("join", _) => return named(Command::Join),
        ("leave", _) => return named(Command::Leave),
        ("wait", _) => {
            return match rest.parse() {
                Ok(seconds @ 1..=LONGEST_WAIT) => Ok(Command::Wait(seconds)),
                _ => Err(format!("wait how long? For example: wait 90 (seconds; at most {LONGEST_WAIT})")),
            };
        }
        ("save", "") => return Err("save to which file? For example: save game.json".to_owned()),
        ("save", file) => return Ok(Command::Save(file.to_owned())),
        ("timer", "") => return Ok(Command::Timer),
        ("state", "") => return Ok(Command::State),
        ("log", "") => return Ok(Command::Log),
        ("code", "") => return Ok(Command::Code),
        ("help" | "?", "") => return Ok(Command::Help),
        ("quit" | "exit" | "q", "") => return Ok(Command::Quit),
        _ if line.starts_with('#') => return Ok(Command::Nothing),
        _ => {}
    }
    let prefix = line.find([':', '>']).filter(|end| is_player(&line[..*end]));
    let (who, private, text) = match prefix {
        Some(end) => (Some(line[..end].to_owned()), line.as_bytes()[end] == b'>', line[end + 1..].trim()),
        None => (None, false, line),
    };
    if let (Some(name), "") = (&who, text) {
        return Ok(Command::As(name.clone()));
    }
    let (text, data) = match with_data(text) {
        Some(_) if private => return Err("what is told to the bot alone is text: dm_bot takes no data".to_owned()),
        Some((text, data)) => (text, data),
        None => (text, Map::new()),
    };
    Ok(Command::Say { who, private, text: text.to_owned(), data })
}

/// `text + {"json": "object"}`
fn with_data(text: &str) -> Option<(&str, Map<String, Value>)> {
    text.match_indices('+').find_map(|(at, _)| {
        let data = serde_json::from_str(text[at + 1..].trim()).ok()?;
        Some((text[..at].trim(), data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line, |name| name == "alice" || name == "s1")
    }

    fn said(who: Option<&str>, private: bool, text: &str) -> Command {
        Command::Say { who: who.map(str::to_owned), private, text: text.to_owned(), data: Map::new() }
    }

    #[test]
    fn players_speak_by_name_and_all_else_is_the_last_ones() {
        assert_eq!(parsed("alice: guess 42"), Ok(said(Some("alice"), false, "guess 42")));
        assert_eq!(parsed("  alice:guess 42 "), Ok(said(Some("alice"), false, "guess 42")));
        assert_eq!(parsed("s1> a: b"), Ok(said(Some("s1"), true, "a: b")));
        assert_eq!(parsed("note: 3 > 2"), Ok(said(None, false, "note: 3 > 2")));
        assert_eq!(parsed("state of play"), Ok(said(None, false, "state of play")));
        assert_eq!(parsed("alice: state"), Ok(said(Some("alice"), false, "state")));
        assert_eq!(parsed("alice:"), Ok(Command::As("alice".to_owned())));
    }

    #[test]
    fn data_stands_behind_a_plus() {
        let Ok(Command::Say { text, data, .. }) = parsed(r#"alice: 1 + 1 + {"action": "hit"}"#) else { panic!() };
        assert_eq!((text.as_str(), data.len()), ("1 + 1", 1));
        assert_eq!(parsed("alice: 1 + 1"), Ok(said(Some("alice"), false, "1 + 1")));
        assert!(parsed(r#"alice> hit + {"a": 1}"#).is_err());
    }

    #[test]
    fn commands_are_words_of_their_own() {
        assert_eq!(parsed("wait 90"), Ok(Command::Wait(90)));
        assert_eq!(parsed("timer"), Ok(Command::Timer));
        assert_eq!(parsed("join carol"), Ok(Command::Join("carol".to_owned())));
        assert_eq!(parsed("# a remark"), Ok(Command::Nothing));
        assert_eq!(parsed("save a b.json"), Ok(Command::Save("a b.json".to_owned())));
        assert!(parsed("join").is_err());
        assert!(parsed("wait for it").is_err());
        assert!(parsed("wait 0").is_err());
    }
}
