//! Identity: a machine is its key.
//!
//! ```text
//! key (Ed25519) ── public key, 32 bytes ── SPKI (DER) ── SHA-256 ── pin
//!                          └── SHA-256("dunlin machine" ‖ key) ── machine id, for ever
//! ```
//!
//! # Invariants
//!
//! * The certificate is only an envelope for the key: its names and dates are never looked at.
//! * A pin covers the key and not the certificate, so a certificate may be made anew at will.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ED25519, PublicKeyData, SigningKey};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What stands before the 32 bytes of an Ed25519 key in its DER form (RFC 8410).
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What went wrong with a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// No key could be made.
    #[error("cannot make a key")]
    Generate(#[source] rcgen::Error),
    /// The text is not a PEM file with an Ed25519 key.
    #[error("cannot read the key")]
    Read(#[source] rcgen::Error),
    /// The key is of another kind than Ed25519.
    #[error("the key is not an Ed25519 key")]
    Kind,
    /// The certificate around the key could not be made.
    #[error("cannot make the certificate")]
    Certificate(#[source] rcgen::Error),
    /// The key refused to sign.
    #[error("cannot sign")]
    Sign(#[source] rcgen::Error),
    /// A text is not 32 bytes in the encoding asked for.
    #[error("not {what}")]
    Text {
        /// What was expected.
        what: &'static str,
    },
}

/// SHA-256 of a public key's SPKI: how a machine is recognised. Shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(pub [u8; 32]);

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

impl FromStr for Pin {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let what = IdentityError::Text { what: "a pin of 64 hex digits" };
        bytes32(HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()).map(Self).ok_or(what)
    }
}

/// A raw Ed25519 public key. Shown as base64url.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The key's pin: SHA-256 of its SPKI.
    pub fn pin(&self) -> Pin {
        let mut hash = Sha256::new();
        hash.update(SPKI_PREFIX);
        hash.update(self.0);
        Pin(hash.finalize().into())
    }

    /// Whether `signature` is this key's signature of `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        webpki::ring::ED25519.verify_signature(&self.0, message, signature).is_ok()
    }

    /// The id of the machine whose first key this is: a `UUIDv8` of its hash.
    pub fn machine_id(&self) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(b"dunlin machine");
        hash.update(self.0);
        let hash: [u8; 32] = hash.finalize().into();
        let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, ..] = hash;
        let half = [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15];
        uuid::Builder::from_custom_bytes(half).into_uuid()
    }

    /// The key inside a certificate; an error if it is of another kind.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, IdentityError> {
        let parsed =
            webpki::EndEntityCert::try_from(certificate).map_err(|_| IdentityError::Kind)?;
        let spki = parsed.subject_public_key_info();
        let key = spki.as_ref().strip_prefix(&SPKI_PREFIX).ok_or(IdentityError::Kind)?;
        key.try_into().map(Self).map_err(|_| IdentityError::Kind)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let what = IdentityError::Text { what: "a public key in base64url" };
        bytes32(BASE64URL_NOPAD.decode(text.as_bytes()).ok()).map(Self).ok_or(what)
    }
}

/// A SHA-256 that names something: a statement, a shop, a roster. Shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sum(pub [u8; 32]);

impl Sum {
    /// The sum of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sum({self})")
    }
}

impl FromStr for Sum {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let what = IdentityError::Text { what: "a sum of 64 hex digits" };
        bytes32(HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()).map(Self).ok_or(what)
    }
}

/// Serde by way of `Display` and `FromStr`, so that JSON and prose show one form.
macro_rules! serde_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(Pin, PublicKey, Sum);

/// A machine's key pair with the certificate around it. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    pair: KeyPair,
    public: PublicKey,
    certificate: CertificateDer<'static>,
}

impl Identity {
    /// A new key, from the system's randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        let pair = KeyPair::generate_for(&PKCS_ED25519).map_err(IdentityError::Generate)?;
        Self::of_pair(pair)
    }

    /// The key in a PEM file that `to_pem` wrote.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        Self::of_pair(KeyPair::from_pem(pem).map_err(IdentityError::Read)?)
    }

    fn of_pair(pair: KeyPair) -> Result<Self, IdentityError> {
        if !pair.is_compatible(&PKCS_ED25519) {
            return Err(IdentityError::Kind);
        }
        let public = bytes32(Some(pair.der_bytes().to_vec())).map(PublicKey);
        let public = public.ok_or(IdentityError::Kind)?;
        let certificate = certificate(&pair)?;
        Ok(Self(Arc::new(Inner { pair, public, certificate })))
    }

    /// The key as PEM (PKCS#8). Whoever reads this is the machine: keep it 0600.
    pub fn to_pem(&self) -> Secret<String> {
        Secret(self.0.pair.serialize_pem())
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        self.0.public
    }

    /// The pin by which partners know this key.
    pub fn pin(&self) -> Pin {
        self.0.public.pin()
    }

    /// This key's signature of `message`, 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IdentityError> {
        self.0.pair.sign(message).map_err(IdentityError::Sign)
    }

    /// The self-signed certificate that carries the key through a handshake.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.certificate.clone()
    }

    /// The private key in the form that rustls asks for.
    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.0.pair.serialize_der()))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.pin()).finish()
    }
}

fn certificate(pair: &KeyPair) -> Result<CertificateDer<'static>, IdentityError> {
    let mut params =
        CertificateParams::new(vec!["dunlin".to_owned()]).map_err(IdentityError::Certificate)?;
    params.distinguished_name.push(DnType::CommonName, "dunlin");
    let signed = params.self_signed(pair).map_err(IdentityError::Certificate)?;
    Ok(signed.der().clone())
}

fn bytes32(bytes: Option<Vec<u8>>) -> Option<[u8; 32]> {
    bytes?.try_into().ok()
}

/// A value that must not be shown: it has no `Display`, and its `Debug` says `…`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(pub T);

impl<T> Secret<T> {
    /// The value itself. Look twice where this is called.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_pem() {
        let first = Identity::generate().unwrap();
        let again = Identity::from_pem(first.to_pem().expose()).unwrap();
        assert_eq!(first.public_key(), again.public_key());
        assert_eq!(first.pin(), again.pin());
    }

    #[test]
    fn a_signature_is_of_one_key_and_one_message() {
        let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let sig = anna.sign(b"hello").unwrap();
        assert_eq!(sig.len(), 64);
        assert!(anna.public_key().verify(b"hello", &sig));
        assert!(!anna.public_key().verify(b"hullo", &sig));
        assert!(!bert.public_key().verify(b"hello", &sig));
        assert!(!anna.public_key().verify(b"hello", b"short"));
    }

    #[test]
    fn the_certificate_carries_the_key() {
        let machine = Identity::generate().unwrap();
        let key = PublicKey::of_certificate(&machine.certificate()).unwrap();
        assert_eq!(key, machine.public_key());
        let spki = machine.0.pair.subject_public_key_info();
        assert_eq!(key.pin().0, <[u8; 32]>::from(Sha256::digest(spki)));
    }

    #[test]
    fn texts_go_there_and_back() {
        let machine = Identity::generate().unwrap();
        let pin = machine.pin();
        assert_eq!(pin, pin.to_string().parse().unwrap());
        let json = serde_json::to_string(&machine.public_key()).unwrap();
        assert_eq!(machine.public_key(), serde_json::from_str(&json).unwrap());
        assert!("abc".parse::<Pin>().is_err());
    }

    #[test]
    fn a_machine_id_is_a_version_8_uuid_of_the_key() {
        let id = PublicKey([7; 32]).machine_id();
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id, PublicKey([7; 32]).machine_id());
        assert_ne!(id, PublicKey([8; 32]).machine_id());
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret("hunter2")), "…");
    }
}
