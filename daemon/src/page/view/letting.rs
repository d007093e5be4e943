//! Letting a machine in, by a token with a code to photograph; and joining by one.

use askama::Template;
use data_encoding::BASE64;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::page::frame::Frame;
use crate::page::notes::Once;

/// The page that lets a machine in.
#[derive(Debug, Template)]
#[template(path = "let_in.html")]
pub(in crate::page) struct LetIn {
    frame: Frame,
    made: Option<Made>,
}

/// A token that was made just now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    token: String,
    about: String,
    /// The code as an image; none when the token is too long for one.
    code: Option<String>,
}

/// The page on which a token is pasted.
#[derive(Debug, Template)]
#[template(path = "join.html")]
pub(in crate::page) struct Join {
    frame: Frame,
    /// That it is in a shop with others already.
    in_shop: String,
}

pub(in crate::page) fn let_in(frame: Frame, made: Option<Once>) -> LetIn {
    let made =
        made.map(|once| Made { code: code(&once.secret), token: once.secret, about: once.about });
    LetIn { frame, made }
}

pub(in crate::page) fn join(frame: Frame, members: u64) -> Join {
    let in_shop = if members > 1 { frame.t.count("join.in_shop", members) } else { String::new() };
    Join { frame, in_shop }
}

/// A QR code as an image that stands in the page itself.
fn code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let image = code.render::<svg::Color<'_>>().quiet_zone(true).min_dimensions(240, 240).build();
    Some(format!("data:image/svg+xml;base64,{}", BASE64.encode(image.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_code() {
        let code = code("DUNLIN1-ABCDEFGH234567").unwrap();
        let image = code.strip_prefix("data:image/svg+xml;base64,").unwrap();
        let image = String::from_utf8(BASE64.decode(image.as_bytes()).unwrap()).unwrap();
        assert!(image.contains("<svg"), "{image}");
    }
}
