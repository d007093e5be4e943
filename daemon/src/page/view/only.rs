//! A list of one partner's alone, and the way back to all of it.

use dunlin_rpc::wire::admin::Status;
use uuid::Uuid;

use crate::page::form::Fields;
use crate::page::texts::Texts;
use crate::page::words;

/// Whose alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) struct Only {
    pub(in crate::page) id: Uuid,
    pub(in crate::page) words: String,
}

impl Only {
    /// What a query asks for. Nothing of the query is shown: the name is that of a partner whom we know.
    pub(in crate::page) fn of(t: Texts, query: &Fields, status: &Status) -> Option<Self> {
        let id: Uuid = query.get("partner").parse().ok()?;
        let partner = status.partners.iter().find(|partner| partner.id == id)?;
        let name = words::foreign(&partner.name);
        Some(Self { id, words: t.with("list.only", &[("name", &name)]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;
    use dunlin_rpc::wire::admin::PartnerStatus;

    #[test]
    fn only_a_partner_whom_we_know_is_named() {
        let t = Texts { language: Language::English };
        let id = Uuid::from_u128(7);
        let partner = PartnerStatus { id, name: "till 2".into(), ..PartnerStatus::default() };
        let status = Status { partners: vec![partner], ..Status::default() };
        let only = |query: &str| Only::of(t, &Fields::read(query), &status);
        let found = only(&format!("partner={id}")).unwrap();
        assert_eq!((found.id, found.words.as_str()), (id, "Only those of “till 2”."));
        assert_eq!(only(&format!("partner={}", Uuid::from_u128(8))), None);
        assert_eq!(only("partner=You+have+won"), None);
        assert_eq!(only(""), None);
    }
}
