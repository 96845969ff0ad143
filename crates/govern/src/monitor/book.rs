//! The records of a monitoring on the disk, each in the ledger before it counts.

use super::state::{Decision, Health, Occurrence};
use crate::answer::salt_text;
use crate::committed;
use crate::error::{Error, Result};
use crate::files;
use crate::institution::random_bytes;
use crate::layout::Layout;
use crate::run::{EntryId, Leaf, RunLedger};
use longitude_core::{Digest, Instant};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

/// The kind of the leaves.
const KIND: &str = "monitor";

/// What is watched: a task in all, or in one value of a dimension. Neither is a patient's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// The task's id.
    pub task: String,
    /// The dimension: `all`, `site`, `sex`, ...
    pub dimension: String,
    /// Its value.
    pub value: String,
}

/// The number of a record in its run, written `M-000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId(u32);

/// A record as its file holds it. Reasons may hold patients' values: its `Debug` is redacted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorRecord {
    /// The version of this form: 1.
    pub v: u32,
    /// Its number.
    pub id: RecordId,
    /// What it is about.
    pub part: Part,
    /// When.
    pub at: Instant,
    /// Who decided, and why; absent where evidence alone did.
    pub decision: Option<Decision>,
    /// The digest of the assessment or proposal that it rests on.
    pub evidence: Option<Digest>,
    /// What happened.
    pub what: Recorded,
    /// The salt of the commitment in the ledger, in hexadecimal digits.
    salt: String,
}

/// What a record is of.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// A change of the state.
    State {
        /// From which.
        from: Health,
        /// To which.
        to: Health,
        /// The streams that led to it, in words.
        streams: Vec<String>,
    },
    /// A further calibration that was approved.
    Recalibration {
        /// The proposal as it was approved.
        proposal: serde_json::Value,
        /// Why it was approved although it worsens contested cases.
        overridden: Option<String>,
    },
}

/// What the ledger holds of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Committed {
    pub(crate) record: RecordId,
    part: Part,
    at: Instant,
    /// The state that a change led to; none for a recalibration.
    state: Option<Health>,
    pub(crate) case: Digest,
}

/// How a part stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub health: Health,
    /// Since when.
    pub since: Instant,
    /// The last release by people; evidence of before it does not count again.
    pub released: Option<Instant>,
    /// The record of the last change.
    pub record: RecordId,
}

/// The records of a run's monitoring.
#[derive(Clone, Debug)]
pub struct MonitorBook {
    dir: PathBuf,
}

impl MonitorBook {
    /// Opens the records of a run and finishes or undoes what a crash interrupted.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn open(layout: &Layout, ledger: &RunLedger) -> Result<Self> {
        let dir = layout.monitor();
        fs::create_dir_all(&dir).map_err(Error::file("create", &dir))?;
        committed::settle(&dir, || {
            let leaves = ledger.leaves()?;
            Ok(leaves
                .iter()
                .filter_map(leaf_of)
                .map(|one| one.case)
                .collect())
        })?;
        Ok(Self { dir })
    }

    /// What occurred in a part, entered where it changes the state. Gives the new state.
    ///
    /// # Errors
    /// When the state does not allow it, it lacks what it needs, or the disk or ledger refuses.
    pub fn occur(
        &self,
        ledger: &mut RunLedger,
        part: &Part,
        occurrence: &Occurrence,
        seen: Seen,
    ) -> Result<Health> {
        let known = standing(&ledger.leaves()?);
        let from = known
            .get(part)
            .map_or(Health::Healthy, |known| known.health);
        let to = from.after(occurrence)?;
        if to == from {
            return Ok(to);
        }
        let decision = match occurrence {
            Occurrence::Suspend(decision) | Occurrence::Release(decision) => Some(decision.clone()),
            Occurrence::Evidence(_) => None,
        };
        let streams = seen.streams;
        let what = Recorded::State { from, to, streams };
        self.record(ledger, part, (decision, seen.evidence, seen.at), what)?;
        Ok(to)
    }

    /// Enters a further calibration that people approved.
    ///
    /// # Errors
    /// When the decision lacks what it needs, or the disk or ledger refuses.
    pub fn recalibrate(
        &self,
        ledger: &mut RunLedger,
        part: &Part,
        approved: Approved,
    ) -> Result<EntryId> {
        approved.decision.people()?;
        let evidence = Digest::of_json(&approved.proposal).map_err(Error::json("the proposal"))?;
        let what = Recorded::Recalibration {
            proposal: approved.proposal,
            overridden: approved.overridden,
        };
        let by = (Some(approved.decision), Some(evidence), approved.at);
        self.record(ledger, part, by, what)
    }

    fn record(
        &self,
        ledger: &mut RunLedger,
        part: &Part,
        (decision, evidence, at): (Option<Decision>, Option<Digest>, Instant),
        what: Recorded,
    ) -> Result<EntryId> {
        let last = self.ids()?.last().map_or(0, |id| id.0);
        let state = match &what {
            Recorded::State { to, .. } => Some(*to),
            Recorded::Recalibration { .. } => None,
        };
        let record = MonitorRecord {
            v: 1,
            id: RecordId(last.saturating_add(1)),
            part: part.clone(),
            at,
            decision,
            evidence,
            what,
            salt: salt_text(&random_bytes()?),
        };
        let text = files::to_json("the record", &record)?;
        let leaf = |case| Committed {
            record: record.id,
            part: part.clone(),
            at,
            state,
            case,
        };
        let kind = match state {
            Some(state) => format!("{KIND}.{state}"),
            None => format!("{KIND}.recalibrated"),
        };
        committed::commit(ledger, &self.path(record.id), &text, (&kind, leaf))
    }

    /// All records, oldest first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn list(&self) -> Result<Vec<MonitorRecord>> {
        let ids = self.ids()?.into_iter();
        ids.map(|id| files::read_json(&self.path(id))).collect()
    }

    fn ids(&self) -> Result<Vec<RecordId>> {
        let names = committed::files_in(&self.dir).into_iter();
        let id = |name: String| RecordId::try_from(name.trim_end_matches(".json").to_owned());
        names.map(id).collect()
    }

    fn path(&self, id: RecordId) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }
}

/// What an occurrence rests on.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// The digest of the assessment.
    pub evidence: Option<Digest>,
    /// The streams that reached a level, in words.
    pub streams: Vec<String>,
}

/// A recalibration that people approved. It holds their words: its `Debug` is redacted.
#[derive(Clone)]
pub struct Approved {
    /// The proposal.
    pub proposal: serde_json::Value,
    /// Who, and why.
    pub decision: Decision,
    /// Why although it worsens contested cases.
    pub overridden: Option<String>,
    /// When.
    pub at: Instant,
}

/// How every part stands that ever changed, from the leaves of a run's ledger. A part that is not
/// there is healthy.
pub fn standing(leaves: &[Leaf]) -> BTreeMap<Part, Standing> {
    let mut standing: BTreeMap<Part, Standing> = BTreeMap::new();
    for one in leaves.iter().filter_map(leaf_of) {
        let Some(health) = one.state else { continue };
        let before = standing.get(&one.part);
        let back = before.is_some_and(|before| health < before.health);
        let released = if back {
            Some(one.at)
        } else {
            before.and_then(|before| before.released)
        };
        let now = Standing {
            health,
            since: one.at,
            released,
            record: one.record,
        };
        standing.insert(one.part, now);
    }
    standing
}

/// The record that a leaf of the ledger is of, if it is of one.
pub(crate) fn leaf_of(leaf: &Leaf) -> Option<Committed> {
    if !leaf.kind.starts_with(KIND) {
        return None;
    }
    serde_json::from_value(leaf.receipt.clone()).ok()
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M-{:06}", self.0)
    }
}

impl TryFrom<String> for RecordId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let number = text.strip_prefix("M-").and_then(|n| n.parse().ok());
        let id = number.map(Self).filter(|id| id.to_string() == text);
        id.ok_or_else(|| Error::Monitor("a record's number is not of the form M-000001".into()))
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.to_string()
    }
}

impl Part {
    /// A task in all.
    pub fn whole(task: &str) -> Self {
        Self {
            task: task.to_owned(),
            dimension: "all".to_owned(),
            value: "all".to_owned(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dimension == "all" {
            return f.write_str(&self.task);
        }
        write!(f, "{} ({} {})", self.task, self.dimension, self.value)
    }
}

/// Redacted: a reason may hold a patient's value.
impl fmt::Debug for MonitorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MonitorRecord({}, {})", self.id, self.part)
    }
}

/// Redacted.
impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State { from, to, .. } => write!(f, "State({from} -> {to})"),
            Self::Recalibration { .. } => f.write_str("Recalibration(..)"),
        }
    }
}

/// Redacted.
impl fmt::Debug for Approved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Approved(..)")
    }
}
