//! The operations of the transformer, one file each, with explicit forward and backward.
//!
//! Tensors are row-major slices whose shapes stand in the documentation, with the letters of the
//! crate's table. Parallel work is cut so that each output has one writer and one order of sums:
//! the number of threads does not change a bit. [`scalar`] holds the same operations as plain f64
//! loops, the oracle of the tests.

pub(crate) mod attention;
#[cfg(test)]
mod bf16_tests;
pub(crate) mod embedding;
pub(crate) mod heads;
pub(crate) mod linear;
pub(crate) mod rmsnorm;
pub(crate) mod rotary;
#[cfg(test)]
pub(crate) mod scalar;
pub(crate) mod swiglu;
#[cfg(test)]
mod tests;
