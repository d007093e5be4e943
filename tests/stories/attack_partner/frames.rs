//! Frames that are none, and frames in the wrong place.

use std::time::Duration;

use dunlin_tests::lab::partner::TEXT;

use super::*;

/// A frame's head: opcode and the length as it is claimed, however long what follows is.
fn head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first, 0x80 | 0x7f];
    head.extend(length.to_be_bytes());
    head.extend([0; 4]);
    head
}

/// Bytes from a seed: the same noise in every run.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[3]
        })
        .collect()
}

/// S30.
#[test]
fn s30_a_frame_that_is_none_closes_the_link_and_harms_nothing() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut cases = vec![
        head(0x80 | TEXT, 4 << 30),
        head(0x80 | TEXT, 1 << 63),
        head(0x80 | TEXT, u64::MAX),
        // Reserved opcodes and bits, a control frame in pieces, one that is too long.
        head(0x83, 5),
        head(0xff, 5),
        vec![0x09, 0x80, 0, 0, 0, 0],
        head(0x89, 4_000),
        // A message that goes on without having begun.
        vec![0x80, 0x81, 0, 0, 0, 0, b'x'],
        // Not masked.
        vec![0x81, 2, b'{', b'}'],
        // Text that is not UTF-8.
        vec![0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe],
    ];
    cases.extend((1..20).map(|seed| noise(seed, 4_096)));
    for case in cases {
        let mut wire = mallory.dial().unwrap();
        wire.raw(&case).unwrap();
        // Enough behind it that a length which is taken at its word is not waited for.
        let more = wire.raw(&noise(77, 64 << 10));
        assert!(
            more.is_err() || wire.is_closed() || is_deaf(&mut wire),
            "{:?}",
            &case[..case.len().min(16)]
        );
    }
    before.still(&till);
}

/// Nothing that is said is understood any more.
fn is_deaf(wire: &mut dunlin_tests::lab::partner::Wire) -> bool {
    !matches!(wire.try_call("partner_events", "[]"), Ok(Ok(_)))
}

/// S30.
#[test]
fn s30_a_message_that_is_no_call_is_refused_and_harms_nothing() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut link = mallory.link();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let messages = [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        "\u{0}\u{0}".to_owned(),
        "[[[[".repeat(10_000),
        deep.clone(),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"partner_greet","params":{deep}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"partner_putdata","params":[{{"database":"main","page":{deep}}}]}}"#),
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"partner_greet","method":"partner_leave","params":[]}"#.to_owned(),
        r#"{"jsonrpc":"1.0","id":1,"method":"partner_greet","params":[]}"#.to_owned(),
        format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"x","params":[]}}"#, "i".repeat(1 << 20)),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}","params":[]}}"#, "m".repeat(1 << 20)),
        format!("[{}]", [r#"{"jsonrpc":"2.0","id":1,"method":"partner_greet"}"#; 1_000].join(",")),
    ];
    for message in &messages {
        link.say(message).unwrap();
        let shown: String = message.chars().take(60).collect();
        match link.hear() {
            Ok(answer) => assert!(answer.get("error").is_some(), "{shown}: {answer}"),
            // To hang up is an answer too.
            Err(_) => link = mallory.link(),
        }
    }
    // The link that was refused so often still serves, or a new one does.
    let tables = table("parts", &["name"], &[row(r#""wheel""#, 1)]);
    link.put(&page(&mallory.origin(), &tables, (0, 1), None)).unwrap().unwrap();
    before.lives(&till);
    assert_eq!(till.ask("SELECT count(*) FROM parts WHERE name = 'wheel'"), "1");
}

/// S30.
#[test]
fn s30_a_message_of_noise_in_every_field_is_refused_and_harms_nothing() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut link = mallory.link();
    let odd = [
        "null",
        "-1",
        "1e9",
        "[]",
        "{}",
        "\"\"",
        "\"\\u0000\"",
        "18446744073709551616",
        "[[]]",
        "true",
    ];
    let methods = [
        "partner_greet",
        "partner_roster",
        "partner_databases",
        "partner_getdata",
        "partner_putdata",
        "partner_digest",
    ];
    for method in methods {
        for value in odd {
            for params in [
                value.to_owned(),
                format!("[{value}]"),
                format!(
                    r#"[{{"database":{value},"cursor":{value},"page":{value},"tables":{value},"held":{value},"statements":{value},"databases":{value}}}]"#
                ),
                format!(
                    r#"[{{"database":"main","cursor":0,"now":{value},"limit":{value},"knowledge":{value}}}]"#
                ),
            ] {
                match link.try_call(method, &params) {
                    Ok(Err(_)) => {}
                    Ok(Ok(answer)) => assert!(
                        method != "partner_putdata" && method != "partner_greet",
                        "{method} {params}: {answer}"
                    ),
                    Err(_) => link = mallory.link(),
                }
            }
        }
    }
    before.still(&till);
}

/// S30.
#[test]
fn s30_a_call_before_its_turn_is_refused_and_tells_nothing() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let empty = page(&mallory.origin(), "", (0, 0), None);
    let early = [
        ("partner_roster", r#"[{"held":[],"statements":[]}]"#.to_owned()),
        ("partner_databases", r#"[{"databases":[]}]"#.to_owned()),
        (
            "partner_getdata",
            format!(r#"[{{"database":"main","cursor":0,"now":{},"limit":9999}}]"#, now()),
        ),
        ("partner_putdata", format!(r#"[{{"database":"main","page":{empty}}}]"#)),
        ("partner_digest", r#"[{"database":"main"}]"#.to_owned()),
        ("partner_events", "[]".to_owned()),
    ];
    let mut wire = mallory.dial().unwrap();
    for (method, params) in &early {
        let error = wire.try_call(method, params).unwrap().unwrap_err();
        assert_eq!(
            error["message"].as_str().map(|text| text.contains("greet first")),
            Some(true),
            "{method}: {error}"
        );
    }
    wire.call("partner_greet", &json!([mallory.greeting()])).unwrap();
    for (method, params) in early.iter().skip(1) {
        let error = wire.try_call(method, params).unwrap().unwrap_err();
        assert_eq!(
            error["message"].as_str().map(|text| text.contains("greet first")),
            Some(true),
            "{method}: {error}"
        );
    }
    // What scripts and people may call is not there at all.
    for method in ["getdata", "putdata", "machine_status", "join_ask", "rpc.discover", "users_add"]
    {
        let error = wire.try_call(method, "[]").unwrap().unwrap_err();
        assert_eq!(error["code"], -32601, "{method}: {error}");
    }
    before.still(&till);
}

/// S30.
#[test]
fn s30_a_message_that_never_ends_takes_no_room() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut wires: Vec<_> = (0..6).map(|_| mallory.dial().unwrap()).collect();
    for wire in &mut wires {
        // Pieces of one message, each of them allowed, all together far too long.
        let piece = vec![b'x'; 1 << 20];
        let mut sent = wire.raw(&head(TEXT, 1 << 20)).and_then(|()| wire.raw(&piece));
        for _ in 0..40 {
            sent = sent.and_then(|()| wire.raw(&head(0, 1 << 20))).and_then(|()| wire.raw(&piece));
        }
        drop(sent);
    }
    drop(wires);
    until_true("given back", Duration::from_secs(30), || {
        till.memory().saturating_sub(before.memory) < GROWTH_MAX
    });
    before.still(&till);
}
