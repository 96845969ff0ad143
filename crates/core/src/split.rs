//! The split of subjects into those to learn from, to tune on and to judge by.

use crate::id::SubjectId;
use crate::receipt::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// MEDS's three splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To fit on.
    Train,
    /// To stop early, calibrate and choose on.
    Tuning,
    /// To judge by, once.
    HeldOut,
}

impl Split {
    /// All three, in MEDS's order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Tuning, Self::HeldOut];

    /// MEDS's name of the split, also the name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Tuning => "tuning",
            Self::HeldOut => "held_out",
        }
    }

    /// The split with this MEDS name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|split| split.name() == name)
    }

    /// The split of a subject by hash: 80 % train, 10 % tuning, 10 % held out. It depends on the
    /// subject alone, so that adding patients moves nobody.
    pub fn of(subject: SubjectId) -> Self {
        match Self::bucket("split", subject) {
            0..800 => Self::Train,
            800..900 => Self::Tuning,
            _ => Self::HeldOut,
        }
    }

    /// A number from 0 to 999 that depends on the purpose and the subject alone, for further
    /// divisions by hash (early stopping apart from calibration).
    pub fn bucket(purpose: &str, subject: SubjectId) -> u16 {
        let digest = Digest::of_parts(&[purpose.as_bytes(), &[0], &subject.0.to_le_bytes()]);
        u16::try_from(digest.leading_i63() % 1000).unwrap_or(0)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_as_stated() {
        let held = (0..10_000)
            .filter(|&i| Split::of(SubjectId(i)) == Split::HeldOut)
            .count();
        assert!((900..1100).contains(&held), "{held}");
        assert_eq!(Split::from_name("held_out"), Some(Split::HeldOut));
    }
}
