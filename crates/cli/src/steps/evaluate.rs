//! Step: the model is judged on the held-out subjects beside named baselines, and on the synthetic
//! hospital against the known truth. One JSON file and one HTML page.

use super::questions::{self, KnownTruth, Labelled, Row};
use super::{ingest, predict, train};
use crate::interrupt;
use crate::machine;
use crate::pipeline::{Left, Run, code_version, write_atomically};
use crate::progress::Step;
use crate::training;
use anyhow::Result;
use longitude_baseline::{Example, Kind};
use longitude_core::{Event, Instant, Split, Task, Timeline};
use longitude_eval::{Options, Report, TaskInput, TaskReport, task_report};
use longitude_predict::{AnswerOptions, Asked};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// Prediction times of each training subject that the baselines learn from.
const DRAWS: u64 = 3;

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let asked = predict::read_questions(run)?;
    let root = predict::model_root(run)?;
    let truth = questions::truth(run)?;
    let engine = predict::engine(run, asked.fitted.clone(), root)?;
    let held_out = questions::rows(run, Split::HeldOut, truth.as_ref(), 0)?;
    let how = AnswerOptions {
        sample: asked.sampling,
        evidence: None,
    };
    let mut answers = Vec::new();
    for chunk in held_out.chunks(64) {
        interrupt::check()?;
        let chunk: Vec<Asked<'_>> = chunk.iter().map(Row::asked).collect();
        answers.extend(engine.predict_many(&chunk, &asked.tasks, &how)?);
    }
    let learn = learning_rows(run, truth.as_ref())?;
    let mut reports = Vec::new();
    for (index, task) in asked.tasks.iter().enumerate() {
        interrupt::check()?;
        let of_task = |row: usize| {
            answers[row][index]
                .risk
                .map(longitude_core::Probability::get)
        };
        let judged = Judged {
            task,
            rows: &held_out,
            truth: truth.as_ref(),
            learn: &learn,
        };
        reports.push(judge(run, &judged, &of_task)?);
    }
    let report = whole(run, reports)?;
    let json = serde_json::to_vec_pretty(&report)?;
    write_atomically(&run.layout.report_json(), &json)?;
    let html = longitude_server::report_html(&report);
    write_atomically(&run.layout.report_html(), html.as_bytes())?;
    step.say(&format!(
        "{} tasks on {} held-out subjects",
        report.tasks.len(),
        held_out.len()
    ));
    Ok(Left {
        inputs: vec![
            run.output("meds")?,
            longitude_core::NamedDigest {
                name: "model".to_owned(),
                digest: root,
            },
        ],
        outputs: vec![run.output("report.json")?, run.output("report.html")?],
        seed: Some(run.options().seed),
    })
}

/// What the baselines learn from.
struct Learn {
    train: Vec<Row>,
    tuning: Vec<Row>,
}

/// Training subjects at several times each, tuning subjects at one: the same split as the model's.
fn learning_rows(run: &Run<'_>, truth: Option<&KnownTruth>) -> Result<Learn> {
    let mut train = Vec::new();
    for draw in 0..DRAWS {
        train.extend(questions::rows(run, Split::Train, truth, draw)?);
    }
    Ok(Learn {
        train,
        tuning: questions::rows(run, Split::Tuning, truth, 0)?,
    })
}

/// One task to be judged.
struct Judged<'a> {
    task: &'a Task,
    rows: &'a [Row],
    truth: Option<&'a KnownTruth>,
    learn: &'a Learn,
}

fn judge(
    run: &Run<'_>,
    judged: &Judged<'_>,
    risk: &dyn Fn(usize) -> Option<f64>,
) -> Result<TaskReport> {
    let task = judged.task;
    let labelled = questions::label(judged.rows, task, judged.truth);
    let own: Vec<Option<f64>> = labelled.places.iter().map(|place| risk(*place)).collect();
    let mut models = vec![("longitude".to_owned(), own)];
    models.extend(baselines(run, judged, &labelled));
    let known = judged.truth.and_then(|truth| truth.risk.get(&task.id));
    let truth: Option<Vec<f64>> = known.and_then(|risks| {
        labelled
            .rows
            .iter()
            .map(|row| risks.get(&row.timeline.subject()).copied())
            .collect()
    });
    let clusters: Vec<u64> = labelled
        .rows
        .iter()
        .map(|row| row.timeline.subject().0.unsigned_abs())
        .collect();
    let input = TaskInput {
        id: &task.id,
        title: &task.title,
        horizon_days: task.horizon.0,
        clusters: &clusters,
        labels: &labelled.labels,
        groups: &groups(&labelled, judged.truth),
        models: &models,
        truth: truth.as_deref(),
        left_out: labelled.left_out.clone(),
    };
    let options = Options {
        seed: run.options().seed,
        resamples: run.options().resamples,
    };
    Ok(task_report(&input, &options)?.with_small_cells_hidden())
}

/// Each baseline's risks; one that cannot be fitted has no risk and says why in the log.
fn baselines(
    run: &Run<'_>,
    judged: &Judged<'_>,
    labelled: &Labelled<'_>,
) -> Vec<(String, Vec<Option<f64>>)> {
    let train = questions::label(&judged.learn.train, judged.task, judged.truth);
    let tuning = questions::label(&judged.learn.tuning, judged.task, judged.truth);
    let (train, tuning) = (examples(&train), examples(&tuning));
    let asked: Vec<Example<'_>> = labelled.rows.iter().map(|row| example(row)).collect();
    let mut models = Vec::new();
    for kind in [Kind::AgeSex, Kind::Logistic, Kind::Boosted] {
        match longitude_baseline::fit(kind, &train, &tuning, judged.task, run.options().seed) {
            Ok(fitted) => {
                let risks = fitted.predict(&asked).into_iter().map(Some).collect();
                models.push((kind.name().to_owned(), risks));
            }
            Err(error) => {
                eprintln!(
                    "      {}: {} is not fitted: {error}",
                    judged.task.id,
                    kind.name()
                );
            }
        }
    }
    models
}

fn examples<'a>(labelled: &Labelled<'a>) -> Vec<(Example<'a>, bool)> {
    let rows = labelled.rows.iter().map(|row| example(row));
    rows.zip(labelled.labels.iter().copied()).collect()
}

fn example(row: &Row) -> Example<'_> {
    Example {
        timeline: &row.timeline,
        time: row.at,
    }
}

/// Sex, age band and (where known) site of each row.
fn groups(labelled: &Labelled<'_>, truth: Option<&KnownTruth>) -> Vec<(String, Vec<String>)> {
    let of = |name: &str, value: &dyn Fn(&Row) -> String| {
        (
            name.to_owned(),
            labelled.rows.iter().map(|row| value(row)).collect(),
        )
    };
    let mut groups = vec![
        of("sex", &|row| sex(&row.timeline)),
        of("age_band", &|row| age_band(&row.timeline, row.at)),
    ];
    if let Some(truth) = truth {
        let site = |row: &Row| {
            truth
                .site
                .get(&row.timeline.subject())
                .cloned()
                .unwrap_or_else(|| "unknown".to_owned())
        };
        groups.push(of("site", &site));
    }
    groups
}

/// Sex as recorded.
pub(crate) fn sex(timeline: &Timeline) -> String {
    let is_sex = |event: &&Event| matches!(&*event.code.system, "GENDER" | "SEX");
    let found = timeline.events().iter().find(is_sex);
    found.map_or_else(
        || "unknown".to_owned(),
        |event| event.code.value.to_lowercase(),
    )
}

/// Bands of 20 years; the oldest starts at 80.
pub(crate) fn age_band(timeline: &Timeline, at: Instant) -> String {
    let years = timeline.birth().map(|birth| (at - birth).years());
    match years {
        None => "unknown",
        Some(years) if years < 20.0 => "under 20",
        Some(years) if years < 40.0 => "20 to 39",
        Some(years) if years < 60.0 => "40 to 59",
        Some(years) if years < 80.0 => "60 to 79",
        Some(_) => "80 and over",
    }
    .to_owned()
}

fn whole(run: &Run<'_>, tasks: Vec<TaskReport>) -> Result<Report> {
    let summary = train::read_summary(run)?;
    let account: ingest::Account =
        serde_json::from_slice(&fs::read(run.layout.root().join("ingest.json"))?)?;
    let (data, _) = super::deid::reopen(run)?;
    let count = |split: Split| {
        data.subjects()
            .iter()
            .filter(|(_, one)| *one == split)
            .count()
    };
    let mut facts: BTreeMap<String, Value> = BTreeMap::new();
    facts.insert("subjects".to_owned(), data.subjects().len().into());
    for split in Split::ALL {
        facts.insert(format!("subjects {split}"), count(split).into());
    }
    facts.insert("events".to_owned(), account.events.into());
    facts.insert(
        "de-identification".to_owned(),
        json!(run.options().deidentification),
    );
    facts.extend(ingest::machine_facts());
    let mut model_facts: BTreeMap<String, Value> = summary.facts.clone();
    model_facts.insert(
        "parameters".to_owned(),
        summary.report.record.parameters.into(),
    );
    model_facts.insert("preset".to_owned(), json!(run.options().preset));
    let mut digests: BTreeMap<String, String> = BTreeMap::new();
    digests.insert("model".to_owned(), predict::model_root(run)?.to_string());
    digests.insert("meds".to_owned(), data.digest()?.to_string());
    let limits = limits(&tasks, count(Split::HeldOut), &summary);
    let rows = |value: u64| Value::from(value);
    Ok(Report {
        title: "Longitude: evaluation".to_owned(),
        created: machine::now()
            .to_string()
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned(),
        code_version: code_version(),
        seed: run.options().seed,
        data: facts,
        model: model_facts,
        ingest: BTreeMap::from([
            ("format".to_owned(), Value::from(account.format)),
            ("rows read".to_owned(), rows(account.rows_read)),
            ("rows mapped".to_owned(), rows(account.rows_mapped)),
            (
                "rows with an issue".to_owned(),
                rows(account.rows_with_issue),
            ),
            ("events".to_owned(), rows(account.events)),
        ]),
        loss: Some(summary.loss),
        tasks,
        limits,
        timings: run.timings(),
        digests,
    })
}

/// What the numbers cannot say, in sentences a reader can act on.
fn limits(tasks: &[TaskReport], held_out: usize, summary: &training::Summary) -> Vec<String> {
    let mut limits = Vec::new();
    // With fewer than 100 outcomes calibration curves and AUROC intervals are too wide to choose
    // between models (Collins et al., Statistics in Medicine 2016, doi:10.1002/sim.6787).
    let few: Vec<&str> = tasks
        .iter()
        .filter(|task| task.positives < 100 || task.suppressed.is_some())
        .map(|task| task.title.as_str())
        .collect();
    if !few.is_empty() {
        limits.push(format!(
            "{} of {} questions have under 100 held-out subjects with the outcome: their differences between models and their calibration cannot be told from chance. ({})",
            few.len(), tasks.len(), few.join("; ")
        ));
    }
    if held_out < 200 {
        limits.push(format!("Only {held_out} subjects were held out: the figures show that the way works, not how good the model is."));
    }
    if summary.end_unknown > 0 {
        limits.push(format!(
            "The end of observation is not known for {} subjects: their record has no survival term, and \"no\" means no record up to their last event.",
            summary.end_unknown
        ));
    }
    limits.push("All subjects come from one source: nothing here says how the model does elsewhere or later.".to_owned());
    limits
}
