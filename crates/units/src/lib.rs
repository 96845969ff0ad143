//! What a number in a record means: units of measure, analytes, readings, and units mixed up.
//!
//! Everything here is a pure function over values and tables. It reads no record and changes none:
//! `ingest` asks it what to write, `quality` asks it what is wrong. It knows no patient and no
//! file, and it does not decide which events a model sees.
//!
//! ```text
//! spelling --to_ucum--> unit --Unit--> dimension and scale --Analyte--> Conversion into one unit
//! text     --reading--> number, comparator, range, titre, coded result
//! values   --mixup----> which code, unit and source disagree by a known factor
//! ```
#![forbid(unsafe_code)]

mod analyte;
mod conversion;
mod error;
pub mod mixup;
pub mod reading;
mod spelling;
mod ucum;

pub use analyte::{Analyte, Analytes, Implausible};
pub use conversion::{Conversion, Refusal, convert};
pub use error::{Error, Result};
pub use spelling::{UCUM, to_ucum};
pub use ucum::{Dimension, Unit, UnitError};
