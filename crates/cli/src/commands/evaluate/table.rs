//! From the columns of a file to what is judged: labels, risks, groups, follow-up, and the rows of
//! another model's file beside them.

use super::Arguments;
use super::checks::{
    LABEL, PROBABILITY, absent, every_label, not_empty, once, present, refuse, risks, rows_where,
};
use crate::failure::{Failure, Kind};
use anyhow::Result;
use longitude_eval::survival::FollowUp;
use longitude_store::{Predictions, read_predictions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// More distinct texts than this are no groups unless asked for by name.
const GROUPS_MAX: usize = 20;
const FOLLOWED_DAYS: &str = "followup_days";
const CAUSE: &str = "event_cause";
const MICROSECONDS_A_DAY: f64 = 86_400e6;

/// What is judged.
pub(crate) struct Table {
    /// The heading.
    pub(crate) title: String,
    /// Subjects, as they are told apart, not as they are called.
    pub(crate) subjects: Vec<u64>,
    /// Prediction times in days.
    pub(crate) times: Vec<f64>,
    /// Labels.
    pub(crate) labels: Vec<bool>,
    /// The models by the names of their files.
    pub(crate) models: Vec<(String, Vec<Option<f64>>)>,
    /// Groups by dimension.
    pub(crate) groups: Vec<(String, Vec<String>)>,
    /// Rows left out, by reason.
    pub(crate) left_out: BTreeMap<String, u64>,
    /// What was done with columns and rows, in sentences.
    pub(crate) notes: Vec<String>,
    days: Vec<f64>,
    causes: Vec<u8>,
}

/// A file's columns, checked.
struct Checked {
    read: Predictions,
    labels: Vec<bool>,
    risks: Vec<Option<f64>>,
}

fn checked(path: &Path) -> Result<Checked> {
    present(path)?;
    let read = read_predictions(path, true)?;
    not_empty(&read, path)?;
    once(&read)?;
    let labels = every_label(&read)?;
    let column = read.numbers.get(PROBABILITY);
    let column = column.filter(|column| column.iter().any(Option::is_some));
    let column = column.ok_or_else(|| absent(&read, PROBABILITY))?.clone();
    risks(&read, &column)?;
    Ok(Checked {
        labels,
        risks: column,
        read,
    })
}

impl Table {
    /// Reads the file, and the other model's.
    pub(crate) fn read(arguments: &Arguments) -> Result<Self> {
        let own = checked(&arguments.predictions)?;
        let name = |path: &Path| {
            let stem = path.file_stem().unwrap_or(path.as_os_str());
            stem.to_string_lossy().into_owned()
        };
        let mut table = Self {
            title: format!("Evaluation of {}", name(&arguments.predictions)),
            subjects: own
                .read
                .subjects
                .iter()
                .map(|s| s.cast_unsigned())
                .collect(),
            times: own
                .read
                .times
                .iter()
                .map(|&t| t as f64 / MICROSECONDS_A_DAY)
                .collect(),
            labels: own.labels.clone(),
            models: vec![(name(&arguments.predictions), own.risks.clone())],
            groups: Vec::new(),
            left_out: BTreeMap::new(),
            notes: Vec::new(),
            days: Vec::new(),
            causes: Vec::new(),
        };
        table.group(&own.read, &arguments.group)?;
        table.follow(&own.read, arguments.horizon)?;
        if let Some(path) = &arguments.against {
            let other = checked(path)?;
            let mut called = name(path);
            if called == table.models[0].0 {
                called.push_str(" (against)");
            }
            table.beside(&own, &other, called)?;
        }
        Ok(table)
    }

    fn group(&mut self, read: &Predictions, asked: &[String]) -> Result<(), Failure> {
        for name in asked {
            if !read.texts.contains_key(name) {
                let what = format!("{}: no column of texts `{name}`", read.place(0).0.display());
                let has: Vec<&str> = read.texts.keys().map(String::as_str).collect();
                let mend = format!("--group takes one of: {}", has.join(", "));
                return Err(Failure::new(Kind::Input, what, mend));
            }
        }
        for (name, values) in &read.texts {
            let named = asked.contains(name);
            if name == "categorical_value" || !asked.is_empty() && !named {
                continue;
            }
            let distinct: BTreeSet<&Option<String>> = values.iter().collect();
            if distinct.len() > GROUPS_MAX && !named {
                self.notes.push(format!(
                    "column `{name}` has {} values and is no group; --group {name} asks for it",
                    distinct.len()
                ));
                continue;
            }
            let value = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
            self.groups
                .push((name.clone(), values.iter().map(value).collect()));
        }
        let known = [PROBABILITY, FOLLOWED_DAYS, CAUSE];
        let numbers = read
            .numbers
            .keys()
            .filter(|name| !known.contains(&name.as_str()));
        let unused: Vec<&str> = numbers.chain(&read.unread).map(String::as_str).collect();
        if !unused.is_empty() {
            self.notes
                .push(format!("columns not used: {}", unused.join(", ")));
        }
        Ok(())
    }

    fn follow(&mut self, read: &Predictions, horizon: Option<f64>) -> Result<(), Failure> {
        let (days, causes) = match (read.numbers.get(FOLLOWED_DAYS), read.numbers.get(CAUSE)) {
            (Some(days), Some(causes)) => (days, causes),
            _ if horizon.is_some() => {
                let column = if read.numbers.contains_key(FOLLOWED_DAYS) {
                    CAUSE
                } else {
                    FOLLOWED_DAYS
                };
                return Err(absent(read, column));
            }
            (None, None) => return Ok(()),
            (days, _) => {
                let (there, lacking) = if days.is_some() {
                    (FOLLOWED_DAYS, CAUSE)
                } else {
                    (CAUSE, FOLLOWED_DAYS)
                };
                self.notes.push(format!(
                    "column `{there}` is not used: follow-up needs `{lacking}` beside it"
                ));
                return Ok(());
            }
        };
        if horizon.is_none() {
            let note = "follow-up is there and not looked at: --horizon DAYS asks for it";
            self.notes.push(note.to_owned());
            return Ok(());
        }
        let bad_days = |value: &Option<f64>| !value.is_some_and(|d| d.is_finite() && d >= 0.0);
        let what = format!("`{FOLLOWED_DAYS}` that is absent, negative or not a number");
        let mend = "give the days from the prediction to the first event or the end of observation";
        refuse(read, &rows_where(days, bad_days), &what, mend)?;
        let cause = |value: &Option<f64>| {
            let small = value.filter(|v| (0.0..=255.0).contains(v) && v.fract() <= 0.0)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number from 0 to 255"
            )]
            Some(small as u8)
        };
        let bad_cause = |value: &Option<f64>| cause(value).is_none();
        let what = format!("`{CAUSE}` that is no whole number from 0");
        let mend = "0 is censored, 1 the outcome, 2 and more are competing events";
        refuse(read, &rows_where(causes, bad_cause), &what, mend)?;
        self.days = days.iter().flatten().copied().collect();
        self.causes = causes.iter().filter_map(cause).collect();
        Ok(())
    }

    /// The follow-up, where it was asked for.
    pub(crate) fn followed(
        &self,
        horizon: Option<f64>,
    ) -> Result<Option<(FollowUp<'_>, f64)>, Failure> {
        let Some(horizon) = horizon else {
            return Ok(None);
        };
        if self.causes.iter().all(|&cause| cause == 0) {
            return Err(Failure::new(
                Kind::Input,
                format!("every row is censored: `{CAUSE}` is 0 throughout"),
                "write 1 where the outcome happened, or leave --horizon out",
            ));
        }
        let followed = FollowUp {
            times: &self.days,
            causes: &self.causes,
        };
        Ok(Some((followed, horizon)))
    }

    /// Puts the other model's risks beside those of the same subject and time, and keeps only the
    /// rows that both files have; the others are counted.
    fn beside(&mut self, own: &Checked, other: &Checked, name: String) -> Result<(), Failure> {
        let keys = |read: &Predictions| -> Vec<(i64, i64)> {
            let pairs = read.subjects.iter().zip(&read.times);
            pairs.map(|(&subject, &time)| (subject, time)).collect()
        };
        let theirs: BTreeMap<(i64, i64), usize> = keys(&other.read).into_iter().zip(0..).collect();
        let (mut kept, mut beside, mut disagree) = (Vec::new(), Vec::new(), Vec::new());
        for (row, key) in keys(&own.read).iter().enumerate() {
            if let Some(&there) = theirs.get(key) {
                if own.labels[row] != other.labels[there] {
                    disagree.push(row);
                }
                kept.push(row);
                beside.push(other.risks[there]);
            }
        }
        let what = format!("another `{LABEL}` than the same row of the other file");
        let mend = "compare predictions of the same labels";
        refuse(&own.read, &disagree, &what, mend)?;
        if kept.is_empty() {
            return Err(Failure::new(
                Kind::Input,
                "the two files have no subject and prediction time in common",
                "compare predictions about the same subjects at the same times",
            ));
        }
        let alone = (own.labels.len() - kept.len()) as u64;
        let missed = (other.labels.len() - kept.len()) as u64;
        self.left_out
            .insert("only in the first file".to_owned(), alone);
        self.left_out
            .insert("only in the second file".to_owned(), missed);
        self.keep(&kept);
        self.models.push((name, beside));
        Ok(())
    }

    fn keep(&mut self, rows: &[usize]) {
        fn only<T: Clone>(values: &mut Vec<T>, rows: &[usize]) {
            if !values.is_empty() {
                *values = rows.iter().map(|&row| values[row].clone()).collect();
            }
        }
        only(&mut self.subjects, rows);
        only(&mut self.times, rows);
        only(&mut self.labels, rows);
        only(&mut self.days, rows);
        only(&mut self.causes, rows);
        for (_, risks) in &mut self.models {
            only(risks, rows);
        }
        for (_, values) in &mut self.groups {
            only(values, rows);
        }
    }
}
