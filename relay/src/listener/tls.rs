use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;
use tokio::task::JoinSet;

use super::acme::{self, AcmeAccount};
use super::certificate_files::CertificateFiles;
use crate::config::Config;

/// The relay's TLS, with the certificate from the operator's files or from an ACME authority.
#[derive(Debug)]
pub struct Tls(CertificateSource);

enum CertificateSource {
    Files(CertificateFiles),
    Acme(AcmeAccount),
}

impl Tls {
    /// Reads the certificate or opens the ACME account that the configuration names; returns `None` if it names neither.
    pub fn open(config: &Config) -> Result<Option<Self>> {
        let files = config.tls_cert.as_ref().zip(config.tls_key.as_ref());
        Ok(match files {
            Some((certificate, key)) => Some(Self(CertificateSource::Files(CertificateFiles::open(certificate, key)?))),
            None if !config.acme_domain.is_empty() => Some(Self(CertificateSource::Acme(AcmeAccount::open(config)?))),
            None => None,
        })
    }

    /// The settings of handshakes. The task that replaces the certificate in time is spawned on `tasks`.
    pub(super) fn start(self, tasks: &mut JoinSet<()>) -> Arc<ServerConfig> {
        let mut protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let resolver: Arc<dyn ResolvesServerCert> = match self.0 {
            CertificateSource::Files(files) => {
                let resolver = files.resolver();
                tasks.spawn(files.reload_on_change());
                resolver
            }
            CertificateSource::Acme(account) => {
                protocols.push(acme::ALPN.to_vec());
                let resolver = account.resolver();
                tasks.spawn(account.renew());
                resolver
            }
        };
        let mut settings = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites of both versions")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        settings.alpn_protocols = protocols;
        Arc::new(settings)
    }
}

impl fmt::Debug for CertificateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files(_) => "Files",
            Self::Acme(_) => "Acme",
        })
    }
}
