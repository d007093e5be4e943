//! Sessions, with a clock in hand.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOON: Duration = Duration::from_secs(1_000_000);
const IDLE: Duration = Duration::from_mins(30);

fn sessions() -> Sessions {
    Sessions::new(IDLE)
}

#[test]
fn an_id_has_160_random_bits_and_only_its_hash_is_kept() {
    let sessions = sessions();
    let id = sessions.open("ann", 1, NOON).unwrap();
    let other = sessions.open("ann", 1, NOON).unwrap();
    assert_ne!(id, other);
    assert_eq!(BASE32_NOPAD.decode(id.expose().to_uppercase().as_bytes()).unwrap().len(), 20);
    let kept: Vec<Hash> = sessions.lock().iter().map(|session| session.hash).collect();
    assert_eq!(kept, [hash(id.expose()), hash(other.expose())]);
}

#[test]
fn s16_what_is_kept_is_no_cookie() {
    let sessions = sessions();
    let id = sessions.open("ann", 1, NOON).unwrap();
    let kept = hash(id.expose());
    for sent in [
        data_encoding::HEXLOWER.encode(&kept),
        BASE32_NOPAD.encode(&kept).to_lowercase(),
        data_encoding::BASE64.encode(&kept),
        id.expose().to_uppercase(),
        String::new(),
    ] {
        assert_eq!(sessions.find(&sent, NOON), None, "{sent}");
    }
    assert_eq!(sessions.find(id.expose(), NOON).unwrap().user, "ann");
}

#[test]
fn a_session_ends_idle_and_ends_after_twelve_hours_of_use() {
    let sessions = sessions();
    let id = sessions.open("ann", 1, NOON).unwrap();
    let almost = Duration::from_mins(29);
    let mut now = NOON;
    while now + almost < NOON + LIFE_MAX {
        now += almost;
        assert!(sessions.find(id.expose(), now).is_some());
    }
    assert!(sessions.find(id.expose(), NOON + LIFE_MAX).is_none());
    let id = sessions.open("ann", 1, NOON).unwrap();
    assert!(sessions.find(id.expose(), NOON + IDLE).is_none());
    assert!(sessions.find(id.expose(), NOON).is_none(), "what is over does not come back");
}

#[test]
fn a_page_that_is_left_open_does_not_keep_its_visitor_signed_in() {
    let sessions = Sessions::new(IDLE);
    let id = sessions.open("ann", 1, NOON).unwrap();
    let soon = NOON + IDLE / 2;
    assert_eq!(sessions.watch(id.expose(), soon).unwrap().user, "ann");
    assert!(sessions.watch(id.expose(), NOON + IDLE).is_none());
}

#[test]
fn the_26th_session_ends_the_first() {
    let sessions = sessions();
    let ids: Vec<_> = (0..=SESSIONS_MAX as u64)
        .map(|n| sessions.open("ann", 1, NOON + Duration::from_millis(n)).unwrap())
        .collect();
    let now = NOON + Duration::from_secs(1);
    assert!(sessions.find(ids[0].expose(), now).is_none());
    assert!(ids[1..].iter().all(|id| sessions.find(id.expose(), now).is_some()));
}

#[test]
fn signing_out_ends_one_and_a_change_of_the_user_all() {
    let sessions = sessions();
    let ids: Vec<_> =
        ["ann", "ann", "bob"].map(|user| sessions.open(user, 1, NOON).unwrap()).into();
    sessions.end(ids[0].expose());
    let left = |sessions: &Sessions| -> Vec<bool> {
        ids.iter().map(|id| sessions.find(id.expose(), NOON).is_some()).collect()
    };
    assert_eq!(left(&sessions), [false, true, true]);
    sessions.end_of("ann");
    assert_eq!(left(&sessions), [false, false, true]);
}

#[test]
fn a_cookie_is_found_by_its_whole_name_and_only_if_there_is_one() {
    let name = cookie_name("0123abcd", false);
    assert_eq!(cookie("a=b; dunlin-0123abcd=xyz;c", &name), Some("xyz"));
    assert_eq!(cookie("dunlin-0123abcd=x; dunlin-0123abcd=y", &name), None);
    for header in [
        "dunlin-0123abce=x",
        "xdunlin-0123abcd=x",
        "dunlin-0123abcd",
        "",
        ";;=;",
        "DUNLIN-0123abcd=x",
    ] {
        assert_eq!(cookie(header, &name), None, "{header}");
    }
    assert_eq!(cookie_name("0123abcd", true), "__Host-dunlin-0123abcd");
}

#[test]
fn the_cookie_is_kept_from_scripts_and_from_other_sites() {
    let id = Secret("x".to_owned());
    assert_eq!(set_cookie("n", &id, false), "n=x; Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(set_cookie("n", &id, true), "n=x; Path=/; HttpOnly; SameSite=Strict; Secure");
    assert!(clear_cookie("n", true).contains("Max-Age=0"));
}

proptest! {
    /// Any bytes that a header may hold: the parser ends, and what it finds stands in the header
    /// behind exactly this name.
    #[test]
    fn a_cookie_header_of_any_bytes_is_read_or_not_and_never_misread(bytes: Vec<u8>, value in "[a-z2-7]{0,32}") {
        let name = cookie_name("0123abcd", false);
        let noise = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(found) = cookie(&noise, &name) {
            let pair = format!("{name}={found}");
            prop_assert!(noise.contains(&name) && noise.contains(found) && !found.contains(';'), "{pair}");
        }
        // Noise before and behind hides no cookie of ours, as long as it does not name it too.
        prop_assume!(!noise.contains(&name));
        let header = format!("{noise}; {name}={value}; {noise}");
        prop_assert_eq!(cookie(&header, &name), Some(value.as_str()));
    }

    /// Against a model: a list of when each session began and was used.
    #[test]
    fn the_table_of_sessions_is_what_the_rules_say(
        steps in proptest::collection::vec((0_u8..5, 0_usize..40, 0_u64..3_000), 1..200)
    ) {
        let sessions = sessions();
        let mut now = NOON;
        let mut model: BTreeMap<usize, (String, Duration, Duration)> = BTreeMap::new();
        let mut ids: Vec<Secret<String>> = Vec::new();
        for (step, which, after) in steps {
            now += Duration::from_secs(after);
            model.retain(|_, (_, began, used)| now < *used + IDLE && now < *began + LIFE_MAX);
            let user = format!("user {}", which % 3);
            match step {
                0..=1 => {
                    if model.len() == SESSIONS_MAX {
                        model.pop_first();
                    }
                    model.insert(ids.len(), (user.clone(), now, now));
                    ids.push(sessions.open(&user, 7, now).unwrap());
                }
                2 => {
                    sessions.end_of(&user);
                    model.retain(|_, (owner, ..)| *owner != user);
                }
                _ => if let Some(id) = ids.get(which) {
                    let found = sessions.find(id.expose(), now).map(|found| found.user);
                    prop_assert_eq!(found.as_ref(), model.get(&which).map(|(owner, ..)| owner));
                    if let Some((.., used)) = model.get_mut(&which) {
                        *used = now;
                    }
                    if step == 4 {
                        sessions.end(id.expose());
                        model.remove(&which);
                    }
                }
            }
            prop_assert!(sessions.lock().len() <= SESSIONS_MAX);
        }
    }
}
