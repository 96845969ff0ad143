//! The states of a contest and the steps between them.
//!
//! ```text
//! submitted -> acknowledged -> triaged -> under_review -> determined -> notified -> closed
//!      any state but closed -> withdrawn_by_filer
//! ```

use crate::contest::vocabulary::{Cause, Finding};
use crate::error::{Error, Result};
use longitude_core::{Digest, Instant};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a contest stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Filed.
    Submitted,
    /// The filer was told that it arrived.
    Acknowledged,
    /// Sorted: what it is, how urgent, who takes it.
    Triaged,
    /// An independent reviewer looks at it.
    UnderReview,
    /// There is a finding with its cause.
    Determined,
    /// Those concerned were told.
    Notified,
    /// Done.
    Closed,
    /// The filer took it back.
    WithdrawnByFiler,
}

/// What is done with a contest, with what the step needs.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Tell the filer that it arrived.
    Acknowledge,
    /// Sort it.
    Triage,
    /// Begin the review.
    Review {
        /// The reviewer's independence.
        independence: Independence,
    },
    /// State what was found.
    Determine(Determination),
    /// Tell those concerned.
    Notify {
        /// The roles or names of those who were told: the filer, and when the output is overturned
        /// also those who saw it.
        told: Vec<String>,
    },
    /// Close it.
    Close,
    /// The filer takes it back.
    Withdraw,
}

/// One step: what, why, by whom, when.
#[derive(Clone, PartialEq)]
pub struct Transition {
    /// What is done.
    pub action: Action,
    /// In words; kept in the case only.
    pub note: String,
    /// Who does it.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// A reviewer who is neither the model's owner, nor the one who decided, nor one who reviewed the
/// same before. It exists only where all three are declared true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Declared", into = "Declared")]
pub struct Independence(());

#[derive(Serialize, Deserialize)]
struct Declared {
    not_model_owner: bool,
    not_original_decider: bool,
    not_prior_reviewer: bool,
}

/// What the review found.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Determination {
    /// Of the output.
    pub finding: Finding,
    /// Where the error came from.
    pub cause: Cause,
    /// Why, in words.
    pub rationale: String,
    /// Digests of what the finding rests on, for example the answer's ledger entry.
    pub evidence: Vec<Digest>,
}

impl State {
    /// Whether nothing can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Closed | Self::WithdrawnByFiler)
    }

    /// The word as files write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Acknowledged => "acknowledged",
            Self::Triaged => "triaged",
            Self::UnderReview => "under_review",
            Self::Determined => "determined",
            Self::Notified => "notified",
            Self::Closed => "closed",
            Self::WithdrawnByFiler => "withdrawn_by_filer",
        }
    }

    /// The state that this one leads to when nobody withdraws.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Submitted => Some(Self::Acknowledged),
            Self::Acknowledged => Some(Self::Triaged),
            Self::Triaged => Some(Self::UnderReview),
            Self::UnderReview => Some(Self::Determined),
            Self::Determined => Some(Self::Notified),
            Self::Notified => Some(Self::Closed),
            Self::Closed | Self::WithdrawnByFiler => None,
        }
    }

    /// The state after an action, if the action is one that this state allows and that brings what
    /// it needs.
    ///
    /// # Errors
    /// When it is not, with the reason.
    pub fn after(self, action: &Action) -> Result<Self> {
        action.check()?;
        let to = action.to();
        let allowed = match action {
            Action::Withdraw => !self.is_final(),
            Action::Acknowledge
            | Action::Triage
            | Action::Review { .. }
            | Action::Determine(_)
            | Action::Notify { .. }
            | Action::Close => self.next() == Some(to),
        };
        if allowed {
            Ok(to)
        } else {
            Err(Error::Contest(format!("no step leads from {self} to {to}")))
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Action {
    /// The state that the action leads to.
    pub fn to(&self) -> State {
        match self {
            Self::Acknowledge => State::Acknowledged,
            Self::Triage => State::Triaged,
            Self::Review { .. } => State::UnderReview,
            Self::Determine(_) => State::Determined,
            Self::Notify { .. } => State::Notified,
            Self::Close => State::Closed,
            Self::Withdraw => State::WithdrawnByFiler,
        }
    }

    fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::Contest(what.to_owned()));
        match self {
            Self::Determine(determination) if determination.rationale.trim().is_empty() => {
                refuse("a determination needs a rationale")
            }
            Self::Determine(determination) if determination.evidence.is_empty() => {
                refuse("a determination needs the digest of what it rests on")
            }
            Self::Notify { told } if told.iter().all(|who| who.trim().is_empty()) => {
                refuse("a notification says who was told, the filer first")
            }
            Self::Acknowledge
            | Self::Triage
            | Self::Review { .. }
            | Self::Determine(_)
            | Self::Notify { .. }
            | Self::Close
            | Self::Withdraw => Ok(()),
        }
    }
}

impl Independence {
    /// The declaration, which must be true in all three points.
    ///
    /// # Errors
    /// When one of them is not.
    pub fn declare(
        not_model_owner: bool,
        not_original_decider: bool,
        not_prior_reviewer: bool,
    ) -> Result<Self> {
        if not_model_owner && not_original_decider && not_prior_reviewer {
            return Ok(Self(()));
        }
        let what = "the reviewer must not own the model, not have decided, and not have reviewed \
                    the same before";
        Err(Error::Contest(what.to_owned()))
    }
}

impl TryFrom<Declared> for Independence {
    type Error = Error;

    fn try_from(said: Declared) -> Result<Self> {
        Self::declare(
            said.not_model_owner,
            said.not_original_decider,
            said.not_prior_reviewer,
        )
    }
}

impl From<Independence> for Declared {
    fn from(_: Independence) -> Self {
        Self {
            not_model_owner: true,
            not_original_decider: true,
            not_prior_reviewer: true,
        }
    }
}

/// Redacted: a rationale or a name may be a patient's value.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action(-> {}, ..)", self.to())
    }
}

impl fmt::Debug for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transition(-> {}, ..)", self.action.to())
    }
}

impl fmt::Debug for Determination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Determination({}, {}, ..)", self.finding, self.cause)
    }
}
