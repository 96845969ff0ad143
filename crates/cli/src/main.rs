//! The command line: its main is a table of contents.
#![forbid(unsafe_code)]
fn main() {}
