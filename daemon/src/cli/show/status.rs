//! `dunlin status`: this machine, what needs a person, its tables, its partners, who else is there.

use std::fmt::Write as _;

use chrono::NaiveDateTime;
use dunlin_rpc::wire::admin::{PartnerStatus, SightingStatus, Status};

use super::attention;
use super::lists;
use super::table::Grid;
use crate::cli::output::Look;
use crate::cli::text::{count, foreign, from_now, sentence, span};

/// The states of a partner that do not end by themselves.
const STATES_FOR_A_PERSON: [&str; 2] = ["identity problem", "stopped"];

/// Whether something stands that no machine will settle: the reason for exit code 5.
pub fn needs_a_person(status: &Status) -> bool {
    !needs(status).is_empty()
}

/// Whether a partner's state waits for a person.
pub(super) fn stuck(partner: &PartnerStatus) -> bool {
    STATES_FOR_A_PERSON.contains(&partner.state.to_lowercase().as_str())
}

/// What needs a person: the machine's own sentences; where it has none, those that its numbers tell.
fn needs(status: &Status) -> Vec<String> {
    if !status.attention.is_empty() {
        return status.attention.iter().map(attention::sentence).collect();
    }
    let tables = || status.databases.iter().flat_map(|database| &database.tables);
    let held: u64 = tables().map(|table| table.held).sum();
    let conflicts: u64 = tables().map(|table| table.conflicts).sum();

    let mut lines: Vec<String> = status
        .partners
        .iter()
        .filter(|partner| stuck(partner))
        .map(|partner| {
            let why = partner
                .reason
                .as_deref()
                .map_or(String::new(), |why| format!(": {}", sentence(why)));
            format!("“{}”: {}{why}", foreign(&partner.name), foreign(&partner.state))
        })
        .collect();
    if held > 0 {
        let rows = count(held, "row is", "rows are");
        lines.push(format!("{rows} held and cannot be shown; see `dunlin held`"));
    }
    if conflicts > 0 {
        let versions = count(conflicts, "version", "versions");
        lines.push(format!("{versions} lost against another; see `dunlin conflicts`"));
    }
    lines
}

/// The whole status.
pub fn status(status: &Status, look: Look, now: NaiveDateTime) -> String {
    let machine = &status.machine;
    let mut text = foreign(&machine.name);
    let _ = write!(text, ", machine {}, version {}", machine.id, foreign(&machine.version));
    if machine.members > 0 {
        let _ = write!(text, ", in a shop of {}", count(machine.members, "machine", "machines"));
        if !machine.role.is_empty() {
            let _ = write!(text, " as {}", foreign(&machine.role));
        }
    }
    if machine.paused {
        text += ", all partners paused";
    }
    if status.uptime > 0 {
        let _ = write!(text, ", running for {}", span(status.uptime));
    }
    text.push('\n');

    let needs = needs(status);
    if !needs.is_empty() {
        text += "\nNeeds attention\n";
        for line in needs {
            let _ = writeln!(text, " ! {line}");
        }
    }
    if let Some(rotation) = &status.machine.rotation {
        let _ = write!(text, "\n{}", crate::cli::key::under_way(rotation));
    }
    if !status.doors.is_empty() {
        text += "\nOpen to the network\n";
        for line in &status.doors {
            let _ = writeln!(text, " - {}", sentence(line));
        }
    }
    for database in &status.databases {
        let (name, epoch) = (foreign(&database.name), foreign(&database.epoch));
        let _ = writeln!(text, "\nDatabase {name}, epoch {epoch}");
        text += &lists::tables(&database.tables, &[], look);
    }
    text += "\nPartners\n";
    text += &lists::partners(&status.partners, look, now);
    text += &lists::unlike(&status.partners);
    if !status.happened.is_empty() {
        text += "\nWhat other programs did\n";
        for one in &status.happened {
            let when = from_now(&one.time, now);
            let _ =
                writeln!(text, " - {when}, {}: {}", foreign(&one.database), sentence(&one.what));
        }
    }
    if !status.sightings.is_empty() {
        text += "\nSeen on the network, not trusted\n";
        text += &sightings(&status.sightings, look);
    }
    if !status.sign_ins.is_empty() {
        text += "\nWrong passwords of the last day\n";
        text += &super::sign_ins(&status.sign_ins, look);
    }
    text
}

pub(super) fn sightings(sightings: &[SightingStatus], look: Look) -> String {
    let mut grid = Grid::new(&["Name", "Address", "Id"], look);
    for seen in sightings {
        grid.row([&seen.name, &seen.address, &seen.id].map(|text| foreign(text).into()));
    }
    grid.text()
}
