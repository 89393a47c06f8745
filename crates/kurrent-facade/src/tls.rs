//! TLS at the server's end. Clients in Python and Node send credentials over TLS only, so a server that asks for
//! them needs it, here or in a proxy in front.
//!
//! Absent on purpose: certificates of clients, and changing the certificate while serving.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The protocol that is agreed on within TLS; there is no other.
const HTTP_2: &[u8] = b"h2";

/// The server's certificate with its key.
#[derive(Clone)]
pub struct Identity {
    certificate_pem: Vec<u8>,
    key_pem: Vec<u8>,
}

impl Identity {
    /// A chain of certificates, the server's first, and its private key, both in PEM.
    #[must_use]
    pub fn from_pem(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self {
            certificate_pem: certificate.into(),
            key_pem: key.into(),
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity (key kept back)")
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadIdentity {
    /// The certificates cannot be read.
    #[error("the certificate for KurrentDB clients is not PEM with at least one certificate{0}")]
    Certificate(String),
    /// The key cannot be read.
    #[error("the key for KurrentDB clients is not a private key in PEM: {0}")]
    Key(rustls::pki_types::pem::Error),
    /// They do not fit each other, or are of a kind that is not supported.
    #[error("certificate and key for KurrentDB clients cannot be used together: {0}")]
    Together(rustls::Error),
}

pub(crate) fn acceptor(identity: &Identity) -> Result<TlsAcceptor, BadIdentity> {
    let chain = CertificateDer::pem_slice_iter(&identity.certificate_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| BadIdentity::Certificate(format!(": {error}")))?;
    if chain.is_empty() {
        return Err(BadIdentity::Certificate(String::new()));
    }
    let key = PrivateKeyDer::from_pem_slice(&identity.key_pem).map_err(BadIdentity::Key)?;
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BadIdentity::Together)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(BadIdentity::Together)?;
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &[u8] = include_bytes!("../tests/facade/certificates/server.pem");
    const KEY: &[u8] = include_bytes!("../tests/facade/certificates/server.key.pem");

    #[test]
    fn a_certificate_with_its_key_is_taken() {
        assert!(acceptor(&Identity::from_pem(CERTIFICATE, KEY)).is_ok());
    }

    #[test]
    fn what_is_wrong_with_certificate_or_key_is_said() {
        let refused = |certificate: &[u8], key: &[u8]| {
            let identity = Identity::from_pem(certificate, key);
            acceptor(&identity).err().map(|error| error.to_string())
        };
        let none = refused(b"", KEY).expect("no certificate");
        assert!(none.contains("at least one certificate"), "{none}");
        let no_key = refused(CERTIFICATE, b"").expect("no key");
        assert!(no_key.contains("private key"), "{no_key}");
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let shown = format!("{:?}", Identity::from_pem("c", "hush"));
        assert!(!shown.contains("hush"), "{shown}");
    }
}
