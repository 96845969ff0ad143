//! The states and what leads from one to another.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Whether a task may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing beyond the tolerance was shown.
    Healthy,
    /// Something may have changed; answers are given, and somebody looks.
    Watch,
    /// No answers are given.
    Suspended,
}

/// What an assessment says of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// No stream reached a level.
    Quiet,
    /// A stream reached the level of watch.
    Watch,
    /// A stream reached the level of alarm.
    Alarm {
        /// Whether it is one of those that suspend.
        suspends: bool,
    },
}

/// What people decide. It holds names and words, so its `Debug` is redacted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who decides, by name.
    pub by: Vec<String>,
    /// Why, in words.
    pub reason: String,
}

/// What occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// An assessment.
    Evidence(Evidence),
    /// People suspend.
    Suspend(Decision),
    /// People lead one step back: from suspended to watch, from watch to healthy.
    Release(Decision),
}

/// People who together may end a suspension: one who was wrong must not undo it alone.
const RELEASERS_MIN: usize = 2;

impl Health {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Watch, Self::Suspended];

    /// The state after an occurrence; the same state where nothing changes.
    ///
    /// # Errors
    /// When a decision names nobody or no reason, nothing can be suspended or released, or one
    /// person alone would end a suspension.
    pub fn after(self, occurrence: &Occurrence) -> Result<Self> {
        let refuse = |what: &str| Err(Error::Monitor(what.to_owned()));
        match occurrence {
            Occurrence::Evidence(evidence) => Ok(self.max(evidence.leads_to())),
            Occurrence::Suspend(decision) => {
                decision.people()?;
                match self {
                    Self::Healthy | Self::Watch => Ok(Self::Suspended),
                    Self::Suspended => refuse("it is suspended already"),
                }
            }
            Occurrence::Release(decision) => {
                let people = decision.people()?;
                match self {
                    Self::Healthy => refuse("it is healthy: there is nothing to release"),
                    Self::Watch => Ok(Self::Healthy),
                    Self::Suspended if people < RELEASERS_MIN => {
                        refuse("a suspension is ended by two people or more")
                    }
                    Self::Suspended => Ok(Self::Watch),
                }
            }
        }
    }
}

impl Evidence {
    /// The state that it leads to from a better one.
    fn leads_to(self) -> Health {
        match self {
            Self::Quiet => Health::Healthy,
            Self::Watch | Self::Alarm { suspends: false } => Health::Watch,
            Self::Alarm { suspends: true } => Health::Suspended,
        }
    }
}

impl Decision {
    /// How many different people decide.
    ///
    /// # Errors
    /// When nobody or no reason is named.
    pub fn people(&self) -> Result<usize> {
        let named: BTreeSet<String> = self
            .by
            .iter()
            .map(|name| name.trim().to_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        if named.is_empty() {
            return Err(Error::Monitor("it needs the name of who decides".into()));
        }
        if self.reason.trim().is_empty() {
            return Err(Error::Monitor("it needs a reason".into()));
        }
        Ok(named.len())
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Watch => "watch",
            Self::Suspended => "suspended",
        })
    }
}

/// Redacted: a reason may hold a patient's value.
impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decision({} people)", self.by.len())
    }
}
