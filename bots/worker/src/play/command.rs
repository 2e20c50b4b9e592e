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
  expect You win                  the posts that the last line led to contain this text, or else the line fails
  expect alice> Your card         the same for the private messages to alice
  reload                          read the bot's file again, and repeat the game so far with it
  save game.jsonl                 write the channel to a file, for mcp-multiplayer-bot replay
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
        /// The word before a colon at the start of the text, if it could be meant as a name.
        unknown: Option<String>,
    },
    /// Checks that a post, or a private message to a player, contains a text.
    Expect {
        player: Option<String>,
        text: String,
    },
    /// Reads the bot's source again and repeats the game.
    Reload,
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

impl Command {
    /// Returns whether it does something in the channel, so that hooks may run.
    pub(crate) fn acts(&self) -> bool {
        use Command::{Close, Join, Leave, Say, Timer, Wait};
        matches!(self, Say { .. } | Join(_) | Leave(_) | Timer | Wait(_) | Close)
    }

    /// Returns whether `reload` executes it again.
    pub(crate) fn is_repeated(&self) -> bool {
        self.acts() || matches!(self, Self::Speaker(_) | Self::Expect { .. })
    }
}

/// Longest wait, in seconds: as long as a timer may be set to.
const LONGEST_WAIT: u64 = limits::TIMER_SECONDS;

/// Parses a line; `players` are the labels and ids of all seats. The error says how to write the command.
pub(crate) fn parse(line: &str, players: &[String]) -> Result<Command, String> {
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
        ("expect", _) => return expect(rest, players),
        ("save", "") => return Err("save needs the name of a file, for example: save game.jsonl".to_owned()),
        ("save", file) => return Ok(Command::Save(file.to_owned())),
        ("timer", "") => return Ok(Command::Timer),
        ("close", "") => return Ok(Command::Close),
        ("state", "") => return Ok(Command::State),
        ("log", "") => return Ok(Command::Log),
        ("code", "") => return Ok(Command::Code),
        ("reload", "") => return Ok(Command::Reload),
        ("help" | "?", "") => return Ok(Command::Help),
        ("quit" | "exit" | "q", "") => return Ok(Command::Quit),
        _ if line.starts_with('#') => return Ok(Command::Nothing),
        _ => {}
    }
    let prefix = Prefix::of(line);
    let (player, private, text, unknown) = match prefix {
        Some(prefix) if prefix.is_player(players) => {
            (Some(prefix.word.to_owned()), prefix.private, prefix.rest.trim(), None)
        }
        Some(prefix) => {
            if let Some(reason) = prefix.misspelt(players) {
                let author = players.first().map_or("alice", String::as_str);
                return Err(format!("{reason}\nto post the whole line, write its author before it: {author}: {line}"));
            }
            (None, false, line, prefix.may_be_name().then(|| prefix.word.to_owned()))
        }
        None => (None, false, line, None),
    };
    if let (Some(name), "") = (&player, text) {
        return Ok(Command::Speaker(name.clone()));
    }
    let (text, data) = split_data(text).unwrap_or_else(|| (text, Map::new()));
    Ok(Command::Say { player, private, text: text.to_owned(), data, unknown })
}

/// Parses what follows `expect`.
fn expect(rest: &str, players: &[String]) -> Result<Command, String> {
    let (player, text) = match Prefix::of(rest).filter(|prefix| prefix.private) {
        Some(prefix) if prefix.is_player(players) => (Some(prefix.word.to_owned()), prefix.rest.trim()),
        Some(prefix) => match prefix.misspelt(players) {
            Some(reason) => return Err(reason),
            None => (None, rest),
        },
        None => (None, rest),
    };
    match text {
        "" => Err("expect needs a text, for example: expect You win".to_owned()),
        text => Ok(Command::Expect { player, text: text.to_owned() }),
    }
}

/// The start of a line that may name a player: a word, then `:` or `>`.
struct Prefix<'a> {
    word: &'a str,
    private: bool,
    rest: &'a str,
}

impl<'a> Prefix<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let end = line.find([':', '>'])?;
        let (word, rest) = (&line[..end], &line[end + 1..]);
        let is_word = !word.is_empty() && word.chars().all(super::is_name_character);
        is_word.then_some(Self { word, private: line.as_bytes()[end] == b'>', rest })
    }

    fn is_player(&self, players: &[String]) -> bool {
        players.iter().any(|name| name == self.word)
    }

    /// The reason why the word, which is no player's name, must have been meant as one: it is nearly a player's, or only a
    /// player can send what follows, a private message or data. `None` for a text such as `note: 3 > 2`.
    fn misspelt(&self, players: &[String]) -> Option<String> {
        let word = self.word;
        let only_players_send = (self.private && self.may_be_name()) || split_data(self.rest).is_some();
        match players.iter().find(|name| is_near(word, name)) {
            Some(name) => Some(format!("no player is called {word}; did you mean {name}?")),
            None if only_players_send => {
                Some(format!("no player is called {word}; the seats are {}", players.join(", ")))
            }
            None => None,
        }
    }

    /// Returns whether it is written like a name, which a time of day and a URL are not.
    fn may_be_name(&self) -> bool {
        self.word.starts_with(char::is_alphabetic) && self.rest.starts_with(char::is_whitespace)
    }
}

/// Returns whether a word is a name with a typing error or two. Of names with one or two letters only the case may differ.
fn is_near(word: &str, name: &str) -> bool {
    let allowed = match name.chars().count() {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2,
    };
    strsim::osa_distance(&word.to_lowercase(), &name.to_lowercase()) <= allowed
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
        parse(line, &["alice", "bob", "7", "s1", "s2"].map(str::to_owned))
    }

    fn say(player: Option<&str>, private: bool, text: &str) -> Command {
        Command::Say {
            player: player.map(str::to_owned),
            private,
            text: text.to_owned(),
            data: Map::new(),
            unknown: None,
        }
    }

    #[test]
    fn lines_without_a_players_name_belong_to_the_last_speaker() {
        assert_eq!(parsed("alice: guess 42"), Ok(say(Some("alice"), false, "guess 42")));
        assert_eq!(parsed("  alice:guess 42 "), Ok(say(Some("alice"), false, "guess 42")));
        assert_eq!(parsed("s1> a: b"), Ok(say(Some("s1"), true, "a: b")));
        assert_eq!(parsed("12:30 is fine"), Ok(say(None, false, "12:30 is fine")));
        assert_eq!(parsed("https://example.com"), Ok(say(None, false, "https://example.com")));
        assert_eq!(parsed("if x>3: 4"), Ok(say(None, false, "if x>3: 4")));
        assert_eq!(parsed("state of play"), Ok(say(None, false, "state of play")));
        assert_eq!(parsed("alice: state"), Ok(say(Some("alice"), false, "state")));
        assert_eq!(parsed("7: hi"), Ok(say(Some("7"), false, "hi")));
        assert_eq!(parsed("alice:"), Ok(Command::Speaker("alice".to_owned())));
    }

    #[test]
    fn misspelt_names_are_reported() {
        for (line, name) in [
            ("alcie: guess 5", "alice"),
            ("Alice: hi", "alice"),
            ("alic:hi", "alice"),
            ("bbo> secret", "bob"),
            ("S1: hi", "s1"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(&format!("did you mean {name}?")), "{line}: {error}");
            let whole = format!("alice: {line}");
            assert!(error.ends_with(&whole), "{line}: {error}");
            assert_eq!(parsed(&whole), Ok(say(Some("alice"), false, line)));
        }
        let error = parsed("expect alcie> x").unwrap_err();
        assert!(error.ends_with("did you mean alice?"), "{error}");
        // Only players send these.
        for line in ["carol> my secret", r#"carol: hit + {"action": "hit"}"#] {
            let error = parsed(line).unwrap_err();
            assert!(
                error.starts_with("no player is called carol; the seats are alice, bob, 7, s1, s2\n"),
                "{line}: {error}"
            );
        }
        // A text may begin like this. The game says who posts it.
        for (line, word) in [("note: 3 > 2", "note"), ("carol: guess 5", "carol"), ("s3: hi", "s3")] {
            let Ok(Command::Say { player: None, private: false, text, unknown, .. }) = parsed(line) else { panic!() };
            assert_eq!((text.as_str(), unknown.as_deref()), (line, Some(word)));
        }
    }

    #[test]
    fn expectations_are_about_posts_or_about_private_messages() {
        let expected = |player: Option<&str>, text: &str| {
            Ok(Command::Expect { player: player.map(str::to_owned), text: text.to_owned() })
        };
        assert_eq!(parsed("expect You win"), expected(None, "You win"));
        assert_eq!(parsed("expect alice: 3 > 2"), expected(None, "alice: 3 > 2"));
        assert_eq!(parsed("expect alice> Your card"), expected(Some("alice"), "Your card"));
        assert!(parsed("expect").is_err());
        assert!(parsed("expect alice>").is_err());
    }

    #[test]
    fn data_follows_a_plus_sign() {
        let Ok(Command::Say { text, data, .. }) = parsed(r#"alice: 1 + 1 + {"action": "hit"}"#) else { panic!() };
        assert_eq!((text.as_str(), data.len()), ("1 + 1", 1));
        assert_eq!(parsed("alice: 1 + 1"), Ok(say(Some("alice"), false, "1 + 1")));
        let Ok(Command::Say { private: true, data, .. }) = parsed(r#"alice> hit + {"a": 1}"#) else { panic!() };
        assert_eq!(data["a"], 1);
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
