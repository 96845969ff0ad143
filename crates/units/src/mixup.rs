//! Units mixed up.
