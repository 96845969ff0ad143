//! A synthetic hospital with known hazards.
#![forbid(unsafe_code)]
