//! The two files of a prediction: the table in MEDS's prediction schema and the JSON lines;
//! written, or compared with those that are there.

use super::answer::Answered;
use super::job::{Job, Kept};
use super::line::{COLUMNS, merkle_root};
use crate::failure::{Failure, Kind};
use crate::pipeline::write_private;
use anyhow::{Context, Result};
use longitude_core::Digest;
use longitude_eval::uncertainty::Decision;
use longitude_store::{COLUMNS_KEY, PredictionRow, PredictionTable, encode_predictions};
use std::fs;
use std::path::Path;

/// From which risk on `predicted_boolean_value` is true: where the outcome is likelier than not. It
/// is no advice to act.
const LIKELIER_THAN_NOT: f64 = 0.5;

/// Both files, made and not yet at their places.
pub(super) struct Files {
    lines: Vec<Vec<u8>>,
    bytes: Vec<u8>,
    /// The Merkle root of the lines.
    pub(super) root: Digest,
    /// The digest of the table.
    pub(super) table: Digest,
}

impl Files {
    /// Of all answers.
    pub(super) fn of(job: &Job, kept: &Kept, answered: &Answered) -> Result<Self> {
        let mut lines = Vec::with_capacity(answered.lines.len());
        let mut rows = Vec::with_capacity(answered.lines.len());
        for (line, label) in &answered.lines {
            let bytes = serde_json::to_vec(line)?;
            let members = answered.names.iter().map(|name| {
                let part = line.members.iter().find(|part| part.name == *name);
                part.map(|part| part.risk)
            });
            rows.push(PredictionRow {
                subject: line.subject_id,
                prediction_time: line.prediction_time,
                label: *label,
                risk: line.risk,
                interval: line.interval.map(|range| range.ends()),
                standard_error: line.monte_carlo.map(|error| error.standard_error),
                abstention: line.reason(),
                act: line.decision.map(|decision| decision == Decision::Act),
                members: members.collect(),
                receipt: Digest::of(&bytes),
            });
            lines.push(bytes);
        }
        let root = merkle_root(&lines);
        let entry = |key: &str, value: String| (format!("longitude.{key}"), value);
        let table = PredictionTable {
            members: answered.names.clone(),
            metadata: vec![
                (COLUMNS_KEY.to_owned(), COLUMNS.to_owned()),
                entry("model", job.run.root.to_string()),
                entry("task", job.task.to_string()),
                entry("fitted", kept.digest.to_string()),
                entry("merkle_root", root.to_string()),
                entry("options", serde_json::to_string(&job.options)?),
            ],
            threshold: LIKELIER_THAN_NOT,
            rows,
        };
        let bytes = encode_predictions(&table)?;
        Ok(Self {
            lines,
            table: Digest::of(&bytes),
            bytes,
            root,
        })
    }

    fn joined(&self) -> Vec<u8> {
        let mut all = self.lines.join(&b'\n');
        all.push(b'\n');
        all
    }

    /// Puts both at their places.
    pub(super) fn write(&self, table: &Path, lines: &Path) -> Result<()> {
        write_private(lines, &self.joined())?;
        write_private(table, &self.bytes)
    }

    /// Whether both files hold the same bytes; the first line that differs is named.
    pub(super) fn compare(&self, table: &Path, lines: &Path) -> Result<()> {
        let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
        let differs = |path: &Path, what: String| {
            let message = format!("{}: {what}", path.display());
            let mend = "predict again with the options, the data and the program it was made with; \
                        the file's own metadata name them";
            Failure::new(Kind::Verification, message, mend)
        };
        let found = read(lines)?;
        if found != self.joined() {
            let found: Vec<&[u8]> = found.split(|byte| *byte == b'\n').collect();
            let own = self.lines.iter().zip(&found);
            let same = own.take_while(|(own, found)| own.as_slice() == **found);
            let line = same.count() + 1;
            return Err(differs(lines, format!("line {line} is not what was made again")).into());
        }
        if read(table)? != self.bytes {
            let what = "the lines are the same, the table is not".to_owned();
            return Err(differs(table, what).into());
        }
        Ok(())
    }
}
