//! The inputs of scores in a history: by code, in their unit, over the window.

use super::{WINDOW_DAYS, charlson};
use crate::Example;
use crate::features::age_years;
use longitude_core::{Code, Event};
use longitude_units::{Analytes, convert, to_ucum};
use std::collections::BTreeMap;

/// What a score is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Input {
    HeartRate,
    RespiratoryRate,
    Systolic,
    Temperature,
    Saturation,
    InspiredOxygen,
    CarbonDioxide,
    Leukocytes,
    UreaNitrogen,
    Potassium,
    Sodium,
    Bicarbonate,
    Bilirubin,
    Urine,
    Glasgow,
    GlasgowEye,
    GlasgowVerbal,
    GlasgowMotor,
    /// Any diagnosis in ICD-9-CM or ICD-10.
    Diagnoses,
}

/// How many there are.
const INPUTS: usize = Input::Diagnoses as usize + 1;

/// An input with its name (that of its analyte, where the `units` crate has one), and codes that
/// are its besides the analyte's: the parameters of the PhysioNet Challenge 2012, and LOINC and
/// MIMIC-IV item numbers for what is no analyte.
const TABLE: [(Input, &str, &[&str]); INPUTS - 1] = [
    (Input::HeartRate, "heart rate", &["HR"]),
    (Input::RespiratoryRate, "respiratory rate", &["RespRate"]),
    (
        Input::Systolic,
        "systolic blood pressure",
        &["SysABP", "NISysABP"],
    ),
    (Input::Temperature, "body temperature", &["Temp"]),
    (Input::Saturation, "oxygen saturation", &["SaO2"]),
    (Input::InspiredOxygen, "inspired oxygen", &[]),
    (Input::CarbonDioxide, "carbon dioxide pressure", &["PaCO2"]),
    (Input::Leukocytes, "leukocytes", &["WBC"]),
    (Input::UreaNitrogen, "urea nitrogen", &["BUN"]),
    (Input::Potassium, "potassium", &["K"]),
    (Input::Sodium, "sodium", &["Na"]),
    (Input::Bicarbonate, "bicarbonate", &["HCO3"]),
    (Input::Bilirubin, "bilirubin, total", &["Bilirubin"]),
    (
        Input::Urine,
        "urine output",
        &[
            "Urine",
            "SUBJECT_FLUID_OUTPUT//226559",
            "SUBJECT_FLUID_OUTPUT//226560",
            "SUBJECT_FLUID_OUTPUT//226561",
            "SUBJECT_FLUID_OUTPUT//226563",
            "SUBJECT_FLUID_OUTPUT//226564",
            "SUBJECT_FLUID_OUTPUT//226565",
        ],
    ),
    (
        Input::Glasgow,
        "Glasgow coma scale",
        &["GCS", "LOINC//9269-2"],
    ),
    (
        Input::GlasgowEye,
        "Glasgow coma scale, eyes",
        &["LOINC//9267-6", "LAB//220739"],
    ),
    (
        Input::GlasgowVerbal,
        "Glasgow coma scale, speech",
        &["LOINC//9270-0", "LAB//223900"],
    ),
    (
        Input::GlasgowMotor,
        "Glasgow coma scale, movement",
        &["LOINC//9268-4", "LAB//223901"],
    ),
];

impl Input {
    pub(super) fn name(self) -> &'static str {
        let found = TABLE.iter().find(|(input, ..)| *input == self);
        found.map_or("diagnoses in ICD-9-CM or ICD-10", |(_, name, _)| name)
    }

    /// Unit and limits of what is no analyte: the scale's own range; a day's urine in mL.
    fn own_unit(self) -> Option<(&'static str, (f64, f64))> {
        let own = OWN_UNITS.iter().find(|(input, ..)| *input == self);
        own.map(|(_, unit, limits)| (*unit, *limits))
    }
}

const OWN_UNITS: [(Input, &str, (f64, f64)); 5] = [
    (Input::Urine, "mL", (0.0, 20_000.0)),
    (Input::Glasgow, "1", (3.0, 15.0)),
    (Input::GlasgowEye, "1", (1.0, 4.0)),
    (Input::GlasgowVerbal, "1", (1.0, 5.0)),
    (Input::GlasgowMotor, "1", (1.0, 6.0)),
];

/// The values of one input in the window.
#[derive(Clone, Copy, Default)]
struct Seen {
    latest: Option<f64>,
    least: Option<f64>,
    greatest: Option<f64>,
    sum: f64,
}

impl Seen {
    fn add(&mut self, value: f64) {
        self.latest = Some(value);
        self.least = Some(self.least.map_or(value, |least| least.min(value)));
        self.greatest = Some(self.greatest.map_or(value, |most| most.max(value)));
        self.sum += value;
    }
}

/// What one history holds of every input.
#[derive(Clone)]
pub(super) struct Values {
    seen: [Seen; INPUTS],
    pub(super) age_years: Option<f64>,
    pub(super) charlson: f64,
    has_diagnoses: bool,
}

impl Values {
    pub(super) fn has(&self, input: Input) -> bool {
        if input == Input::Diagnoses {
            return self.has_diagnoses;
        }
        self.latest(input).is_some()
    }

    pub(super) fn latest(&self, input: Input) -> Option<f64> {
        self.whole(input, |seen| seen.latest)
    }

    pub(super) fn least(&self, input: Input) -> Option<f64> {
        self.whole(input, |seen| seen.least)
    }

    pub(super) fn greatest(&self, input: Input) -> Option<f64> {
        self.whole(input, |seen| seen.greatest)
    }

    pub(super) fn sum(&self, input: Input) -> Option<f64> {
        let seen = &self.seen[input as usize];
        seen.latest.map(|_| seen.sum)
    }

    /// The whole coma scale is its own code's, or the sum of the three parts.
    fn whole(&self, input: Input, of: impl Fn(&Seen) -> Option<f64>) -> Option<f64> {
        let own = of(&self.seen[input as usize]);
        if input != Input::Glasgow || own.is_some() {
            return own;
        }
        let parts = [Input::GlasgowEye, Input::GlasgowVerbal, Input::GlasgowMotor];
        parts
            .iter()
            .map(|part| of(&self.seen[*part as usize]))
            .sum()
    }
}

/// Reads histories, one after the other, and counts what it could not take.
pub(super) struct Reader<'a> {
    analytes: &'a Analytes,
    known: BTreeMap<Code, Option<Input>>,
    without_unit: [u64; INPUTS],
    left_out: [u64; INPUTS],
}

impl<'a> Reader<'a> {
    pub(super) fn new(analytes: &'a Analytes) -> Self {
        Self {
            analytes,
            known: BTreeMap::new(),
            without_unit: [0; INPUTS],
            left_out: [0; INPUTS],
        }
    }

    pub(super) fn without_unit(&self, input: Input) -> u64 {
        self.without_unit[input as usize]
    }

    pub(super) fn left_out(&self, input: Input) -> u64 {
        self.left_out[input as usize]
    }

    pub(super) fn read(&mut self, example: &Example<'_>) -> Values {
        let mut seen = [Seen::default(); INPUTS];
        let history = example.timeline.history(example.time);
        let from = example.time.plus(longitude_core::Days(-WINDOW_DAYS));
        let start = history.partition_point(|event| event.time.is_none_or(|time| time < from));
        for event in &history[start..] {
            if let (Some(number), Some(input)) = (event.numeric_value, self.input(&event.code))
                && let Some(value) = self.value(input, number, event)
            {
                seen[input as usize].add(value);
            }
        }
        let diagnoses = charlson::index(history.iter().map(|event| &event.code));
        Values {
            seen,
            age_years: age_years(example.timeline, example),
            charlson: diagnoses.unwrap_or(0.0),
            has_diagnoses: diagnoses.is_some(),
        }
    }

    /// The input that a code stands for.
    fn input(&mut self, code: &Code) -> Option<Input> {
        if let Some(known) = self.known.get(code) {
            return *known;
        }
        let analyte = self.analytes.of(code).map(|analyte| &*analyte.name);
        let text = code.to_meds();
        let bare = text.rsplit_once("//").map_or(&*text, |(bare, _)| bare);
        let is = |(_, name, codes): &&(Input, &str, &[&str])| {
            analyte == Some(*name) || codes.contains(&&*text) || codes.contains(&bare)
        };
        let found = TABLE.iter().find(is).map(|(input, ..)| *input);
        self.known.insert(code.clone(), found);
        found
    }

    /// A value in its input's unit, where it has one that converts and is possible.
    fn value(&mut self, input: Input, number: f64, event: &Event) -> Option<f64> {
        let behind = event.code.value.rsplit_once("//").map(|(_, last)| last);
        let unit = event
            .unit
            .as_deref()
            .filter(|unit| !unit.is_empty())
            .or(behind);
        let unit = unit.filter(|unit| *unit != "UNK");
        let analyte = self.analytes.named(input.name());
        let converted = match (unit, analyte, input.own_unit()) {
            (None, ..) => {
                self.without_unit[input as usize] += 1;
                Some(number)
            }
            (Some(unit), Some(analyte), _) => {
                analyte.conversion(unit).ok().map(|c| c.apply(number))
            }
            (Some(unit), None, Some((own, _))) => {
                let known = to_ucum(unit).unwrap_or(unit);
                // A point of a scale has no unit, whatever is written.
                let same = own == "1" || known == own;
                if same {
                    Some(number)
                } else {
                    convert(known, own).ok().map(|c| c.apply(number))
                }
            }
            (Some(_), None, None) => None,
        };
        let possible = |value: &f64| match (analyte, input.own_unit()) {
            (Some(analyte), _) => analyte.implausible(*value).is_none(),
            (None, Some((_, (low, high)))) => (low..=high).contains(value),
            (None, None) => false,
        };
        // The tables have temperatures to a tenth; degrees Fahrenheit do not convert into tenths.
        let tenth = |value: f64| (value * 10.0).round() / 10.0;
        let converted = converted.map(|value| {
            if input == Input::Temperature {
                tenth(value)
            } else {
                value
            }
        });
        let taken = converted.filter(possible);
        if taken.is_none() {
            self.left_out[input as usize] += 1;
        }
        taken
    }
}
