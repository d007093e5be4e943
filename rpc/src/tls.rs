//! TLS between machines: version 1.3 only, both sides show a key, and the key is what counts.
//!
//! ```text
//!  dialler                                     listener
//!  hello, ALPN dunlin/1 or dunlin-join/1, ──▶  picks the rules by ALPN; none or another: refused
//!  and the pin it looks for
//!  takes exactly one pin (pairing: any)   ◀──  shows its key: of several, the one looked for
//!  shows its key                          ──▶  asks the predicate: may this pin in, on this ALPN?
//! ```
//!
//! # Invariants
//!
//! * Possession is proven: the verifiers check the handshake's signatures.
//! * Nothing is resumed, on either side: rustls skips the verifier for a resumed session, and a
//!   key that was revoked in between came back in with one (S39).
//! * The pin that a hello names proves nothing: it only says which of its keys a machine is to show
//!   whose key was changed, to a partner who has not heard of that.
//! * A refused dialler sees its handshake succeed and the alert on its first read. So a link
//!   counts as connected only after one round trip; see `client`.

mod page;

pub use page::{PageCertificate, PageCertificateError, make as make_page_certificate};

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    Acceptor as HelloAcceptor, ClientHello, NoServerSessionStorage, ServerConfig,
};
use rustls::{
    AlertDescription, CertificateError, CommonState, DigitallySignedStruct, DistinguishedName,
    Error as RustlsError, PeerIncompatible, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{LazyConfigAcceptor, TlsConnector, client, server};

use crate::identity::{Identity, Pin, PublicKey};
use crate::limits::HANDSHAKE;

/// The label under which both sides draw 32 bytes that belong to this connection alone.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-dunlin-1";

/// What a connection is for; the protocol name that a dialler offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `dunlin/1`: members of the shop.
    Link,
    /// `dunlin-join/1`: anybody, while joining is open.
    Join,
}

impl Alpn {
    /// The name on the wire.
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::Link => b"dunlin/1",
            Self::Join => b"dunlin-join/1",
        }
    }
}

/// Whether a pin may in on a protocol: asked in every handshake, never remembered.
///
/// On `Alpn::Link`: members and our own key. On `Alpn::Join`: any key while joining is open.
pub type LetIn = Arc<dyn Fn(Alpn, &Pin) -> bool + Send + Sync>;

/// Which key to show a dialler who looks for a pin, or for none that can be read. Asked in every
/// handshake, since the key may have been changed since the last.
pub type Shown = Arc<dyn Fn(Alpn, Option<Pin>) -> Identity + Send + Sync>;

/// Who is at the other end of a connection, as the handshake proved it.
#[derive(Clone)]
pub struct Peer {
    /// Its pin.
    pub pin: Pin,
    /// Its public key.
    pub key: PublicKey,
    /// The pin of the key that we showed, where the other side dialled.
    pub shown: Option<Pin>,
    /// 32 bytes that only the two ends of this connection know; proofs are bound to them.
    pub exporter: [u8; 32],
    /// What the connection is for.
    pub alpn: Alpn,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pin, alpn, .. } = self;
        f.debug_struct("Peer").field("pin", pin).field("alpn", alpn).finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The configuration could not be made from the identity.
    #[error("cannot set up TLS")]
    Setup(#[source] RustlsError),
    /// The connection broke during the handshake.
    #[error("the handshake broke off")]
    Broken(#[source] io::Error),
    /// The handshake took longer than `limits::HANDSHAKE`.
    #[error("the handshake took too long")]
    TooSlow,
    /// The other side showed another key than the one that was dialled, or none that counts.
    #[error("the other side has another key")]
    WrongKey,
    /// The other side does not let our key in, or we do not let in the other's.
    #[error("the key was refused")]
    Refused,
    /// The two have no protocol in common.
    #[error("the other side speaks another protocol")]
    OtherProtocol,
}

impl TlsError {
    /// What a failed handshake, or a failed first read after it, means.
    pub fn of_io(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()) {
            Some(inner) => Self::of_rustls(inner).unwrap_or(Self::Broken(error)),
            None => Self::Broken(error),
        }
    }

    /// What a rustls error means to us; `None` when it is only broken.
    pub(crate) fn of_rustls(error: &RustlsError) -> Option<Self> {
        match error {
            RustlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
                Some(Self::WrongKey)
            }
            RustlsError::AlertReceived(
                AlertDescription::AccessDenied
                | AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate,
            )
            | RustlsError::NoCertificatesPresented => Some(Self::Refused),
            RustlsError::AlertReceived(
                AlertDescription::NoApplicationProtocol | AlertDescription::ProtocolVersion,
            )
            | RustlsError::NoApplicationProtocol
            | RustlsError::PeerIncompatible(
                PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls13RequiredForQuic,
            ) => Some(Self::OtherProtocol),
            _ => None,
        }
    }
}

/// The listening side: accepts handshakes and says who came.
#[derive(Clone)]
pub struct Acceptor {
    shown: Shown,
    let_in: LetIn,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Accepts with this key whoever the predicate lets in.
    pub fn new(identity: &Identity, let_in: &LetIn) -> Result<Self, TlsError> {
        let identity = identity.clone();
        Self::of_keys(Arc::new(move |_, _| identity.clone()), let_in)
    }

    /// Accepts with the key that is to be shown then, whoever the predicate lets in.
    pub fn of_keys(shown: Shown, let_in: &LetIn) -> Result<Self, TlsError> {
        // What cannot work is said at the start, not to the first who calls.
        server_config(&shown(Alpn::Link, None), Alpn::Link, let_in)?;
        Ok(Self { shown, let_in: Arc::clone(let_in) })
    }

    /// One handshake, in at most `limits::HANDSHAKE`.
    ///
    /// The client's certificate is checked without a view of its ALPN, so the rules are picked
    /// by the hello, before any certificate is asked for.
    pub async fn accept<IO>(&self, io: IO) -> Result<(server::TlsStream<IO>, Peer), TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Instant::now() + HANDSHAKE;
        let hello = LazyConfigAcceptor::new(HelloAcceptor::default(), io);
        let hello =
            timeout_at(deadline, hello).await.map_err(|_| TlsError::TooSlow)?.map_err(of_io)?;
        let alpn = chosen(&hello.client_hello()).ok_or(TlsError::OtherProtocol)?;
        let wanted = hello.client_hello().server_name().and_then(wanted);
        let identity = (self.shown)(alpn, wanted);
        // Made for this handshake: a tenth of what its own signatures cost.
        let config = server_config(&identity, alpn, &self.let_in)?;
        let stream = timeout_at(deadline, hello.into_stream(config))
            .await
            .map_err(|_| TlsError::TooSlow)?
            .map_err(of_io)
            // Here it is we who turned the other's key down.
            .map_err(|error| match error {
                TlsError::WrongKey => TlsError::Refused,
                other => other,
            })?;
        let (_, connection) = stream.get_ref();
        let peer = peer(connection, alpn, Some(identity.pin()), |out| {
            connection.export_keying_material(out, EXPORTER_LABEL, None).map(drop)
        })?;
        Ok((stream, peer))
    }
}

/// A pin as a server's name: a part of a name has at most 63 characters, and the last part may not
/// be a number.
fn wanted_name(pin: Pin) -> Result<ServerName<'static>, TlsError> {
    let hex = pin.to_string();
    let (one, other) = hex.split_at(hex.len() / 2);
    ServerName::try_from(format!("{one}.{other}.pin"))
        .map_err(|_| TlsError::Setup(RustlsError::General("a pin is no name".to_owned())))
}

/// The pin that a server's name stands for, if it is one.
fn wanted(name: &str) -> Option<Pin> {
    name.strip_suffix(".pin")?.replace('.', "").parse().ok()
}

/// The protocol that a hello asks for; `None` when it names none of ours, or none at all.
fn chosen(hello: &ClientHello<'_>) -> Option<Alpn> {
    let offered: Vec<&[u8]> = hello.alpn()?.collect();
    [Alpn::Link, Alpn::Join].into_iter().find(|alpn| offered.contains(&alpn.name()))
}

/// The dialling side's configuration: takes exactly `pin`, shows `identity`, offers `alpn`.
pub fn client_config(
    identity: &Identity,
    pin: Pin,
    alpn: Alpn,
) -> Result<Arc<ClientConfig>, TlsError> {
    dialling(identity, Some(pin), alpn)
}

/// The dialling side's configuration for pairing: whose key it is, two people find out afterwards.
///
/// For `Alpn::Join` alone, so there is no link over it.
pub fn stranger_config(identity: &Identity) -> Result<Arc<ClientConfig>, TlsError> {
    dialling(identity, None, Alpn::Join)
}

fn dialling(
    identity: &Identity,
    pin: Option<Pin>,
    alpn: Alpn,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Meant { pin, provider: Arc::clone(&provider) });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(vec![identity.certificate()], identity.private_key())
        .map_err(TlsError::Setup)?;
    config.alpn_protocols = vec![alpn.name().to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(Arc::new(config))
}

/// One handshake as the dialler, looking for `pin` or for whoever is there, in at most `limits::HANDSHAKE`.
///
/// Success does not yet mean that the other side lets us in; see the module's invariants.
pub async fn connect<IO>(
    io: IO,
    config: Arc<ClientConfig>,
    pin: Option<Pin>,
    alpn: Alpn,
) -> Result<(client::TlsStream<IO>, Peer), TlsError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    // An address is required by the API, and not sent.
    let nobody = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
    let name = pin.map_or(Ok(nobody), wanted_name)?;
    let stream = tokio::time::timeout(HANDSHAKE, TlsConnector::from(config).connect(name, io))
        .await
        .map_err(|_| TlsError::TooSlow)?
        .map_err(of_io)?;
    let (_, connection) = stream.get_ref();
    let peer = peer(connection, alpn, None, |out| {
        connection.export_keying_material(out, EXPORTER_LABEL, None).map(drop)
    })?;
    Ok((stream, peer))
}

fn of_io(error: io::Error) -> TlsError {
    TlsError::of_io(error)
}

fn peer(
    state: &CommonState,
    alpn: Alpn,
    shown: Option<Pin>,
    export: impl FnOnce(&mut [u8; 32]) -> Result<(), RustlsError>,
) -> Result<Peer, TlsError> {
    // rustls lets a hello without ALPN through; nobody else gets here without ours.
    if state.alpn_protocol() != Some(alpn.name()) {
        return Err(TlsError::OtherProtocol);
    }
    let theirs = state.peer_certificates().and_then(<[_]>::first).ok_or(TlsError::Refused)?;
    let key = PublicKey::of_certificate(theirs).map_err(|_| TlsError::WrongKey)?;
    let mut exporter = [0; 32];
    export(&mut exporter).map_err(TlsError::Setup)?;
    Ok(Peer { pin: key.pin(), key, shown, exporter, alpn })
}

fn server_config(
    identity: &Identity,
    alpn: Alpn,
    let_in: &LetIn,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier =
        Arc::new(Guests { alpn, let_in: Arc::clone(let_in), provider: Arc::clone(&provider) });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Setup)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate()], identity.private_key())
        .map_err(TlsError::Setup)?;
    config.alpn_protocols = vec![alpn.name().to_vec()];
    config.send_tls13_tickets = 0;
    config.max_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// The error that makes rustls answer `access_denied`.
fn denied() -> RustlsError {
    RustlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, RustlsError> {
    PublicKey::of_certificate(certificate).map(|key| key.pin()).map_err(|_| denied())
}

/// Takes a server with one pin, or with any, whatever its certificate says.
struct Meant {
    pin: Option<Pin>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meant").field(&self.pin).finish()
    }
}

impl ServerCertVerifier for Meant {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        // A key of another kind than ours is refused though any would do.
        let shown = pin_of(end_entity)?;
        if self.pin.is_some_and(|pin| pin != shown) {
            return Err(denied());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        Err(denied())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Takes the clients that the predicate lets in on one protocol.
struct Guests {
    alpn: Alpn,
    let_in: LetIn,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guests").field(&self.alpn).finish()
    }
}

impl ClientCertVerifier for Guests {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, RustlsError> {
        if !(self.let_in)(self.alpn, &pin_of(end_entity)?) {
            return Err(denied());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        Err(denied())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests;
