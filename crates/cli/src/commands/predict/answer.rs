//! The answers: reasons against one first, then what the members say, combined and calibrated, and
//! what it rests on. Rows asked are rows answered and rows abstained.

use super::fit::{Fitted, kinds};
use super::job::{Job, Kept, row};
use super::line::Line;
use super::members::{Members, Row, Sampled};
use crate::failure::{Failure, Kind};
use crate::interrupt;
use anyhow::{Result, ensure};
use longitude_core::{Abstention, SubjectId};
use longitude_eval::uncertainty::{Acts, Decision, MonteCarloError, act_or_defer};
use longitude_predict::{AnswerOptions, Ensemble, EvidenceOptions, HistoryFacts};
use longitude_tasks::Asked;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows that are answered side by side.
const CHUNK: usize = 64;
/// The one group of conformal decisions.
const ALL: &str = "all";

/// All rows in their order, with what the data say came.
pub(super) struct Answered {
    pub(super) names: Vec<String>,
    pub(super) lines: Vec<(Line, Option<bool>)>,
}

impl Job {
    /// Answers everybody who is asked about, in the order of `asked`.
    pub(super) fn answer(&self, asked: &[Asked], kept: &Kept) -> Result<Answered> {
        let mut by_subject: BTreeMap<SubjectId, Vec<&Asked>> = BTreeMap::new();
        for one in asked {
            by_subject.entry(one.subject).or_default().push(one);
        }
        let mut members = self.members(&kept.fitted);
        let mut lines = Vec::with_capacity(asked.len());
        let mut waiting: Vec<Row> = Vec::new();
        for timeline in self.data.timelines(self.options.split) {
            interrupt::check()?;
            let timeline = timeline?;
            let Some(own) = by_subject.remove(&timeline.subject()) else {
                continue;
            };
            let timeline = Arc::new(timeline);
            waiting.extend(own.into_iter().map(|one| row(&timeline, one)));
            while waiting.len() >= CHUNK {
                let rest = waiting.split_off(CHUNK);
                self.answer_rows(&mut members, kept, &waiting, &mut lines)?;
                waiting = rest;
            }
        }
        self.answer_rows(&mut members, kept, &waiting, &mut lines)?;
        if let Some(subject) = by_subject.keys().next() {
            let message = format!(
                "{} subjects that are asked about cannot be read as subjects of the data set, the \
                 first of them {subject}",
                by_subject.len()
            );
            let mend = "check the data set with `longitude validate`";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        lines.sort_by_key(|(line, _)| (line.subject_id, line.prediction_time));
        ensure!(lines.len() == asked.len(), "every row asked has a line");
        let names = members.names();
        self.decide(kept, &mut lines);
        self.rest_on(&mut lines)?;
        Ok(Answered { names, lines })
    }

    fn answer_rows(
        &self,
        members: &mut Members<'_>,
        kept: &Kept,
        rows: &[Row],
        lines: &mut Vec<(Line, Option<bool>)>,
    ) -> Result<()> {
        let fitted = &kept.fitted;
        let mut own: Vec<Line> = rows.iter().map(|row| self.line(kept, row)).collect();
        let open: Vec<usize> = (0..rows.len())
            .filter(|place| own[*place].abstention.is_none())
            .collect();
        let asked: Vec<Row> = open.iter().map(|place| rows[*place].clone()).collect();
        Self::novel(members, fitted, (&asked, &open), &mut own)?;
        let Some(ensemble) = &fitted.ensemble else {
            return Err(no_member(fitted).into());
        };
        if !asked.is_empty() {
            let said = members.say(&asked)?;
            for (at, place) in open.into_iter().enumerate() {
                let risks: Option<Vec<f64>> = said.risks.iter().map(|risks| risks[at]).collect();
                let sampled = said.sampled.as_ref().map(|all| all[at]);
                self.combine(ensemble, (sampled, risks), &mut own[place]);
            }
        }
        let labels = rows.iter().map(|row| row.label);
        lines.extend(own.into_iter().zip(labels));
        Ok(())
    }

    /// A line without an answer yet, with the reason against one where that is known beforehand.
    fn line(&self, kept: &Kept, row: &Row) -> Line {
        let ensemble = kept.fitted.ensemble.as_ref();
        Line {
            subject_id: row.timeline.subject(),
            prediction_time: row.at,
            risk: None,
            calibrated: ensemble.is_some_and(Ensemble::is_calibrated),
            abstention: self.reason(&kept.fitted, row),
            monte_carlo: None,
            interval: None,
            decision: None,
            uncalibrated: None,
            members: Vec::new(),
            intercept: None,
            evidence: None,
            task: self.task,
            fitted: kept.digest,
            model: self.run.root,
        }
    }

    fn reason(&self, fitted: &Fitted, row: &Row) -> Option<Abstention> {
        let options = &self.run.engine.fitted().abstain;
        if row.timeline.birth().is_some_and(|birth| row.at < birth) {
            return Some(Abstention::BeforeBirth);
        }
        let facts = HistoryFacts::of(self.run.engine.vocabulary(), &row.timeline, row.at);
        let population = &self.run.engine.fitted().population;
        let known = facts.refuse(&self.task.to_string(), false, population, options);
        let (subjects, required) = (fitted.train_positives, options.outcome_subjects_min);
        let rare =
            (subjects < required).then_some(Abstention::OutcomeTooRare { subjects, required });
        let missing = || {
            let there = kinds(&row.timeline, row.at);
            let missing = fitted
                .modalities
                .iter()
                .find(|kind| !there.contains(kind))?;
            let what = serde_json::to_value(missing).ok()?;
            let what = what.as_str()?.to_owned();
            Some(Abstention::MissingModality { what })
        };
        known.or(rare).or_else(missing)
    }

    /// Refuses histories that are unlike the training subjects'.
    fn novel(
        members: &Members<'_>,
        fitted: &Fitted,
        (asked, open): (&[Row], &[usize]),
        lines: &mut [Line],
    ) -> Result<()> {
        let Some(novelty) = &fitted.novelty else {
            return Ok(());
        };
        let rows: Vec<_> = asked.iter().map(Row::asked).collect();
        for (state, place) in members.engine.states(&rows)?.into_iter().zip(open) {
            let distance = state.map(|state| novelty.distance(&state.hidden));
            let allowed = novelty.allowed;
            let novel = distance.filter(|distance| *distance > allowed);
            lines[*place].abstention =
                novel.map(|distance| Abstention::Novel { distance, allowed });
        }
        Ok(())
    }

    fn combine(
        &self,
        ensemble: &Ensemble,
        (sampled, risks): (Option<Sampled>, Option<Vec<f64>>),
        line: &mut Line,
    ) {
        if line.abstention.is_some() {
            return;
        }
        let share = sampled.map_or(0.0, |one| one.open_share);
        if share > self.run.engine.fitted().abstain.censored_share_max {
            line.abstention = Some(Abstention::Censored { share });
            return;
        }
        let Some(risks) = risks else {
            line.abstention = Some(Abstention::Censored { share: 1.0 });
            return;
        };
        let error = |one: Sampled| {
            let samples = u64::from(self.options.sampling.samples);
            Some(MonteCarloError {
                estimate: one.risk?,
                standard_error: one.standard_error,
                samples,
            })
        };
        line.monte_carlo = sampled.and_then(error);
        line.answer(&ensemble.members, &risks, &ensemble.combine(&risks));
    }

    /// Whom to act on, all rows with an answer at once, where a level was given.
    fn decide(&self, kept: &Kept, lines: &mut [(Line, Option<bool>)]) {
        let Some((level, ensemble)) = self.options.act_level.zip(kept.fitted.ensemble.as_ref())
        else {
            return;
        };
        let rows = &ensemble.kept;
        let labels: Vec<bool> = rows.iter().map(|row| row.label).collect();
        let risks: Vec<f64> = rows.iter().map(|row| row.risk).collect();
        let later: Vec<f64> = lines.iter().filter_map(|(line, _)| line.risk).collect();
        let acts = Acts {
            labels: &labels,
            risks: &risks,
            groups: &vec![ALL.to_owned(); labels.len()],
            later: &later,
            later_groups: &vec![ALL.to_owned(); later.len()],
        };
        let decided: Vec<Decision> = act_or_defer(&acts, level);
        let answered = lines.iter_mut().filter(|(line, _)| line.risk.is_some());
        for ((line, _), decision) in answered.zip(decided) {
            line.decision = Some(decision);
        }
    }

    /// What the sampled answers of the first rows rest on.
    fn rest_on(&self, lines: &mut [(Line, Option<bool>)]) -> Result<()> {
        let Some(question) = self.question().filter(|_| self.options.evidence > 0) else {
            if self.options.evidence > 0 {
                eprintln!("warning: no evidence: the task is not one question to the model");
            }
            return Ok(());
        };
        let how = AnswerOptions {
            sample: self.options.sampling,
            evidence: Some(EvidenceOptions::research()),
        };
        let wanted = lines.iter_mut().filter(|(line, _)| line.risk.is_some());
        for (line, _) in wanted.take(self.options.evidence) {
            interrupt::check()?;
            let Some(timeline) = self.data.timeline(line.subject_id)? else {
                continue;
            };
            let asked = longitude_predict::Asked {
                timeline: &timeline,
                at: line.prediction_time,
            };
            let answers =
                self.run
                    .engine
                    .answer_many(&[asked], std::slice::from_ref(question), &how)?;
            line.evidence = answers.into_iter().flatten().next().map(|one| one.evidence);
        }
        Ok(())
    }
}

fn no_member(fitted: &Fitted) -> Failure {
    let reasons: Vec<String> = fitted
        .absent
        .iter()
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    Failure::new(
        Kind::Input,
        format!("no member can answer this task: {}", reasons.join("; ")),
        "ask for an outcome that the run's training subjects had, in a window of fixed length",
    )
}

/// A few lines for a person.
pub(super) fn summary(job: &Job, kept: &Kept, answered: &Answered, checked: bool) -> String {
    let fitted = &kept.fitted;
    let lines = &answered.lines;
    let risks: Vec<f64> = lines.iter().filter_map(|(line, _)| line.risk).collect();
    let labelled = lines.iter().filter(|(_, label)| label.is_some()).count();
    let with = lines
        .iter()
        .filter(|(_, label)| *label == Some(true))
        .count();
    let mut text = format!(
        "{} rows asked, {} answered, {} abstained; the data know {labelled} labels, {with} of them \
         with the outcome\n",
        lines.len(),
        risks.len(),
        lines.len() - risks.len()
    );
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for abstention in lines
        .iter()
        .filter_map(|(line, _)| line.abstention.as_ref())
    {
        let name = serde_json::to_value(abstention).ok();
        let name = name.and_then(|value| value["reason"].as_str().map(str::to_owned));
        *reasons.entry(name.unwrap_or_default()).or_default() += 1;
    }
    for (reason, count) in reasons {
        text.push_str(&format!("  {count} abstained: {reason}\n"));
    }
    if !risks.is_empty() {
        let mean = risks.iter().sum::<f64>() / risks.len() as f64;
        text.push_str(&format!("mean risk {mean:.4}\n"));
    }
    if let Some(ensemble) = &fitted.ensemble {
        let [weighing, calibration, conformal] = ensemble.served;
        text.push_str(&format!(
            "members {}; {} answers, weighed on {}+{} tuning subjects\n",
            ensemble.members.join(", "),
            ensemble.chosen,
            weighing.positives,
            weighing.negatives
        ));
        let how = if ensemble.is_calibrated() {
            "calibrated"
        } else {
            "NOT calibrated: too few of them; calibration had"
        };
        text.push_str(&format!(
            "{how} on {}+{}, {}+{} kept for decisions\n",
            calibration.positives, calibration.negatives, conformal.positives, conformal.negatives
        ));
    }
    for (name, reason) in &fitted.absent {
        text.push_str(&format!("{name} is no member: {reason}\n"));
    }
    if let Some(indirect) = job.indirect().filter(|one| one.labels_futures) {
        text.push_str(&format!(
            "not one question to the model ({indirect}): futures are labelled by the task itself\n"
        ));
    }
    if checked {
        text.push_str("made again: the same bytes\n");
    }
    text
}
