//! What is left: how many identifiers a scrubbed collection of notes is to be expected to hold
//! still, by class, from the recall that cross-validation measured on annotated notes.
//!
//! It is an expectation for notes like those that were measured, not a promise about other ones.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What cross-validation measured, shipped with the weights that it is about.
const MEASURED: &str = include_str!("../data/tagger.json");

/// What cross-validation measured of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    /// Annotated spans.
    pub spans: u64,
    /// Those of which every character was found.
    pub caught: u64,
    /// Those of which some character was found.
    pub touched: u64,
}

/// What cross-validation measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The SHA-256 of the weights that are shipped with this.
    pub weights_sha256: String,
    /// How many notes were judged.
    pub notes: u64,
    /// How, in a sentence.
    pub method: String,
    /// The share of found characters that identify.
    pub character_precision: f64,
    /// By the name of the label.
    pub classes: BTreeMap<String, Caught>,
    /// What was measured on notes of styles that the scrubber did not learn from.
    pub unlike: Unlike,
}

/// What was measured on notes that are unlike those that the scrubber learnt from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unlike {
    /// How many notes were judged.
    pub notes: u64,
    /// How, in a sentence.
    pub method: String,
    /// The share of found characters that identify.
    pub character_precision: f64,
    /// By the name of the label.
    pub classes: BTreeMap<String, Caught>,
}

impl Measured {
    /// What is shipped; an error only in a build that does not pass its tests.
    ///
    /// # Errors
    /// When the shipped file is no such record.
    pub fn shipped() -> Result<Self, serde_json::Error> {
        serde_json::from_str(MEASURED)
    }
}

/// What is to be expected of one class in a scrubbed collection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassRisk {
    /// The name of the label.
    pub label: String,
    /// Spans found in the collection.
    pub found: u64,
    /// The measured recall, `null` for a class that no measured note held.
    pub recall: Option<f64>,
    /// The lower bound of its 95 % interval.
    pub recall_low: Option<f64>,
    /// Spans to be expected that were not found in 1,000 such notes: found (1 - r) / r.
    pub remaining_per_1000_notes: Option<f64>,
    /// The same with the lower bound of the recall.
    pub remaining_per_1000_notes_high: Option<f64>,
    /// The recall that was measured on notes unlike those that were learnt from.
    pub recall_unlike: Option<f64>,
    /// What is to be expected with that recall.
    pub remaining_per_1000_notes_unlike: Option<f64>,
}

/// What is to be expected to be left in a scrubbed collection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResidualRisk {
    /// Notes of the collection.
    pub notes: u64,
    /// Where the recall comes from.
    pub measured: Measured,
    /// By class.
    pub classes: Vec<ClassRisk>,
    /// What it does not say.
    pub limits: &'static str,
}

const LIMITS: &str = "An expectation for English notes like those measured, which are synthetic: \
    other notes may hold more. A class without a recall was not measured. Whether the remaining \
    risk is very small is for an expert to determine (45 CFR 164.514(b)(1)).";

impl ResidualRisk {
    /// For a collection of so many notes in which so many spans of each label were found.
    pub fn of(measured: Measured, notes: u64, found: &BTreeMap<String, u64>) -> Self {
        let unlike = &measured.unlike.classes;
        let mut labels: Vec<&String> = measured.classes.keys().chain(found.keys()).collect();
        labels.sort();
        labels.dedup();
        let class = |label: &String| {
            let found = found.get(label).copied().unwrap_or(0);
            let of = |classes: &BTreeMap<String, Caught>| {
                let class = classes.get(label).copied();
                class.filter(|class| class.spans > 0)
            };
            let share = |class: Caught| class.caught as f64 / class.spans as f64;
            let caught = of(&measured.classes);
            let recall = caught.map(share);
            let recall_unlike = of(unlike).map(share);
            let recall_low = caught.map(|class| wilson(class.caught, class.spans).0);
            let remaining = |recall: f64| {
                let missed = found as f64 * (1.0 - recall) / recall;
                (recall > 0.0 && notes > 0).then(|| missed * 1000.0 / notes as f64)
            };
            ClassRisk {
                label: label.clone(),
                found,
                recall,
                recall_low,
                remaining_per_1000_notes: recall.and_then(remaining),
                remaining_per_1000_notes_high: recall_low.and_then(remaining),
                recall_unlike,
                remaining_per_1000_notes_unlike: recall_unlike.and_then(remaining),
            }
        };
        Self {
            notes,
            classes: labels.into_iter().map(class).collect(),
            measured,
            limits: LIMITS,
        }
    }

    /// A table to read.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "identifiers to be expected still in 1,000 such notes, from {} measured notes; last, in \
             notes unlike them, from {}\n{:<16}{:>8}{:>9}{:>17}{:>11}{:>11}{:>9}{:>11}\n",
            self.measured.notes,
            self.measured.unlike.notes,
            "class",
            "found",
            "recall",
            "at least (95 %)",
            "expected",
            "at most",
            "unlike",
            "expected"
        );
        let number = |value: Option<f64>, digits: usize| {
            value.map_or("not measured".to_owned(), |value| {
                format!("{value:.digits$}")
            })
        };
        for class in &self.classes {
            // Writing to a string does not fail.
            let _infallible = writeln!(
                text,
                "{:<16}{:>8}{:>9}{:>17}{:>11}{:>11}{:>9}{:>11}",
                class.label,
                class.found,
                class
                    .recall
                    .map_or("-".to_owned(), |recall| format!("{recall:.4}")),
                number(class.recall_low, 4),
                number(class.remaining_per_1000_notes, 1).replace("not measured", "-"),
                number(class.remaining_per_1000_notes_high, 1).replace("not measured", "-"),
                number(class.recall_unlike, 4).replace("not measured", "-"),
                number(class.remaining_per_1000_notes_unlike, 1).replace("not measured", "-"),
            );
        }
        text + self.limits + "\n"
    }
}

/// The 95 % interval of a share (Wilson 1927): `(0, 1)` when nothing was counted.
pub fn wilson(hits: u64, all: u64) -> (f64, f64) {
    /// The quantile of the normal distribution at 97.5 %.
    const Z: f64 = 1.959_963_984_540_054;
    if all == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (all as f64, hits as f64 / all as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    let (low, high) = ((middle - half) / scale, (middle + half) / scale);
    (low.max(0.0), high.min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Scrubber;

    #[test]
    fn what_was_measured_is_about_the_weights_that_are_shipped() {
        let measured = Measured::shipped().unwrap();
        assert_eq!(measured.weights_sha256, Scrubber::weights_digest().hex());
        let unlike = measured.unlike.classes.values();
        assert!(
            measured
                .classes
                .values()
                .chain(unlike)
                .all(|c| c.caught <= c.touched && c.touched <= c.spans)
        );
    }

    /// Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
    #[test]
    fn wilsons_interval_is_newcombes() {
        let (low, high) = wilson(81, 263);
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5);
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert!(wilson(10, 10).1 > 0.999 && wilson(10, 10).0 < 0.75);
    }

    #[test]
    fn what_is_left_follows_from_what_was_found() {
        let mut measured = Measured::shipped().unwrap();
        let (spans, caught) = (100, 98);
        let class = Caught {
            spans,
            caught,
            touched: 99,
        };
        measured.classes = [("NAME".to_owned(), class)].into();
        let class = Caught {
            caught: 50,
            ..class
        };
        measured.unlike.classes = [("NAME".to_owned(), class)].into();
        let found = [("NAME".to_owned(), 490), ("URL".to_owned(), 3)].into();
        let risk = ResidualRisk::of(measured, 200, &found);
        let name = &risk.classes[0];
        assert!((name.remaining_per_1000_notes.unwrap() - 50.0).abs() < 1e-9);
        assert!(name.remaining_per_1000_notes_high > name.remaining_per_1000_notes);
        assert!((name.remaining_per_1000_notes_unlike.unwrap() - 2_450.0).abs() < 1e-9);
        assert_eq!(risk.classes[1].recall, None);
        assert_eq!(risk.classes[1].recall_unlike, None);
        assert!(risk.to_text().contains("not measured"));
    }
}
