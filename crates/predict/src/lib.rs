//! Answers: risks of outcomes within horizons, from a model and one subject's past, with their
//! Monte Carlo error, calibration, evidence, or the reason why there is none.
//!
//! Not here: training, labels' metrics, files, clocks. A seed, a time and a timeline come in,
//! [`longitude_core::Prediction`]s go out, the same bytes for the same input whatever the threads.
//!
//! ```text
//! Timeline --history up to `at`--> Tokens --Prefix--> N futures --SCOPE--> Raw --> risk
//!     |                                                  |                 Calibration
//!     |                                                  `--> fan, forecast
//!     |--AbstainOptions, Population--> Abstention
//!     `--occlusion--> Evidence
//! ```
#![forbid(unsafe_code)]

mod abstain;
mod asking;
mod calibrate;
mod calibration;
mod default_tasks;
mod engine;
mod ensemble;
mod evidence;
mod explain;
mod faithful;
mod fan;
mod forecast;
mod gcomp;
mod index;
mod item_calibration;
mod missing;
mod neural;
mod novelty;
mod past;
mod pooled;
mod process;
mod query;
mod reference;
mod risk;
mod rng;
mod sample;
mod screen;
mod similar;
mod stack;
mod targets;
mod unfollowed;
mod what_if;
mod workers;

#[cfg(test)]
mod fixture;

pub use abstain::{AbstainOptions, HistoryFacts, Population, PopulationBuilder};
pub use asking::{Contrast, Way};
pub use calibrate::calibrate;
pub use calibration::{
    Calibrated, Calibration, CalibrationOptions, ESTIMATE_MIN, Isotonic, Logistic, Map, Method,
    Refusal,
};
pub use default_tasks::{Census, DefaultTasksOptions, default_tasks};
pub use engine::{AnswerOptions, Asked, Engine, Fitted, Pool, Question};
pub use ensemble::{Combined, Compared, Ensemble, Kept, Served, Serves, Tuned, WEIGHED_MIN};
pub use evidence::EvidenceOptions;
pub use explain::{Cited, ExplainOptions, Explanation, Redundant, Unit};
pub use faithful::{Faithful, FaithfulOptions, Faithfulness, Share, Stability};
pub use fan::{Fan, FanPoint, fan};
pub use forecast::{Answer, By, Change, Forecast, ForecastOptions, Item, Row};
pub use gcomp::{
    Adjustment, Cohort, Design, DesignError, Estimate, Interval, NegativeControl, Overlap, Until,
};
pub use index::{IndexFit, IndexOptions, index_time, last_observed};
pub use item_calibration::{ItemCalibration, ItemCell};
pub use missing::{Missing, MissingEffect, MissingOptions};
pub use novelty::Novelty;
pub use past::{Past, Unusable};
pub use pooled::{
    CodeCensus, Family, FamilyPlan, Lived, NEIGHBOURS_MIN, Near, POOLED_CASES_MAX, PooledOutcome,
    Pooling, RareCounts, Ratio, SPREAD_MAX,
};
pub use query::{NoQuery, Queried};
pub use reference::{Expected, Reference, ReferenceBuilder, Who};
pub use risk::{Mark, Outcome, Raw, Reached, Values};
pub use sample::{Future, SampleOptions, Step};
pub use screen::{Benefit, BenefitError, Candidate, GroupShare, ScreenTally, Shortlist, Worth};
pub use similar::{
    HeldBack, Like, Measured, Neighbour, OutcomeOfSimilar, SimilarError, SimilarIndex, State,
    measured_of, outcomes_of,
};
pub use stack::{Stack, StackError};
pub use targets::{Kind, Limit, Side, Target, targets};
pub use unfollowed::{Unfollowed, UnfollowedOptions};
pub use what_if::{Deed, Edit, EditError, Touched, WhatIf, Which, edited};

/// What can go wrong with an answer. No variant holds a patient's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is zero or empty.
    #[error("the option `{what}` must be at least 1")]
    Option {
        /// Which.
        what: &'static str,
    },
    /// There is nothing before the prediction time, not even birth.
    #[error("the subject has no event up to the prediction time")]
    EmptyHistory,
    /// The model was made for another vocabulary.
    #[error("the model belongs to vocabulary {model}, not to {vocabulary}")]
    Vocabulary {
        /// What the model says.
        model: String,
        /// The digest of the vocabulary that was given.
        vocabulary: longitude_core::Digest,
    },
    /// The vocabulary has no digest.
    #[error("the vocabulary's digest cannot be taken")]
    VocabularyDigest(#[source] longitude_tokens::Error),
    /// No code of the vocabulary counts for a task's outcome.
    #[error("the vocabulary has no code for the outcome of task `{task}`")]
    UnknownOutcome {
        /// The task's id.
        task: String,
    },
    /// A question was put to a model that has no query head.
    #[error("the model has no query head: it was trained without one")]
    NoQueryHead,
    /// The model could not take a history.
    #[error("the model refused a history of {positions} events")]
    Prefill {
        /// How many events it had.
        positions: usize,
        /// Why.
        source: longitude_model::Error,
    },
    /// The state after a history could not be written.
    #[error("the state after a history cannot be written: {reason}")]
    Past {
        /// Why.
        reason: &'static str,
    },
    /// The model could not take a step.
    #[error("the model could not go on with a future")]
    Model(#[from] longitude_model::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
