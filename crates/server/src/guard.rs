//! What stands before every route: only this machine may ask, pages of other origins may not post,
//! and nothing is cached or framed.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Headers of every response. The policy allows our own style sheet and forms, and no script at
/// all.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The middleware.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let mut response = match refusal(request.method(), request.headers()) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A name in `Host` that is not this machine's is a rebinding attack; a form of another site is a
/// forgery.
fn refusal(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    if !is_loopback(host) {
        let text = "this server answers on 127.0.0.1 and localhost only";
        return Some((StatusCode::MISDIRECTED_REQUEST, text).into_response());
    }
    let foreign = headers.get(header::ORIGIN).is_some_and(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        origin.strip_prefix("http://") != Some(host)
    });
    if method != Method::GET && method != Method::HEAD && foreign {
        return Some(
            (
                StatusCode::FORBIDDEN,
                "a page of another origin may not post",
            )
                .into_response(),
        );
    }
    None
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_ask() {
        assert!(is_loopback("127.0.0.1:7117") && is_loopback("localhost"));
        assert!(!is_loopback("evil.example") && !is_loopback("127.0.0.1.evil.example:80"));
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost:1"));
        headers.insert(
            header::ORIGIN,
            HeaderValue::from_static("http://evil.example"),
        );
        assert!(refusal(&Method::POST, &headers).is_some());
        assert!(refusal(&Method::GET, &headers).is_none());
        headers.insert(
            header::ORIGIN,
            HeaderValue::from_static("http://localhost:1"),
        );
        assert!(refusal(&Method::POST, &headers).is_none());
    }
}
