//! The JSON API's handlers.

use super::Problem;
use crate::answer::Answer;
use crate::app::{App, NewCase};
use crate::{Error, openapi};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use longitude_core::Event;
use longitude_eval::Report;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

type Reply = Result<Json<Value>, Problem>;

/// The most rows that one request may ask for.
const LIMIT_MAX: usize = 1000;

/// What the lists take.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    task: Option<String>,
    limit: Option<usize>,
    offset: Option<usize>,
}

/// `GET /livez`
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /openapi.json`
pub(crate) async fn openapi() -> Json<Value> {
    Json(openapi::document())
}

/// `GET /api/v1/tasks`
pub(crate) async fn tasks(State(app): State<Arc<App>>) -> Json<Value> {
    let tasks: Vec<Value> = app
        .tasks()
        .iter()
        .map(|task| json!({ "id": task.id, "title": task.title, "horizon_days": task.horizon }))
        .collect();
    Json(json!({ "tasks": tasks }))
}

/// `GET /api/v1/patients`
pub(crate) async fn patients(State(app): State<Arc<App>>, Query(query): Query<ListQuery>) -> Reply {
    let ranked = app.ranked_or_refused(query.task.as_deref())?;
    let shown: Vec<_> = ranked
        .predictions
        .iter()
        .skip(query.offset.unwrap_or(0))
        .take(query.limit.unwrap_or(100).min(LIMIT_MAX))
        .collect();
    Ok(Json(
        json!({ "task": ranked.task.id, "total": ranked.predictions.len(), "patients": shown }),
    ))
}

/// `GET /api/v1/patients/{subject}`
pub(crate) async fn patient(State(app): State<Arc<App>>, Path(subject): Path<i64>) -> Reply {
    let predictions = app.predictions_of(subject)?;
    let events = App::blocking(app, move |app| app.timeline(subject))
        .await?
        .events()
        .len();
    Ok(Json(
        json!({ "subject": subject.to_string(), "events": events, "predictions": predictions }),
    ))
}

/// `GET /api/v1/patients/{subject}/timeline`
pub(crate) async fn timeline(
    State(app): State<Arc<App>>,
    Path(subject): Path<i64>,
    Query(query): Query<ListQuery>,
) -> Reply {
    let timeline = App::blocking(app, move |app| app.timeline(subject)).await?;
    let events: Vec<Value> = timeline
        .events()
        .iter()
        .enumerate()
        .skip(query.offset.unwrap_or(0))
        .take(query.limit.unwrap_or(100).min(LIMIT_MAX))
        .map(|(index, event)| event_json(index, event))
        .collect();
    let total = timeline.events().len();
    Ok(Json(
        json!({ "subject": subject.to_string(), "total": total, "events": events }),
    ))
}

fn event_json(index: usize, event: &Event) -> Value {
    json!({
        "index": index,
        "time": event.time.map(|time| time.to_string()),
        "code": event.code,
        "numeric_value": event.numeric_value,
        "unit": event.unit,
        "source": {
            "file": event.origin.file, "record": event.origin.record,
            "element": event.origin.element, "row": event.origin.row
        }
    })
}

/// What a request for a forecast holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewForecast {
    task: String,
}

/// `POST /api/v1/patients/{subject}/forecast`
pub(crate) async fn forecast(
    State(app): State<Arc<App>>,
    Path(subject): Path<i64>,
    body: Result<Json<NewForecast>, JsonRejection>,
) -> Result<Json<Answer>, Problem> {
    let Json(asked) = body.map_err(|error| Error::Request(error.body_text()))?;
    let answer = App::blocking(app, move |app| app.forecast(subject, &asked.task)).await?;
    Ok(Json(answer.into_inner()))
}

/// `GET /api/v1/answers/{answer}`
pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Answer>, Problem> {
    Ok(Json(app.answer(&id)?))
}

/// `GET /api/v1/model`
pub(crate) async fn model(State(app): State<Arc<App>>) -> Reply {
    let report = app.report()?;
    Ok(Json(json!({
        "model_root": app.model_root(), "facts": report.model, "digests": report.digests,
        "responsible": app.responsible(), "mode": "research"
    })))
}

/// `GET /api/v1/report`
pub(crate) async fn report(State(app): State<Arc<App>>) -> Result<Json<Report>, Problem> {
    Ok(Json(app.report()?))
}

/// `GET /api/v1/contests`
pub(crate) async fn contests(State(app): State<Arc<App>>) -> Reply {
    Ok(Json(json!({ "contests": app.contests()? })))
}

/// `POST /api/v1/contests`
pub(crate) async fn file_case(
    State(app): State<Arc<App>>,
    body: Result<Json<NewCase>, JsonRejection>,
) -> Reply {
    let Json(new) = body.map_err(|error| Error::Request(error.body_text()))?;
    let case = App::blocking(app, move |app| app.file_case(&new)).await?;
    Ok(Json(serde_json::to_value(case).map_err(Error::Json)?))
}

/// `GET /api/v1/ledger/{entry}`
pub(crate) async fn entry(State(app): State<Arc<App>>, Path(index): Path<u64>) -> Reply {
    Ok(Json(app.entry(index)?))
}
