//! Predictions as they were served, joined with the outcomes that are known.

use super::policy::Policy;
use crate::commands::evaluate::checks::{LABEL, PROBABILITY, not_empty, once, present, risks};
use crate::failure::{Failure, Kind};
use anyhow::Result;
use longitude_core::{Instant, Prediction, Probability};
use longitude_eval::monitor::Served;
use longitude_store::{Predictions, read_labels, read_predictions};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Columns of numbers that are no inputs.
const NO_INPUTS: [&str; 5] = [
    PROBABILITY,
    "integer_value",
    "float_value",
    "followup_days",
    "event_cause",
];

/// Subject and prediction time in microseconds.
pub(super) type Key = (i64, i64);

/// Outcomes by subject and prediction time.
pub(super) struct Outcomes {
    of: BTreeMap<Key, bool>,
    given: bool,
}

/// The rows of one task. No `Debug`: they are patients'.
pub(super) struct Rows {
    pub(super) keys: Vec<Key>,
    subjects: Vec<u64>,
    times: Vec<f64>,
    pub(super) risks: Vec<Option<f64>>,
    pub(super) labels: Vec<Option<bool>>,
    pub(super) groups: Vec<(String, Vec<String>)>,
    pub(super) inputs: Vec<(String, Vec<Option<f64>>)>,
    /// What was done with columns and rows.
    pub(super) notes: Vec<String>,
    /// Each file with the place of its first row.
    files: Vec<(PathBuf, usize)>,
}

/// Days since 1970.
pub(super) fn days(instant: Instant) -> f64 {
    (instant - Instant(0)).0
}

impl Outcomes {
    /// Reads tables of labels.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut of = BTreeMap::new();
        for path in paths {
            present(path)?;
            for (row, label) in read_labels(path)?.into_iter().enumerate() {
                let refuse = |what: &str, mend: &str| {
                    let message = format!("{}: row {} {what}", path.display(), row + 1);
                    Err(Failure::new(Kind::Input, message, mend).into())
                };
                let (Some(time), Some(value)) = (label.prediction_time, label.boolean) else {
                    let mend = "write tables of boolean labels, as `longitude label` does";
                    return refuse("has no prediction time or no boolean_value", mend);
                };
                let before = of.insert((label.subject.0, time.0), value);
                if before.is_some_and(|before| before != value) {
                    let mend = "a label that was made before its window was over is no label: \
                                make the labels again from the whole record, and give these only";
                    return refuse("contradicts an earlier label of the same prediction", mend);
                }
            }
        }
        Ok(Self {
            of,
            given: !paths.is_empty(),
        })
    }

    /// The outcome of a prediction, where it is known.
    pub(super) fn of(&self, key: Key) -> Option<bool> {
        self.of.get(&key).copied()
    }
}

impl Rows {
    /// Reads predictions from all files, each prediction once.
    pub(super) fn read(paths: &[PathBuf], outcomes: &Outcomes, policy: &Policy) -> Result<Self> {
        let mut rows = Self {
            keys: Vec::new(),
            subjects: Vec::new(),
            times: Vec::new(),
            risks: Vec::new(),
            labels: Vec::new(),
            groups: policy
                .groups
                .iter()
                .map(|name| (name.clone(), Vec::new()))
                .collect(),
            inputs: Vec::new(),
            notes: Vec::new(),
            files: Vec::new(),
        };
        for path in paths {
            present(path)?;
            rows.files.push((path.clone(), rows.keys.len()));
            let is_lines = path
                .extension()
                .is_some_and(|e| e == "jsonl" || e == "ndjson");
            if is_lines {
                rows.lines(path, policy)?;
            } else {
                rows.table(path, policy)?;
            }
        }
        rows.each_once()?;
        for (label, key) in rows.labels.iter_mut().zip(&rows.keys) {
            *label = outcomes.of(*key).or(*label);
        }
        Ok(rows)
    }

    /// The file and row of a row.
    pub(super) fn place(&self, row: usize) -> String {
        let after = self.files.partition_point(|(_, first)| *first <= row);
        let (path, first) = &self.files[after.saturating_sub(1)];
        format!("{}: row {}", path.display(), row - first + 1)
    }

    /// Lent to the assessment.
    pub(super) fn served(&self) -> Served<'_> {
        Served {
            subjects: &self.subjects,
            times: &self.times,
            risks: &self.risks,
            labels: &self.labels,
            groups: &self.groups,
            inputs: &self.inputs,
        }
    }

    /// Refuses outcomes of another data set: those of which none belongs to a prediction.
    pub(super) fn fit(&self, outcomes: &Outcomes) -> Result<(), Failure> {
        let fits = self.keys.iter().any(|key| outcomes.of(*key).is_some());
        if !outcomes.given || fits {
            return Ok(());
        }
        Err(Failure::new(
            Kind::Input,
            "no label belongs to a prediction: none has the subject and time of one",
            "give the labels of the data set that the predictions are about, with its subjects' \
             identifiers and its dates (a de-identified set has others than the identified one)",
        ))
    }

    fn table(&mut self, path: &Path, policy: &Policy) -> Result<()> {
        let read = read_predictions(path, true)?;
        not_empty(&read, path)?;
        once(&read)?;
        let absent = vec![None; read.subjects.len()];
        let column = read.numbers.get(PROBABILITY).unwrap_or(&absent);
        if column.iter().all(Option::is_none) {
            let message = format!("{}: no column `{PROBABILITY}` with values", path.display());
            let mend =
                "give predictions in the MEDS prediction schema, empty where the model abstained";
            return Err(Failure::new(Kind::Input, message, mend).into());
        }
        risks(&read, column)?;
        self.risks.extend(column);
        let known = read.booleans.get(LABEL);
        let labels = known
            .cloned()
            .unwrap_or_else(|| vec![None; read.subjects.len()]);
        self.labels.extend(labels);
        for (&subject, &time) in read.subjects.iter().zip(&read.times) {
            self.push((subject, time));
        }
        self.group(&read, path)?;
        self.input(&read, path, policy)
    }

    fn push(&mut self, key: Key) {
        self.keys.push(key);
        self.subjects.push(key.0.cast_unsigned());
        self.times.push(days(Instant(key.1)));
    }

    fn group(&mut self, read: &Predictions, path: &Path) -> Result<()> {
        for (name, values) in &mut self.groups {
            let Some(column) = read.texts.get(name) else {
                let has: Vec<&str> = read.texts.keys().map(String::as_str).collect();
                let message = format!("{}: no column of texts `{name}`", path.display());
                let mend = format!("groups of the policy are of: {}", has.join(", "));
                return Err(Failure::new(Kind::Input, message, mend).into());
            };
            let value = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
            values.extend(column.iter().map(value));
        }
        Ok(())
    }

    fn input(&mut self, read: &Predictions, path: &Path, policy: &Policy) -> Result<()> {
        let before = self.keys.len() - read.subjects.len();
        let of_table = read
            .numbers
            .keys()
            .filter(|name| !NO_INPUTS.contains(&name.as_str()));
        let names: Vec<String> = match &policy.inputs {
            Some(names) => names.clone(),
            None => of_table.cloned().collect(),
        };
        for name in names {
            let Some(column) = read.numbers.get(&name) else {
                let message = format!("{}: no column of numbers `{name}`", path.display());
                let mend = "correct `inputs` of the policy, or leave the key out";
                return Err(Failure::new(Kind::Input, message, mend).into());
            };
            let at = self.inputs.iter().position(|(known, _)| *known == name);
            let at = at.unwrap_or_else(|| {
                self.inputs.push((name, Vec::new()));
                self.inputs.len() - 1
            });
            let values = &mut self.inputs[at].1;
            values.resize(before, None);
            values.extend(column);
        }
        for (_, values) in &mut self.inputs {
            values.resize(self.keys.len(), None);
        }
        Ok(())
    }

    /// JSON lines of predictions, those of other tasks left aside.
    fn lines(&mut self, path: &Path, policy: &Policy) -> Result<()> {
        let refuse = |what: String, mend: &str| Failure::new(Kind::Input, what, mend);
        if !policy.groups.is_empty() {
            let what = format!(
                "{}: JSON lines of predictions have no groups",
                path.display()
            );
            let mend =
                "write `groups = []` in the policy, or give a Parquet table with the columns";
            return Err(refuse(what, mend).into());
        }
        let text = std::fs::read_to_string(path)?;
        let mut others = 0_u64;
        for (number, line) in text.lines().enumerate() {
            let one: Prediction = serde_json::from_str(line).map_err(|error| {
                let place = format!("line {}, column {}", number + 1, error.column());
                let what = format!("{}: {place} is not a prediction", path.display());
                refuse(what, "give JSON lines as a run's predictions/ holds them")
            })?;
            if one.task != policy.task {
                others += 1;
                continue;
            }
            self.risks.push(one.risk.map(Probability::get));
            self.labels.push(None);
            self.push((one.subject.0, one.time.0));
        }
        for (_, values) in &mut self.inputs {
            values.resize(self.keys.len(), None);
        }
        if others > 0 {
            let name = path.display();
            self.notes.push(format!(
                "{name}: {others} predictions of other tasks left aside"
            ));
        }
        Ok(())
    }

    fn each_once(&self) -> Result<(), Failure> {
        let mut first: BTreeMap<Key, usize> = BTreeMap::new();
        for (row, &key) in self.keys.iter().enumerate() {
            if let Some(before) = first.insert(key, row) {
                let (now, before) = (self.place(row), self.place(before));
                return Err(Failure::new(
                    Kind::Input,
                    format!("{now} is the same subject and time as {before}"),
                    "give each prediction once: batches must not overlap",
                ));
            }
        }
        if first.is_empty() {
            let message = "there is no prediction of the policy's task";
            return Err(Failure::new(
                Kind::Input,
                message,
                "correct `task`, or the files",
            ));
        }
        Ok(())
    }
}
