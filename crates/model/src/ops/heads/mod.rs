//! The three factors of the next event, `p(wait | h) p(code | h, wait) p(value | h, wait, code)`,
//! and the query head, which answers for a horizon at once.

pub(crate) mod code;
pub(crate) mod mark;
pub(crate) mod query;
pub(crate) mod value;
pub(crate) mod wait;
