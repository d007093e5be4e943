//! What a partner says of himself, of us and of others, and what he may write.

use dunlin_tests::lab;
use rusqlite::Connection;

use super::*;

/// A code of ours, as a call hears it.
const IDENTITY_PROBLEM: i64 = dunlin_rpc::Code::IdentityProblem.number() as i64;
const PAGE_GAP: i64 = dunlin_rpc::Code::PageGap.number() as i64;

/// A machine's origin, as pages write it.
fn origin_of(machine: &Machine) -> String {
    let epoch = machine.status().unwrap()["databases"][0]["epoch"].as_str().unwrap().to_owned();
    format!("{}/{epoch}", machine.id())
}

/// S28.
#[test]
fn s28_a_partner_who_calls_himself_another_has_no_link_and_is_named() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let somebody = "11111111-1111-8111-8111-111111111111".to_owned();
    for id in [till.id(), somebody] {
        let mut greeting = mallory.greeting();
        greeting["id"] = json!(id);
        // First thing, and in the middle of a session.
        for mut wire in [mallory.dial().unwrap(), mallory.link()] {
            let error = wire.call("partner_greet", &json!([greeting])).unwrap_err();
            assert_eq!(error["code"], IDENTITY_PROBLEM, "{error}");
            assert!(wire.is_closed());
        }
        is_named(&till, "mallory", &["id is not that of its key"]);
        assert_eq!(till.partner_state("mallory"), "Identity problem");
    }
    before.still(&till);
    // To greet twice is no way to become another either.
    let mut link = mallory.link();
    let error = link.call("partner_greet", &json!([mallory.greeting()])).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("greeted once"), "{error}");
}

/// S28: a new epoch, which the design asks for where this machine was put back from a backup, is not made yet.
#[test]
fn s28_a_partner_who_claims_more_of_us_than_we_wrote_has_no_link_and_is_named_and_no_row_is_lost() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let ours = json!([{"origin": origin_of(&till), "seq": 4_000_000}]);

    let mut link = mallory.link();
    let ask = json!([{"database": "main", "cursor": 0, "knowledge": ours, "now": now(), "limit": 1 << 20}]);
    let error = link.call("partner_getdata", &ask).unwrap_err();
    assert_eq!(error["code"], IDENTITY_PROBLEM, "{error}");
    assert!(link.is_closed());
    is_named(&till, "mallory", &["4000000", "backup"]);

    let mut link = mallory.link();
    let error = link.put(&page(&mallory.origin(), "", (0, 0), Some(&ours))).unwrap().unwrap_err();
    assert_eq!(error["code"], IDENTITY_PROBLEM, "{error}");
    assert!(link.is_closed());
    until_true("named", SOON, || till.partner_state("mallory") == "Identity problem");

    // What is said before the first page is not believed either: all our rows are still there to be had.
    let mut link = mallory.link();
    let mut told = mallory.database();
    told["knowledge"] = ours;
    link.call("partner_databases", &json!([{"databases": [told]}])).unwrap();
    let ask = json!([{"database": "main", "cursor": 0, "now": now(), "limit": 1 << 20}]);
    let given = link.call("partner_getdata", &ask).unwrap().to_string();
    assert!(given.contains("brake pad"), "{given}");
    before.still(&till);
}

/// S29.
#[test]
fn s29_a_page_that_comes_twice_late_or_too_early_changes_nothing() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let mut link = mallory.link();
    let first = row(r#""wheel",1"#, 1);
    let again =
        Version { uuid: first.uuid.clone(), stamp: first.stamp.clone(), ..row(r#""WHEEL",2"#, 1) };
    let recorded =
        page(&mallory.origin(), &table("parts", &["name", "price"], &[first]), (0, 1), None);
    link.put(&recorded).unwrap().unwrap();
    till.write("UPDATE parts SET price = 99 WHERE name = 'wheel'");
    until_true("folded", SOON, || till.unfolded() == 0);
    let before = Before::of(&till);

    // Recorded and played again: on the same link, on another, in one of its own.
    let refused = |answer: Result<Value, Value>| {
        let error = answer.unwrap_err();
        assert_eq!(error["code"], PAGE_GAP, "{error}");
    };
    refused(link.put(&recorded).unwrap());
    let mut link = mallory.link();
    refused(link.put(&recorded).unwrap());
    // A gap, and back.
    for (from, next) in [(7, 9), (0, 9), (1 << 40, 1 << 41)] {
        refused(link.put(&page(&mallory.origin(), "", (from, next), None)).unwrap());
    }
    let error = link.put(&page(&mallory.origin(), "", (1, 0), None)).unwrap().unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    before.still(&till);

    // The same version in the page that is due: nothing moves. With other values: an edit made here stands.
    let replayed = recorded.replace(r#""from":0,"next":1"#, r#""from":1,"next":2"#);
    let answer = link.put(&replayed).unwrap().unwrap();
    assert_eq!(answer["applied"], 0, "{answer}");
    let other =
        page(&mallory.origin(), &table("parts", &["name", "price"], &[again]), (2, 3), None);
    let answer = link.put(&other).unwrap().unwrap();
    assert_eq!(answer["applied"], 0, "{answer}");
    before.still(&till);
    // And the journal goes on where it was.
    let tables = table("parts", &["name"], &[row(r#""hub""#, 2)]);
    link.put(&page(&mallory.origin(), &tables, (3, 4), None)).unwrap().unwrap();
    assert_eq!(till.ask("SELECT count(*) FROM parts WHERE name = 'hub'"), "1");
}

/// S31.
#[test]
fn s31_a_table_that_is_this_machines_own_is_never_written_by_a_partner() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut link = mallory.link();
    let mut told = mallory.database();
    let columns = json!([{"name": "id", "declared": "INTEGER", "not_null": true, "key": 1}]);
    told["tables"] = json!([
        {"name": "own", "columns": columns, "naming": "natural"},
        {"name": "OWN", "columns": columns, "naming": "natural"},
    ]);
    link.call("partner_databases", &json!([{"databases": [told]}])).unwrap();
    let his = [row(r#"1,"his now""#, 1), Version { deleted: true, values: "", ..row("", 2) }];
    let tables =
        [table("own", &["id", "secret"], &his[..1]), table("own", &[], &his[1..])].join(",");
    link.put(&page(&mallory.origin(), &tables, (0, 2), None)).unwrap().unwrap();
    let tables = table("Own", &["id", "secret"], &[row(r#"2,"his too""#, 3)]);
    link.put(&page(&mallory.origin(), &tables, (2, 3), None)).unwrap().unwrap();
    before.still(&till);
    assert!(till.ok(&["held", "--json"]).contains("schema"));
    // Nor is it told to anybody.
    let ask = json!([{"database": "main", "cursor": 0, "now": now(), "limit": 1 << 20}]);
    let given = link.call("partner_getdata", &ask).unwrap().to_string();
    assert!(given.contains("brake pad") && !given.contains("mine alone"), "{given}");
}

/// What a machine of [`SHOP`] has of one maker's rows.
fn parts_named(machine: &Machine, like: &str) -> u64 {
    let db: Connection = machine.app();
    let sql = "SELECT count(*) FROM parts WHERE name LIKE ?";
    db.query_row(sql, [like], |row| row.get(0)).unwrap()
}

/// S43.
#[test]
fn s43_a_claim_to_know_a_thirds_versions_keeps_none_of_them_out_and_names_the_partner() {
    let lab = Lab::new();
    let [anna, mut bert] = lab.shop(["anna", "bert"], SHOP);
    lab::in_step(&[&anna, &bert]);
    let mallory = Partner::admitted(&lab, "mallory", &anna);
    let (before, third) = (Before::of(&anna), origin_of(&bert));
    bert.stop();
    let known = |seq: u64| json!([{"origin": third, "seq": seq}]);

    // More than any machine can write: refused, and he is named.
    let mut link = mallory.link();
    let lie = page(&mallory.origin(), "", (0, 0), Some(&known(1_000_000_000_000_000_000)));
    let error = link.put(&lie).unwrap().unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");
    is_named(&anna, "mallory", &["more versions than a machine can write"]);
    let forged = table("parts", &["name"], &[row(r#""forged""#, 1_000_000_000_000_000_000)]);
    let error = link.put(&page(&third, &forged, (0, 1), None)).unwrap().unwrap_err();
    assert_eq!(error["code"], -32602, "{error}");

    // As many as it might have: not believed, since none of them ever came.
    link.put(&page(&mallory.origin(), "", (0, 0), Some(&known(5_000)))).unwrap().unwrap();
    bert.start();
    bert.write("INSERT INTO parts (name) VALUES ('from bert 1'), ('from bert 2')");
    until_true("there", SOON, || parts_named(&anna, "from bert %") == 2);
    lab::in_step(&[&anna, &bert]);
    before.lives(&anna);
}

/// S43: with a row in the third's name, so that such versions did come.
#[test]
fn s43_a_forged_row_in_a_thirds_name_keeps_none_of_its_own_out() {
    let lab = Lab::new();
    let [anna, mut bert] = lab.shop(["anna", "bert"], SHOP);
    lab::in_step(&[&anna, &bert]);
    let mallory = Partner::admitted(&lab, "mallory", &anna);
    let third = origin_of(&bert);
    bert.stop();
    let mut link = mallory.link();
    let forged = table("parts", &["name"], &[row(r#""forged""#, 5_000)]);
    let known = json!([{"origin": third, "seq": 5_000}]);
    link.put(&page(&third, &forged, (0, 1), Some(&known))).unwrap().unwrap();
    assert_eq!(parts_named(&anna, "forged"), 1, "any member may write in anyone's name");
    bert.start();
    bert.write("INSERT INTO parts (name) VALUES ('from bert 1'), ('from bert 2')");
    until_true("there", SOON, || parts_named(&anna, "from bert %") == 2);
    lab::in_step(&[&anna, &bert]);
    assert!(anna.logged().contains("asked for anew"), "{}", anna.logged());
    anna.is_sound();
}

/// S43: where the third is never met.
#[test]
fn s43_a_claim_keeps_nothing_out_that_comes_by_way_of_another() {
    let lab = Lab::new();
    let mut machines = ["a", "b", "c"].map(|name| lab.machine(name, SHOP));
    lab::in_a_row(&mut machines);
    let [a, mut b, c] = machines;
    let mallory = Partner::admitted(&lab, "mallory", &c);
    lab::in_step(&[&a, &b, &c]);
    let third = origin_of(&a);
    b.stop();
    let mut link = mallory.link();
    let known = json!([{"origin": third, "seq": 5_000}]);
    link.put(&page(&mallory.origin(), "", (0, 0), Some(&known))).unwrap().unwrap();
    a.write("INSERT INTO parts (name) VALUES ('from a 1'), ('from a 2')");
    b.start();
    for machine in [&b, &c] {
        until_true("there", SOON, || parts_named(machine, "from a %") == 2);
    }
}
