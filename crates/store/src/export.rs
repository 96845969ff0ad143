//! Data sets in the forms of others. Each form tells what it could not hold; nothing is dropped in
//! silence.

pub mod fhir;
pub mod omop;
