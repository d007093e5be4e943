//! What scripts say to a machine, of today and of 2009, and what they hear.

use dunlin_tests::lab::http::{self, Answer};
use dunlin_tests::lab::outside::{has, run};
use dunlin_tests::lab::{Lab, Machine};
use serde_json::{Value, json};

const SHOP: &str = "
    CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, supplier INTEGER REFERENCES suppliers);
    CREATE TABLE suppliers (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE notes (word TEXT PRIMARY KEY, said TEXT);";

const UUID: &str = "464ca4bf-1c21-4584-842d-c7ea0d6c587f";
const TIME: &str = "2009-08-01 14:09:17";
const PASSWORD: &str = "correct horse battery";

/// A machine with a user who may write, one who may read, and its daemon running.
fn machine(lab: &Lab) -> Machine {
    let mut machine = lab.machine("till", SHOP);
    machine.ok(&["track", "--all"]);
    machine.start();
    machine.ok_with(&["users", "add", "nightly", "--role", "write"], PASSWORD);
    machine.ok_with(&["users", "add", "reader", "--role", "read"], PASSWORD);
    machine
}

/// `putdata` at `/rpc`, as the user who may write.
fn put(machine: &Machine, dump: &Value) -> Value {
    let answer = machine.script("putdata", &json!(["machinename12345", "nightly", PASSWORD, dump]));
    answer.get("result").cloned().unwrap_or_else(|| panic!("{answer}"))
}

fn get(machine: &Machine, params: &Value) -> Value {
    let answer = machine.script("getdata", params);
    answer.get("result").cloned().unwrap_or_else(|| panic!("{answer}"))
}

/// A table of a dump.
fn table<'d>(dump: &'d Value, name: &str) -> &'d Value {
    let tables = dump.as_array().unwrap_or_else(|| panic!("{dump}"));
    tables.iter().find(|table| table[0] == name).unwrap_or_else(|| panic!("no {name}: {dump}"))
}

/// What a 2009 client sends to the old path, byte for byte (old-dialect 1.1).
fn old_bytes(machine: &Machine, path: &str, body: &str) -> Answer {
    let bytes = format!(
        "POST {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nHost: {}\r\nUser-Agent: Python-urllib/1.17\r\nAccept: */*\r\n\r\n{body}",
        body.len(),
        machine.admin(),
    );
    http::send(http::connect(machine.admin()), bytes.as_bytes()).unwrap()
}

#[test]
fn every_error_of_shape_has_its_text_at_both_doors_and_nothing_is_written() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let types = "first element is each table is name of table(string), second is attribute names(list), \
                 third is data(list of list), atleast one of them in";
    let three = "each table must have three elements, you havnt passed three";
    let columns = json!(["id", "uuid", "modified_on", "name"]);
    let good = json!([1, UUID, TIME, "pad"]);
    let rows = |rows: Value| json!([["parts", columns, rows]]);
    let cases = [
        (json!({}), "data can only in form of list".to_owned()),
        (json!(null), "data can only in form of list".to_owned()),
        (json!([7]), "each table is a list, you havnt passed atleast one table as list".to_owned()),
        (json!([["parts", []]]), three.to_owned()),
        (json!([["parts", [], [], []]]), three.to_owned()),
        (json!([["parts", {}, []]]), format!("{types} parts is not of accepted data type")),
        (json!([["parts", [], 7]]), format!("{types} parts is not of accepted data type")),
        (
            json!([["parts", [7], []]]),
            "atleast one attribute name is not of string type".to_owned(),
        ),
        (
            json!([["parts", [], []]]),
            "atleast one table doesnt have \"uuid\" as attribute".to_owned(),
        ),
        (
            json!([["parts", ["uuid"], []]]),
            "atleast one table doesnt have \"modified_on\" as attribute".to_owned(),
        ),
        (
            json!([["parts", ["uuid", "modified_on"], []]]),
            "atleast one table doesnt have \"id\" as attribute".to_owned(),
        ),
        (
            rows(json!([7])),
            "row type can only be a list, atleast one element in parts isnt of list type"
                .to_owned(),
        ),
        (rows(json!([good, [1]])), "all rows in parts dont have same length".to_owned()),
        (
            rows(json!([[1, UUID]])),
            "you havent stated exact number of attribute names as attributes present in parts"
                .to_owned(),
        ),
        // And ours: the value that cannot be read is named, with its row.
        (
            rows(json!([good, [2, "b", "yesterday", "bulb"]])),
            "the value of modified_on in row 2 of parts is not a time like 2009-08-01 14:09:17"
                .to_owned(),
        ),
        (
            rows(json!([good, [2, UUID, TIME, ["bulb"]]])),
            "the value of name in row 2 of parts is not of a type that a table can take".to_owned(),
        ),
    ];
    for (dump, text) in cases {
        assert_eq!(put(&machine, &dump), json!(text), "{dump}");
        let body = json!({
            "method": "putdata", "id": "jsonrpc",
            "params": ["machinename12345", "nightly", PASSWORD, dump],
        });
        for path in ["/sahana/admin/call/jsonrpc", "/eden/sync/call/jsonrpc"] {
            let answer = old_bytes(&machine, path, &body.to_string());
            let told: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!((&told["result"], &told["error"]), (&json!(text), &Value::Null), "{dump}");
        }
    }
    // One value that the table refuses: nothing of the dump is written.
    let refused = put(&machine, &rows(json!([good, [2, "not a uuid", TIME, null]])));
    assert!(refused == true || refused.is_string(), "{refused}");
}

#[test]
fn only_a_user_who_may_write_puts_and_his_password_is_nowhere_in_the_log() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let login = |user: &str, password: &str| {
        machine.script("putdata", &json!(["m", user, password, []]))["result"].clone()
    };
    assert_eq!(login("nightly", PASSWORD), true);
    assert_eq!(login("nightly", "wrong"), "authentication failed");
    assert_eq!(login("nobody", PASSWORD), "authentication failed");
    assert_eq!(login("reader", PASSWORD), "authentication failed");
    let anonymous = machine.script("putdata", &json!(["m", null, null, []]));
    assert_eq!(anonymous["result"], "authentication failed", "also from this machine");
    let nameless = machine.script("putdata", &json!([null, "nightly", PASSWORD, []]));
    assert_eq!(nameless["result"], "invalid uuid");
    assert!(!machine.logged().contains("correct horse"), "the password is in the log");
}

#[test]
fn an_unreadable_row_keeps_the_whole_dump_out() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let columns = json!(["id", "uuid", "modified_on", "name"]);
    let told = put(
        &machine,
        &json!([
            ["suppliers", columns, [[1, UUID, TIME, "Ann"]]],
            ["parts", columns, [[1, UUID, "2009-02-30 00:00:00", "pad"]]],
        ]),
    );
    assert_eq!(
        told,
        "the value of modified_on in row 1 of parts is not a time like 2009-08-01 14:09:17"
    );
    for table in ["suppliers", "parts"] {
        assert_eq!(machine.ask(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
}

#[test]
fn a_dump_that_was_read_can_be_put_back_and_changes_nothing() {
    let lab = Lab::new();
    let machine = machine(&lab);
    machine.write(
        "INSERT INTO suppliers VALUES (3, 'Zoë 刹车片');
         INSERT INTO parts VALUES (7, 'pad', 0.30000000000000004, 3), (8, 'bulb', NULL, NULL);
         INSERT INTO notes VALUES ('hello', 'world')",
    );
    let since = get(&machine, &json!(["reader 1", null, null, "2009-01-01 00:00:00"]));
    let names: Vec<_> = since.as_array().unwrap().iter().map(|table| table[0].clone()).collect();
    assert_eq!(names.len(), 3, "{since}");
    for table in since.as_array().unwrap() {
        for column in ["id", "uuid", "modified_on"] {
            assert!(table[1].as_array().unwrap().contains(&json!(column)), "{table}");
        }
    }
    let before =
        (machine.tables().unwrap(), machine.ask("SELECT quote(price) FROM parts WHERE id = 7"));
    assert_eq!(put(&machine, &since), true);
    assert_eq!(put(&machine, &since), true);
    let after =
        (machine.tables().unwrap(), machine.ask("SELECT quote(price) FROM parts WHERE id = 7"));
    assert_eq!(before, after);
}

#[test]
fn getdata_tells_each_caller_what_is_new_to_him() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let rows = |dump: &Value| table(dump, "notes")[2].as_array().unwrap().len();
    machine.write("INSERT INTO notes VALUES ('one', '1')");
    let mine = || get(&machine, &json!(["caller 1", null, null, null]));
    dunlin_tests::lab::until_true("told of it", dunlin_tests::lab::SOON, || rows(&mine()) == 1);
    // Told once; every table is listed all the same.
    // The position moves when the answer was taken, which the daemon learns as the caller closes.
    let nothing_new = || {
        let again = mine();
        assert_eq!(again.as_array().unwrap().len(), 3, "{again}");
        rows(&again) == 0
    };
    dunlin_tests::lab::until_true("told once", dunlin_tests::lab::SOON, nothing_new);
    // Another caller, and one who says a time, are told anew; a cursor gives the same again.
    assert_eq!(rows(&get(&machine, &json!(["caller 2", null, null]))), 1);
    assert_eq!(rows(&get(&machine, &json!(["caller 1", null, null, "2009-01-01 00:00:00"]))), 1);
    let with = |cursor: &Value| {
        get(&machine, &json!({"uuid": "c", "username": null, "password": null, "cursor": cursor}))
    };
    let first = with(&json!(0));
    assert_eq!((rows(&first["dump"]), &first["more"]), (1, &json!(false)), "{first}");
    assert_eq!(with(&json!(0)), first);
    assert_eq!(rows(&with(&first["cursor"])["dump"]), 0);
    let odd = machine.script("getdata", &json!(["c", null, null, "yesterday"]));
    assert_eq!(odd["result"], "invalid call -- time?");
}

#[test]
fn putdata_inserts_updates_deletes_and_ignores_what_is_not_here() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let columns = json!(["id", "uuid", "modified_on", "word", "said", "colour"]);
    let dump = |time: &str, said: &str| {
        json!([
            ["notes", columns, [[1, UUID, time, "hello", said, "red"]]],
            ["or_organisation", ["id", "uuid", "modified_on"], [[1, UUID, time]]],
        ])
    };
    let said = || machine.ask("SELECT group_concat(said) FROM notes WHERE word = 'hello'");
    assert_eq!(put(&machine, &dump("2009-08-01 14:09:17", "first")), true);
    assert_eq!(said(), "first");
    // Older or equal is ignored, newer is merged.
    assert_eq!(put(&machine, &dump("2009-08-01 14:09:17", "the same second")), true);
    assert_eq!(put(&machine, &dump("2008-08-01 14:09:17", "older")), true);
    assert_eq!(said(), "first");
    assert_eq!(put(&machine, &dump("2009-08-01 14:09:18", "second")), true);
    assert_eq!(said(), "second");
    // A tombstone is a row of nulls. The note goes by its key's own name, as getdata tells it.
    let told = get(&machine, &json!(["c", null, null, "2009-01-01 00:00:00"]));
    let notes = table(&told, "notes");
    let place = |name: &str| notes[1].as_array().unwrap().iter().position(|found| found == name);
    let uuid = notes[2][0][place("uuid").unwrap()].clone();
    let gone = json!([[
        "notes",
        ["id", "uuid", "modified_on", "deleted"],
        [[1, uuid, "2009-08-01 14:09:19", true]]
    ]]);
    assert_eq!(put(&machine, &gone), true);
    assert_eq!(said(), "null");
    assert_eq!(put(&machine, &gone), true);
    let told = get(&machine, &json!(["c", null, null, "2009-01-01 00:00:00"]));
    let notes = table(&told, "notes");
    assert_eq!(notes[2][0][place("deleted").unwrap()], json!(true), "{notes}");
    // A row that is named by nothing in it keeps the name that its maker gave.
    let part = |time: &str, gone: bool| {
        json!([[
            "parts",
            ["id", "uuid", "modified_on", "name", "deleted"],
            [[5, UUID, time, "pad", gone]]
        ]])
    };
    assert_eq!(put(&machine, &part("2009-08-01 14:09:17", false)), true);
    assert_eq!(machine.ask("SELECT group_concat(id || name) FROM parts"), "5pad");
    assert_eq!(put(&machine, &part("2009-08-01 14:09:16", true)), true);
    assert_eq!(machine.ask("SELECT count(*) FROM parts"), "1", "an older tombstone is ignored");
    assert_eq!(put(&machine, &part("2009-08-01 14:09:18", true)), true);
    assert_eq!(machine.ask("SELECT count(*) FROM parts"), "0");
}

#[test]
fn a_client_of_2009_is_served_as_it_was_then() {
    let lab = Lab::new();
    let machine = machine(&lab);
    machine.write(
        "INSERT INTO suppliers VALUES (1, 'Zoë'); INSERT INTO parts VALUES (1, 'pad', 1e-7, 1)",
    );
    let body = format!(
        r#"{{"params":["machinename12345","reader","{PASSWORD}"],"method":"getdata","id":"jsonrpc"}}"#
    );
    let answer = old_bytes(&machine, "/sahana/admin/call/jsonrpc", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.head.to_ascii_lowercase().contains("transfer-encoding"), "{}", answer.head);
    assert!(answer.header("www-authenticate").is_none() && answer.header("location").is_none());
    let length: usize = answer.header("content-length").unwrap().parse().unwrap();
    // `send` reads to the end: the connection was closed.
    assert_eq!(length, answer.body.len());
    assert!(answer.body.is_ascii(), "{}", answer.body);
    assert!(answer.body.contains(r"Zo\u00eb") && answer.body.contains("1.0e-7"), "{}", answer.body);
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (&told["version"], &told["id"], &told["error"]),
        (&json!("1.1"), &json!("jsonrpc"), &Value::Null)
    );
    assert_eq!(table(&told["result"], "parts")[2].as_array().unwrap().len(), 1);

    let bad = r#"{"method":"putdata","params":["m","nightly","wrong",[]],"id":"jsonrpc"}"#;
    let told: Value =
        serde_json::from_str(&old_bytes(&machine, "/eden/sync/call/jsonrpc", bad).body).unwrap();
    assert_eq!((&told["result"], &told["error"]), (&json!("authentication failed"), &Value::Null));
    let strange = body.replace("getdata", "nosuch");
    let told: Value =
        serde_json::from_str(&old_bytes(&machine, "/eden/sync/call/jsonrpc", &strange).body)
            .unwrap();
    assert_eq!(told["error"]["name"], "JSONRPCError");
    assert_eq!(told["error"]["message"], "method \"nosuch\" does not exist");
    assert_eq!(told["result"], Value::Null);
    // A raw control character in a string, as that client's encoder leaves it.
    let raw = body.replace("machinename12345", "machine\u{1b}name");
    assert_eq!(old_bytes(&machine, "/sahana/admin/call/jsonrpc", &raw).status, 200);
}

#[test]
fn the_json_flavour_wants_name_and_password_and_answers_the_bare_value() {
    let lab = Lab::new();
    let machine = machine(&lab);
    machine.write("INSERT INTO notes VALUES ('hello', 'world')");
    let ask = |password: &str| {
        let password = password.replace(' ', "%20");
        let path = format!(
            "/sahana/admin/call/json/getdata?uuid=m1&username=reader&password={password}&timestamp=0"
        );
        http::get(machine.admin(), &path, &[])
    };
    let count = || {
        let dump: Value = serde_json::from_str(&ask(PASSWORD).body).unwrap();
        table(&dump, "notes")[2].as_array().unwrap().len()
    };
    dunlin_tests::lab::until_true("the row", dunlin_tests::lab::SOON, || count() == 1);
    assert_eq!(count(), 1, "it moves no position");
    assert_eq!(ask("wrong").body.trim(), "\"authentication failed\"");
    let path = "/sahana/admin/call/json/getdata?uuid=m1&timestamp=0";
    assert_eq!(http::get(machine.admin(), path, &[]).body.trim(), "\"authentication failed\"");
    assert!(!machine.logged().contains("correct"), "a query is never logged");
}

#[test]
fn a_page_of_another_site_gets_nothing() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let admin = machine.admin();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"machine_status"}"#;
    let ask = |host: &str, headers: &[(&str, &str)]| {
        http::post(http::connect(admin), "/rpc", host, headers, body).unwrap()
    };
    let own = admin.to_string();
    assert_eq!(ask(&own, &[]).status, 200);
    for (answer, status) in [
        (ask("evil.example", &[]), 421),
        (ask(&own, &[("Origin", "http://evil.example")]), 403),
        (ask(&own, &[("Origin", "null")]), 403),
        (ask(&own, &[("Sec-Fetch-Site", "cross-site")]), 403),
        (ask(&own, &[("Content-Type", "text/plain")]), 415),
    ] {
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{answer:?}");
    }
    // What came through a proxy is not from this machine; no browser is made to ask for a password.
    let far = ask(&own, &[("X-Forwarded-For", "10.0.0.9")]);
    let told: Value = serde_json::from_str(&far.body).unwrap();
    assert_eq!(far.status, 401, "{far:?}");
    assert!(far.header("www-authenticate").is_none(), "{far:?}");
    assert!(told.get("result").is_none() && told["error"]["code"] == 1000, "{told}");
    assert_eq!(http::get(admin, "/no-such-page", &[]).status, 404);
    assert_eq!(http::get(admin, "/health", &[]).status, 200);
}

#[test]
fn users_are_made_changed_and_removed_with_passwords_from_stdin() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let may = |password: &str| {
        machine.script("putdata", &json!(["m", "nightly", password, []]))["result"] == json!(true)
    };
    assert!(may(PASSWORD));
    machine.ok_with(&["users", "passwd", "nightly"], "another long password\n");
    assert!(may("another long password") && !may(PASSWORD));
    let listed = machine.ok(&["users", "list", "--json"]);
    let told: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        told["users"],
        json!([{"name": "nightly", "role": "write"}, {"name": "reader", "role": "read"}])
    );
    machine.ok(&["users", "remove", "nightly"]);
    assert!(!may("another long password"));
    machine.cli(&["users", "remove", "nightly"]).failed(1, &["nightly"]);
    machine.cli_with(&["users", "add", "x"], "").failed(1, &["password"]);
    let kept = std::fs::read_to_string(machine.data().join("users.json")).unwrap();
    assert!(kept.contains("argon2id") && !kept.contains("horse"), "{kept}");
}

#[test]
fn the_clients_that_come_with_it_read_and_write() {
    let lab = Lab::new();
    let machine = machine(&lab);
    machine.write("INSERT INTO notes VALUES ('hello', 'wörld')");
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts");
    let address = format!("http://{}", machine.admin());
    let dump = lab.path().join("dump.json");
    std::fs::write(
        &dump,
        json!([[
            "notes",
            ["id", "uuid", "modified_on", "word", "said"],
            [[9, UUID, TIME, "put", "back"]]
        ]])
        .to_string(),
    )
    .unwrap();
    let dump = dump.to_str().unwrap();
    if has("python3", "the Python client") {
        let client = format!("{scripts}/client.py");
        let call = |words: &[&str], input: &str| {
            let words: Vec<&str> =
                [client.as_str(), "--address", &address].iter().chain(words).copied().collect();
            run("python3", &words, input)
        };
        let told = call(&["get", "py", "--since", "2009-01-01 00:00:00"], "");
        assert!(told.code == 0 && told.out.contains("wörld"), "{told:?}");
        let told = call(&["put", "py", "nightly", dump], PASSWORD);
        assert_eq!((told.code, told.out.trim()), (0, "true"), "{told:?}");
        let told = call(&["put", "py", "nightly", dump], "wrong");
        assert!(told.code == 1 && told.err.contains("authentication failed"), "{told:?}");
        assert_eq!(machine.ask("SELECT said FROM notes WHERE word = 'put'"), "back");
    }
    if has("curl", "the curl client") {
        let call = |line: &str, input: &str| {
            run(
                "/bin/sh",
                &["-c", &format!("ADDRESS={address} exec {scripts}/client.sh {line}")],
                input,
            )
        };
        let told = call("get sh", "");
        assert!(told.code == 0 && told.out.contains("w\\u00f6rld"), "{told:?}");
        let told = call(&format!("put sh nightly {dump}"), PASSWORD);
        let answer = told.json();
        assert_eq!((told.code, &answer["result"]), (0, &json!(true)), "{told:?}");
    }
}

#[test]
fn calls_of_today_may_be_named_batched_and_numbered_oddly() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let body = json!([
        {"jsonrpc": "2.0", "id": -1, "method": "getdata", "params": ["m", null, null]},
        {"jsonrpc": "2.0", "id": "x", "method": "getdata", "params": {"uuid": "m", "username": null, "password": null, "colour": 1}},
        {"jsonrpc": "2.0", "method": "getdata", "params": ["m", null, null]},
        {"jsonrpc": "2.0", "id": 2.5, "method": "no_such"},
    ]);
    let answer = machine.post("/rpc", &[], &body.to_string());
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    let by = |id: Value| told.as_array().unwrap().iter().find(|one| one["id"] == id).cloned();
    assert_eq!(told.as_array().unwrap().len(), 3, "{told}");
    assert!(by(json!(-1)).unwrap()["result"].is_array(), "{told}");
    assert_eq!(by(json!("x")).unwrap()["error"]["code"], -32602, "{told}");
    assert_eq!(by(json!(2.5)).unwrap()["error"]["code"], -32601, "{told}");
    let broken = machine.post("/rpc", &[], "{");
    let told: Value = serde_json::from_str(&broken.body).unwrap();
    assert_eq!((&told["error"]["code"], &told["id"]), (&json!(-32700), &Value::Null));
}
