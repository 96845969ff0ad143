//! Handlers: `pages` for people, `json` for programs, over the same [`App`](crate::App) methods.

pub(crate) mod json;
pub(crate) mod pages;

use crate::Error;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal as RFC 9457 problem details. It never holds a patient's value.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = status(&self.0);
        let mut title = self.0.to_string();
        let mut cause = std::error::Error::source(&self.0);
        while let Some(one) = cause {
            title = format!("{title}: {one}");
            cause = one.source();
        }
        let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16() });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, body.to_string()).into_response()
    }
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::Unknown(_) => StatusCode::NOT_FOUND,
        Error::Request(_) => StatusCode::BAD_REQUEST,
        // The log must take an entry before an answer may be given: fail closed.
        Error::Govern { part: "ledger", .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Govern { .. } | Error::Suspended { .. } => StatusCode::CONFLICT,
        Error::File { .. } | Error::Open { .. } | Error::Json(_) | Error::Listen { .. } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// Anything that is not in the list of routes.
pub(crate) async fn not_found() -> Problem {
    Problem(Error::Unknown("page"))
}
