//! MEDS data sets on disk.
#![forbid(unsafe_code)]
