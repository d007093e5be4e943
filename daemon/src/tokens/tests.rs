//! Tokens, with clocks in hand.

use super::*;

const NOW: u64 = 1_795_195_275;

fn fresh() -> (tempfile::TempDir, Tokens) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::create(&dir.path().join("state")).unwrap();
    (dir, Tokens::load(&folder).unwrap())
}

fn terms(name: &str) -> Terms {
    Terms { name: name.to_owned(), role: Role::Write, life: None, from: None }
}

fn at(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_token_is_good_once_it_is_made_and_until_it_is_revoked() {
    let (_dir, tokens) = fresh();
    let (secret, made) = tokens.create(&terms("nightly"), NOW).unwrap();
    assert!(secret.expose().starts_with("dunlin_") && secret.expose().len() == 7 + 32);
    let found = tokens.check(secret.expose(), None, NOW).unwrap();
    assert_eq!((found.name.as_str(), found.role), ("nightly", Role::Write));
    let again = Tokens::load(&tokens.folder).unwrap();
    assert!(again.check(secret.expose(), None, NOW).is_some(), "it outlives the process");
    tokens.revoke(made.id()).unwrap();
    assert_eq!(tokens.check(secret.expose(), None, NOW), None);
    assert!(matches!(tokens.revoke("nightly"), Err(Error::Unknown { .. })));
}

#[test]
fn s16_the_hash_in_the_file_is_no_token() {
    let (_dir, tokens) = fresh();
    let (secret, made) = tokens.create(&terms("nightly"), NOW).unwrap();
    let text = String::from_utf8(tokens.folder.read(FILE).unwrap()).unwrap();
    assert!(!text.contains(secret.expose()) && text.contains(&made.hash));
    for sent in [
        made.hash.clone(),
        format!("dunlin_{}", made.hash),
        format!("dunlin_{}", made.id()),
        secret.expose().to_uppercase(),
        secret.expose().replace("dunlin_", ""),
        format!("{} ", secret.expose()),
        "dunlin_".to_owned(),
    ] {
        assert_eq!(tokens.check(&sent, None, NOW), None, "{sent}");
    }
}

#[test]
fn a_token_ends_when_it_was_said() {
    let (_dir, tokens) = fresh();
    let life = Some(Duration::from_secs(90));
    let (secret, made) = tokens.create(&Terms { life, ..terms("short") }, NOW).unwrap();
    assert_eq!(made.expires, Some(NOW + 90));
    assert!(tokens.check(secret.expose(), None, NOW + 89).is_some());
    assert!(tokens.check(secret.expose(), None, NOW + 90).is_none());
    for life in [Duration::ZERO, LIFE_MAX + Duration::from_secs(1)] {
        let refused = tokens.create(&Terms { life: Some(life), ..terms("x") }, NOW);
        assert!(matches!(refused, Err(Error::Life)), "{life:?}");
    }
}

#[test]
fn a_token_with_a_range_is_good_from_there_alone() {
    let (_dir, tokens) = fresh();
    let from = Some("192.168.1.0/24".parse().unwrap());
    let (secret, _) = tokens.create(&Terms { from, ..terms("office") }, NOW).unwrap();
    let good = |from| tokens.check(secret.expose(), from, NOW).is_some();
    assert!(good(Some(at("192.168.1.77"))) && good(Some(at("::ffff:192.168.1.77"))));
    assert!(
        ["192.168.2.1", "127.0.0.1", "::1"].iter().all(|from| !good(Some(at(from)))) && !good(None)
    );
}

#[test]
fn a_use_is_written_at_most_once_a_minute_and_at_the_end() {
    let (_dir, tokens) = fresh();
    let (secret, _) = tokens.create(&terms("nightly"), NOW).unwrap();
    let written = || Tokens::load(&tokens.folder).unwrap().list()[0].last_used;
    let minute = Duration::from_mins(1);
    assert!(!tokens.is_due(minute), "nothing was used");
    tokens.check(secret.expose(), None, NOW + 1).unwrap();
    assert!(tokens.is_due(minute));
    tokens.write_uses().unwrap();
    assert_eq!(written(), Some(NOW + 1));
    tokens.check(secret.expose(), None, NOW + 2).unwrap();
    assert!(!tokens.is_due(Duration::from_secs(119)));
    assert_eq!(written(), Some(NOW + 1));
    assert!(tokens.is_due(2 * minute));
    assert!(!tokens.is_due(2 * minute), "one of many callers writes");
    tokens.write_uses().unwrap();
    assert_eq!(written(), Some(NOW + 2));
}

#[test]
fn names_are_told_apart_and_the_number_is_bounded() {
    let (_dir, tokens) = fresh();
    tokens.create(&terms("nightly"), NOW).unwrap();
    assert!(matches!(tokens.create(&terms("nightly"), NOW), Err(Error::Exists { .. })));
    assert!(matches!(tokens.create(&terms("a\nb"), NOW), Err(Error::Name)));
    // Filled in memory: a hundred files would only test the disk.
    let one = tokens.list()[0].clone();
    for n in 1..TOKENS_MAX {
        tokens.lock().tokens.push(Token { name: n.to_string(), ..one.clone() });
    }
    assert!(matches!(tokens.create(&terms("new"), NOW), Err(Error::Full)));
}

#[cfg(unix)]
#[test]
fn the_file_is_private_and_a_damaged_one_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_dir, tokens) = fresh();
    tokens.create(&terms("nightly"), NOW).unwrap();
    let mode = std::fs::metadata(tokens.folder.file(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    tokens.folder.write(FILE, b"[{").unwrap();
    assert!(Tokens::load(&tokens.folder).unwrap_err().to_string().contains("damaged"));
}
