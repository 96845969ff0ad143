//! What a caller may choose about a report. None of it is clinical.

use longitude_core::{Days, Instant};
use longitude_units::mixup;

/// Options of [`crate::Collector`].
#[derive(Clone, Debug)]
pub struct Options {
    /// When the records were exported: what lies later is in the future. `None` where unknown; then
    /// nothing is.
    pub export_time: Option<Instant>,
    /// Recorded so much later than it happened, an event is a leak where times are taken for
    /// granted.
    pub leak_after: Days,
    /// Values kept of each code and unit.
    pub values_max: usize,
    /// Values kept of each code and unit within one source, site or year, and steps within persons.
    pub values_of_part_max: usize,
    /// Groups (code, unit, and source or year) whose values are kept; further ones are counted
    /// only, and the report says so.
    pub groups_max: usize,
    /// Sources told apart by name; further ones stand together.
    pub sources_max: usize,
    /// How the detector of mixed-up units judges.
    pub mixup: mixup::Options,
}

impl Options {
    /// A day, 2,048 and 512 values, 20,000 groups (at most 400 MB of samples, where every group is
    /// full) and 1,000 sources.
    pub fn standard() -> Self {
        Self {
            export_time: None,
            leak_after: Days(1.0),
            values_max: 2048,
            values_of_part_max: 512,
            groups_max: 20_000,
            sources_max: 1_000,
            mixup: mixup::Options::standard(),
        }
    }
}
