//! Units mixed up, found by the distribution of values: of a whole source, or of some of its rows.
//!
//! A group of values is one code in one unit from one source (and year), brought into the
//! analyte's canonical unit by what its label says. Where the label is wrong, its values stand off
//! by the factor between two units of that analyte: 88.4 for creatinine, 18 for glucose. Four
//! tests, each with what it can and cannot see:
//!
//! - **Shift**: the median of the group against the reference interval, or against the medians of
//!   the other groups. Sees a whole source in the wrong unit.
//! - **Limits**: values that no living person has, and that become usual ones by one factor. Sees
//!   few rows, where the factor leads beyond the limits.
//! - **Steps**: the ratio of each value to the same person's value before. Sees rows mixed at
//!   random, also where the two units' ranges overlap (pounds and kilograms).
//! - **Bump**: a second mode that copies the first at the factor's distance, with a valley
//!   between. Sees some persons or a ward in another unit; alone it is [`Certainty::Possible`]
//!   only, because diseases make second modes too.
//!
//! Nothing is changed here: a finding says what to look at.

mod mixture;
mod shift;
mod slips;

pub use shift::{Reference, reference};
pub use slips::{Slip, generic_slips, slips, slips_under};

use crate::analyte::Analyte;

/// The strictness of the tests. None is clinical.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Values below which a group's median says too little.
    pub values_min: usize,
    /// Values below which no share of a group is looked for.
    pub mixture_values_min: usize,
    /// How much likelier a slip must make the group's median, as a natural logarithm: the odds
    /// against a slip before any data.
    pub shift_evidence_min: f64,
    /// The chance, for one group and one factor, that steps or a bump are told from nothing.
    pub chance_max: f64,
}

impl Options {
    /// 20 and 60 values; odds of a hundred to one against; one in a million for each test, so that
    /// a load of a thousand codes with ten factors each raises one false alarm in a hundred.
    pub fn standard() -> Self {
        Self {
            values_min: 20,
            mixture_values_min: 60,
            shift_evidence_min: 4.6,
            chance_max: 1e-6,
        }
    }
}

/// One group: finite values in the canonical unit by its label.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample<'a> {
    /// The values, or a uniform sample of them, ascending.
    pub values: &'a [f64],
    /// The natural logarithm of each positive value over the same person's positive value before
    /// it, or a uniform sample of those, ascending.
    pub steps: &'a [f64],
}

/// Whether a finding is to be acted on or to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// One sign alone, which disease or case mix can make as well.
    Possible,
    /// A sign that hardly comes from anything else, or two signs.
    Likely,
}

/// By which test a finding was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// The median against the reference interval of adults.
    ShiftFromUsual,
    /// The median against the other groups of the code.
    ShiftFromOthers,
    /// Impossible values that one factor makes usual.
    Limits,
    /// Jumps by the factor between values of one person.
    Steps,
    /// A second mode at the factor's distance.
    Bump,
}

impl Sign {
    /// The sign in words.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::ShiftFromUsual => "the median lies off the reference interval by this factor",
            Self::ShiftFromOthers => "the median lies off the other groups' by this factor",
            Self::Limits => "impossible values become usual ones by this factor",
            Self::Steps => "values of one person jump by this factor and back",
            Self::Bump => "a second mode is a copy of the first at this factor",
        }
    }
}

/// Values of a group that look like another unit's.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which slip makes sense of them.
    pub slip: Slip,
    /// The share of the group's values concerned, 0 to 1; 1 for a whole group.
    pub share: f64,
    /// By which tests, in order.
    pub signs: Vec<Sign>,
    /// How sure.
    pub certainty: Certainty,
}

/// Looks for slips in one group: at most one finding for the whole group, or one for a part of it.
///
/// `reference` is what the other groups of the code say; `analyte` what the table says.
pub fn examine(
    sample: Sample<'_>,
    analyte: Option<&Analyte>,
    slips: &[Slip],
    reference: Option<&Reference>,
    options: &Options,
) -> Option<Finding> {
    let whole = shift::whole(sample.values, analyte, slips, reference, options);
    whole.or_else(|| mixture::part(sample, analyte, slips, options))
}

/// Whether a threshold (of a task, of a rule) is in another unit than the values that it parts: all
/// values lie on one side of it, and for one slip they do not.
///
/// `values` are ascending, in the unit in which they are stored. A threshold that parts the values
/// is never called in question.
pub fn threshold_slip<'s>(values: &[f64], threshold: f64, slips: &'s [Slip]) -> Option<&'s Slip> {
    /// Beyond this share of values on one side a threshold makes a constant label.
    const SHARE: f64 = 0.002;
    let parts = |threshold: f64| {
        let below = values.partition_point(|value| *value < threshold) as f64;
        let share = below / values.len() as f64;
        (SHARE..=1.0 - SHARE).contains(&share)
    };
    if values.len() < 20 || threshold.is_nan() || parts(threshold) {
        return None;
    }
    // The threshold is in the slip's unit: back in the values' unit it must part them, the nearer
    // to the middle the better.
    let middle = values[values.len() / 2];
    let meant = |slip: &Slip| slip.undo(threshold);
    let fitting = slips.iter().filter(|slip| parts(meant(slip)));
    let distance = |slip: &&Slip| (meant(slip) - middle).abs();
    fitting.min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// The value at a share of ascending values; the nearest one.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let at = (share * (sorted.len().max(1) - 1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The spread of ascending values about their middle: the median absolute deviation, scaled to a
/// normal distribution's standard deviation (Rousseeuw and Croux 1993).
pub(crate) fn spread(sorted: &[f64]) -> f64 {
    let middle = quantile(sorted, 0.5);
    let mut off: Vec<f64> = sorted.iter().map(|value| (value - middle).abs()).collect();
    off.sort_by(f64::total_cmp);
    1.4826 * quantile(&off, 0.5)
}

/// The natural logarithms of the positive values, ascending like them.
pub(crate) fn logarithms(sorted: &[f64]) -> Vec<f64> {
    let positive = sorted.iter().filter(|value| **value > 0.0);
    positive.map(|value| value.ln()).collect()
}

#[cfg(test)]
mod tests;
