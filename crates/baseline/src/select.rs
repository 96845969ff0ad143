//! Which features there are: decided on train alone.
//!
//! The rule. A code is looked at when at least [`SUBJECTS_MIN`] train subjects have it before one
//! of their prediction times. Each of its columns is a candidate when at least [`SUBJECTS_MIN`]
//! train rows fill it, it varies and it is no twin of another of the code. Of the candidates the
//! [`FEATURES_MAX`] with the largest score statistic are kept: that of one column alone in a
//! logistic regression, which is the squared covariance with the label over its variance under no
//! association (Rao 1948; the Cochran-Armitage trend statistic for a binary label). Ties go by the
//! order of the columns. The general columns are always kept.

use crate::Example;
use crate::features::{
    COUNT, CodeTable, Extractor, Feature, GENERAL, LATEST, LATEST_DAYS, NUMBERS, SLOTS, STATIC,
    Scale, SlotRow, Window, general, statistics,
};
use crate::matrix::Rows;
use longitude_core::{Code, SubjectId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fewest train subjects, or rows, behind a code or a column: fewer teach a model to know
/// persons.
pub const SUBJECTS_MIN: usize = 10;

/// The most columns, the general ones among them: about what a few thousand examples can carry.
pub const FEATURES_MAX: usize = 500;

/// The chosen columns.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Feature>", into = "Vec<Feature>")]
pub struct FeatureSet {
    features: Vec<Feature>,
    table: CodeTable,
    /// The column of each slot.
    columns: Vec<Option<u32>>,
}

impl FeatureSet {
    /// The columns in order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Chooses the columns from labelled train examples.
    pub(crate) fn choose(train: &[(Example<'_>, bool)]) -> Self {
        let table = codes_of(train);
        let mut extractor = Extractor::new(&table);
        let slots = slot_features(&table);
        let rows = train
            .iter()
            .map(|(example, label)| (extractor.row(example), *label));
        let scores = score_statistics(rows, &slots);
        let mut candidates: Vec<(f64, usize)> = Vec::new();
        for (slot, score) in scores.iter().enumerate().skip(GENERAL) {
            candidates.extend(score.map(|score| (score, slot)));
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        candidates.truncate(FEATURES_MAX - GENERAL);
        let mut kept: Vec<usize> = (0..GENERAL).collect();
        kept.extend(candidates.iter().map(|(_, slot)| slot));
        kept.sort_unstable();
        kept.iter()
            .map(|&slot| slots[slot].clone())
            .collect::<Vec<_>>()
            .into()
    }

    /// The examples as rows of these columns.
    pub(crate) fn rows<'a>(&self, examples: impl Iterator<Item = Example<'a>>) -> Rows {
        let mut extractor = Extractor::new(&self.table);
        let mut rows = Rows::new(self.features.iter().map(Feature::scale).collect());
        for example in examples {
            let row = extractor.row(&example);
            let placed = row
                .iter()
                .filter_map(|&(slot, value)| Some((self.columns[slot as usize]?, value)));
            rows.push(placed);
        }
        rows
    }
}

impl From<FeatureSet> for Vec<Feature> {
    fn from(set: FeatureSet) -> Self {
        set.features
    }
}

impl From<Vec<Feature>> for FeatureSet {
    fn from(features: Vec<Feature>) -> Self {
        let mut codes: BTreeMap<Code, Option<Arc<str>>> = BTreeMap::new();
        for feature in &features {
            match feature {
                Feature::Static { code } | Feature::Count { code, .. } => {
                    codes.entry(code.clone()).or_default();
                }
                Feature::Latest { code, unit }
                | Feature::LatestDays { code, unit }
                | Feature::Numbers { code, unit, .. } => {
                    codes.insert(code.clone(), unit.clone());
                }
                Feature::AgeYears
                | Feature::DaysSinceLast
                | Feature::DaysSinceFirst
                | Feature::Events { .. }
                | Feature::Encounters { .. }
                | Feature::DistinctCodes => {}
            }
        }
        let mut table = CodeTable::default();
        for (code, unit) in codes {
            table.push(code, unit);
        }
        let places: BTreeMap<&Feature, u32> = features.iter().zip(0_u32..).collect();
        // A code without a number column has no unit here; its empty slots find no column.
        let slots = slot_features(&table);
        let columns = slots.iter().map(|slot| places.get(slot).copied()).collect();
        Self {
            features,
            table,
            columns,
        }
    }
}

/// The codes that enough train subjects have, each with the most frequent unit of its numbers.
fn codes_of(train: &[(Example<'_>, bool)]) -> CodeTable {
    struct Tally {
        subjects: usize,
        last: Option<SubjectId>,
        units: BTreeMap<Option<Arc<str>>, usize>,
    }
    let mut order: Vec<&Example<'_>> = train.iter().map(|(example, _)| example).collect();
    order.sort_by_key(|example| example.timeline.subject());
    let mut tallies: BTreeMap<&Code, Tally> = BTreeMap::new();
    for example in order {
        let subject = Some(example.timeline.subject());
        for event in example.timeline.history(example.time) {
            if event.code.is_birth() {
                continue;
            }
            let tally = tallies.entry(&event.code).or_insert_with(|| Tally {
                subjects: 0,
                last: None,
                units: BTreeMap::new(),
            });
            if tally.last != subject {
                tally.last = subject;
                tally.subjects += 1;
            }
            if event.numeric_value.is_some() {
                *tally.units.entry(event.unit.clone()).or_default() += 1;
            }
        }
    }
    let mut table = CodeTable::default();
    for (code, tally) in tallies {
        if tally.subjects >= SUBJECTS_MIN {
            // The last of the maxima is the first in order, for the units are walked backwards.
            let unit = tally
                .units
                .into_iter()
                .rev()
                .max_by_key(|(_, count)| *count);
            table.push(code.clone(), unit.and_then(|(unit, _)| unit));
        }
    }
    table
}

/// The feature of every slot of a table.
pub(crate) fn slot_features(table: &CodeTable) -> Vec<Feature> {
    let mut features = general();
    assert_eq!(features.len(), GENERAL, "the general columns are counted");
    let statistics: Vec<_> = statistics().collect();
    assert_eq!(NUMBERS + statistics.len(), SLOTS, "the slots are counted");
    for (code, &number) in &table.index {
        let unit = &table.units[number as usize];
        for slot in 0..SLOTS {
            let code = code.clone();
            features.push(match slot {
                STATIC => Feature::Static { code },
                LATEST => Feature::Latest {
                    code,
                    unit: unit.clone(),
                },
                LATEST_DAYS => Feature::LatestDays {
                    code,
                    unit: unit.clone(),
                },
                number if number >= NUMBERS => Feature::Numbers {
                    code,
                    unit: unit.clone(),
                    window: statistics[number - NUMBERS].0,
                    statistic: statistics[number - NUMBERS].1,
                },
                count => Feature::Count {
                    code,
                    window: Window::ALL[count - COUNT],
                },
            });
        }
    }
    features
}

/// Sums over the rows that fill a column.
#[derive(Clone, Copy, Default, PartialEq)]
struct Sums {
    n: f64,
    x: f64,
    xx: f64,
    y: f64,
    xy: f64,
}

/// The score statistic of each slot, absent for a slot that too few rows fill or that does not
/// vary. Counts and elapsed times are taken as `ln(1 + x)`, as the logistic model takes them.
fn score_statistics(
    rows: impl Iterator<Item = (SlotRow, bool)>,
    slots: &[Feature],
) -> Vec<Option<f64>> {
    let scales: Vec<Scale> = slots.iter().map(Feature::scale).collect();
    let mut sums = vec![Sums::default(); slots.len()];
    let (mut all, mut positives) = (0.0, 0.0);
    for (row, label) in rows {
        let y = f64::from(u8::from(label));
        all += 1.0;
        positives += y;
        for (slot, value) in row {
            let x = match scales[slot as usize] {
                Scale::Value => value,
                Scale::Count | Scale::Elapsed => value.max(0.0).ln_1p(),
            };
            let sum = &mut sums[slot as usize];
            sum.n += 1.0;
            sum.x += x;
            sum.xx += x * x;
            sum.y += y;
            sum.xy += x * y;
        }
    }
    let statistic = |(sum, scale): (&Sums, &Scale)| {
        if sum.n < SUBJECTS_MIN as f64 {
            return None;
        }
        let (n, y) = match scale {
            Scale::Count => (all, positives),
            Scale::Elapsed | Scale::Value => (sum.n, sum.y),
        };
        let covariance = sum.xy - sum.x * y / n;
        let spread = sum.xx - sum.x * sum.x / n;
        let variance = spread * (y / n) * (1.0 - y / n);
        if spread <= 1e-12 * sum.xx.max(1e-300) {
            return None;
        }
        Some(if variance > 0.0 {
            covariance * covariance / variance
        } else {
            0.0
        })
    };
    let mut scores: Vec<Option<f64>> = sums.iter().zip(&scales).map(statistic).collect();
    let (general, of_codes) = (
        GENERAL.min(sums.len()),
        &mut scores[GENERAL.min(slots.len())..],
    );
    let of_codes = of_codes.chunks_exact_mut(SLOTS);
    for (scores, sums) in of_codes.zip(sums[general..].chunks_exact(SLOTS)) {
        leave_out_twins(scores, sums);
    }
    scores
}

/// Leaves out each column of a code that another one repeats: where no history is longer than a
/// window, the wider windows say the same. Of equal columns the last, the widest window's, stays.
fn leave_out_twins(scores: &mut [Option<f64>], sums: &[Sums]) {
    for slot in 0..sums.len() {
        if sums[slot].n > 0.0 && sums[slot + 1..].contains(&sums[slot]) {
            scores[slot] = None;
        }
    }
}
