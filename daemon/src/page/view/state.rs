//! The state words, each with a sign and a colour: never by colour alone.

use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::overview::Attention;

use crate::page::texts::Texts;

/// A state as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::page) struct Shown {
    pub(in crate::page) word: &'static str,
    pub(in crate::page) sign: &'static str,
    /// `good`, `busy`, `warn`, `bad` or `still`.
    pub(in crate::page) class: &'static str,
}

const fn shown(word: &'static str, sign: &'static str, class: &'static str) -> Shown {
    Shown { word, sign, class }
}

/// A partner's state word.
pub(in crate::page) fn partner(t: Texts, state: &str) -> Shown {
    match state {
        "Up to date" => shown(t.of("state.up_to_date"), "✓", "good"),
        "Catching up" => shown(t.of("state.catching_up"), "↻", "busy"),
        "Waiting" => shown(t.of("state.waiting"), "◑", "warn"),
        "Retrying" => shown(t.of("state.retrying"), "…", "warn"),
        "Paused" => shown(t.of("state.paused"), "‖", "still"),
        "Stopped" => shown(t.of("state.stopped"), "■", "bad"),
        "Identity problem" => shown(t.of("state.identity"), "‼", "bad"),
        "Waiting for pairing" => shown(t.of("state.pairing"), "◌", "still"),
        _ => shown(t.of("state.offline"), "○", "still"),
    }
}

/// A table's state against a partner.
pub(in crate::page) fn table(t: Texts, state: &str) -> Shown {
    match state {
        "equal" => shown(t.of("there.equal"), "✓", "good"),
        "catching up" => shown(t.of("there.catching_up"), "↻", "busy"),
        "differs" => shown(t.of("there.differs"), "≠", "warn"),
        "waiting" => shown(t.of("there.waiting"), "◑", "warn"),
        "not here" => shown(t.of("there.not_here"), "–", "still"),
        _ => shown(t.of("there.unknown"), "?", "still"),
    }
}

/// How a session ended.
pub(in crate::page) fn result(t: Texts, result: &str) -> Shown {
    match result {
        "success" => shown(t.of("result.success"), "✓", "good"),
        "warning" => shown(t.of("result.warning"), "!", "warn"),
        "fatal" => shown(t.of("result.fatal"), "■", "bad"),
        _ => shown(t.of("result.error"), "✗", "bad"),
    }
}

/// This machine, in one word: the gravest thing that holds.
pub(in crate::page) fn overall(t: Texts, status: &Status) -> Shown {
    let any = |state: &str| status.partners.iter().any(|partner| partner.state == state);
    let grave = |one: &Attention| {
        matches!(one, Attention::Copied { .. } | Attention::Partner { .. } | Attention::Disk { .. })
    };
    if status.attention.iter().any(grave) {
        shown(t.of("overall.trouble"), "‼", "bad")
    } else if !status.attention.is_empty() {
        shown(t.of("overall.attention"), "!", "warn")
    } else if status.partners.is_empty() {
        shown(t.of("overall.alone"), "○", "still")
    } else if any("Catching up") {
        partner(t, "Catching up")
    } else if any("Waiting") {
        partner(t, "Waiting")
    } else if any("Up to date") {
        // A till that is switched off is no trouble: it catches up when it comes back.
        partner(t, "Up to date")
    } else if status.partners.iter().all(|partner| partner.state == "Paused") {
        partner(t, "Paused")
    } else {
        shown(t.of("overall.nobody"), "○", "still")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;
    use dunlin_rpc::wire::admin::PartnerStatus;

    const T: Texts = Texts { language: Language::English };

    fn with(states: &[&str], attention: Vec<Attention>) -> Status {
        let partners = states
            .iter()
            .map(|state| PartnerStatus { state: (*state).to_owned(), ..PartnerStatus::default() });
        Status { partners: partners.collect(), attention, ..Status::default() }
    }

    #[test]
    fn the_state_words_are_the_fixed_ones() {
        for word in
            ["Up to date", "Waiting", "Catching up", "Retrying", "Paused", "Stopped", "Offline"]
        {
            assert_eq!(partner(T, word).word, word);
        }
        assert_eq!(partner(T, "Identity problem").word, "Identity problem");
        assert_eq!(partner(T, "Waiting for pairing").word, "Waiting for pairing");
    }

    #[test]
    fn no_two_states_of_a_kind_share_a_sign() {
        let words = [
            "Up to date",
            "Waiting",
            "Catching up",
            "Retrying",
            "Paused",
            "Stopped",
            "Offline",
            "Identity problem",
        ];
        let signs: std::collections::BTreeSet<_> =
            words.iter().map(|word| partner(T, word).sign).collect();
        assert_eq!(signs.len(), words.len());
    }

    #[test]
    fn the_machine_shows_the_gravest_of_its_states() {
        assert_eq!(overall(T, &with(&[], vec![])).class, "still");
        assert_eq!(overall(T, &with(&["Up to date", "Offline"], vec![])).word, "Up to date");
        assert_eq!(overall(T, &with(&["Up to date", "Catching up"], vec![])).word, "Catching up");
        let held = Attention::Held { table: "parts".into(), rows: 1 };
        assert_eq!(overall(T, &with(&["Up to date"], vec![held])).class, "warn");
        let copied = Attention::Copied { reason: String::new() };
        assert_eq!(overall(T, &with(&["Up to date"], vec![copied])).class, "bad");
        assert_eq!(overall(T, &with(&["Offline"], vec![])).word, T.of("overall.nobody"));
    }
}
