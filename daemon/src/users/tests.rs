//! Users, with cheap hashes where the cost is not the point.

use super::*;
use argon2::Params;

const NOON: Duration = Duration::from_secs(1_000_000);
const LONG: &str = "correct horse battery";

fn cheap() -> Argon2<'static> {
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
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
    assert_eq!(users.verify("ann", LONG, NOON), Some(Role::Write));
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
    assert_eq!(again.list(), [("ann".to_owned(), Role::Read)]);
    assert_eq!(again.verify("ann", LONG, NOON), Some(Role::Read));
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
    assert_eq!(users.cached("ann", LONG, NOON + Duration::from_secs(599)), Some(Role::Read));
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
    assert_eq!(users.verify("ann", "another password", NOON), Some(Role::Read));
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
    assert_eq!(users.cached("ann", "password 1", NOON), Some(Role::Read));
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
    assert_eq!(told("ann", "123456789", Role::Read), short);
    let short = "a password for role admin has at least 15 characters";
    assert_eq!(told("ann", "12345678901234", Role::Admin), short);
    assert_eq!(told("ann", &"x".repeat(257), Role::Read), "a password has at most 256 bytes");
    users.add("ann", &"x".repeat(256), Role::Read, false).unwrap();
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
    let real = Argon2::default();
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    assert_eq!(cost(&params), cost(real.params()));
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
