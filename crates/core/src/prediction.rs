//! An answer: a probability, how sure it is in three ways kept apart by type, what it rests on, or
//! why there is none.

use crate::code::Code;
use crate::event::Origin;
use crate::id::SubjectId;
use crate::receipt::Digest;
use crate::time::{Days, Instant};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A probability between 0 and 1, never a percentage.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

/// A number outside 0 to 1, or not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a probability must lie between 0 and 1")]
pub struct ProbabilityError;

impl Probability {
    /// Checks the range.
    ///
    /// # Errors
    /// When the number lies outside 0 to 1 or is not a number.
    pub fn new(value: f64) -> Result<Self, ProbabilityError> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(ProbabilityError)
        }
    }

    /// The number between 0 and 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = ProbabilityError;

    fn try_from(value: f64) -> Result<Self, ProbabilityError> {
        Self::new(value)
    }
}

impl From<Probability> for f64 {
    fn from(probability: Probability) -> Self {
        probability.0
    }
}

/// Monte Carlo error: how far the answer would move with other random numbers. It says nothing of
/// whether the model is right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonteCarlo {
    /// The estimate before calibration.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// How many futures were sampled.
    pub samples: u32,
}

/// The interval of the calibrated risk over resamples of the tuning subjects: how sure the
/// calibration is. It does not claim to cover one person's true risk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationInterval {
    /// Lower end.
    pub low: Probability,
    /// Upper end.
    pub high: Probability,
    /// The stated level, for example 0.95.
    pub level: f64,
}

/// Why there is no answer: a typed outcome, not an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Abstention {
    /// Too few events before the prediction time.
    TooLittleHistory {
        /// Events there are.
        events: u32,
        /// Events asked for.
        required: u32,
    },
    /// Too large a share of the history's codes is unknown to the model.
    UnknownCodes {
        /// The share, 0 to 1.
        share: f64,
        /// The largest share allowed.
        allowed: f64,
    },
    /// Too few training subjects had the outcome for it to be learnt.
    OutcomeTooRare {
        /// Training subjects with the outcome.
        subjects: u32,
        /// Subjects asked for.
        required: u32,
    },
    /// The subject had the outcome already, and a first occurrence is asked for.
    OutcomeBefore,
    /// The subject's age at the prediction time is outside the span that the model learnt from.
    OutsidePopulation {
        /// What is outside, without the value.
        what: String,
    },
    /// The subject died before the prediction time.
    Dead,
    /// The history is unlike those that the model was tuned on.
    Novel {
        /// Its distance from theirs, in standard deviations of the model's state.
        distance: f64,
        /// The largest distance allowed.
        allowed: f64,
    },
    /// A kind of record that nearly all training histories hold is not in this one.
    MissingModality {
        /// Which kind.
        what: String,
    },
    /// The prediction time lies before birth.
    BeforeBirth,
    /// Too many sampled futures hit the limit of events before the horizon.
    Censored {
        /// The share, 0 to 1.
        share: f64,
    },
}

impl fmt::Display for Abstention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLittleHistory { events, required } => {
                write!(f, "too little history: {events} events, {required} needed")
            }
            Self::UnknownCodes { share, allowed } => write!(
                f,
                "{:.0} % of the history's codes are unknown to the model, at most {:.0} % allowed",
                share * 100.0,
                allowed * 100.0
            ),
            Self::OutcomeTooRare { subjects, required } => {
                write!(
                    f,
                    "only {subjects} training subjects had the outcome, {required} needed"
                )
            }
            Self::OutcomeBefore => f.write_str("the outcome is already in the record"),
            Self::OutsidePopulation { what } => {
                write!(
                    f,
                    "outside the population that the model learnt from: {what}"
                )
            }
            Self::Dead => f.write_str("the record ends in death before the prediction time"),
            Self::Novel { distance, allowed } => write!(
                f,
                "the history is unlike those that the model was tuned on: distance {distance:.2}, \
                 at most {allowed:.2} allowed"
            ),
            Self::MissingModality { what } => write!(f, "the record holds no {what}"),
            Self::BeforeBirth => f.write_str("the prediction time lies before birth"),
            Self::Censored { share } => {
                write!(
                    f,
                    "{:.0} % of the sampled futures were cut short",
                    share * 100.0
                )
            }
        }
    }
}

/// Where a piece of evidence stands: the way back from a prediction to the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceSource {
    /// The index of the event in the subject's timeline.
    pub event: u32,
    /// When it happened.
    pub time: Option<Instant>,
    /// The source file, empty in a de-identified timeline.
    pub file: String,
    /// The source record's identifier or its pseudonym.
    pub record: String,
    /// The element path inside the record.
    pub element: String,
    /// The row in the file.
    pub row: u64,
}

impl EvidenceSource {
    /// The source of an event by its index and origin.
    pub fn new(event: u32, time: Option<Instant>, origin: &Origin) -> Self {
        Self {
            event,
            time,
            file: origin.file.to_string(),
            record: origin.record.to_string(),
            element: origin.element.to_string(),
            row: origin.row,
        }
    }
}

/// What the answer rests on: the change of the risk when these events are taken out of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The code of the events taken out together.
    pub code: Code,
    /// Risk with the events minus risk without them, calibrated scale: positive raises the risk.
    pub effect: f64,
    /// The Monte Carlo standard error of the effect, paired seeds.
    pub standard_error: f64,
    /// The events and their source records.
    pub sources: Vec<EvidenceSource>,
}

/// The kind of an answer that was not learnt from cases of the outcome alone: the answer to what
/// stands above it in the hierarchy of codes, brought down by how often it is this outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PooledAnswer {
    /// The code above whose answer it rests on, as MEDS writes it.
    pub parent: String,
    /// The lower end of the interval of the risk among people with the parent's answer: how sure it
    /// is that so many of them have this outcome. It takes the parent's answer as given.
    pub low: Probability,
    /// The upper end.
    pub high: Probability,
    /// The stated level.
    pub level: f64,
    /// The share, 0 to 1, of the estimate that comes from other outcomes of the parent.
    pub borrowed: f64,
}

/// One answer to one task for one subject at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Whose.
    pub subject: SubjectId,
    /// The task's id.
    pub task: String,
    /// The prediction time: nothing after it was seen.
    pub time: Instant,
    /// The horizon.
    pub horizon: Days,
    /// The calibrated risk, or `None` with a reason in `abstention`.
    pub risk: Option<Probability>,
    /// Why there is no risk.
    pub abstention: Option<Abstention>,
    /// Monte Carlo error, where the answer was sampled.
    pub monte_carlo: Option<MonteCarlo>,
    /// Calibration interval, where the task was calibrated.
    pub interval: Option<CalibrationInterval>,
    /// How the outcome was pooled with others, where too few training subjects had it for an answer
    /// of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooled: Option<PooledAnswer>,
    /// Evidence, strongest first, where it was asked for.
    pub evidence: Vec<Evidence>,
    /// The identity of the model: the root digest of its signed folder.
    pub model: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_no_probability() {
        assert_eq!(Probability::new(23.0), Err(ProbabilityError));
        assert_eq!(Probability::new(f64::NAN), Err(ProbabilityError));
        assert!(serde_json::from_str::<Probability>("1.5").is_err());
    }
}
