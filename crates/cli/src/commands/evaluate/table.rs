//! From the columns of a file to what is judged: labels, risks, groups, follow-up, and the rows of
//! another model's file beside them.

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
/// A column that tables of `longitude predict` declare.
const ABSTENTION: &str = "abstention";
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
    /// Subject and prediction time of each row as the file has them.
    keys: Vec<(i64, i64)>,
    days: Vec<f64>,
    causes: Vec<u8>,
}

/// What is read and how.
pub(crate) struct Asked<'a> {
    /// The heading; as a rule the name of the first file.
    pub(crate) title: Option<String>,
    /// The files, the first of which has the labels.
    pub(crate) files: Vec<&'a Path>,
    /// Columns of texts to group by.
    pub(crate) groups: &'a [String],
    /// The horizon of the follow-up, in days.
    pub(crate) horizon: Option<f64>,
}

/// A file's columns, checked.
pub(super) struct Checked {
    pub(super) read: Predictions,
    pub(super) labels: Option<Vec<bool>>,
    pub(super) risks: Vec<Option<f64>>,
    /// Rows that were left out because their outcome is not known.
    open: u64,
}

pub(super) fn checked(path: &Path, labels_needed: bool) -> Result<Checked> {
    present(path)?;
    let mut read = read_predictions(path, true)?;
    not_empty(&read, path)?;
    once(&read)?;
    let open = if labels_needed {
        leave_open(&mut read)
    } else {
        0
    };
    let labelled = labels_needed || read.booleans.contains_key(LABEL);
    let labels = labelled.then(|| every_label(&read)).transpose()?;
    let column = read.numbers.get(PROBABILITY);
    let column = column.filter(|column| column.iter().any(Option::is_some));
    let column = column.ok_or_else(|| absent(&read, PROBABILITY))?.clone();
    risks(&read, &column)?;
    Ok(Checked {
        labels,
        risks: column,
        read,
        open,
    })
}

/// Leaves out the rows of a table by `longitude predict` whose outcome the data do not know: it
/// answers everybody who is asked about. Any other table must have every label. Returns how many.
fn leave_open(read: &mut Predictions) -> u64 {
    let own = read.numbers.contains_key(ABSTENTION);
    let Some(labels) = read.booleans.get(LABEL).filter(|_| own) else {
        return 0;
    };
    let known = rows_where(labels, Option::is_some);
    let open = labels.len() - known.len();
    if open > 0 && !known.is_empty() {
        read.keep(&known);
        return open as u64;
    }
    0
}

/// What a file is called.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

impl Table {
    /// Reads the first file, and the others beside it.
    pub(crate) fn read(asked: &Asked<'_>) -> Result<Self> {
        let [first, others @ ..] = &asked.files[..] else {
            anyhow::bail!("no file of predictions was named");
        };
        let own = checked(first, true)?;
        let days = |&time: &i64| time as f64 / MICROSECONDS_A_DAY;
        let subjects = own.read.subjects.iter();
        let mut table = Self {
            title: asked
                .title
                .clone()
                .unwrap_or_else(|| format!("Evaluation of {}", stem(first))),
            keys: subjects
                .clone()
                .copied()
                .zip(own.read.times.iter().copied())
                .collect(),
            subjects: subjects.map(|s| s.cast_unsigned()).collect(),
            times: own.read.times.iter().map(days).collect(),
            labels: own.labels.clone().unwrap_or_default(),
            models: vec![(stem(first), own.risks.clone())],
            groups: Vec::new(),
            left_out: BTreeMap::new(),
            notes: Vec::new(),
            days: Vec::new(),
            causes: Vec::new(),
        };
        if own.open > 0 {
            let reason = "the outcome is not known".to_owned();
            table.left_out.insert(reason, own.open);
            table.notes.push(format!(
                "{} rows are left out: the data do not know their outcome",
                own.open
            ));
        }
        table.group(&own.read, asked.groups)?;
        table.follow(&own.read, asked.horizon)?;
        for path in others {
            let other = checked(path, false)?;
            let name = table.unused(&stem(path));
            table.beside(&other, name)?;
        }
        Ok(table)
    }

    /// A name that no model has yet.
    fn unused(&self, name: &str) -> String {
        let taken = |name: &str| self.models.iter().any(|(known, _)| known == name);
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    fn group(&mut self, read: &Predictions, asked: &[String]) -> Result<(), Failure> {
        for name in asked {
            if !read.texts.contains_key(name) {
                let what = format!("{}: no column of texts `{name}`", read.place(0).0.display());
                let has: Vec<&str> = read.texts.keys().map(String::as_str).collect();
                let mend = if has.is_empty() {
                    "the table has no column of texts: leave --group out".to_owned()
                } else {
                    format!("--group takes one of: {}", has.join(", "))
                };
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
                let (path, _) = read.place(0);
                let what = format!("{}: no column `{column}` of numbers", path.display());
                let mend = format!(
                    "--horizon needs `{FOLLOWED_DAYS}` (days to the first event or the end of \
                     observation) and `{CAUSE}` (0 censored, 1 the outcome, 2 and more competing \
                     events); leave it out where there is no follow-up"
                );
                return Err(Failure::new(Kind::Input, what, mend));
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

    /// Puts another model's risks beside those of the same subject and time, and keeps only the
    /// rows that it has too; the others are counted. A file without labels takes the first one's.
    fn beside(&mut self, other: &Checked, name: String) -> Result<(), Failure> {
        let theirs = other
            .read
            .subjects
            .iter()
            .copied()
            .zip(other.read.times.iter().copied());
        let theirs: BTreeMap<(i64, i64), usize> = theirs.zip(0..).collect();
        let (mut kept, mut beside, mut disagree) = (Vec::new(), Vec::new(), Vec::new());
        for (row, key) in self.keys.iter().enumerate() {
            if let Some(&there) = theirs.get(key) {
                let label = other.labels.as_ref().map(|labels| labels[there]);
                if label.is_some_and(|label| label != self.labels[row]) {
                    disagree.push(there);
                }
                kept.push(row);
                beside.push(other.risks[there]);
            }
        }
        disagree.sort_unstable();
        let what = format!(
            "another `{LABEL}` than the same row of {}",
            self.models[0].0
        );
        let mend = "compare predictions of the same labels";
        refuse(&other.read, &disagree, &what, mend)?;
        if kept.is_empty() {
            let message = format!(
                "{name} has no subject and prediction time in common with {}",
                self.models[0].0
            );
            let mend = "compare predictions about the same subjects at the same times";
            return Err(Failure::new(Kind::Input, message, mend));
        }
        let alone = (self.labels.len() - kept.len()) as u64;
        let missed = (other.read.subjects.len() - kept.len()) as u64;
        self.left_out.insert(format!("not in {name}"), alone);
        self.left_out.insert(format!("only in {name}"), missed);
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
        only(&mut self.keys, rows);
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
