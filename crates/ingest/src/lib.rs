//! Records of a hospital into events and issues.
#![forbid(unsafe_code)]
