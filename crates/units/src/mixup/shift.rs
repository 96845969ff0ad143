//! Whole groups off by a factor: the median against the reference interval and the other groups.
//!
//! Model: the logarithm of a group's median is normal about a centre, with a spread that covers how
//! differently sick the patients of two hospitals are. A slip moves it by the logarithm of its
//! factor. What is compared is the density with and without the slip.

use super::{Certainty, Finding, Options, Sign, Slip, logarithms, quantile, spread};
use crate::analyte::Analyte;

/// How far medians of right groups lie apart whatever the analyte, as a standard deviation of
/// logarithms: a quarter. Between the two clinics of the synthetic hospital, and between MIMIC-IV
/// and PhysioNet-2012, medians of one analyte differ by less than that.
const BETWEEN: f64 = 0.25;
/// After the slip is undone the median must lie this near to the centre, in standard deviations.
const NEAR: f64 = 2.0;
/// The factor must exceed this many spreads of the group's own values: in analytes that span orders
/// of magnitude (C reactive protein, natriuretic peptides) a ward's median moves by ten.
const TOLD: f64 = 2.5;
/// The shape of the group must be that of the others: spreads within this ratio.
const SHAPE: f64 = 2.5;
/// What a group whose values are all impossible, and all possible once the slip is undone, adds to
/// the evidence: a slip is then the only reading.
const IMPOSSIBLE: f64 = 10.0;

/// Where the medians of the other groups lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// The middle of their logarithms.
    pub centre: f64,
    /// How far they lie apart.
    pub between: f64,
    /// How far values lie apart within them: the middle of the groups' spreads.
    pub within: f64,
    /// How many groups.
    pub groups: usize,
}

/// The reference of other groups' ascending values; groups that are too small say nothing.
pub fn reference(others: &[&[f64]], options: &Options) -> Option<Reference> {
    let mut middles = Vec::new();
    let mut spreads = Vec::new();
    for values in others.iter().filter(|v| v.len() >= options.values_min) {
        let logs = logarithms(values);
        if logs.len() >= options.values_min {
            middles.push(quantile(&logs, 0.5));
            spreads.push(spread(&logs));
        }
    }
    middles.sort_by(f64::total_cmp);
    spreads.sort_by(f64::total_cmp);
    (!middles.is_empty()).then(|| Reference {
        centre: quantile(&middles, 0.5),
        between: spread(&middles),
        within: quantile(&spreads, 0.5),
        groups: middles.len(),
    })
}

/// The slip that makes sense of a whole group.
pub(super) fn whole(
    values: &[f64],
    analyte: Option<&Analyte>,
    slips: &[Slip],
    reference: Option<&Reference>,
    options: &Options,
) -> Option<Finding> {
    let logs = logarithms(values);
    if logs.len() < options.values_min {
        return None;
    }
    let middle = quantile(&logs, 0.5);
    let own = spread(&logs);
    // The standard error of a median: 1.25 standard deviations over the root of the number.
    let error = 1.2533 * own / (logs.len() as f64).sqrt();
    let usual = analyte.and_then(|analyte| {
        let (low, high) = analyte.usual.filter(|(low, _)| *low > 0.0)?;
        let half = (high / low).ln() / 2.0;
        // What the body holds within narrow bounds differs little between hospitals as well.
        let spread = half.hypot(BETWEEN.min(half / 2.0));
        Some((low.ln() + half, spread, Sign::ShiftFromUsual))
    });
    let others = reference.filter(|r| alike(own, r.within)).map(|r| {
        let spread = r.between.hypot(BETWEEN);
        (r.centre, spread, Sign::ShiftFromOthers)
    });
    let mut best: Option<(f64, &Slip, Vec<Sign>)> = None;
    for slip in slips {
        let undone = slip.undo(middle.exp());
        // A factor that values of one group span by themselves is no sign of anything.
        let is_told = slip.factor.ln().abs() >= TOLD * own;
        if undone.is_nan() || undone <= 0.0 || !is_told {
            continue;
        }
        let mut evidence = f64::NEG_INFINITY;
        let mut refuted = false;
        let mut signs = Vec::new();
        for (centre, spread, sign) in usual.iter().chain(&others) {
            let spread = spread.hypot(error);
            let (now, then) = ((middle - centre) / spread, (undone.ln() - centre) / spread);
            let gain = (now * now - then * then) / 2.0;
            // What speaks against the slip in one test is not outvoted by the other.
            refuted |= then.abs() > NEAR;
            if gain >= options.shift_evidence_min / 2.0 {
                signs.push(*sign);
            }
            // The two tests share the median: their evidence does not add up.
            evidence = evidence.max(gain);
        }
        evidence += IMPOSSIBLE * impossible(values, analyte, slip) - slip.odds;
        let enough = evidence >= options.shift_evidence_min && !signs.is_empty() && !refuted;
        if enough && best.as_ref().is_none_or(|(most, ..)| evidence > *most) {
            best = Some((evidence, slip, signs));
        }
    }
    let (_, slip, signs) = best?;
    // Between two groups alone nobody can say which of them is wrong.
    let alone = signs == [Sign::ShiftFromOthers] && reference.is_some_and(|r| r.groups < 2);
    Some(Finding {
        slip: slip.clone(),
        share: 1.0,
        signs,
        certainty: if alone {
            Certainty::Possible
        } else {
            Certainty::Likely
        },
    })
}

fn alike(own: f64, within: f64) -> bool {
    // Rounded values may have no spread at all; a twentieth is what rounding alone leaves.
    let ratio = own.max(0.05) / within.max(0.05);
    (1.0 / SHAPE..=SHAPE).contains(&ratio)
}

/// The share of values that are impossible, less the share that would be with the slip undone.
fn impossible(values: &[f64], analyte: Option<&Analyte>, slip: &Slip) -> f64 {
    let Some(analyte) = analyte else { return 0.0 };
    let share = |undo: bool| {
        let read = |value: f64| if undo { slip.undo(value) } else { value };
        let is_out = |value: &&f64| analyte.implausible(read(**value)).is_some();
        values.iter().filter(is_out).count() as f64 / values.len() as f64
    };
    share(false) - share(true)
}
