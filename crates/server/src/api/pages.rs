//! The console's handlers: each makes one page, or does one thing and leads to one.

use super::Problem;
use crate::app::{App, NewCase, NewStep};
use crate::console::{self, page, page::Section};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect};
use maud::Markup;
use serde::Deserialize;
use std::sync::Arc;

type Page = Result<Html<String>, Problem>;

fn html(title: &str, section: Section, content: &Markup) -> Html<String> {
    Html(page::console(title, section, content).into_string())
}

/// What the lists take.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    task: Option<String>,
    page: Option<usize>,
}

/// `GET /`
pub(crate) async fn worklist(State(app): State<Arc<App>>, Query(query): Query<ListQuery>) -> Page {
    let list = app.worklist(query.task.as_deref(), query.page.unwrap_or(0))?;
    Ok(html(
        "Patients",
        Section::Patients,
        &console::worklist::content(&list),
    ))
}

/// `GET /style.css`
pub(crate) async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        page::STYLE,
    )
}

/// `GET /patients/{subject}`
pub(crate) async fn patient(
    State(app): State<Arc<App>>,
    Path(subject): Path<i64>,
    Query(query): Query<ListQuery>,
) -> Page {
    let content = App::blocking(app, move |app| {
        app.patient_page(subject, query.task.as_deref(), query.page.unwrap_or(0))
    })
    .await?;
    Ok(html("Patient", Section::Patients, &content))
}

/// What the forecast form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct ForecastForm {
    task: String,
}

/// `POST /patients/{subject}/forecast`
pub(crate) async fn forecast(
    State(app): State<Arc<App>>,
    Path(subject): Path<i64>,
    Form(form): Form<ForecastForm>,
) -> Result<Redirect, Problem> {
    let answer = App::blocking(app, move |app| app.forecast(subject, &form.task)).await?;
    Ok(Redirect::to(&format!(
        "/answers/{}",
        answer.into_inner().id
    )))
}

/// `GET /answers/{answer}`
pub(crate) async fn answer(State(app): State<Arc<App>>, Path(id): Path<String>) -> Page {
    let answer = app.answer(&id)?;
    let average = app.average(&answer.prediction.task);
    let content = console::answer::content(&answer, app.tasks(), app.responsible(), average);
    Ok(html("Answer", Section::Patients, &content))
}

/// `GET /model`
pub(crate) async fn model(State(app): State<Arc<App>>) -> Page {
    Ok(html("Model", Section::Model, &app.model_page()?))
}

/// `GET /report.html`
pub(crate) async fn report(State(app): State<Arc<App>>) -> Page {
    Ok(Html(console::report_html(&app.report()?)))
}

/// `GET /contests`
pub(crate) async fn inbox(State(app): State<Arc<App>>) -> Page {
    Ok(html(
        "Contests",
        Section::Contests,
        &console::contests::inbox(&app.contests()?),
    ))
}

/// `POST /contests`
pub(crate) async fn file_case(
    State(app): State<Arc<App>>,
    Form(form): Form<NewCase>,
) -> Result<Redirect, Problem> {
    let case = App::blocking(app, move |app| app.file_case(&form)).await?;
    Ok(Redirect::to(&format!("/contests/{}", case.id)))
}

/// `GET /contests/{case}`
pub(crate) async fn case(State(app): State<Arc<App>>, Path(id): Path<String>) -> Page {
    Ok(html(
        "Case",
        Section::Contests,
        &console::contests::case(&app.case(&id)?),
    ))
}

/// `POST /contests/{case}/transition`
pub(crate) async fn transition(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Form(form): Form<NewStep>,
) -> Result<Redirect, Problem> {
    let to = format!("/contests/{id}");
    App::blocking(app, move |app| app.transition(&id, &form)).await?;
    Ok(Redirect::to(&to))
}

/// `GET /ledger`
pub(crate) async fn ledger(State(app): State<Arc<App>>) -> Page {
    Ok(html(
        "Ledger",
        Section::Ledger,
        &console::ledger::content(&app.ledger_page()?),
    ))
}
