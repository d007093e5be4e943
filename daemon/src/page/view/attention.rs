//! What needs a person: what happened, what it means for the shop, and the button that mends it.
//!
//! # Invariants
//!
//! * Every line has a button, or leads to the place that says how.
//! * What is broken now stands above what will be.
//! * A button that its visitor may not press is not shown to him.

use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::overview::Attention;
use dunlin_rpc::wire::shop::Named;

use super::press::Press;
use super::said;
use super::trying;
use crate::page::form;
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// So many lines are shown at once; the others are a click away.
const LINES: usize = 3;
/// So many machines of one line have a button each.
const STRAYS: usize = 3;

/// What needs a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::page) struct Strip {
    pub(in crate::page) first: Vec<Line>,
    pub(in crate::page) rest: Vec<Line>,
    pub(in crate::page) rest_words: String,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::page) struct Line {
    /// `bad` when it is broken now, `warn` when it will be.
    pub(in crate::page) class: &'static str,
    pub(in crate::page) what: String,
    pub(in crate::page) means: String,
    pub(in crate::page) mends: Vec<Press>,
}

/// Who looks, and at what.
#[derive(Clone, Copy, Debug)]
struct Look<'a> {
    t: Texts,
    status: &'a Status,
    can_write: bool,
    can_admin: bool,
    /// A bar above the page says that settings are tried.
    has_bar: bool,
}

/// All of them, the gravest first.
pub(in crate::page) fn strip(frame: &Frame, status: &Status) -> Strip {
    let (t, can_write, can_admin) = (frame.t, frame.can_write, frame.can_admin);
    told(Look { t, status, can_write, can_admin, has_bar: frame.trying.is_some() })
}

fn told(look: Look<'_>) -> Strip {
    let t = look.t;
    let mut lines: Vec<Line> = each(look).map(|one| line(look, one)).collect();
    lines.extend(all_deletes(look));
    lines.sort_by_key(|line| line.class != "bad");
    let rest = lines.split_off(lines.len().min(LINES));
    let rest_words = t.count("attention.rest", rest.len() as u64);
    Strip { first: lines, rest, rest_words }
}

fn is_deletes(one: &Attention) -> bool {
    matches!(one, Attention::Deletes { .. })
}

/// What has a line of its own: deletes that wait share one, since they are decided together.
/// What a bar above the page says already is not said again.
fn each(look: Look<'_>) -> impl Iterator<Item = &Attention> {
    let all = look.status.attention.iter();
    let many = all.clone().filter(|one| is_deletes(one)).count() > 1;
    let is_said = move |one: &&Attention| look.has_bar && matches!(one, Attention::Trying(_));
    all.filter(move |one| !(is_said(one) || many && is_deletes(one)))
}

/// The line of deletes that came over several links or in several tables.
fn all_deletes(look: Look<'_>) -> Option<Line> {
    let t = look.t;
    let (mut groups, mut all, mut tables) = (0, 0, Vec::new());
    for one in &look.status.attention {
        let Attention::Deletes { table, rows, .. } = one else { continue };
        (groups, all) = (groups + 1, all + rows);
        let table = words::foreign(table);
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    let rest = tables.len() > STRAYS;
    tables.truncate(STRAYS);
    tables.extend(rest.then(|| "…".to_owned()));
    let names = [("tables", &*tables.join(", "))];
    (groups > 1).then(|| deletes(look, t.count_with("attention.all_deletes", all, &names)))
}

fn deletes(look: Look<'_>, what: String) -> Line {
    let t = look.t;
    warn(what, t.of("attention.deletes_means"))
        .mend(lead("/held", t.of("attention.held_do"), "mend-deletes"))
        .mend_if(look.can_write, lead("/held/accept", t.of("held.accept_all"), "let-go"))
}

fn lead(path: &str, word: &'static str, id: &str) -> Press {
    Press::lead(path.to_owned(), word, id.to_owned())
}

fn bad(what: String, means: String) -> Line {
    Line { class: "bad", what, means, mends: Vec::new() }
}

fn warn(what: String, means: impl Into<String>) -> Line {
    Line { class: "warn", what, means: means.into(), mends: Vec::new() }
}

impl Line {
    fn mend(mut self, press: Press) -> Self {
        self.mends.push(press);
        self
    }

    /// For those who may.
    fn mend_if(self, may: bool, press: Press) -> Self {
        if may { self.mend(press) } else { self }
    }
}

fn line(look: Look<'_>, attention: &Attention) -> Line {
    let t = look.t;
    match attention {
        Attention::Copied { reason } => {
            let reason = said::sentence(t, reason);
            bad(
                t.of("attention.copied").to_owned(),
                t.with("attention.copied_means", &[("reason", &reason)]),
            )
            .mend(lead("/about#identity", t.of("attention.how"), "mend-copied"))
        }
        Attention::Partner { id, name, state, reason } => partner(look, (id, name, state, reason)),
        Attention::Odd { id, name, reason } => odd(look, (id, name, reason)),
        Attention::Clock { id, name, seconds, ours } => clock(look, (id, name), *seconds, *ours),
        Attention::HistoryLost { sessions } => {
            warn(t.count("attention.history", *sessions), t.of("attention.history_means"))
                .mend(log(look, "mend-history"))
        }
        Attention::Disk { free_mb } => bad(
            t.with("attention.disk", &[("mb", &words::number(t, *free_mb))]),
            t.of("attention.disk_means").to_owned(),
        )
        .mend(lead("/about#disk", t.of("attention.disk_do"), "mend-disk"))
        .mend(lead("/", t.of("attention.disk_again"), "look-disk")),
        Attention::Multicast => {
            let line =
                warn(t.of("attention.multicast").to_owned(), t.of("attention.multicast_means"))
                    .mend_if(
                        look.can_admin,
                        lead("/let-in", t.of("let_in.button"), "mend-multicast"),
                    );
            line.mend(lead("/unseen", t.of("attention.how"), "how-multicast"))
        }
        Attention::Password { user, wrong, from } => password(look, user, *wrong, from),
        Attention::Held { .. }
        | Attention::Deletes { .. }
        | Attention::Schema { .. }
        | Attention::Went { .. }
        | Attention::Nameless { .. }
        | Attention::Undeclared { .. }
        | Attention::Away { .. }
        | Attention::Conflicts { .. } => rows(look, attention),
        Attention::Forgotten { .. }
        | Attention::Lost
        | Attention::Strays { .. }
        | Attention::OneKeeper { .. } => shop(look, attention),
        Attention::Trying(waiting) => {
            let what = trying::changes(t, waiting).join(" ");
            let settings = lead("/settings", t.of("nav.settings"), "mend-trying");
            let how = lead("/about#help", t.of("attention.how"), "how-trying");
            warn(what, trying::left(t, waiting.seconds))
                .mend_if(look.can_admin, settings)
                .mend_if(!look.can_admin, how)
        }
        Attention::PageShut { reason } => {
            let reason = said::sentence(t, reason);
            let settings = lead("/settings", t.of("nav.settings"), "mend-shut");
            let how = lead("/about#help", t.of("attention.how"), "how-shut");
            warn(
                t.of("attention.shut").to_owned(),
                t.with("attention.shut_means", &[("reason", &reason)]),
            )
            .mend_if(look.can_admin, settings)
            .mend_if(!look.can_admin, how)
        }
        Attention::Other { text } => {
            warn(said::sentence(t, text), "").mend(log(look, "mend-other"))
        }
    }
}

/// The log is an admin's; what to do without it stands elsewhere.
fn log(look: Look<'_>, id: &str) -> Press {
    if look.can_admin {
        lead("/log", look.t.of("attention.log_do"), id)
    } else {
        lead("/about#help", look.t.of("attention.how"), id)
    }
}

/// Rows that wait for a person.
fn rows(look: Look<'_>, attention: &Attention) -> Line {
    let t = look.t;
    let see = |id: &str| lead("/held", t.of("attention.held_do"), id);
    // A table has one line of a kind.
    let of = |kind: &str, table: &str| format!("{kind}-{}", form::escaped(table));
    match attention {
        Attention::Held { table, rows } => {
            let (id, table) = (of("mend-held", table), words::foreign(table));
            let names = [("table", table.as_str())];
            warn(t.count_with("attention.held", *rows, &names), t.of("attention.held_means"))
                .mend(see(&id).about(&table))
        }
        Attention::Deletes { table, partner, rows } => {
            let (table, partner) = (words::foreign(table), words::foreign(partner));
            let names = [("table", table.as_str()), ("partner", partner.as_str())];
            deletes(look, t.count_with("attention.deletes", *rows, &names))
        }
        Attention::Schema { rows } => {
            warn(t.count("attention.schema", *rows), t.of("attention.schema_means"))
                .mend(see("mend-schema"))
        }
        Attention::Went { table, what, rows } => {
            let (id, table) = (of("mend-went", table), words::foreign(table));
            let what = said::sentence(t, what);
            let back = Press::post("/do/keep-all", t.of("attention.went_do"), id);
            let go = lead("/held/accept", t.of("attention.went_go"), &of("go-went", &table));
            warn(
                t.count_with("attention.went", *rows, &[("table", &table)]),
                t.with("attention.went_means", &[("what", &what)]),
            )
            .mend(see(&of("see-went", &table)).about(&table))
            .mend_if(look.can_write, back.about(&table))
            .mend_if(look.can_write, go.about(&table))
        }
        Attention::Nameless { table, columns, rows } => {
            let (table, columns) = (words::foreign(table), words::foreign(&columns.join(", ")));
            warn(
                t.count_with("attention.nameless", *rows, &[("table", &table)]),
                t.with("attention.nameless_means", &[("columns", &columns)]),
            )
            .mend(lead("/tables", t.of("nav.tables"), &of("mend-nameless", &table)).about(&table))
        }
        Attention::Undeclared { table, column, parent, late } => {
            undeclared(look, (table, column, parent), *late)
        }
        Attention::Away { table, reason } => {
            let (id, table) = (of("mend-away", table), words::foreign(table));
            let reason = said::sentence(t, reason);
            warn(
                t.with("attention.away", &[("table", &table)]),
                t.with("attention.away_means", &[("reason", &reason)]),
            )
            .mend(lead("/tables", t.of("nav.tables"), &id).about(&table))
        }
        Attention::Conflicts { table, count } => {
            let (id, table) = (of("mend-conflicts", table), words::foreign(table));
            let what = t.count_with("attention.conflicts", *count, &[("table", &table)]);
            let compare = lead("/conflicts", t.of("attention.conflicts_do"), &id);
            warn(what, t.of("attention.conflicts_means")).mend(compare.about(&table))
        }
        // What is about something else is told elsewhere.
        _ => Line::default(),
    }
}

/// A column that looks like a reference: yes or no, and once others have the rows only no.
fn undeclared(look: Look<'_>, (table, column, parent): (&str, &str, &str), late: bool) -> Line {
    let t = look.t;
    let exact = format!("{table}.{column}");
    let shown = words::foreign(&exact);
    let names = [("column", shown.as_str()), ("parent", &*words::foreign(parent))];
    let means = if late { "attention.undeclared_late" } else { "attention.undeclared_means" };
    let press = |word: &'static str, id: &str| {
        let id = format!("{id}-{}", form::escaped(&exact));
        Press::post("/do/track", t.of(word), id).with("table", table.to_owned()).about(&shown)
    };
    let yes = press("attention.undeclared_yes", "yes-undeclared");
    let no = press("attention.undeclared_no", "no-undeclared");
    let id = format!("mend-undeclared-{}", form::escaped(&exact));
    let tables = lead("/tables", t.of("nav.tables"), &id);
    warn(t.with("attention.undeclared", &names), t.of(means))
        .mend_if(look.can_admin && !late, yes.with("reference", format!("{exact}={parent}")))
        .mend_if(look.can_admin, no.with("no_reference", exact))
        .mend_if(!look.can_admin, tables.about(&shown))
}

/// What is wrong with the shop itself.
fn shop(look: Look<'_>, attention: &Attention) -> Line {
    let t = look.t;
    let again = || lead("/join-shop", t.of("attention.join_again"), "mend-out");
    match attention {
        Attention::Forgotten { by, at } => bad(
            t.with(
                "attention.forgotten",
                &[("name", &words::foreign(by)), ("time", &words::clock(t, at))],
            ),
            t.of("attention.forgotten_means").to_owned(),
        )
        .mend_if(look.can_admin, again())
        .mend(lead("/about#out", t.of("attention.how"), "how-out")),
        Attention::Lost => {
            bad(t.of("attention.lost").to_owned(), t.of("attention.lost_means").to_owned())
                .mend_if(look.can_admin, again())
                .mend(lead("/about#out", t.of("attention.how"), "how-out"))
        }
        Attention::Strays { machines } => strays(look, machines),
        Attention::OneKeeper { id, name } => one_keeper(look, id, name),
        // What is about something else is told elsewhere.
        _ => Line::default(),
    }
}

/// Machines that are out with whoever let them in. The first few can be let in again right here.
fn strays(look: Look<'_>, machines: &[Named]) -> Line {
    let t = look.t;
    let what = t.count("attention.strays", machines.len() as u64);
    let name = |one: &Named| {
        format!("“{}” ({})", words::foreign(&one.name), words::short(&one.id.to_string()))
    };
    let names: Vec<String> = machines.iter().take(STRAYS).map(name).collect();
    let means = t.with("attention.strays_means", &[("names", &names.join(", "))]);
    let again = |one: &Named| {
        let press = Press::post(
            "/do/let-in-again",
            t.of("attention.strays_do"),
            format!("mend-stray-{}", one.id),
        );
        let press = press.with("partner", one.id.to_string()).about(&words::foreign(&one.name));
        if machines.len() > 1 { press.named() } else { press }
    };
    let line = warn(what, means);
    let mends = machines.iter().take(STRAYS).filter(|_| look.can_admin).map(again);
    let line = Line { mends: mends.collect(), ..line };
    line.mend(lead("/about#keeper", t.of("attention.how"), "how-strays"))
}

/// On the keeper itself a second one can be made; elsewhere it is said where.
fn one_keeper(look: Look<'_>, id: &uuid::Uuid, name: &str) -> Line {
    let t = look.t;
    let name = words::foreign(name);
    let names = [("name", name.as_str())];
    let how = lead("/about#keeper", t.of("attention.how"), "how-keeper");
    if *id != look.status.machine.id {
        let line = warn(
            t.with("attention.one_keeper", &names),
            t.with("attention.one_keeper_there", &names),
        );
        return line.mend(how);
    }
    let line =
        warn(t.of("attention.one_keeper_here").to_owned(), t.of("attention.one_keeper_means"));
    let members = look.status.partners.iter().filter(|one| one.role == "member");
    let press = |one: &dunlin_rpc::wire::admin::PartnerStatus| {
        let press =
            Press::post("/do/promote", t.of("partner.promote"), format!("mend-keeper-{}", one.id));
        press.with("partner", one.id.to_string()).about(&words::foreign(&one.name)).named()
    };
    let mends: Vec<Press> = members.filter(|_| look.can_admin).take(STRAYS).map(press).collect();
    Line { mends, ..line }.mend(how)
}

type Of<'a> = (&'a uuid::Uuid, &'a str, &'a str, &'a str);

fn partner(look: Look<'_>, (id, name, state, reason): Of<'_>) -> Line {
    let t = look.t;
    let name = words::foreign(name);
    let reason = said::sentence(t, reason);
    let names = [("name", name.as_str()), ("reason", reason.as_str())];
    if state == "Identity problem" {
        let line =
            bad(t.with("attention.identity", &names), t.with("attention.identity_means", &names));
        let path = format!("/forget?partner={id}");
        let forget = Press::lead(path, t.of("partner.forget"), format!("mend-identity-{id}"));
        let how = lead("/about#identity", t.of("attention.how"), &format!("how-identity-{id}"));
        return line.mend_if(look.can_admin, forget.about(&name)).mend(how.about(&name));
    }
    let line = bad(t.with("attention.stopped", &names), t.with("attention.stopped_means", &names));
    let again = again(id, &name, t.of("attention.again"), "mend-stopped");
    let how = lead("/about#help", t.of("attention.how"), &format!("how-stopped-{id}"));
    line.mend_if(look.can_write, again).mend_if(!look.can_write, how)
}

/// Asks the partner anew.
fn again(id: &uuid::Uuid, name: &str, word: &'static str, what: &str) -> Press {
    let press = Press::post("/do/sync", word, format!("{what}-{id}"));
    press.with("partner", id.to_string()).about(name)
}

fn odd(look: Look<'_>, (id, name, reason): (&uuid::Uuid, &str, &str)) -> Line {
    let t = look.t;
    let name = words::foreign(name);
    let reason = said::sentence(t, reason);
    let line = warn(
        t.with("attention.odd", &[("name", &name)]),
        t.with("attention.odd_means", &[("reason", &reason)]),
    );
    let path = format!("/forget?partner={id}");
    let forget = Press::lead(path, t.of("partner.forget"), format!("mend-odd-{id}"));
    let sessions = format!("/history?partner={id}");
    let sessions = Press::lead(sessions, t.of("attention.history_do"), format!("see-odd-{id}"));
    line.mend(sessions.about(&name)).mend_if(look.can_admin, forget.about(&name))
}

/// Measured anew with each comparison, so asking for one looks again.
fn clock(look: Look<'_>, (id, name): (&uuid::Uuid, &str), seconds: i64, ours: bool) -> Line {
    let t = look.t;
    let name = words::foreign(name);
    let apart = words::span(t, seconds.unsigned_abs());
    let names = [("name", name.as_str()), ("span", apart.as_str())];
    let key = if seconds > 0 { "attention.clock_ahead" } else { "attention.clock_behind" };
    let means = if ours { "attention.clock_ours" } else { "attention.clock_means" };
    let again = again(id, &name, t.of("attention.clock_again"), "mend-clock");
    let how = lead("/about#clock", t.of("attention.how"), &format!("how-clock-{id}"));
    warn(t.with(key, &names), t.with(means, &names))
        .mend_if(look.can_write, again)
        .mend(how.about(&name))
}

/// Somebody forgot a password, or somebody else tries.
fn password(look: Look<'_>, user: &str, wrong: u32, from: &[String]) -> Line {
    let t = look.t;
    let name = words::foreign(user);
    let from: Vec<String> = from.iter().take(3).map(|one| said::place(t, one)).collect();
    let names = [("name", name.as_str())];
    let what = t.count_with("attention.password", u64::from(wrong), &names);
    let means = t.with("attention.password_means", &[("from", &from.join(", "))]);
    let path = format!("/people?user={}#users", form::escaped(user));
    let set = Press::lead(
        path,
        t.of("attention.password_do"),
        format!("mend-password-{}", form::escaped(user)),
    );
    let how = lead("/about#help", t.of("attention.how"), "how-password");
    warn(what, means).mend_if(look.can_admin, set.about(&name)).mend_if(!look.can_admin, how)
}

#[cfg(test)]
mod tests;
