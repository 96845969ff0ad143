//! Gaps between groups with their intervals over resampled subjects.

use super::{Common, GapsTold};
use crate::bootstrap::{Clusters, Draws, metrics};
use crate::fairness::gaps;
use crate::undefined::Undefined;
use std::collections::BTreeMap;

/// The names of the gaps, in the order in which they are computed.
const GAPS: [&str; 4] = [
    "equalised_odds",
    "equal_opportunity",
    "alert_rate",
    "calibration",
];

/// Sums over the rows of a group.
#[derive(Clone, Copy, Default)]
struct Sums {
    rows: f64,
    positives: f64,
    alerts: f64,
    true_alerts: f64,
    expected: f64,
}

/// The gaps, and their intervals over the groups that are compared on all rows.
pub(super) fn gapped(
    common: &Common,
    groups: &[String],
    threshold: f64,
    draws: &Draws<'_>,
) -> Result<GapsTold, Undefined> {
    let (labels, risks) = (&common.labels, &common.risks[0]);
    let found = gaps(labels, risks, groups, threshold)?;
    let names = found.groups.iter().map(|rates| &*rates.group).zip(0..);
    let places: BTreeMap<&str, usize> = names.collect();
    let place: Vec<Option<usize>> = groups.iter().map(|g| places.get(&**g).copied()).collect();
    let clusters = Clusters::new(&common.subjects);
    let drawn = draws.each(clusters.count, |weights| {
        let mut sums = vec![Sums::default(); places.len()];
        for (row, place) in place.iter().enumerate() {
            let Some(place) = *place else { continue };
            let weight = f64::from(weights[clusters.of_row[row] as usize]);
            let (label, alert) = (labels[row], risks[row] >= threshold);
            let sum = &mut sums[place];
            sum.rows += weight;
            sum.positives += weight * f64::from(u8::from(label));
            sum.alerts += weight * f64::from(u8::from(alert));
            sum.true_alerts += weight * f64::from(u8::from(alert && label));
            sum.expected += weight * risks[row];
        }
        of(&sums)
    });
    let on_all = [
        found.equalised_odds,
        found.equal_opportunity,
        found.alert_rate,
        found.calibration,
    ];
    let intervals = metrics(on_all.map(Ok), &drawn);
    Ok(GapsTold {
        gaps: found,
        intervals: GAPS.map(str::to_owned).into_iter().zip(intervals).collect(),
    })
}

/// The gaps in the order of [`GAPS`]; undefined where a group lacks what a rate is taken of.
fn of(sums: &[Sums]) -> [Result<f64, Undefined>; 4] {
    let gap = |rate: &dyn Fn(&Sums) -> (f64, f64)| {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for sum in sums {
            let (part, of) = rate(sum);
            if of <= 0.0 {
                return Err(Undefined::TooFew);
            }
            low = low.min(part / of);
            high = high.max(part / of);
        }
        Ok(high - low)
    };
    let opportunity = gap(&|sum| (sum.true_alerts, sum.positives));
    let false_alerts = gap(&|sum| (sum.alerts - sum.true_alerts, sum.rows - sum.positives));
    [
        opportunity.and_then(|a| false_alerts.map(|b| a.max(b))),
        opportunity,
        gap(&|sum| (sum.alerts, sum.rows)),
        gap(&|sum| (sum.positives - sum.expected, sum.rows)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_gaps_are_those_of_repeated_rows() {
        let labels: Vec<bool> = (0..120).map(|row| row % 3 == 0).collect();
        let risks: Vec<f64> = (0..120_u32)
            .map(|row| f64::from(row * 37 % 101) / 101.0)
            .collect();
        let groups: Vec<String> = (0..120).map(|row| format!("{}", row % 2)).collect();
        let found = gaps(&labels, &risks, &groups, 0.4).unwrap();
        let mut sums = [Sums::default(); 2];
        for row in 0..120 {
            let (sum, alert) = (&mut sums[row % 2], risks[row] >= 0.4);
            sum.rows += 1.0;
            sum.positives += f64::from(u8::from(labels[row]));
            sum.alerts += f64::from(u8::from(alert));
            sum.true_alerts += f64::from(u8::from(alert && labels[row]));
            sum.expected += risks[row];
        }
        let wanted = [
            found.equalised_odds,
            found.equal_opportunity,
            found.alert_rate,
            found.calibration,
        ];
        for (got, wanted) in of(&sums).into_iter().zip(wanted) {
            assert!((got.unwrap() - wanted).abs() < 1e-12);
        }
        assert_eq!(of(&[Sums::default(); 2])[0], Err(Undefined::TooFew));
    }
}
