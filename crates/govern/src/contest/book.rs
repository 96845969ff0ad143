//! The contests of a run on the disk, each step in the ledger before it counts (see `committed`).

use crate::answer::salt_text;
use crate::committed;
use crate::contest::case::{Contest, ContestId, NewContest};
use crate::contest::state::{State, Transition};
use crate::error::{Error, Result};
use crate::files;
use crate::institution::random_bytes;
use crate::layout::Layout;
use crate::run::{EntryId, Leaf, RunLedger};
use longitude_core::Digest;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The contests of a run.
#[derive(Clone, Debug)]
pub struct ContestBook {
    dir: PathBuf,
}

/// What the ledger holds of a step: which contest, where it stands, a commitment to the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Committed {
    pub(crate) contest: ContestId,
    state: State,
    pub(crate) case: Digest,
}

impl ContestBook {
    /// Opens the contests of a run and finishes or undoes a step that a crash interrupted.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn open(layout: &Layout, ledger: &RunLedger) -> Result<Self> {
        let dir = layout.contests();
        fs::create_dir_all(&dir).map_err(Error::file("create", &dir))?;
        let book = Self { dir };
        committed::settle(&book.dir, || {
            let steps = ledger.leaves()?;
            let steps = steps.iter().filter_map(step_of);
            Ok(steps.map(|step| step.case).collect())
        })?;
        Ok(book)
    }

    /// Files a contest. It counts when this returns.
    ///
    /// # Errors
    /// When it lacks what its kind needs, or the disk or the ledger refuses.
    pub fn file(&self, ledger: &mut RunLedger, new: NewContest) -> Result<ContestId> {
        let ids = self.ids()?;
        let id = ids.last().map_or(ContestId::FIRST, |last| last.next());
        let mut contest = new.open(id)?;
        self.commit(ledger, &mut contest)?;
        Ok(id)
    }

    /// All contests, oldest first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn list(&self) -> Result<Vec<Contest>> {
        self.ids()?.into_iter().map(|id| self.get(id)).collect()
    }

    /// One contest.
    ///
    /// # Errors
    /// When there is none with this number, or it cannot be read.
    pub fn get(&self, id: ContestId) -> Result<Contest> {
        let path = self.path(id);
        let text = files::read_text_if_there(&path)?;
        let text = text.ok_or_else(|| Error::NoContest(id.to_string()))?;
        let contest: Contest = files::parse_json(&path, &text)?;
        if contest.id != id {
            return Err(Error::form(&path, "it holds a contest with another number"));
        }
        Ok(contest)
    }

    /// Makes a step and gives its entry in the ledger.
    ///
    /// # Errors
    /// When the contest's state does not allow it, it lacks what it needs, or the disk or the
    /// ledger refuses.
    pub fn transition(
        &self,
        ledger: &mut RunLedger,
        id: ContestId,
        transition: Transition,
    ) -> Result<EntryId> {
        let mut contest = self.get(id)?;
        contest.advance(transition)?;
        self.commit(ledger, &mut contest)
    }

    fn commit(&self, ledger: &mut RunLedger, contest: &mut Contest) -> Result<EntryId> {
        contest.salt = salt_text(&random_bytes()?);
        let text = files::to_json("the contest", contest)?;
        let step = |case| Committed {
            contest: contest.id,
            state: contest.state,
            case,
        };
        let kind = format!("contest.{}", contest.state);
        committed::commit(ledger, &self.path(contest.id), &text, (&kind, step))
    }

    fn ids(&self) -> Result<Vec<ContestId>> {
        let names = committed::files_in(&self.dir);
        let id = |name: String| name.trim_end_matches(".json").parse();
        let mut ids: Vec<ContestId> = names.into_iter().map(id).collect::<Result<_>>()?;
        ids.sort();
        Ok(ids)
    }

    fn path(&self, id: ContestId) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }
}

/// The step that a leaf of the ledger is of, if it is of one.
pub(crate) fn step_of(leaf: &Leaf) -> Option<Committed> {
    if !leaf.kind.starts_with("contest.") {
        return None;
    }
    serde_json::from_value(leaf.receipt.clone()).ok()
}

/// Whether the case on the disk is the one that the ledger committed to.
pub(crate) fn is_committed(dir: &Path, step: &Committed) -> Result<bool> {
    committed::is_committed(&dir.join(format!("{}.json", step.contest)), step.case)
}
