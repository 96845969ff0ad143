//! Answers: risks of outcomes within horizons, from a model and one subject's past, with their
//! Monte Carlo error, calibration, evidence, or the reason why there is none.
//!
//! Not here: training, labels' metrics, files, clocks. A seed, a time and a timeline come in,
//! [`longitude_core::Prediction`]s go out, the same bytes for the same input whatever the threads.
//!
//! ```text
//! Timeline --history up to `at`--> Tokens --Prefix--> N futures --SCOPE--> Raw --Calibration--> risk
//!     \--AbstainOptions, Population--> Abstention        \--fan, outlook     \--occlusion--> Evidence
//! ```
#![forbid(unsafe_code)]

mod abstain;
mod calibration;
mod index;
mod process;
mod risk;
mod rng;
mod sample;

#[cfg(test)]
mod fixture;

pub use abstain::{AbstainOptions, HistoryFacts, Population, PopulationBuilder};
pub use calibration::{
    Calibrated, Calibration, CalibrationOptions, ESTIMATE_MIN, Isotonic, Logistic, Map, Method,
    Refusal,
};
pub use index::{IndexFit, IndexOptions, index_time, last_observed};
pub use risk::{Outcome, Raw};
pub use sample::{Future, SampleOptions, Step};

/// What can go wrong with an answer. No variant holds a patient's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A sampling option is zero.
    #[error("the sampling option `{what}` must be at least 1")]
    Option {
        /// Which.
        what: &'static str,
    },
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
