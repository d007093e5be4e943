//! The page on the network, as a person sees it who has compared the fingerprint.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use dunlin_rpc::Sum;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{ring, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

use super::http;

/// A connection by TLS.
pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Connects; the certificate must have this fingerprint, as `dunlin status` shows it.
pub fn connect(address: SocketAddr, fingerprint: &str, alpn: &[&[u8]]) -> Stream {
    let provider = Arc::new(ring::default_provider());
    let pinned = Pinned { hex: fingerprint.replace(':', "").to_lowercase() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let ip: IpAddr = address.ip();
    let client = ClientConnection::new(Arc::new(config), ServerName::from(ip)).unwrap();
    StreamOwned::new(client, http::connect(address))
}

/// Takes the certificate with one fingerprint.
#[derive(Debug)]
struct Pinned {
    hex: String,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Sum::of(certificate).to_string() == self.hex {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::General("another certificate than the one that was compared".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    /// What browsers take: no Ed25519.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
