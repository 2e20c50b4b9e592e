//! A minimal browser: one cookie, forms, and redirects that are returned instead of followed.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::{Value, json};

/// PKCE verifier and challenge of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser that starts without cookies.
#[derive(Debug)]
pub(crate) struct Browser {
    address: String,
    /// `name=value`.
    pub(crate) cookie: Option<String>,
}

/// A response to the browser.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) text: String,
    response: Response<()>,
}

impl Browser {
    pub(crate) fn new(relay: &RelayProcess) -> Self {
        Self { address: relay.address().to_owned(), cookie: None }
    }

    /// A browser for a relay that is reached through a proxy at this address.
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), cookie: None }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, &[("accept", "text/html,*/*;q=0.8")], String::new()).await
    }

    /// Submits a form as from a page of the relay.
    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let origin = format!("http://{}", self.address);
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", &origin)];
        self.send(Method::POST, path, &headers, query(form)).await
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Page {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("other=1; {cookie}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut http = HttpClient::connect(&self.address, "").await.unwrap();
        let response = http.send(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        if let Some(set) = response.headers().get("set-cookie") {
            self.cookie = Some(set.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Page { status: parts.status.as_u16(), text, response: Response::from_parts(parts, ()) }
    }

    /// Opens the consent page, and submits its form.
    pub(crate) async fn decide(&mut self, query: &str, answer: &[(&str, &str)]) -> Page {
        let page = self.get(&format!("/oauth/authorize?{query}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let field = page.field();
        let form: Vec<_> = [("request", field.as_str())].iter().chain(answer).copied().collect();
        self.post("/oauth/authorize/decision", &form).await
    }
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Value of the consent page's hidden field.
    pub(crate) fn field(&self) -> String {
        let (_, rest) =
            self.text.split_once("name=\"request\" value=\"").unwrap_or_else(|| panic!("no form: {self:?}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Target of the redirect, without its query.
    pub(crate) fn redirect_uri(&self) -> &str {
        self.header("location").split('?').next().unwrap()
    }

    /// Query parameter of the redirect.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.header("location").split_once('?')?;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(decode(value))
    }
}

/// Registers a client, and returns its id.
pub(crate) async fn register(relay: &RelayProcess, name: &str, redirect_uris: &[&str]) -> String {
    let body = json!({ "client_name": name, "redirect_uris": redirect_uris, "token_endpoint_auth_method": "none" });
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    let response = http.post("/register", &[], body.to_string().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(response.body()).unwrap();
    answer["client_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Query of a valid authorization request.
pub(crate) fn authorization_query(client_id: &str, redirect_uri: &str) -> String {
    query(&[
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "a state & more"),
    ])
}

/// Redeems a code, and returns the access token.
pub(crate) async fn redeem(relay: &RelayProcess, client_id: &str, redirect_uri: &str, code: &str) -> String {
    let form = query(&[
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("code", code),
        ("code_verifier", VERIFIER),
    ]);
    let request = Request::post("/oauth/token")
        .header("host", relay.address())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(form.into()));
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    let answer: Value = serde_json::from_slice(http.send(request.unwrap()).await.unwrap().body()).unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Encodes parameters as a query.
pub(crate) fn query(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (vec![], text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
