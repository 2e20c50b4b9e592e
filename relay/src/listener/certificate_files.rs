use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use mcp_multiplayer_protocol::Hash;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// Interval at which the files are checked for changes. SIGHUP triggers a check at once.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// The operator's certificate and key files, which are reloaded when they change.
pub(super) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<CurrentCertificate>,
    /// The hash of the contents that were last loaded, successfully or not, or the error of reading them. The same contents
    /// are not tried, and the same error is not logged, again.
    last_seen: Result<Hash, String>,
    hangups: Signal,
}

/// The certificate for new connections.
#[derive(Debug)]
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

/// The contents of both files.
struct PemPair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl CertificateFiles {
    pub(super) fn open(certificate: &Path, key: &Path) -> Result<Self> {
        let pair = PemPair::read(certificate, key)?;
        let certified = pair.certified_key().with_context(|| format!("tls_cert {}", certificate.display()))?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: Arc::new(CurrentCertificate(RwLock::new(Arc::new(certified)))),
            last_seen: Ok(pair.hash()),
            hangups: signal(SignalKind::hangup())?,
        })
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>
    }

    /// Reloads the certificate whenever the files change. Invalid contents are logged once, and the previous certificate is
    /// kept.
    pub(super) async fn reload_on_change(mut self) {
        let mut ticks = interval(CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(()) = self.hangups.recv() => {}
            }
            let (certificate, key) = (self.certificate.clone(), self.key.clone());
            let read = tokio::task::spawn_blocking(move || PemPair::read(&certificate, &key)).await;
            let Ok(read) = read else { continue };
            let found = read.as_ref().map(PemPair::hash).map_err(|error| format!("{error:#}"));
            if found == self.last_seen {
                continue;
            }
            match read.and_then(|pair| pair.certified_key()) {
                Ok(certified) => {
                    *self.current.0.write().expect("no code panics while it holds this lock") = Arc::new(certified);
                    tracing::info!(tls.cert = %self.certificate.display(), "certificate reloaded");
                }
                Err(error) => tracing::warn!(
                    error.cause = %format!("{error:#}"),
                    tls.cert = %self.certificate.display(),
                    "new certificate is invalid; keeping the previous one"
                ),
            }
            self.last_seen = found;
        }
    }
}

impl PemPair {
    fn read(certificate: &Path, key: &Path) -> Result<Self> {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        Ok(Self { certificate: read(certificate)?, key: read(key)? })
    }

    fn hash(&self) -> Hash {
        Hash::of(&[Hash::of(&[&self.certificate]).as_bytes(), Hash::of(&[&self.key]).as_bytes()])
    }

    fn certified_key(&self) -> Result<CertifiedKey> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .context("the file is not valid PEM")?;
        ensure!(!chain.is_empty(), "the file contains no certificate");
        let key = PrivateKeyDer::from_pem_slice(&self.key).context("tls_key contains no private key in PEM")?;
        CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider())
            .context("the certificate does not match the private key in tls_key")
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().expect("no code panics while it holds this lock")))
    }
}

impl fmt::Debug for CertificateFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateFiles({})", self.certificate.display())
    }
}
