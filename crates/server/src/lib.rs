//! HTTP and the console.
#![forbid(unsafe_code)]
