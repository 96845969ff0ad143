//! What meds-evaluation 0.0.6 says of the same predictions: two blocks of scikit-learn's metrics,
//! over all samples and over a seeded resample with the same number of samples a subject.
//!
//! It exists for comparison with published MEDS-DEV figures. Its calibration error is the plain
//! mean over the bins that are not empty, whatever their rows: [`crate::task_report`] has the
//! weighted one. Probabilities are 32-bit floats, as that schema has them, widened before sums.

use crate::mt19937::Mt19937;
use crate::rank::RankSums;
use crate::undefined::Undefined;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bins of the calibration error, of equal width.
const BINS: u32 = 10;

/// Columns of a table of predictions, all of one length.
#[derive(Clone, Copy)]
pub struct CompatInput<'a> {
    /// The subject of each row.
    pub subjects: &'a [i64],
    /// Whether the outcome happened.
    pub labels: &'a [bool],
    /// The class that was predicted, where the table has one for every row.
    pub predicted: Option<&'a [bool]>,
    /// The probability of the outcome, from 0 to 1, where the table has one for every row.
    pub probabilities: Option<&'a [f32]>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for CompatInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompatInput({} rows)", self.labels.len())
    }
}

/// The two blocks of meds-evaluation's JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MedsCompat {
    /// Every row counts the same.
    pub samples_equally_weighted: CompatBlock,
    /// Every subject counts the same, on the resample.
    pub subjects_equally_weighted: CompatBlock,
}

/// One block: metrics by scikit-learn's names.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CompatBlock {
    /// The metrics; `None` where undefined.
    #[serde(flatten)]
    pub metrics: BTreeMap<&'static str, Option<f64>>,
    /// Why each `None` is undefined. meds-evaluation has no such field; it writes `NaN`, which is
    /// not JSON, or 0.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub undefined: BTreeMap<&'static str, String>,
}

/// The metrics of meds-evaluation 0.0.6 (`evaluate_binary_classification`): accuracy and F1 of the
/// predicted class; AUROC, average precision, unweighted calibration error and Brier score of the
/// probability. Rows of a subject are resampled as `numpy.random.RandomState(seed)` draws them,
/// subjects ascending, rows of a subject in the order given.
///
/// # Panics
/// When the columns differ in length.
pub fn meds_compat(input: &CompatInput<'_>, samples_per_subject: u32, seed: u32) -> MedsCompat {
    let rows = input.labels.len();
    assert_eq!(rows, input.subjects.len(), "one subject for each label");
    for other in [
        input.predicted.map(<[bool]>::len),
        input.probabilities.map(<[f32]>::len),
    ] {
        assert!(other.is_none_or(|len| len == rows), "one value a label");
    }
    let drawn = resampled(input.subjects, samples_per_subject, seed);
    MedsCompat {
        samples_equally_weighted: block(input, || 0..rows),
        subjects_equally_weighted: block(input, || drawn.iter().map(|&row| row as usize)),
    }
}

/// The rows of meds-evaluation's `_resample`.
fn resampled(subjects: &[i64], samples: u32, seed: u32) -> Vec<u32> {
    let count = u32::try_from(subjects.len()).unwrap_or(u32::MAX);
    assert_eq!(count as usize, subjects.len(), "fewer than 2^32 rows");
    let mut order: Vec<u32> = (0..count).collect();
    if !subjects.is_sorted() {
        order.sort_by_key(|&row| subjects[row as usize]);
    }
    let mut stream = Mt19937::new(seed);
    let mut drawn = Vec::new();
    for rows in order.chunk_by(|&a, &b| subjects[a as usize] == subjects[b as usize]) {
        #[expect(clippy::cast_possible_truncation, reason = "held below 2^32 above")]
        let bound = rows.len() as u32;
        for _ in 0..samples {
            drawn.push(rows[stream.below(bound) as usize]);
        }
    }
    drawn
}

fn block<I>(input: &CompatInput<'_>, rows: impl Fn() -> I) -> CompatBlock
where
    I: Iterator<Item = usize>,
{
    let mut block = CompatBlock::default();
    let mut put = |name: &'static str, value: Result<f64, String>| match value {
        Ok(value) => {
            block.metrics.insert(name, Some(value));
        }
        Err(reason) => {
            block.metrics.insert(name, None);
            block.undefined.insert(name, reason);
        }
    };
    let text = |reason: Undefined| reason.to_string();
    if let Some(predicted) = input.predicted {
        let [accuracy, f1] = of_classes(rows().map(|row| (input.labels[row], predicted[row])));
        put("binary_accuracy", accuracy);
        put("f1_score", f1);
    }
    if let Some(probabilities) = input.probabilities {
        let pairs = || rows().map(|row| (input.labels[row], probabilities[row]));
        let rank = rank(pairs());
        put("roc_auc_score", rank.auroc().map_err(text));
        put(
            "average_precision_score",
            rank.average_precision().map_err(text),
        );
        let [calibration, brier] = of_probabilities(pairs());
        put("calibration_error", calibration.map_err(text));
        put("brier_score", brier.map_err(text));
    }
    block
}

fn of_classes(pairs: impl Iterator<Item = (bool, bool)>) -> [Result<f64, String>; 2] {
    // Rows by label and prediction.
    let mut counts = [[0_u64; 2]; 2];
    for (label, predicted) in pairs {
        counts[usize::from(label)][usize::from(predicted)] += 1;
    }
    let [
        [true_negative, false_positive],
        [false_negative, true_positive],
    ] = counts;
    let wrong = false_positive + false_negative;
    let all = true_negative + wrong + true_positive;
    let share = |part: u64, of: u64, reason: &str| {
        if of == 0 {
            Err(reason.to_owned())
        } else {
            Ok(part as f64 / of as f64)
        }
    };
    let none = "no row has the outcome and none is predicted to";
    [
        share(true_negative + true_positive, all, "there are no rows"),
        share(2 * true_positive, 2 * true_positive + wrong, none),
    ]
}

fn rank(pairs: impl Iterator<Item = (bool, f32)>) -> RankSums {
    // From 0 to 1 the bits of a 32-bit float ascend with it and leave two bits free.
    let key = |(label, p): (bool, f32)| ((p + 0.0).to_bits() << 1) | u32::from(label);
    let mut keys: Vec<u32> = pairs.map(key).collect();
    keys.sort_unstable();
    let mut sums = RankSums::default();
    for (place, &key) in keys.iter().enumerate().rev() {
        let ends = place == 0 || keys[place - 1] >> 1 != key >> 1;
        sums.add(key & 1 == 1, 1, ends);
    }
    sums
}

fn of_probabilities(pairs: impl Iterator<Item = (bool, f32)>) -> [Result<f64, Undefined>; 2] {
    let edges: [f64; BINS as usize - 1] = std::array::from_fn(|k| (k + 1) as f64 * 0.1);
    let mut bins = [(0_u64, 0_u64, 0.0_f64); BINS as usize];
    let mut squares = 0.0;
    for (label, probability) in pairs {
        let wide = f64::from(probability);
        let label = u64::from(label);
        let gap = label as f64 - wide;
        squares += gap * gap;
        // `numpy.searchsorted` from the left: an edge belongs to the bin below it.
        let bin = &mut bins[edges.partition_point(|&edge| edge < wide)];
        bin.0 += 1;
        bin.1 += label;
        bin.2 += wide;
    }
    let rows: u64 = bins.iter().map(|bin| bin.0).sum();
    if rows == 0 {
        return [Err(Undefined::NoRows); 2];
    }
    let filled = bins.iter().filter(|bin| bin.0 > 0);
    let gaps = filled
        .clone()
        .map(|&(n, with, sum)| (with as f64 / n as f64 - sum / n as f64).abs());
    let calibration = gaps.sum::<f64>() / filled.count() as f64;
    [Ok(calibration), Ok(squares / rows as f64)]
}
