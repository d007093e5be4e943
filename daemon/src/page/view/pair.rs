//! Pairing by six digits: what this screen shows at each step.

use askama::Template;
use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::pairing::PairingStatus;

use super::press::Press;
use super::said;
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;
use crate::pairing::rule::End;

/// The page.
#[derive(Debug, Template)]
#[template(path = "pair.html")]
pub(in crate::page) struct Pair {
    frame: Frame,
    shown: Step,
    ended: Option<Ended>,
    presses: Vec<Press>,
    found: Vec<(String, String, Press)>,
}

/// What this screen shows now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Step {
    /// Nothing is under way.
    idle: bool,
    head: String,
    explain: String,
    /// This machine's digits, in two groups.
    own: Option<String>,
    /// It asks for the other machine's digits.
    asks: bool,
    hint: Option<String>,
    tries: String,
    time: String,
}

/// How the last one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ended {
    class: &'static str,
    text: String,
}

/// The page.
pub(in crate::page) fn page(frame: Frame, status: &Status, pairing: &PairingStatus) -> Pair {
    let t = frame.t;
    let shown = step(t, pairing);
    let presses = if shown.idle {
        let open = Press::post("/do/pairing-open", t.of("pair.open"), "pairing-open".to_owned());
        vec![open.class("main")]
    } else {
        vec![Press::post("/do/pairing-cancel", t.of("cancel"), "pairing-cancel".to_owned())]
    };
    let found = status.sightings.iter().filter(|one| shown.idle && !one.ignored && !one.old);
    let found = found.take(50).map(|one| {
        let name = words::foreign(&one.name);
        let press = Press::post("/do/pair", t.of("found.pair"), format!("pair-{}", one.id));
        let press = press.with("target", one.id.clone()).about(&name);
        (name, words::foreign(&one.address), press)
    });
    Pair { ended: ended(t, pairing), found: found.collect(), presses, shown, frame }
}

fn step(t: Texts, pairing: &PairingStatus) -> Step {
    let name = pairing.partner.as_deref().map(words::foreign).unwrap_or_default();
    let names = [("name", name.as_str())];
    let time = pairing.seconds_left.map_or_else(String::new, |seconds| {
        t.with("pair.time", &[("span", &words::span(t, seconds.max(1)))])
    });
    let own = pairing.own.as_deref().map(|own| match own.split_at_checked(3) {
        Some((first, second)) => format!("{first} {second}"),
        None => own.to_owned(),
    });
    let step = |head: String, explain: &str| Step {
        head,
        explain: explain.to_owned(),
        time: time.clone(),
        ..Step::default()
    };
    match pairing.state.as_str() {
        "open" => step(t.of("pair.is_open").to_owned(), t.of("pair.is_open_explain")),
        "calling" => step(t.of("pair.calling").to_owned(), t.of("pair.calling_explain")),
        "numbers" => Step {
            own,
            asks: true,
            hint: pairing.hint.as_deref().map(|hint| said::sentence(t, hint)),
            tries: pairing
                .tries_left
                .map_or_else(String::new, |tries| t.count("pair.tries", u64::from(tries))),
            ..step(t.with("pair.with", &names), t.of("pair.numbers_explain"))
        },
        "waiting" => {
            Step { own, ..step(t.with("pair.with", &names), t.of("pair.waiting_explain")) }
        }
        "trusting" => step(t.with("pair.with", &names), t.of("pair.trusting_explain")),
        _ => Step { idle: true, ..Step::default() },
    }
}

fn ended(t: Texts, pairing: &PairingStatus) -> Option<Ended> {
    let end = pairing.end.as_deref().filter(|_| step(t, pairing).idle)?;
    let Some(end) = End::of(end) else {
        // Of a newer program; the page knows the sentence at least.
        let text = pairing.sentence.as_deref().map(|text| said::sentence(t, text));
        return Some(Ended { class: "bad", text: text.unwrap_or_default() });
    };
    let class = match end {
        End::Paired => "good",
        End::Cancelled => "",
        _ => "bad",
    };
    let text = t.of(text_of(end)).to_owned();
    Some(Ended { class, text })
}

fn text_of(end: End) -> &'static str {
    match end {
        End::Paired => "pair.end_paired",
        End::Refused => "pair.end_refused",
        End::Busy => "pair.end_busy",
        End::NotOpen => "pair.end_not_open",
        End::DigitsDiffer => "pair.end_differ",
        End::TimedOut => "pair.end_late",
        End::Cancelled => "pair.end_cancelled",
        End::Left => "pair.end_left",
        End::Unfinished => "pair.end_unfinished",
        End::Crossed => "pair.end_crossed",
        End::BothInAShop => "pair.end_both",
        End::SameShop => "pair.end_same",
        End::NotAKeeper => "pair.end_keeper",
        End::Forgotten => "pair.end_forgotten",
        End::ShopFull => "pair.end_full",
        End::OtherProtocol => "pair.end_protocol",
        End::Unreachable => "pair.end_unreachable",
        End::Ourselves => "pair.end_ourselves",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    const T: Texts = Texts { language: Language::English };

    #[test]
    fn each_screen_shows_its_own_number_and_asks_for_the_others() {
        let pairing = PairingStatus {
            state: "numbers".into(),
            own: Some("741992".into()),
            partner: Some("till 2".into()),
            tries_left: Some(2),
            hint: Some("that is the number of this machine itself".into()),
            ..PairingStatus::default()
        };
        let shown = step(T, &pairing);
        assert_eq!(shown.own.as_deref(), Some("741 992"));
        assert!(shown.asks && shown.head.contains("till 2"), "{shown:?}");
        assert!(shown.tries.contains('2') && shown.hint.is_some(), "{shown:?}");
        let waiting = PairingStatus { state: "waiting".into(), ..pairing };
        assert!(!step(T, &waiting).asks && step(T, &waiting).own.is_some());
    }

    #[test]
    fn every_end_has_words_of_its_own_in_each_language() {
        for language in Language::ALL {
            let t = Texts { language };
            let told = |end: End| {
                let end = Some(end.word().to_owned());
                ended(t, &PairingStatus { state: "closed".into(), end, ..PairingStatus::default() })
            };
            let texts: std::collections::BTreeSet<String> =
                End::ALL.into_iter().map(|end| told(end).unwrap().text).collect();
            assert_eq!(texts.len(), End::ALL.len());
            assert!(texts.iter().all(|text| !text.contains("pair.end_")), "{texts:?}");
        }
    }

    #[test]
    fn an_end_is_told_when_nothing_else_is_under_way() {
        let over = PairingStatus {
            state: "closed".into(),
            end: Some("digits differ".into()),
            ..PairingStatus::default()
        };
        let told = ended(T, &over).unwrap();
        assert_eq!((told.class, told.text.as_str()), ("bad", T.of("pair.end_differ")));
        assert_eq!(ended(T, &PairingStatus { state: "open".into(), ..over }), None);
    }
}
