//! The commands of the prompt, and their parser.

use mcp_multiplayer_protocol::limits;
use serde_json::{Map, Value};

/// Text of `help`.
pub(crate) const HELP: &str =
    "  alice: guess 42                 alice posts a message; without a name, the last speaker does
  alice: hit + {\"action\": \"hit\"}  the same, with data for programs in addition to the text
  alice> my secret                alice sends the bot a private message (dm_bot)
  join carol · leave bob          take a seat, give it up; --later carol adds a seat that starts empty
  timer · wait 90                 skip to the next timer; let 90 seconds pass
  close                           close the channel; the bot's on_close is its last hook
  state · log · code              show the bot's state, the whole log, the bot's source
  save game.json                  write the channel to a file, for mcp-multiplayer-bot replay
  help · quit                     show this help; end the game
Each message, join, leave and close takes one second of the channel's time.
";

/// A parsed line.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// A player sends a message; without a name, the last speaker does.
    Say {
        player: Option<String>,
        private: bool,
        text: String,
        data: Map<String, Value>,
    },
    /// Chooses the player for lines without a name.
    Speaker(String),
    Join(String),
    Leave(String),
    Timer,
    Wait(u64),
    Close,
    State,
    Log,
    Code,
    /// Writes the channel to a file.
    Save(String),
    Help,
    Quit,
    /// An empty line or a comment.
    Nothing,
}

/// Longest wait, in seconds: as long as a timer may be set to.
const LONGEST_WAIT: u64 = limits::TIMER_SECONDS;

/// Parses a line. `is_player` returns whether a name is that of a seat. The error says how to write the command.
pub(crate) fn parse(line: &str, is_player: impl Fn(&str) -> bool) -> Result<Command, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let named = |command: fn(String) -> Command| match rest {
        "" => Err(format!("{word} needs the name of a player, for example: {word} alice")),
        name if name.contains(char::is_whitespace) => Err(format!("{word} takes one name, for example: {word} alice")),
        name => Ok(command(name.to_owned())),
    };
    match (word, rest) {
        ("", _) => return Ok(Command::Nothing),
        ("join", _) => return named(Command::Join),
        ("leave", _) => return named(Command::Leave),
        ("wait", _) => {
            return match rest.parse() {
                Ok(seconds @ 1..=LONGEST_WAIT) => Ok(Command::Wait(seconds)),
                _ => Err(format!("wait needs a number of seconds from 1 to {LONGEST_WAIT}, for example: wait 90")),
            };
        }
        ("save", "") => return Err("save needs the name of a file, for example: save game.json".to_owned()),
        ("save", file) => return Ok(Command::Save(file.to_owned())),
        ("timer", "") => return Ok(Command::Timer),
        ("close", "") => return Ok(Command::Close),
        ("state", "") => return Ok(Command::State),
        ("log", "") => return Ok(Command::Log),
        ("code", "") => return Ok(Command::Code),
        ("help" | "?", "") => return Ok(Command::Help),
        ("quit" | "exit" | "q", "") => return Ok(Command::Quit),
        _ if line.starts_with('#') => return Ok(Command::Nothing),
        _ => {}
    }
    let prefix = line.find([':', '>']).filter(|end| is_player(&line[..*end]));
    let (player, private, text) = match prefix {
        Some(end) => (Some(line[..end].to_owned()), line.as_bytes()[end] == b'>', line[end + 1..].trim()),
        None => (None, false, line),
    };
    if let (Some(name), "") = (&player, text) {
        return Ok(Command::Speaker(name.clone()));
    }
    let (text, data) = match split_data(text) {
        Some(_) if private => return Err("a private message to the bot cannot have data, only text".to_owned()),
        Some((text, data)) => (text, data),
        None => (text, Map::new()),
    };
    Ok(Command::Say { player, private, text: text.to_owned(), data })
}

/// Splits `text + {"json": "object"}`; `None` if the line does not end with a JSON object.
fn split_data(text: &str) -> Option<(&str, Map<String, Value>)> {
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

    fn say(player: Option<&str>, private: bool, text: &str) -> Command {
        Command::Say { player: player.map(str::to_owned), private, text: text.to_owned(), data: Map::new() }
    }

    #[test]
    fn lines_without_a_players_name_belong_to_the_last_speaker() {
        assert_eq!(parsed("alice: guess 42"), Ok(say(Some("alice"), false, "guess 42")));
        assert_eq!(parsed("  alice:guess 42 "), Ok(say(Some("alice"), false, "guess 42")));
        assert_eq!(parsed("s1> a: b"), Ok(say(Some("s1"), true, "a: b")));
        assert_eq!(parsed("note: 3 > 2"), Ok(say(None, false, "note: 3 > 2")));
        assert_eq!(parsed("state of play"), Ok(say(None, false, "state of play")));
        assert_eq!(parsed("alice: state"), Ok(say(Some("alice"), false, "state")));
        assert_eq!(parsed("alice:"), Ok(Command::Speaker("alice".to_owned())));
    }

    #[test]
    fn data_follows_a_plus_sign() {
        let Ok(Command::Say { text, data, .. }) = parsed(r#"alice: 1 + 1 + {"action": "hit"}"#) else { panic!() };
        assert_eq!((text.as_str(), data.len()), ("1 + 1", 1));
        assert_eq!(parsed("alice: 1 + 1"), Ok(say(Some("alice"), false, "1 + 1")));
        assert!(parsed(r#"alice> hit + {"a": 1}"#).is_err());
    }

    #[test]
    fn commands_and_comments_are_recognised() {
        assert_eq!(parsed("wait 90"), Ok(Command::Wait(90)));
        assert_eq!(parsed("timer"), Ok(Command::Timer));
        assert_eq!(parsed("join carol"), Ok(Command::Join("carol".to_owned())));
        assert_eq!(parsed("# a comment"), Ok(Command::Nothing));
        assert_eq!(parsed("save a b.json"), Ok(Command::Save("a b.json".to_owned())));
        assert!(parsed("join").is_err());
        assert!(parsed("wait for it").is_err());
        assert!(parsed("wait 0").is_err());
    }
}
