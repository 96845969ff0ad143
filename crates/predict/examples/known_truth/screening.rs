//! The rare disease of the hospital, screened for on the fresh draw: how many of those who will be
//! diagnosed stand among the first so many a thousand, how many looks a case takes, and how long
//! before the diagnosis. By each member alone, by the stack, and by age and sex.
//!
//! Ranks come from the records up to the index date alone. What is known of the truth (who is ill
//! already and not diagnosed) judges and does nothing else.

use crate::answer::{Row, engine, fresh};
use crate::files::Table;
use crate::judge::stacked;
use crate::world::tasks;
use crate::{Result, Settings, say};
use longitude_core::{Digest, Label, Task};
use longitude_hospital::Options;
use longitude_predict::{Asked, Benefit};
use serde::Serialize;
use std::collections::BTreeMap;

/// The task of the rare disease, and the disease in the truth.
const TASK: &str = "amyloidosis_5y";
const DISEASE: &str = "amyloidosis";
/// Looks a thousand of those considered.
const LOOKS: [f64; 5] = [5.0, 10.0, 20.0, 50.0, 100.0];
/// Scores of which the differences are told.
const PAIRS: [(&str, &str); 5] = [
    ("query", "boosted"),
    ("stack", "boosted"),
    ("stack", "age_sex"),
    ("worth", "stack"),
    ("boosted", "age_sex"),
];

/// What is known of one row.
#[derive(Clone, Copy)]
struct Known {
    /// Days to the recorded diagnosis, where it comes within the horizon.
    days: Option<f64>,
    /// Whether the disease is there at the index date, seen by nobody.
    hidden: bool,
}

/// A number with its bootstrap interval over patients.
#[derive(Clone, Copy, Debug, Serialize)]
struct Estimate {
    value: Option<f64>,
    interval: Option<[f64; 2]>,
}

/// One score at so many looks a thousand.
#[derive(Debug, Serialize)]
struct AtLooks {
    score: String,
    looks_per_thousand: f64,
    /// Of those diagnosed within the horizon, the share among the looks.
    sensitivity: Estimate,
    /// Looks for each of them.
    looks_per_case: Estimate,
    /// From the index date to the diagnosis, the median among those found.
    median_days_before: Estimate,
    /// Of those ill and not diagnosed at the index date, the share among the looks.
    hidden_found: Estimate,
}

#[derive(Debug, Serialize)]
struct Report {
    rows: usize,
    cases: usize,
    hidden: usize,
    stack: BTreeMap<String, f64>,
    stacked: (usize, usize),
    at: Vec<AtLooks>,
    /// Of sensitivities at the same looks: the first score's less the second's.
    differences: Vec<(String, f64, Estimate)>,
}

pub(crate) fn screen(settings: &Settings) -> Result {
    let task = tasks(settings).into_iter().find(|task| task.id == TASK);
    let task = task.ok_or("the world has no rare disease")?;
    let rows: Vec<Row> = fresh(settings)?;
    let (fitted, names) = stacked(settings, &task)?;
    let hidden = hidden(settings)?;
    let (mut known, mut scores) = (Vec::new(), BTreeMap::<String, Vec<f64>>::new());
    let columns = columns(settings, &task, &names)?;
    let age_sex = Table::read(&settings.dir, &format!("{}.age_sex", settings.name))?;
    let age_sex = age_sex.column(&task.id)?;
    let asked: Vec<usize> = (0..rows.len())
        .filter(|at| judged(&rows[*at], &task) && columns.iter().all(|c| c[*at].is_some()))
        .collect();
    let engine = engine(settings)?;
    for piece in asked.chunks(4096) {
        let people: Vec<Asked<'_>> = piece.iter().map(|at| rows[*at].asked()).collect();
        let answers = engine.query_many(&people, std::slice::from_ref(&task))?;
        for (at, answer) in piece.iter().zip(answers) {
            let members: Vec<f64> = columns.iter().filter_map(|c| c[*at]).collect();
            let answer = answer
                .into_iter()
                .next()
                .flatten()
                .ok_or("no code of the outcome")?;
            let risk = fitted.calibration.risk(fitted.stack.risk(&members));
            let scale = risk / answer.risk.max(1e-12);
            let worth = benefit().worth(|days| (scale * answer.curve.within(days)).min(1.0));
            let by_age = age_sex[*at].ok_or("a row has no risk by age and sex")?;
            let own = names
                .iter()
                .map(String::as_str)
                .zip(members.iter().copied());
            let made = [("stack", risk), ("worth", worth.benefit)];
            let is_member = names.iter().any(|name| name == "age_sex");
            let apart = (!is_member).then_some(("age_sex", by_age));
            for (name, score) in own.chain(made).chain(apart) {
                scores.entry(name.to_owned()).or_default().push(score);
            }
            known.push(Known {
                days: days_to(&rows[*at], &task),
                hidden: hidden.get(&rows[*at].number).copied().unwrap_or(false),
            });
        }
    }
    let weights = fitted.stack.weights().iter().copied();
    let report = Report {
        rows: known.len(),
        cases: known.iter().filter(|one| one.days.is_some()).count(),
        hidden: known.iter().filter(|one| one.hidden).count(),
        stack: names.iter().cloned().zip(weights).collect(),
        stacked: (fitted.rows, fitted.events),
        at: Vec::new(),
        differences: Vec::new(),
    };
    let report = judge(settings, report, (&known, &scores));
    let json = serde_json::to_vec_pretty(&report)?;
    std::fs::write(settings.dir.join("screening.json"), json)?;
    say(&markdown(&report));
    std::fs::write(settings.dir.join("screening.md"), markdown(&report))?;
    Ok(())
}

/// The example that `longitude screen` prints.
fn benefit() -> Benefit {
    Benefit {
        benefit_a_year_earlier: 100.0,
        lead_days_max: 730.0,
        findable_days: 1826.0,
        sensitivity: 0.8,
        harm_of_a_false_look: 1.0,
        minutes_a_look: None,
        reason: "the example of the command".to_owned(),
    }
}

fn columns(settings: &Settings, task: &Task, names: &[String]) -> Result<Vec<Vec<Option<f64>>>> {
    let column = |name: &String| {
        Table::read(&settings.dir, &format!("{}.{name}", settings.name))?.column(&task.id)
    };
    names.iter().map(column).collect()
}

/// Asked, and to be followed to the horizon whatever happens.
fn judged(row: &Row, task: &Task) -> bool {
    let label = task.label(&row.timeline, row.at);
    row.planned >= row.at.plus(task.horizon) && matches!(label, Label::Yes | Label::No)
}

fn days_to(row: &Row, task: &Task) -> Option<f64> {
    let future = &row.timeline.events()[row.timeline.history(row.at).len()..];
    let first = future.iter().find(|event| task.outcome.holds(event))?;
    let days = (first.time? - row.at).0;
    (days <= task.horizon.0).then_some(days)
}

/// By the patient's number, whether the disease had begun by the index date. Rows are of those
/// who were not diagnosed by then.
fn hidden(settings: &Settings) -> Result<BTreeMap<u32, bool>> {
    let options = Options {
        patients: settings.patients,
        seed: settings.seed,
        truth_patients_max: 0,
        rollouts: 0,
        ..Options::standard()
    };
    let truth = longitude_hospital::truth(&options, settings.threads)?;
    let numbered = (0..settings.patients).zip(truth.subjects);
    let began = numbered.map(|(number, one)| {
        let onset = one.onset.get(DISEASE).copied();
        let ill = one.index.zip(onset).is_some_and(|(at, onset)| onset <= at);
        (number, ill)
    });
    Ok(began.collect())
}

/// What a list of the first so many comes to.
#[derive(Clone, Copy)]
struct Came {
    sensitivity: Option<f64>,
    looks_per_case: Option<f64>,
    days: Option<f64>,
    hidden: Option<f64>,
}

fn judge(
    settings: &Settings,
    mut report: Report,
    (known, scores): (&[Known], &BTreeMap<String, Vec<f64>>),
) -> Report {
    let orders: BTreeMap<&str, Vec<usize>> = scores
        .iter()
        .map(|(name, scores)| {
            let mut order: Vec<usize> = (0..scores.len()).collect();
            // A stable sort: ties stand as patients are numbered, which says nothing of them.
            order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
            (name.as_str(), order)
        })
        .collect();
    let draws: Vec<Vec<u32>> = (0..settings.resamples)
        .map(|draw| weights(known.len(), (settings.seed, draw)))
        .collect();
    let once = vec![1; known.len()];
    for looks in LOOKS {
        let came = |name: &str| {
            let order = &orders[name];
            let of = |weights: &Vec<u32>| first(known, order, (weights, looks));
            (of(&once), draws.iter().map(of).collect::<Vec<Came>>())
        };
        let all: BTreeMap<&str, (Came, Vec<Came>)> =
            orders.keys().map(|name| (*name, came(name))).collect();
        for (name, (on_all, drawn)) in &all {
            let estimate = |of: fn(&Came) -> Option<f64>| Estimate {
                value: of(on_all),
                interval: interval(drawn.iter().filter_map(of).collect()),
            };
            report.at.push(AtLooks {
                score: (*name).to_owned(),
                looks_per_thousand: looks,
                sensitivity: estimate(|came| came.sensitivity),
                looks_per_case: estimate(|came| came.looks_per_case),
                median_days_before: estimate(|came| came.days),
                hidden_found: estimate(|came| came.hidden),
            });
        }
        for (one, other) in PAIRS {
            let (Some((a, of_a)), Some((b, of_b))) = (all.get(one), all.get(other)) else {
                continue;
            };
            let less = |a: &Came, b: &Came| Some(a.sensitivity? - b.sensitivity?);
            let drawn = of_a.iter().zip(of_b).filter_map(|(a, b)| less(a, b));
            let difference = Estimate {
                value: less(a, b),
                interval: interval(drawn.collect()),
            };
            let name = format!("{one} less {other}");
            report.differences.push((name, looks, difference));
        }
    }
    report
}

/// How often each row is drawn.
fn weights(rows: usize, (seed, draw): (u64, u32)) -> Vec<u32> {
    let mut weights = vec![0; rows];
    let mut state = Digest::of_parts(&[&seed.to_le_bytes(), &draw.to_le_bytes()])
        .leading_i63()
        .unsigned_abs();
    for _ in 0..rows {
        // SplitMix64 (Steele et al. 2014).
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let place = usize::try_from((z ^ (z >> 31)) % rows.max(1) as u64).unwrap_or(0);
        weights[place] += 1;
    }
    weights
}

/// The first of an order, as many as the looks.
fn first(known: &[Known], order: &[usize], (weights, looks): (&[u32], f64)) -> Came {
    let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let most = looks / 1000.0 * all;
    let (mut seen, mut found, mut ill) = (0.0, 0.0, 0.0);
    let mut days: Vec<(f64, f64)> = Vec::new();
    for at in order {
        let weight = f64::from(weights[*at]);
        if seen + weight > most {
            break;
        }
        seen += weight;
        if let Some(ahead) = known[*at].days {
            found += weight;
            days.push((ahead, weight));
        }
        ill += if known[*at].hidden { weight } else { 0.0 };
    }
    let sum = |of: fn(&Known) -> bool| {
        let rows = known.iter().zip(weights).filter(|(one, _)| of(one));
        rows.map(|(_, weight)| f64::from(*weight)).sum::<f64>()
    };
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    days.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut before = 0.0;
    let median = days.iter().find(|(_, weight)| {
        before += weight;
        before >= found / 2.0
    });
    Came {
        sensitivity: share(found, sum(|one| one.days.is_some())),
        looks_per_case: share(seen, found),
        days: median.map(|(days, _)| *days),
        hidden: share(ill, sum(|one| one.hidden)),
    }
}

/// The middle 95 %.
fn interval(mut drawn: Vec<f64>) -> Option<[f64; 2]> {
    drawn.sort_by(f64::total_cmp);
    let last = drawn.len().checked_sub(1)?;
    let at = |tail: usize| drawn[last * tail / 1000];
    Some([at(25), at(975)])
}

fn markdown(report: &Report) -> String {
    let shown = |one: &Estimate, digits: usize| match (one.value, one.interval) {
        (Some(value), Some([low, high])) => {
            format!("{value:.digits$} ({low:.digits$} to {high:.digits$})")
        }
        (Some(value), None) => format!("{value:.digits$}"),
        _ => "none found".to_owned(),
    };
    let mut lines = vec![
        format!(
            "{} people, {} diagnosed within five years, {} ill and not diagnosed at the index date",
            report.rows, report.cases, report.hidden
        ),
        format!("stack {:?}, fitted on {:?} rows and cases", report.stack, report.stacked),
        String::new(),
        "| looks a thousand | by | sensitivity | looks a case | median days before | of the hidden ill |"
            .to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(report.at.iter().map(|one| {
        format!(
            "| {:.0} | {} | {} | {} | {} | {} |",
            one.looks_per_thousand,
            one.score,
            shown(&one.sensitivity, 3),
            shown(&one.looks_per_case, 1),
            shown(&one.median_days_before, 0),
            shown(&one.hidden_found, 3)
        )
    }));
    lines.push(String::new());
    lines.push("| looks a thousand | sensitivity | difference |".to_owned());
    lines.push("|---|---|---|".to_owned());
    lines.extend(report.differences.iter().map(|(name, looks, difference)| {
        format!("| {looks:.0} | {name} | {} |", shown(difference, 3))
    }));
    lines.push(String::new());
    lines.join("\n")
}
