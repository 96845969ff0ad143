//! The members: what is fitted or counted, what each answers, and why there is none.

use super::subjects::Subjects;
use crate::failure::{self, Failure};
use crate::steps::evaluate::{age_band, sex};
use anyhow::Result;
use longitude_baseline::{
    Basis, Counted, EXAMPLES_MIN, Example, Kind, NoScore, Score, Scorer, fit_on_labels,
};
use longitude_core::Split;
use longitude_eval::recalibrate;
use longitude_store::Predictions;
use longitude_units::Analytes;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A score that has points for fewer of the held-out rows than this is not judged beside the
/// others: all are judged on the rows that each answers, and it would take too many of them away.
const ANSWERED_MIN: f64 = 0.9;

/// A member and what became of it.
#[derive(Serialize)]
pub(super) struct Member {
    /// Its name, which its file has too.
    pub(super) name: String,
    /// What was chosen for it: columns, penalty, trees; how points become risks.
    chosen: BTreeMap<String, Value>,
    /// What the points of a score rest on.
    basis: Option<Basis>,
    /// Its risks of the held-out rows, or why there are none.
    pub(super) made: Made,
}

/// Redacted: its name only.
impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Member({})", self.name)
    }
}

/// What became of a member.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "made", content = "reason")]
pub(super) enum Made {
    /// Risks of the held-out rows; absent where a score has no value of any input.
    Risks(#[serde(skip)] Vec<Option<f64>>),
    /// Why there are none.
    No(String),
}

impl Member {
    fn not_made(name: &str, reason: String) -> Self {
        Self {
            name: name.to_owned(),
            chosen: BTreeMap::new(),
            basis: None,
            made: Made::No(reason),
        }
    }

    /// The member in a sentence, where there is more to say than its name.
    pub(super) fn told(&self) -> Option<String> {
        let name = &self.name;
        if let Made::No(reason) = &self.made {
            return Some(format!("{name} was not made: {reason}"));
        }
        let mut text = name.clone();
        for (number, (key, value)) in self.chosen.iter().enumerate() {
            let comma = if number == 0 { ":" } else { "," };
            text.push_str(&format!("{comma} {} {value}", key.replace('_', " ")));
        }
        if let Some(basis) = &self.basis {
            let lacking = basis.shares.iter().filter(|(_, share)| **share < 0.995);
            let lacking = lacking.map(|(input, share)| {
                format!(
                    "{input} is known of {:.0} % of the histories",
                    100.0 * share
                )
            });
            let lacking: Vec<String> = lacking.collect();
            if !lacking.is_empty() {
                text.push_str(&format!("; else normal: {}", lacking.join(", ")));
            }
            for (count, what) in [
                (
                    basis.without_unit,
                    "values without a unit taken in the usual one",
                ),
                (
                    basis.left_out,
                    "values of no known unit or impossible were left out",
                ),
            ] {
                if count > 0 {
                    text.push_str(&format!("; {count} {what}"));
                }
            }
        }
        (text != *name).then_some(text)
    }
}

/// Every member: fitted ones from the strongest, then scores, then age and sex.
pub(super) fn members(
    subjects: &Subjects,
    analytes: &Analytes,
    task: &str,
    seed: u64,
) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    for kind in [Kind::Boosted, Kind::Logistic] {
        members.push(fitted(kind, subjects, task, seed)?);
    }
    members.extend(scores(subjects, analytes));
    members.push(fitted(Kind::AgeSex, subjects, task, seed)?);
    Ok(members)
}

fn fitted(kind: Kind, subjects: &Subjects, task: &str, seed: u64) -> Result<Member> {
    let (train, tuning) = (
        subjects.examples(Split::Train),
        subjects.examples(Split::Tuning),
    );
    match fit_on_labels(kind, &train, &tuning, task, seed) {
        Ok(fitted) => {
            let asked = subjects.examples(Split::HeldOut);
            let asked: Vec<Example<'_>> = asked.into_iter().map(|(example, _)| example).collect();
            Ok(Member {
                name: kind.name().to_owned(),
                chosen: fitted.describe(),
                basis: None,
                made: Made::Risks(fitted.predict(&asked).into_iter().map(Some).collect()),
            })
        }
        Err(longitude_baseline::Error::NotFitted { reason, .. }) => {
            Ok(Member::not_made(kind.name(), reason.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Scores learn nothing: their points are counted, and the tuning rows tell what risk those mean.
fn scores(subjects: &Subjects, analytes: &Analytes) -> Vec<Member> {
    let (tuning, asked) = (
        subjects.examples(Split::Tuning),
        subjects.examples(Split::HeldOut),
    );
    let labels: Vec<bool> = tuning.iter().map(|(_, label)| *label).collect();
    let every: Vec<Example<'_>> = tuning.iter().chain(&asked).map(|(e, _)| *e).collect();
    let counted = Scorer::new(analytes).count(&every);
    let of = |(score, counted): (Score, Result<Counted, NoScore>)| {
        let counted = match counted {
            Ok(counted) => counted,
            Err(reason) => return Member::not_made(score.name(), reason.to_string()),
        };
        let (learn, answer) = counted.points.split_at(tuning.len());
        let answered = answer.iter().flatten().count() as f64 / answer.len().max(1) as f64;
        if answered < ANSWERED_MIN {
            let percent = 100.0 * answered;
            let reason = format!("only {percent:.0} % of the held-out rows have a value for it");
            return Member::not_made(score.name(), reason);
        }
        match Recalibrated::fit(learn, &labels) {
            Ok(curve) => Member {
                name: score.name().to_owned(),
                chosen: curve.told(),
                basis: Some(counted.basis.clone()),
                made: Made::Risks(answer.iter().map(|p| p.map(|p| curve.risk(p))).collect()),
            },
            Err(reason) => Member::not_made(score.name(), reason),
        }
    };
    counted.into_iter().map(of).collect()
}

/// Points as risks: a logistic line over points, fitted on the tuning rows.
struct Recalibrated {
    mean: f64,
    deviation: f64,
    intercept: f64,
    slope: f64,
}

impl Recalibrated {
    fn fit(points: &[Option<f64>], labels: &[bool]) -> Result<Self, String> {
        let known = points.iter().zip(labels);
        let known: Vec<(f64, bool)> = known.filter_map(|(p, &l)| Some(((*p)?, l))).collect();
        if known.len() < EXAMPLES_MIN {
            let rows = known.len();
            return Err(format!(
                "{rows} tuning rows with points, {EXAMPLES_MIN} are needed"
            ));
        }
        let n = known.len() as f64;
        let mean = known.iter().map(|(p, _)| p).sum::<f64>() / n;
        let variance = known.iter().map(|(p, _)| (p - mean).powi(2)).sum::<f64>() / n;
        if variance <= 0.0 {
            return Err("the tuning rows all have the same points".to_owned());
        }
        let deviation = variance.sqrt();
        let labels: Vec<bool> = known.iter().map(|(_, label)| *label).collect();
        let as_risk = |(p, _): &(f64, bool)| sigmoid((p - mean) / deviation);
        let risks: Vec<f64> = known.iter().map(as_risk).collect();
        let fit = recalibrate(&labels, &risks);
        let fit = fit.map_err(|reason| format!("no risk from the tuning rows: {reason}"))?;
        Ok(Self {
            mean,
            deviation,
            intercept: fit.intercept,
            slope: fit.slope,
        })
    }

    fn risk(&self, points: f64) -> f64 {
        sigmoid(self.intercept + self.slope * (points - self.mean) / self.deviation)
    }

    /// The line in points, for the report.
    fn told(&self) -> BTreeMap<String, Value> {
        let slope = self.slope / self.deviation;
        let intercept = self.intercept - slope * self.mean;
        let rounded = |value: f64| Value::from((value * 1e4).round() / 1e4);
        BTreeMap::from([
            ("logit_at_0_points".to_owned(), rounded(intercept)),
            ("logit_a_point".to_owned(), rounded(slope)),
        ])
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Writes each member's predictions, with sex and age band as columns to group by.
pub(super) fn write(
    members: &[Member],
    subjects: &Subjects,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let asked = subjects.examples(Split::HeldOut);
    let text = |of: &dyn Fn(&Example<'_>) -> String| {
        asked
            .iter()
            .map(|(example, _)| Some(of(example)))
            .collect::<Vec<_>>()
    };
    let subject = |(example, _): &(Example<'_>, bool)| example.timeline.subject().0;
    let time = |(example, _): &(Example<'_>, bool)| example.time.0;
    let mut table = Predictions::of(
        asked.iter().map(subject).collect(),
        asked.iter().map(time).collect(),
    );
    let labels = asked.iter().map(|(_, label)| Some(*label)).collect();
    table.booleans.insert("boolean_value".to_owned(), labels);
    let band = |e: &Example<'_>| age_band(e.timeline, e.time);
    table.texts.insert("age_band".to_owned(), text(&band));
    table
        .texts
        .insert("sex".to_owned(), text(&|e| sex(e.timeline)));
    let mut files = Vec::new();
    for member in members {
        if let Made::Risks(risks) = &member.made {
            let column = "predicted_boolean_probability".to_owned();
            table.numbers.insert(column, risks.clone());
            let path = folder.join(format!("{}.parquet", member.name));
            table.write(&path)?;
            files.push(path);
        }
    }
    if files.is_empty() {
        let reasons: Vec<String> = members.iter().filter_map(Member::told).collect();
        let message = format!("no member could be made: {}", reasons.join("; "));
        let mend = "give a task with more samples and with both answers in each split";
        return Err(Failure::new(failure::Kind::Input, message, mend).into());
    }
    Ok(files)
}
