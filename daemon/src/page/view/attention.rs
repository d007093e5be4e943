//! What needs a person: what happened, what it means for the shop, and the button that mends it.

use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::overview::Attention;
use dunlin_rpc::wire::shop::Named;

use super::press::Press;
use super::trying;
use crate::page::texts::Texts;
use crate::page::words;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) struct Line {
    /// `bad` when it is broken now, `warn` when it will be.
    pub(in crate::page) class: &'static str,
    pub(in crate::page) what: String,
    pub(in crate::page) means: String,
    pub(in crate::page) mend: Option<Press>,
}

/// All of them, the gravest first; what a bar above the page says already is not said again.
pub(in crate::page) fn lines(t: Texts, status: &Status, has_bar: bool) -> Vec<Line> {
    let is_said = |one: &&Attention| !(has_bar && matches!(one, Attention::Trying(_)));
    status.attention.iter().filter(is_said).map(|one| line(t, one)).collect()
}

fn line(t: Texts, attention: &Attention) -> Line {
    let lead = |path: &str, word, id: &str| Some(Press::lead(path.to_owned(), word, id.to_owned()));
    let (class, what, means, mend) = match attention {
        Attention::Copied { reason } => (
            "bad",
            t.of("attention.copied").to_owned(),
            t.with("attention.copied_means", &[("reason", &words::sentence(reason))]),
            lead("/about#identity", t.of("attention.how"), "mend-copied"),
        ),
        Attention::Partner { id, name, state, reason } => partner(t, (id, name, state, reason)),
        Attention::Odd { id, name, reason } => odd(t, (id, name, reason)),
        Attention::Clock { name, seconds, .. } => clock(t, name, *seconds),
        Attention::Held { table, rows } => (
            "warn",
            t.count_with("attention.held", *rows, &[("table", &words::foreign(table))]),
            t.of("attention.held_means").to_owned(),
            lead("/held", t.of("attention.held_do"), "mend-held"),
        ),
        Attention::Deletes { table, partner, rows } => (
            "warn",
            t.count_with(
                "attention.deletes",
                *rows,
                &[("table", &words::foreign(table)), ("partner", &words::foreign(partner))],
            ),
            t.of("attention.deletes_means").to_owned(),
            lead("/held", t.of("attention.held_do"), "mend-deletes"),
        ),
        Attention::Schema { rows } => (
            "warn",
            t.count("attention.schema", *rows),
            t.of("attention.schema_means").to_owned(),
            lead("/held", t.of("attention.held_do"), "mend-schema"),
        ),
        Attention::Conflicts { table, count } => (
            "warn",
            t.count_with("attention.conflicts", *count, &[("table", &words::foreign(table))]),
            t.of("attention.conflicts_means").to_owned(),
            lead("/conflicts", t.of("attention.conflicts_do"), "mend-conflicts"),
        ),
        Attention::HistoryLost { sessions } => (
            "warn",
            t.count("attention.history", *sessions),
            t.of("attention.history_means").to_owned(),
            lead("/log", t.of("attention.log_do"), "mend-history"),
        ),
        Attention::Disk { free_mb } => (
            "bad",
            t.with("attention.disk", &[("mb", &words::number(t, *free_mb))]),
            t.of("attention.disk_means").to_owned(),
            None,
        ),
        Attention::Multicast => (
            "warn",
            t.of("attention.multicast").to_owned(),
            t.of("attention.multicast_means").to_owned(),
            lead("/let-in", t.of("let_in.button"), "mend-multicast"),
        ),
        Attention::Forgotten { .. }
        | Attention::Lost
        | Attention::Strays { .. }
        | Attention::OneKeeper { .. } => shop(t, attention),
        Attention::Trying(waiting) => {
            ("warn", trying::changes(t, waiting).join(" "), trying::left(t, waiting.seconds), None)
        }
        Attention::PageShut { reason } => (
            "warn",
            t.of("attention.shut").to_owned(),
            t.with("attention.shut_means", &[("reason", &words::sentence(reason))]),
            lead("/settings", t.of("nav.settings"), "mend-shut"),
        ),
        Attention::Other { text } => ("warn", words::sentence(text), String::new(), None),
    };
    Line { class, what, means, mend }
}

type Told = (&'static str, String, String, Option<Press>);

/// What is wrong with the shop itself.
fn shop(t: Texts, attention: &Attention) -> Told {
    match attention {
        Attention::Forgotten { by, at } => (
            "bad",
            t.with(
                "attention.forgotten",
                &[("name", &words::foreign(by)), ("time", &words::clock(t, at))],
            ),
            t.of("attention.forgotten_means").to_owned(),
            None,
        ),
        Attention::Lost => (
            "bad",
            t.of("attention.lost").to_owned(),
            t.of("attention.lost_means").to_owned(),
            None,
        ),
        Attention::Strays { machines } => strays(t, machines),
        Attention::OneKeeper { name, .. } => (
            "warn",
            t.with("attention.one_keeper", &[("name", &words::foreign(name))]),
            t.of("attention.one_keeper_means").to_owned(),
            None,
        ),
        // What is about something else is told above.
        _ => ("warn", String::new(), String::new(), None),
    }
}

/// Machines that are out with whoever let them in; one alone can be let in again right here.
fn strays(t: Texts, machines: &[Named]) -> Told {
    let what = t.count("attention.strays", machines.len() as u64);
    let names: Vec<String> = machines
        .iter()
        .take(3)
        .map(|one| {
            format!("“{}” ({})", words::foreign(&one.name), words::short(&one.id.to_string()))
        })
        .collect();
    let means = t.with("attention.strays_means", &[("names", &names.join(", "))]);
    let mend = match machines {
        [one] => {
            let press = Press::post(
                "/do/let-in-again",
                t.of("attention.strays_do"),
                "mend-stray".to_owned(),
            );
            Some(press.with("partner", one.id.to_string()).about(&words::foreign(&one.name)))
        }
        _ => None,
    };
    ("warn", what, means, mend)
}

type Of<'a> = (&'a uuid::Uuid, &'a str, &'a str, &'a str);

fn partner(t: Texts, (id, name, state, reason): Of<'_>) -> Told {
    let name = words::foreign(name);
    let reason = words::sentence(reason);
    let names = [("name", name.as_str()), ("reason", reason.as_str())];
    if state == "Identity problem" {
        let forget = Press::lead(
            format!("/forget?partner={id}"),
            t.of("partner.forget"),
            format!("mend-identity-{id}"),
        );
        let what = t.with("attention.identity", &names);
        let means = t.with("attention.identity_means", &names);
        return ("bad", what, means, Some(forget.about(&name)));
    }
    let again = Press::post("/do/sync", t.of("attention.again"), format!("mend-stopped-{id}"))
        .with("partner", id.to_string());
    let what = t.with("attention.stopped", &names);
    ("bad", what, t.with("attention.stopped_means", &names), Some(again.about(&name)))
}

fn odd(t: Texts, (id, name, reason): (&uuid::Uuid, &str, &str)) -> Told {
    let name = words::foreign(name);
    let path = format!("/forget?partner={id}");
    let forget = Press::lead(path, t.of("partner.forget"), format!("mend-odd-{id}"));
    let what = t.with("attention.odd", &[("name", &name)]);
    let means = t.with("attention.odd_means", &[("reason", &words::sentence(reason))]);
    ("warn", what, means, Some(forget.about(&name)))
}

fn clock(t: Texts, name: &str, seconds: i64) -> Told {
    let name = words::foreign(name);
    let apart = words::span(t, seconds.unsigned_abs());
    let names = [("name", name.as_str()), ("span", apart.as_str())];
    let key = if seconds > 0 { "attention.clock_ahead" } else { "attention.clock_behind" };
    ("warn", t.with(key, &names), t.of("attention.clock_means").to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    const T: Texts = Texts { language: Language::English };

    #[test]
    fn a_line_says_what_happened_what_it_means_and_what_mends_it() {
        let held = line(T, &Attention::Held { table: "parts".into(), rows: 2 });
        assert!(held.what.contains("parts") && held.what.contains('2'), "{held:?}");
        assert!(!held.means.is_empty());
        assert_eq!(held.mend.unwrap().action, "/held");
    }

    #[test]
    fn a_clock_is_ahead_or_behind() {
        let clock = |seconds| {
            line(T, &Attention::Clock { id: uuid::Uuid::nil(), name: "till".into(), seconds }).what
        };
        assert_ne!(clock(90), clock(-90));
        assert!(clock(90).contains("1 minute"), "{}", clock(90));
    }

    #[test]
    fn a_partner_whose_identity_does_not_hold_can_be_forgotten() {
        let attention = Attention::Partner {
            id: uuid::Uuid::nil(),
            name: "x".repeat(300),
            state: "Identity problem".into(),
            reason: "two machines have its key".into(),
        };
        let line = line(T, &attention);
        assert_eq!(line.class, "bad");
        assert!(line.mend.unwrap().action.starts_with("/forget?partner="));
        assert!(!line.what.contains(&"x".repeat(65)), "a name is cut");
    }
}
