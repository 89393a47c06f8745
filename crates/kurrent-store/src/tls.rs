//! Securing connections: the system's authorities or one of the operator's, a certificate of this client's.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::settings::{SettingsError, Tls};

/// What a connection needs to be secured.
pub(crate) struct Secured {
    config: ClientTlsConfig,
    verify: bool,
}

impl Secured {
    /// Reads the files.
    pub(crate) fn load(tls: &Tls) -> Result<Self, SettingsError> {
        let mut config = ClientTlsConfig::new();
        if tls.verify {
            config = match &tls.ca_file {
                Some(path) => {
                    config.ca_certificate(Certificate::from_pem(read("tlsCaFile", path)?))
                }
                None => config.with_native_roots(),
            };
        }
        if let Some((certificate, key)) = &tls.identity {
            let certificate = read("userCertFile", certificate)?;
            config = config.identity(Identity::from_pem(certificate, read("userKeyFile", key)?));
        }
        Ok(Self {
            config,
            verify: tls.verify,
        })
    }

    pub(crate) fn apply(&self, endpoint: Endpoint) -> Result<Endpoint, tonic::transport::Error> {
        let config = self.config.clone();
        if self.verify {
            endpoint.tls_config(config)
        } else {
            endpoint.tls_config_with_verifier(config, Arc::new(AnyCertificate::new()))
        }
    }
}

fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, SettingsError> {
    std::fs::read(path).map_err(|error| SettingsError::File {
        name,
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// Takes any certificate, as `tlsVerifyCert=false` asks; that the server holds its key is still checked.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl AnyCertificate {
    fn new() -> Self {
        Self(ring::default_provider().signature_verification_algorithms)
    }
}

impl ServerCertVerifier for AnyCertificate {
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
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
