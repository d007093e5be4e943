//! A browser without a screen: pages as bytes, forms as a person would send them.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot make its input should stop"
)]

use std::net::SocketAddr;

use super::http::{self, Answer};

/// Somebody who looks at a machine's page.
#[derive(Debug)]
pub struct Browser {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Browser {
    /// A browser on the machine itself.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new() }
    }

    /// Sends this header with each request.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Opens a page.
    pub fn get(&self, path: &str) -> Answer {
        http::get(self.address, path, &self.headers())
    }

    /// Opens a page that must be there; its text.
    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// The token that this visitor's forms carry.
    pub fn token(&self) -> String {
        let page = self.page("/");
        let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Sends a form exactly so.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let mut headers = self.headers();
        headers.push(("Content-Type", "application/x-www-form-urlencoded"));
        let host = self.address.to_string();
        http::post(http::connect(self.address), path, &host, &headers, &body.join("&")).unwrap()
    }

    /// Presses a button: sends its form with the visitor's token, and follows to the next page.
    pub fn press(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let token = self.token();
        let answer = self.post(path, &[&[("token", token.as_str())], fields].concat());
        assert_eq!(answer.status, 303, "{path}: {answer:?}");
        let to = answer.header("location").unwrap().to_owned();
        self.page(&to)
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
