//! The seal: a value that went through this crate.
//!
//! The field and the constructor are private to the crate, and there is no `From`, `Default`,
//! `Deserialize`, `map` or mutable access, so that the compiler vouches for the origin of every
//! such value. `tests/sealed/` holds the attempts that must not compile.

use std::fmt;

/// A de-identified value. Only this crate makes one.
#[derive(Clone, PartialEq)]
pub struct Deidentified<T>(T);

impl<T> Deidentified<T> {
    /// Seals a value: for [`crate::Deidentifier`] and [`crate::Reopened`] alone.
    pub(crate) const fn seal(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// The value without its seal; there is no way back.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Redacted.
impl<T> fmt::Debug for Deidentified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deidentified(..)")
    }
}
