//! Certificates that the relay gets by itself (ACME, RFC 8555), proving by TLS-ALPN-01 (RFC 8737) that a domain is its.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use rustls::server::ResolvesServerCert;
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig, AcmeState};

use crate::config::Config;

/// The protocol of an authority's proof.
pub(super) const ALPN: &[u8] = b"acme-tls/1";

/// An account at a certificate authority.
pub(super) struct Acme(AcmeState<io::Error>);

impl Acme {
    /// Keeps what it gets in the data directory, for nobody but the relay.
    pub(super) fn open(config: &Config) -> Result<Self> {
        let cache = config.data_dir.join("acme");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&cache);
        // One that was there before is made as tight.
        let made = made.and_then(|()| std::fs::set_permissions(&cache, Permissions::from_mode(0o700)));
        made.with_context(|| format!("cannot make {}", cache.display()))?;
        let contact = config.acme_contact.iter().map(|address| match address.strip_prefix("mailto:") {
            Some(_) => address.clone(),
            None => format!("mailto:{address}"),
        });
        let acme = AcmeConfig::new_with_client_config(&config.acme_domain, Arc::new(trust()?))
            .directory(&config.acme_directory)
            .contact(contact)
            .cache(DirCache::new(cache));
        Ok(Self(acme.state()))
    }

    pub(super) fn certificates(&self) -> Arc<dyn ResolvesServerCert> {
        self.0.resolver()
    }

    /// Orders certificates, and again before they expire.
    pub(super) async fn keep_fresh(mut self) {
        while let Some(event) = self.0.next().await {
            match event {
                Ok(event) => tracing::info!(acme.event = ?event, "certificate"),
                Err(error) => tracing::warn!(
                    error.cause = %error,
                    "no certificate yet; is the domain's port 443 this relay's? it will try again"
                ),
            }
        }
    }
}

/// The machine's authorities vouch for the certificate authority's own server.
fn trust() -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ensure!(!roots.is_empty(), "this machine has no root certificates, without which ACME trusts no authority");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has cipher suites of both versions");
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
