//! What a browser sees: signing in and out, sessions, and the first password.

use dunlin_tests::lab::http::{self, Answer};
use dunlin_tests::lab::{Lab, Machine};

use super::{PASSWORD, SHOP};

/// A machine that asks its own computer for a password too, with an admin and a reader.
fn machine(lab: &Lab, name: &str) -> Machine {
    let mut machine = lab.machine(name, SHOP);
    machine.reword("[admin]\n", "[admin]\nlocal_trust = \"none\"\n");
    machine.ok(&["track", "--all"]);
    machine.start();
    machine.ok_with(&["users", "add", "anna", "--role", "admin"], PASSWORD);
    machine.ok_with(&["users", "add", "reader"], PASSWORD);
    machine
}

fn short_id(machine: &Machine) -> String {
    machine.id().split_at(8).0.to_owned()
}

fn page(machine: &Machine, path: &str, headers: &[(&str, &str)]) -> Answer {
    http::get(machine.admin(), path, headers)
}

/// Percent signs for everything but letters and digits.
fn escaped(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        other => format!("%{other:02x}"),
    };
    text.bytes().map(letter).collect()
}

/// The hidden token of a form.
fn token(answer: &Answer) -> String {
    let (_, rest) =
        answer.body.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("{answer:?}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Sends a form as a browser does.
fn send(machine: &Machine, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    raw(machine, path, cookie, &fields.join("&"))
}

fn raw(machine: &Machine, path: &str, cookie: &str, body: &str) -> Answer {
    let origin = format!("http://{}", machine.admin());
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Origin", origin.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
        ("Cookie", cookie),
    ];
    let given = if cookie.is_empty() { &headers[..3] } else { &headers[..] };
    machine.post(path, given, body)
}

pub(crate) fn sign_in(machine: &Machine, cookie: &str, name: &str, password: &str) -> Answer {
    let token = token(&page(machine, "/sign-in", &[]));
    send(machine, "/sign-in", cookie, &[("token", &token), ("name", name), ("password", password)])
}

/// `name=value` of the cookie that was given.
pub(crate) fn cookie(answer: &Answer) -> String {
    let header = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}"));
    header.split(';').next().unwrap().to_owned()
}

fn look(machine: &Machine, cookie: &str) -> u16 {
    page(machine, "/", &[("Cookie", cookie)]).status
}

#[test]
fn signing_in_shows_the_page_and_signing_out_ends_it() {
    let lab = Lab::new();
    let machine = machine(&lab, "till");
    let closed = page(&machine, "/", &[]);
    assert_eq!(closed.status, 401, "{closed:?}");
    assert!(closed.header("www-authenticate").is_none() && closed.body.contains("Sign in"));
    let opened = sign_in(&machine, "", "reader", PASSWORD);
    assert_eq!((opened.status, opened.header("location")), (303, Some("/")), "{opened:?}");
    let header = opened.header("set-cookie").unwrap();
    assert!(
        header.contains("; HttpOnly; SameSite=Strict") && header.contains("; Path=/;"),
        "{header}"
    );
    assert!(header.contains(&format!("dunlin-{}=", short_id(&machine))), "{header}");
    let cookie = cookie(&opened);
    let seen = page(&machine, "/", &[("Cookie", &cookie)]);
    assert_eq!(seen.status, 200, "{seen:?}");
    assert!(
        seen.body.contains("Signed in as")
            && seen.body.contains(">reader<")
            && !seen.body.contains("<style"),
        "{seen:?}"
    );
    assert_eq!(
        page(&machine, "/assets/style.css", &[]).header("content-type"),
        Some("text/css; charset=utf-8")
    );
    // Without the hidden token it is not the person who signs out.
    assert_eq!(send(&machine, "/do/sign-out", &cookie, &[("token", "0")]).status, 403);
    assert_eq!(look(&machine, &cookie), 200);
    let out = send(&machine, "/do/sign-out", &cookie, &[("token", &token(&seen))]);
    assert_eq!((out.status, out.header("location")), (303, Some("/sign-in")), "{out:?}");
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(look(&machine, &cookie), 401, "S16: stolen after the sign-out");
}

#[test]
fn a_wrong_password_is_told_and_a_form_of_ours_is_needed() {
    let lab = Lab::new();
    let machine = machine(&lab, "till");
    let wrong = sign_in(&machine, "", "anna", "not the password");
    assert_eq!(wrong.status, 401, "{wrong:?}");
    assert!(wrong.body.contains("do not fit") && wrong.header("set-cookie").is_none(), "{wrong:?}");
    let braked = sign_in(&machine, "", "anna", "not the password");
    assert_eq!(braked.status, 429, "{braked:?}");
    assert!(braked.body.contains("Too many wrong passwords from here"), "{braked:?}");
    for token in ["", "0", "0-00", &"1".repeat(80)] {
        let fields = [("token", token), ("name", "reader"), ("password", PASSWORD)];
        assert_eq!(send(&machine, "/sign-in", "", &fields).status, 403, "{token}");
    }
    // A form for something else is none for this.
    machine.ok(&["users", "role", "anna", "read"]);
    let other = token(&page(&machine, "/first-password", &[]));
    let fields = [("token", other.as_str()), ("name", "reader"), ("password", PASSWORD)];
    assert_eq!(send(&machine, "/sign-in", "", &fields).status, 403);
    assert_eq!(page(&machine, "/do/sign-out", &[]).status, 405, "nothing changes by a GET");
}

#[test]
fn s14_a_form_with_what_no_password_can_be_is_refused() {
    let lab = Lab::new();
    let machine = machine(&lab, "till");
    let token = token(&page(&machine, "/sign-in", &[]));
    for password in ["", "%00", "correct%00horse", &"x".repeat(257)] {
        let body = format!("token={token}&name=anna&password={password}");
        assert_eq!(raw(&machine, "/sign-in", "", &body).status, 400, "{password}");
    }
    for body in [
        format!("token={token}&name=anna&password=%ff%fe"),
        format!("token={token}&name=anna&password=a&password=b"),
        format!("token={token}&name=anna"),
        format!("token={token}&name=anna&password=a&more=b"),
    ] {
        assert_eq!(raw(&machine, "/sign-in", "", &body).status, 400, "{body}");
    }
    // Refused by what it announces, before it is sent.
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 1048576\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        machine.admin()
    );
    let answer = http::send(http::connect(machine.admin()), head.as_bytes()).unwrap();
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(machine.status().unwrap()["sign_ins"].as_array().unwrap().len(), 0);
}

#[test]
fn s16_no_cookie_but_one_that_was_given_at_a_sign_in_is_good() {
    let lab = Lab::new();
    let (here, there) = (machine(&lab, "here"), machine(&lab, "there"));
    // Fixation: the id that a browser was made to bring is not the one it gets.
    let name = format!("dunlin-{}", short_id(&here));
    let planted = format!("{name}=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    let opened = sign_in(&here, &planted, "anna", PASSWORD);
    let first = cookie(&opened);
    assert_ne!(first, planted);
    assert_eq!((look(&here, &planted), look(&here, &first)), (401, 200));
    // A second sign-in ends the session that the browser came with.
    let second = cookie(&sign_in(&here, &first, "anna", PASSWORD));
    assert_eq!((look(&here, &first), look(&here, &second)), (401, 200));
    // Two of one name: one of them was planted.
    assert_eq!(look(&here, &format!("{planted}; {second}")), 401);
    // Another machine's, under its own name and under this one's.
    let (_, id) = second.split_once('=').unwrap();
    let renamed = format!("dunlin-{}={id}", short_id(&there));
    assert_eq!((look(&there, &second), look(&there, &renamed)), (401, 401));
    // What lies in the files.
    let users = std::fs::read_to_string(here.data().join("users.json")).unwrap();
    let users: serde_json::Value = serde_json::from_str(&users).unwrap();
    let hash = users["users"]["anna"]["hash"].as_str().unwrap();
    assert_eq!(look(&here, &format!("{name}={hash}")), 401);
    assert_eq!(page(&here, "/", &[("Authorization", &super::basic("reader", hash))]).status, 401);
}

#[test]
fn a_session_ends_with_its_users_password_or_role() {
    let lab = Lab::new();
    let mut machine = machine(&lab, "till");
    let opened = |name: &str, password: &str| cookie(&sign_in(&machine, "", name, password));
    let (anna, reader) = (opened("anna", PASSWORD), opened("reader", PASSWORD));
    machine.ok_with(&["users", "passwd", "anna"], "another horse battery\n");
    assert_eq!((look(&machine, &anna), look(&machine, &reader)), (401, 200));
    machine.ok(&["users", "role", "reader", "write"]);
    assert_eq!(look(&machine, &reader), 401);
    let reader = opened("reader", PASSWORD);
    machine.ok(&["users", "remove", "reader"]);
    machine.ok_with(&["users", "add", "reader"], PASSWORD);
    assert_eq!(look(&machine, &reader), 401, "another user of that name");
    let reader = opened("reader", PASSWORD);
    machine.stop();
    machine.start();
    assert_eq!(look(&machine, &reader), 401, "a restart ends all");
}

#[test]
fn a_name_and_password_or_a_token_in_the_header_show_the_page_too() {
    let lab = Lab::new();
    let machine = machine(&lab, "till");
    let token = machine.ok(&["tokens", "create", "watch"]);
    let see = |authorization: &str| page(&machine, "/", &[("Authorization", authorization)]).status;
    assert_eq!(see(&super::basic("reader", PASSWORD)), 200);
    assert_eq!(see(&format!("Bearer {}", token.trim())), 200);
    machine.ok_with(&["users", "add", "old", "--old-caller"], PASSWORD);
    assert_eq!(see(&super::basic("old", PASSWORD)), 401);
    assert_eq!(sign_in(&machine, "", "old", PASSWORD).status, 401);
    assert_eq!(page(&machine, &format!("/?token={}", token.trim()), &[]).status, 401);
}

#[test]
fn the_first_password_is_set_on_the_machine_itself_and_once() {
    let lab = Lab::new();
    let mut machine = lab.machine("till", SHOP);
    machine.ok(&["track", "--all"]);
    machine.start();
    let far = [super::FORWARDED];
    assert!(page(&machine, "/", &[]).body.contains("There is no admin yet"));
    assert_eq!(page(&machine, "/first-password", &far).status, 404);
    let token = token(&page(&machine, "/first-password", &[]));
    let set = |token: &str, password: &str, again: &str| {
        let fields = [("token", token), ("name", "anna"), ("password", password), ("again", again)];
        send(&machine, "/do/first-password", "", &fields)
    };
    assert_eq!(set("0-0", PASSWORD, PASSWORD).status, 403);
    assert_eq!(set(&token, PASSWORD, "another horse battery").status, 400);
    let short = set(&token, "too short", "too short");
    assert!(short.status == 400 && short.body.contains("15 characters"), "{short:?}");
    let done = set(&token, PASSWORD, PASSWORD);
    assert_eq!((done.status, done.header("location")), (303, Some("/")), "{done:?}");
    assert_eq!(set(&token, PASSWORD, PASSWORD).status, 404, "there is an admin now");
    assert_eq!(page(&machine, "/first-password", &[]).status, 404);
    assert_eq!(sign_in(&machine, "", "anna", PASSWORD).status, 303);
}

#[test]
fn s05_a_link_from_elsewhere_says_nothing_and_leads_on() {
    let lab = Lab::new();
    let machine = machine(&lab, "till");
    let cookie = cookie(&sign_in(&machine, "", "anna", PASSWORD));
    let visit = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    let shown = page(&machine, "/", &visit);
    assert_eq!(shown.status, 200, "{shown:?}");
    assert!(shown.body.contains("href=\"/\"") && !shown.body.contains("till"), "{shown:?}");
    let next = [("Sec-Fetch-Site", "same-origin"), ("Cookie", cookie.as_str())];
    assert!(page(&machine, "/", &next).body.contains("till"));
}
