//! The page's own files, part of the program: style, scripts, the bird.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// A browser asks again after this long, or when the version changed: pages name assets by version.
const KEEP: &str = "private, max-age=86400";

const FILES: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("../../assets/style.css")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../../assets/live.js")),
    ("stream.js", "text/javascript; charset=utf-8", include_str!("../../assets/stream.js")),
    ("dunlin.svg", "image/svg+xml", include_str!("../../assets/dunlin.svg")),
];

/// One of them.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEEP));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    (headers, *text).into_response()
}

/// Changes whenever one of the files does, so that no browser shows an old one.
pub(super) fn mark() -> &'static str {
    use sha2::{Digest as _, Sha256};
    use std::sync::LazyLock;
    static MARK: LazyLock<String> = LazyLock::new(|| {
        let mut hash = Sha256::new();
        for (_, _, text) in FILES {
            hash.update(text.as_bytes());
        }
        data_encoding::HEXLOWER.encode(hash.finalize().get(..6).unwrap_or_default())
    });
    &MARK
}
