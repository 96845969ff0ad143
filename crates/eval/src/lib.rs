//! Numbers that judge predictions, from f64 slices.
//!
//! This crate knows labels, scores, subjects and groups, and no model, file or clock, so that it
//! can judge any model, a competitor's or a bedside score among them. In the data's way it stands
//! at the end: predictions of the held-out subjects come in, a [`Report`] goes out.
#![forbid(unsafe_code)]

mod report;

pub use report::{
    CurvePoint, Differences, Estimate, GroupReport, LossReport, Metric, Metrics, ModelReport,
    Report, SplitLoss, TaskReport, TruthAgreement, TruthReport,
};
