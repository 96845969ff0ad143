//! Watching a model after its release: predictions as they were served, outcomes as their windows
//! complete, and evidence of change that may be looked at as often as one likes.
//!
//! Two things stand side by side. Rolling windows *show* calibration, discrimination, drift and
//! missing values by month and part (all rows, a site, a group). Streams of evidence *decide*: one
//! for each part and kind, each an e-process, so that the chance of any false alarm in any stream
//! over the whole plan is at most [`MonitorOptions::false_alarm`], whenever and however often
//! somebody looks (Ville 1939; Ramdas, Grünwald, Vovk and Shafer 2023, "Game-theoretic statistics
//! and safe anytime-valid inference").
//!
//! ```text
//! rows (subject, time, risk, label, parts, inputs) --months--> closed months
//!   closed months --windows--> rolling metrics, PSI, KS, missing shares        (shown)
//!   closed months --bets-----> log e by stream and month --levels--> Signal    (decides)
//! ```
//!
//! An outcome counts when the window of *every* prediction of its month is complete, with the lag
//! of its recording: an early outcome waits as long as its absence, so that neither is favoured.
//! The result is a function of the set of rows and the clock, not of the batches that brought them.

mod assess;
mod bets;
mod stream;
mod window;

pub use assess::assess;

use crate::report::{Metric, Metrics};
use crate::task::Options;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fewer reference subjects than this and a part has no reference: the standard error of a mean
/// rank is then 0.289 / sqrt(200) = 0.02, less than half of the usual tolerance of 0.05.
pub const REFERENCE_SUBJECTS_MIN: usize = 200;

/// Rows of predictions. Every column has one length.
#[derive(Clone, Copy)]
pub struct Served<'a> {
    /// The subject of each row.
    pub subjects: &'a [u64],
    /// The prediction time in days since 1970.
    pub times: &'a [f64],
    /// The risk, absent where the model abstained.
    pub risks: &'a [Option<f64>],
    /// Whether the outcome happened within the horizon, absent where nobody knows.
    pub labels: &'a [Option<bool>],
    /// Each dimension (`site`, `sex`) with the value of each row.
    pub groups: &'a [(String, Vec<String>)],
    /// Each input that is watched with its value for each row, absent where it was not measured.
    pub inputs: &'a [(String, Vec<Option<f64>>)],
}

/// Redacted: the shape only.
impl std::fmt::Debug for Served<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Served({} rows)", self.subjects.len())
    }
}

/// How far a quantity may lie from its reference before it counts as changed. Real data are never
/// exactly the same twice: without a tolerance every stream alarms once there are rows enough.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Calibration: the factor by which the odds of the outcome may lie above or below those of
    /// the risk. 1.1 keeps O/E of a rare outcome within 0.91 to 1.1.
    pub odds: f64,
    /// Discrimination: how much lower the AUROC may lie.
    pub auroc: f64,
    /// Distributions: how far the mean rank among the reference rows may lie from one half.
    pub rank: f64,
    /// Missing scores, outcomes and inputs: how much higher their share may lie.
    pub share: f64,
}

/// The plan of a monitoring.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorOptions {
    /// The horizon of the task in days.
    pub horizon_days: f64,
    /// Days after the end of a window until its outcome is recorded.
    pub reporting_lag_days: f64,
    /// The starts of the plan's months and the end of the last, in days since 1970, ascending.
    pub edges: Vec<f64>,
    /// The chance of any alarm over the whole plan when nothing changed.
    pub false_alarm: f64,
    /// The same of a call to watch: above [`MonitorOptions::false_alarm`].
    pub watch: f64,
    /// What counts as no change.
    pub tolerance: Tolerance,
    /// Months of a rolling window; 0 for none.
    pub window_months: usize,
    /// Parts (dimension and value, `all` twice for all rows) that people have released, and when,
    /// in days since 1970: their evidence begins anew with the predictions made from then on, and
    /// so does their share of the levels.
    pub released: Vec<((String, String), f64)>,
    /// Intervals of the rolling metrics.
    pub intervals: Options,
}

/// Why a monitoring cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MonitorError {
    /// A column has another length than the subjects, or the reference lacks a column.
    #[error("{0} does not fit the other columns")]
    Column(String),
    /// A risk lies outside 0 to 1, or a time or an input is no finite number.
    #[error("row {row}: {what}")]
    Value {
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A subject is asked about twice at one time.
    #[error("row {row} repeats the subject and time of an earlier row")]
    Twice {
        /// The row, from 0.
        row: usize,
    },
    /// The clock stands before the first prediction.
    #[error("the clock stands before the first prediction")]
    Clock,
    /// An option has no meaning.
    #[error("{0}")]
    Option(&'static str),
    /// There are no rows, or no reference rows.
    #[error("there are no rows of {0}")]
    NoRows(&'static str),
}

/// What a stream of evidence is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// Whether outcomes come as often as the risks say, over all and by size of the risk.
    Calibration,
    /// Whether the risks rank as well as in the reference.
    Discrimination,
    /// Whether the risks are distributed as in the reference.
    Scores,
    /// Whether the model abstains more often than in the reference.
    MissingScores,
    /// Whether outcomes of complete windows are absent more often than in the reference.
    MissingOutcomes,
    /// Whether an input is distributed as in the reference.
    Input(String),
    /// Whether an input is absent more often than in the reference.
    MissingInput(String),
}

impl std::fmt::Display for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Calibration => f.write_str("calibration"),
            Self::Discrimination => f.write_str("discrimination"),
            Self::Scores => f.write_str("scores"),
            Self::MissingScores => f.write_str("missing scores"),
            Self::MissingOutcomes => f.write_str("missing outcomes"),
            Self::Input(name) => write!(f, "input {name}"),
            Self::MissingInput(name) => write!(f, "missing input {name}"),
        }
    }
}

/// What the evidence of a stream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Nothing beyond the tolerance is shown. It does not show that nothing changed.
    Quiet,
    /// The watch level was reached.
    Watch,
    /// The alarm level was reached.
    Alarm,
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Quiet => "quiet",
            Self::Watch => "watch",
            Self::Alarm => "alarm",
        })
    }
}

/// A stream of evidence in one part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamReport {
    /// What it is about.
    pub watched: Watched,
    /// Natural logarithm of the e-value after each closed month, the multiplicity of start months
    /// already paid.
    pub log_e: Vec<f64>,
    /// Natural logarithm of the e-value that calls to watch.
    pub log_watch: f64,
    /// Natural logarithm of the e-value that alarms.
    pub log_alarm: f64,
    /// The highest level reached so far.
    pub signal: Signal,
    /// The month, from 0, in which the first level was reached, and that of the alarm.
    pub reached: [Option<usize>; 2],
    /// Rows that were counted.
    pub rows: u64,
    /// Why it is not tested.
    pub reason: Option<String>,
}

/// A rolling window of months.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The last month, from 0.
    pub month: usize,
    /// Rows with a complete window and a risk, one at a time a subject; 0 where hidden.
    pub rows: u64,
    /// Metrics of these, absent with its reason where hidden or not yet complete.
    pub metrics: Option<Metrics>,
    /// Why there are no metrics.
    pub reason: Option<String>,
    /// Mean risk, PSI and KS of the risks, share of abstentions, by name.
    pub scores: BTreeMap<String, Metric>,
    /// PSI, KS and missing share of each input.
    pub inputs: BTreeMap<String, BTreeMap<String, Metric>>,
}

/// All rows, or one value of a dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartReport {
    /// The dimension, `all` for all rows.
    pub dimension: String,
    /// The value, `all` for all rows.
    pub value: String,
    /// Rows of it; 0 where `suppressed`.
    pub rows: u64,
    /// Why it is not shown.
    pub suppressed: Option<String>,
    /// The highest signal of its streams that are tested.
    pub signal: Signal,
    /// Rolling windows by month.
    pub windows: Vec<Window>,
    /// Its streams.
    pub streams: Vec<StreamReport>,
}

/// A monitoring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitoring {
    /// Starts of the plan's months in days since 1970.
    pub months: Vec<f64>,
    /// Months whose predictions are all in.
    pub closed: usize,
    /// Months whose outcomes are all in.
    pub closed_outcomes: usize,
    /// The level of alarms over the plan.
    pub false_alarm: f64,
    /// The level of calls to watch over the plan.
    pub watch: f64,
    /// Streams that share these levels.
    pub tested: u64,
    /// Rows left out, by reason.
    pub left_out: BTreeMap<String, u64>,
    /// All rows first, then each part.
    pub parts: Vec<PartReport>,
}
