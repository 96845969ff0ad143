//! What codes mean and what stands above them: the terminologies that belong to the public, which
//! are shipped (`tables/README.md`), and those that an institution supplies.
//!
//! It knows codes, not records. Nothing here changes a code of a record: what is unknown is said to
//! be so, and what can be mapped is mapped on request.
//!
//! ```text
//! Code in any spelling       Coded              Standing
//! DIAGNOSIS//ICD//10//E1165  ICD10CM, E1165  -> known (description, parents), unknown,
//!                                               malformed, or of a system that is not held
//! ```
#![forbid(unsafe_code)]

mod groups;
mod icd;
mod maps;
mod spelling;
mod standing;
mod supplied;
mod tables;

pub use maps::{Ccsr, Chronic, Equivalent, ccsr, chronic, equivalents};
pub use spelling::{Coded, Held};
pub use standing::{Entry, Standing, Terminology, parent};
pub use supplied::{Supplied, SuppliedError, SuppliedKind, SuppliedSource};
