//! The training loop: de-identified timelines in, a model and the account of its training out.
//!
//! [`TrainData`] takes only `Deidentified<Timeline>`; there is no other way in. Not here: the
//! model's passes (`model`), the clock (the observer of the loop stops it), and the choice of
//! options.
//!
//! ```text
//! Deidentified<Timeline> --push--> TrainData --train(&Options, observe)--> Trained { model, record
//! }
//!                                                  |        ^
//!                                            checkpoints --resume
//! ```
#![forbid(unsafe_code)]

mod adapter;
mod checkpoint;
mod data;
mod describe;
mod error;
mod evaluate;
mod facts;
mod feed;
mod gain;
mod life_table;
mod loader;
mod lora;
mod marginal;
mod options;
mod page;
mod plan;
mod queries;
mod rate;
mod reduce;
mod report;
mod run;
mod scaling;
mod schedule;
mod sequences;
mod transfer;
mod values;
#[cfg(test)]
mod world;

pub use adapter::{ADAPTER_FILE, About, Adapter, base_digest};
pub use checkpoint::has_checkpoint;
pub use data::{Part, TrainData, Warnings};
pub use error::{Error, Result, Subjects};
pub use evaluate::{EvaluateOptions, Losses, Nats, evaluate, evaluate_queries};
pub use facts::{
    Cell, DataFacts, Held, ModelFacts, ModelShape, Population, PopulationCounter, SMALL_CELL,
    SplitFacts, TrainingFacts, VocabularyFacts,
};
pub use feed::build_batches;
pub use gain::{Change, Difference, GainReport, LEVEL, Method, change, evaluate_each};
pub use loader::Place;
pub use lora::{AdapterOptions, MAPS};
pub use marginal::marginal_model;
pub use options::{Budget, Options, plan_steps, sizes};
pub use plan::{Chosen, EVENTS_PER_WEIGHT, Memory, Size, preset_for, size};
pub use queries::{KnownQuestion, QueryOptions};
pub use rate::{RateCurve, RatePoint, Sweep, find_rate};
pub use reduce::{Alone, Rank, Reduce, alike, first, meet};
pub use report::{
    Asked, CURVE_POINTS, Curve, CurvePoint, Energy, Machine, Speed, TrainingReport, WATTS_PER_CORE,
};
pub use run::{
    Control, Progress, Record, StopCause, Trained, TuningPoint, With, probe, probe_with, resume,
    resume_with, train, train_with,
};
pub use scaling::{Expected, ScalingLaw, ScalingPoint};
pub use transfer::{
    Base, CodeStart, Descriptions, Rule, Rules, Transferred, transfer, transferred_config,
};
pub use values::{CodeValues, LEVELS, Values, evaluate_values};
