//! The token: one word that a person copies.
//!
//! ```text
//!   dunlin1-  base32 of   1 ‖ shop 8 ‖ pin 32 ‖ secret 20 ‖ expires 4 ‖ n ‖ n × (4|6, address, port) ‖ check 4
//! ```
//!
//! The check is over all before it, so a token that was cut or mistyped fails on the joiner's own
//! machine, with a sentence, and not as an "invite not accepted" from afar.

use super::{ADDRESSES_MAX, Side, hash, mac, proof, same};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use dunlin_rpc::identity::{Pin, Secret};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What every token begins with; the number is that of the form.
const PREFIX: &str = "dunlin1-";

/// The number of the form inside, too.
const FORM: u8 = 1;

/// The longest token that is looked at: eight IPv6 addresses need less than half of it.
const TEXT_MAX: usize = 1_024;

/// What is wrong with a token; the joiner's person reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Something else was pasted.
    #[error("this is not an invite token: one begins with `{PREFIX}`")]
    NotAToken,
    /// Cut or mistyped.
    #[error("this token is cut or damaged; copy all of it, from `{PREFIX}` to its end")]
    Damaged,
    /// Its time ran out.
    #[error("this token has expired; ask for a new one with `dunlin invite`")]
    Expired,
}

/// A token, as a joiner reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The first 8 bytes of the shop's id.
    pub shop: [u8; 8],
    /// The only key the joiner talks to.
    pub issuer: Pin,
    /// 160 bits that are never sent.
    pub(super) secret: Secret<[u8; 20]>,
    /// Until when, in seconds since 1970.
    pub expires: u32,
    /// Where the issuer is.
    pub addresses: Vec<SocketAddr>,
}

impl Token {
    /// The word itself. Whoever has it can join: print it where it was asked for and nowhere else.
    pub fn encode(&self) -> Secret<String> {
        let mut bytes = vec![FORM];
        bytes.extend(self.shop);
        bytes.extend(self.issuer.0);
        bytes.extend(self.secret.expose());
        bytes.extend(self.expires.to_be_bytes());
        let addresses = self.addresses.iter().take(ADDRESSES_MAX);
        bytes.push(u8::try_from(addresses.len()).unwrap_or_default());
        for address in addresses {
            match address.ip() {
                IpAddr::V4(ip) => {
                    bytes.push(4);
                    bytes.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    bytes.push(6);
                    bytes.extend(ip.octets());
                }
            }
            bytes.extend(address.port().to_be_bytes());
        }
        bytes.extend(check(&bytes));
        Secret(format!("{PREFIX}{}", BASE32_NOPAD.encode(&bytes)))
    }

    /// Reads a token; `now` is in seconds since 1970. Case, white space and line ends inside it do
    /// not matter: it was copied by a person, or by a mail program.
    pub fn parse(text: &str, now: u64) -> Result<Self, TokenError> {
        if text.len() > TEXT_MAX {
            return Err(TokenError::NotAToken);
        }
        let word: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let word = word.to_ascii_uppercase();
        let rest = word.strip_prefix(&PREFIX.to_ascii_uppercase()).ok_or(TokenError::NotAToken)?;
        let bytes = BASE32_NOPAD.decode(rest.as_bytes()).ok().ok_or(TokenError::Damaged)?;
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(TokenError::Damaged)?;
        if check(body) != *sum {
            return Err(TokenError::Damaged);
        }
        let token = Reader(body).token().ok_or(TokenError::Damaged)?;
        if u64::from(token.expires) <= now { Err(TokenError::Expired) } else { Ok(token) }
    }

    /// The id of the invite, to ask with.
    pub fn invite(&self) -> String {
        let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = hash(&[b"dunlin invite", self.secret.expose()]);
        HEXLOWER.encode(&[b0, b1, b2, b3, b4, b5, b6, b7])
    }

    /// K: what both sides prove to know.
    pub(super) fn key(&self) -> [u8; 32] {
        mac(self.secret.expose(), b"dunlin join")
    }

    /// What the joiner asks with: MAC(K, "J" ‖ x ‖ pin J ‖ pin I).
    pub fn proof(&self, exporter: &[u8; 32], joiner: Pin) -> [u8; 32] {
        proof(&self.key(), Side::Joiner, exporter, joiner, self.issuer)
    }

    /// Whether the issuer's answer proves that it knows K too.
    pub fn answers(&self, exporter: &[u8; 32], joiner: Pin, answer: &[u8]) -> bool {
        same(&proof(&self.key(), Side::Issuer, exporter, self.issuer, joiner), answer)
    }
}

fn check(bytes: &[u8]) -> [u8; 4] {
    let [b0, b1, b2, b3, ..] = hash(&[bytes]);
    [b0, b1, b2, b3]
}

/// Takes a token's parts off its bytes; `None` as soon as one is missing.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn token(mut self) -> Option<Token> {
        if self.take::<1>()? != [FORM] {
            return None;
        }
        let shop = self.take()?;
        let issuer = Pin(self.take()?);
        let secret = Secret(self.take()?);
        let expires = u32::from_be_bytes(self.take()?);
        let [count] = self.take()?;
        if usize::from(count) > ADDRESSES_MAX {
            return None;
        }
        let addresses = (0..count).map(|_| self.address()).collect::<Option<_>>()?;
        self.0.is_empty().then_some(Token { shop, issuer, secret, expires, addresses })
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let ip = match self.take()? {
            [4] => IpAddr::V4(Ipv4Addr::from(self.take::<4>()?)),
            [6] => IpAddr::V6(Ipv6Addr::from(self.take::<16>()?)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes(self.take()?)))
    }
}
