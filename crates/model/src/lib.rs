//! The transformer over event sequences and its CPU kernels: training and sampling on one machine.
//!
//! It knows no patient and no file format but its own checkpoints. Above it stand `train` and
//! `predict`; below it nothing of ours.
//!
//! | letter | size |
//! |---|---|
//! | B, S | segments of a batch |
//! | T | positions of a batch, all segments together |
//! | N | scored positions |
//! | R | rows of a decoder: futures of one or more histories |
//! | D | width of the residual stream |
//! | H | attention heads |
//! | F | width of the gated MLP |
//! | V | codes of the vocabulary |
//! | G | groups of codes |
//! | K | value bins of a code at most; K + 1 classes with class 0 for no value |
//! | U | width of the value head |
//! | W | bins of the wait |
//! | Q | queries of a batch |
//! | J, M | bins and width of the query head |
//!
//! The next event factors as `p(wait | h) p(code | h, wait) p(value | h, wait, code)`. Same input,
//! options, seed and kernel level give the same bytes, whatever the number of threads.

mod batch;
mod checkpoint;
mod choices;
mod columns;
mod config;
mod error;
mod flops;
mod gradients;
mod hazard;
mod infer;
mod kernels;
mod layout;
mod memory;
mod model;
mod ops;
mod optim;
mod pass;
mod queried;
mod query;
mod random;
mod recall;
mod score;
mod workspace;

pub use batch::{Batch, Input, Target};
pub use checkpoint::CHECKPOINT_FILE;
pub use choices::{Choices, Likelihood, REPEAT_LOG_MASS, Time, ValueInput};
pub use columns::Columns;
pub use config::{Config, Preset, Sizes};
pub use error::{Error, Result};
pub use flops::flops_per_token;
pub use gradients::Grads;
pub use hazard::{WaitLaw, WaitMarginal, wait_nll};
pub use infer::{Decoder, Precision, Prefix, Rows};
pub use kernels::{Level, peak_gflops};
pub use layout::Tensor;
pub use memory::Device;
pub use model::{Codes, Marginals, Model};
pub use optim::{AdamW, AdamWOptions};
pub use query::{Answer, Atom, Incidence, Query, Question};
pub use recall::Recall;
pub use score::Losses;
pub use workspace::Workspace;
