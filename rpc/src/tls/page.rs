//! The certificate of the page on the network: P-256, since browsers take no Ed25519, and never
//! the machine's own key, since what a browser is shown proves nothing among machines.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use sha2::{Digest as _, Sha256};

use crate::identity::{Pin, PublicKey, Secret};

/// What is wrong with a certificate for the page.
#[derive(Debug, thiserror::Error)]
pub enum PageCertificateError {
    /// It could not be made.
    #[error("cannot make a certificate for the page")]
    Make(#[source] rcgen::Error),
    /// The text holds no certificate, or none that can be read.
    #[error("the file holds no certificate in PEM form")]
    NoCertificate,
    /// The text holds no private key, or none that can be read.
    #[error("the file holds no private key in PEM form")]
    NoKey,
    /// The key is the machine's own.
    #[error("the page must not use the machine's own key; give it one of its own")]
    OwnKey,
    /// The key is not that of the certificate, or of a kind that TLS does not take.
    #[error("the key does not belong to the certificate, or is of a kind that cannot be used")]
    Unfit(#[source] rustls::Error),
}

/// A certificate, with those above it, and its key.
pub struct PageCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for PageCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PageCertificate").field(&self.fingerprint()).finish()
    }
}

/// A new certificate with a new key, for these names and addresses: one PEM text with both.
///
/// Its dates are fixed and far apart: a machine whose clock is wrong must show its page all the
/// same, and a person compares the fingerprint.
pub fn make(
    names: &[String],
    addresses: &[IpAddr],
) -> Result<Secret<String>, PageCertificateError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(PageCertificateError::Make)?;
    // An address is told apart from a name by how it is written.
    let all: Vec<String> =
        names.iter().cloned().chain(addresses.iter().map(ToString::to_string)).collect();
    let mut params = CertificateParams::new(all).map_err(PageCertificateError::Make)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Dunlin, the page of this machine");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let made = params.self_signed(&key).map_err(PageCertificateError::Make)?;
    Ok(Secret(format!("{}{}", made.pem(), key.serialize_pem())))
}

impl PageCertificate {
    /// Reads a chain and a key, each in PEM; they may be one text. `machine` is the pin that it
    /// must not have.
    pub fn read(
        chain: &Secret<String>,
        key: &Secret<String>,
        machine: Pin,
    ) -> Result<Self, PageCertificateError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain.expose().as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|_| PageCertificateError::NoCertificate)?;
        let first = chain.first().ok_or(PageCertificateError::NoCertificate)?;
        if PublicKey::of_certificate(first).is_ok_and(|key| key.pin() == machine) {
            return Err(PageCertificateError::OwnKey);
        }
        let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
            .map_err(|_| PageCertificateError::NoKey)?;
        Ok(Self { chain, key })
    }

    /// SHA-256 of the certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let first = self.chain.first().map(Sha256::digest).unwrap_or_default();
        let pairs: Vec<String> = first.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    /// TLS 1.3 only, HTTP/1.1 only, nothing resumed.
    pub fn config(&self) -> Result<Arc<ServerConfig>, PageCertificateError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(PageCertificateError::Unfit)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(PageCertificateError::Unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.send_tls13_tickets = 0;
        config.max_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    const NOBODY: Pin = Pin([0; 32]);

    #[test]
    fn a_certificate_that_was_made_can_be_read_and_used() {
        let names = ["till-1.local".to_owned()];
        let text = make(&names, &["192.168.1.5".parse().unwrap()]).unwrap();
        let read = PageCertificate::read(&text, &text, NOBODY).unwrap();
        assert_eq!(read.fingerprint().len(), 95);
        let config = read.config().unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
        let other = make(&names, &[]).unwrap();
        let mixed = PageCertificate::read(&text, &other, NOBODY).unwrap();
        assert!(matches!(mixed.config(), Err(PageCertificateError::Unfit(_))));
    }

    #[test]
    fn the_machine_s_own_key_is_refused() {
        let machine = Identity::generate().unwrap();
        let der = data_encoding::BASE64.encode(&machine.certificate());
        let pem =
            Secret(format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n"));
        let refused = PageCertificate::read(&pem, &pem, machine.pin()).unwrap_err();
        assert!(matches!(refused, PageCertificateError::OwnKey));
        let nothing = Secret("hello".to_owned());
        let refused = PageCertificate::read(&nothing, &nothing, NOBODY).unwrap_err();
        assert!(matches!(refused, PageCertificateError::NoCertificate));
    }
}
