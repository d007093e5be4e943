//! Why there is no link: the daemon's sentence, told in the visitor's language where it is one that
//! people meet every day, with what to do. What is not known here is told as the daemon says it.

use crate::page::texts::Texts;
use crate::page::words;

/// The sentence.
pub(in crate::page) fn sentence(t: Texts, reason: &str) -> String {
    let known = [
        ("it is not seen on the network", t.of("reason.unseen")),
        ("nobody answers", t.of("reason.silent")),
        ("the machine there has another key", t.of("reason.other_key")),
        ("the machine there refuses our key", t.of("reason.refused")),
        ("the machine there speaks another protocol", t.of("reason.protocol")),
        ("the connection broke", t.of("reason.broke")),
        ("the link broke", t.of("reason.broke")),
        ("the other side is leaving", t.of("reason.leaving")),
        ("this machine has left the shop", t.of("reason.left")),
        ("this machine was forgotten by the shop", t.of("reason.forgotten")),
    ];
    let told = known.into_iter().find(|(begins, _)| reason.starts_with(begins));
    told.map_or_else(|| words::sentence(reason), |(_, text)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    const DE: Texts = Texts { language: Language::German };

    #[test]
    fn what_people_meet_every_day_is_told_in_their_language() {
        let dial = dunlin_rpc::client::DialError::Refused.to_string();
        assert_eq!(sentence(DE, &dial), DE.of("reason.refused"));
        assert_eq!(sentence(DE, "nobody answers: Connection refused"), DE.of("reason.silent"));
        assert_eq!(sentence(DE, "something new"), "Something new.");
    }
}
