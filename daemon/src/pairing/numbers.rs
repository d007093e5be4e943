//! The numbers on the two screens, and the commitment that comes before them. Pure.
//!
//! # Invariants
//!
//! * A number belongs to one connection: it covers what TLS exports on it, and both keys. The exporter alone would not
//!   do: it says nothing of the client's key.
//! * The two sides have two numbers, so reading one's own screen twice proves nothing.
//! * A number is in no log: `Debug` does not show it.

use std::fmt;

use dunlin_rpc::{Pin, Sum};
use subtle::{Choice, ConstantTimeEq as _};

use crate::invite::{hash, mac};

const COMMITTED: &[u8] = b"dunlin pair 1";
const NUMBERED: &[u8] = b"dunlin digits 1";

/// How many digits a number has.
const DIGITS: usize = 6;

/// One more than the largest number.
const NUMBERS: u64 = 1_000_000;

/// 32 random bytes of one side.
pub type Nonce = [u8; 32];

/// Which side of a pairing: the one that dials, or the one that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A: dials.
    Asking,
    /// B: was opened, and answers.
    Answering,
}

impl Side {
    fn letter(self) -> &'static [u8] {
        match self {
            Self::Asking => b"A",
            Self::Answering => b"B",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Asking => Self::Answering,
            Self::Answering => Self::Asking,
        }
    }
}

/// The connection that a pairing runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// x: what TLS exports on it.
    pub exporter: [u8; 32],
    /// The pin of A.
    pub asking: Pin,
    /// The pin of B.
    pub answering: Pin,
}

impl Bind {
    /// What B says of its nonce before it has seen A's.
    pub fn commit(&self, nonce: &Nonce) -> Sum {
        Sum(hash(&[COMMITTED, &self.exporter, &self.asking.0, &self.answering.0, nonce]))
    }

    /// Whether a nonce is the one that was committed to.
    pub fn opens(&self, commit: &Sum, nonce: &Nonce) -> bool {
        self.commit(nonce).0.ct_eq(&commit.0).into()
    }

    /// The number on the screen of one side; `a` and `b` are the nonces of A and B.
    pub fn number(&self, side: Side, a: &Nonce, b: &Nonce) -> Number {
        let message =
            [NUMBERED, side.letter(), &self.exporter, &self.asking.0, &self.answering.0].concat();
        let sum = mac(&[*a, *b].concat(), &message);
        let first = sum.first_chunk().copied().unwrap_or_default();
        Number::of(u64::from_be_bytes(first) % NUMBERS)
    }
}

/// Six digits.
#[derive(Clone, Copy)]
pub struct Number([u8; DIGITS]);

impl Number {
    fn of(mut rest: u64) -> Self {
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        Self(digits)
    }

    /// What a person typed: six digits, with spaces wherever they stand. Nothing else is a number.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let digits: [u8; DIGITS] = digits.try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The six digits.
    pub fn digits(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }

    /// Whether two are the same, in a time that does not tell where they differ.
    pub fn same(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind() -> Bind {
        Bind { exporter: [1; 32], asking: Pin([2; 32]), answering: Pin([3; 32]) }
    }

    fn numbers(bind: &Bind, a: &Nonce, b: &Nonce) -> [String; 2] {
        [Side::Asking, Side::Answering].map(|side| bind.number(side, a, b).digits())
    }

    #[test]
    fn a_number_and_a_commitment_are_what_the_protocol_says() {
        use data_encoding::HEXLOWER;
        // Worked out apart from this program, with Python's hashlib and hmac.
        let sum = bind().commit(&[5; 32]);
        assert_eq!(HEXLOWER.encode(&sum.0), COMMIT);
        assert_eq!(numbers(&bind(), &[4; 32], &[5; 32]), NUMBERS_OF_45);
    }

    const COMMIT: &str = "9e8c0c9489aed34f0115dec14362376a17b8edb76ddac3e527457fcb3f66ad0d";
    const NUMBERS_OF_45: [&str; 2] = ["056089", "586059"];

    #[test]
    fn numbers_belong_to_one_connection_two_keys_and_two_nonces() {
        let (a, b) = ([4; 32], [5; 32]);
        let told = numbers(&bind(), &a, &b);
        assert_ne!(told[0], told[1], "two screens, two numbers");
        let others = [
            numbers(&Bind { exporter: [9; 32], ..bind() }, &a, &b),
            numbers(&Bind { asking: Pin([9; 32]), ..bind() }, &a, &b),
            numbers(&Bind { answering: Pin([9; 32]), ..bind() }, &a, &b),
            numbers(&bind(), &[9; 32], &b),
            numbers(&bind(), &a, &[9; 32]),
        ];
        for other in others {
            assert_ne!(told, other);
        }
        let commit = bind().commit(&b);
        assert!(bind().opens(&commit, &b));
        assert!(!bind().opens(&commit, &a));
        assert!(!Bind { exporter: [9; 32], ..bind() }.opens(&commit, &b));
        assert!(!Bind { asking: Pin([9; 32]), ..bind() }.opens(&commit, &b));
    }

    #[test]
    fn a_number_is_six_digits_with_spaces_anywhere() {
        for (text, digits) in [
            ("123456", Some("123456")),
            (" 123 456\r\n", Some("123456")),
            ("0 0 0 0 0 7", Some("000007")),
            ("12345", None),
            ("1234567", None),
            ("12345a", None),
            ("+12345", None),
            ("１２３４５６", None),
            ("", None),
        ] {
            assert_eq!(Number::parse(text).map(|n| n.digits()).as_deref(), digits, "{text:?}");
        }
        assert_eq!(Number::of(7).digits(), "000007");
        assert_eq!(Number::of(999_999).digits(), "999999");
        assert_eq!(format!("{:?}", Number::of(7)), "…");
    }
}
