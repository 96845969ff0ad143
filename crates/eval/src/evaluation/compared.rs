//! The first model beside each other one: paired tests, corrected together.

use super::{Common, Compared, losses, text};
use crate::compare::{PairedTest, compare_auroc, compare_losses, holm};
use crate::undefined::Undefined;

/// Tests of the first model against each other one. Holm's correction is over all of them.
pub(super) fn compared(names: &[&str], common: &Common) -> Vec<Compared> {
    let Some((first, others)) = common.risks.split_first() else {
        return Vec::new();
    };
    let mut tests = Vec::new();
    for (name, other) in names.iter().skip(1).zip(others) {
        let of_pair = against(common, first, other);
        tests.extend(of_pair.map(|(metric, test)| (*name, metric, test)));
    }
    let p: Vec<f64> = tests
        .iter()
        .filter_map(|(_, _, test)| test.ok().map(|test| test.p))
        .collect();
    let mut corrected = holm(&p).into_iter();
    tests
        .into_iter()
        .map(|(name, metric, test)| Compared {
            against: name.to_owned(),
            metric: metric.to_owned(),
            difference: test.ok().map(|test| test.difference),
            standard_error: test.ok().map(|test| test.standard_error),
            p: test.ok().map(|test| test.p),
            p_holm: test.ok().and_then(|_| corrected.next()),
            reason: test.err().map(text),
        })
        .collect()
}

type Named = (&'static str, Result<PairedTest, Undefined>);

fn against(common: &Common, first: &[f64], second: &[f64]) -> [Named; 3] {
    let subjects = &common.subjects;
    let brier = |risks: &[f64]| losses(&common.labels, risks, |y, p| (y - p).powi(2));
    let nats = |risks: &[f64]| {
        losses(&common.labels, risks, |y, p| {
            let right = if y > 0.5 { p } else { 1.0 - p };
            -right.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
        })
    };
    [
        (
            "auroc",
            compare_auroc(&common.labels, first, second, subjects),
        ),
        (
            "brier",
            compare_losses(&brier(first), &brier(second), subjects),
        ),
        (
            "log_loss",
            compare_losses(&nats(first), &nats(second), subjects),
        ),
    ]
}
