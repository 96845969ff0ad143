//! What comes of a sweep: the list with its reasons, and the account of who was not considered and
//! whom the looks go to.

use super::members::futures;
use super::sweep::{Swept, Work};
use crate::interrupt;
use anyhow::{Context, Result};
use longitude_core::{Digest, Instant, MonteCarlo, SubjectId, Task, Timeline};
use longitude_predict::{
    Asked, Benefit, Candidate, Cited, ExplainOptions, GroupShare, Unit, Way, Worth,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Events that an answer rests on, listed a person.
const REASONS_MAX: usize = 5;

/// One person to look at.
#[derive(Serialize)]
struct Line {
    subject: SubjectId,
    at: Instant,
    task: String,
    /// Within the task's horizon.
    risk: f64,
    worth: Worth,
    members: BTreeMap<String, f64>,
    /// By sampled futures, with their error.
    futures: Option<MonteCarlo>,
    /// Codes whose removal changes the query head's risk most; none without such a head.
    reasons: Option<Vec<Cited>>,
    model: Digest,
}

/// The account of a screen.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Summary {
    task: Task,
    at: Instant,
    model: Digest,
    data: Digest,
    benefit: Benefit,
    looks: usize,
    listed: usize,
    /// Cases that the listed looks are expected to find, and days by which they find them earlier.
    expected_found: f64,
    expected_days_earlier: f64,
    subjects: u64,
    considered: u64,
    worth_looking: u64,
    not_considered: BTreeMap<String, u64>,
    /// Of those considered, the ones in the data set's training split: where the model learnt from
    /// them, it has seen their outcomes.
    in_training_split: u64,
    calibrated: bool,
    tuning_rows: usize,
    tuning_rows_with_outcome: usize,
    weights: Vec<(String, f64)>,
    shares: Vec<GroupShare>,
    notes: Vec<String>,
}

/// The list and the summary as the bytes of their files.
pub(super) fn written(work: &Work<'_>, swept: &Swept) -> Result<(Vec<u8>, Vec<u8>)> {
    let short = swept.list.clone().into_candidates();
    let mut ranked = second(work, short)?;
    ranked.retain(|(one, _)| one.worth.benefit > 0.0);
    ranked.truncate(work.settings.looks);
    let mut lines = Vec::new();
    for (one, futures) in &ranked {
        interrupt::check()?;
        let line = line(work, one, *futures)?;
        serde_json::to_writer(&mut lines, &line)?;
        lines.push(b'\n');
    }
    let looks: Vec<Candidate> = ranked.into_iter().map(|(one, _)| one).collect();
    let summary = summary(work, swept, &looks);
    Ok((lines, serde_json::to_vec_pretty(&summary)?))
}

/// The short list asked again by sampled futures, and put in order by both.
fn second(work: &Work<'_>, short: Vec<Candidate>) -> Result<Vec<(Candidate, Option<MonteCarlo>)>> {
    let Some(how) = futures(work.settings, work.questions.sampling.seed) else {
        return Ok(short.into_iter().map(|one| (one, None)).collect());
    };
    let task = &work.settings.task;
    let mut again = Vec::new();
    for piece in short.chunks(64) {
        interrupt::check()?;
        let timelines: Vec<Timeline> = piece
            .iter()
            .map(|one| record(work, one.subject))
            .collect::<Result<_>>()?;
        let at = work.settings.at;
        let asked = timelines.iter().map(|timeline| Asked { timeline, at });
        let asked: Vec<Asked<'_>> = asked.collect();
        let raws = work
            .engine
            .raw_many(&asked, std::slice::from_ref(task), &how)?;
        let risks = work.fitted.risks(work.engine, &asked, task)?;
        for ((one, raws), risks) in piece.iter().zip(raws).zip(risks) {
            let Some(raw) = raws.first() else { continue };
            let sampled = raw.estimate.clamp(0.0, 1.0);
            let risk = work.fitted.risk(&risks.members, Some(sampled));
            let worth = work
                .settings
                .benefit
                .worth(risks.incidence(risk, task.horizon.0));
            let mut both = Candidate::new(one.subject, risk, worth, &risks.members);
            both.groups = one.groups.clone();
            again.push((both, Some(raw.monte_carlo())));
        }
    }
    again.sort_by(|(a, _), (b, _)| {
        let worth = b.worth.benefit.total_cmp(&a.worth.benefit);
        worth.then(a.subject.cmp(&b.subject))
    });
    Ok(again)
}

fn record(work: &Work<'_>, subject: SubjectId) -> Result<Timeline> {
    let found = work.data.timeline(subject)?;
    found.context("a subject of the sweep is no longer in the data set")
}

fn line(work: &Work<'_>, one: &Candidate, futures: Option<MonteCarlo>) -> Result<Line> {
    let settings = work.settings;
    let reasons = if work.engine.has_queries() {
        let timeline = record(work, one.subject)?;
        let asked = Asked {
            timeline: &timeline,
            at: settings.at,
        };
        let task = std::slice::from_ref(&settings.task);
        let options = ExplainOptions {
            joint_max: 0,
            pairs_max: 0,
            ..ExplainOptions::research()
        };
        let found = work
            .engine
            .explain(&asked, (task, Way::QueryHead), &options)?;
        let alone = found.into_iter().next().map(|one| one.alone);
        let mut cited = alone
            .and_then(|mut alone| alone.remove(&Unit::Code))
            .unwrap_or_default();
        cited.truncate(REASONS_MAX);
        Some(cited)
    } else {
        None
    };
    let names = work.fitted.names.iter().cloned();
    Ok(Line {
        subject: one.subject,
        at: settings.at,
        task: settings.task.id.clone(),
        risk: one.risk,
        worth: one.worth,
        members: names.zip(one.members.iter().copied()).collect(),
        futures,
        reasons,
        model: settings.model,
    })
}

fn summary(work: &Work<'_>, swept: &Swept, looks: &[Candidate]) -> Summary {
    let (settings, tally) = (work.settings, &swept.tally);
    let sum = |of: fn(&Worth) -> f64| looks.iter().map(|one| of(&one.worth)).sum::<f64>();
    Summary {
        task: settings.task.clone(),
        at: settings.at,
        model: settings.model,
        data: settings.data,
        benefit: settings.benefit.clone(),
        looks: settings.looks,
        listed: looks.len(),
        expected_found: sum(|worth| worth.found),
        expected_days_earlier: sum(|worth| worth.days_earlier),
        subjects: tally.subjects,
        considered: tally.considered,
        worth_looking: tally.worth_looking,
        not_considered: tally.not_considered.clone(),
        in_training_split: swept.train,
        calibrated: work.fitted.calibrated(),
        tuning_rows: work.fitted.rows,
        tuning_rows_with_outcome: work.fitted.positives,
        weights: work.fitted.weights(),
        shares: tally.shares(looks),
        notes: work.fitted.notes.clone(),
    }
}

impl Summary {
    /// A few lines for a person.
    pub(super) fn text(&self, to: &Path) -> String {
        let calibrated = if self.calibrated {
            "calibrated on tuning subjects"
        } else {
            "NOT calibrated"
        };
        let mut lines = vec![
            format!(
                "screen for {} at {}; {calibrated}",
                self.task.title, self.at
            ),
            format!(
                "{} of {} subjects considered; a look is worth more than its harm to {}",
                self.considered, self.subjects, self.worth_looking
            ),
            format!(
                "{} listed of {} looks: {:.1} cases expected to be found, {:.0} days earlier in sum",
                self.listed, self.looks, self.expected_found, self.expected_days_earlier
            ),
        ];
        let reasons = self.not_considered.iter();
        lines.extend(reasons.map(|(reason, count)| format!("  {count} not considered: {reason}")));
        lines.push("share of          considered  expected  recorded  looks".to_owned());
        let share = |share: Option<f64>| {
            share.map_or_else(
                || "       -".to_owned(),
                |s| format!("{:>6.1} %", 100.0 * s),
            )
        };
        lines.extend(self.shares.iter().map(|one| {
            let name = format!("{} {}", one.dimension.replace('_', " "), one.group);
            format!(
                "  {name:<18} {}  {}  {}  {}",
                share(one.of_considered),
                share(one.of_expected),
                share(one.of_recorded),
                share(one.of_looks)
            )
        }));
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines.push(format!("written to {}", to.display()));
        lines.push(String::new());
        lines.join("\n")
    }
}
