//! What is measured, in which unit and with how many decimals, and the measurement of a true state:
//! level, acute illness, noise, rounding. All noise is assumed.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the lists name what differs; all else is ordinary, also what is added later"
)]

use crate::concepts::Concept;
use crate::effects::{Factor, Process};
use crate::physiology::{Levels, State, creatinine};
use crate::random::Random;

/// A measured quantity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Analyte {
    /// Its LOINC concept.
    pub(crate) concept: Concept,
    /// The UCUM unit.
    pub(crate) unit: &'static str,
    /// Decimals kept by the rounding.
    pub(crate) decimals: u8,
    /// Its FHIR vital-sign profile, or none for a laboratory result.
    pub(crate) profile: Option<&'static str>,
}

macro_rules! analytes {
    ($($concept:ident $unit:literal $decimals:literal $profile:expr;)*) => {
        /// All measured quantities.
        pub(crate) const ANALYTES: &[Analyte] = &[$(Analyte {
            concept: Concept::$concept,
            unit: $unit,
            decimals: $decimals,
            profile: $profile,
        }),*];
    };
}

analytes! {
    HbA1c "%" 1 None;
    Creatinine "mg/dL" 2 None;
    Ldl "mg/dL" 0 None;
    Hemoglobin "g/dL" 1 None;
    Potassium "mmol/L" 1 None;
    Sodium "mmol/L" 0 None;
    Crp "mg/L" 1 None;
    Bnp "pg/mL" 0 None;
    Glucose "mg/dL" 0 None;
    Lactate "mmol/L" 1 None;
    Leukocytes "10*3/uL" 1 None;
    Systolic "mm[Hg]" 0 Some("us-core-blood-pressure");
    Diastolic "mm[Hg]" 0 Some("us-core-blood-pressure");
    HeartRate "/min" 0 Some("us-core-heart-rate");
    Weight "kg" 1 Some("us-core-body-weight");
    Bmi "kg/m2" 1 Some("us-core-bmi");
    Saturation "%" 0 Some("us-core-vital-signs");
    Temperature "Cel" 1 Some("us-core-body-temperature");
    Respiration "/min" 0 Some("us-core-respiratory-rate");
}

/// The analyte of a concept that is measured.
pub(crate) fn analyte(concept: Concept) -> &'static Analyte {
    let at = concept as usize - Concept::HbA1c as usize;
    // The panel stands between the pressures and the heart rate in the list of concepts.
    let at = if concept > Concept::PressurePanel {
        at - 1
    } else {
        at
    };
    let found = &ANALYTES[at];
    debug_assert!(found.concept == concept, "the two lists are in one order");
    found
}

/// A measured value as a whole number of its last decimal, so that its text and its `f64` are
/// exactly each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// The value times ten to the decimals.
    pub(crate) scaled: i32,
    /// The decimals.
    pub(crate) decimals: u8,
}

impl Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "physiological values are far inside the range, and the cast saturates"
    )]
    fn round(x: f64, decimals: u8) -> Self {
        let scale = [1.0, 10.0, 100.0][usize::from(decimals.min(2))];
        Self {
            scaled: (x * scale).round() as i32,
            decimals,
        }
    }

    /// The nearest `f64`: a quotient of two exact numbers is rounded correctly, as a parser rounds.
    pub(crate) fn number(self) -> f64 {
        f64::from(self.scaled) / [1.0, 10.0, 100.0][usize::from(self.decimals.min(2))]
    }

    /// Writes the decimal text.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let magnitude = self.scaled.unsigned_abs();
        if self.scaled < 0 {
            out.push(b'-');
        }
        let scale = [1, 10, 100][usize::from(self.decimals.min(2))];
        write_number(out, u64::from(magnitude / scale));
        if self.decimals > 0 {
            out.push(b'.');
            let rest = magnitude % scale;
            if self.decimals == 2 {
                out.push(b'0' + u8::try_from(rest / 10).unwrap_or(0));
            }
            out.push(b'0' + u8::try_from(rest % 10).unwrap_or(0));
        }
    }
}

/// Writes a whole number in decimal.
pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// How ill a patient is at a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Illness {
    /// The cause of the stay, or none outside one.
    pub(crate) cause: Option<Process>,
    /// Sepsis in this stay.
    pub(crate) septic: bool,
    /// Kidney injury in this stay.
    pub(crate) kidney_injury: bool,
    /// How acute it is still: 1 at arrival, falling to 0; rising before a death.
    pub(crate) acuity: f64,
}

impl Illness {
    /// Nothing acute.
    pub(crate) const NONE: Self = Self {
        cause: None,
        septic: false,
        kidney_injury: false,
        acuity: 0.0,
    };

    fn is(&self, cause: Process) -> f64 {
        if self.cause == Some(cause) {
            self.acuity
        } else {
            0.0
        }
    }

    fn infection(&self) -> f64 {
        let septic = if self.septic { 1.5 * self.acuity } else { 0.0 };
        septic
            .max(self.is(Process::Pneumonia))
            .max(0.6 * self.is(Process::UrinaryInfection))
    }
}

/// A state with its levels, computed once for all measurements of a contact.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub(crate) state: &'a State,
    pub(crate) levels: Levels,
    pub(crate) height_m: f64,
}

impl Body<'_> {
    fn with(&self, factor: Factor, amount: f64) -> f64 {
        if self.state.has(factor) { amount } else { 0.0 }
    }

    /// One measurement.
    pub(crate) fn measure(&self, concept: Concept, ill: &Illness, random: &mut Random) -> Value {
        let analyte = analyte(concept);
        let (level, noise) = if analyte.profile.is_some() {
            self.vital(concept, ill)
        } else {
            self.laboratory(concept, ill)
        };
        let value = level + noise * random.normal();
        let (low, high) = match concept {
            Concept::Saturation => (60.0, 100.0),
            Concept::Temperature => (33.0, 42.0),
            Concept::Lactate | Concept::Crp | Concept::Creatinine => (0.3, 2000.0),
            _ => (1.0, 30_000.0),
        };
        Value::round(value.clamp(low, high), analyte.decimals)
    }

    /// The level and the noise of a vital sign.
    fn vital(&self, concept: Concept, ill: &Illness) -> (f64, f64) {
        let l = &self.levels;
        let frailty = self.state.traits.frailty;
        let septic = if ill.septic { ill.acuity } else { 0.0 };
        let systolic = l.sbp - 28.0 * septic;
        match concept {
            Concept::Systolic => (systolic, 8.0),
            Concept::Diastolic => (40.0 + 0.30 * systolic - 0.25 * (l.age - 55.0), 6.0),
            Concept::HeartRate => (
                72.0 + self.with(Factor::AtrialFibrillation, 11.0)
                    + self.with(Factor::HeartFailure, 5.0)
                    - self.with(Factor::BetaBlocker, 9.0)
                    + 1.5 * frailty
                    + 18.0 * ill.infection()
                    + 10.0 * ill.acuity,
                7.0,
            ),
            Concept::Weight => {
                let lost = self.with(
                    Factor::Cancer,
                    (3.0 * self.state.years_with(Factor::Cancer)).min(9.0),
                );
                let water = 3.0 * ill.is(Process::HeartFailureExacerbation);
                (l.bmi * self.height_m * self.height_m - lost + water, 0.8)
            }
            Concept::Bmi => (l.bmi, 0.3),
            Concept::Saturation => (
                97.6 - self.with(Factor::Copd, 2.6)
                    - self.with(Factor::Smoker, 0.6)
                    - self.with(Factor::HeartFailure, 0.8)
                    - 5.0 * ill.is(Process::Pneumonia)
                    - 5.0 * ill.is(Process::CopdExacerbation)
                    - 4.0 * ill.is(Process::HeartFailureExacerbation),
                1.1,
            ),
            Concept::Temperature => (36.7 + 1.3 * ill.infection(), 0.3),
            _ => (
                15.0 + self.with(Factor::Copd, 1.5)
                    + 6.0 * ill.infection()
                    + 5.0 * ill.is(Process::HeartFailureExacerbation)
                    + 5.0 * ill.is(Process::CopdExacerbation),
                1.8,
            ),
        }
    }

    /// The level and the noise of a laboratory result.
    fn laboratory(&self, concept: Concept, ill: &Illness) -> (f64, f64) {
        let l = &self.levels;
        let frailty = self.state.traits.frailty;
        match concept {
            Concept::HbA1c => (l.a1c, 0.12),
            Concept::Creatinine => {
                let injured = if ill.kidney_injury { ill.acuity } else { 0.0 };
                let male = self.state.has(Factor::Male);
                let level = creatinine(l.egfr, l.age, male) * (1.0 + 1.3 * injured);
                (level, 0.05 * level)
            }
            Concept::Ldl => (l.ldl, 8.0),
            Concept::Hemoglobin => (l.hb - 0.8 * ill.acuity, 0.35),
            Concept::Potassium => (
                4.15 + self.with(Factor::AceInhibitor, 0.2) - self.with(Factor::Diuretic, 0.25)
                    + 0.012 * (60.0 - l.egfr).max(0.0)
                    + if ill.kidney_injury {
                        0.6 * ill.acuity
                    } else {
                        0.0
                    },
                0.28,
            ),
            Concept::Sodium => (
                140.0 - self.with(Factor::HeartFailure, 1.8) - 2.0 * ill.acuity - 0.5 * frailty,
                2.1,
            ),
            Concept::Crp => {
                let calm = 2.0 * libm::exp(0.35 * frailty + 0.06 * (l.bmi - 27.0));
                let level = calm + 120.0 * ill.infection() + 15.0 * ill.acuity;
                (level, 0.35 * level)
            }
            Concept::Bnp => {
                let log = 3.1
                    + 0.025 * (l.age - 60.0)
                    + self.with(Factor::HeartFailure, 2.1)
                    + self.with(Factor::AtrialFibrillation, 0.7)
                    + self.with(Factor::Amyloidosis, 1.1)
                    + 0.008 * (60.0 - l.egfr).max(0.0)
                    + 0.9 * ill.is(Process::HeartFailureExacerbation);
                let level = libm::exp(log);
                (level, 0.25 * level)
            }
            // The mean glucose of an HbA1c: Nathan et al., Diabetes Care 2008 (ADAG).
            Concept::Glucose => (28.7 * l.a1c - 46.7 - 8.0 + 25.0 * ill.acuity, 15.0),
            Concept::Lactate => (1.2 + if ill.septic { 2.6 * ill.acuity } else { 0.0 }, 0.35),
            _ => (
                6.9 + self.with(Factor::Smoker, 1.0)
                    + 0.2 * frailty
                    + 6.0 * ill.infection()
                    + 1.5 * ill.acuity,
                1.4,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_analyte_is_found_by_its_concept() {
        for one in ANALYTES {
            assert_eq!(analyte(one.concept).concept, one.concept);
        }
    }

    #[test]
    fn text_and_number_are_the_same_value() {
        for (scaled, decimals) in [(705, 2), (70, 1), (-3, 1), (1003, 2), (0, 0), (98_700, 2)] {
            let value = Value { scaled, decimals };
            let mut text = Vec::new();
            value.write(&mut text);
            let text = String::from_utf8(text).unwrap();
            assert_eq!(
                text.parse::<f64>().unwrap().to_bits(),
                value.number().to_bits(),
                "{text}"
            );
        }
    }
}
