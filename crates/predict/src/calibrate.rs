//! From raw estimates and the record's own labels to the calibrations of all tasks. The choice of
//! subjects is the caller's: those of the tuning split that nothing else uses.

use crate::calibration::{Calibration, CalibrationOptions};
use crate::engine::Asked;
use crate::risk::Raw;
use longitude_core::{Label, Task};
use std::collections::BTreeMap;

/// One calibration a task, by its id. `raws` are the answers of [`crate::Engine::raw_many`] to the
/// same subjects and tasks. A subject whose label is not yes or no (observation ended before the
/// horizon, the outcome was there before, dead already) counts for none.
pub fn calibrate(
    asked: &[Asked<'_>],
    tasks: &[Task],
    raws: &[Vec<Raw>],
    options: &CalibrationOptions,
) -> BTreeMap<String, Calibration> {
    let fit = |(index, task): (usize, &Task)| {
        let labelled = asked.iter().zip(raws).filter_map(|(one, raws)| {
            let label = match task.label(one.timeline, one.at) {
                Label::Yes => true,
                Label::No => false,
                Label::Censored | Label::Before | Label::Dead => return None,
            };
            Some((raws.get(index)?.estimate, label))
        });
        let (estimates, labels): (Vec<f64>, Vec<bool>) = labelled.unzip();
        let fitted = Calibration::fit(&estimates, &labels, options);
        (task.id.clone(), fitted)
    };
    tasks.iter().enumerate().map(fit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use longitude_core::{Code, Days, Instant, Predicate};

    fn raw(estimate: f64) -> Raw {
        Raw {
            estimate,
            standard_error: 0.0,
            scope: estimate,
            scope_standard_error: 0.0,
            hit_share: estimate,
            hit_standard_error: 0.0,
            samples: 1,
            censored_share: 0.0,
        }
    }

    #[test]
    fn only_known_labels_count() {
        let outcome = |subject: i64| match subject % 5 {
            0 => vec![("A", 1.0), ("X", 12.0)],
            1 => vec![("A", 1.0), ("X", 2.0)],
            2 => vec![("A", 1.0), ("MEDS_DEATH", 9.0)],
            _ => vec![("A", 1.0)],
        };
        // Every fifth is observed to day 11 only.
        let end = |subject: i64| if subject % 5 == 4 { 11.0 } else { 90.0 };
        let timeline =
            |subject| fixture::timeline(subject, &outcome(subject), fixture::until(end(subject)));
        let timelines: Vec<_> = (0..60).map(timeline).collect();
        let at = Instant(0).plus(Days(10.0));
        let asked: Vec<_> = timelines
            .iter()
            .map(|timeline| Asked { timeline, at })
            .collect();
        let task = Task {
            id: "x".into(),
            title: "x".into(),
            outcome: Predicate::code(Code::from_meds("X")),
            horizon: Days(30.0),
            incident: true,
        };
        let raws: Vec<_> = (0..60).map(|_| vec![raw(0.3)]).collect();
        let options = CalibrationOptions::research(1);
        let fitted = calibrate(&asked, &[task], &raws, &options);
        // Of five: one yes, one before, one dead, one no, one censored.
        assert_eq!((fitted["x"].positives, fitted["x"].negatives), (12, 12));
        assert!(fitted["x"].calibrated);
        assert!((fitted["x"].risk(0.3) - 0.5).abs() < 0.1);
    }
}
