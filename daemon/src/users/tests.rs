//! Users, with cheap hashes where the cost is not the point.

use super::*;

const NOON: Duration = Duration::from_secs(1_000_000);
const LONG: &str = "correct horse battery";

fn cheap() -> Params {
    Params::new(Params::MIN_M_COST, 1, 1, None).unwrap()
}

fn role(known: Option<Known>) -> Option<Role> {
    known.map(|known| known.role)
}

fn fresh() -> (tempfile::TempDir, Users) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::create(&dir.path().join("state")).unwrap();
    (dir, Users::load_with(&folder, cheap()).unwrap())
}

#[test]
fn the_right_password_gives_the_role_and_no_other_does() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Write, false).unwrap();
    assert_eq!(role(users.verify("ann", LONG, NOON)), Some(Role::Write));
    assert_eq!(users.verify("ann", "correct horse batterx", NOON), None);
    assert_eq!(users.verify("bob", LONG, NOON), None);
    assert_eq!(users.verify("ann", "", NOON), None);
    assert_eq!(users.verify("ann", &"x".repeat(1 << 20), NOON), None);
}

#[test]
fn users_outlive_the_process_and_the_file_is_private_and_holds_no_password() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Read, false).unwrap();
    let again = Users::load(&users.folder).unwrap();
    let ann = Listed { name: "ann".to_owned(), role: Role::Read, old_caller: false };
    assert_eq!(again.list(), [ann]);
    assert_eq!(role(again.verify("ann", LONG, NOON)), Some(Role::Read));
    let text = String::from_utf8(users.folder.read(FILE).unwrap()).unwrap();
    assert!(text.contains("$argon2id$") && !text.contains(LONG));
}

#[test]
fn a_success_is_remembered_for_ten_minutes() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Read, false).unwrap();
    assert_eq!(users.cached("ann", LONG, NOON), None);
    users.verify("ann", LONG, NOON).unwrap();
    users.verify("ann", "not the password", NOON);
    assert_eq!(role(users.cached("ann", LONG, NOON + Duration::from_secs(599))), Some(Role::Read));
    assert_eq!(users.cached("ann", "not the password", NOON), None);
    assert_eq!(users.cached("ann", LONG, NOON + Duration::from_mins(10)), None);
}

#[test]
fn a_change_of_a_user_drops_what_was_remembered() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Read, false).unwrap();
    users.verify("ann", LONG, NOON).unwrap();
    users.set_password("ann", "another password").unwrap();
    assert_eq!(users.cached("ann", LONG, NOON), None);
    assert_eq!(users.verify("ann", LONG, NOON), None);
    assert_eq!(role(users.verify("ann", "another password", NOON)), Some(Role::Read));
    users.remove("ann").unwrap();
    assert_eq!(users.verify("ann", "another password", NOON), None);
    users.add("ann", LONG, Role::Write, false).unwrap();
    assert_eq!(users.cached("ann", "another password", NOON), None);
}

#[test]
fn a_success_that_was_overtaken_by_a_change_is_none() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Read, false).unwrap();
    let old = users.lock().book.users["ann"].hash.clone();
    users.set_password("ann", "another password").unwrap();
    assert_eq!(users.remember("ann", LONG, &old, NOON), None);
    assert_eq!(users.cached("ann", LONG, NOON), None);
}

#[test]
fn the_cache_is_bounded_and_the_oldest_goes() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Read, false).unwrap();
    let hash = users.lock().book.users["ann"].hash.clone();
    for n in 0..=CACHE_MAX {
        users.remember("ann", &format!("password {n}"), &hash, NOON).unwrap();
    }
    assert_eq!(users.lock().cache.len(), CACHE_MAX);
    assert_eq!(users.cached("ann", "password 0", NOON), None);
    assert_eq!(role(users.cached("ann", "password 1", NOON)), Some(Role::Read));
}

#[test]
fn a_name_and_a_password_cannot_be_shifted_into_each_other() {
    let (_dir, users) = fresh();
    assert_ne!(users.cache_key("ab", "c"), users.cache_key("a", "bc"));
}

#[test]
fn bad_names_and_passwords_are_refused() {
    let (_dir, users) = fresh();
    let told = |name: &str, password: &str, role| {
        users.add(name, password, role, false).unwrap_err().to_string()
    };
    for name in ["", "a\nb", " ann", "\u{202e}ann", &"x".repeat(65)] {
        assert_eq!(told(name, LONG, Role::Read), "a user's name has 1 to 64 printable characters");
    }
    let short = "a password for role read has at least 10 characters";
    assert_eq!(told("ann", "Kiefer 7x", Role::Read), short);
    let short = "a password for role admin has at least 15 characters";
    assert_eq!(told("ann", "Kiefer 7 Walds", Role::Admin), short);
    assert_eq!(told("ann", &"x".repeat(257), Role::Read), "a password has at most 256 bytes");
    users.add("ann", &"Kiefer7Wald regn".repeat(16), Role::Read, false).unwrap();
    assert!(told("ann", LONG, Role::Read).starts_with("there is a user \"ann\" already"));
    assert!(matches!(users.remove("bob"), Err(Error::Unknown { .. })));
    assert!(matches!(users.set_password("bob", LONG), Err(Error::Unknown { .. })));
}

#[test]
fn a_damaged_file_is_told_and_not_taken_for_no_users() {
    let (_dir, users) = fresh();
    users.folder.write(FILE, b"{\"users\": {\"ann\"").unwrap();
    let told = Users::load(&users.folder).unwrap_err().to_string();
    assert!(told.contains("it is damaged"), "{told}");
}

#[test]
fn the_dummy_takes_as_long_as_a_real_hash_and_nothing_matches_it() {
    let dummy = PasswordHash::new(DUMMY).unwrap();
    let params = Params::try_from(&dummy).unwrap();
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    assert_eq!(cost(&params), cost(&Params::default()));
    assert_eq!(dummy.algorithm.as_str(), "argon2id");
    assert_eq!(dummy.hash.map(|hash| hash.len()), Some(32));
}

#[test]
fn roles_contain_each_other() {
    assert!(Role::Read < Role::Write && Role::Write < Role::Admin);
    for role in [Role::Read, Role::Write, Role::Admin] {
        assert_eq!(role.to_string().parse::<Role>().unwrap(), role);
    }
    assert!("root".parse::<Role>().is_err());
}

#[test]
fn s14_what_no_password_can_be_is_refused_before_hashing() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Read, false).unwrap();
    let begun = std::time::Instant::now();
    for password in ["", "a\0b", &"x".repeat(1 << 20), &"x".repeat(257)] {
        assert_eq!(users.verify("ann", password, NOON), None);
        assert!(!could_be("ann", password));
    }
    for name in ["", "a\0b", "a\nb", &"x".repeat(1 << 20)] {
        assert!(!could_be(name, LONG));
    }
    assert!(begun.elapsed() < Duration::from_millis(5 * 8));
    assert!(matches!(users.set_password("ann", "correct\0horse"), Err(Error::Nul)));
}

#[test]
fn a_password_that_everybody_tries_is_refused_in_any_dress() {
    let (_dir, users) = fresh();
    for password in ["passwordpassword", "1234567890", "ann-ann-ann-ann", "P4ssw0rd2026!!"] {
        assert!(
            matches!(users.add("ann", password, Role::Read, false), Err(Error::Common)),
            "{password}"
        );
    }
}

#[test]
fn a_proposed_password_has_twenty_characters_and_is_good_for_an_admin() {
    let (_dir, users) = fresh();
    let one = propose().unwrap();
    assert_eq!(one.expose().chars().count(), 20);
    assert_ne!(one, propose().unwrap());
    users.add("ann", one.expose(), Role::Admin, false).unwrap();
}

#[test]
fn an_old_hash_is_made_anew_when_its_password_comes() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Read, false).unwrap();
    let strong = Users::load(&users.folder).unwrap();
    let before = strong.known("ann").unwrap();
    assert_eq!(strong.verify("ann", "not the password", NOON), None);
    let hash = |users: &Users| users.lock().book.users["ann"].hash.clone();
    assert_eq!(hash(&strong), hash(&users), "a wrong password changes nothing");
    assert_eq!(strong.verify("ann", LONG, NOON), Some(before), "and no session ends");
    assert!(hash(&strong).contains("m=19456,t=2,p=1"), "{}", hash(&strong));
    let again = Users::load(&users.folder).unwrap();
    assert_eq!(hash(&again), hash(&strong));
    assert_eq!(role(again.verify("ann", LONG, NOON)), Some(Role::Read));
    assert_eq!(hash(&again), hash(&strong), "what is of today stays");
}

#[test]
fn each_change_of_a_user_begins_a_new_state() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Read, false).unwrap();
    let mut states = vec![users.known("ann").unwrap().state];
    let mut next = |users: &Users| {
        let state = users.known("ann").unwrap().state;
        assert!(!states.contains(&state), "{states:?}");
        states.push(state);
    };
    users.set_password("ann", "another password").unwrap();
    next(&users);
    users.set_role("ann", Role::Write, None).unwrap();
    next(&users);
    users.remove("ann").unwrap();
    assert_eq!(users.known("ann"), None);
    users.add("ann", LONG, Role::Read, false).unwrap();
    next(&users);
}

#[test]
fn whoever_becomes_an_admin_needs_a_longer_password() {
    let (_dir, users) = fresh();
    users.add("ann", "Kiefer 7 Wald", Role::Write, false).unwrap();
    assert!(matches!(users.set_role("ann", Role::Admin, None), Err(Error::NeedsPassword)));
    let short = users.set_role("ann", Role::Admin, Some("Kiefer 7 Wald"));
    assert!(matches!(short, Err(Error::Short { .. })));
    users.set_role("ann", Role::Admin, Some(LONG)).unwrap();
    assert_eq!(role(users.verify("ann", LONG, NOON)), Some(Role::Admin));
    users.set_role("ann", Role::Read, None).unwrap();
    assert_eq!(role(users.verify("ann", LONG, NOON)), Some(Role::Read));
    assert!(matches!(users.set_role("bob", Role::Read, None), Err(Error::Unknown { .. })));
}

#[test]
fn a_user_of_old_programs_is_never_an_admin() {
    let (_dir, users) = fresh();
    assert!(matches!(users.add("ann", LONG, Role::Admin, true), Err(Error::OldAdmin)));
    users.add("ann", LONG, Role::Write, true).unwrap();
    assert!(matches!(users.set_role("ann", Role::Admin, Some(LONG)), Err(Error::OldAdmin)));
    assert!(Users::load(&users.folder).unwrap().known("ann").unwrap().old_caller);
}

#[test]
fn the_first_admin_is_the_first() {
    let (_dir, users) = fresh();
    users.add("ann", LONG, Role::Write, false).unwrap();
    assert!(!users.has_admin());
    users.add_first("bob", LONG).unwrap();
    assert!(users.has_admin());
    assert!(matches!(users.add_first("cid", LONG), Err(Error::Exists { .. })));
}
