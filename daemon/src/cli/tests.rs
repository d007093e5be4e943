//! What the command line takes and refuses, with which exit code.

use clap::CommandFactory as _;
use clap::Parser as _;

use super::args::{Cli, Command, HeldAct, Role, TokenAct, UserAct};
use super::*;

fn parse(line: &[&str]) -> Result<Command, clap::Error> {
    Cli::try_parse_from(std::iter::once(&"dunlin").chain(line)).map(|cli| cli.command)
}

/// The sentence with which a line is refused.
fn refused(line: &[&str]) -> String {
    let error = parse(line).expect_err("the line should be refused");
    assert!(error.use_stderr(), "help is no refusal");
    error.to_string()
}

#[test]
fn the_commands_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_that_answers_has_a_json_form_and_a_folder() {
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let has = |id| command.get_arguments().any(|argument| argument.get_id() == id);
        let alone = ["run", "demo", "completions", "help"].contains(&name);
        assert_eq!(has("json"), !alone, "{name}");
        // What looks at a file alone needs no machine.
        assert_eq!(has("data"), !alone && name != "check" || name == "run", "{name}");
    }
}

#[test]
fn deletes_that_wait_are_named_by_number_or_all_at_once() {
    for line in [&["held", "accept", "3"][..], &["held", "accept", "--all", "--yes"]] {
        assert!(matches!(parse(line), Ok(Command::Held(_))), "{line:?}");
    }
    for line in
        [&["held", "accept"][..], &["held", "keep", "--yes"], &["held", "keep", "3", "--all"]]
    {
        refused(line);
    }
}

#[test]
fn a_stamp_names_a_table_and_a_column_or_none() {
    let Ok(Command::Track(track)) =
        parse(&["track", "--all", "--stamp", "parts=made", "--stamp", "orders="])
    else {
        panic!("it should be taken");
    };
    assert_eq!(track.how.stamps, ["parts=made", "orders="]);
    for stamp in ["parts", "=made", ""] {
        assert!(refused(&["track", "--all", "--stamp", stamp]).contains("table=column"));
    }
}

#[test]
fn tables_are_left_out_of_all_and_of_nothing_else() {
    for line in [
        &["track", "--all", "--except", "a", "--except", "b"][..],
        &["track", "--all", "--dry-run", "--no-reference", "a.b"],
        &["track", "a", "--dry-run"],
        &["check", "shop.db"],
        &["check", "shop.db", "a", "b", "--json"],
        &["check", "shop.db", "--except", "a", "--references", "a.b=c", "--copies"],
    ] {
        assert!(parse(line).is_ok(), "{line:?}");
    }
    for line in [
        &["track", "a", "--except", "b"][..],
        &["track", "--dry-run"],
        &["track", "--except", "b"],
        &["check"],
        &["check", "shop.db", "a", "--except", "b"],
        &["check", "shop.db", "--no-reference", "a"],
        &["check", "shop.db", "--no-reference", ".b"],
        &["check", "shop.db", "--data", "/d"],
    ] {
        refused(line);
    }
    let Ok(Command::Check(check)) = parse(&["check", "f", "a", "--no-reference", "x.y"]) else {
        panic!("it should be taken");
    };
    let ask = check.how.track(&check.tables, &check.except);
    assert_eq!(
        (ask.all, ask.tables, ask.no_references),
        (false, vec!["a".into()], vec!["x.y".into()])
    );
}

#[test]
fn every_command_shows_an_example() {
    for command in Cli::command().get_subcommands() {
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Example"), "{}:\n{help}", command.get_name());
    }
}

#[test]
fn no_secret_can_be_given_as_an_argument() {
    fn walk(command: &clap::Command) {
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            assert!(!["password", "token", "key", "secret"].contains(&id), "{id}");
        }
        command.get_subcommands().for_each(walk);
    }
    walk(&Cli::command());
}

#[test]
fn data_and_json_stand_before_or_behind_an_act() {
    for line in [
        ["held", "--data", "/d", "--json", "retry", "4"],
        ["held", "retry", "4", "--data", "/d", "--json"],
    ] {
        let Ok(Command::Held(held)) = parse(&line) else { panic!("{line:?}") };
        assert_eq!(held.here.folder(), std::path::Path::new("/d"));
        assert!(held.here.json);
        assert!(matches!(held.act, Some(HeldAct::Retry { number: Some(4) })));
    }
}

#[test]
fn track_takes_tables_or_all() {
    assert!(parse(&["track", "parts", "orders"]).is_ok());
    assert!(parse(&["track", "--all", "--references", "lines.order=orders"]).is_ok());
    assert!(refused(&["track"]).contains("required"));
    assert!(refused(&["track", "parts", "--all"]).contains("cannot be used with"));
    for reference in ["lines=orders", "lines.order", ".order=orders", "lines.=orders", "a.b="] {
        let told = refused(&["track", "--all", "--references", reference]);
        assert!(told.contains("child.column=parent"), "{told}");
    }
}

#[test]
fn invite_takes_uses_and_a_time() {
    let invite = |line: &[&str]| match parse(line) {
        Ok(Command::Invite(invite)) => (invite.uses, invite.expires.as_secs()),
        other => panic!("{other:?}"),
    };
    assert_eq!(invite(&["invite"]), (1, 900));
    assert_eq!(invite(&["invite", "--uses", "30", "--expires", "2d"]), (30, 172_800));
    assert_eq!(invite(&["invite", "--expires", "8h"]), (1, 28_800));
    for time in ["15", "m", "-5m", "15w", "59s", "31d", "15mm", "15 m", "99999999999999999999d"] {
        let told = refused(&["invite", &format!("--expires={time}")]);
        assert!(told.contains("15m") || told.contains("1 minute"), "{time}: {told}");
    }
    for uses in ["0", "257", "x"] {
        refused(&["invite", "--uses", uses]);
    }
}

#[test]
fn init_takes_loopback_for_the_page_only() {
    let base = ["init", "--database", "shop.db"];
    assert!(parse(&base).is_ok());
    assert!(parse(&[&base[..], &["--admin-listen", "127.0.0.1:0"]].concat()).is_ok());
    assert!(parse(&[&base[..], &["--partner-listen", "[::]:7474"]].concat()).is_ok());
    let told = refused(&[&base[..], &["--admin-listen", "0.0.0.0:7475"]].concat());
    assert!(told.contains("only this computer may call here"), "{told}");
    assert!(refused(&[&base[..], &["--name", "a\nb"]].concat()).contains("printable"));
    assert!(refused(&["init"]).contains("--database"));
}

#[test]
fn the_demo_has_two_to_eight_machines_and_an_end_that_comes() {
    for (machines, fine) in [("1", false), ("2", true), ("8", true), ("9", false), ("-1", false)] {
        assert_eq!(parse(&["demo", "--machines", machines]).is_ok(), fine, "{machines}");
    }
    for (seconds, fine) in [("0", false), ("1", true), ("86400", true), ("86401", false)] {
        assert_eq!(parse(&["demo", "--seconds", seconds]).is_ok(), fine, "{seconds}");
    }
    let Ok(Command::Demo(demo)) = parse(&["demo"]) else { panic!("no demo") };
    assert_eq!((demo.machines, demo.seconds), (3, None));
}

#[test]
fn a_user_reads_unless_said() {
    let act = |line: &[&str]| match parse(line) {
        Ok(Command::Users(users)) => users.act,
        other => panic!("{other:?}"),
    };
    assert!(matches!(act(&["users", "add", "ann"]), UserAct::Add { role: Role::Read, .. }));
    let line = ["users", "add", "ann", "--role", "write"];
    assert!(matches!(act(&line), UserAct::Add { role: Role::Write, .. }));
    assert!(matches!(act(&["users", "list"]), UserAct::List));
    refused(&["users", "add", "ann", "--role", "root"]);
    refused(&["users", "add", "ann", "--password", "hunter2"]);
    let line = ["users", "add", "ann", "--old-caller", "--generate"];
    assert!(matches!(act(&line), UserAct::Add { generate: true, old_caller: true, .. }));
    assert!(matches!(
        act(&["users", "role", "ann", "admin"]),
        UserAct::Role { role: Role::Admin, .. }
    ));
    refused(&["users", "role", "ann"]);
}

#[test]
fn a_token_reads_and_does_not_end_unless_said() {
    let act = |line: &[&str]| match parse(line) {
        Ok(Command::Tokens(tokens)) => tokens.act,
        other => panic!("{other:?}"),
    };
    let act_of = |line: &[&str]| match act(line) {
        TokenAct::Create { role, expires, from, .. } => {
            (role, expires.map(|life| life.as_secs()), from)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(act_of(&["tokens", "create", "report"]), (Role::Read, None, None));
    let line =
        ["tokens", "create", "x", "--role", "admin", "--expires", "90d", "--from", "10.0.0.0/8"];
    assert_eq!(act_of(&line), (Role::Admin, Some(90 * 86_400), Some("10.0.0.0/8".to_owned())));
    refused(&["tokens", "create", "x", "--expires", "never"]);
    refused(&["tokens", "create", ""]);
}

#[test]
fn history_takes_a_day_or_a_time() {
    let since = |text| match parse(&["history", "--since", text]) {
        Ok(Command::History(history)) => history.since,
        other => panic!("{other:?}"),
    };
    assert_eq!(since("2026-03-02").as_deref(), Some("2026-03-02 00:00:00"));
    assert_eq!(since("2026-03-02 08:30:00").as_deref(), Some("2026-03-02 08:30:00"));
    refused(&["history", "--since", "yesterday"]);
}

#[test]
fn exit_codes_are_the_documented_numbers() {
    let codes =
        [Exit::Ok, Exit::Failed, Exit::Usage, Exit::NoDaemon, Exit::NotAuthorised, Exit::Attention];
    assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4, 5]);
}
