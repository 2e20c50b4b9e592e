//! Certificates by ACME (RFC 8555), validated by TLS-ALPN-01 (RFC 8737) on the relay's own port.

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

/// The ALPN protocol by which an authority validates a domain.
pub(super) const ALPN: &[u8] = b"acme-tls/1";

/// An account at a certificate authority.
pub(super) struct AcmeAccount(AcmeState<io::Error>);

impl AcmeAccount {
    /// Opens the account. Its key and certificates are stored in the data directory, readable by the relay's user only.
    pub(super) fn open(config: &Config) -> Result<Self> {
        let cache = config.data_dir.join("acme");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&cache);
        // An existing directory may have wider permissions.
        let made = made.and_then(|()| std::fs::set_permissions(&cache, Permissions::from_mode(0o700)));
        made.with_context(|| format!("cannot create {}", cache.display()))?;
        let contact = config.acme_contact.iter().map(|address| match address.strip_prefix("mailto:") {
            Some(_) => address.clone(),
            None => format!("mailto:{address}"),
        });
        let acme = AcmeConfig::new_with_client_config(&config.acme_domain, Arc::new(authority_client_config()?))
            .directory(&config.acme_directory)
            .contact(contact)
            .cache(DirCache::new(cache));
        Ok(Self(acme.state()))
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.0.resolver()
    }

    /// Orders certificates, and renews them before they expire.
    pub(super) async fn renew(mut self) {
        while let Some(event) = self.0.next().await {
            match event {
                Ok(event) => tracing::info!(acme.event = ?event, "ACME event"),
                Err(error) => tracing::warn!(
                    error.cause = %error,
                    "cannot get a certificate by ACME; will retry. Check that port 443 of the domain leads to this relay"
                ),
            }
        }
    }
}

/// The settings of connections to the ACME server, whose own certificate is verified by the machine's root certificates.
fn authority_client_config() -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ensure!(
        !roots.is_empty(),
        "this machine has no root certificates, so the ACME server cannot be verified; install ca-certificates"
    );
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has cipher suites of both versions");
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
