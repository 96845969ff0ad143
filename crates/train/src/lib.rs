//! The training loop.
#![forbid(unsafe_code)]
