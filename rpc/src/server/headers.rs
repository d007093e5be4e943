//! The headers that every answer of the admin listeners bears.

use axum::body::Body;
use http::Response;
use http::header::{self, HeaderName, HeaderValue};

/// What a page of ours may load and who may show it: ours, and nobody.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// `same-origin`, never `no-referrer`: our own forms would come with `Origin: null` and be refused.
const ALWAYS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Sets them, whatever the answer is. None allows another origin anything, and there is no other
/// place where one could.
pub(super) fn secure(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s06_no_answer_lets_another_origin_in() {
        let secured = secure(Response::new(Body::empty()));
        assert_eq!(secured.headers().len(), ALWAYS.len());
        assert!(!secured.headers().keys().any(|name| name.as_str().starts_with("access-control")));
    }
}
