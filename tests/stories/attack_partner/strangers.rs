//! Strangers at the door, and keys that are not those they pretend to be.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_rpc::{Alpn, Identity, tls};
use dunlin_tests::lab::outside::{has, run};
use dunlin_tests::lab::partner::{Wire, handshake};
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;

use super::*;

/// The client's side as the product has it, for somebody else's key.
fn config(identity: &Identity, partner: &Partner) -> ClientConfig {
    Arc::unwrap_or_clone(tls::client_config(identity, partner.pin, Alpn::Link).unwrap())
}

/// Not one byte comes that is not TLS's own. How he heard of it: after his handshake is done, with his first read.
fn is_refused(partner: &Partner, config: ClientConfig) -> String {
    let refused = handshake(partner.there, Arc::new(config));
    refused.and_then(|mut tls| tls.read_exact(&mut [0])).unwrap_err().to_string()
}

/// By TLS itself, before anything that was said was looked at.
fn is_refused_by_tls(partner: &Partner, config: ClientConfig) {
    let why = is_refused(partner, config);
    assert!(why.contains("fatal alert"), "{why}");
}

/// S27. The certificate is made anew around each key, with one name for all: only the key counts.
#[test]
fn s27_a_key_that_is_no_members_is_refused_before_anything_is_said() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);

    // Another key in a certificate of the same name.
    is_refused_by_tls(&mallory, config(&Identity::generate().unwrap(), &mallory));
    // The member's certificate without the member's key.
    let (theirs, ours) = (mallory.identity.certificate(), Identity::generate().unwrap());
    let resolver = Borrowed { shown: theirs, key: ours };
    let mut borrowed = config(&mallory.identity, &mallory);
    borrowed.client_auth_cert_resolver = Arc::new(resolver);
    is_refused_by_tls(&mallory, borrowed);
    // No certificate at all.
    let mut none = config(&mallory.identity, &mallory);
    none.client_auth_cert_resolver = Arc::new(Nothing);
    is_refused_by_tls(&mallory, none);
    // No protocol, and another.
    for alpn in [vec![], vec![b"h2".to_vec()]] {
        let mut other = config(&mallory.identity, &mallory);
        other.alpn_protocols = alpn;
        is_refused(&mallory, other);
    }
    // And with all as it should be, he is let in: so each of these was the reason.
    mallory.link();
    before.still(&till);
}

/// S27: a second connection with the session of the first, and data before the handshake's end.
#[test]
fn s27_nothing_is_resumed_and_no_early_data_is_taken() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let mut keen = config(&mallory.identity, &mallory);
    keen.resumption = tokio_rustls::rustls::client::Resumption::in_memory_sessions(8);
    keen.enable_early_data = true;
    let keen = Arc::new(keen);
    for _ in 0..3 {
        let mut tls = handshake(mallory.there, Arc::clone(&keen)).unwrap();
        let kind = tls.conn.handshake_kind();
        assert_eq!(kind, Some(tokio_rustls::rustls::HandshakeKind::Full), "{kind:?}");
        assert!(tls.conn.early_data().is_none());
        assert!(!tls.conn.is_early_data_accepted());
        tls.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        // A ticket would come with the first answer.
        tls.read_exact(&mut [0; 12]).unwrap();
        assert_eq!(tls.conn.tls13_tickets_received(), 0);
    }
}

/// S27, with a TLS that is not ours.
#[test]
fn s27_openssl_gets_no_further_with_tls_1_2_or_without_a_key() {
    if !has("openssl", "a second opinion on TLS") {
        return;
    }
    let lab = Lab::new();
    let till = till(&lab);
    let at = till.partner.to_string();
    let tries: [&[&str]; 4] = [
        &["-tls1_2", "-alpn", "dunlin/1"],
        &["-tls1_3", "-alpn", "dunlin/1"],
        &["-tls1_3"],
        &["-tls1_3", "-alpn", "http/1.1"],
    ];
    for try_ in tries {
        let mut line = vec!["s_client", "-connect", &at, "-ign_eof", "-no_ticket"];
        line.extend(try_);
        let told = run("openssl", &line, "GET /link HTTP/1.1\r\nHost: x\r\n\r\n");
        let said = format!("{}{}", told.out, told.err);
        assert!(!said.contains("HTTP/1.1 "), "{try_:?}: {said}");
        let turned_away =
            said.to_lowercase().contains("alert") || said.contains("no peer certificate available");
        assert!(turned_away, "{try_:?}: {said}");
    }
    till.status().unwrap();
}

#[derive(Debug)]
struct Nothing;

impl tokio_rustls::rustls::client::ResolvesClientCert for Nothing {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[tokio_rustls::rustls::SignatureScheme],
    ) -> Option<Arc<tokio_rustls::rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// One's certificate over another's signature.
#[derive(Debug)]
struct Borrowed {
    shown: tokio_rustls::rustls::pki_types::CertificateDer<'static>,
    key: Identity,
}

impl tokio_rustls::rustls::client::ResolvesClientCert for Borrowed {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[tokio_rustls::rustls::SignatureScheme],
    ) -> Option<Arc<tokio_rustls::rustls::sign::CertifiedKey>> {
        use tokio_rustls::rustls::pki_types::PrivateKeyDer;
        use tokio_rustls::rustls::pki_types::pem::PemObject as _;
        let pem = self.key.to_pem();
        let key = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).unwrap();
        let key = ring::sign::any_eddsa_type(&match key {
            PrivateKeyDer::Pkcs8(key) => key,
            other => panic!("{other:?}"),
        });
        let chain = vec![self.shown.clone()];
        Some(Arc::new(tokio_rustls::rustls::sign::CertifiedKey::new(chain, key.unwrap())))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// S48.
#[test]
fn s48_hundreds_who_say_nothing_keep_no_member_out() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut idle: Vec<TcpStream> = Vec::new();
    // The head of a TLS record, and then a byte of its hello now and again.
    let mut slow: Vec<TcpStream> = Vec::new();
    for round in 0..4u8 {
        idle.extend((0..100).map(|_| TcpStream::connect(till.partner).unwrap()));
        for stream in &mut slow {
            // Whoever was hung up on is done.
            stream.write_all(&[round]).unwrap_or_default();
        }
        slow.extend((0..25).map(|_| {
            let mut stream = TcpStream::connect(till.partner).unwrap();
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).unwrap();
            stream
        }));
        let begun = Instant::now();
        mallory.link();
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?} to be let in");
    }
    before.still(&till);
    // Most of them are hung up on by now: there is no place for so many.
    until_true("hung up on", SOON, || {
        let gone = |stream: &&TcpStream| {
            let mut stream = *stream;
            stream.set_nonblocking(true).unwrap();
            !matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        };
        idle.iter().chain(&slow).filter(gone).count() == idle.len() + slow.len()
    });
    for stream in idle {
        stream.shutdown(Shutdown::Both).unwrap_or_default();
    }
}

/// S48: whoever wants to join stands in another queue, while joining is open.
#[test]
fn s48_strangers_who_stay_in_the_door_keep_no_member_out() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    till.invite();
    let before = Before::of(&till);
    let strangers: Vec<Wire> = (0..64)
        .map(|_| {
            let stranger = Partner::stranger(&till);
            Wire::over(stranger.connect(Alpn::Join).unwrap(), "/join").unwrap()
        })
        .collect();
    let begun = Instant::now();
    mallory.link();
    assert!(begun.elapsed() < Duration::from_secs(1));
    // No more than half of them are still there, and the newest is.
    let mut open = 0;
    for mut stranger in strangers.into_iter().rev() {
        let ask = r#"[{"invite":"x","proof":"","name":"","protocol":[1,1]}]"#;
        open += usize::from(stranger.try_call("join_ask", ask).is_ok());
    }
    assert!((1..=32).contains(&open), "{open} of 64");
    before.still(&till);
}

/// S48: a member's key that takes all the places there are takes those of its own only.
#[test]
fn s48_one_members_connections_are_bounded_and_cost_no_other_member_its_link() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let bert = Partner::admitted(&lab, "bert", &till);
    let before = Before::of(&till);
    let mut open = 0;
    let mut kept = Vec::new();
    for _ in 0..100 {
        // Dialled, and never greeted.
        if let Ok(wire) = mallory.dial() {
            open += 1;
            kept.push(wire);
        }
    }
    assert!((1..=8).contains(&open), "{open}");
    let begun = Instant::now();
    bert.link();
    assert!(begun.elapsed() < Duration::from_secs(1));
    before.still(&till);
    // And whoever does not say who he is has no link before long.
    for wire in &mut kept {
        assert!(wire.is_closed());
    }
}
