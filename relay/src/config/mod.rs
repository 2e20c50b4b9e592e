//! The relay's configuration: flags win over the environment, that over the file, that over defaults.

mod original;
mod sources;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use mcp_multiplayer_protocol::limits;
use serde::{Deserialize, Serialize};

pub use sources::{Loaded, load};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How far the bot sandbox reaches; docs/TRUST.md says what each stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SandboxLevel {
    /// Every layer holds.
    Full,
    /// System calls are filtered, and files out of reach.
    Kernel,
    /// A process of its own, with limits.
    Process,
}

impl SandboxLevel {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Kernel => "kernel",
            Self::Process => "process",
        }
    }
}

/// Who may use the relay by OAuth. Tokens that the operator makes work in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Anyone who can reach it.
    Open,
    /// Whoever has an access code that the operator made.
    Invite,
    /// Nobody.
    Closed,
}

/// All that an operator can choose, with every default filled in.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// A second place to listen, for the same doors.
    pub also_listen: Option<SocketAddr>,
    /// Where the database and the secrets are.
    pub data_dir: PathBuf,
    /// The address that people reach the relay by; invite links start with it.
    pub public_url: String,
    /// Values of `Host` that are answered, besides loopback's and the public URL's.
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` that are answered, besides the public URL's.
    pub allowed_origins: Vec<String>,
    /// Whether users of this machine get in by the token file in the data directory.
    pub local_token: bool,
    /// Who may use the relay by OAuth: `open`, `invite` or `closed`; left out, `open` while it listens on loopback only, else `invite`.
    pub access: Option<Access>,
    /// How long an access token is valid, in seconds.
    pub access_token_seconds: u64,
    /// How long a refresh token may lie unused, in seconds.
    pub refresh_token_seconds: u64,
    /// Certificates in PEM, the relay's own first; with `tls_key`, the relay speaks TLS. Read again when they change.
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    pub tls_key: Option<PathBuf>,
    /// Domains for which the relay gets certificates by itself (ACME, RFC 8555).
    pub acme_domain: Vec<String>,
    /// An e-mail address that the certificate authority may write to.
    pub acme_contact: Option<String>,
    /// The certificate authority's directory.
    pub acme_directory: String,
    /// Proxies whose word on a caller's address is taken: `127.0.0.1`, `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
    /// Requests a second of a principal, on average.
    pub requests_per_second: u32,
    /// Requests of a principal at once.
    pub requests_burst: u32,
    /// Requests a second from an address, on average.
    pub address_requests_per_second: u32,
    /// Requests from an address at once.
    pub address_requests_burst: u32,
    /// OAuth clients that an address may register in an hour.
    pub registrations_per_hour: u32,
    /// Connections that are served at a time.
    pub connections: usize,
    /// Connections from one address at a time.
    pub connections_per_address: usize,
    /// How long a client may take to send a request's head, or let a transfer stand still, in seconds.
    pub slow_client_seconds: u64,
    /// Channels that a principal may make in a day.
    pub channels_per_day: u32,
    /// Largest body of an entry, in bytes.
    pub body_bytes: usize,
    /// Longest wait of a long-poll, in milliseconds.
    pub wait_ms: u64,
    /// Posts a second of a seat, on average.
    pub posts_per_second: u32,
    /// Posts of a seat at once.
    pub posts_burst: u32,
    /// Largest HTTP request, in bytes.
    pub request_bytes: usize,
    /// Requests under way on one WebSocket connection.
    pub requests_per_connection: usize,
    /// Time between pings on a WebSocket connection, in seconds.
    pub ping_seconds: u64,
    /// Channels that stay in memory when nobody uses them.
    pub live_channels: usize,
    /// The program that runs bots; by default the one beside the relay's.
    pub bot_worker: Option<PathBuf>,
    /// The Python whose packages bots may import; by default the one that the worker was built with.
    pub bot_python: Option<PathBuf>,
    /// Longest run of a hook, in milliseconds.
    pub hook_ms: u64,
    /// Memory of a bot, in bytes.
    pub bot_memory_bytes: u64,
    /// Bots whose processes are kept warm.
    pub bot_workers: usize,
    /// Time after which an idle bot's process is retired, in seconds.
    pub bot_idle_seconds: u64,
    /// How far the bot sandbox must reach for people to bring code of their own: `full`, `kernel` or `process`.
    pub sandbox_minimum: SandboxLevel,
    /// Whether people may bring code even where the sandbox does not reach that far.
    pub allow_unsandboxed_bots: bool,
    /// Layers of the sandbox to do without, by name, as if the platform refused them.
    pub sandbox_disable: Vec<String>,
    /// Whether inline sources are held to the policy; without it they are plain Python, and the process sandbox alone holds them.
    pub bot_policy: bool,
    /// Whether bots have a network.
    pub bot_network: bool,
    /// Ports that bots may connect to.
    pub bot_network_ports: Vec<u16>,
    /// Hosts that bots may reach although they are not public or at another port: `example.com`, `*.example.com`,
    /// `10.0.0.0/8`, `127.0.0.1:8080`, `[::1]:443`.
    pub bot_network_allow: Vec<String>,
    /// Hosts that bots may not reach, whatever allows them.
    pub bot_network_deny: Vec<String>,
    /// Whether bots may reach only what is allowed by name.
    pub bot_network_only: bool,
    /// Authorities in PEM whose certificates bots trust, besides those that the machine trusts.
    pub bot_network_ca: Option<PathBuf>,
    /// Bytes that a hook may exchange, both ways together.
    pub bot_network_hook_bytes: u64,
    /// Connections that a hook may open.
    pub bot_network_hook_connections: u64,
    /// Bytes that the bots of a channel may exchange in an hour.
    pub bot_network_hour_bytes: u64,
    /// Connections that the bots of a channel may open in an hour.
    pub bot_network_hour_connections: u64,
    /// What is logged: a level, or directives such as `info,mcp_multiplayer_relay=debug`.
    pub log: String,
    /// How log lines are written.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8100)),
            also_listen: None,
            data_dir: default_data_dir(),
            public_url: "http://127.0.0.1:8100".to_owned(),
            allowed_hosts: vec![],
            allowed_origins: vec![],
            local_token: true,
            access: None,
            access_token_seconds: 3_600,
            refresh_token_seconds: 30 * 24 * 3_600,
            tls_cert: None,
            tls_key: None,
            acme_domain: vec![],
            acme_contact: None,
            acme_directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            trusted_proxies: vec![],
            requests_per_second: 1_000,
            requests_burst: 4_000,
            address_requests_per_second: 2_000,
            address_requests_burst: 8_000,
            registrations_per_hour: 300,
            connections: 10_000,
            connections_per_address: 512,
            slow_client_seconds: 20,
            channels_per_day: 1_000,
            body_bytes: limits::BODY_BYTES,
            wait_ms: limits::WAIT_MS,
            posts_per_second: 20,
            posts_burst: 60,
            request_bytes: 4 * 1024 * 1024,
            requests_per_connection: 64,
            ping_seconds: 20,
            live_channels: 1_000,
            bot_worker: None,
            bot_python: None,
            hook_ms: 5_000,
            bot_memory_bytes: 256 * 1024 * 1024,
            bot_workers: 64,
            bot_idle_seconds: 600,
            sandbox_minimum: SandboxLevel::Kernel,
            allow_unsandboxed_bots: false,
            sandbox_disable: vec![],
            bot_policy: true,
            bot_network: true,
            bot_network_ports: vec![80, 443],
            bot_network_allow: vec![],
            bot_network_deny: vec![],
            bot_network_only: false,
            bot_network_ca: None,
            bot_network_hook_bytes: 4 * 1024 * 1024,
            bot_network_hook_connections: 16,
            bot_network_hour_bytes: 256 * 1024 * 1024,
            bot_network_hour_connections: 600,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

/// The settings as flags and variables; each left out means the file's, or the default.
#[derive(Args, Clone, Debug, Default, Serialize)]
pub struct Settings {
    /// Where to listen [default: 127.0.0.1:8100]
    #[arg(long, env = "MCP_MULTIPLAYER_LISTEN", value_name = "ADDRESS", global = true)]
    pub listen: Option<SocketAddr>,
    /// A second place to listen, for the same doors
    #[arg(long, env = "MCP_MULTIPLAYER_ALSO_LISTEN", value_name = "ADDRESS", global = true)]
    pub also_listen: Option<SocketAddr>,
    /// Where the database and the secrets are
    #[arg(long, env = "DATA_DIR", value_name = "DIRECTORY", global = true)]
    pub data_dir: Option<PathBuf>,
    /// The address that people reach the relay by [default: http:// and the address of --listen]
    #[arg(long, env = "MCP_MULTIPLAYER_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,
    /// Further values of Host that are answered
    #[arg(long, env = "MCP_MULTIPLAYER_ALLOWED_HOSTS", value_name = "HOST", value_delimiter = ',', global = true)]
    pub allowed_hosts: Option<Vec<String>>,
    /// Further values of Origin that are answered
    #[arg(long, env = "MCP_MULTIPLAYER_ALLOWED_ORIGINS", value_name = "ORIGIN", value_delimiter = ',', global = true)]
    pub allowed_origins: Option<Vec<String>>,
    /// Whether users of this machine get in by the token file [default: true]
    #[arg(long, env = "MCP_MULTIPLAYER_LOCAL_TOKEN", value_name = "BOOL", global = true)]
    pub local_token: Option<bool>,
    /// Who may use the relay by OAuth [default: open on loopback, else invite]
    #[arg(long, env = "MCP_MULTIPLAYER_ACCESS", value_name = "POLICY", global = true)]
    pub access: Option<Access>,
    /// Seconds that an access token is valid [default: 3600]
    #[arg(long, env = "MCP_MULTIPLAYER_ACCESS_TOKEN_SECONDS", value_name = "N", global = true)]
    pub access_token_seconds: Option<u64>,
    /// Seconds that a refresh token may lie unused [default: 2592000]
    #[arg(long, env = "MCP_MULTIPLAYER_REFRESH_TOKEN_SECONDS", value_name = "N", global = true)]
    pub refresh_token_seconds: Option<u64>,
    /// Certificates in PEM; with --tls-key, the relay speaks TLS
    #[arg(long, env = "MCP_MULTIPLAYER_TLS_CERT", value_name = "FILE", global = true)]
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate, in PEM
    #[arg(long, env = "MCP_MULTIPLAYER_TLS_KEY", value_name = "FILE", global = true)]
    pub tls_key: Option<PathBuf>,
    /// Domain for which the relay gets a certificate by itself (ACME); it must be reached at port 443
    #[arg(long, env = "MCP_MULTIPLAYER_ACME_DOMAIN", value_name = "DOMAIN", value_delimiter = ',', global = true)]
    pub acme_domain: Option<Vec<String>>,
    /// E-mail address that the certificate authority may write to
    #[arg(long, env = "MCP_MULTIPLAYER_ACME_CONTACT", value_name = "EMAIL", global = true)]
    pub acme_contact: Option<String>,
    /// The certificate authority's directory [default: Let's Encrypt]
    #[arg(long, env = "MCP_MULTIPLAYER_ACME_DIRECTORY", value_name = "URL", global = true)]
    pub acme_directory: Option<String>,
    /// Proxies whose X-Forwarded-For is believed: 127.0.0.1, 10.0.0.0/8
    #[arg(long, env = "MCP_MULTIPLAYER_TRUSTED_PROXIES", value_name = "ADDRESS", value_delimiter = ',', global = true)]
    pub trusted_proxies: Option<Vec<String>>,
    /// Requests a second of a principal, on average [default: 1000]
    #[arg(long, env = "MCP_MULTIPLAYER_REQUESTS_PER_SECOND", value_name = "N", global = true)]
    pub requests_per_second: Option<u32>,
    /// Requests of a principal at once [default: 4000]
    #[arg(long, env = "MCP_MULTIPLAYER_REQUESTS_BURST", value_name = "N", global = true)]
    pub requests_burst: Option<u32>,
    /// Requests a second from an address, on average [default: 2000]
    #[arg(long, env = "MCP_MULTIPLAYER_ADDRESS_REQUESTS_PER_SECOND", value_name = "N", global = true)]
    pub address_requests_per_second: Option<u32>,
    /// Requests from an address at once [default: 8000]
    #[arg(long, env = "MCP_MULTIPLAYER_ADDRESS_REQUESTS_BURST", value_name = "N", global = true)]
    pub address_requests_burst: Option<u32>,
    /// OAuth clients that an address may register in an hour [default: 300]
    #[arg(long, env = "MCP_MULTIPLAYER_REGISTRATIONS_PER_HOUR", value_name = "N", global = true)]
    pub registrations_per_hour: Option<u32>,
    /// Connections that are served at a time [default: 10000]
    #[arg(long, env = "MCP_MULTIPLAYER_CONNECTIONS", value_name = "N", global = true)]
    pub connections: Option<usize>,
    /// Connections from one address at a time [default: 512]
    #[arg(long, env = "MCP_MULTIPLAYER_CONNECTIONS_PER_ADDRESS", value_name = "N", global = true)]
    pub connections_per_address: Option<usize>,
    /// Seconds that a client may let a transfer stand still [default: 20]
    #[arg(long, env = "MCP_MULTIPLAYER_SLOW_CLIENT_SECONDS", value_name = "N", global = true)]
    pub slow_client_seconds: Option<u64>,
    /// Channels that a principal may make in a day [default: 1000]
    #[arg(long, env = "MCP_MULTIPLAYER_CHANNELS_PER_DAY", value_name = "N", global = true)]
    pub channels_per_day: Option<u32>,
    /// Largest body of an entry, in bytes [default: 32768]
    #[arg(long, env = "MCP_MULTIPLAYER_BODY_BYTES", value_name = "N", global = true)]
    pub body_bytes: Option<usize>,
    /// Longest wait of a long-poll, in milliseconds [default: 45000]
    #[arg(long, env = "MCP_MULTIPLAYER_WAIT_MS", value_name = "N", global = true)]
    pub wait_ms: Option<u64>,
    /// Posts a second of a seat, on average [default: 20]
    #[arg(long, env = "MCP_MULTIPLAYER_POSTS_PER_SECOND", value_name = "N", global = true)]
    pub posts_per_second: Option<u32>,
    /// Posts of a seat at once [default: 60]
    #[arg(long, env = "MCP_MULTIPLAYER_POSTS_BURST", value_name = "N", global = true)]
    pub posts_burst: Option<u32>,
    /// Largest HTTP request, in bytes [default: 4194304]
    #[arg(long, env = "MCP_MULTIPLAYER_REQUEST_BYTES", value_name = "N", global = true)]
    pub request_bytes: Option<usize>,
    /// Requests under way on one WebSocket connection [default: 64]
    #[arg(long, env = "MCP_MULTIPLAYER_REQUESTS_PER_CONNECTION", value_name = "N", global = true)]
    pub requests_per_connection: Option<usize>,
    /// Seconds between pings on a WebSocket connection [default: 20]
    #[arg(long, env = "MCP_MULTIPLAYER_PING_SECONDS", value_name = "N", global = true)]
    pub ping_seconds: Option<u64>,
    /// Channels that stay in memory when nobody uses them [default: 1000]
    #[arg(long, env = "MCP_MULTIPLAYER_LIVE_CHANNELS", value_name = "N", global = true)]
    pub live_channels: Option<usize>,
    /// The program that runs bots [default: mcp-multiplayer-bot beside the relay]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_WORKER", value_name = "FILE", global = true)]
    pub bot_worker: Option<PathBuf>,
    /// The Python whose packages bots may import
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_PYTHON", value_name = "FILE", global = true)]
    pub bot_python: Option<PathBuf>,
    /// Longest run of a hook, in milliseconds [default: 5000]
    #[arg(long, env = "MCP_MULTIPLAYER_HOOK_MS", value_name = "N", global = true)]
    pub hook_ms: Option<u64>,
    /// Memory of a bot, in bytes [default: 268435456]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_MEMORY_BYTES", value_name = "N", global = true)]
    pub bot_memory_bytes: Option<u64>,
    /// Bots whose processes are kept warm [default: 64]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_WORKERS", value_name = "N", global = true)]
    pub bot_workers: Option<usize>,
    /// Seconds after which an idle bot's process is retired [default: 600]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_IDLE_SECONDS", value_name = "N", global = true)]
    pub bot_idle_seconds: Option<u64>,
    /// How far the bot sandbox must reach for people to bring code of their own [default: kernel]
    #[arg(long, env = "MCP_MULTIPLAYER_SANDBOX_MINIMUM", value_name = "LEVEL", global = true)]
    pub sandbox_minimum: Option<SandboxLevel>,
    /// Whether people may bring code even where the sandbox does not reach that far [default: false]
    #[arg(long, env = "MCP_MULTIPLAYER_ALLOW_UNSANDBOXED_BOTS", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", global = true)]
    pub allow_unsandboxed_bots: Option<bool>,
    /// Layers of the sandbox to do without: namespaces, landlock, seccomp, zygote
    #[arg(long, env = "MCP_MULTIPLAYER_SANDBOX_DISABLE", value_name = "LAYER", value_delimiter = ',', global = true)]
    pub sandbox_disable: Option<Vec<String>>,
    /// Whether inline sources are held to the policy [default: true]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_POLICY", value_name = "BOOL", global = true)]
    pub bot_policy: Option<bool>,
    /// Whether bots have a network [default: true]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK", value_name = "BOOL", global = true)]
    pub bot_network: Option<bool>,
    /// Ports that bots may connect to [default: 80,443]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_PORTS", value_name = "PORT", value_delimiter = ',', global = true)]
    pub bot_network_ports: Option<Vec<u16>>,
    /// Further hosts that bots may reach, or other ports: example.com, 10.0.0.0/8, 127.0.0.1:8080
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_ALLOW", value_name = "HOST", value_delimiter = ',', global = true)]
    pub bot_network_allow: Option<Vec<String>>,
    /// Hosts that bots may not reach
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_DENY", value_name = "HOST", value_delimiter = ',', global = true)]
    pub bot_network_deny: Option<Vec<String>>,
    /// Whether bots may reach only what --bot-network-allow names [default: false]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_ONLY", value_name = "BOOL", global = true)]
    pub bot_network_only: Option<bool>,
    /// Authorities in PEM that bots trust, too
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_CA", value_name = "FILE", global = true)]
    pub bot_network_ca: Option<PathBuf>,
    /// Bytes that a hook may exchange [default: 4194304]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_HOOK_BYTES", value_name = "N", global = true)]
    pub bot_network_hook_bytes: Option<u64>,
    /// Connections that a hook may open [default: 16]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_HOOK_CONNECTIONS", value_name = "N", global = true)]
    pub bot_network_hook_connections: Option<u64>,
    /// Bytes that the bots of a channel may exchange in an hour [default: 268435456]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_HOUR_BYTES", value_name = "N", global = true)]
    pub bot_network_hour_bytes: Option<u64>,
    /// Connections that the bots of a channel may open in an hour [default: 600]
    #[arg(long, env = "MCP_MULTIPLAYER_BOT_NETWORK_HOUR_CONNECTIONS", value_name = "N", global = true)]
    pub bot_network_hour_connections: Option<u64>,
    /// What is logged: a level, or directives [default: info]
    #[arg(long, env = "MCP_MULTIPLAYER_LOG", value_name = "DIRECTIVES", global = true)]
    pub log: Option<String>,
    /// How log lines are written [default: text]
    #[arg(long, env = "MCP_MULTIPLAYER_LOG_FORMAT", value_name = "FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
}

impl Config {
    /// The database.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("relay.db")
    }

    /// The key that codes, tokens and seeds are derived from.
    pub fn key_file(&self) -> PathBuf {
        self.data_dir.join("relay.key")
    }

    /// The token of this machine's users.
    pub fn local_token_file(&self) -> PathBuf {
        self.data_dir.join("local-token")
    }

    /// The program that runs bots.
    pub fn worker(&self) -> PathBuf {
        let beside = || {
            let own = std::env::current_exe().ok()?;
            Some(own.parent()?.join("mcp-multiplayer-bot"))
        };
        self.bot_worker.clone().or_else(beside).unwrap_or_else(|| PathBuf::from("mcp-multiplayer-bot"))
    }

    /// Who may use the relay by OAuth.
    pub fn access(&self) -> Access {
        let reachable = |address: &SocketAddr| !address.ip().is_loopback();
        let public = std::iter::once(&self.listen).chain(&self.also_listen).any(reachable);
        self.access.unwrap_or(if public { Access::Invite } else { Access::Open })
    }

    /// Whether the relay speaks TLS itself.
    pub fn speaks_tls(&self) -> bool {
        self.tls_cert.is_some() || !self.acme_domain.is_empty()
    }

    pub(crate) fn slow_client(&self) -> Duration {
        Duration::from_secs(self.slow_client_seconds.max(1))
    }

    pub(crate) fn ping(&self) -> Duration {
        Duration::from_secs(self.ping_seconds.max(1))
    }
}

/// Where the stdio server looks for the local token, too.
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
