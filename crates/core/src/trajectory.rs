//! A sampled future.

use crate::code::Code;
use crate::time::Instant;
use serde::{Deserialize, Serialize};

/// One event of a sampled future.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampledEvent {
    /// When.
    pub time: Instant,
    /// What.
    pub code: Code,
    /// The sampled value in the code's unit, where it has one.
    pub numeric_value: Option<f64>,
}

/// Why a sampled future ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The subject died in it.
    Death,
    /// It reached the horizon.
    Horizon,
    /// It reached the limit of events: a censored future, never a negative one.
    Length,
}

/// One sampled future of one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// The events in order.
    pub events: Vec<SampledEvent>,
    /// Why it ends.
    pub stop: StopReason,
}
