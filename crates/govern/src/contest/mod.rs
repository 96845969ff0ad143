//! Contests: a person says that an answer, a missing answer, or a use of data is wrong, and the
//! institution must answer for it.
//!
//! The case stands in `contests/<id>.json`, inside the walls; every step leaves a leaf in the
//! ledger that holds a commitment to the case and no word of it. What a step needs is part of the
//! step's own type ([`Action`]), so that it cannot be left out.

mod book;
mod case;
mod state;
mod vocabulary;

pub use book::ContestBook;
pub(crate) use book::{is_committed, step_of};
pub use case::{Contest, ContestId, NewContest, Step};
pub use state::{Action, Determination, Independence, State, Transition};
pub use vocabulary::{Cause, ContestKind, Filer, Finding, Ground, Remedy};
