//! Sampling, risk, calibration, evidence, abstention.
#![forbid(unsafe_code)]
