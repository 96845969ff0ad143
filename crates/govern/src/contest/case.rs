//! The case file of a contest, and what is needed to file one.

use crate::contest::state::{Action, Independence, State};
use crate::contest::vocabulary::{ContestKind, Filer, Ground, Remedy};
use crate::contest::{Determination, Transition};
use crate::error::{Error, Result};
use longitude_core::{Digest, Instant, SubjectId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest narrative or note, in bytes: ten pages.
const TEXT_BYTES_MAX: usize = 32_768;

/// The number of a contest in its run, written `C-000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContestId(u32);

/// What is filed. It holds patients' values, so its `Debug` is redacted.
#[derive(Clone, PartialEq)]
pub struct NewContest {
    /// What is contested.
    pub kind: ContestKind,
    /// Why; at least one.
    pub grounds: Vec<Ground>,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// The id of the contested answer; needed where an answer is said to be wrong.
    pub answer: Option<String>,
    /// The model that gave it.
    pub model: Option<Digest>,
    /// The task that it is about; needed where an answer is said to be missing.
    pub task: Option<String>,
    /// In the filer's words.
    pub narrative: String,
    /// What the filer asks for.
    pub desired_remedy: Remedy,
    /// Who files.
    pub filed_by: Filer,
    /// When.
    pub filed_at: Instant,
}

/// A contest as its file holds it. It holds patients' values, so its `Debug` is redacted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// The version of this form: 1.
    pub v: u32,
    /// Its number.
    pub id: ContestId,
    /// What is contested.
    pub kind: ContestKind,
    /// Why.
    pub grounds: Vec<Ground>,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// The contested answer.
    pub answer: Option<String>,
    /// The model that gave it.
    pub model: Option<Digest>,
    /// The task that it is about.
    pub task: Option<String>,
    /// In the filer's words.
    pub narrative: String,
    /// What the filer asks for.
    pub desired_remedy: Remedy,
    /// Who filed.
    pub filed_by: Filer,
    /// When.
    pub filed_at: Instant,
    /// Where it stands.
    pub state: State,
    /// The reviewer's independence, once the review has begun.
    pub independence: Option<Independence>,
    /// What was found, once it was.
    pub determination: Option<Determination>,
    /// Who was told.
    pub told: Vec<String>,
    /// The steps so far.
    pub history: Vec<Step>,
    /// The salt of the commitment in the ledger, new at every step, in hexadecimal digits.
    pub(crate) salt: String,
}

/// One step that was made.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// From which state.
    pub from: State,
    /// To which state.
    pub to: State,
    /// Who made it.
    pub by: String,
    /// In words.
    pub note: String,
    /// When.
    pub at: Instant,
}

impl ContestId {
    /// The first number.
    pub(crate) const FIRST: Self = Self(1);

    /// The number behind this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ContestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C-{:06}", self.0)
    }
}

impl FromStr for ContestId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = text.strip_prefix("C-").and_then(|n| n.parse().ok());
        let id = number.map(Self).filter(|id| id.to_string() == text);
        id.ok_or_else(|| Error::Contest("its number is not of the form C-000001".to_owned()))
    }
}

impl TryFrom<String> for ContestId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ContestId> for String {
    fn from(id: ContestId) -> Self {
        id.to_string()
    }
}

impl NewContest {
    /// The case that is filed, if it says what its kind needs.
    pub(crate) fn open(self, id: ContestId) -> Result<Contest> {
        let refuse = |what: &str| Err(Error::Contest(what.to_owned()));
        if self.grounds.is_empty() {
            return refuse("it needs at least one ground");
        }
        let empty = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
        match self.kind {
            ContestKind::Commission | ContestKind::Prioritisation if empty(&self.answer) => {
                return refuse("it must say which answer it is about");
            }
            ContestKind::Omission if self.subject.is_none() || empty(&self.task) => {
                return refuse("a missing answer is told by the subject and the task");
            }
            ContestKind::Commission
            | ContestKind::Omission
            | ContestKind::Prioritisation
            | ContestKind::DataUse
            | ContestKind::Role => {}
        }
        check_length(&self.narrative)?;
        Ok(Contest {
            v: 1,
            id,
            kind: self.kind,
            grounds: self.grounds,
            subject: self.subject,
            answer: self.answer,
            model: self.model,
            task: self.task,
            narrative: self.narrative,
            desired_remedy: self.desired_remedy,
            filed_by: self.filed_by,
            filed_at: self.filed_at,
            state: State::Submitted,
            independence: None,
            determination: None,
            told: Vec::new(),
            history: Vec::new(),
            salt: String::new(),
        })
    }
}

impl Contest {
    /// Makes a step.
    pub(crate) fn advance(&mut self, transition: Transition) -> Result<()> {
        check_length(&transition.note)?;
        if transition.by.trim().is_empty() {
            let what = "a step needs somebody who makes it";
            return Err(Error::Contest(what.to_owned()));
        }
        let to = self.state.after(&transition.action)?;
        match transition.action {
            Action::Review { independence } => self.independence = Some(independence),
            Action::Determine(determination) => self.determination = Some(determination),
            Action::Notify { told } => self.told = told,
            Action::Acknowledge | Action::Triage | Action::Close | Action::Withdraw => {}
        }
        self.history.push(Step {
            from: self.state,
            to,
            by: transition.by,
            note: transition.note,
            at: transition.at,
        });
        self.state = to;
        Ok(())
    }
}

fn check_length(text: &str) -> Result<()> {
    if text.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let what = format!("a text is at most {TEXT_BYTES_MAX} bytes long");
    Err(Error::Contest(what))
}

impl fmt::Debug for NewContest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewContest({}, ..)", self.kind)
    }
}

impl fmt::Debug for Contest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contest({}, {}, {}, ..)", self.id, self.kind, self.state)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step({} -> {}, ..)", self.from, self.to)
    }
}
