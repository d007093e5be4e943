//! A partner who does not keep to the rules: a member's key, or a stranger's, in the hands of somebody who sends
//! what he likes.
//!
//! ```text
//!   Partner ─ a key ─ dial ─▶ Wire ─ TLS ─ WebSocket, frame by frame ─ JSON-RPC, byte by byte
//! ```
//!
//! Nothing here is checked before it is sent, and nothing is taken back.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot make its input should stop"
)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use dunlin_rpc::{Alpn, Identity, Pin, tls};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{Lab, Machine, SOON, until_true};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The epoch that a partner of the lab writes under.
pub const EPOCH: &str = "00000000000000e1";

/// Opcodes of WebSocket frames.
pub const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Somebody with a key, and the machine that he is after.
#[derive(Debug)]
pub struct Partner {
    /// His key.
    pub identity: Identity,
    /// What he is called.
    pub name: String,
    /// Where the machine listens for partners.
    pub there: SocketAddr,
    /// The machine's pin.
    pub pin: Pin,
    shop: String,
}

impl Partner {
    /// A member of the shop of `there`: he joined as anybody does, and his daemon stopped.
    pub fn admitted(lab: &Lab, name: &str, there: &Machine) -> Self {
        let mut machine = lab.machine(name, "CREATE TABLE his_own (id INTEGER PRIMARY KEY);");
        machine.start();
        machine.join(&there.invite());
        machine.stop();
        until_true("unlinked", SOON, || {
            !["Up to date", "Catching up", "Waiting"].contains(&there.partner_state(name).as_str())
        });
        Self { identity: key_of(&machine), name: name.to_owned(), ..Self::stranger(there) }
    }

    /// Somebody with a key of his own, whom nobody let in.
    pub fn stranger(there: &Machine) -> Self {
        let status = there.status().unwrap();
        let text = |path: &str| status.pointer(path).and_then(Value::as_str).unwrap().to_owned();
        Self {
            identity: Identity::generate().unwrap(),
            name: "stranger".to_owned(),
            there: there.partner,
            pin: text("/machine/pin").parse().unwrap(),
            shop: text("/machine/shop"),
        }
    }

    /// A member whom somebody signed in elsewhere; `us`: the pin of the machine that he calls.
    pub fn member(identity: Identity, name: &str, there: SocketAddr, us: Pin, shop: &str) -> Self {
        Self { identity, name: name.to_owned(), there, pin: us, shop: shop.to_owned() }
    }

    /// His machine id, which follows from his key.
    pub fn id(&self) -> String {
        self.identity.public_key().machine_id().to_string()
    }

    /// His origin: machine and epoch.
    pub fn origin(&self) -> String {
        format!("{}/{EPOCH}", self.id())
    }

    /// TLS with his key, the pin looked at, and nothing said.
    pub fn connect(&self, alpn: Alpn) -> io::Result<Tls> {
        let config =
            tls::client_config(&self.identity, self.pin, alpn).map_err(io::Error::other)?;
        handshake(self.there, config)
    }

    /// A WebSocket; nothing said.
    pub fn dial(&self) -> io::Result<Wire> {
        Wire::over(self.connect(Alpn::Link)?, "/link")
    }

    /// What he says of himself first, if he is honest.
    pub fn greeting(&self) -> Value {
        json!({
            "protocol": [1, 1], "id": self.id(), "name": self.name, "boot": "b0",
            "shop": self.shop, "clock": now(), "roster": "00".repeat(32),
        })
    }

    /// What he says of his database, if he is honest: it is empty.
    pub fn database(&self) -> Value {
        json!({
            "name": "main", "epoch": EPOCH, "epochs": [], "end": 0, "clock": now(), "tables": [],
        })
    }

    /// A link on which all has been said that comes before the pages.
    pub fn link(&self) -> Wire {
        let mut wire = self.dial().unwrap();
        wire.call("partner_greet", &json!([self.greeting()])).unwrap();
        wire.call("partner_roster", &json!([{"held": [], "statements": []}])).unwrap();
        wire.call("partner_databases", &json!([{"databases": [self.database()]}])).unwrap();
        wire
    }
}

/// The key of a machine of the lab.
pub fn key_of(machine: &Machine) -> Identity {
    let pem = std::fs::read_to_string(machine.data().join("key")).unwrap();
    Identity::from_pem(&pem).unwrap()
}

/// The time, in milliseconds since 1970.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// A TLS stream that waits for nobody for ever.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// One handshake, to its end.
pub fn handshake(there: SocketAddr, config: std::sync::Arc<ClientConfig>) -> io::Result<Tls> {
    let tcp = TcpStream::connect(there)?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    let name = ServerName::IpAddress(there.ip().into());
    let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, tcp);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// A WebSocket, frame by frame.
#[derive(Debug)]
pub struct Wire {
    tls: Tls,
    calls: u64,
}

impl Wire {
    /// Asks for a WebSocket at a path. A key that is not let in hears of it here.
    pub fn over(mut tls: Tls, path: &str) -> io::Result<Self> {
        write!(
            tls,
            "GET {path} HTTP/1.1\r\nHost: dunlin\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tls.read_exact(&mut byte)?;
            head.extend(byte);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
        Ok(Self { tls, calls: 0 })
    }

    /// From now on he is not held up for long by who does not read: a write that waits fails.
    pub fn never_waits(&mut self) {
        self.tls.sock.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tls.write_all(bytes)?;
        self.tls.flush()
    }

    /// One whole frame. Its mask is zero, so that the payload is what it is.
    pub fn frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut head = vec![0x80 | opcode];
        match payload.len() {
            short @ 0..126 => head.push(0x80 | u8::try_from(short).unwrap()),
            middle @ 126..65_536 => {
                head.push(0x80 | 0x7e);
                head.extend(u16::try_from(middle).unwrap().to_be_bytes());
            }
            long => {
                head.push(0x80 | 0x7f);
                head.extend(u64::try_from(long).unwrap().to_be_bytes());
            }
        }
        head.extend([0; 4]);
        self.tls.write_all(&head)?;
        self.tls.write_all(payload)?;
        self.tls.flush()
    }

    /// A message, whatever it is.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.frame(TEXT, text.as_bytes())
    }

    /// Sends a call and does not wait. `params` are taken as they are. Answers its id.
    pub fn ask(&mut self, method: &str, params: &str) -> io::Result<u64> {
        self.calls += 1;
        let id = self.calls;
        self.say(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
        ))?;
        Ok(id)
    }

    /// The next message; an error once the other side hung up.
    pub fn hear(&mut self) -> io::Result<Value> {
        let begun = Instant::now();
        // Heartbeats alone are no answer.
        while begun.elapsed() < PATIENCE {
            let mut head = [0; 2];
            self.tls.read_exact(&mut head)?;
            let [first, second] = head;
            let length = match second & 0x7f {
                126 => {
                    let mut bytes = [0; 2];
                    self.tls.read_exact(&mut bytes)?;
                    u64::from(u16::from_be_bytes(bytes))
                }
                127 => {
                    let mut bytes = [0; 8];
                    self.tls.read_exact(&mut bytes)?;
                    u64::from_be_bytes(bytes)
                }
                short => u64::from(short),
            };
            let mut payload = Vec::new();
            (&mut self.tls).take(length).read_to_end(&mut payload)?;
            match first & 0x0f {
                CLOSE => return Err(io::ErrorKind::ConnectionAborted.into()),
                PING => self.frame(PONG, &payload)?,
                PONG => {}
                _ => return serde_json::from_slice(&payload).map_err(io::Error::other),
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// The answer to one call, or to what could not be read as one; what else comes is passed over.
    pub fn answer(&mut self, id: u64) -> io::Result<Result<Value, Value>> {
        loop {
            let mut heard = self.hear()?;
            let to = heard.get("id");
            if to.and_then(Value::as_u64) == Some(id) || to == Some(&Value::Null) {
                return Ok(match heard.get_mut("result") {
                    Some(result) => Ok(result.take()),
                    None => Err(heard.get("error").cloned().unwrap_or_default()),
                });
            }
        }
    }

    /// A call and its answer; none when the other side hung up instead.
    pub fn try_call(&mut self, method: &str, params: &str) -> io::Result<Result<Value, Value>> {
        let id = self.ask(method, params)?;
        self.answer(id)
    }

    /// A call and its answer.
    pub fn call(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        let answer = self.try_call(method, &params.to_string());
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Gives a page, as text.
    pub fn put(&mut self, page: &str) -> io::Result<Result<Value, Value>> {
        self.try_call("partner_putdata", &format!(r#"[{{"database":"main","page":{page}}}]"#))
    }

    /// The other side hangs up, and says nothing more than why.
    pub fn is_closed(&mut self) -> bool {
        for _ in 0..100 {
            match self.hear() {
                Ok(_) => {}
                Err(error) => {
                    let late = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
                    return !late.contains(&error.kind());
                }
            }
        }
        false
    }
}
