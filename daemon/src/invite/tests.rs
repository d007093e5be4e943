//! Invites, from the token to the verdict.

use super::*;

const NOW: u64 = 1_800_000_000;
const SHOP: [u8; 8] = *b"the shop";
const ISSUER: Pin = Pin([1; 32]);
const JOINER: Pin = Pin([2; 32]);
const EXPORTER: [u8; 32] = [3; 32];

fn fresh() -> (tempfile::TempDir, Invites) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::create(&dir.path().join("state")).unwrap();
    let invites = Invites::load(&folder).unwrap();
    (dir, invites)
}

fn addresses() -> Vec<SocketAddr> {
    ["192.168.1.7:7474", "[fe80::1]:7474"].map(|address| address.parse().unwrap()).to_vec()
}

fn issue(invites: &mut Invites, uses: u32) -> Token {
    let terms = Terms { uses, ..Terms::default() };
    invites.issue(terms, SHOP, ISSUER, &addresses(), NOW).unwrap()
}

fn ask(proof: &[u8]) -> Ask<'_> {
    Ask {
        proof,
        exporter: &EXPORTER,
        joiner: JOINER,
        issuer: ISSUER,
        is_keeper: true,
        standing: Standing::Stranger,
        has_room: true,
    }
}

#[test]
fn a_token_is_read_as_it_was_written() {
    let (_dir, mut invites) = fresh();
    let token = issue(&mut invites, 1);
    let word = token.encode();
    assert_eq!(Token::parse(word.expose(), NOW), Ok(token.clone()));
    assert_eq!(token.addresses, addresses());
    assert_eq!((token.shop, token.issuer), (SHOP, ISSUER));
    assert!(word.expose().starts_with("dunlin1-"));
    let wrapped = format!(" {}\n", word.expose().to_lowercase().replace('q', "q\r\n"));
    assert_eq!(Token::parse(&wrapped, NOW), Ok(token.clone()));
    assert!(!format!("{token:?}").contains(&HEXLOWER.encode(token.secret.expose())));
}

#[test]
fn a_token_that_was_cut_or_mistyped_fails_at_the_joiner() {
    let (_dir, mut invites) = fresh();
    let word = issue(&mut invites, 1).encode().expose().clone();
    for end in "dunlin1-".len()..word.len() {
        assert_eq!(Token::parse(word.split_at(end).0, NOW), Err(TokenError::Damaged), "{end}");
    }
    for (at, letter) in word.char_indices().skip("dunlin1-".len()) {
        let other = if letter == 'A' { 'B' } else { 'A' };
        let mut wrong = word.clone();
        wrong.replace_range(at..=at, &other.to_string());
        assert_eq!(Token::parse(&wrong, NOW), Err(TokenError::Damaged), "{at}");
    }
    for text in ["", "dunlin", "dunlin2-ABC", "hello", &"dunlin1-A".repeat(1000)] {
        assert_eq!(Token::parse(text, NOW), Err(TokenError::NotAToken), "{text}");
    }
}

#[test]
fn an_expired_token_is_told_so() {
    let (_dir, mut invites) = fresh();
    let word = issue(&mut invites, 1).encode();
    assert!(Token::parse(word.expose(), NOW + 15 * 60 - 1).is_ok());
    assert_eq!(Token::parse(word.expose(), NOW + 15 * 60), Err(TokenError::Expired));
}

#[test]
fn a_good_proof_is_admitted_and_answered() {
    let (_dir, mut invites) = fresh();
    let token = issue(&mut invites, 1);
    let proof = token.proof(&EXPORTER, JOINER);
    let invite = invites.get(&token.invite()).unwrap();
    assert_eq!(judge(Some(invite), &ask(&proof), NOW), Verdict::Admit);
    let answer = invite.answer(&EXPORTER, ISSUER, JOINER);
    assert!(token.answers(&EXPORTER, JOINER, &answer));
    assert!(!token.answers(&EXPORTER, JOINER, &proof), "a proof sent back is no answer");
    assert!(!token.answers(&[4; 32], JOINER, &answer), "of another connection");
    assert!(!token.answers(&EXPORTER, Pin([9; 32]), &answer), "of another joiner");
}

#[test]
fn every_refusal_has_its_reason_and_only_the_invited_hear_it() {
    let (_dir, mut invites) = fresh();
    let token = issue(&mut invites, 1);
    let proof = token.proof(&EXPORTER, JOINER);
    let invite = invites.get(&token.invite()).unwrap();
    let other = Pin([9; 32]);
    let good = ask(&proof);
    let spent = Invite { uses_left: 0, ..invite.clone() };
    let wrong = [0; 32];
    for (invite, ask, now, reason, told) in [
        (None, good, NOW, Reason::Unknown, false),
        (Some(invite), good, NOW + 900, Reason::Expired, false),
        (Some(&spent), good, NOW, Reason::Spent, false),
        (Some(invite), Ask { is_keeper: false, ..good }, NOW, Reason::NotKeeper, false),
        (Some(invite), Ask { joiner: ISSUER, ..good }, NOW, Reason::Ourselves, false),
        (Some(invite), Ask { proof: &wrong, ..good }, NOW, Reason::Proof, false),
        (Some(invite), Ask { proof: &[], ..good }, NOW, Reason::Proof, false),
        (Some(invite), Ask { proof: &proof[..31], ..good }, NOW, Reason::Proof, false),
        // The same proof on another connection, from another key, to another issuer.
        (Some(invite), Ask { exporter: &wrong, ..good }, NOW, Reason::Proof, false),
        (Some(invite), Ask { joiner: other, ..good }, NOW, Reason::Proof, false),
        (Some(invite), Ask { issuer: other, ..good }, NOW, Reason::Proof, false),
        (Some(invite), Ask { standing: Standing::Out, ..good }, NOW, Reason::Forgotten, true),
        (Some(invite), Ask { has_room: false, ..good }, NOW, Reason::ShopFull, true),
        // Who was not invited does not learn that the key was forgotten.
        (
            Some(invite),
            Ask { standing: Standing::Out, proof: &wrong, ..good },
            NOW,
            Reason::Proof,
            false,
        ),
    ] {
        assert_eq!(judge(invite, &ask, now), Verdict::Refuse(reason));
        assert_eq!(reason.is_told(), told, "{reason}");
    }
}

#[test]
fn a_lost_answer_is_given_again_and_counts_no_use() {
    let (_dir, mut invites) = fresh();
    let token = issue(&mut invites, 1);
    let id = token.invite();
    invites.count_use(&id, JOINER, NOW).unwrap();
    invites.count_use(&id, JOINER, NOW).unwrap();
    let proof = token.proof(&EXPORTER, JOINER);
    let invite = invites.get(&id).unwrap();
    assert_eq!((invite.uses_left, invite.admitted.len()), (0, 1));
    assert_eq!(judge(Some(invite), &ask(&proof), NOW), Verdict::Again);
    // Full in the meantime, with this very key among the members.
    let again = Ask { has_room: false, standing: Standing::Member, ..ask(&proof) };
    assert_eq!(judge(Some(invite), &again, NOW), Verdict::Again);
    // Another key with the same token comes too late.
    let other = Pin([9; 32]);
    let proof = token.proof(&EXPORTER, other);
    let late = Ask { joiner: other, ..ask(&proof) };
    assert_eq!(judge(Some(invite), &late, NOW), Verdict::Refuse(Reason::Spent));
}

#[test]
fn uses_are_counted_across_restarts() {
    let (_dir, mut invites) = fresh();
    let token = issue(&mut invites, 3);
    let id = token.invite();
    invites.count_use(&id, JOINER, NOW).unwrap();
    let again = Invites::load(&invites.folder).unwrap();
    assert_eq!(again.get(&id).unwrap().uses_left, 2);
    assert_eq!(again.get(&id).unwrap().admitted, [JOINER]);
    let proof = token.proof(&EXPORTER, JOINER);
    assert_eq!(judge(again.get(&id), &ask(&proof), NOW), Verdict::Again);
}

#[test]
fn the_issuers_file_does_not_hold_the_secret() {
    let (_dir, mut invites) = fresh();
    let token = issue(&mut invites, 1);
    let text = String::from_utf8(invites.folder.read(FILE).unwrap()).unwrap();
    assert!(!text.contains(&HEXLOWER.encode(token.secret.expose())));
    assert!(text.contains(&token.invite()));
}

#[test]
fn one_use_makes_a_keeper_and_many_make_members() {
    let (_dir, mut invites) = fresh();
    let (one, many) = (issue(&mut invites, 1), issue(&mut invites, 2));
    assert_eq!(invites.get(&one.invite()).unwrap().role, Role::Keeper);
    assert_eq!(invites.get(&many.invite()).unwrap().role, Role::Member);
}

#[test]
fn an_invite_is_open_until_it_expires_and_forgotten_a_day_later() {
    let (_dir, mut invites) = fresh();
    let id = issue(&mut invites, 1).invite();
    assert!(invites.is_open(NOW) && !invites.is_open(NOW + 900));
    let day = 24 * 3600;
    invites.count_use("none", JOINER, NOW + 900 + day).unwrap();
    assert!(invites.get(&id).is_some());
    invites.count_use("none", JOINER, NOW + 901 + day).unwrap();
    assert!(invites.get(&id).is_none());
}

#[test]
fn terms_out_of_bounds_are_refused() {
    let (_dir, mut invites) = fresh();
    let mut told = |uses, life, addresses: &[SocketAddr]| {
        let terms = Terms { uses, life: Duration::from_secs(life), role: None };
        invites.issue(terms, SHOP, ISSUER, addresses, NOW).unwrap_err()
    };
    assert!(matches!(told(0, 60, &addresses()), Error::Uses));
    assert!(matches!(told(257, 60, &addresses()), Error::Uses));
    assert!(matches!(told(1, 0, &addresses()), Error::Life));
    assert!(matches!(told(1, 31 * 24 * 3600, &addresses()), Error::Life));
    assert!(matches!(told(1, 60, &[]), Error::NoAddress));
    for _ in 0..INVITES_MAX {
        issue(&mut invites, 1);
    }
    let full = invites.issue(Terms::default(), SHOP, ISSUER, &addresses(), NOW);
    assert!(matches!(full, Err(Error::Full)));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn s36_a_token_of_any_text_is_read_or_refused(
        text in "(dunlin1-)?[A-Z2-7 \\n]{0,200}|\\PC{0,60}", now in proptest::num::u64::ANY,
    ) {
        // Its sum is of four bytes: none of these is right by chance.
        proptest::prop_assert!(Token::parse(&text, now).is_err());
    }

    #[test]
    fn s36_a_token_with_one_letter_changed_is_refused(
        at in proptest::prelude::any::<proptest::sample::Index>(), letter in "[A-Z2-7a-z0189=]",
    ) {
        let (_dir, mut invites) = fresh();
        let token = issue(&mut invites, 1).encode().expose().clone();
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &letter);
        let same = changed.eq_ignore_ascii_case(&token);
        proptest::prop_assert_eq!(Token::parse(&changed, NOW).is_ok(), same);
    }

    #[test]
    fn s36_a_token_survives_its_text_and_noise_is_none(
        noise in ".{0,200}", flip in proptest::prelude::any::<(proptest::sample::Index, char)>(),
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120),
    ) {
        proptest::prop_assert!(Token::parse(&noise, 0).is_err());
        let framed = format!("dunlin1-{}", data_encoding::BASE32_NOPAD.encode(&bytes));
        proptest::prop_assert!(Token::parse(&framed, 0).is_err());
        let token = Token {
            shop: [7; 8],
            issuer: Pin([8; 32]),
            secret: Secret([9; 20]),
            expires: u32::MAX,
            addresses: vec!["192.0.2.1:7474".parse().unwrap(), "[2001:db8::1]:7474".parse().unwrap()],
        };
        let text = token.encode().expose().clone();
        let read = Token::parse(&text, 0).unwrap();
        let again = read.encode().expose().clone();
        proptest::prop_assert_eq!(&again, &text);
        // One letter other than it was: found out, unless it is the same letter in other case.
        let at = flip.0.index(text.len());
        let mut other: Vec<char> = text.chars().collect();
        other[at] = flip.1;
        let other: String = other.into_iter().collect();
        let same: String = other.chars().filter(|letter| !letter.is_whitespace()).collect();
        proptest::prop_assert_eq!(Token::parse(&other, 0).is_ok(), same.eq_ignore_ascii_case(&text));
    }
}
