//! Who is in the shop: leaving it, beginning another, keepers; and pausing partners.

use dunlin_tests::lab::{self, Lab, Machine, SOON, until, until_true};
use serde_json::{Value, json};

use super::forget::{CLOSED, forget, insert, members, role, rows, up_to_date};

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

#[test]
fn a_machine_leaves_and_may_join_elsewhere_but_the_last_keeper_may_not() {
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    up_to_date(&[&a, &b, &c]);
    c.cli(&["leave"]).failed(1, &["cannot be undone", "--confirm 'c'"]);
    c.cli(&["leave", "--confirm", "b"]).failed(1, &["not the name"]);
    assert_eq!(members(&c), 3);
    let left = c.ok(&["leave", "--confirm", "c", "--json"]);
    assert!(left.contains("\"told\""), "{left}");
    until_true("heard by the others", CLOSED, || members(&a) == 2 && members(&b) == 2);
    assert_eq!((role(&c), members(&c)), ("left".into(), 0));
    assert_eq!(c.status().unwrap()["partners"], json!([]));
    // To have left is no trouble.
    assert_eq!(c.cli(&["status"]).code, 0);
    insert(&c, "from c");
    insert(&a, "after");
    lab::in_step(&[&a, &b]);
    assert_eq!((rows(&a, "from c"), rows(&c, "after")), ("0".into(), "0".into()));
    // Elsewhere it is welcome; how it comes back is told in `rejoin`.
    let [d] = lab.shop(["d"], SHOP);
    c.join(&d.invite());
    lab::in_step(&[&c, &d]);
    assert_eq!(rows(&d, "from c"), "1");
}

#[test]
fn a_machine_that_left_while_nobody_was_there_tells_the_first_that_it_meets() {
    let lab = Lab::new();
    let [mut a, mut b] = lab.shop(["a", "b"], SHOP);
    up_to_date(&[&a, &b]);
    a.stop();
    b.stop();
    // Nobody asks it: it has to tell by itself.
    a.reword("partner = \"b\"\n", "partner = \"b\"\ndial = \"never\"\n");
    // Without a daemon, and with nobody to tell.
    let said = b.ok(&["leave", "--confirm", "b"]);
    assert!(said.contains("No partner has heard of it yet"), "{said}");
    b.start();
    a.start();
    until_true("heard", SOON, || members(&a) == 1);
    insert(&b, "from b");
    insert(&a, "from a");
    until_true("folded", SOON, || a.unfolded() == 0 && b.unfolded() == 0);
    assert_eq!((rows(&a, "from b"), rows(&b, "from a")), ("0".into(), "0".into()));
}

#[test]
fn a_new_shop_is_begun_with_one_machine_and_the_others_join_again() {
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    insert(&a, "old");
    lab::in_step(&[&a, &b, &c]);
    let stale = a.invite();
    a.cli(&["shop", "renew"]).failed(1, &["cannot be undone", "--confirm 'a'"]);
    assert_eq!(members(&a), 3);
    let made = a.ok(&["shop", "renew", "--confirm", "a", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let aside = a.data().join(made["old_roster"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(aside).unwrap().lines().count(), 3);
    assert_eq!((members(&a), role(&a)), (1, "keeper".into()));
    // The others go on among themselves, and get nothing from it.
    insert(&a, "new");
    insert(&b, "among the old");
    lab::in_step(&[&b, &c]);
    assert_eq!((rows(&b, "new"), rows(&a, "among the old")), ("0".into(), "0".into()));
    // A token of the old shop is worth nothing any more.
    b.ok(&["leave", "--confirm", "b"]);
    b.cli_with(&["join"], &stale).failed(1, &[]);
    b.join(&a.invite());
    c.ok(&["shop", "renew", "--confirm", "c"]);
    c.join(&a.invite());
    lab::in_step(&[&a, &b, &c]);
    up_to_date(&[&a, &b, &c]);
    assert_eq!(rows(&c, "new"), "1");
    assert_eq!(rows(&a, "among the old"), "1");
}

#[test]
fn a_paused_partner_gets_no_row_over_a_restart_and_is_caught_up_when_resumed() {
    let lab = Lab::new();
    let [mut a, b] = lab.shop(["a", "b"], SHOP);
    insert(&a, "before");
    lab::in_step(&[&a, &b]);
    a.ok(&["partners", "pause", "b"]);
    assert_eq!(a.partner_state("b"), "Paused");
    until("the other side says so", SOON, || {
        let partners = b.ok(&["partners"]);
        if partners.contains("paused there") { Ok(()) } else { Err(partners) }
    });
    insert(&a, "from a");
    insert(&b, "from b");
    a.stop();
    a.start();
    assert_eq!(a.partner_state("b"), "Paused");
    let listed: Value = serde_json::from_str(&a.ok(&["partners", "--json"])).unwrap();
    assert_eq!(listed["partners"][0]["paused"], true);
    // Nobody waits for it in vain, and who asks for it by name is told.
    let told = a.cli(&["sync", "--wait"]);
    assert!(told.code == 0 && told.out.contains("paused here"), "{told:?}");
    assert_eq!(a.cli(&["sync", "--partner", "b", "--wait"]).code, 5);
    // B asks again meanwhile, and is refused again.
    let tries = |b: &Machine| b.status().unwrap()["partners"][0]["attempt"].as_u64().unwrap();
    until_true("asked again", SOON, || tries(&b) >= 2);
    until_true("folded", SOON, || a.unfolded() == 0 && b.unfolded() == 0);
    assert_eq!((rows(&a, "from b"), rows(&b, "from a")), ("0".into(), "0".into()));
    a.ok(&["partners", "resume", "b"]);
    lab::in_step(&[&a, &b]);
    up_to_date(&[&a, &b]);
    assert_eq!((rows(&a, "from b"), rows(&b, "from a")), ("1".into(), "1".into()));
}

#[test]
fn a_forget_reaches_a_paused_partner_all_the_same() {
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    up_to_date(&[&a, &b, &c]);
    a.ok(&["partners", "pause", "--all"]);
    let states = [a.partner_state("b"), a.partner_state("c")];
    assert_eq!(states, ["Paused", "Paused"]);
    c.ok(&["partners", "pause", "--all"]);
    forget(&c, "b");
    // A and C have paused each other, and B is out: no rows go anywhere, and the statement does.
    until("heard on a and on b", SOON, || match (members(&a), role(&b).as_str()) {
        (2, "forgotten") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    insert(&a, "from a");
    a.ok(&["partners", "resume", "c"]);
    assert_eq!(a.partner_state("c").replace("Offline", "Retrying"), "Retrying");
    c.ok(&["partners", "resume", "--all"]);
    lab::in_step(&[&a, &c]);
    assert_eq!((rows(&c, "from a"), rows(&b, "from a")), ("1".into(), "0".into()));
}

#[test]
fn one_keeper_alone_is_told_of_until_another_is_made() {
    let lab = Lab::new();
    let [a] = lab.shop(["a"], SHOP);
    assert_eq!(a.cli(&["status"]).code, 0, "alone there is nobody to promote");
    let mut b = lab.machine("b", SHOP);
    let mut c = lab.machine("c", SHOP);
    for machine in [&mut b, &mut c] {
        a.knows(machine);
        machine.knows(&a);
        machine.start();
    }
    b.join(a.ok(&["invite", "--role", "member"]).trim());
    for machine in [&a, &b] {
        assert!(machine.attention().contains("the only keeper"), "{}", machine.attention());
    }
    assert_eq!((role(&a), role(&b)), ("keeper".into(), "member".into()));
    // A member neither lets in nor forgets.
    b.cli(&["invite"]).failed(1, &["not a keeper"]);
    b.cli(&["partners", "forget", "a", "--confirm", "a"]).failed(1, &["not a keeper"]);
    b.cli(&["partners", "promote", "a"]);
    a.cli(&["leave", "--confirm", "a"]).failed(1, &["only keeper", "dunlin partners promote"]);
    a.cli(&["partners", "forget", "a", "--confirm", "a"]).failed(1, &["dunlin leave"]);
    let said = a.ok(&["partners", "promote", "b"]);
    assert!(said.contains("is a keeper now"), "{said}");
    until_true("heard", SOON, || role(&b) == "keeper");
    assert!(!b.attention().contains("the only keeper"), "{}", b.attention());
    // One for many makes members, unless said.
    c.join(b.ok(&["invite", "--uses", "2", "--role", "keeper"]).trim());
    assert_eq!(role(&c), "keeper");
    // What cannot be undone is not done by a script that only says so once.
    a.cli(&["partners", "forget", "b"]).failed(1, &["cannot be undone", "--confirm 'b'"]);
    a.cli(&["partners", "forget", "b", "--confirm", "c"]).failed(1, &["not the name"]);
    assert_eq!(a.cli(&["partners", "pause"]).code, 2);
    forget(&a, "b");
    until_true("told", SOON, || role(&b) == "forgotten");
    // Whom it had let in stays.
    assert_eq!(members(&a), 2);
}

#[test]
fn on_a_terminal_a_person_is_asked_who_stays_and_for_the_name() {
    // Types each answer when its question stands at the end of what was shown.
    const TYPE: &str = r#"
import os, pty, sys
answers = dict(zip(sys.argv[1:5:2], sys.argv[2:5:2]))
pid, tty = pty.fork()
if pid == 0:
    os.execv(sys.argv[5], sys.argv[5:])
shown = b""
while True:
    try:
        piece = os.read(tty, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    for question in list(answers):
        if shown.rstrip().endswith(question.encode()):
            os.write(tty, answers.pop(question).encode() + b"\n")
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(shown)
sys.exit(code)
"#;
    if !lab::outside::has("python3", "on_a_terminal_a_person_is_asked_who_stays_and_for_the_name") {
        return;
    }
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    up_to_date(&[&a, &b, &c]);
    let (program, data) = (lab::machine::program(), b.data());
    let (program, data) = (program.to_str().unwrap(), data.to_str().unwrap());
    let forget = [program, "partners", "forget", "a", "--data", data];
    let typed = |stays: &str, name: &str| {
        let answers = ["[all]:", stays, "for ever:", name];
        lab::outside::python(TYPE, &[&answers[..], &forget].concat())
    };
    let wrong = typed("c", "c");
    assert!(wrong.code == 1 && wrong.out.contains("that is not the name"), "{wrong:?}");
    assert_eq!(members(&b), 3);
    // Who holds itself in by way of the machine that goes must stay, too.
    let refused = typed("none", "a");
    assert!(refused.code == 1 && refused.out.contains("keep \"b\" as well"), "{refused:?}");
    let done = typed("b, c", "a");
    assert!(done.code == 0 && done.out.contains("stay: “b”, “c”"), "{done:?}");
    assert!(done.out.contains("Forgot “a”"), "{done:?}");
    until_true("heard", SOON, || role(&a) == "forgotten" && members(&c) == 2);
}
