use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::{Bytes, Egress, EgressErrorKind, EgressRequest, EgressResponse, HookEgress};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::version::TLS12;
use rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, Instant};
use tokio_rustls::TlsAcceptor;

use super::{Network, rules_hash};
use crate::clock::Clock;
use crate::config::Config;

const HOOK: Duration = Duration::from_secs(20);

fn network(config: &Config) -> Network {
    Network::open(config, &Clock::system()).unwrap().unwrap()
}

fn open_hook(network: &Network) -> Box<dyn HookEgress> {
    network.open("c1", "bot_1", Instant::now() + HOOK, Arc::new([])).expect("bots have a network")
}

/// A configuration that allows bots to connect to an address.
fn allowing(address: SocketAddr) -> Config {
    Config { bot_network_allow: vec![address.to_string()], ..Config::default() }
}

async fn connect(hook: &mut dyn HookEgress, host: &str, port: u16) -> EgressResponse {
    hook.ask(EgressRequest::Connect { host: host.to_owned(), port, timeout_ms: 10_000 }).await
}

async fn send(hook: &mut dyn HookEgress, conn: u32, data: &[u8]) -> EgressResponse {
    hook.ask(EgressRequest::Send { conn, data: Bytes(data.to_vec()) }).await
}

async fn receive(hook: &mut dyn HookEgress, conn: u32) -> EgressResponse {
    hook.ask(EgressRequest::Receive { conn, max_bytes: 1 << 20, timeout_ms: 10_000 }).await
}

fn received(text: &str) -> EgressResponse {
    EgressResponse::Received { data: Bytes(text.as_bytes().to_vec()) }
}

fn failure(response: EgressResponse) -> (EgressErrorKind, String) {
    match response {
        EgressResponse::Failed { kind, message } => (kind, message),
        other => panic!("{other:?}"),
    }
}

/// Starts a server on loopback that serves every connection with `serve`.
async fn server<F, S>(serve: S) -> SocketAddr
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn echo() -> SocketAddr {
    server(|mut stream| async move {
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.map(drop)
    })
    .await
}

/// A certificate authority, with its certificate in a file.
struct Authority {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { directory, issuer: Issuer::new(params, key) }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Starts a server that sends a greeting over TLS, with a certificate for `name` that is valid in these years.
    async fn server(&self, name: &str, years: (i32, i32)) -> SocketAddr {
        self.server_of(name, years, ALL_VERSIONS).await
    }

    async fn server_of(
        &self,
        name: &str,
        years: (i32, i32),
        versions: &[&'static SupportedProtocolVersion],
    ) -> SocketAddr {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        server(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await?;
                stream.write_all(b"welcome").await?;
                // Without TLS's close_notify, as many servers do.
                stream.get_mut().0.shutdown().await
            }
        })
        .await
    }
}

async fn secure(hook: &mut dyn HookEgress, server_name: Option<&str>, verify: bool) -> EgressResponse {
    let alpn = vec!["h2".to_owned(), "http/1.1".to_owned()];
    hook.ask(EgressRequest::Tls { conn: 1, server_name: server_name.map(str::to_owned), verify, alpn }).await
}

#[tokio::test]
async fn bytes_are_sent_and_received() {
    let address = echo().await;
    let network = network(&allowing(address));
    let mut hook = open_hook(&network);
    let connected = connect(&mut *hook, "127.0.0.1", address.port()).await;
    assert_eq!(connected, EgressResponse::Connected { conn: 1, address: "127.0.0.1".to_owned() });
    assert_eq!(send(&mut *hook, 1, b"hello").await, EgressResponse::Sent {});
    assert_eq!(receive(&mut *hook, 1).await, received("hello"));
    // The address is allowed, so a name for it is, too.
    let connected = connect(&mut *hook, "LOCALHOST.", address.port()).await;
    assert_eq!(connected, EgressResponse::Connected { conn: 2, address: "127.0.0.1".to_owned() });
    assert_eq!(hook.ask(EgressRequest::Close { conn: 1 }).await, EgressResponse::Closed {});
    assert_eq!(failure(send(&mut *hook, 1, b"hello").await).0, EgressErrorKind::Closed);
    assert_eq!(failure(receive(&mut *hook, 7).await).0, EgressErrorKind::Closed);
}

#[tokio::test]
async fn the_end_of_a_stream_is_no_bytes_and_a_reset_is_an_error() {
    let ended = server(|mut stream| async move { stream.write_all(b"bye").await }).await;
    let reset = server(|mut stream| async move {
        // A socket that is closed with unread bytes resets its connection.
        stream.read_exact(&mut [0]).await.map(drop)
    })
    .await;
    let allow = vec![ended.to_string(), reset.to_string()];
    let network = network(&Config { bot_network_allow: allow, ..Config::default() });
    let mut hook = open_hook(&network);
    connect(&mut *hook, "127.0.0.1", ended.port()).await;
    assert_eq!(receive(&mut *hook, 1).await, received("bye"));
    assert_eq!(receive(&mut *hook, 1).await, received(""));
    connect(&mut *hook, "127.0.0.1", reset.port()).await;
    assert_eq!(send(&mut *hook, 2, b"more than one byte").await, EgressResponse::Sent {});
    let (kind, message) = failure(receive(&mut *hook, 2).await);
    assert_eq!(kind, EgressErrorKind::Reset, "{message}");
    assert_eq!(failure(receive(&mut *hook, 2).await).0, EgressErrorKind::Closed);
}

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_written() {
    let address = echo().await;
    let network = network(&Config { bot_network_ports: vec![80, address.port()], ..Config::default() });
    for host in [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "64:ff9b::7f00:1",
        "169.254.169.254",
        "0.0.0.0",
        "::",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "fe80::1%lo",
        "user@127.0.0.1",
        "",
        "a b",
        "127.0.0.1\0.example.com",
    ] {
        let mut hook = open_hook(&network);
        let (kind, message) = failure(connect(&mut *hook, host, address.port()).await);
        assert_eq!(kind, EgressErrorKind::Refused, "{host}: {message}");
        let (kind, message) = failure(hook.ask(EgressRequest::Resolve { host: host.to_owned() }).await);
        assert_eq!(kind, EgressErrorKind::Refused, "{host}: {message}");
    }
    let (_, message) = failure(connect(&mut *open_hook(&network), "93.184.216.34", 22).await);
    assert!(message.contains("operator can allow 93.184.216.34:22"), "{message}");
}

#[tokio::test]
async fn a_rule_for_a_name_applies_to_the_addresses_it_resolved_to() {
    let address = echo().await;
    let allow = vec![format!("localhost:{}", address.port())];
    let network = network(&Config { bot_network_allow: allow, bot_network_only: true, ..Config::default() });
    let mut hook = open_hook(&network);
    assert_eq!(failure(connect(&mut *hook, "127.0.0.1", address.port()).await).0, EgressErrorKind::Refused);
    match hook.ask(EgressRequest::Resolve { host: "localhost".to_owned() }).await {
        EgressResponse::Resolved { addresses } => assert!(addresses.contains(&"127.0.0.1".to_owned()), "{addresses:?}"),
        other => panic!("{other:?}"),
    }
    let connected = connect(&mut *hook, "127.0.0.1", address.port()).await;
    assert_eq!(connected, EgressResponse::Connected { conn: 1, address: "127.0.0.1".to_owned() });
    assert_eq!(failure(connect(&mut *hook, "127.0.0.1", 80).await).0, EgressErrorKind::Refused);
    assert_eq!(failure(connect(&mut *hook, "example.com", 443).await).0, EgressErrorKind::Refused);
}

#[tokio::test]
async fn a_refused_connection_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let network = network(&allowing(address));
    let mut hook = open_hook(&network);
    let (kind, message) = failure(connect(&mut *hook, "127.0.0.1", address.port()).await);
    assert_eq!((kind, message), (EgressErrorKind::Unreachable, format!("{address} refused the connection")));
}

#[tokio::test]
async fn a_wait_ends_with_the_timeout_of_the_request_or_of_the_hook() {
    let address = echo().await;
    let network = network(&allowing(address));
    let mut hook = open_hook(&network);
    connect(&mut *hook, "127.0.0.1", address.port()).await;
    let wait = |timeout_ms| EgressRequest::Receive { conn: 1, max_bytes: 10, timeout_ms };
    let (kind, message) = failure(hook.ask(wait(20)).await);
    assert_eq!((kind, message), (EgressErrorKind::Timeout, format!("{address} did not answer in time")));
    // The connection is still usable.
    send(&mut *hook, 1, b"now").await;
    assert_eq!(receive(&mut *hook, 1).await, received("now"));

    let mut hook = network.open("c1", "bot_1", Instant::now() + Duration::from_millis(200), Arc::new([])).unwrap();
    connect(&mut *hook, "127.0.0.1", address.port()).await;
    let (kind, message) = failure(hook.ask(wait(u64::MAX)).await);
    assert_eq!(kind, EgressErrorKind::Timeout);
    assert!(message.contains("before the hook's time was up"), "{message}");
}

#[tokio::test]
async fn bytes_and_connections_of_a_hook_are_limited() {
    let address = echo().await;
    let limits = Config { bot_network_hook_bytes: 10, bot_network_hook_connections: 2, ..allowing(address) };
    let network = network(&limits);
    let mut hook = open_hook(&network);
    connect(&mut *hook, "127.0.0.1", address.port()).await;
    let (kind, message) = failure(send(&mut *hook, 1, b"eleven byte").await);
    assert_eq!((kind, message.as_str()), (EgressErrorKind::Limit, "only 10 more bytes may be exchanged"));
    assert_eq!(send(&mut *hook, 1, b"sixsix").await, EgressResponse::Sent {});
    assert_eq!(receive(&mut *hook, 1).await, received("sixs"));
    let (kind, message) = failure(receive(&mut *hook, 1).await);
    assert_eq!((kind, message.as_str()), (EgressErrorKind::Limit, "a hook may exchange at most 10 bytes"));
    connect(&mut *hook, "127.0.0.1", address.port()).await;
    let (kind, message) = failure(connect(&mut *hook, "127.0.0.1", address.port()).await);
    assert_eq!((kind, message.as_str()), (EgressErrorKind::Limit, "a hook may open at most 2 connections"));
    let connected = connect(&mut *open_hook(&network), "127.0.0.1", address.port()).await;
    assert_eq!(connected, EgressResponse::Connected { conn: 1, address: "127.0.0.1".to_owned() });
}

#[tokio::test]
async fn bytes_and_connections_of_a_channel_are_limited_by_the_hour() {
    let address = echo().await;
    let limits = Config { bot_network_hour_bytes: 4, bot_network_hour_connections: 1, ..allowing(address) };
    let network = network(&limits);
    let mut hook = open_hook(&network);
    connect(&mut *hook, "127.0.0.1", address.port()).await;
    send(&mut *hook, 1, b"four").await;
    let (kind, message) = failure(receive(&mut *hook, 1).await);
    assert_eq!(kind, EgressErrorKind::Limit);
    assert!(message.contains("at most 4 bytes an hour"), "{message}");
    let (kind, message) = failure(connect(&mut *open_hook(&network), "127.0.0.1", address.port()).await);
    assert_eq!(kind, EgressErrorKind::Limit);
    assert!(message.contains("at most 1 connections an hour"), "{message}");
    let mut other = network.open("c2", "bot_1", Instant::now() + HOOK, Arc::new([])).unwrap();
    assert!(matches!(connect(&mut *other, "127.0.0.1", address.port()).await, EgressResponse::Connected { .. }));
}

#[tokio::test]
async fn tls_reports_the_negotiated_parameters() {
    let authority = Authority::new("ours");
    let new = authority.server("localhost", (2020, 2100)).await;
    let old = authority.server_of("localhost", (2020, 2100), &[&TLS12]).await;
    let allow = vec![new.to_string(), old.to_string()];
    let ca = Some(authority.file());
    let network = network(&Config { bot_network_ca: ca, bot_network_allow: allow, ..Config::default() });
    for (address, server_name, host, agreed) in [
        (new, Some("localhost"), "127.0.0.1", ("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
        (new, None, "localhost", ("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
        (old, Some("localhost"), "127.0.0.1", ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")),
    ] {
        let mut hook = open_hook(&network);
        connect(&mut *hook, host, address.port()).await;
        match secure(&mut *hook, server_name, true).await {
            EgressResponse::Secured { version, cipher, alpn, certificates } => {
                assert_eq!((version.as_str(), cipher.as_str()), agreed);
                assert_eq!((alpn.as_deref(), certificates.len()), (Some("http/1.1"), 1));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(receive(&mut *hook, 1).await, received("welcome"));
        assert_eq!(receive(&mut *hook, 1).await, received(""));
        let (kind, message) = failure(secure(&mut *hook, server_name, true).await);
        assert_eq!(kind, EgressErrorKind::Tls);
        assert!(message.contains("has TLS already"), "{message}");
    }
}

#[tokio::test]
async fn an_invalid_certificate_is_explained_and_accepted_only_without_verification() {
    let authority = Authority::new("ours");
    let expired = authority.server("localhost", (2020, 2021)).await;
    let early = authority.server("localhost", (2090, 2100)).await;
    let other = authority.server("other.example", (2020, 2100)).await;
    let stranger = Authority::new("stranger").server("localhost", (2020, 2100)).await;
    for (address, reason) in [
        (expired, "certificate has expired"),
        (early, "certificate is not yet valid"),
        (other, "Hostname mismatch, certificate is not valid for 'localhost'"),
        (stranger, "unable to get local issuer certificate"),
    ] {
        let network = network(&Config { bot_network_ca: Some(authority.file()), ..allowing(address) });
        let mut strict = open_hook(&network);
        connect(&mut *strict, "localhost", address.port()).await;
        let failed = failure(secure(&mut *strict, Some("localhost"), true).await);
        assert_eq!(failed, (EgressErrorKind::Tls, format!("certificate verify failed: {reason}")));
        assert_eq!(failure(receive(&mut *strict, 1).await).0, EgressErrorKind::Closed);

        let mut lenient = open_hook(&network);
        connect(&mut *lenient, "localhost", address.port()).await;
        let secured = secure(&mut *lenient, Some("localhost"), false).await;
        assert!(
            matches!(&secured, EgressResponse::Secured { certificates, .. } if certificates.len() == 1),
            "{secured:?}"
        );
        assert_eq!(receive(&mut *lenient, 1).await, received("welcome"));
    }
}

#[tokio::test]
async fn tls_with_a_plain_text_server_fails() {
    let address = server(|mut stream| async move {
        stream.read_exact(&mut [0; 5]).await?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
        stream.read(&mut [0; 1024]).await.map(drop)
    })
    .await;
    let network = network(&allowing(address));
    let mut hook = open_hook(&network);
    connect(&mut *hook, "127.0.0.1", address.port()).await;
    let failed = failure(secure(&mut *hook, None, false).await);
    assert_eq!(failed, (EgressErrorKind::Tls, "the server does not speak TLS at this port".to_owned()));
}

#[test]
fn configuration_errors_name_the_setting_and_the_value() {
    let missing = PathBuf::from("/nonexistent/ca.pem");
    for (config, message) in [
        (
            Config { bot_network_allow: vec!["10.0.0.1/8".to_owned()], ..Config::default() },
            "bot_network_allow: `10.0.0.1/8`",
        ),
        (Config { bot_network_deny: vec!["*".to_owned()], ..Config::default() }, "bot_network_deny: `*`"),
        (Config { bot_network_ca: Some(missing), ..Config::default() }, "/nonexistent/ca.pem"),
    ] {
        let error = format!("{:#}", Network::open(&config, &Clock::system()).unwrap_err());
        assert!(error.contains(message), "{error}");
    }
    assert!(Network::open(&Config { bot_network: false, ..Config::default() }, &Clock::system()).unwrap().is_none());
}

#[test]
fn the_hash_of_the_rules_is_that_of_the_golden_vectors() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/tests/vectors/constructions.json");
    let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let constructions = file["constructions"].as_array().unwrap();
    let vector = constructions.iter().find(|construction| construction["name"] == "egress_hash").unwrap();
    let rules = &vector["input"]["rules"];
    let config = Config {
        bot_network: true,
        bot_network_ports: serde_json::from_value(rules["ports"].clone()).unwrap(),
        bot_network_allow: serde_json::from_value(rules["allow"].clone()).unwrap(),
        bot_network_deny: serde_json::from_value(rules["deny"].clone()).unwrap(),
        bot_network_only: serde_json::from_value(rules["only_allowed"].clone()).unwrap(),
        bot_network_hook_connections: serde_json::from_value(rules["hook_connections"].clone()).unwrap(),
        bot_network_hook_bytes: serde_json::from_value(rules["hook_bytes"].clone()).unwrap(),
        ..Config::default()
    };
    assert_eq!(rules_hash(&config).unwrap().to_string(), vector["right"]);
}
