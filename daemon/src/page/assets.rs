//! The page's own files, part of the program: style, scripts, the bird.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("../../assets/style.css");
const LIVE: &str = include_str!("../../assets/live.js");
const STREAM: &str = include_str!("../../assets/stream.js");
const BIRD: &str = include_str!("../../assets/dunlin.svg");

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// `/assets/style.css`
pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

/// `/assets/live.js`
pub(super) async fn live() -> Response {
    file(SCRIPT, LIVE)
}

/// `/assets/stream.js`
pub(super) async fn stream() -> Response {
    file(SCRIPT, STREAM)
}

/// `/assets/dunlin.svg`
pub(super) async fn bird() -> Response {
    file("image/svg+xml", BIRD)
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

/// Changes whenever one of the files does, so that no browser shows an old one.
pub(super) fn mark() -> &'static str {
    static MARK: LazyLock<String> = LazyLock::new(|| {
        let files = [STYLE, LIVE, STREAM, BIRD];
        let hash = files.iter().fold(Sha256::new(), Sha256::chain_update);
        data_encoding::HEXLOWER.encode(hash.finalize().get(..6).unwrap_or_default())
    });
    &MARK
}
