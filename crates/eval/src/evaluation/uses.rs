//! What a threshold brings, and how long before the outcome.

use super::{Common, EvaluationOptions, Use, text};
use crate::bootstrap::{Clusters, Draws, metrics};
use crate::group::{CELL_MIN, is_small};
use crate::report::{Metric, Told};
use crate::undefined::Undefined;
use crate::utility::{
    Alerts, LeadTime, OperatingPoint, at_threshold, at_threshold_weighted, lead_time,
};
use std::collections::BTreeMap;

/// The names of the numbers at a threshold, in the order in which they are computed.
const USES: [&str; 6] = [
    "sensitivity",
    "specificity",
    "ppv",
    "number_needed_to_evaluate",
    "net_benefit",
    "alerts_per_patient_day",
];

pub(super) fn used(
    common: &Common,
    options: &EvaluationOptions,
    draws: &Draws<'_>,
    (threshold, from): (Result<f64, Undefined>, String),
) -> Use {
    let numbers = match threshold {
        Ok(threshold) => at(common, options, draws, threshold),
        Err(reason) => std::array::from_fn(|_| Metric::undefined(text(reason))),
    };
    let mut numbers: BTreeMap<String, Metric> =
        USES.map(str::to_owned).into_iter().zip(numbers).collect();
    if options.patient_days.is_none() {
        let absent = Metric::undefined("the patient-days covered were not given");
        numbers.insert("alerts_per_patient_day".to_owned(), absent);
    }
    Use {
        threshold: threshold.ok(),
        from,
        numbers,
        lead_time: leads(common, threshold),
    }
}

fn at(
    common: &Common,
    options: &EvaluationOptions,
    draws: &Draws<'_>,
    threshold: f64,
) -> [Metric; 6] {
    let numbers = |point: OperatingPoint| {
        let days = options.patient_days.ok_or(Undefined::TooFew);
        [
            point.sensitivity(),
            point.specificity(),
            point.ppv(),
            point.number_needed_to_evaluate(),
            point.net_benefit(),
            days.and_then(|days| point.alerts_per_patient_day(days)),
        ]
    };
    let (labels, risks) = (&common.labels, &common.risks[0]);
    let clusters = Clusters::new(&common.subjects);
    let drawn = draws.each(clusters.count, |weights| {
        let weight = |row: usize| u64::from(weights[clusters.of_row[row] as usize]);
        numbers(at_threshold_weighted(labels, risks, weight, threshold))
    });
    metrics(numbers(at_threshold(labels, risks, threshold)), &drawn)
}

/// Lead times in days at a threshold; those of 1 to 10 subjects are not told.
fn leads(common: &Common, threshold: Result<f64, Undefined>) -> Option<Told<LeadTime>> {
    let (days, causes, _) = common.followed.as_ref()?;
    let mut outcomes: BTreeMap<u64, f64> = BTreeMap::new();
    for row in (0..days.len()).filter(|&row| causes[row] == 1) {
        let at = common.times[row] + days[row];
        let first = outcomes.entry(common.subjects[row]).or_insert(at);
        *first = first.min(at);
    }
    let alerts = Alerts {
        subjects: &common.subjects,
        times: &common.times,
        risks: &common.risks[0],
        outcomes: &outcomes,
    };
    let told = threshold.and_then(|threshold| lead_time(&alerts, threshold));
    Some(match told {
        Ok(lead) if is_small(lead.alerted) || is_small(lead.subjects - lead.alerted) => {
            Err(format!("it would tell of fewer than {CELL_MIN} subjects")).into()
        }
        told => told.into(),
    })
}
