//! Numbers that judge predictions, from f64 slices.
#![forbid(unsafe_code)]
