use mcp_multiplayer_protocol::checkpoint::LogOrigin;
use mcp_multiplayer_protocol::{ChannelId, Hash, PublicKey};
use url::Url;

use super::Config;
use super::warnings::is_only_local;

impl Config {
    /// Name of the relay's log when none is configured: `public_url` without its scheme. Many relays have the same address on
    /// their own machines, so the name of such a relay is made from its public key.
    pub(crate) fn default_log_origin(&self, key: &PublicKey) -> LogOrigin {
        let of_address = (!is_only_local(&self.public_url)).then(|| of_address(&self.public_url)).flatten();
        of_address.unwrap_or_else(|| of_key(key))
    }
}

fn of_address(public_url: &str) -> Option<LogOrigin> {
    let url = Url::parse(public_url).ok()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}{}", url.host_str()?, url.path().trim_end_matches('/')).parse().ok()
}

fn of_key(key: &PublicKey) -> LogOrigin {
    let hash = Hash::of(&[key.as_bytes()]);
    let name = format!("local-{}", ChannelId::encode_base32(&hash.as_bytes()[..10]));
    name.parse().expect("a short text of letters and digits")
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::SigningKey;

    use super::Config;

    #[test]
    fn the_name_is_the_public_url_without_its_scheme() {
        let key = SigningKey::ed25519(&[7; 32]).public();
        let of = |public_url: &str| {
            let config = Config { public_url: public_url.to_owned(), ..Config::default() };
            config.default_log_origin(&key).to_string()
        };
        assert_eq!(of("https://Relay.example.org"), "relay.example.org");
        assert_eq!(of("https://relay.example.org:443/"), "relay.example.org");
        assert_eq!(of("https://relay.example.org:8443/games/"), "relay.example.org:8443/games");
        let local = of("http://127.0.0.1:8100");
        assert!(local.starts_with("local-") && local.len() == 22, "{local}");
        assert_eq!(of("http://localhost:8200"), local);
        assert_eq!(of("https://relay.example.org/a+b"), local, "a name has no plus");
    }
}
