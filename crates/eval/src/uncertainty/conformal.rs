//! Conformal prediction: sets, intervals and acts with an error rate that holds for any model, as
//! long as calibration and later subjects are exchangeable.

use crate::compare::benjamini_hochberg;
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Calibration rows of one group, ready for p-values.
#[derive(Clone, Default)]
struct Calibrated {
    /// Risks of rows without and with the outcome, ascending.
    by_label: [Vec<f64>; 2],
}

/// Split conformal classification, Mondrian by group and class: the guarantee holds for each group
/// and each class alone (Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world",
/// section 4.5; Papadopoulos et al. 2002 for the split).
#[derive(Clone)]
pub struct Conformal {
    groups: BTreeMap<String, Calibrated>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for Conformal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Conformal({} groups)", self.groups.len())
    }
}

/// The outcomes that cannot be ruled out at a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PredictionSet {
    /// Neither fits: the subject is unlike the calibration rows.
    Neither,
    /// Only without the outcome.
    Without,
    /// Only with the outcome.
    With,
    /// Both remain.
    Both,
}

impl Conformal {
    /// From labels, risks and groups of calibration rows (one group for all gives the plain split).
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn new(labels: &[bool], risks: &[f64], groups: &[String]) -> Self {
        assert_eq!(labels.len(), risks.len(), "one risk for each label");
        assert_eq!(labels.len(), groups.len(), "one group for each label");
        let mut calibrated: BTreeMap<String, Calibrated> = BTreeMap::new();
        for ((&label, &risk), group) in labels.iter().zip(risks).zip(groups) {
            let group = calibrated.entry(group.clone()).or_default();
            group.by_label[usize::from(label)].push(risk);
        }
        for group in calibrated.values_mut() {
            for risks in &mut group.by_label {
                risks.sort_by(f64::total_cmp);
            }
        }
        Self { groups: calibrated }
    }

    /// The p-values of "without the outcome" and "with the outcome" for a risk: the share of
    /// calibration rows of that class, this one included, that are no more typical.
    ///
    /// # Errors
    /// When the group, or one of its classes, was not calibrated.
    pub fn p_values(&self, risk: f64, group: &str) -> Result<[f64; 2], Undefined> {
        let group = self.groups.get(group).ok_or(Undefined::NoRows)?;
        let [without, with] = &group.by_label;
        if without.is_empty() || with.is_empty() {
            return Err(Undefined::TooFew);
        }
        let at_or_above = without.len() - without.partition_point(|&r| r < risk);
        let at_or_below = with.partition_point(|&r| r <= risk);
        let p = |count: usize, of: usize| (count + 1) as f64 / (of + 1) as f64;
        Ok([p(at_or_above, without.len()), p(at_or_below, with.len())])
    }

    /// The set that misses the outcome in at most a share `error` of later subjects of this group,
    /// for each class alone.
    ///
    /// # Errors
    /// As [`Conformal::p_values`].
    pub fn set(&self, risk: f64, group: &str, error: f64) -> Result<PredictionSet, Undefined> {
        let [without, with] = self.p_values(risk, group)?;
        Ok(match (without > error, with > error) {
            (false, false) => PredictionSet::Neither,
            (true, false) => PredictionSet::Without,
            (false, true) => PredictionSet::With,
            (true, true) => PredictionSet::Both,
        })
    }
}

/// Split conformal intervals for values, by group: forecast plus and minus the calibration
/// quantile of the absolute error (Lei et al. 2018, "Distribution-free predictive inference for
/// regression", algorithm 2).
#[derive(Clone)]
pub struct IntervalConformal {
    groups: BTreeMap<String, Vec<f64>>,
}

/// Redacted: the shape only.
impl std::fmt::Debug for IntervalConformal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IntervalConformal({} groups)", self.groups.len())
    }
}

impl IntervalConformal {
    /// From values, forecasts and groups of calibration rows.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn new(observed: &[f64], predicted: &[f64], groups: &[String]) -> Self {
        assert_eq!(observed.len(), predicted.len(), "one forecast a value");
        assert_eq!(observed.len(), groups.len(), "one group a value");
        let mut errors: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for ((y, p), group) in observed.iter().zip(predicted).zip(groups) {
            errors.entry(group.clone()).or_default().push((y - p).abs());
        }
        for errors in errors.values_mut() {
            errors.sort_by(f64::total_cmp);
        }
        Self { groups: errors }
    }

    /// Half the width of intervals that miss at most a share `error` of later values of the group.
    ///
    /// # Errors
    /// When the group was not calibrated, or has too few rows for so small an error.
    pub fn half_width(&self, group: &str, error: f64) -> Result<f64, Undefined> {
        let errors = self.groups.get(group).ok_or(Undefined::NoRows)?;
        let place = ((errors.len() + 1) as f64 * (1.0 - error) - 1e-9).ceil();
        if place > errors.len() as f64 || place < 1.0 {
            return Err(Undefined::TooFew);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to the length"
        )]
        Ok(errors[place as usize - 1])
    }
}

/// Whether to act on an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Act: over all acts, the expected share of false ones is at most the level.
    Act,
    /// Leave it to a person.
    Defer(Defer),
}

/// Why not to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Defer {
    /// The evidence does not carry an act at this level.
    NotSure,
    /// The subject's group was not calibrated.
    GroupNotCalibrated,
}

/// Calibration and later rows, for [`act_or_defer`].
#[derive(Clone, Copy)]
pub struct Acts<'a> {
    /// Labels of the calibration rows.
    pub labels: &'a [bool],
    /// Their risks.
    pub risks: &'a [f64],
    /// Their groups.
    pub groups: &'a [String],
    /// Risks of the later rows, all decided at once.
    pub later: &'a [f64],
    /// Their groups.
    pub later_groups: &'a [String],
}

/// Redacted: the shape only.
impl std::fmt::Debug for Acts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Acts({} rows, {} later)",
            self.labels.len(),
            self.later.len()
        )
    }
}

/// Whom to act on so that, within each group, the expected share of acts on subjects without the
/// outcome is at most `level` (Jin and Candes 2023, "Selection by prediction with conformal
/// p-values", algorithm 1, theorem 3: conformal p-values by the share of all calibration rows that
/// lack the outcome and have as high a risk, then Benjamini and Hochberg). Groups are decided apart
/// (Mondrian). With no later rows there is nothing to decide.
///
/// # Panics
/// When the slices differ in length.
pub fn act_or_defer(acts: &Acts<'_>, level: f64) -> Vec<Decision> {
    assert_eq!(acts.labels.len(), acts.risks.len(), "one risk a label");
    assert_eq!(acts.labels.len(), acts.groups.len(), "one group a label");
    assert_eq!(acts.later.len(), acts.later_groups.len(), "one group a row");
    let mut decisions = vec![Decision::Defer(Defer::GroupNotCalibrated); acts.later.len()];
    let mut later: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, group) in acts.later_groups.iter().enumerate() {
        later.entry(group).or_default().push(row);
    }
    for (group, rows) in later {
        let own = |row: &usize| acts.groups[*row] == group;
        let calibration: Vec<usize> = (0..acts.labels.len()).filter(own).collect();
        if calibration.is_empty() {
            continue;
        }
        let without = calibration.iter().filter(|&&row| !acts.labels[row]);
        let mut nulls: Vec<f64> = without.map(|&row| acts.risks[row]).collect();
        nulls.sort_by(f64::total_cmp);
        let p = |row: &usize| {
            let as_high = nulls.len() - nulls.partition_point(|&r| r < acts.later[*row]);
            (as_high + 1) as f64 / (calibration.len() + 1) as f64
        };
        let p: Vec<f64> = rows.iter().map(p).collect();
        for (row, adjusted) in rows.into_iter().zip(benjamini_hochberg(&p)) {
            decisions[row] = if adjusted <= level {
                Decision::Act
            } else {
                Decision::Defer(Defer::NotSure)
            };
        }
    }
    decisions
}
