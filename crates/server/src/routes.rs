//! The one list of routes: the router and the OpenAPI document are both made from it.

use crate::app::App;
use crate::{api, guard};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use std::sync::Arc;

/// Who a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// People: a page.
    Console,
    /// Programs: JSON, in the OpenAPI document.
    Api,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// `get` or `post`.
    pub(crate) method: &'static str,
    /// The path with `{parameters}`.
    pub(crate) path: &'static str,
    /// What it answers.
    pub(crate) summary: &'static str,
    /// Name of the response's schema, for the API.
    pub(crate) schema: &'static str,
    /// Who it is for.
    pub(crate) audience: For,
}

const fn page(method: &'static str, path: &'static str, summary: &'static str) -> Route {
    Route {
        method,
        path,
        summary,
        schema: "",
        audience: For::Console,
    }
}

const fn json(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    schema: &'static str,
) -> Route {
    Route {
        method,
        path,
        summary,
        schema,
        audience: For::Api,
    }
}

/// Every route.
pub(crate) const ROUTES: &[Route] = &[
    page("get", "/", "Patients by risk of an outcome"),
    page("get", "/style.css", "The style sheet"),
    page(
        "get",
        "/patients/{subject}",
        "One patient's record and current answers",
    ),
    page(
        "post",
        "/patients/{subject}/forecast",
        "A new answer with evidence",
    ),
    page("get", "/answers/{answer}", "One answer with its receipt"),
    page("get", "/model", "The model and its evaluation"),
    page("get", "/report.html", "The evaluation report as one file"),
    page("get", "/contests", "The inbox of contested answers"),
    page("post", "/contests", "File a case"),
    page("get", "/contests/{case}", "One case"),
    page(
        "post",
        "/contests/{case}/transition",
        "Take a case's next step",
    ),
    page("get", "/ledger", "Receipts and verification"),
    json("get", "/livez", "Whether the process lives", "Status"),
    json("get", "/openapi.json", "This document", "Object"),
    json(
        "get",
        "/api/v1/tasks",
        "The questions that can be asked",
        "Tasks",
    ),
    json(
        "get",
        "/api/v1/patients",
        "Patients by risk of an outcome (?task=&limit=&offset=)",
        "Patients",
    ),
    json(
        "get",
        "/api/v1/patients/{subject}",
        "One patient's current answers",
        "Patient",
    ),
    json(
        "get",
        "/api/v1/patients/{subject}/timeline",
        "One patient's events with their sources (?limit=&offset=)",
        "Timeline",
    ),
    json(
        "post",
        "/api/v1/patients/{subject}/forecast",
        "A new answer with evidence",
        "Answer",
    ),
    json(
        "get",
        "/api/v1/answers/{answer}",
        "One answer with its receipt",
        "Answer",
    ),
    json("get", "/api/v1/model", "The model's facts", "Object"),
    json("get", "/api/v1/report", "The evaluation report", "Object"),
    json("get", "/api/v1/contests", "Filed cases", "Contests"),
    json("post", "/api/v1/contests", "File a case", "Contest"),
    json(
        "get",
        "/api/v1/ledger/{entry}",
        "One ledger entry with its inclusion proof",
        "Entry",
    ),
];

/// The router over an opened run. Bodies are limited to 64 KiB: the longest is a narrative.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, handler(route));
    }
    router
        .fallback(api::not_found)
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(axum::middleware::from_fn(guard::guard))
        .with_state(app)
}

fn handler(route: &Route) -> MethodRouter<Arc<App>> {
    match (route.method, route.path) {
        ("get", "/") => get(api::pages::worklist),
        ("get", "/style.css") => get(api::pages::style),
        ("get", "/patients/{subject}") => get(api::pages::patient),
        ("post", "/patients/{subject}/forecast") => post(api::pages::forecast),
        ("get", "/answers/{answer}") => get(api::pages::answer),
        ("get", "/model") => get(api::pages::model),
        ("get", "/report.html") => get(api::pages::report),
        ("get", "/contests") => get(api::pages::inbox),
        ("post", "/contests") => post(api::pages::file_case),
        ("get", "/contests/{case}") => get(api::pages::case),
        ("post", "/contests/{case}/transition") => post(api::pages::transition),
        ("get", "/ledger") => get(api::pages::ledger),
        ("get", "/livez") => get(api::json::live),
        ("get", "/openapi.json") => get(api::json::openapi),
        ("get", "/api/v1/tasks") => get(api::json::tasks),
        ("get", "/api/v1/patients") => get(api::json::patients),
        ("get", "/api/v1/patients/{subject}") => get(api::json::patient),
        ("get", "/api/v1/patients/{subject}/timeline") => get(api::json::timeline),
        ("post", "/api/v1/patients/{subject}/forecast") => post(api::json::forecast),
        ("get", "/api/v1/answers/{answer}") => get(api::json::answer),
        ("get", "/api/v1/model") => get(api::json::model),
        ("get", "/api/v1/report") => get(api::json::report),
        ("get", "/api/v1/contests") => get(api::json::contests),
        ("post", "/api/v1/contests") => post(api::json::file_case),
        ("get", "/api/v1/ledger/{entry}") => get(api::json::entry),
        // A route without a handler answers 404 in the test that asks every route.
        _ => MethodRouter::new(),
    }
}
