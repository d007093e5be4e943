//! A button: a form that posts, or a link that looks like one.

/// A button.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::page) struct Press {
    /// Where it posts to, or leads.
    pub(in crate::page) action: String,
    /// It leads to a page, and changes nothing.
    pub(in crate::page) link: bool,
    /// What it posts beside the visitor's token.
    pub(in crate::page) fields: Vec<(&'static str, String)>,
    pub(in crate::page) word: &'static str,
    /// Whom it is about: for those who cannot see where it stands.
    pub(in crate::page) about: String,
    /// Everybody sees whom it is about: there are several of its kind.
    pub(in crate::page) is_named: bool,
    /// Stays the same over updates, so that the focus can.
    pub(in crate::page) id: String,
    /// `main`, `danger`, or nothing.
    pub(in crate::page) class: &'static str,
}

impl Press {
    /// A button that posts.
    pub(in crate::page) fn post(action: &str, word: &'static str, id: String) -> Self {
        Self { action: action.to_owned(), word, id, ..Self::default() }
    }

    /// A link that looks like a button.
    pub(in crate::page) fn lead(path: String, word: &'static str, id: String) -> Self {
        Self { action: path, link: true, word, id, ..Self::default() }
    }

    pub(in crate::page) fn with(mut self, name: &'static str, value: String) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(in crate::page) fn about(mut self, about: &str) -> Self {
        about.clone_into(&mut self.about);
        self
    }

    pub(in crate::page) fn named(mut self) -> Self {
        self.is_named = true;
        self
    }

    pub(in crate::page) fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }
}
