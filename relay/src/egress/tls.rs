//! TLS on outgoing connections: certificate verification, and its errors in words.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, CipherSuite, ClientConfig, DigitallySignedStruct, Error, ProtocolVersion,
    RootCertStore, SignatureScheme,
};
use tokio::sync::OnceCell;

/// The certificate authorities that outgoing connections trust: those of the machine, and the operator's own.
#[derive(Debug)]
pub(super) struct TrustAnchors {
    provider: Arc<CryptoProvider>,
    operators: Vec<CertificateDer<'static>>,
    roots: OnceCell<Arc<RootCertStore>>,
}

impl TrustAnchors {
    /// Reads the operator's authorities from a PEM file; those of the machine are read when first needed.
    pub(super) fn open(file: Option<&Path>) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let operators = file.map(read_authorities).transpose()?.unwrap_or_default();
        Ok(Self { provider, operators, roots: OnceCell::new() })
    }

    /// The settings of a handshake. Without `verify` any certificate is accepted, and still reported.
    pub(super) async fn client_config(
        &self,
        verify: bool,
        sni: bool,
        alpn: &[String],
    ) -> Result<Arc<ClientConfig>, String> {
        let verifier: Arc<dyn ServerCertVerifier> = if verify {
            let roots = Arc::clone(self.roots.get_or_try_init(|| self.read_roots()).await?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider)).build();
            verifier.map_err(|error| format!("the relay cannot verify certificates: {error}"))?
        } else {
            Arc::new(AcceptAnyCertificate(Arc::clone(&self.provider)))
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites of both versions")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.enable_sni = sni;
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        Ok(Arc::new(config))
    }

    async fn read_roots(&self) -> Result<Arc<RootCertStore>, String> {
        let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
        let mut certificates = found.map_err(|error| error.to_string())?.certs;
        certificates.extend(self.operators.iter().cloned());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() {
            return Err("the relay's machine has no root certificates".to_owned());
        }
        Ok(Arc::new(roots))
    }
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let file = path.display();
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.with_context(|| format!("cannot read the certificates in {file}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots
            .add(certificate.clone())
            .with_context(|| format!("{file} contains a certificate that cannot be used as an authority"))?;
    }
    if certificates.is_empty() {
        bail!("{file} contains no certificate in PEM");
    }
    Ok(certificates)
}

/// Accepts any certificate, as long as the server has its key.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Explains an error of TLS, in OpenSSL's words where a certificate is wrong; `name` is the name that it should be for.
///
/// Returns `None` for an error that is not of TLS.
pub(super) fn explain(error: &io::Error, name: &str) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let message = match error {
        Error::InvalidCertificate(error) => {
            let reason = match error {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "certificate has expired".to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "certificate is not yet valid".to_owned()
                }
                CertificateError::UnknownIssuer => "unable to get local issuer certificate".to_owned(),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    format!("Hostname mismatch, certificate is not valid for '{name}'")
                }
                CertificateError::Revoked => "certificate revoked".to_owned(),
                CertificateError::BadSignature => "certificate signature failure".to_owned(),
                other => other.to_string(),
            };
            format!("certificate verify failed: {reason}")
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!("the server does not know the name '{name}'")
        }
        Error::InvalidMessage(_) => "the server does not speak TLS at this port".to_owned(),
        Error::PeerIncompatible(_) => {
            format!("the server supports no TLS version or cipher that is secure enough: {error}")
        }
        other => other.to_string(),
    };
    Some(message)
}

/// The version's name, as OpenSSL writes it.
pub(super) fn version_name(version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::TLSv1_2 { "TLSv1.2" } else { "TLSv1.3" }
}

/// The cipher suite's name, as OpenSSL writes it.
pub(super) fn cipher_name(suite: CipherSuite) -> String {
    match suite {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        other => return format!("{other:?}"),
    }
    .to_owned()
}
