//! MEDS 0.4 data sets on disk: the writer, the reader and the validator.
//!
//! It stands between the timelines in memory and everyone who reads MEDS. It is not a query
//! engine, it maps no source vocabulary, and it de-identifies nothing: it writes what it is given.
//!
//! ```text
//! Events -> Writer -> data/{train,tuning,held_out}/<n>.parquet -> Dataset -> Timelines
//!                     metadata/{codes,subject_splits,observation}.parquet, dataset.json
//! ```
//!
//! What a data set keeps: every field of an event, in MEDS's columns and the extension columns of
//! [`columns`]. `numeric_value` is a 32-bit float in MEDS, so a value keeps seven significant
//! digits; it is read back as the shortest decimal that rounds to the stored float, so that 7.1
//! comes back as 7.1 and its recorded precision can still be seen.
#![forbid(unsafe_code)]

mod arrays;
pub mod assembly;
pub mod columns;
mod dataset;
mod decode;
mod describe;
mod encode;
mod error;
pub mod export;
mod files;
mod foreign;
mod info;
mod labels;
mod packed;
pub mod pass;
mod prediction_writer;
mod predictions;
mod report;
mod scan;
mod shards;
mod spill;
mod stream;
mod tables;
mod validate;
mod writer;

pub use dataset::Dataset;
pub use describe::Describe;
pub use error::{Error, Result};
pub use info::DatasetInfo;
pub use labels::{Label, LabelColumns, LabelRow, LabelWriter, read_labels};
pub use prediction_writer::{COLUMNS_KEY, PredictionRow, PredictionTable, encode_predictions};
pub use predictions::{Predictions, read_predictions};
pub use report::ReadReport;
pub use scan::RowEvent;
pub use tables::CodeEntry;
pub use validate::{Finding, Rule, Validation, validate, validate_samples};
pub use writer::{Summary, WriteOptions, Writer, write_timelines};
