//! Bots' outgoing connections: allowed hosts, refused ones, limits, and the record of exchanges.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_multiplayer_protocol::receipt::Receipt;
use mcp_multiplayer_tests::RelayProcess;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::fixture::{TwoPlayerChannel, of_type, read_until};
use crate::receipts::operator_receipt;

/// Fetches the URLs in a message, and posts the last response.
const FETCHER: &str = "
import requests

class Fetcher:
    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_message(self, msg):
        if msg['sender'].startswith('bot:'):
            return
        try:
            for url in msg['body']['text'].split():
                answer = requests.get(url, timeout=2)
            self.ctx.post('bot', {'status': answer.status_code, 'text': answer.text[:200], 'bytes': len(answer.content)})
        except Exception as error:
            self.ctx.post('bot', {'error': type(error).__name__, 'text': str(error)[:1000]})
";

/// Fetches a page with every library, and posts the responses and the server's certificate.
const LIBRARIES: &str = "
import http.client
import requests
import socket
import ssl
import urllib.request
import urllib3

class Libraries:
    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_message(self, msg):
        if msg['sender'].startswith('bot:'):
            return
        port = int(msg['body']['text'])
        url = f'https://localhost:{port}/'
        with urllib.request.urlopen(url + 'urllib') as answer:
            texts = [answer.read().decode()]
        connection = http.client.HTTPSConnection('localhost', port)
        connection.request('GET', '/http.client')
        texts.append(connection.getresponse().read().decode())
        texts.append(urllib3.PoolManager().request('GET', url + 'urllib3').data.decode())
        with requests.Session() as session:
            texts.append(session.post(url + 'session').text)
        pem = ssl.get_server_certificate(('localhost', port))
        with socket.create_connection(('localhost', port), timeout=2) as plain:
            with ssl.create_default_context().wrap_socket(plain, server_hostname='localhost') as secured:
                names = secured.getpeercert()['subjectAltName']
                same = ssl.PEM_cert_to_DER_cert(pem) == secured.getpeercert(binary_form=True)
                version = secured.version()
        self.ctx.post('bot', {'texts': texts, 'names': names, 'same': same, 'version': version})
";

/// A web server on loopback, over TLS if it has a certificate.
async fn web_server(tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    Some(tls) => answer(tls.accept(stream).await?).await,
                    None => answer(stream).await,
                }
            });
        }
    });
    address
}

/// Answers one request: `/to?URL` redirects, `/slow` never answers, `/big` is 5 MiB.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if stream.read_line(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let ok =
        |body: String| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let response = match path.split_once('?') {
        Some(("/to", url)) => {
            format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        _ if path == "/slow" => std::future::pending().await,
        _ if path == "/big" => ok("x".repeat(5 << 20)),
        _ => ok(format!("you asked for {path}")),
    };
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

/// Creates a certificate for `localhost`, and the file of the authority that issued it.
pub(crate) fn certificate() -> (TempDir, PathBuf, TlsAcceptor) {
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "The test's own authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (directory, file, TlsAcceptor::from(Arc::new(config)))
}

/// Creates a channel whose bot fetches the URLs that players post, on a relay with these flags.
async fn with_fetcher(flags: &[&str]) -> TwoPlayerChannel {
    TwoPlayerChannel::create_with(flags, json!({ "bot_code": FETCHER })).await
}

/// Posts a URL. Returns the bot's post and the record of its hook.
async fn fetch(fixture: &mut TwoPlayerChannel, url: &str) -> (Value, Value) {
    let post = fixture.bob_posts(url).await;
    let ran = |message: &Value| message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == post;
    let log = read_until(&mut fixture.bob, &fixture.channel_id, url, ran).await;
    let mut after = log.iter().skip_while(|message| message["id"] != post);
    let posted = after.find(|message| message["kind"] == "bot").expect("the bot answers everything");
    let ran = log.iter().find(|message| ran(message)).unwrap();
    (posted["body"].clone(), ran["body"]["result"].clone())
}

#[tokio::test]
async fn fetches_from_allowed_hosts_succeed_and_are_recorded() {
    let (_directory, authority, tls) = certificate();
    let (http, https) = (web_server(None).await, web_server(Some(tls)).await);
    let allow = format!("{http},127.0.0.1:{}", https.port());
    let flags = ["--bot-network-allow", &allow, "--bot-network-ca", authority.to_str().unwrap()];
    let mut fixture = with_fetcher(&flags).await;
    let (posted, ran) = fetch(&mut fixture, &format!("http://{http}/plain")).await;
    assert_eq!((&posted["status"], &posted["text"]), (&json!(200), &json!("you asked for /plain")), "{posted}");
    assert_eq!(ran["exchanged"]["hosts"], json!([http.to_string()]), "{ran}");
    assert_ne!(ran["exchanged"]["sealed"], true);
    assert_eq!(ran["exchanged"]["record_hash"].as_str().unwrap().len(), "sha256:".len() + 64);

    let (posted, ran) = fetch(&mut fixture, &format!("https://localhost:{}/secret", https.port())).await;
    assert_eq!((&posted["status"], &posted["text"]), (&json!(200), &json!("you asked for /secret")), "{posted}");
    assert!(ran["exchanged"]["hosts"].as_array().is_some_and(|hosts| hosts.len() == 1), "{ran}");

    // The certificate is for localhost.
    let (posted, _) = fetch(&mut fixture, &format!("https://127.0.0.1:{}/", https.port())).await;
    assert_eq!(posted["error"], "SSLError", "{posted}");
    assert!(posted["text"].as_str().unwrap().contains("certificate is not valid for '127.0.0.1'"), "{posted}");

    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/to?http://{http}/moved")).await;
    assert_eq!(posted["text"], "you asked for /moved", "{posted}");
}

#[tokio::test]
async fn public_receipts_omit_the_exchanges_of_private_hooks() {
    let source = "
import requests

class Fetcher:
    def on_message(self, msg):
        self.ctx.post('bot', requests.get(msg['body']['text']).text)

    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'private', requests.get(msg['text']).text)
";
    let http = web_server(None).await;
    let flags = ["--bot-network-allow", &http.to_string()];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({ "bot_code": source })).await;
    fetch(&mut fixture, &format!("http://{http}/open")).await;
    let dm = fixture.args(json!({ "bot_id": "bot_CustomBot_0", "message": format!("http://{http}/hidden") }));
    let sent = fixture.bob.call("dm_bot", dm).await["msg_id"].clone();
    let ran = |message: &Value| message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == sent;
    read_until(&mut fixture.bob, &fixture.channel_id, "the hook for the DM", ran).await;

    let triggers = async |more: &[&str]| -> Vec<u64> {
        let text = std::fs::read_to_string(operator_receipt(&fixture, more).await).unwrap();
        Receipt::parse(&text).unwrap().exchanges.iter().map(|exchange| exchange.trigger).collect()
    };
    let full = triggers(&[]).await;
    assert_eq!((full.len(), json!(full[1])), (2, sent));
    assert_eq!(triggers(&["--public"]).await, full[..1]);
}

#[tokio::test]
async fn http_and_tls_libraries_work() {
    let (_directory, authority, tls) = certificate();
    let https = web_server(Some(tls)).await;
    let allow = format!("127.0.0.1:{}", https.port());
    let flags = ["--bot-network-allow", &allow, "--bot-network-ca", authority.to_str().unwrap()];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({ "bot_code": LIBRARIES })).await;
    let (posted, _) = fetch(&mut fixture, &https.port().to_string()).await;
    let pages = ["urllib", "http.client", "urllib3", "session"].map(|page| format!("you asked for /{page}"));
    assert_eq!(posted["texts"], json!(pages), "{posted}");
    assert_eq!(posted["names"], json!([["DNS", "localhost"]]));
    assert_eq!((&posted["same"], &posted["version"]), (&json!(true), &json!("TLSv1.3")));
}

#[tokio::test]
async fn a_bot_cannot_reach_the_relays_own_network() {
    let http = web_server(None).await;
    let other = web_server(None).await;
    let mut fixture = with_fetcher(&["--bot-network-allow", &http.to_string()]).await;
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "10.0.0.1",
    ] {
        let (posted, _) = fetch(&mut fixture, &format!("http://{host}/")).await;
        assert_eq!(posted["error"], "ConnectionError", "{host}: {posted}");
    }
    for url in [format!("http://{other}/"), format!("http://{http}/to?http://{other}/")] {
        let (posted, ran) = fetch(&mut fixture, &url).await;
        assert_eq!(posted["error"], "ConnectionError", "{posted}");
        assert!(posted["text"].as_str().unwrap().contains(&format!("operator can allow {other}")), "{posted}");
        assert!(ran["exchanged"]["hosts"].as_array().unwrap().contains(&json!(other.to_string())), "{ran}");
    }
    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/to?http://169.254.169.254/latest/meta-data")).await;
    assert!(posted["text"].as_str().unwrap().contains("not a public internet address"), "{posted}");
}

#[tokio::test]
async fn exchanges_over_a_limit_fail_and_the_bot_continues() {
    let http = web_server(None).await;
    let mut fixture =
        with_fetcher(&["--bot-network-allow", &http.to_string(), "--bot-network-hook-connections", "3"]).await;
    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/slow")).await;
    assert!(posted["error"].as_str().is_some_and(|error| error.contains("Timeout")), "{posted}");
    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/big")).await;
    assert!(posted["text"].as_str().unwrap().contains("a hook may exchange at most 4194304 bytes"), "{posted}");
    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/ ").repeat(4)).await;
    assert!(posted["text"].as_str().unwrap().contains("a hook may open at most 3 connections"), "{posted}");
    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/after")).await;
    assert_eq!(posted["text"], "you asked for /after", "{posted}");
}

#[tokio::test]
async fn connections_fail_where_bots_have_no_network() {
    let http = web_server(None).await;
    let mut fixture = with_fetcher(&["--bot-network", "false"]).await;
    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/")).await;
    assert!(posted["text"].as_str().unwrap().contains("bots have no network on this relay"), "{posted}");
}

#[tokio::test]
async fn a_hook_whose_effects_cannot_be_stored_at_once_does_not_connect_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(stream));
        }
    });
    let variables = [("MCP_MULTIPLAYER_FAILPOINT", "store.hook_append_fails@3")];
    let flags = ["--bot-network-allow", &http.to_string()];
    let relay = RelayProcess::start_with_env(&flags, &variables).await.unwrap();
    let mut fixture = TwoPlayerChannel::create_on(relay, json!({ "bot_code": FETCHER })).await;
    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/once")).await;
    assert_eq!(posted["text"], "you asked for /once", "{posted}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let (posted, _) = fetch(&mut fixture, &format!("http://{http}/again")).await;
    assert_eq!(posted["text"], "you asked for /again", "{posted}");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    assert_eq!(of_type(&fixture.bob_reads().await, "bot:ran").len(), 2);
}
