//! Who may call, with what: users, roles, tokens, and how fast passwords can be tried.

pub(crate) mod browser;

use std::time::{Duration, Instant};

use dunlin::folder::Folder;
use dunlin::users::{Role, Users};
use dunlin_tests::lab::http::{self, Answer};
use dunlin_tests::lab::{Lab, Machine, SOON, until, until_true};
use serde_json::{Value, json};

const SHOP: &str = "CREATE TABLE notes (word TEXT PRIMARY KEY, said TEXT);";
const PASSWORD: &str = "correct horse battery";

/// What a proxy on this computer says: the caller behind it is not local.
const FORWARDED: (&str, &str) = ("X-Forwarded-For", "192.168.77.9");

const BUSY: i64 = 1100;

/// A machine with a user of each role, and its daemon running.
fn machine(lab: &Lab) -> Machine {
    let mut machine = lab.machine("till", SHOP);
    machine.ok(&["track", "--all"]);
    machine.start();
    for (name, role) in [("reader", "read"), ("nightly", "write"), ("anna", "admin")] {
        machine.ok_with(&["users", "add", name, "--role", role], PASSWORD);
    }
    machine
}

fn basic(name: &str, password: &str) -> String {
    let text = format!("{name}:{password}");
    format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()))
}

/// What a caller from elsewhere hears, with this `Authorization`.
fn call(machine: &Machine, authorization: &str, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let headers = [FORWARDED, ("Authorization", authorization)];
    let given = if authorization.is_empty() { &headers[..1] } else { &headers[..] };
    told(&machine.post("/rpc", given, &body))
}

fn told(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// The code of a refusal; 0 when the call was answered.
fn code(told: &Value) -> i64 {
    told.pointer("/error/code").map_or(0, |code| code.as_i64().unwrap())
}

/// `putdata` of nothing, with name and password among the parameters.
fn put(machine: &Machine, name: &str, password: &str) -> Value {
    call(machine, "", "putdata", &json!(["m", name, password, []]))
}

const WRONG: &str = "authentication failed";

/// Tries until the brake lets it through; whether the password was right.
fn tried(machine: &Machine, name: &str, password: &str) -> bool {
    until("let through", SOON, || {
        let told = put(machine, name, password);
        if code(&told) == BUSY { Err(told.to_string()) } else { Ok(told["result"] == json!(true)) }
    })
}

fn memory(machine: &Machine, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", machine.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[test]
fn s12_hundreds_of_wrong_passwords_are_a_few_tries_and_keep_nobody_else_out() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let begun = Instant::now();
    let mut wrong = 0;
    for n in 0..400 {
        let told = put(&machine, "nightly", &format!("not the password {n}"));
        if code(&told) == BUSY {
            let message = told.pointer("/error/message").unwrap().as_str().unwrap();
            assert!(message.starts_with("too many wrong passwords from here"), "{message}");
        } else {
            assert_eq!(told["result"], WRONG);
            wrong += 1;
        }
        if n == 200 {
            // In the middle: another name from there, the same name from this machine's own
            // programs, and the command line.
            assert!(tried(&machine, "anna", PASSWORD));
            let own = machine.script("putdata", &json!(["m", "nightly", PASSWORD, []]));
            assert_eq!(own["result"], json!(true), "{own}");
            machine.ok(&["users", "list"]);
        }
    }
    // On this computer the wait is a second, then two.
    let most = 2 + begun.elapsed().as_secs() / 2;
    assert!((1..=most).contains(&wrong), "{wrong} tries in {:?}", begun.elapsed());
    // The old paths say what they always said.
    let body = r#"{"method":"putdata","params":["m","nightly","wrong",[]],"id":1}"#;
    put(&machine, "nightly", "wrong again");
    let old = machine.post("/shop/admin/call/jsonrpc", &[FORWARDED], body);
    assert_eq!((old.status, &told(&old)["result"]), (200, &json!(WRONG)));
    let status = machine.status().unwrap();
    let shown = &status["sign_ins"][0];
    assert_eq!((&shown["user"], &shown["address"]), (&json!("nightly"), &json!("this computer")));
    assert!(shown["wrong"].as_u64().unwrap() >= wrong, "{shown}");
    assert!(machine.ok(&["status"]).contains("Wrong passwords of the last day"));
    // And the right password in the end, which takes it all back.
    assert!(tried(&machine, "nightly", "correct horse battery"));
    assert!(!machine.logged().contains("not the password"));
}

#[test]
fn s12_a_password_that_was_right_and_a_token_pass_the_brake() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let token = machine.ok(&["tokens", "create", "script", "--role", "write"]);
    assert!(tried(&machine, "nightly", PASSWORD));
    for n in 0..5 {
        put(&machine, "nightly", &format!("not the password {n}"));
    }
    assert_eq!(code(&put(&machine, "nightly", "not the password")), BUSY);
    assert_eq!(put(&machine, "nightly", PASSWORD)["result"], json!(true));
    let bearer = format!("Bearer {}", token.trim());
    let done = call(&machine, &bearer, "putdata", &json!(["m", null, null, []]));
    assert_eq!(done["result"], json!(true), "{done}");
}

#[test]
fn s13_two_hundred_sign_ins_at_once_take_the_memory_of_two() {
    let lab = Lab::new();
    let machine = machine(&lab);
    // Once before, so that what any first call takes is not counted.
    put(&machine, "nobody", "not the password");
    let before = memory(&machine, "VmRSS:");
    let admin = machine.admin();
    let sign_in = |n: u32| {
        let params = ["m", &format!("user {n}"), "not the password"];
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "putdata", "params": params});
        let (host, body) = (admin.to_string(), body.to_string());
        // A listener that is full hangs up on whoever has not asked yet.
        let answer = http::post(http::connect(admin), "/rpc", &host, &[FORWARDED], &body);
        answer.map_or_else(|_cut| json!({"error": {"code": BUSY}}), |answer| told(&answer))
    };
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..200).map(|n| scope.spawn(move || sign_in(n))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let grown = memory(&machine, "VmHWM:").saturating_sub(before);
    assert!(grown < 60, "{grown} MiB");
    let busy = answers.iter().filter(|told| code(told) == BUSY).count();
    let wrong = answers.iter().filter(|told| told["result"] == WRONG).count();
    assert_eq!(busy + wrong, 200);
    assert!(wrong >= 2 && busy >= 150, "{wrong} were looked at, {busy} told to come later");
    assert!(tried(&machine, "nightly", PASSWORD), "and then it is as before");
}

#[test]
fn s14_what_no_password_can_be_costs_no_hash() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let long = "x".repeat(1 << 20);
    for password in ["", "a\0b", &long, &"x".repeat(257)] {
        assert_eq!(put(&machine, "nightly", password)["result"], WRONG);
        assert_eq!(put(&machine, "a\0b", PASSWORD)["result"], WRONG);
    }
    let refused = call(&machine, &basic("nightly", "a\0b"), "partners_list", &json!([]));
    assert_eq!(code(&refused), 1000);
    // Not UTF-8: no name and password at all.
    let bytes = data_encoding::BASE64.encode(b"nightly:\xff\xfe");
    let refused = call(&machine, &format!("Basic {bytes}"), "partners_list", &json!([]));
    assert_eq!(code(&refused), 1000);
    // A hash would have been a wrong password, and those are counted.
    assert_eq!(machine.status().unwrap()["sign_ins"], json!([]));
    let told = machine.cli_with(&["users", "add", "x"], "correct\0horse\n");
    told.failed(1, &["NUL"]);
}

#[test]
fn s15_a_name_that_is_nobodys_takes_as_long_as_one_that_is_known() {
    // The brake lets nobody measure this against a daemon, so the users are asked themselves. In
    // turn, so that whatever else the computer does meets both; and until the medians agree, at
    // most a thousand of each: a hash that is left out shows as 100 %.
    let temp = tempfile::tempdir().unwrap();
    let users = Users::load(&Folder::create(&temp.path().join("state")).unwrap()).unwrap();
    users.add("nightly", PASSWORD, Role::Write, false).unwrap();
    let now = Duration::from_secs(1_000_000);
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let mut apart = f64::INFINITY;
    while known.len() < 1_000 && (known.len() < 60 || apart >= 0.05) {
        for (name, times) in [("nightly", &mut known), ("nobody", &mut unknown)] {
            let begun = Instant::now();
            assert_eq!(users.verify(name, "not the password", now), None);
            times.push(begun.elapsed());
        }
        let (one, other) = (median(&mut known).as_secs_f64(), median(&mut unknown).as_secs_f64());
        apart = (one - other).abs() / one;
    }
    assert!(apart < 0.05, "{:.1} % apart after {} of each", apart * 100.0, known.len());
}

#[test]
fn a_role_allows_what_it_says_and_no_more() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let all = [("partners_list", json!([])), ("held_retry", json!([])), ("users_list", json!([]))];
    for (name, allowed) in [("reader", 1), ("nightly", 2), ("anna", 3)] {
        for (place, (method, params)) in all.iter().enumerate() {
            let answer = call(&machine, &basic(name, PASSWORD), method, params);
            let expected = if place < allowed { 0 } else { 1001 };
            assert_eq!(code(&answer), expected, "{name} {method}: {answer}");
        }
    }
    assert_eq!(code(&call(&machine, "", "partners_list", &json!([]))), 1000);
    // A role that is taken away is gone at once, also for a password that is remembered.
    machine.ok(&["users", "role", "anna", "read"]);
    let answer = call(&machine, &basic("anna", PASSWORD), "users_list", &json!([]));
    assert_eq!(code(&answer), 1001, "{answer}");
    machine.cli_with(&["users", "role", "reader", "admin"], "too short\n").failed(1, &["15"]);
    machine.ok_with(&["users", "role", "reader", "admin"], "another horse battery\n");
    let answer =
        call(&machine, &basic("reader", "another horse battery"), "users_list", &json!([]));
    assert_eq!(code(&answer), 0, "{answer}");
}

#[test]
fn a_password_can_be_made_and_is_shown_once() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let made = machine.cli(&["users", "add", "script", "--role", "write", "--generate"]);
    assert_eq!((made.code, made.out.trim().len()), (0, 20), "{made:?}");
    assert!(made.err.contains("shown only now"), "{made:?}");
    assert!(tried(&machine, "script", made.out.trim()));
    let made = machine.cli(&["users", "passwd", "script", "--generate", "--json"]).json();
    assert!(tried(&machine, "script", made["password"].as_str().unwrap()), "{made}");
    machine.cli_with(&["users", "add", "x"], "Password-2026!\n").failed(1, &["tried first"]);
}

#[test]
fn a_token_is_good_for_its_role_until_it_is_revoked_and_never_shown_again() {
    let lab = Lab::new();
    let mut machine = machine(&lab);
    let made = machine.cli(&["tokens", "create", "report", "--role", "write", "--expires", "90d"]);
    let token = made.out.trim().to_owned();
    assert!(made.code == 0 && token.starts_with("dunlin_") && !token.contains('\n'), "{made:?}");
    assert!(made.err.contains("shown only now"), "{made:?}");
    let bearer = format!("Bearer {token}");
    assert_eq!(code(&call(&machine, &bearer, "partners_list", &json!([]))), 0);
    assert!(
        call(&machine, &bearer, "getdata", &json!(["m", null, null, null]))["result"].is_array()
    );
    let done = call(&machine, &bearer, "putdata", &json!(["m", null, null, []]));
    assert_eq!(done["result"], json!(true), "{done}");
    assert_eq!(code(&call(&machine, &bearer, "users_list", &json!([]))), 1001);
    // Not by any other way, and not on the old paths.
    let params = json!(["m", token, token, []]);
    assert_eq!(call(&machine, "", "putdata", &params)["result"], WRONG);
    assert_eq!(code(&call(&machine, &basic("report", &token), "partners_list", &json!([]))), 1000);
    let body = r#"{"method":"putdata","params":["m",null,null,[]],"id":1}"#;
    let old = machine.post("/shop/sync/call/jsonrpc", &[("Authorization", &bearer)], body);
    assert_eq!(told(&old)["result"], WRONG);
    // The file and the list have its hash and its last use, and not itself; nor has the log.
    machine.stop();
    let kept = std::fs::read_to_string(machine.data().join("tokens.json")).unwrap();
    assert!(kept.contains("last_used") && !kept.contains(&token), "{kept}");
    let listed: Value = serde_json::from_str(&machine.ok(&["tokens", "list", "--json"])).unwrap();
    let entry = &listed["tokens"][0];
    assert_eq!((&entry["name"], &entry["role"]), (&json!("report"), &json!("write")));
    assert!(entry["last_used"].is_string() && entry["expires"].is_string(), "{entry}");
    assert!(!listed.to_string().contains(&token) && !machine.logged().contains(&token));
    // S16: the hash is no token.
    machine.start();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let hash = kept[0]["hash"].as_str().unwrap();
    for sent in
        [hash.to_owned(), format!("dunlin_{hash}"), format!("dunlin_{}", hash.split_at(32).0)]
    {
        let refused = call(&machine, &format!("Bearer {sent}"), "partners_list", &json!([]));
        assert_eq!(code(&refused), 1000, "{refused}");
    }
    assert_eq!(code(&call(&machine, &bearer, "partners_list", &json!([]))), 0);
    machine.ok(&["tokens", "revoke", "report"]);
    assert_eq!(code(&call(&machine, &bearer, "partners_list", &json!([]))), 1000);
    machine.cli(&["tokens", "revoke", "report"]).failed(1, &["report"]);
    let refused = call(&machine, &bearer, "getdata", &json!(["m", null, null, null]));
    assert_eq!(refused["result"], WRONG);
}

#[test]
fn a_token_ends_by_itself_and_is_good_from_its_range_alone() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let create = |name: &str, more: &[&str]| {
        let line = ["tokens", "create", name, "--role", "read"];
        format!("Bearer {}", machine.ok(&[&line[..], more].concat()).trim())
    };
    let good = |bearer: &str| match code(&call(&machine, bearer, "partners_list", &json!([]))) {
        0 => true,
        1000 => false,
        other => panic!("{other}"),
    };
    let short = create("short", &["--expires", "5s"]);
    assert!(good(&short));
    until_true("over", SOON, || !good(&short));
    assert!(machine.ok(&["tokens", "list"]).contains("short"));
    assert!(good(&create("here", &["--from", "127.0.0.0/8"])));
    assert!(!good(&create("there", &["--from", "192.168.77.0/24"])));
    machine.cli(&["tokens", "create", "y", "--from", "nowhere"]).failed(1, &["192.168.1.0/24"]);
}

#[test]
fn a_user_of_old_programs_may_call_the_two_calls_and_nothing_else() {
    let lab = Lab::new();
    let machine = machine(&lab);
    machine
        .cli_with(&["users", "add", "old", "--old-caller", "--role", "admin"], PASSWORD)
        .failed(1, &["unprotected"]);
    machine.ok_with(&["users", "add", "old", "--old-caller", "--role", "write"], PASSWORD);
    assert!(tried(&machine, "old", PASSWORD));
    let answer = call(&machine, &basic("old", PASSWORD), "partners_list", &json!([]));
    assert_eq!(code(&answer), 1001, "{answer}");
    machine.cli_with(&["users", "role", "old", "admin"], PASSWORD).failed(1, &["unprotected"]);
    assert!(machine.ok(&["users", "list"]).contains("old programs only"));
}
