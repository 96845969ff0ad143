//! Vocabulary, value bins and the alignment of tokens with events.
#![forbid(unsafe_code)]
