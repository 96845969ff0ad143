//! The privacy boundary: the only maker of de-identified timelines.
#![forbid(unsafe_code)]
