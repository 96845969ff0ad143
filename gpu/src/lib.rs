//! The model's second implementation, on burn: the same file, the same losses, the same steps, on a
//! GPU.
//!
//! Letters of sizes as in `longitude_model`; beside them R rows of L slots, into which the segments
//! of a batch are packed, P = R L slots in all. The model is one page in `model`; what a batch is
//! made into before tensors begin is [`longitude_model::Columns`].
//!
//! ```text
//! Model::load --Engine::new--> Engine --forward_backward(&Batch)--> (Losses, Gradients)
//!                                |  <--step(&Gradients, rate)---------------/
//!                                \--store(&mut Model)--> Model::save
//! ```
#![forbid(unsafe_code)]

mod device;
mod engine;
mod model;
mod optim;
mod packing;
pub mod parity;

pub use device::{Found, Kind};
pub use engine::{Engine, Gradients};
