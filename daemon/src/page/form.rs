//! What a browser sends: queries and forms, and where it goes afterwards.

use dunlin_rpc::server::query;

/// The largest form, which the server has read already.
pub(super) const FORM_BYTES_MAX: usize = dunlin_rpc::limits::PAGE_BODY_BYTES_MAX;

/// Names and values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `a=b&c=d`; nothing when it cannot be read.
    pub(super) fn read(text: &str) -> Self {
        Self(query(text).unwrap_or_default())
    }

    /// The value of a name; empty when it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The value of a name, unless it is empty.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        Some(self.get(name).trim()).filter(|value| !value.is_empty()).map(ToOwned::to_owned)
    }

    /// Whether a name is there, also with nothing in it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// All values of a name: of ticked boxes.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }
}

/// A value as it stands in a query.
pub(super) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A path of our own to go back to; the front page when it is anything else.
pub(super) fn back(path: &str) -> String {
    let ours = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= 512
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'#'));
    if ours { path.to_owned() } else { "/".to_owned() }
}

/// A path with one more name in its query.
pub(super) fn and(path: &str, name: &str, value: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let kept = query.split('&').filter(|pair| {
        !pair.is_empty() && pair.split('=').next().is_some_and(|known| known != name)
    });
    let kept: Vec<&str> = kept.collect();
    let mut out = format!("{path}?");
    for pair in kept {
        out.push_str(pair);
        out.push('&');
    }
    out.push_str(name);
    out.push('=');
    out.push_str(&escaped(value));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let fields = Fields::read("name=till+3&table=a%26b%C3%A9&keep=x&keep=y&empty=");
        assert_eq!(fields.get("name"), "till 3");
        assert_eq!(fields.get("table"), "a&bé");
        assert_eq!(fields.all("keep"), ["x", "y"]);
        assert_eq!((fields.get("none"), fields.given("empty")), ("", None));
        assert_eq!(Fields::read("a=%zz"), Fields::default());
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(back("/history?partner=a&since=day"), "/history?partner=a&since=day");
        for bad in ["//evil.example", "https://evil.example", "/\\evil", "", "/a\r\nb", "/a b"] {
            assert_eq!(back(bad), "/", "{bad}");
        }
    }

    #[test]
    fn a_note_takes_the_place_of_the_last_one() {
        assert_eq!(and("/", "said", "a b"), "/?said=a%20b");
        assert_eq!(and("/h?x=1&said=old", "said", "new"), "/h?x=1&said=new");
    }
}
