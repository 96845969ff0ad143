//! Published scores, where the record holds their inputs: NEWS2, qSOFA, SIRS, the physiology of
//! SAPS II, Charlson's index.
//!
//! They learn nothing: points are counted by the published tables. Values are those of the last
//! [`WINDOW_DAYS`] before the prediction time (diagnoses those of all of the history), found by the
//! analytes of the `units` crate and brought to their unit. A value of an input that a history
//! lacks counts as normal, as the scores' own validations do it; how many histories lack each is
//! told. Where an input that a score cannot do without is lacking from the data, there is no score
//! but a reason. Points are no probabilities: who wants those recalibrates on other subjects.

mod charlson;
mod inputs;

use crate::Example;
use inputs::{Input, Values};
use longitude_units::Analytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How far back a value counts, in days: SAPS II is of a day, and the others are taken at the
/// bedside once a day or more often.
pub const WINDOW_DAYS: f64 = 1.0;

/// An input is in the data when at least this share of the histories has it. Below, nearly all
/// points of the input would be those of a value taken for normal.
pub const SHARE_MIN: f64 = 0.05;

/// A published score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// National Early Warning Score 2, oxygen saturation by scale 1 (Royal College of Physicians
    /// 2017, "National Early Warning Score (NEWS) 2"). Consciousness below alert is a Glasgow coma
    /// scale below 15; oxygen is given when more than 21 % are inspired.
    News2,
    /// Quick SOFA (Singer et al. 2016, "The third international consensus definitions for sepsis
    /// and septic shock (Sepsis-3)", box 4).
    Qsofa,
    /// Criteria of the systemic inflammatory response syndrome (Bone et al. 1992, "Definitions for
    /// sepsis and organ failure").
    Sirs,
    /// SAPS II (Le Gall, Lemeshow and Saulnier 1993, "A new Simplified Acute Physiology Score (SAPS
    /// II) based on a European/North American multicenter study", table 3) without oxygenation
    /// under ventilation, type of admission and chronic disease, which a record seldom tells.
    SapsIiPhysiology,
    /// Charlson's comorbidity index (Charlson et al. 1987, table 3) by the ICD codes of Quan et al.
    /// 2005 ("Coding algorithms for defining comorbidities in ICD-9-CM and ICD-10 administrative
    /// data", table 1).
    Charlson,
}

impl Score {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::News2,
        Self::Qsofa,
        Self::Sirs,
        Self::SapsIiPhysiology,
        Self::Charlson,
    ];

    /// The name under which an evaluation lists it.
    pub fn name(self) -> &'static str {
        match self {
            Self::News2 => "news2",
            Self::Qsofa => "qsofa",
            Self::Sirs => "sirs",
            Self::SapsIiPhysiology => "saps_ii_physiology",
            Self::Charlson => "charlson",
        }
    }

    /// The inputs, and whether the score can do without each.
    fn inputs(self) -> &'static [(Input, bool)] {
        use Input::{
            Bicarbonate, Bilirubin, CarbonDioxide, Diagnoses, Glasgow, HeartRate, InspiredOxygen,
            Leukocytes, Potassium, RespiratoryRate, Saturation, Sodium, Systolic, Temperature,
            UreaNitrogen, Urine,
        };
        match self {
            Self::News2 => &[
                (RespiratoryRate, false),
                (Saturation, false),
                (Systolic, false),
                (HeartRate, false),
                (Temperature, false),
                (Glasgow, true),
                (InspiredOxygen, true),
            ],
            Self::Qsofa => &[
                (RespiratoryRate, false),
                (Systolic, false),
                (Glasgow, false),
            ],
            Self::Sirs => &[
                (Temperature, false),
                (HeartRate, false),
                (RespiratoryRate, false),
                (Leukocytes, false),
                (CarbonDioxide, true),
            ],
            Self::SapsIiPhysiology => &[
                (HeartRate, false),
                (Systolic, false),
                (Temperature, false),
                (UreaNitrogen, false),
                (Leukocytes, false),
                (Potassium, false),
                (Sodium, false),
                (Bicarbonate, false),
                (Glasgow, false),
                (Bilirubin, true),
                (Urine, true),
            ],
            Self::Charlson => &[(Diagnoses, false)],
        }
    }

    /// The points of a history; none where it has no value of any input.
    fn points(self, values: &Values) -> Option<f64> {
        let seen = self.inputs().iter().any(|(input, _)| values.has(*input));
        seen.then(|| match self {
            Self::News2 => news2(values),
            Self::Qsofa => qsofa(values),
            Self::Sirs => sirs(values),
            Self::SapsIiPhysiology => saps_ii(values),
            Self::Charlson => values.charlson,
        })
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why there is no score.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NoScore {
    /// Inputs that it cannot do without are in fewer than [`SHARE_MIN`] of the histories.
    #[error("fewer than 5 % of the histories have {}", .0.join(", "))]
    Lacks(Vec<String>),
}

/// A score counted for many histories.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The points of each example, in order; absent where it has no value of any input.
    pub points: Vec<Option<f64>>,
    /// What the points rest on.
    pub basis: Basis,
}

/// Redacted: the shape only.
impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counted({} examples)", self.points.len())
    }
}

/// What the points of a score rest on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The share of histories that have each input. What is lacking counts as normal.
    pub shares: BTreeMap<String, f64>,
    /// Values of its inputs without a unit, taken to be in the usual one where they are possible.
    pub without_unit: u64,
    /// Values that were left out: of a unit that does not convert, or impossible.
    pub left_out: u64,
}

/// Counts scores; the analytes say which codes are which input and convert units.
#[derive(Debug)]
pub struct Scorer<'a> {
    analytes: &'a Analytes,
}

impl<'a> Scorer<'a> {
    /// With the shipped analytes, or a site's own beside them.
    pub fn new(analytes: &'a Analytes) -> Self {
        Self { analytes }
    }

    /// Every score for every example, or why there is none.
    pub fn count(&self, examples: &[Example<'_>]) -> Vec<(Score, Result<Counted, NoScore>)> {
        let mut reader = inputs::Reader::new(self.analytes);
        let values: Vec<Values> = examples.iter().map(|e| reader.read(e)).collect();
        let scores = Score::ALL.into_iter();
        let counted = scores.map(|score| (score, counted(score, &values, &reader)));
        counted.collect()
    }
}

fn counted(
    score: Score,
    values: &[Values],
    reader: &inputs::Reader<'_>,
) -> Result<Counted, NoScore> {
    let mut basis = Basis::default();
    let mut lacking = Vec::new();
    for &(input, can_do_without) in score.inputs() {
        let with = values.iter().filter(|values| values.has(input)).count();
        let share = with as f64 / values.len().max(1) as f64;
        basis.shares.insert(input.name().to_owned(), share);
        if share < SHARE_MIN && !can_do_without {
            lacking.push(input.name().to_owned());
        }
        basis.without_unit += reader.without_unit(input);
        basis.left_out += reader.left_out(input);
    }
    if !lacking.is_empty() {
        return Err(NoScore::Lacks(lacking));
    }
    let points = values.iter().map(|values| score.points(values)).collect();
    Ok(Counted { points, basis })
}

/// The points of the first bound that the value does not exceed; those of the last entry beyond.
fn band(value: Option<f64>, bands: &[(f64, f64)], beyond: f64) -> f64 {
    let Some(value) = value else { return 0.0 };
    let found = bands.iter().find(|(upper, _)| value < *upper);
    found.map_or(beyond, |(_, points)| *points)
}

/// The larger points of the least and the greatest value: the worst of the window, for points that
/// fall towards the normal and rise behind it.
fn worst(values: &Values, input: Input, bands: &[(f64, f64)], beyond: f64) -> f64 {
    let of = |value| band(value, bands, beyond);
    of(values.least(input)).max(of(values.greatest(input)))
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// A bound that belongs to the band below it: the next float above.
fn to(upper: f64) -> f64 {
    upper.next_up()
}

fn news2(values: &Values) -> f64 {
    let latest = |input, bands: &[(f64, f64)], beyond| band(values.latest(input), bands, beyond);
    let oxygen = values
        .latest(Input::InspiredOxygen)
        .is_some_and(|o| o > 21.0);
    let drowsy = values
        .latest(Input::Glasgow)
        .is_some_and(|scale| scale < 15.0);
    let breaths = [(9.0, 3.0), (12.0, 1.0), (21.0, 0.0), (25.0, 2.0)];
    let saturation = [(92.0, 3.0), (94.0, 2.0), (96.0, 1.0)];
    let pressure = [
        (to(90.0), 3.0),
        (to(100.0), 2.0),
        (to(110.0), 1.0),
        (220.0, 0.0),
    ];
    let pulse = [
        (41.0, 3.0),
        (51.0, 1.0),
        (91.0, 0.0),
        (111.0, 1.0),
        (131.0, 2.0),
    ];
    let heat = [
        (to(35.0), 3.0),
        (to(36.0), 1.0),
        (to(38.0), 0.0),
        (to(39.0), 1.0),
    ];
    latest(Input::RespiratoryRate, &breaths, 3.0)
        + latest(Input::Saturation, &saturation, 0.0)
        + latest(Input::Systolic, &pressure, 3.0)
        + latest(Input::HeartRate, &pulse, 3.0)
        + latest(Input::Temperature, &heat, 2.0)
        + 2.0 * flag(oxygen)
        + 3.0 * flag(drowsy)
}

fn qsofa(values: &Values) -> f64 {
    flag(
        values
            .greatest(Input::RespiratoryRate)
            .is_some_and(|v| v >= 22.0),
    ) + flag(values.least(Input::Systolic).is_some_and(|v| v <= 100.0))
        + flag(values.least(Input::Glasgow).is_some_and(|v| v < 15.0))
}

fn sirs(values: &Values) -> f64 {
    let above = |input, bound: f64| values.greatest(input).is_some_and(|v| v > bound);
    let below = |input, bound: f64| values.least(input).is_some_and(|v| v < bound);
    flag(above(Input::Temperature, 38.0) || below(Input::Temperature, 36.0))
        + flag(above(Input::HeartRate, 90.0))
        + flag(above(Input::RespiratoryRate, 20.0) || below(Input::CarbonDioxide, 32.0))
        + flag(above(Input::Leukocytes, 12.0) || below(Input::Leukocytes, 4.0))
}

fn saps_ii(values: &Values) -> f64 {
    let of = |input, bands: &[(f64, f64)], beyond| worst(values, input, bands, beyond);
    let years = [
        (40.0, 0.0),
        (60.0, 7.0),
        (70.0, 12.0),
        (75.0, 15.0),
        (80.0, 16.0),
    ];
    let pulse = [(40.0, 11.0), (70.0, 2.0), (120.0, 0.0), (160.0, 4.0)];
    let white = [(1.0, 12.0), (20.0, 0.0)];
    let coma = [(6.0, 26.0), (9.0, 13.0), (11.0, 7.0), (14.0, 5.0)];
    band(values.age_years, &years, 18.0)
        + of(Input::HeartRate, &pulse, 7.0)
        + of(
            Input::Systolic,
            &[(70.0, 13.0), (100.0, 5.0), (200.0, 0.0)],
            2.0,
        )
        + of(Input::Temperature, &[(39.0, 0.0)], 3.0)
        + of(Input::UreaNitrogen, &[(28.0, 0.0), (84.0, 6.0)], 10.0)
        + of(Input::Leukocytes, &white, 3.0)
        + of(Input::Potassium, &[(3.0, 3.0), (5.0, 0.0)], 3.0)
        + of(Input::Sodium, &[(125.0, 5.0), (145.0, 0.0)], 1.0)
        + of(Input::Bicarbonate, &[(15.0, 6.0), (20.0, 3.0)], 0.0)
        + of(Input::Bilirubin, &[(4.0, 0.0), (6.0, 4.0)], 9.0)
        + of(Input::Glasgow, &coma, 0.0)
        + band(
            values.sum(Input::Urine),
            &[(500.0, 11.0), (1000.0, 4.0)],
            0.0,
        )
}

#[cfg(test)]
mod tests;
