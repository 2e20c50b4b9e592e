//! The relay of this computer: finds the one that runs with the user's data directory, or starts it.
//!
//! A relay says in [`LocalRelay::FILE`] where it listens, and holds a lock on that file as long as it runs. Without that lock,
//! the address is not used: another user's program may listen there by now, and would get the token. Copies of this program
//! that start at the same time take turns, so that one of them starts the relay and the others find it.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use mcp_multiplayer_protocol::LocalRelay;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::{RelayUrl, private};

/// The relay's program.
const PROGRAM: &str = "mcp-multiplayer-relay";
/// Port that a relay listens on unless it is taken, so that links to it stay valid.
const PORT: u16 = 8100;
/// Time without connections after which a relay that was started here stops, in seconds.
const IDLE_SECONDS: &str = "1800";
/// Longest time for a relay to start. It is shorter than that of an attempt to connect, whose error would say less.
const START_TIMEOUT: Duration = Duration::from_secs(9);
/// Time between two looks at the files.
const PAUSE: Duration = Duration::from_millis(10);
/// Number of attempts to get the port of the last relay.
const PORT_ATTEMPTS: u32 = 20;
/// Name of the relay's log in the data directory.
const LOG: &str = "relay.log";
/// Variables that are this program's own; backtraces would hide the reason at the end of the log.
const OWN_VARIABLES: [&str; 6] = [
    "MCP_MULTIPLAYER_RELAY",
    "MCP_MULTIPLAYER_TOKEN",
    "MCP_MULTIPLAYER_TOKEN_FILE",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
];
/// Size above which the log is replaced when a relay is started, in bytes.
const LOG_BYTES: u64 = 4 << 20;
/// Number of lines of the log that an error quotes.
const LOG_LINES: usize = 4;

/// Finds or starts the relay of this computer.
#[derive(Clone, Debug)]
pub struct RelayStarter {
    data_dir: PathBuf,
}

impl RelayStarter {
    /// Creates a starter for the relay with this data directory.
    pub fn new(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }

    /// Returns the address of the running relay, which is started if there is none. An error says why there is none.
    pub(crate) async fn find_or_start(&self) -> Result<RelayUrl, String> {
        let deadline = Instant::now() + START_TIMEOUT;
        if let Some(url) = self.find() {
            return Ok(url);
        }
        let cannot_write = |error: io::Error| format!("{} cannot be used: {error}", self.data_dir.display());
        private::create_folder(&self.data_dir).map_err(cannot_write)?;
        let lock = private::file().create(true).append(true).open(self.data_dir.join("relay.start"));
        let lock = lock.map_err(cannot_write)?;
        let (mut child, mut port) = (None, 0);
        loop {
            if let Some(url) = self.find() {
                return Ok(url);
            }
            // Held until this function returns. Another copy that holds it is starting the relay.
            if child.is_none() && lock.try_lock().is_ok() {
                // It may have succeeded just now.
                if let Some(url) = self.find() {
                    return Ok(url);
                }
                port = self.choose_port().await;
                child = Some(self.start(port)?);
            }
            let exited = child.as_mut().map(Child::try_wait).transpose().map_err(|error| error.to_string())?.flatten();
            if exited.is_some() && self.find().is_none() {
                // Another program may have taken the port just now.
                if std::mem::take(&mut port) != 0 {
                    child = Some(self.start(port)?);
                    continue;
                }
                return Err(format!("{PROGRAM} did not start{}", self.explain()));
            }
            if Instant::now() > deadline {
                return Err(format!("{PROGRAM} did not get ready in time{}", self.explain()));
            }
            sleep(PAUSE).await;
        }
    }

    /// Returns the address of the running relay.
    fn find(&self) -> Option<RelayUrl> {
        let (file, relay) = self.published()?;
        // Whoever can lock the file sees that the relay which wrote it has ended. Dropping the file unlocks it.
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then(|| relay.url.parse().ok()).flatten()
    }

    /// Reads the file of the relay that ran last.
    fn published(&self) -> Option<(File, LocalRelay)> {
        let file = File::open(self.data_dir.join(LocalRelay::FILE)).ok()?;
        let relay = serde_json::from_reader(&file).ok()?;
        Some((file, relay))
    }

    fn start(&self, port: u16) -> Result<Child, String> {
        let log = self.open_log().map_err(|error| format!("its log cannot be written: {error}"))?;
        let copy = log.try_clone().map_err(|error| error.to_string())?;
        let beside =
            env::current_exe().ok().map(|program| program.with_file_name(PROGRAM)).filter(|path| path.is_file());
        let mut command = Command::new(beside.unwrap_or_else(|| PROGRAM.into()));
        command.stdin(Stdio::null()).stdout(log).stderr(copy);
        // A file `.env` of the folder where the client happens to be is none of the relay's.
        command.current_dir(&self.data_dir).env("DATA_DIR", &self.data_dir);
        for of_client in OWN_VARIABLES {
            command.env_remove(of_client);
        }
        if env::var_os("MCP_MULTIPLAYER_LISTEN").is_none() {
            command.arg("--listen").arg(format!("{}:{port}", Ipv4Addr::LOCALHOST));
        }
        if env::var_os("MCP_MULTIPLAYER_STOP_WHEN_IDLE_SECONDS").is_none() {
            command.args(["--stop-when-idle-seconds", IDLE_SECONDS]);
        }
        command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => format!("there is no program {PROGRAM} beside this one or on the PATH"),
            _ => format!("{PROGRAM} cannot be run: {error}"),
        })
    }

    /// Chooses the port: the one that the last relay had, else the usual one, else any that is free.
    async fn choose_port(&self) -> u16 {
        let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        let last = self.published().and_then(|(_, relay)| relay.url.parse::<RelayUrl>().ok());
        if let Some((_, port)) = last.as_ref().map(RelayUrl::authority) {
            // A process that is killed may release its lock a moment before its port.
            for _ in 0..PORT_ATTEMPTS {
                if is_free(port) {
                    return port;
                }
                sleep(PAUSE).await;
            }
        }
        if is_free(PORT) { PORT } else { 0 }
    }

    fn open_log(&self) -> io::Result<File> {
        let path = self.log_path();
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LOG_BYTES) {
            fs::rename(&path, path.with_extension("log.old"))?;
        }
        private::file().create(true).append(true).open(path)
    }

    fn log_path(&self) -> PathBuf {
        self.data_dir.join(LOG)
    }

    /// The end of the relay's log, to follow a reason.
    fn explain(&self) -> String {
        let text = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> =
            text.lines().rev().map(str::trim).filter(|line| !line.is_empty()).take(LOG_LINES).collect();
        let quoted: Vec<&str> = lines.into_iter().rev().collect();
        format!("; its log, {}, ends with: {}", self.log_path().display(), quoted.join(" / "))
    }
}
