//! TLS, with certificate files that can be replaced while the relay runs, or with ACME.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_multiplayer_tests::{RelayProcess, Signal, binary, send_signal};
use rcgen::CertifiedKey;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::yield_now;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::fixture::in_time;

/// Files with a certificate and its key.
pub(crate) struct CertificateFiles {
    directory: TempDir,
}

impl CertificateFiles {
    pub(crate) fn new(names: &[&str]) -> Self {
        let files = Self { directory: TempDir::new().unwrap() };
        files.replace(names);
        files
    }

    /// Overwrites the files with another certificate and key.
    fn replace(&self, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
        std::fs::write(self.path("cert.pem"), cert.pem()).unwrap();
        std::fs::write(self.path("key.pem"), signing_key.serialize_pem()).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn flags(&self) -> [&'static str; 4] {
        // Leaked, because flags are passed as static strings. The test process ends soon.
        let path = |name| Box::leak(self.path(name).into_boxed_str()) as &'static str;
        ["--tls-cert", path("cert.pem"), "--tls-key", path("key.pem")]
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path("cert.pem")).unwrap()
    }

    fn connector(&self, alpn: &str) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    /// Connects, trusting only the certificate that is now in the files.
    async fn connect(&self, relay: &RelayProcess, alpn: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(relay.address()).await?;
        self.connector(alpn).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }
}

/// Address of a relay with the host name of its certificate.
fn address_by_name(relay: &RelayProcess) -> String {
    relay.address().replace("127.0.0.1", "localhost")
}

const HEALTH: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"health_check","arguments":{}}}"#;

#[tokio::test]
async fn http_1_and_http_2_work_over_tls() {
    let files = CertificateFiles::new(&["localhost"]);
    let relay = RelayProcess::start_with(&files.flags()).await.unwrap();
    let token = relay.local_token().unwrap();
    let request = |uri: &str| {
        Request::post(uri)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    };

    let stream = files.connect(&relay, "http/1.1").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = Full::<Bytes>::from(HEALTH);
    let response =
        sender.send_request(request("/mcp").header("host", address_by_name(&relay)).body(body).unwrap()).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_11));

    let stream = files.connect(&relay, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // HTTP/2 has no Host header, only :authority.
    let uri = format!("https://{}/mcp", address_by_name(&relay));
    let response = sender.send_request(request(&uri).body(Full::<Bytes>::from(HEALTH)).unwrap()).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    let answer: Value = serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("\"ok\""), "{answer}");
    for (uri, host) in [("https://evil.example/mcp", None), (uri.as_str(), Some("evil.example"))] {
        let request = host.into_iter().fold(request(uri), |request, host| request.header("host", host));
        let response = sender.send_request(request.body(Full::<Bytes>::from(HEALTH)).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{uri} {host:?}");
    }
    assert!(files.connect(&relay, "spdy/1").await.is_err());
}

#[tokio::test]
async fn invite_links_use_https() {
    let files = CertificateFiles::new(&["localhost"]);
    let relay = RelayProcess::start_with(&files.flags()).await.unwrap();
    let stream = files.connect(&relay, "http/1.1").await.unwrap();
    let mut request = format!("wss://{}/ws", address_by_name(&relay)).into_client_request().unwrap();
    let bearer = format!("Bearer {}", relay.local_token().unwrap());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "multiplayer.v1".parse().unwrap());
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    let create = json!({ "id": 1, "op": "create_channel", "args": { "name": "Game", "slots": ["invite:alice"] } });
    futures::SinkExt::send(&mut socket, create.to_string().into()).await.unwrap();
    let answer = in_time("an answer", futures::StreamExt::next(&mut socket)).await.unwrap().unwrap();
    let answer: Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
    let link = answer["ok"]["invite_links"][0].as_str().unwrap_or_default();
    assert!(link.starts_with(&format!("https://{}/join#", relay.address())), "{answer}");
}

#[tokio::test]
async fn the_stdio_server_trusts_the_authority_in_ssl_cert_file() {
    let files = CertificateFiles::new(&["localhost"]);
    let relay = RelayProcess::start_with(&files.flags()).await.unwrap();
    for (trusted, expected) in [(true, "\\\"ok\\\""), (false, "RELAY_UNREACHABLE")] {
        let mut command = Command::new(binary("mcp-multiplayer"));
        command.args(["--relay", &format!("https://{}", address_by_name(&relay))]).env("DATA_DIR", relay.data_dir());
        let unrelated = CertificateFiles::new(&["localhost"]);
        command.env("SSL_CERT_FILE", if trusted { &files } else { &unrelated }.path("cert.pem"));
        let child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn();
        let mut child = child.unwrap();
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let info = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        for message in [
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": info }),
            json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
            serde_json::from_str(HEALTH).unwrap(),
        ] {
            stdin.write_all(format!("{message}\n").as_bytes()).await.unwrap();
        }
        let mut lines = BufReader::new(stdout).lines();
        let answer = in_time("an answer", async {
            loop {
                let line = lines.next_line().await.unwrap().unwrap();
                if line.contains("\"id\":1") {
                    return line;
                }
            }
        })
        .await;
        assert!(answer.contains(expected), "{answer}");
    }
}

#[tokio::test]
async fn certificate_files_are_reloaded_on_sighup_unless_invalid() {
    let files = CertificateFiles::new(&["localhost"]);
    let relay = RelayProcess::start_verbose(&files.flags()).await.unwrap();
    let reload = || send_signal(relay.pid().unwrap(), Signal::HUP);
    let stream = files.connect(&relay, "http/1.1").await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);

    let first = files.certificate();
    files.replace(&["localhost"]);
    assert_ne!(first, files.certificate());
    reload();
    in_time("the new certificate", async { while files.connect(&relay, "http/1.1").await.is_err() {} }).await;

    for (file, content) in [("key.pem", "no key at all"), ("cert.pem", "")] {
        let good = std::fs::read(files.path(file)).unwrap();
        let before = relay.logged().unwrap().matches("new certificate is invalid").count();
        std::fs::write(files.path(file), content).unwrap();
        reload();
        let seen = async {
            while relay.logged().unwrap().matches("new certificate is invalid").count() == before {
                yield_now().await;
            }
        };
        in_time("the log line", seen).await;
        std::fs::write(files.path(file), good).unwrap();
        files.connect(&relay, "http/1.1").await.unwrap();
    }
    // A certificate is invalid as long as the old key is there.
    let old_key = std::fs::read(files.path("key.pem")).unwrap();
    let old = files.certificate();
    let connector = files.connector("http/1.1");
    files.replace(&["localhost"]);
    let new_key = std::fs::read(files.path("key.pem")).unwrap();
    std::fs::write(files.path("key.pem"), old_key).unwrap();
    reload();
    in_time("the log line", async {
        while !relay.logged().unwrap().contains("does not match") {
            yield_now().await;
        }
    })
    .await;
    let stream = TcpStream::connect(relay.address()).await.unwrap();
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap(), [old]);
    std::fs::write(files.path("key.pem"), new_key).unwrap();
    reload();
    in_time("the newest certificate", async { while files.connect(&relay, "http/1.1").await.is_err() {} }).await;

    let request = Request::get("/healthz").header("host", "localhost").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK, "the first connection stays open");
    let key = std::fs::read_to_string(files.path("key.pem")).unwrap();
    let line = key.lines().nth(1).unwrap();
    assert!(!relay.logged().unwrap().contains(line), "the key is in the log");
}

#[tokio::test]
async fn invalid_certificate_files_are_reported_at_start() {
    let files = CertificateFiles::new(&["localhost"]);
    let other = CertificateFiles::new(&["localhost"]);
    let data = TempDir::new().unwrap();
    for (certificate, key, reason) in [
        (files.path("cert.pem"), files.path("nowhere.pem"), "nowhere.pem"),
        (files.path("cert.pem"), other.path("key.pem"), "does not match"),
        (files.path("key.pem"), files.path("key.pem"), "no certificate"),
        (files.path("cert.pem"), files.path("cert.pem"), "no private key"),
    ] {
        let mut command = Command::new(binary("mcp-multiplayer-relay"));
        command.args(["--listen", "127.0.0.1:0", "--tls-cert", &certificate, "--tls-key", &key, "--data-dir"]);
        let output = in_time("an error", command.arg(data.path()).output()).await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(reason), "{certificate} {key}: {stderr}");
    }
}

#[tokio::test]
async fn a_certificate_is_requested_by_acme() {
    let authority = CertificateFiles::new(&["localhost"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let directory = format!("https://localhost:{}/directory", listener.local_addr().unwrap().port());
    let request = tokio::spawn(first_request(listener, authority.path("cert.pem"), authority.path("key.pem")));
    let certificate = authority.path("cert.pem");
    let flags =
        ["--acme-domain", "relay.example.org", "--acme-contact", "alice@example.org", "--acme-directory", &directory];
    let relay = RelayProcess::start_with_env(&flags, &[("SSL_CERT_FILE", &certificate)]).await.unwrap();
    let request = in_time("the request to the authority", request).await.unwrap();
    assert!(request.starts_with("GET /directory HTTP/1.1\r\n"), "{request}");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&relay.data_dir().join("acme").metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    // The relay listens, but without a certificate it cannot complete a handshake.
    assert!(authority.connect(&relay, "http/1.1").await.is_err());
}

/// Accepts one TLS connection, and returns the first request.
async fn first_request(listener: TcpListener, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> String {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(certificate).unwrap()],
            PrivateKeyDer::from_pem_file(key).unwrap(),
        );
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = TlsAcceptor::from(Arc::new(config.unwrap())).accept(stream).await.unwrap();
    let mut bytes = [0; 4_096];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}
