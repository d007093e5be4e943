use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A listener that accepts `times` connections and answers each guest with one byte.
async fn listener(
    identity: &Identity,
    let_in: LetIn,
    times: usize,
) -> (SocketAddr, tokio::task::JoinHandle<Vec<Result<Peer, TlsError>>>) {
    let acceptor = Acceptor::new(identity, &let_in).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut came = Vec::new();
        for _ in 0..times {
            let (io, _) = tcp.accept().await.unwrap();
            came.push(match acceptor.accept(io).await {
                Ok((mut stream, peer)) => {
                    stream.write_all(b"!").await.unwrap();
                    stream.shutdown().await.unwrap();
                    Ok(peer)
                }
                Err(error) => Err(error),
            });
        }
        came
    });
    (address, task)
}

/// What most of these dial by does not count: there is one key to be shown.
fn looked_for() -> Pin {
    Pin([7; 32])
}

async fn dial(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    alpn: Alpn,
) -> Result<Peer, TlsError> {
    let io = TcpStream::connect(address).await.unwrap();
    let (mut stream, peer) = connect(io, config, Some(looked_for()), alpn).await?;
    let mut byte = [0];
    match stream.read_exact(&mut byte).await {
        Ok(_) => Ok(peer),
        Err(error) => Err(TlsError::of_io(error)),
    }
}

fn only(pin: Pin) -> LetIn {
    Arc::new(move |alpn, who| alpn == Alpn::Link && *who == pin)
}

#[tokio::test]
async fn members_meet_and_share_a_secret() {
    let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (address, task) = listener(&anna, only(bert.pin()), 1).await;
    let config = client_config(&bert, anna.pin(), Alpn::Link).unwrap();
    let there = dial(address, config, Alpn::Link).await.unwrap();
    let here = task.await.unwrap().remove(0).unwrap();
    assert_eq!((there.pin, here.pin), (anna.pin(), bert.pin()));
    assert_eq!(here.key, bert.public_key());
    assert_eq!(there.exporter, here.exporter);
    assert_ne!(there.exporter, [0; 32]);
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let stranger = Identity::generate().unwrap();
    let (address, task) = listener(&anna, only(bert.pin()), 1).await;
    let config = client_config(&stranger, anna.pin(), Alpn::Link).unwrap();
    let error = dial(address, config, Alpn::Link).await.unwrap_err();
    assert!(matches!(error, TlsError::Refused), "{error:?}");
    assert!(matches!(task.await.unwrap().remove(0), Err(TlsError::Refused)));
}

/// S39: with resumption on, the second handshake would not ask the verifier.
#[tokio::test]
async fn s39_a_revoked_key_does_not_come_back_with_a_kept_configuration() {
    let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let open = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&open);
    let let_in: LetIn = Arc::new(move |_, _| asked.load(Ordering::SeqCst));
    let (address, task) = listener(&anna, let_in, 3).await;
    let config = client_config(&bert, anna.pin(), Alpn::Link).unwrap();
    dial(address, Arc::clone(&config), Alpn::Link).await.unwrap();
    dial(address, Arc::clone(&config), Alpn::Link).await.unwrap();
    open.store(false, Ordering::SeqCst);
    let error = dial(address, config, Alpn::Link).await.unwrap_err();
    assert!(matches!(error, TlsError::Refused), "{error:?}");
    assert_eq!(task.await.unwrap().iter().filter(|came| came.is_ok()).count(), 2);
}

#[tokio::test]
async fn the_wrong_server_key_is_refused_by_the_dialler() {
    let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (address, task) = listener(&anna, only(bert.pin()), 1).await;
    let config = client_config(&bert, bert.pin(), Alpn::Link).unwrap();
    let error = dial(address, config, Alpn::Link).await.unwrap_err();
    assert!(matches!(error, TlsError::WrongKey), "{error:?}");
    assert!(task.await.unwrap().remove(0).is_err());
}

#[tokio::test]
async fn a_hello_without_protocol_is_refused_before_any_key_is_asked_for() {
    let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let let_in: LetIn = Arc::new(move |alpn, pin| {
        seen.lock().unwrap().push((alpn, *pin));
        true
    });
    let (address, task) = listener(&anna, let_in, 2).await;
    for offered in [vec![], vec![b"h2".to_vec()]] {
        let mut config =
            Arc::unwrap_or_clone(client_config(&bert, anna.pin(), Alpn::Link).unwrap());
        config.alpn_protocols = offered;
        assert!(dial(address, Arc::new(config), Alpn::Link).await.is_err());
    }
    let came = task.await.unwrap();
    assert!(came.iter().all(|came| matches!(came, Err(TlsError::OtherProtocol))), "{came:?}");
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn joining_has_a_predicate_of_its_own() {
    let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let let_in: LetIn = Arc::new(|alpn, _| alpn == Alpn::Join);
    let (address, task) = listener(&anna, let_in, 2).await;
    for (alpn, taken) in [(Alpn::Join, true), (Alpn::Link, false)] {
        let config = client_config(&bert, anna.pin(), alpn).unwrap();
        assert_eq!(dial(address, config, alpn).await.is_ok(), taken);
    }
    assert_eq!(task.await.unwrap().remove(0).unwrap().alpn, Alpn::Join);
}

/// A hello of TLS 1.2, as bytes: this build of rustls cannot send one.
#[tokio::test]
async fn s27_tls_1_2_is_refused() {
    let anna = Identity::generate().unwrap();
    let (address, task) = listener(&anna, Arc::new(|_, _| true), 1).await;
    let mut hello = vec![3, 3];
    hello.extend([7; 32]); // random
    hello.push(0); // session id
    hello.extend([0, 2, 0xc0, 0x2b]); // ECDHE-ECDSA-AES128-GCM-SHA256
    hello.extend([1, 0]); // no compression
    let mut extensions = Vec::new();
    extensions.extend([0, 10, 0, 4, 0, 2, 0, 29]); // x25519
    extensions.extend([0, 13, 0, 4, 0, 2, 8, 7]); // ed25519
    extensions.extend([0, 16, 0, 11, 0, 9, 8]);
    extensions.extend(b"dunlin/1");
    hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    hello.extend(extensions);
    let mut record = vec![22, 3, 1];
    record.extend(u16::try_from(hello.len() + 4).unwrap().to_be_bytes());
    record.extend([1, 0]);
    record.extend(u16::try_from(hello.len()).unwrap().to_be_bytes());
    record.extend(hello);
    let mut io = TcpStream::connect(address).await.unwrap();
    io.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert, not a server hello: {answer:?}");
    assert_eq!(answer.last(), Some(&70), "protocol_version");
    assert!(task.await.unwrap().remove(0).is_err());
}

#[tokio::test]
async fn of_two_keys_the_one_looked_for_is_shown_and_else_the_new_one() {
    let [old, new, bert] = [(); 3].map(|()| Identity::generate().unwrap());
    let guests = only(bert.pin());
    let keys = [old.clone(), new.clone()];
    let shown: Shown = Arc::new(move |alpn, wanted| {
        let [old, new] = &keys;
        let is_old = alpn == Alpn::Link && wanted == Some(old.pin());
        if is_old { old.clone() } else { new.clone() }
    });
    let acceptor = Acceptor::of_keys(shown, &guests).unwrap();
    for (looked_for, key) in [(old.pin(), &old), (new.pin(), &new), (bert.pin(), &new)] {
        let (ours, theirs) = tokio::io::duplex(16 << 10);
        let config = client_config(&bert, key.pin(), Alpn::Link).unwrap();
        let (came, went) = tokio::join!(
            acceptor.accept(theirs),
            connect(ours, config, Some(looked_for), Alpn::Link)
        );
        assert_eq!(came.unwrap().1.shown, Some(key.pin()));
        assert_eq!(went.unwrap().1.pin, key.pin());
    }
}

#[test]
fn a_pin_is_a_name_and_back() {
    // One whose digits are all decimal, and any other.
    for pin in [Pin([0x11; 32]), Pin([0xfe; 32])] {
        let name = wanted_name(pin).unwrap();
        assert_eq!(wanted(&name.to_str()), Some(pin));
    }
    for no_pin in ["", "pin", ".pin", "localhost", "abc.pin"] {
        assert_eq!(wanted(no_pin), None, "{no_pin}");
    }
}
