//! Who is a member: a pure function of a set of statements.
//!
//! ```text
//!   1  ever     whoever was let in by anybody who ever could; forgets ignored, so it only grows
//!   2  out      a key that a keeper of `ever` forgot, or that left or rotated; for ever
//!      theirs   what an out key signed and that stays: the word of other keepers of `ever`
//!      own      the same: its own word, when it left or rotated
//!   3  strict   whoever is let in from the founder on, where a statement of an out key counts only
//!               if theirs *and* own keep it; without out
//!   4  chain    the same, but where a keeper of `strict` forgot the key, theirs alone decides
//!   5  members  chain without out
//! ```
//!
//! # Invariants
//!
//! * The order of the statements does not matter, and more statements never bring an out key back.
//! * A forget counts if its signer was *ever* a keeper, also when he is out now: else a thief who
//!   forgets first would be safe.
//! * Whatever is signed with keys that are out, or that such keys let in later, only narrows.
//!
//! # Why two steps
//!
//! Other keepers must be able to overrule an out key's own word: who holds an old key may rotate it
//! once more, with an empty `keep`, to throw out whom it had let in. But if anybody of `ever` could,
//! an old key would let in a made-up keeper, who forgets the old key and keeps his own admission.
//! So it takes a keeper who stands without being kept by such a word.
//!
//! The price: when the *founder's* old key is stolen after a rotation and used that way, nobody
//! stands without it, and the shop has to be begun anew. Thief and machine say the same things there,
//! and nothing in the set says who came first.

use super::statement::{Kind, Role, Signed};
use dunlin_rpc::identity::{Pin, PublicKey, Sum};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// One member of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its key.
    pub key: PublicKey,
    /// Its key's pin.
    pub pin: Pin,
    /// Its machine id, made from its first key.
    pub machine: Uuid,
    /// What it may do.
    pub role: Role,
    /// What it was called when it was let in.
    pub name: String,
    /// When it was let in, in milliseconds since 1970, by the clock of who let it in.
    pub since: i64,
}

/// The members of a shop, the keys that are out, and those that lost their way in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    inside: BTreeMap<PublicKey, Member>,
    lost: BTreeMap<PublicKey, Member>,
    out: BTreeSet<PublicKey>,
}

impl Members {
    /// The member with this key.
    pub fn get(&self, key: PublicKey) -> Option<&Member> {
        self.inside.get(&key)
    }

    /// The member with this pin.
    pub fn by_pin(&self, pin: Pin) -> Option<&Member> {
        self.inside.values().find(|member| member.pin == pin)
    }

    /// The member with this machine id.
    pub fn by_machine(&self, machine: Uuid) -> Option<&Member> {
        self.inside.values().find(|member| member.machine == machine)
    }

    /// All members, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.inside.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inside.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inside.is_empty()
    }

    /// Whether the key is out, for ever.
    pub fn is_out(&self, key: PublicKey) -> bool {
        self.out.contains(&key)
    }

    /// Who was let in once and is not out, and yet no member: whoever let it in does not count any
    /// more. One `admit` by a keeper brings such a key back.
    pub fn lost(&self) -> impl Iterator<Item = &Member> {
        self.lost.values()
    }

    /// Whether the key is a keeper's.
    pub fn is_keeper(&self, key: PublicKey) -> bool {
        self.get(key).is_some_and(|member| member.role == Role::Keeper)
    }
}

/// The members of the shop `shop`; statements of another shop do not count.
#[expect(single_use_lifetimes, reason = "an `impl Trait` argument cannot leave it out")]
pub fn members<'a>(shop: Sum, statements: impl IntoIterator<Item = &'a Signed>) -> Members {
    let ours: Vec<&Signed> =
        statements.into_iter().filter(|statement| statement.shop() == shop).collect();
    let by_signer = by_signer(&ours);

    let ever = reached(&by_signer, |_, _| true);
    let words = Words::about_out_keys(&ours, &ever);
    let strict = reached(&by_signer, |signer, id| words.keep(signer, id, false));
    let stands = |key| strict.get(&key) == Some(&Role::Keeper) && !words.is_out(key);
    let overruled: BTreeSet<PublicKey> = ours
        .iter()
        .filter(|signed| {
            matches!(signed.claim.kind, Kind::Forget { .. }) && stands(signed.claim.by)
        })
        .map(|forget| forget.claim.of)
        .collect();
    let may = |signer: PublicKey, id: Sum| words.keep(signer, id, overruled.contains(&signer));
    let chain = reached(&by_signer, may);
    let out = words.out();

    let inside = chain
        .iter()
        .filter(|(key, _)| !out.contains(key))
        .map(|(key, role)| (*key, described(*key, *role, &ours, &chain, &may)))
        .collect();
    let lost = ever
        .iter()
        .filter(|(key, _)| !chain.contains_key(key) && !out.contains(key))
        .map(|(key, role)| (*key, described(*key, *role, &ours, &ever, &|_, _| true)))
        .collect();
    Members { inside, lost, out }
}

type BySigner<'a> = BTreeMap<PublicKey, Vec<&'a Signed>>;

fn by_signer<'a>(statements: &[&'a Signed]) -> BySigner<'a> {
    let mut map = BySigner::new();
    for statement in statements {
        map.entry(statement.claim.by).or_default().push(statement);
    }
    map
}

/// The smallest set with the founder, closed under letting in, where `may` says whether the word
/// of a key counts for a statement. A key's role only rises, so it is looked at twice at most.
fn reached(
    by_signer: &BySigner<'_>,
    may: impl Fn(PublicKey, Sum) -> bool,
) -> BTreeMap<PublicKey, Role> {
    let all = by_signer.values().flatten();
    let founders = all.filter(|statement| matches!(statement.claim.kind, Kind::Found { .. }));
    let mut reached: BTreeMap<PublicKey, Role> = BTreeMap::new();
    let mut to_do: Vec<(PublicKey, Role)> =
        founders.map(|found| (found.claim.of, Role::Keeper)).collect();
    while let Some((key, role)) = to_do.pop() {
        if reached.get(&key).is_some_and(|known| role <= *known) {
            continue;
        }
        reached.insert(key, role);
        for statement in by_signer.get(&key).into_iter().flatten() {
            let given = match statement.claim.kind {
                Kind::Admit { role: given, .. } if role == Role::Keeper => given,
                Kind::Rotate { .. } => role,
                Kind::Found { .. } | Kind::Admit { .. } | Kind::Forget { .. } => continue,
            };
            if may(key, statement.id) {
                to_do.push((statement.claim.of, given));
            }
        }
    }
    reached
}

/// Of every key that is out: what it signed and that stays.
struct Words {
    /// By what other keepers say.
    theirs: BTreeMap<PublicKey, BTreeSet<Sum>>,
    /// By what it says itself.
    own: BTreeMap<PublicKey, BTreeSet<Sum>>,
}

impl Words {
    fn about_out_keys(statements: &[&Signed], ever: &BTreeMap<PublicKey, Role>) -> Self {
        let (mut theirs, mut own) = (BTreeMap::new(), BTreeMap::new());
        for statement in statements {
            let claim = &statement.claim;
            match &claim.kind {
                Kind::Forget { keep, .. } if claim.by == claim.of => {
                    narrow(&mut own, claim.of, keep.iter().copied().collect());
                }
                Kind::Forget { keep, .. } if ever.get(&claim.by) == Some(&Role::Keeper) => {
                    narrow(&mut theirs, claim.of, keep.iter().copied().collect());
                }
                Kind::Rotate { keep, .. } => {
                    let kept = keep.iter().copied().chain([statement.id]).collect();
                    narrow(&mut own, claim.by, kept);
                }
                Kind::Found { .. } | Kind::Admit { .. } | Kind::Forget { .. } => {}
            }
        }
        Self { theirs, own }
    }

    /// Whether the statement `id` of `signer` counts; `overruled` when its own word does not.
    fn keep(&self, signer: PublicKey, id: Sum, overruled: bool) -> bool {
        let kept = |words: &BTreeMap<PublicKey, BTreeSet<Sum>>| {
            words.get(&signer).is_none_or(|keep| keep.contains(&id))
        };
        kept(&self.theirs) && (overruled || kept(&self.own))
    }

    fn is_out(&self, key: PublicKey) -> bool {
        self.theirs.contains_key(&key) || self.own.contains_key(&key)
    }

    fn out(&self) -> BTreeSet<PublicKey> {
        self.theirs.keys().chain(self.own.keys()).copied().collect()
    }
}

fn narrow(keeps: &mut BTreeMap<PublicKey, BTreeSet<Sum>>, key: PublicKey, keep: BTreeSet<Sum>) {
    keeps
        .entry(key)
        .and_modify(|kept| *kept = kept.intersection(&keep).copied().collect())
        .or_insert(keep);
}

/// A member with what is shown of it, from the statements that let it in.
fn described(
    key: PublicKey,
    role: Role,
    statements: &[&Signed],
    chain: &BTreeMap<PublicKey, Role>,
    may: &impl Fn(PublicKey, Sum) -> bool,
) -> Member {
    let into = |key: PublicKey| {
        statements.iter().filter(move |statement| {
            let claim = &statement.claim;
            claim.of == key
                && !matches!(claim.kind, Kind::Forget { .. })
                && chain.contains_key(&claim.by)
                && may(claim.by, statement.id)
        })
    };
    // The latest word about its name; equal times are decided by the id, to be the same everywhere.
    let latest = into(key).max_by_key(|statement| (statement.claim.at, statement.id));
    // Back along the rotations to the machine's first key. A ring of rotations ends the walk: each
    // key is passed once.
    let mut first = key;
    let mut passed = BTreeSet::from([key]);
    while let Some(before) = into(first)
        .filter(|statement| matches!(statement.claim.kind, Kind::Rotate { .. }))
        .map(|statement| statement.claim.by)
        .filter(|by| !passed.contains(by))
        .min()
    {
        passed.insert(before);
        first = before;
    }
    Member {
        key,
        pin: key.pin(),
        machine: first.machine_id(),
        role,
        name: latest.map(|statement| statement.claim.name.clone()).unwrap_or_default(),
        since: latest.map(|statement| statement.claim.at).unwrap_or_default(),
    }
}
