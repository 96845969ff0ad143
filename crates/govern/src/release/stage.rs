//! The stages and what leads from one to another.

use crate::error::{Error, Result};
use crate::person::{Person, Role};
use longitude_core::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What a task's answers at a site may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing more may ever come of it.
    Withdrawn,
    /// No answers are given.
    Suspended,
    /// Answers are for research on the method: the stage of everything that nobody approved.
    Research,
    /// Answers are made and kept, and nobody who treats sees them.
    SilentTrial,
    /// A named group of users sees answers.
    Limited,
    /// All users of the site see answers.
    Released,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act", content = "to")]
pub enum Act {
    /// Lead one stage up.
    Promote(Stage),
    /// Stop all answers.
    Suspend,
    /// End a suspension, at the stage before it or a lower one.
    Resume(Stage),
    /// Lead down.
    Demote(Stage),
    /// End it for good.
    Withdraw,
}

/// People who together lead up or end a suspension: one who was wrong must not do it alone.
const TOGETHER_MIN: usize = 2;

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 6] = [
        Self::Withdrawn,
        Self::Suspended,
        Self::Research,
        Self::SilentTrial,
        Self::Limited,
        Self::Released,
    ];

    /// The word as files and commands write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Suspended => "suspended",
            Self::Research => "research",
            Self::SilentTrial => "silent_trial",
            Self::Limited => "limited",
            Self::Released => "released",
        }
    }

    /// The stage to which a promotion leads from this one.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Research => Some(Self::SilentTrial),
            Self::SilentTrial => Some(Self::Limited),
            Self::Limited => Some(Self::Released),
            Self::Withdrawn | Self::Suspended | Self::Released => None,
        }
    }

    /// Whether answers are given at all.
    pub fn answers(self) -> bool {
        self > Self::Suspended
    }

    /// The stage after an act by these people. `before` is the stage that a suspension ended.
    ///
    /// # Errors
    /// When no such step leads from here, or these people may not make it.
    pub fn after(self, before: Self, act: Act, by: &[&Person]) -> Result<Self> {
        let refuse = |what: String| Err(Error::Release(what));
        act.check_people(by)?;
        if self == Self::Withdrawn {
            return refuse("it is withdrawn, and that is for good".to_owned());
        }
        match act {
            Act::Promote(to) if self.next() == Some(to) => Ok(to),
            Act::Promote(to) => match self.next() {
                Some(next) => refuse(format!("{to} does not follow {self}: {next} does")),
                None => refuse(format!("nothing follows {self}")),
            },
            Act::Suspend if self == Self::Suspended => refuse("it is suspended already".to_owned()),
            Act::Suspend => Ok(Self::Suspended),
            Act::Resume(_) if self != Self::Suspended => refuse("it is not suspended".to_owned()),
            Act::Resume(to) if to.answers() && to <= before => Ok(to),
            Act::Resume(to) => refuse(format!("it was {before} before: {to} is not below that")),
            Act::Demote(_) if self == Self::Suspended => {
                refuse("it is suspended: resume at a lower stage instead".to_owned())
            }
            Act::Demote(to) if to.answers() && to < self => Ok(to),
            Act::Demote(to) => refuse(format!("{to} is not below {self}")),
            Act::Withdraw => Ok(Self::Withdrawn),
        }
    }
}

impl Act {
    /// Whether these people may do it together; whoever is there twice counts once.
    fn check_people(self, by: &[&Person]) -> Result<()> {
        let refuse = |what: &str| Err(Error::Release(what.to_owned()));
        let keys: BTreeSet<Digest> = by.iter().map(|person| person.key).collect();
        let names: BTreeSet<String> = by.iter().map(|one| one.name.to_lowercase()).collect();
        let people = keys.len().min(names.len());
        let has = |role| by.iter().any(|person| person.roles.contains(&role));
        match self {
            _ if people == 0 => refuse("nobody has signed it"),
            Self::Promote(_) if has(Role::ModelDeveloper) => {
                refuse("who makes models approves none")
            }
            Self::Promote(_) | Self::Resume(_) if people < TOGETHER_MIN => {
                refuse("it takes two people")
            }
            Self::Promote(_) if !has(Role::SafetyOfficer) || !has(Role::Clinician) => {
                refuse("it takes a safety officer and a clinician")
            }
            Self::Resume(_) | Self::Demote(_) | Self::Withdraw if !has(Role::SafetyOfficer) => {
                refuse("it takes a safety officer")
            }
            Self::Suspend if !has(Role::SafetyOfficer) && !has(Role::Clinician) => {
                refuse("it takes a safety officer or a clinician")
            }
            Self::Promote(_)
            | Self::Suspend
            | Self::Resume(_)
            | Self::Demote(_)
            | Self::Withdraw => Ok(()),
        }
    }

    /// Whether it takes effect with the first signature or waits for a second.
    pub fn waits(self) -> bool {
        matches!(self, Self::Promote(_) | Self::Resume(_))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promote(to) => write!(f, "promote to {to}"),
            Self::Suspend => f.write_str("suspend"),
            Self::Resume(to) => write!(f, "resume at {to}"),
            Self::Demote(to) => write!(f, "demote to {to}"),
            Self::Withdraw => f.write_str("withdraw"),
        }
    }
}

impl std::str::FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = text.trim().replace([' ', '-'], "_").to_lowercase();
        let found = Self::ALL.into_iter().find(|stage| stage.code() == wanted);
        found.ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|stage| stage.code()).collect();
            Error::Release(format!("`{text}` is no stage: {}", all.join(", ")))
        })
    }
}
