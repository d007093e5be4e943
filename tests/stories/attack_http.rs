//! Attacks by HTTP, byte by byte: paths, bodies, JSON and batches that no good caller sends.
//!
//! All of them come from this computer, as a local admin's would: what is refused here is refused
//! for what it is, and not for who sent it.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use dunlin_tests::lab::http::{self, Answer};
use dunlin_tests::lab::load::Load;
use dunlin_tests::lab::{Lab, Machine, SOON, until_true};
use serde_json::{Value, json};

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price);";
const PASSWORD: &str = "correct horse battery";
const UUID: &str = "464ca4bf-1c21-4584-842d-c7ea0d6c587f";

/// What an attack may make the daemon grow by.
const GROWTH_MAX: u64 = 50 << 20;

/// A machine with a user who may write, its daemon running.
fn machine(lab: &Lab) -> Machine {
    let mut machine = lab.machine("till", SHOP);
    machine.ok(&["track", "--all"]);
    machine.start();
    machine.ok_with(&["users", "add", "nightly", "--role", "write"], PASSWORD);
    machine
}

/// Sends a request whose head may hold anything; what came back before the connection closed.
fn raw(machine: &Machine, first: &str, headers: &str, body: &[u8]) -> Answer {
    let admin = machine.admin();
    let mut bytes =
        format!("{first}\r\nHost: {admin}\r\nConnection: close\r\n{headers}\r\n").into_bytes();
    bytes.extend(body);
    http::send(http::connect(admin), &bytes).unwrap()
}

/// Posts a body of any bytes to `/rpc`.
fn post(machine: &Machine, body: &[u8]) -> Answer {
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    raw(machine, "POST /rpc HTTP/1.1", &headers, body)
}

/// The code of the error that answers a body; it is no answer with a result.
fn refused(machine: &Machine, body: &[u8]) -> i64 {
    let answer = post(machine, body);
    let told: Value = serde_json::from_str(&answer.body)
        .unwrap_or_else(|error| panic!("{error}: {answer:?} to {}", String::from_utf8_lossy(body)));
    assert!(told.get("result").is_none(), "{told} to {}", String::from_utf8_lossy(body));
    told["error"]["code"].as_i64().unwrap_or_else(|| panic!("{told}"))
}

/// The users' names, and the rows: what the attacks below try to change.
fn kept(machine: &Machine) -> (Value, String) {
    let users: Value = serde_json::from_str(&machine.ok(&["users", "list", "--json"])).unwrap();
    (users, machine.ask("SELECT count(*) || ifnull(group_concat(name), '') FROM parts"))
}

fn status_call() -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "machine_status"}).to_string()
}

#[test]
fn s06_a_preflight_is_answered_without_any_permission() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let own = format!("http://{}", machine.admin());
    for path in ["/", "/rpc", "/health", "/sahana/admin/call/jsonrpc", "/no-such-page", "*"] {
        for origin in ["http://evil.example", "null", own.as_str()] {
            let headers = format!(
                "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
                 Access-Control-Request-Headers: content-type, x-requested-with\r\n\
                 Access-Control-Request-Private-Network: true\r\n"
            );
            let answer = raw(&machine, &format!("OPTIONS {path} HTTP/1.1"), &headers, b"");
            assert!(!answer.head.to_ascii_lowercase().contains("access-control"), "{answer:?}");
            assert!(answer.status >= 400, "{path} {origin}: {answer:?}");
            assert_eq!(answer.body, "", "{path} {origin}");
        }
    }
}

#[test]
fn s11_no_way_of_writing_a_path_leads_further_than_the_path_itself() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let id = machine.id();
    let long = format!("/{}", "a".repeat(10_000));
    let climbing = format!("/{}rpc", "../".repeat(3_000));
    let paths = [
        "//rpc",
        "/rpc/",
        "/rpc//",
        "/./rpc",
        "/rpc/.",
        "/rpc/../rpc",
        "/rpc/../admin",
        "/../rpc",
        "/%2e%2e/rpc",
        "/%2E%2E%2Frpc",
        "/rpc%2f",
        "/%2frpc",
        "/%72pc",
        "/rp%63",
        "/rpc;x",
        "/rpc;jsessionid=1",
        "/rpc/..;/",
        "/rpc.",
        "/rpc..",
        "/RPC",
        "/Rpc",
        "/rpc%00",
        "/rpc%20",
        "/rpc%09",
        "/rpc\\",
        "/\\rpc",
        "/health/../rpc",
        "/health/",
        "//",
        "/%2f",
        "/%5c",
        "//sahana/admin/call/jsonrpc",
        "//admin/call/jsonrpc",
        "/sahana/admin/call/jsonrpc/",
        "/sahana/admin/call/../../../rpc",
        "/sahana//admin/call/jsonrpc",
        "/a/b/admin/call/jsonrpc",
        "/sahana/ADMIN/call/jsonrpc",
        "/sahana/admin/call/json%72pc",
        "/sahana/admin/call/jsonrpc;x",
        "/sahana/admin/call/jsonrpc.",
        "rpc",
        "..",
        "/r\u{e9}",
        long.as_str(),
        climbing.as_str(),
    ];
    let call = status_call();
    let posted = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", call.len());
    for path in paths {
        for (first, headers, body) in [
            (format!("GET {path} HTTP/1.1"), "", ""),
            (format!("POST {path} HTTP/1.1"), posted.as_str(), call.as_str()),
        ] {
            let answer = raw(&machine, &first, headers, body.as_bytes());
            let shown = path.get(..60).unwrap_or(path);
            assert!(
                matches!(answer.status, 400 | 404 | 405 | 414 | 421 | 431),
                "{shown}: {answer:?}"
            );
            assert!(!answer.body.contains(&id), "{shown}: {answer:?}");
        }
    }
    // And the path itself is there.
    assert!(post(&machine, call.as_bytes()).body.contains(&id));
    let far = raw(
        &machine,
        "POST /rpc?/health HTTP/1.1",
        &format!("X-Forwarded-For: 10.0.0.9\r\n{posted}"),
        call.as_bytes(),
    );
    assert!(!far.body.contains(&id), "a query gives no right: {far:?}");
}

#[test]
fn s17_a_deep_body_is_refused_and_costs_no_memory() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let before = machine.load().memory_at_most;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [33, 10_000, 500_000 / open.len()] {
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(refused(&machine, deep.as_bytes()), -32600, "{depth}");
            let params =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"getdata","params":{deep}}}"#);
            assert_eq!(refused(&machine, params.as_bytes()), -32600, "{depth}");
            // Never closed: it is too deep before it is too short.
            assert_eq!(refused(&machine, open.repeat(depth).as_bytes()), -32600, "{depth}");
        }
    }
    assert_small(before, machine.load());
}

fn assert_small(before: u64, after: Load) {
    let growth = after.memory_at_most.saturating_sub(before);
    assert!(growth < GROWTH_MAX, "grew by {} MiB", growth >> 20);
}

#[test]
fn s17_a_body_of_a_hundred_megabytes_is_refused_before_it_is_sent() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let before = machine.load().memory_at_most;
    for path in ["/rpc", "/sahana/admin/call/jsonrpc"] {
        for length in ["100000000", "18446744073709551615", "9223372036854775807"] {
            let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
            let answer = raw(&machine, &format!("POST {path} HTTP/1.1"), &headers, b"{");
            assert!(matches!(answer.status, 400 | 413 | 431), "{path} {length}: {answer:?}");
        }
        for length in ["-1", "1e9", "0x10", "99999999999999999999999", "5\r\nContent-Length: 6"] {
            let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
            let answer = raw(&machine, &format!("POST {path} HTTP/1.1"), &headers, b"{}");
            assert!(matches!(answer.status, 400 | 413 | 431), "{path} {length}: {answer:?}");
        }
    }
    assert_small(before, machine.load());
}

#[test]
fn s17_a_body_in_endless_pieces_is_cut_off_at_the_largest_size() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let before = machine.load().memory_at_most;
    let admin = machine.admin();
    let mut stream = http::connect(admin);
    let head = format!(
        "POST /rpc HTTP/1.1\r\nHost: {admin}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let piece = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    // 100 MB, if it takes them.
    let sent = (0..1_600).take_while(|_| stream.write_all(piece.as_bytes()).is_ok()).count();
    assert!(sent < 1_600, "all of it was taken");
    let mut answer = String::new();
    // It may be reset before the answer is read; then what was sent says enough.
    stream.read_to_string(&mut answer).unwrap_or_default();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_small(before, machine.load());
    assert!(post(&machine, status_call().as_bytes()).body.contains(&machine.id()));
}

#[test]
fn s17_a_packed_body_is_not_unpacked() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let before = machine.load().memory_at_most;
    // The head of a gzip file, and a run of what a gigabyte of zeros is packed into.
    let mut packed =
        vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xec, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90];
    packed.extend(vec![0_u8; 900_000]);
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let headers = format!(
            "Content-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n",
            packed.len()
        );
        let answer = raw(&machine, "POST /rpc HTTP/1.1", &headers, &packed);
        assert_eq!((answer.status, answer.body.as_str()), (415, ""), "{coding}: {answer:?}");
    }
    assert_small(before, machine.load());
}

#[test]
fn s17_a_head_that_drips_in_is_cut_off_and_nobody_waits_for_it() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let admin = machine.admin();
    let begun = Instant::now();
    let mut slow: Vec<_> = (0..20).map(|_| http::connect(admin)).collect();
    let mut left = b"POST /rpc HTTP/1.1\r\nX-Slow: ".iter().copied().chain(std::iter::repeat(b'a'));
    until_true("cut off", SOON, || {
        let byte = [left.next().unwrap()];
        slow.retain_mut(|stream| stream.write_all(&byte).is_ok());
        let asked = Instant::now();
        assert!(post(&machine, status_call().as_bytes()).body.contains("result"));
        assert!(asked.elapsed() < Duration::from_secs(2), "the others wait for it");
        slow.is_empty()
    });
    // Five seconds by `limits::HEAD`, and the while until a write notices.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn s17_a_body_may_pause_for_as_long_as_the_limits_say_and_no_longer() {
    use dunlin_rpc::limits::{BODY_PAUSE, HEAD};
    assert!(HEAD <= Duration::from_secs(5));
    assert!(BODY_PAUSE <= Duration::from_secs(30));
}

#[test]
fn s18_json_that_two_readers_could_read_differently_is_refused_and_does_nothing() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let before = kept(&machine);
    let good = r#""name":"thief","role":"admin","password":"correct horse battery staple""#;
    let call = |members: &str| format!(r#"{{"jsonrpc":"2.0","id":1,{members}}}"#);
    let add = |params: &str| call(&format!(r#""method":"users_add","params":{{{params}}}"#));
    let strings = [
        // Equal keys, however they are written.
        add(&format!(r#"{good},"role":"read""#)),
        add(&format!(r#"{good},"rol\u0065":"read""#)),
        call(&format!(r#""method":"users_list","method":"users_add","params":{{{good}}}"#)),
        call(&format!(r#""method":"users_add","params":{{{good}}},"params":[]"#)),
        format!(
            r#"{{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"users_add","params":{{{good}}}}}"#
        ),
        // Names that the method does not know, and too many values.
        add(&format!(r#"{good},"colour":"red""#)),
        add(&format!(r#"{good},"Role":"admin""#)),
        add(&format!(r#"{good},"":1"#)),
        call(r#""method":"users_add","params":["thief","admin","correct horse battery staple",1]"#),
        call(r#""method":"tables_track","params":{"track":{"all":true,"colour":1}}"#),
        // No JSON at all.
        format!("\u{feff}{}", add(good)),
        format!("{}\u{feff}", add(good)),
        format!("{}{}", add(good), add(good)),
        format!("{}\0", add(good)),
        format!("/* */{}", add(good)),
        format!("{},", add(good)),
        add(&format!("{good},")),
        add(good).replace('"', "'"),
        add(&good.replace("thief", r"th\ud800ief")),
        add(&good.replace("thief", r"th\udc00\ud800ief")),
        add(&good.replace("thief", r"th\x41ief")),
        add(&good.replace("thief", "th\nief")),
        add(&good.replace("thief", "th\u{1b}ief")),
        add(&good.replace("\"thief\"", "thief")),
        // A name that is no name.
        add(&good.replace("thief", r"th\u0000ief")),
        add(&good.replace("thief", r"th\r\nief")),
        add(&good.replace("thief", r"th\u202eief")),
        add(&good.replace("thief", &"t".repeat(10_000))),
        add(&good.replace("\"thief\"", "null")),
        add(&good.replace("\"thief\"", "{}")),
        add(&good.replace("\"admin\"", "\"root\"")),
    ];
    for text in strings {
        let code = refused(&machine, text.as_bytes());
        // A name that is no name is the method's own refusal.
        assert!(matches!(code, -32700 | -32600 | -32602 | 1000..1100), "{code}: {text}");
    }
    for bytes in
        [&b"\xff\xfe{\0}\0"[..], b"\xed\xa0\x80", b"{\"a\":\"\xc0\xae\"}", b"", b" ", b"\0"]
    {
        assert_eq!(refused(&machine, bytes), -32700, "{bytes:?}");
    }
    assert_eq!(kept(&machine), before);
}

#[test]
fn s18_a_number_that_is_none_or_too_large_is_refused_and_does_nothing() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let before = kept(&machine);
    let words = [
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "+1",
        "01",
        "-01",
        ".5",
        "5.",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "--1",
        "-",
        "1.2.3",
        "\u{0661}",
    ];
    let large = [
        "1e400",
        "-1e400",
        "1e999999999",
        "9223372036854775808",
        "-9223372036854775809",
        &"9".repeat(400),
    ];
    let dump = |number: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"putdata","params":["m","nightly","{PASSWORD}",[["parts",["id","uuid","modified_on","name","price"],[[1,"{UUID}","2009-08-01 14:09:17","good",1],[2,"564ca4bf-1c21-4584-842d-c7ea0d6c587f","2009-08-01 14:09:17","bad",{number}]]]]]}}"#
        )
    };
    let list = |number: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"history_list","params":{{"limit":{number}}}}}"#
        )
    };
    let invite = |number: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"pairing_invite","params":[{number},600]}}"#)
    };
    for number in words {
        for text in [dump(number), list(number), invite(number)] {
            assert_eq!(refused(&machine, text.as_bytes()), -32700, "{text}");
        }
    }
    for number in large {
        for text in [list(number), invite(number)] {
            let code = refused(&machine, text.as_bytes());
            assert!(matches!(code, -32700 | -32600 | -32602), "{code}: {text}");
        }
        // A refusal of a dump is a text, as 2009 has it; or an error.
        let told: Value =
            serde_json::from_str(&post(&machine, dump(number).as_bytes()).body).unwrap();
        assert!(told["result"].is_string() || told["error"].is_object(), "{number}: {told}");
    }
    for number in ["-1", "-0.5", "1.5", "1e2", "4294967296"] {
        let code = refused(&machine, invite(number).as_bytes());
        assert!(matches!(code, -32602 | 1000..1100), "{number}: {code}");
    }
    assert_eq!(kept(&machine), before);
    // Minus zero is a number.
    let told: Value = serde_json::from_str(&post(&machine, dump("-0").as_bytes()).body).unwrap();
    assert_eq!(told["result"], true, "{told}");
}

#[test]
fn s19_a_batch_that_is_too_long_empty_or_nested_does_nothing() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let before = (kept(&machine), machine.load().memory_at_most);
    let add = |number: usize| {
        json!({
            "jsonrpc": "2.0", "id": number, "method": "users_add",
            "params": [format!("thief {number}"), "admin", "correct horse battery staple"],
        })
    };
    let many = |calls: usize| Value::Array((0..calls).map(add).collect()).to_string();
    assert_eq!(refused(&machine, b"[]"), -32600);
    assert_eq!(refused(&machine, many(51).as_bytes()), -32600);
    // As many as fit, and each as short as a call can be.
    let short = format!("[{}]", vec!["{}"; 100_000].join(","));
    assert_eq!(refused(&machine, short.as_bytes()), -32600);
    let calls = many(100_000);
    let answer = post(&machine, calls.as_bytes());
    assert!(matches!(answer.status, 200 | 413), "{answer:?}");
    assert!(!answer.body.contains("result"), "{answer:?}");
    // A batch in a batch is no call, in one answer each; what stands beside it is.
    let nested = format!("[[{}],[],[[[]]],1,\"x\",null]", add(1));
    let told: Value = serde_json::from_str(&post(&machine, nested.as_bytes()).body).unwrap();
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told.iter().all(|one| one["error"]["code"] == -32600), "{told:?}");
    assert_eq!(kept(&machine), before.0);
    assert_small(before.1, machine.load());
}

#[test]
fn s19_a_notification_does_what_its_sender_may_do_and_no_more() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let before = kept(&machine);
    let add = |name: &str| {
        json!({
            "jsonrpc": "2.0", "method": "users_add",
            "params": [name, "read", "correct horse battery staple"],
        })
        .to_string()
    };
    let names = || machine.ok(&["users", "list"]);
    // From elsewhere by way of a proxy: nothing, and not even an answer that says so.
    let far = machine.post("/rpc", &[("X-Forwarded-For", "10.0.0.9")], &add("thief"));
    assert!(!far.body.contains("result"), "{far:?}");
    let old = machine.post("/sahana/admin/call/jsonrpc", &[], &add("thief"));
    assert!(!old.body.contains("result"), "{old:?}");
    assert_eq!(kept(&machine), before);
    // From here it is a call like any other, without an answer.
    let near = machine.post("/rpc", &[], &add("helper"));
    assert_eq!((near.status, near.body.as_str()), (204, ""), "{near:?}");
    assert!(names().contains("helper"), "{}", names());
}
