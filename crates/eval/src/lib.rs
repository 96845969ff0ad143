//! Numbers that judge predictions, from f64 slices.
//!
//! This crate knows labels, scores, subjects and groups, and no model, file or clock, so that it
//! can judge any model, a competitor's or a bedside score among them. In the data's way it stands
//! at the end: predictions of the held-out subjects come in, a [`Report`] goes out.
//!
//! Every metric is a function `(labels, scores) -> Result<f64, Undefined>`; [`task_report`] makes
//! all of them with intervals. What is undefined is absent with its reason, never 0.5.
#![forbid(unsafe_code)]

mod bootstrap;
mod compare;
mod compat;
mod curve;
mod error;
mod evaluation;
mod fairness;
mod group;
mod judge;
mod leakage;
mod local;
pub mod monitor;
mod mt19937;
mod multiclass;
mod prepared;
pub mod privacy;
mod random;
mod rank;
mod recalibration;
mod repair;
mod report;
mod representation;
mod shift;
mod smooth;
mod subgroup;
pub mod survival;
mod task;
mod truth;
pub mod uncertainty;
mod undefined;
mod utility;
pub mod values;

pub use bootstrap::{LEVEL, bootstrap};
pub use compare::{
    PairedTest, auroc_standard_error, benjamini_hochberg, benjamini_yekutieli, compare_auroc,
    compare_losses, holm, mcnemar,
};
pub use compat::{CompatBlock, CompatInput, MedsCompat, meds_compat};
pub use curve::{
    RELIABILITY_BINS_MAX, ROC_POINTS_MAX, precision_recall, reliability, roc, wilson, wilson_share,
};
pub use error::Error;
pub use evaluation::{
    Beyond, Compared, DecisionPoint, Evaluation, EvaluationInput, EvaluationOptions, Followed,
    GapsTold, ModelCurves, Shift, Use, evaluate,
};
pub use fairness::{Gaps, GroupRates, crossings, gaps};
pub use group::{CELL_MIN, hidden_cells};
pub use leakage::{AUROC_SUSPICIOUS, LeakageCheck, LeakageInput, leakage};
pub use local::{LocalOptions, LocalRecalibration, LocalRows};
pub use multiclass::Classes;
pub use prepared::{ECE_BINS, brier, expected_calibration_error, log_loss, observed_expected};
pub use rank::{auroc, average_precision};
pub use recalibration::{LOGIT_CLIP, Recalibration, calibration_in_the_large, recalibrate};
pub use repair::{
    GroupCost, GroupRecalibration, GroupThreshold, Multicalibration, Paired, RepairCost,
    RepairRows, Side, Step, ThresholdPolicy, repair_cost, threshold_for_alerts,
};
pub use report::{
    CurvePoint, Differences, Estimate, GroupReport, LossReport, Metric, Metrics, ModelReport,
    Report, SplitLoss, TaskReport, Told, TruthAgreement, TruthReport,
};
pub use representation::{
    Dimension, GroupRepresentation, LabelShare, RATIO_NAMED, Ratio, Recorded, Representation,
    RepresentationReport, Represented, UnderRecorded,
};
pub use shift::{Change, Rows, auroc_change, kolmogorov_smirnov, population_stability};
pub use smooth::{SMOOTH_POINTS, SPAN, SmoothCalibration, smooth_calibration};
pub use task::{Options, TaskInput, task_report};
pub use truth::agreement;
pub use undefined::Undefined;
pub use utility::{
    Alerts, LeadTime, OperatingPoint, at_sensitivity, at_threshold, decision_curve, lead_time,
};
