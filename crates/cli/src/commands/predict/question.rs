//! A task of the task language as a question to the engine: the codes that count, in the model's
//! vocabulary, with the parts of its value bins.

use longitude_core::Days;
use longitude_predict::{Mark, Outcome, Question as Asking};
use longitude_tasks::{Counts, Ontology, Question, ValueRange};
use longitude_tokens::Vocabulary;
use std::ops::Bound;

/// The question, and how many of the model's codes count for it. Where only an event ends the
/// window, futures go on for `until` at most.
pub(super) fn asking(
    question: &Question<'_>,
    id: &str,
    (vocabulary, ontology): (&Vocabulary, &Ontology),
    until: Days,
) -> Asking {
    let marks = |counts: &dyn Fn(&str, Option<&str>) -> Counts| -> Vec<Mark> {
        let ids = (0..).take(vocabulary.len());
        ids.filter_map(|id| mark(vocabulary, id, counts)).collect()
    };
    let outcome = Outcome {
        marks: marks(&|code, unit| question.outcome(ontology, code, unit)),
        competing: marks(&|code, unit| question.ending(ontology, code, unit)),
        from: Days::from_micros(question.after),
        horizon: question.last.map_or(until, Days::from_micros),
    };
    Asking {
        id: id.to_owned(),
        outcome,
        first: None,
    }
}

fn mark(
    vocabulary: &Vocabulary,
    id: u32,
    counts: &dyn Fn(&str, Option<&str>) -> Counts,
) -> Option<Mark> {
    let code = vocabulary.base(id)?.to_meds();
    let bins = vocabulary.bins_of(id);
    let unit = bins.and_then(|bins| bins.unit.as_deref());
    match counts(&code, unit) {
        Counts::Nothing => None,
        Counts::Whatever => Some(Mark::any(id)),
        Counts::Some {
            without_value,
            ranges,
        } => {
            let ranges: Vec<_> = ranges.iter().map(bounds).collect();
            Mark::ranged(id, bins, without_value, &ranges)
        }
    }
}

fn bounds(range: &ValueRange) -> (Bound<f64>, Bound<f64>) {
    let bound = |value: f64, inclusive: bool| match (value.is_finite(), inclusive) {
        (false, _) => Bound::Unbounded,
        (true, true) => Bound::Included(value),
        (true, false) => Bound::Excluded(value),
    };
    (
        bound(range.low, range.low_inclusive),
        bound(range.high, range.high_inclusive),
    )
}
