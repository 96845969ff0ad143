//! Why a baseline is not fitted. Neither variant holds a patient's value.

use crate::Kind;

/// Why fitting gave no model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data cannot carry this model: a refusal, not a fault.
    #[error("{kind} was not fitted: {reason}")]
    NotFitted {
        /// The model asked for.
        kind: Kind,
        /// Why.
        reason: NotFitted,
    },
    /// The boosting library refused.
    #[error("the boosting library could not fit")]
    Boosting(#[source] forust_ml::errors::ForustError),
}

/// What is missing in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFitted {
    /// Too few examples to learn from.
    #[error("{found} examples to learn from, at least {required} are needed")]
    TooFewExamples {
        /// Examples there are.
        found: usize,
        /// Examples asked for.
        required: usize,
    },
    /// Nobody to learn from had the outcome.
    #[error("no example to learn from has the outcome")]
    NoPositives,
    /// Everybody to learn from had the outcome.
    #[error("every example to learn from has the outcome")]
    NoNegatives,
    /// The model does not learn from labels, and labels are all that there is.
    #[error("it does not learn from labels")]
    NoLabels,
    /// No follow-up of the timelines holds the outcome, whatever the labels say, so that there is
    /// no hazard to estimate.
    #[error("no follow-up after a prediction time holds the outcome")]
    NothingFollowed,
    /// Neither the tuning examples, nor a fifth of the train subjects in their place, hold both
    /// classes, so that neither the penalty nor the number of trees can be chosen.
    #[error("the tuning examples are too few or of one class, and train can spare none")]
    NothingToTuneOn,
    /// A weight is not above 0, or the baseline knows no weights.
    #[error("weights must be above 0, and the hazard by age and sex takes none")]
    Weights,
}
