//! One statement: what it says, who signed it, and whether the signature holds.
//!
//! The body is JSON text and the signature is over the text as it stands, so nobody ever needs to
//! write the same JSON twice. What it says must be read the same way on all machines and for ever:
//! members that disagreed about whether a statement is valid would disagree about who is a member.

use data_encoding::BASE64URL_NOPAD;
use dunlin_rpc::identity::{Identity, IdentityError, PublicKey, Sum};
use dunlin_rpc::wire::join::Statement;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a signature is over: this, then the body.
const SIGNED: &[u8] = b"dunlin roster 1\n";

/// What the proof of a rotation is over: this, then shop, old key and new key.
const ROTATED: &[u8] = b"dunlin rotate 1\n";

/// The longest body, in bytes. A `keep` list of some two hundred ids fits.
pub const BODY_MAX: usize = 16 << 10;

/// Why a statement does not count.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is too long.
    #[error("the body of a statement has at most {BODY_MAX} bytes")]
    Long,
    /// The body is not a statement.
    #[error("a statement cannot be read")]
    Read(#[source] serde_json::Error),
    /// A member of the body is missing or does not belong to its kind.
    #[error("a statement of kind `{kind}` {what}")]
    Shape {
        /// The kind.
        kind: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// The signature is not one, or of another key.
    #[error("the signature of a statement does not hold")]
    Signature,
    /// Our own key refused to sign.
    #[error("cannot sign a statement")]
    Sign(#[source] IdentityError),
    /// No randomness.
    #[error("cannot draw a random number")]
    Random(#[source] getrandom::Error),
}

/// What a member may do in the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Syncs.
    Member,
    /// And lets in and forgets.
    Keeper,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Member => "member",
            Self::Keeper => "keeper",
        })
    }
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What kind it is, with what belongs to that kind only.
    pub kind: Kind,
    /// The shop it is about: the id of its first statement; none in that one.
    pub shop: Option<Sum>,
    /// Who signed it.
    pub by: PublicKey,
    /// Whom it is about.
    pub of: PublicKey,
    /// When, in milliseconds since 1970, by the signer's clock. Shown; never decides.
    pub at: i64,
    /// What the machine is called. Shown; never decides.
    pub name: String,
}

/// The four kinds of statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The shop begins, with its founder as a keeper.
    Found {
        /// Makes two shops of one key two shops.
        nonce: String,
    },
    /// A keeper lets a key in.
    Admit {
        /// As what.
        role: Role,
        /// By which way: `invite <8 hex>` or `digits`.
        how: String,
    },
    /// A machine goes on under another key.
    Rotate {
        /// What the old key signed so far and that stays.
        keep: Vec<Sum>,
        /// The new key's signature, so that nobody rotates into somebody else's key.
        proof: Vec<u8>,
    },
    /// A key goes, for ever.
    Forget {
        /// What it signed and that stays.
        keep: Vec<Sum>,
        /// Why; shown.
        reason: String,
    },
}

/// A statement whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Its id: the hash of its body.
    pub id: Sum,
    /// What it says.
    pub claim: Claim,
    /// As it came and as it is passed on.
    pub wire: Statement,
}

/// The body as JSON has it: every member that any kind has.
#[derive(Serialize, Deserialize)]
struct Body {
    kind: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    shop: Option<Sum>,
    by: PublicKey,
    of: PublicKey,
    at: i64,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<Vec<Sum>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Found,
    Admit,
    Rotate,
    Forget,
}

impl Signed {
    /// Reads a statement and checks its signature, and of a rotation the new key's proof.
    pub fn verify(wire: &Statement) -> Result<Self, Error> {
        if wire.body.len() > BODY_MAX {
            return Err(Error::Long);
        }
        let body: Body = serde_json::from_str(&wire.body).map_err(Error::Read)?;
        let claim = claim(body)?;
        let signature = decoded(&wire.sig)?;
        if !claim.by.verify(&signed_bytes(&wire.body), &signature) {
            return Err(Error::Signature);
        }
        if let (Kind::Rotate { proof, .. }, Some(shop)) = (&claim.kind, claim.shop)
            && !claim.of.verify(&rotated_bytes(shop, claim.by, claim.of), proof)
        {
            return Err(Error::Signature);
        }
        Ok(Self { id: wire.id(), claim, wire: wire.clone() })
    }

    /// The shop it belongs to; the first statement of a shop *is* the shop.
    pub fn shop(&self) -> Sum {
        self.claim.shop.unwrap_or(self.id)
    }
}

/// Whose key signs, when, and under which name the machine is shown.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The key.
    pub identity: &'a Identity,
    /// Now, in milliseconds since 1970.
    pub at: i64,
}

impl Signer<'_> {
    /// The first statement of a shop.
    pub fn found(&self, name: &str) -> Result<Signed, Error> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        let mut body = self.body(Word::Found, None, self.identity.public_key(), name);
        body.nonce = Some(BASE64URL_NOPAD.encode(&nonce));
        self.sign(&body)
    }

    /// Lets a key in. That the signer is a keeper is the caller's to check.
    pub fn admit(
        &self,
        shop: Sum,
        of: PublicKey,
        name: &str,
        role: Role,
        how: &str,
    ) -> Result<Signed, Error> {
        let mut body = self.body(Word::Admit, Some(shop), of, name);
        body.role = Some(role);
        body.how = Some(how.to_owned());
        self.sign(&body)
    }

    /// Goes on under the key `next`; `keep` is all that this key signed and that stays.
    pub fn rotate(
        &self,
        shop: Sum,
        next: &Identity,
        name: &str,
        keep: Vec<Sum>,
    ) -> Result<Signed, Error> {
        let of = next.public_key();
        let proof = next.sign(&rotated_bytes(shop, self.identity.public_key(), of));
        let mut body = self.body(Word::Rotate, Some(shop), of, name);
        body.keep = Some(keep);
        body.proof = Some(BASE64URL_NOPAD.encode(&proof.map_err(Error::Sign)?));
        self.sign(&body)
    }

    /// Puts a key out for ever; `keep` is what it signed and that stays.
    pub fn forget(
        &self,
        shop: Sum,
        of: PublicKey,
        name: &str,
        keep: Vec<Sum>,
        reason: &str,
    ) -> Result<Signed, Error> {
        let mut body = self.body(Word::Forget, Some(shop), of, name);
        body.keep = Some(keep);
        body.reason = Some(reason.to_owned());
        self.sign(&body)
    }

    fn body(&self, kind: Word, shop: Option<Sum>, of: PublicKey, name: &str) -> Body {
        Body {
            kind,
            shop,
            by: self.identity.public_key(),
            of,
            at: self.at,
            name: name.to_owned(),
            nonce: None,
            role: None,
            how: None,
            keep: None,
            proof: None,
            reason: None,
        }
    }

    fn sign(&self, body: &Body) -> Result<Signed, Error> {
        let body = serde_json::to_string(body).map_err(Error::Read)?;
        let sig = self.identity.sign(&signed_bytes(&body)).map_err(Error::Sign)?;
        Signed::verify(&Statement { body, sig: BASE64URL_NOPAD.encode(&sig) })
    }
}

/// A body by its kind: each has what it needs and nothing of another's.
fn claim(body: Body) -> Result<Claim, Error> {
    let Body { kind, shop, by, of, at, name, nonce, role, how, keep, proof, reason } = body;
    let (word, kind) = match (kind, nonce, (role, how), keep, (proof, reason)) {
        (Word::Found, Some(nonce), (None, None), None, (None, None)) => {
            ("found", Kind::Found { nonce })
        }
        (Word::Admit, None, (Some(role), Some(how)), None, (None, None)) => {
            ("admit", Kind::Admit { role, how })
        }
        (Word::Rotate, None, (None, None), Some(keep), (Some(proof), None)) => {
            ("rotate", Kind::Rotate { keep, proof: decoded(&proof)? })
        }
        (Word::Forget, None, (None, None), Some(keep), (None, Some(reason))) => {
            ("forget", Kind::Forget { keep, reason })
        }
        (Word::Found, ..) => return Err(shape("found", "has a nonce and nothing else")),
        (Word::Admit, ..) => return Err(shape("admit", "has role and how and nothing else")),
        (Word::Rotate, ..) => return Err(shape("rotate", "has keep and proof and nothing else")),
        (Word::Forget, ..) => return Err(shape("forget", "has keep and reason and nothing else")),
    };
    if matches!(kind, Kind::Found { .. }) != shop.is_none() {
        return Err(shape(word, "names its shop, unless it begins one"));
    }
    match kind {
        Kind::Found { .. } if by != of => Err(shape(word, "is of the machine that signs it")),
        Kind::Rotate { .. } if by == of => Err(shape(word, "goes to another key")),
        Kind::Found { .. } | Kind::Admit { .. } | Kind::Rotate { .. } | Kind::Forget { .. } => {
            Ok(Claim { kind, shop, by, of, at, name })
        }
    }
}

fn shape(kind: &'static str, what: &'static str) -> Error {
    Error::Shape { kind, what }
}

fn decoded(text: &str) -> Result<Vec<u8>, Error> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok().ok_or(Error::Signature)
}

fn signed_bytes(body: &str) -> Vec<u8> {
    [SIGNED, body.as_bytes()].concat()
}

fn rotated_bytes(shop: Sum, by: PublicKey, of: PublicKey) -> Vec<u8> {
    [ROTATED, &shop.0, &by.0, &of.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(identity: &Identity) -> Signer<'_> {
        Signer { identity, at: 1_800_000_000_000 }
    }

    fn forged(statement: &Signed, from: &str, to: &str) -> Statement {
        let body = statement.wire.body.replace(from, to);
        assert_ne!(body, statement.wire.body);
        Statement { body, ..statement.wire.clone() }
    }

    #[test]
    fn what_is_built_is_read_back() {
        let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let found = signer(&anna).found("till 1").unwrap();
        let shop = found.shop();
        assert_eq!((shop, found.claim.shop), (found.id, None));
        let of = bert.public_key();
        let admit = signer(&anna).admit(shop, of, "till 2", Role::Keeper, "digits").unwrap();
        let rotate = signer(&anna).rotate(shop, &bert, "till 1", vec![admit.id]).unwrap();
        let forget = signer(&anna).forget(shop, of, "till 2", vec![], "sold").unwrap();
        for statement in [&found, &admit, &rotate, &forget] {
            assert_eq!(Signed::verify(&statement.wire).unwrap(), *statement);
            assert_eq!(statement.shop(), shop);
        }
        assert_eq!(admit.claim.kind, Kind::Admit { role: Role::Keeper, how: "digits".to_owned() });
        assert_eq!((admit.claim.by, admit.claim.of), (anna.public_key(), of));
    }

    #[test]
    fn a_changed_body_or_another_key_is_refused() {
        let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let shop = signer(&anna).found("till 1").unwrap().shop();
        let of = bert.public_key();
        let admit = signer(&anna).admit(shop, of, "till 2", Role::Member, "digits").unwrap();
        let refused = |wire: &Statement| Signed::verify(wire).unwrap_err();
        assert!(matches!(refused(&forged(&admit, "member", "keeper")), Error::Signature));
        let by = forged(&admit, &anna.public_key().to_string(), &of.to_string());
        assert!(matches!(refused(&by), Error::Signature));
        let sig = "AAAA".to_owned();
        assert!(matches!(refused(&Statement { sig, ..admit.wire.clone() }), Error::Signature));
        let sig = "not base64!".to_owned();
        assert!(matches!(refused(&Statement { sig, ..admit.wire }), Error::Signature));
    }

    #[test]
    fn nobody_rotates_into_a_key_that_did_not_agree() {
        let [anna, bert, carl] = [(); 3].map(|()| Identity::generate().unwrap());
        let shop = signer(&anna).found("till 1").unwrap().shop();
        let rotate = signer(&anna).rotate(shop, &bert, "till 1", vec![]).unwrap();
        let Kind::Rotate { proof, .. } = &rotate.claim.kind else { panic!("a rotation") };
        // Anna signs well, and claims Carl's key with Bert's proof.
        let mut body = signer(&anna).body(Word::Rotate, Some(shop), carl.public_key(), "till 1");
        body.keep = Some(vec![]);
        body.proof = Some(BASE64URL_NOPAD.encode(proof));
        assert!(matches!(signer(&anna).sign(&body), Err(Error::Signature)));
    }

    #[test]
    fn each_kind_has_what_belongs_to_it_and_nothing_else() {
        let (anna, bert) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let shop = Sum::of(b"shop");
        let (ours, theirs) = (anna.public_key(), bert.public_key());
        let refused = |kind, shop, of, change: &dyn Fn(&mut Body)| {
            let mut body = signer(&anna).body(kind, shop, of, "x");
            change(&mut body);
            matches!(signer(&anna).sign(&body), Err(Error::Shape { .. }))
        };
        let nonce = |body: &mut Body| body.nonce = Some("n".to_owned());
        assert!(refused(Word::Found, None, theirs, &nonce));
        assert!(refused(Word::Found, Some(shop), ours, &nonce));
        assert!(refused(Word::Found, None, ours, &|_| {}));
        let admit = |body: &mut Body| {
            body.role = Some(Role::Member);
            body.how = Some("digits".to_owned());
        };
        assert!(refused(Word::Admit, None, theirs, &admit));
        assert!(refused(Word::Admit, Some(shop), theirs, &|body| {
            admit(body);
            body.keep = Some(vec![]);
        }));
        assert!(refused(Word::Forget, Some(shop), theirs, &admit));
        assert!(refused(Word::Rotate, Some(shop), ours, &|body| {
            body.keep = Some(vec![]);
            body.proof = Some(String::new());
        }));
    }

    #[test]
    fn noise_is_refused() {
        let sig = BASE64URL_NOPAD.encode(&[0; 64]);
        let refused = |body: &str| {
            Signed::verify(&Statement { body: body.to_owned(), sig: sig.clone() }).is_err()
        };
        assert!(refused("") && refused("{}") && refused("[1]") && refused(&"x".repeat(20 << 10)));
        // Two readers of one body must not see two signers.
        let anna = Identity::generate().unwrap();
        let found = signer(&anna).found("till 1").unwrap();
        let twice = found.wire.body.replace("{\"kind\"", "{\"kind\":\"admit\",\"kind\"");
        assert!(matches!(
            Signed::verify(&Statement { body: twice, ..found.wire }),
            Err(Error::Read(_))
        ));
    }

    proptest::proptest! {
        #[test]
        fn a_statement_of_noise_is_refused_and_never_a_panic(
            noise in ".{0,200}", at in proptest::prelude::any::<proptest::sample::Index>(), byte in 32u8..127,
        ) {
            let anna = Identity::generate().unwrap();
            let sig = BASE64URL_NOPAD.encode(&anna.sign(noise.as_bytes()).unwrap());
            for sig in [noise.clone(), sig] {
                let noise = Statement { body: noise.clone(), sig };
                proptest::prop_assert!(Signed::verify(&noise).is_err());
            }
            // A good one with one byte changed, anywhere in it.
            let good = signer(&anna).found("till 1").unwrap().wire;
            let damage = |text: &str| {
                let mut bytes = text.as_bytes().to_vec();
                let at = at.index(bytes.len());
                bytes[at] = byte;
                String::from_utf8(bytes).unwrap()
            };
            let body = damage(&good.body);
            proptest::prop_assume!(body != good.body);
            let damaged = Statement { body, ..good };
            proptest::prop_assert!(Signed::verify(&damaged).is_err());
        }
    }
}
