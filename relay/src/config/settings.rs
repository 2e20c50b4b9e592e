//! The declarations of all settings, and what is computed from their values.
//!
//! This file is the only place that gives a setting its name, default and description. docs/OPERATING.md contains the
//! same tables; a test in `operating.rs` compares them and prints the text that the page should have.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcp_multiplayer_protocol::checkpoint::LogOrigin;
use mcp_multiplayer_protocol::{BotLimits, limits};
use serde::{Deserialize, Serialize};

use super::setting::{Setting, SettingType, optional, settings};
use super::{Access, Database, LogFormat, SandboxLevel, machine};

settings! {
    "Addresses" {
        /// IP address and port to listen on. `0.0.0.0:443` listens on every IPv4 address of the machine.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8100)), "ADDRESS";
        /// Second address to listen on. It serves the same as the first.
        also_listen: Option<SocketAddr> = None, "ADDRESS";
        /// Address that people and programs use to reach the relay. Invite links and OAuth metadata contain it, and OAuth
        /// tokens are valid for this address only.
        public_url: String = "http://127.0.0.1:8100".to_owned(), "URL",
            default "`https://` with the first `acme_domain`; without one, `http://` (`https://` if there is a `tls_cert`) with `listen`";
        /// Name of the relay's log, which is in every checkpoint that it signs. It cannot be changed later: the database
        /// remembers it.
        log_origin: Option<LogOrigin> = None, "NAME",
            default "`public_url` at the first start, without its scheme; a name made from the key of the log if that is a loopback address";
        /// Further values of the `Host` header to accept. Loopback names and addresses, the host of `public_url` and every
        /// `acme_domain` are always accepted.
        allowed_hosts: Vec<String> = vec![], "HOST";
        /// Further web origins whose pages may call the relay, such as `https://play.example.org`. The origin of
        /// `public_url` is always accepted.
        allowed_origins: Vec<String> = vec![], "ORIGIN";
        /// Reverse proxies that report the client's address in `X-Forwarded-For` or `Forwarded`, as IP addresses or blocks
        /// such as `10.0.0.0/8`.
        trusted_proxies: Vec<String> = vec![], "ADDRESS";
    }

    "TLS" {
        /// File with the TLS certificate chain in PEM format, the relay's own certificate first. Requires `tls_key`. The
        /// relay loads both files again when they change.
        tls_cert: Option<PathBuf> = None, "FILE";
        /// File with the private key of `tls_cert` in PEM format.
        tls_key: Option<PathBuf> = None, "FILE";
        /// Domains for which the relay gets and renews TLS certificates itself (ACME, RFC 8555). Cannot be combined with
        /// `tls_cert`.
        acme_domain: Vec<String> = vec![], "DOMAIN";
        /// E-mail address for messages from the certificate authority.
        acme_contact: Option<String> = None, "EMAIL";
        /// ACME directory of the certificate authority. The default is Let's Encrypt's.
        acme_directory: String = "https://acme-v02.api.letsencrypt.org/directory".to_owned(), "URL";
    }

    "Access" {
        /// Access by OAuth: `open` (for anyone), `invite` (for people with an access code) or `closed` (for nobody).
        access: Option<Access> = None, "POLICY",
            default "`open` if the relay listens on loopback addresses only, otherwise `invite`";
        /// Accepts the token in the file `local-token`, with which programs of the relay's own system user connect.
        local_token: bool = true, "BOOL";
        /// Lifetime of an OAuth access token, in seconds.
        access_token_seconds: u64 = 3_600, "N";
        /// Time after which an unused OAuth refresh token expires, in seconds. A program that stays away for longer has to
        /// ask its user for access again.
        refresh_token_seconds: u64 = 30 * 24 * 3_600, "N";
    }

    "Storage" {
        /// Directory for the database, the relay's keys, the local token and ACME certificates.
        data_dir: PathBuf = default_data_dir(), "DIRECTORY",
            default "`~/.local/share/mcp-multiplayer`; on macOS `~/Library/Application Support/mcp-multiplayer`",
            variable "DATA_DIR";
        /// Storage backend and its location. SQLite is the only backend: `sqlite:PATH`. A relative path starts at
        /// `data_dir`.
        database: Database = Database::Sqlite("relay.db".into()), "BACKEND:PATH";
        /// Number of channels to keep in memory while nobody uses them.
        live_channels: usize = 1_000, "N";
        /// Maximum number of bytes that are stored for one channel: messages, and its bots' sources, states and network
        /// traffic. A channel that reaches it accepts no messages and no bots, and hooks are skipped.
        channel_stored_bytes: u64 = 256 * 1024 * 1024, "N";
        /// Maximum number of bytes that are stored for all channels that one principal created. When it is reached, the same
        /// applies to all of them, and the principal can create no others.
        principal_stored_bytes: u64 = 1024 * 1024 * 1024, "N";
        /// Free space on the disk of the database below which the relay accepts no messages, bots and new channels, in bytes.
        disk_free_bytes: u64 = 512 * 1024 * 1024, "N";
    }

    "Limits" {
        /// Sustained request rate of one principal over all endpoints, in requests per second.
        requests_per_second: u32 = 1_000, "N";
        /// Requests that one principal can send at once before `requests_per_second` applies.
        requests_burst: u32 = 4_000, "N";
        /// Sustained request rate of one client address, in requests per second. An IPv6 /64 block counts as one address.
        address_requests_per_second: u32 = 2_000, "N";
        /// Requests that one client address can send at once before `address_requests_per_second` applies.
        address_requests_burst: u32 = 8_000, "N";
        /// Sustained rate of posts in one seat, in posts per second.
        posts_per_second: u32 = 20, "N";
        /// Posts that one seat can send at once before `posts_per_second` applies.
        posts_burst: u32 = 60, "N";
        /// Channels that one principal can create per day.
        channels_per_day: u32 = 1_000, "N";
        /// OAuth clients that one client address can register per hour, and logins without a browser that it can start.
        registrations_per_hour: u32 = 300, "N";
        /// Webhook subscriptions that one principal can have at the same time. With 0 the relay offers no webhooks.
        webhooks_per_principal: u32 = 100, "N";
        /// Maximum number of open connections.
        connections: usize = 10_000, "N";
        /// Maximum number of open connections from one address. Does not apply to trusted proxies.
        connections_per_address: usize = 512, "N";
        /// Maximum number of unanswered requests on one WebSocket connection.
        requests_per_connection: usize = 64, "N";
        /// Maximum size of an HTTP request body, in bytes.
        request_bytes: usize = 4 * 1024 * 1024, "N";
        /// Maximum size of the body of one log entry, in bytes.
        body_bytes: usize = limits::BODY_BYTES, "N";
        /// Maximum time that a call waits for new entries, in milliseconds.
        wait_ms: u64 = limits::WAIT_MS, "N";
        /// Time between pings on a WebSocket connection, in seconds.
        ping_seconds: u64 = 20, "N";
        /// Time after which the relay stops if nobody is connected and no bot has anything to do, in seconds. It then also runs
        /// in a session of its own, so that it outlives the program that started it. This is how the stdio server starts the
        /// relay of a computer, with 1800.
        stop_when_idle_seconds: Option<u64> = None, "N", default "never";
        /// Time in which a client must complete a TLS handshake or send the head of a request, and for which a transfer may
        /// make no progress, in seconds. After that the relay closes the connection.
        slow_client_seconds: u64 = 20, "N";
    }

    "Bots" {
        /// Program that runs bots.
        bot_worker: Option<PathBuf> = None, "FILE",
            default "`mcp-multiplayer-bot` in the directory of the relay's program";
        /// Python interpreter whose packages bots can import.
        bot_python: Option<PathBuf> = None, "FILE", default "the one that `bot_worker` was built with";
        /// Maximum CPU time of a hook, in milliseconds. On macOS it limits the elapsed time instead.
        bot_hook_ms: u64 = 5_000, "N";
        /// Maximum elapsed time of a hook, in milliseconds. Ends hooks that wait, for instance for the network. The time in
        /// which a hook waits for its turn to run does not count.
        bot_hook_wall_ms: u64 = 30_000, "N";
        /// Maximum number of hooks that may follow from one entry: its own, and those of the bots' posts that answer one
        /// another. Further ones are skipped.
        bot_trigger_hooks: u64 = 64, "N";
        /// Maximum size of what the hooks that follow from one entry may post, in bytes. The hook that reaches it is the last.
        bot_trigger_bytes: u64 = 4 * 1024 * 1024, "N";
        /// Maximum number of hooks that the bots of a channel may run in an hour. Further ones are skipped. The players share
        /// half of it: posts of a player whose posts have led to more are refused.
        bot_channel_hour_hooks: u64 = 20_000, "N";
        /// Maximum size of what the bots of a channel may post in an hour, in bytes. The hook that reaches it is the last. The
        /// players share half of it in the same way.
        bot_channel_hour_bytes: u64 = 64 * 1024 * 1024, "N";
        /// Maximum memory of one bot process, in bytes. Not enforced on macOS.
        bot_memory_bytes: u64 = 256 * 1024 * 1024, "N";
        /// Maximum number of bot processes. Hooks wait while all of them are busy. One person's bots use at most half of them
        /// at the same time.
        bot_workers: usize = 64, "N";
        /// Maximum memory of all bot processes together, in bytes, files in their workspaces included. The relay needs a
        /// control group for this, see "Memory of bots". Without one, it lowers the number of processes to as many as there
        /// is room for with `bot_memory_bytes` each, at least one, and files, up to 100 MB each, come on top.
        bot_total_memory_bytes: Option<u64> = None, "N",
            default "half of the memory of the machine or of the relay's control group";
        /// Time after which an idle bot process is ended, in seconds. The bot keeps its state and gets a new process when it
        /// is needed.
        bot_idle_seconds: u64 = 600, "N";
        /// Checks the source of inline bots against the policy, which forbids most of Python's ways to reach the system.
        /// Without it, the sandbox is the only protection.
        bot_policy: bool = true, "BOOL";
        /// Minimum level of the bot sandbox for inline bots, which run code that users supply: `full`, `kernel` or
        /// `process`. Below it only presets can be attached, and inline bots that are attached already do not run.
        bot_sandbox_minimum: SandboxLevel = SandboxLevel::Kernel, "LEVEL";
        /// Sandbox layers to leave out, as if the platform did not support them: `namespaces`, `root`,
        /// `workspace in memory`, `capabilities`, `landlock`, `seccomp`; or `zygote`, which leaves out all. For testing.
        bot_sandbox_disable: Vec<String> = vec![], "LAYER";
        /// Accepts inline bots at any level of the sandbox. Dangerous: every user of the relay can then run code with the
        /// rights of the relay's system user.
        bot_allow_unsandboxed: bool = false, "BOOL";
    }

    "Bot network" {
        /// Lets bots connect to other hosts. The relay makes and records all their connections.
        bot_network: bool = true, "BOOL";
        /// Ports that bots can connect to.
        bot_network_ports: Vec<u16> = vec![80, 443], "PORT";
        /// Hosts that bots can connect to although their address is not public; with a port, also at a port outside
        /// `bot_network_ports`. Forms: `example.com`, `*.example.com`, `10.0.0.0/8`, `127.0.0.1:8080`, `[::1]:443`.
        /// A rule with `*.` never opens an address that is not public.
        bot_network_allow: Vec<String> = vec![], "HOST";
        /// Hosts that bots cannot connect to, in the same forms. Takes precedence over `bot_network_allow`.
        bot_network_deny: Vec<String> = vec![], "HOST";
        /// Restricts bots to the hosts in `bot_network_allow`.
        bot_network_only: bool = false, "BOOL";
        /// File with further root certificates in PEM format that bots trust, in addition to those of the system.
        bot_network_ca: Option<PathBuf> = None, "FILE";
        /// Maximum number of bytes that one hook can send and receive.
        bot_network_hook_bytes: u64 = 4 * 1024 * 1024, "N";
        /// Maximum number of connections that one hook can open.
        bot_network_hook_connections: u64 = 16, "N";
        /// Maximum number of bytes that the bots of one channel can send and receive per hour.
        bot_network_hour_bytes: u64 = 256 * 1024 * 1024, "N";
        /// Maximum number of connections that the bots of one channel can open per hour.
        bot_network_hour_connections: u64 = 600, "N";
    }

    "Logging" {
        /// Log level (`error`, `warn`, `info`, `debug`), or levels by module such as `info,mcp_multiplayer_relay=debug`.
        log: String = "info".to_owned(), "LEVELS";
        /// Format of log lines: `text`, or `json` with one object per line.
        log_format: LogFormat = LogFormat::Text, "FORMAT";
    }
}

impl Config {
    /// File of the relay's key, from which all derived secrets come.
    pub fn key_file(&self) -> PathBuf {
        self.data_dir.join("relay.key")
    }

    /// File of the key that signs checkpoints.
    pub fn log_key_file(&self) -> PathBuf {
        self.data_dir.join("log.key")
    }

    /// File of the token with which programs of this system user can connect.
    pub fn local_token_file(&self) -> PathBuf {
        self.data_dir.join("local-token")
    }

    /// Program that runs bots.
    pub fn worker(&self) -> PathBuf {
        let beside_this_program = || {
            let this_program = std::env::current_exe().ok()?;
            Some(this_program.parent()?.join("mcp-multiplayer-bot"))
        };
        self.bot_worker.clone().or_else(beside_this_program).unwrap_or_else(|| PathBuf::from("mcp-multiplayer-bot"))
    }

    /// Limits of the hooks of bots that are attached now.
    pub(crate) fn bot_limits(&self) -> BotLimits {
        let body_bytes = self.body_bytes as u64;
        BotLimits { hook_ms: self.bot_hook_ms, hook_wall_ms: self.bot_hook_wall_ms, body_bytes }
    }

    /// Maximum memory of all bot processes together; `None` if neither the setting nor the machine has a value.
    pub(crate) fn bot_total_memory(&self) -> Option<u64> {
        self.bot_total_memory_bytes.or_else(|| machine::memory_bytes().map(|bytes| bytes / 2))
    }

    /// Maximum number of bot processes without a control group: `bot_workers`, or as many as `bot_total_memory_bytes` has
    /// room for.
    pub(crate) fn max_bot_workers(&self) -> usize {
        let room = self.bot_total_memory().map_or(u64::MAX, |total| total / self.bot_memory_bytes.max(1));
        self.bot_workers.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1)
    }

    /// Policy for access by OAuth; without one, it depends on the addresses that the relay listens on.
    pub fn access(&self) -> Access {
        let reachable = |address: &SocketAddr| !address.ip().is_loopback();
        let public = std::iter::once(&self.listen).chain(&self.also_listen).any(reachable);
        self.access.unwrap_or(if public { Access::Invite } else { Access::Open })
    }

    pub(crate) fn stop_when_idle(&self) -> Option<Duration> {
        self.stop_when_idle_seconds.map(|seconds| Duration::from_secs(seconds.max(1)))
    }

    pub(crate) fn slow_client(&self) -> Duration {
        Duration::from_secs(self.slow_client_seconds.max(1))
    }

    pub(crate) fn ping(&self) -> Duration {
        Duration::from_secs(self.ping_seconds.max(1))
    }
}

/// The platform's directory for data of this program. The stdio server looks for the local token in the same place.
fn default_data_dir() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME").unwrap_or_else(|| PathBuf::from("."));
    let base = if cfg!(target_os = "macos") {
        home.join("Library/Application Support")
    } else {
        variable("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"))
    };
    base.join(Path::new("mcp-multiplayer"))
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn total_memory_limits_the_number_of_bot_processes() {
        let workers = |total| {
            let (bot_memory_bytes, bot_workers, bot_total_memory_bytes) = (100, 8, Some(total));
            Config { bot_memory_bytes, bot_workers, bot_total_memory_bytes, ..Config::default() }.max_bot_workers()
        };
        assert_eq!([0, 99, 100, 399, 400, 800, u64::MAX].map(workers), [1, 1, 1, 3, 4, 8, 8]);
        // Half of the memory of this machine, where it can be read.
        let default = Config { bot_workers: usize::MAX, ..Config::default() };
        assert_eq!(default.max_bot_workers() == usize::MAX, cfg!(not(target_os = "linux")));
    }
}
