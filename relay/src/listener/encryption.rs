use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;
use tokio::task::JoinSet;

use super::acme::{self, Acme};
use super::certificate::Files;
use crate::config::Config;

/// How the relay speaks TLS: with the operator's certificate, or with one that it gets by itself.
#[derive(Debug)]
pub struct Encryption(Source);

enum Source {
    Files(Files),
    Acme(Acme),
}

impl Encryption {
    /// What the configuration asks for; `None` without TLS.
    pub fn open(config: &Config) -> Result<Option<Self>> {
        let files = config.tls_cert.as_ref().zip(config.tls_key.as_ref());
        Ok(match files {
            Some((certificate, key)) => Some(Self(Source::Files(Files::open(certificate, key)?))),
            None if !config.acme_domain.is_empty() => Some(Self(Source::Acme(Acme::open(config)?))),
            None => None,
        })
    }

    /// The settings of handshakes; what keeps the certificate fresh is spawned on `upkeep`.
    pub(super) fn start(self, upkeep: &mut JoinSet<()>) -> Arc<ServerConfig> {
        let mut protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let certificates: Arc<dyn ResolvesServerCert> = match self.0 {
            Source::Files(files) => {
                let current = files.current();
                upkeep.spawn(files.keep_fresh());
                current
            }
            Source::Acme(acme) => {
                protocols.push(acme::ALPN.to_vec());
                let current = acme.certificates();
                upkeep.spawn(acme.keep_fresh());
                current
            }
        };
        let mut settings = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites of both versions")
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        settings.alpn_protocols = protocols;
        Arc::new(settings)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files(_) => "Files",
            Self::Acme(_) => "Acme",
        })
    }
}
