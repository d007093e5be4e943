//! Tables changed by somebody who writes SQL into the `sqlite3` program, and a file that is written anew.

use dunlin_tests::lab::outside::{has, project, run, sqlite3};

use super::till::Names;
use super::upgrade::{Act, Project, Quirk};

const OLD: Names = Names::PLAIN;
const NEW: Names = Names { note: "remark", ..Names::PLAIN.newer() };

/// The statements of a file in `tests/tools/by_hand`.
fn statements(name: &'static str) -> Act {
    Box::new(move |file| {
        let sql = std::fs::read_to_string(project("by_hand").join(name)).unwrap();
        let told = sqlite3(file, &sql);
        assert!(told.code == 0 && told.err.is_empty(), "{name}: {told:?}");
    })
}

fn by_hand(upgrade: Act, new: Names) -> Option<Project> {
    has("sqlite3", "tables changed by hand").then(|| Project {
        old: OLD,
        new,
        make: statements("old.sql"),
        upgrade,
        check: Box::new(|_| ()),
        quirks: &[],
    })
}

/// A program that reads the whole file, and writes another one in its place.
fn renamed() -> Option<Project> {
    let act: Act = Box::new(|file| {
        let (program, file) = (project("by_hand").join("renamed.py"), file.to_owned());
        let told = run("python3", &[program.to_str().unwrap(), file.to_str().unwrap()], "");
        assert_eq!(told.code, 0, "{told:?}");
    });
    let project = by_hand(act, NEW).filter(|_| has("python3", "a file that is written anew"))?;
    Some(Project { quirks: &[Quirk::Replaced], ..project })
}

#[test]
fn what_is_done_by_hand_does_what_its_stories_take_for_granted() {
    let acts = ["put_away.sql", "in_steps.sql"].map(|name| by_hand(statements(name), NEW));
    for project in acts.into_iter().chain([renamed()]).flatten() {
        project.is_sound();
    }
}

#[test]
fn a_table_that_is_put_away_and_kept_is_followed_by_the_one_in_its_place() {
    let Some(project) = by_hand(statements("put_away.sql"), NEW) else { return };
    project.is_migrated_one_machine_at_a_time();
}

#[test]
fn a_table_that_is_filled_in_steps_loses_no_row() {
    let Some(project) = by_hand(statements("in_steps.sql"), NEW) else { return };
    let project = Project { quirks: &[Quirk::InSteps], ..project };
    project.is_migrated_one_machine_at_a_time();
}

#[test]
fn two_columns_that_change_their_names_with_each_other_keep_what_they_say() {
    let new = Names { note: "shelf", shelf: Some("note"), ..OLD };
    let Some(project) = by_hand(statements("swap.sql"), new) else { return };
    project.is_migrated_one_machine_at_a_time();
}

#[test]
fn a_file_that_is_written_anew_and_renamed_into_place_is_opened_and_loses_no_row() {
    let Some(project) = renamed() else { return };
    project.is_migrated_one_machine_at_a_time();
}
