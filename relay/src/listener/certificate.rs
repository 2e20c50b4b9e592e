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

/// How often the files are looked at; SIGHUP has them looked at at once.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The operator's certificate and key, in files that are replaced from time to time.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    /// What was tried last, whether or not it was any good.
    tried: Result<Hash, String>,
    hangups: Signal,
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

/// What is in the files, byte for byte.
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    pub(super) fn open(certificate: &Path, key: &Path) -> Result<Self> {
        let pair = Pair::read(certificate, key)?;
        let certified = pair.certified().with_context(|| format!("tls_cert {}", certificate.display()))?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: Arc::new(Current(RwLock::new(Arc::new(certified)))),
            tried: Ok(pair.hash()),
            hangups: signal(SignalKind::hangup())?,
        })
    }

    pub(super) fn current(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>
    }

    /// Takes over what is put into the files. A pair that is no good is told once, and the one before stays.
    pub(super) async fn keep_fresh(mut self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(()) = self.hangups.recv() => {}
            }
            let (certificate, key) = (self.certificate.clone(), self.key.clone());
            let read = tokio::task::spawn_blocking(move || Pair::read(&certificate, &key)).await;
            let Ok(read) = read else { continue };
            let found = read.as_ref().map(Pair::hash).map_err(|error| format!("{error:#}"));
            if found == self.tried {
                continue;
            }
            match read.and_then(|pair| pair.certified()) {
                Ok(certified) => {
                    *self.current.0.write().expect("no code panics while it holds this lock") = Arc::new(certified);
                    tracing::info!(tls.cert = %self.certificate.display(), "the certificate was read again");
                }
                Err(error) => tracing::warn!(
                    error.cause = %format!("{error:#}"),
                    tls.cert = %self.certificate.display(),
                    "the new certificate is no good; the one before stays"
                ),
            }
            self.tried = found;
        }
    }
}

impl Pair {
    fn read(certificate: &Path, key: &Path) -> Result<Self> {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        Ok(Self { certificate: read(certificate)?, key: read(key)? })
    }

    fn hash(&self) -> Hash {
        Hash::of(&[Hash::of(&[&self.certificate]).as_bytes(), Hash::of(&[&self.key]).as_bytes()])
    }

    fn certified(&self) -> Result<CertifiedKey> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<_, _>>().context("is no PEM")?;
        ensure!(!chain.is_empty(), "no certificate is in it");
        let key = PrivateKeyDer::from_pem_slice(&self.key).context("no private key in PEM is in tls_key")?;
        CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider())
            .context("certificate and key do not fit")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().expect("no code panics while it holds this lock")))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Files({})", self.certificate.display())
    }
}
