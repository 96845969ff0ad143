//! The latent state of a patient and its true quantities: what nobody sees and all hazards and
//! measurements come from.
//!
//! Quantities are functions of the state (age, diseases, treatments, liabilities) plus slow
//! deviations that move at half-yearly refreshes. Between refreshes and changes of the state the
//! hazards are constant, so that waiting times are exponential and the simulation is exact.

use crate::calendar::{LocalDays, YEAR};
use crate::effects::{Factor, Process, SWITCHES, shift_by};
use crate::hazards::{Hazards, QUANTITIES};
use crate::person::{Person, Site};
use crate::random::Random;

/// The chronic diseases are the first factors.
pub(crate) const DISEASES: usize = Factor::KidneyDisease as usize + 1;

/// The days between refreshes.
const REFRESH: f64 = YEAR / 2.0;

/// The true quantities of a state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels {
    /// Age in years.
    pub(crate) age: f64,
    /// Body-mass index, kg/m2.
    pub(crate) bmi: f64,
    /// Systolic pressure, mmHg.
    pub(crate) sbp: f64,
    /// HbA1c, %.
    pub(crate) a1c: f64,
    /// LDL cholesterol, mg/dL.
    pub(crate) ldl: f64,
    /// Estimated glomerular filtration rate, mL/min/1.73 m2.
    pub(crate) egfr: f64,
    /// Haemoglobin, g/dL.
    pub(crate) hb: f64,
}

/// Liabilities that a patient has for life, in standard deviations.
#[derive(Clone, Debug)]
pub(crate) struct Traits {
    pub(crate) frailty: f64,
    pub(crate) care: f64,
    pub(crate) metabolic: f64,
    pub(crate) vascular: f64,
    pub(crate) pulmonary: f64,
    pub(crate) mood: f64,
    /// Loss of filtration a year beyond that of age, mL/min/1.73 m2.
    pub(crate) kidney_loss: f64,
}

/// Slow deviations of quantities from what the state explains: autoregressive of order one with a
/// stationary standard deviation.
#[derive(Clone, Debug)]
pub(crate) struct Deviations {
    bmi: f64,
    sbp: f64,
    a1c: f64,
    ldl: f64,
    egfr: f64,
    hb: f64,
}

/// Stationary standard deviation and half-yearly correlation of each deviation (assumed).
const SPREAD: [(f64, f64); 6] = [
    (3.6, 0.98),
    (7.0, 0.80),
    (0.14, 0.85),
    (20.0, 0.90),
    (8.5, 0.80),
    (0.6, 0.85),
];

/// The standard deviation of what half a year adds to or takes from the filtration rate at random
/// and for good (assumed).
const FILTRATION_WALK: f64 = 3.2;

/// All that the future depends on, given the past.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The present.
    pub(crate) now: LocalDays,
    /// Birth, as a local day.
    pub(crate) birth: LocalDays,
    /// Where care is given.
    pub(crate) site: Site,
    /// Quintile of deprivation, 1 to 5.
    pub(crate) deprivation: u8,
    /// The factors that are present, by bit.
    pub(crate) switches: u32,
    /// The chronic diseases that the record knows, by bit.
    pub(crate) known: u32,
    /// Treatments that care no longer decides on, by bit: an intervention has.
    pub(crate) held: u32,
    /// Whether a vague code of raised glucose stands for diabetes in the record.
    pub(crate) vague: bool,
    /// When each chronic disease began.
    pub(crate) onset: [LocalDays; DISEASES],
    pub(crate) traits: Traits,
    deviations: Deviations,
    /// Filtration lost beyond that of age.
    pub(crate) filtration_lost: f64,
    /// When the last event of the record happened: nothing is recorded earlier than it.
    pub(crate) recorded: LocalDays,
    /// Until when a discharge counts as recent.
    pub(crate) recent_until: LocalDays,
    /// When the deviations move next.
    pub(crate) refresh_at: LocalDays,
    /// Death, once it has happened.
    pub(crate) died: Option<LocalDays>,
    /// The hazards, valid while `stale` is false.
    pub(crate) hazards: Hazards,
    /// Whether the hazards must be computed again.
    pub(crate) stale: bool,
}

impl State {
    /// A state without disease; `entry` adds what age brought.
    pub(crate) fn new(person: &Person, now: LocalDays, random: &mut Random) -> Self {
        let mut switches = 0;
        for (factor, present) in [
            (Factor::Male, person.male),
            (Factor::Underserved, person.underserved()),
            (Factor::Smoker, person.smoking == 2),
            (Factor::ExSmoker, person.smoking == 1),
        ] {
            switches |= u32::from(present) << factor as u32;
        }
        let traits = Traits {
            frailty: random.normal(),
            care: random.normal(),
            metabolic: random.normal(),
            vascular: random.normal(),
            pulmonary: random.normal(),
            mood: random.normal(),
            kidney_loss: random.lognormal(0.25, 0.8),
        };
        let [bmi, sbp, a1c, ldl, egfr, hb] = SPREAD.map(|(spread, _)| spread * random.normal());
        let first_refresh = now + REFRESH * random.uniform();
        Self {
            now,
            birth: person.birth_day as f64,
            site: person.site,
            deprivation: person.deprivation,
            switches,
            known: 0,
            held: 0,
            vague: false,
            onset: [f64::INFINITY; DISEASES],
            traits,
            deviations: Deviations {
                bmi,
                sbp,
                a1c,
                ldl,
                egfr,
                hb,
            },
            filtration_lost: 0.0,
            recorded: now,
            recent_until: f64::NEG_INFINITY,
            refresh_at: first_refresh,
            died: None,
            hazards: Hazards::NONE,
            stale: true,
        }
    }

    /// Whether an intervention has decided on a treatment.
    pub(crate) fn is_held(&self, treatment: Factor) -> bool {
        self.held >> treatment as u32 & 1 == 1
    }

    /// Whether a factor is present.
    pub(crate) fn has(&self, factor: Factor) -> bool {
        self.switches >> factor as u32 & 1 == 1
    }

    /// Whether the record knows a chronic disease.
    pub(crate) fn knows(&self, disease: Factor) -> bool {
        self.known >> disease as u32 & 1 == 1
    }

    /// Adds or removes a factor.
    pub(crate) fn set(&mut self, factor: Factor, present: bool) {
        let bit = 1 << factor as u32;
        self.switches = if present {
            self.switches | bit
        } else {
            self.switches & !bit
        };
        self.stale = true;
    }

    /// Begins a chronic disease, unless it has begun.
    pub(crate) fn begin(&mut self, disease: Factor, at: LocalDays) {
        if !self.has(disease) {
            self.onset[disease as usize] = at;
            self.set(disease, true);
        }
    }

    /// Years since a chronic disease began, 0 where it has not.
    pub(crate) fn years_with(&self, disease: Factor) -> f64 {
        ((self.now - self.onset[disease as usize]) / YEAR).max(0.0)
    }

    fn shift(&self, factor: Factor, by: f64) -> f64 {
        if self.has(factor) { by } else { 0.0 }
    }

    /// The true quantities. Coefficients that no source gives are assumed.
    pub(crate) fn levels(&self) -> Levels {
        const fn pressure(factor: Factor) -> f64 {
            shift_by(factor, Factor::SystolicPressure)
        }
        let age = (self.now - self.birth) / YEAR;
        let from_fifty = age - 50.0;
        let t = &self.traits;
        let d = &self.deviations;
        let deprived = f64::from(self.deprivation) - 3.0;
        let bmi = (26.8 + 1.6 * t.metabolic + 0.6 * deprived + d.bmi).max(16.0);
        let sbp = 119.0
            + 0.40 * from_fifty
            + 5.0 * t.vascular
            + 0.5 * (bmi - 27.0)
            + d.sbp
            + self.shift(
                Factor::Hypertension,
                const { pressure(Factor::Hypertension) },
            )
            + self.shift(Factor::Amlodipine, const { pressure(Factor::Amlodipine) })
            + self.shift(
                Factor::AceInhibitor,
                const { pressure(Factor::AceInhibitor) },
            )
            + self.shift(Factor::BetaBlocker, const { pressure(Factor::BetaBlocker) })
            + self.shift(Factor::Diuretic, const { pressure(Factor::Diuretic) });
        let years = self.years_with(Factor::Diabetes).min(8.0);
        let first = const { shift_by(Factor::Diabetes, Factor::HbA1c) };
        let metformin = const { shift_by(Factor::Metformin, Factor::HbA1c) };
        let insulin = const { shift_by(Factor::Insulin, Factor::HbA1c) };
        let a1c = 5.35
            + 0.008 * from_fifty
            + 0.18 * t.metabolic
            + 0.02 * (bmi - 27.0)
            + d.a1c
            + self.shift(Factor::Diabetes, first + 0.15 * years)
            + self.shift(Factor::Metformin, metformin)
            + self.shift(Factor::Insulin, insulin);
        let statin = const { shift_by(Factor::Statin, Factor::Ldl) };
        let ldl = (118.0 + 12.0 * t.vascular + 0.6 * (bmi - 27.0) + d.ldl)
            * if self.has(Factor::Statin) {
                statin
            } else {
                1.0
            };
        let egfr = (101.0 - 0.45 * (age - 40.0) + d.egfr - self.filtration_lost).clamp(6.0, 130.0);
        let bleeding = self.shift(
            Factor::Cancer,
            (1.3 * self.years_with(Factor::Cancer)).min(4.0),
        );
        let bleeding = if self.has(Factor::Resected) {
            0.3
        } else {
            bleeding
        };
        let male = self.shift(Factor::Male, 1.4);
        let hb = (13.5 + male + d.hb - 0.035 * (60.0 - egfr).max(0.0) - bleeding - 0.2 * t.frailty)
            .max(6.0);
        Levels {
            age,
            bmi,
            sbp,
            a1c: a1c.max(4.2),
            ldl: ldl.max(25.0),
            egfr,
            hb,
        }
    }

    /// Computes the hazards of the present again.
    pub(crate) fn recompute(&mut self) {
        let levels = self.levels();
        self.hazards = Hazards::of(self.switches, &self.quantities(&levels), self.eligible());
        self.stale = false;
    }

    /// The quantities in the units and the order of the factors.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "hazards are computed in single precision on purpose"
    )]
    pub(crate) fn quantities(&self, levels: &Levels) -> [f32; QUANTITIES] {
        let t = &self.traits;
        [
            (levels.age - 60.0) / 10.0,
            t.frailty,
            f64::from(self.deprivation) - 3.0,
            t.care,
            t.metabolic,
            t.vascular,
            t.pulmonary,
            t.mood,
            ((levels.sbp - 130.0) / 10.0).clamp(-4.0, 7.0),
            (levels.a1c - 5.6).clamp(-0.8, 4.0),
            (levels.ldl - 115.0) / 38.7,
            ((90.0 - levels.egfr) / 10.0).clamp(0.0, 8.0),
            (levels.bmi - 27.0) / 5.0,
            (13.5 - levels.hb).clamp(0.0, 6.0),
        ]
        .map(|x| x as f32)
    }

    /// Which processes can happen: onsets of what has not begun, exacerbations of what has.
    fn eligible(&self) -> u32 {
        const ONSETS: u32 = (1 << (Process::Amyloidosis as u32 + 1)) - 1;
        const ALL: u32 = (1 << Process::ALL.len()) - 1;
        let gates = [
            (Process::HeartFailureExacerbation, Factor::HeartFailure),
            (Process::CopdExacerbation, Factor::Copd),
            (Process::Quitting, Factor::Smoker),
        ];
        let mut eligible = ALL & !(self.switches & ONSETS);
        for (process, needed) in gates {
            if !self.has(needed) {
                eligible &= !(1 << process as u32);
            }
        }
        eligible
    }

    /// Half a year goes by for the deviations and the kidneys.
    pub(crate) fn refresh(&mut self, random: &mut Random) {
        let d = &mut self.deviations;
        let all = [
            &mut d.bmi,
            &mut d.sbp,
            &mut d.a1c,
            &mut d.ldl,
            &mut d.egfr,
            &mut d.hb,
        ];
        for (deviation, (spread, kept)) in all.into_iter().zip(SPREAD) {
            let fresh = libm::sqrt(1.0 - kept * kept) * spread;
            *deviation = kept * *deviation + fresh * random.normal();
        }
        let loss = self.yearly_filtration_loss() * (REFRESH / YEAR);
        self.filtration_lost += loss + FILTRATION_WALK * random.normal();
        self.refresh_at = self.now + REFRESH;
        self.stale = true;
        self.check_kidneys();
    }

    /// The filtration lost in a year beyond that of age.
    fn yearly_filtration_loss(&self) -> f64 {
        const fn loss(factor: Factor) -> f64 {
            shift_by(factor, Factor::FiltrationLoss)
        }
        let ratio = const { loss(Factor::AceInhibitor) };
        let sum = self.traits.kidney_loss
            + self.shift(Factor::Diabetes, const { loss(Factor::Diabetes) })
            + self.shift(Factor::Hypertension, const { loss(Factor::Hypertension) })
            + self.shift(Factor::KidneyDisease, const { loss(Factor::KidneyDisease) });
        sum * if self.has(Factor::AceInhibitor) {
            ratio
        } else {
            1.0
        }
    }

    /// Chronic kidney disease begins where the filtration rate is below 60 (KDIGO 2012; without its
    /// wait of three months, which the half-yearly refresh stands for).
    pub(crate) fn check_kidneys(&mut self) {
        if !self.has(Factor::KidneyDisease) && self.levels().egfr < 60.0 {
            self.begin(Factor::KidneyDisease, self.now);
        }
    }
}

const _: () = assert!(SWITCHES <= 32 && Factor::Hypertension as usize == 0);

/// Serum creatinine in mg/dL at a filtration rate: the CKD-EPI 2021 equation without race (Inker et
/// al., N Engl J Med 2021), solved for creatinine.
pub(crate) fn creatinine(egfr: f64, age: f64, male: bool) -> f64 {
    let (kappa, alpha, sex) = if male {
        (0.9, -0.302, 1.0)
    } else {
        (0.7, -0.241, 1.012)
    };
    let at_kappa = 142.0 * libm::pow(0.9938, age) * sex;
    let exponent = if egfr > at_kappa { alpha } else { -1.2 };
    kappa * libm::pow(egfr / at_kappa, 1.0 / exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creatinine_solves_the_published_equation() {
        for (egfr, age, male) in [(95.0, 40.0, false), (55.0, 70.0, true), (20.0, 80.0, false)] {
            let scr = creatinine(egfr, age, male);
            let (kappa, alpha, sex): (f64, f64, f64) = if male {
                (0.9, -0.302, 1.0)
            } else {
                (0.7, -0.241, 1.012)
            };
            let ratio = scr / kappa;
            let back = 142.0
                * ratio.min(1.0).powf(alpha)
                * ratio.max(1.0).powf(-1.2)
                * 0.9938_f64.powf(age)
                * sex;
            assert!((back - egfr).abs() < 1e-9, "{back} {egfr}");
        }
    }
}
