//! Several models on one set of rows, on the same resamples, so that differences are paired.

use crate::bootstrap::{Clusters, Draws, metric};
use crate::prepared::{AUROC, BRIER, METRICS, Prepared, Values};
use crate::report::{Differences, Metric, Metrics};

/// One model's values on all rows and on every resample.
pub(crate) struct Judged {
    on_all: Values,
    drawn: [Vec<Option<f64>>; METRICS],
}

impl Judged {
    pub(crate) fn metrics(&self) -> Metrics {
        metrics_from(|index| metric(self.on_all[index], &self.drawn[index]))
    }

    /// The differences from another model judged on the same resamples.
    pub(crate) fn less(&self, other: &Self) -> Differences {
        let difference = |index: usize| {
            let on_all = self.on_all[index].and_then(|a| other.on_all[index].map(|b| a - b));
            let pairs = self.drawn[index].iter().zip(&other.drawn[index]);
            let drawn: Vec<_> = pairs.map(|(a, b)| Some((*a)? - (*b)?)).collect();
            metric(on_all, &drawn)
        };
        Differences {
            auroc: difference(AUROC),
            brier: difference(BRIER),
        }
    }
}

/// The metrics in the order in which they are computed.
pub(crate) fn metrics_from(metric: impl Fn(usize) -> Metric) -> Metrics {
    Metrics {
        auroc: metric(AUROC),
        auprc: metric(1),
        brier: metric(BRIER),
        log_loss: metric(3),
        calibration_slope: metric(4),
        calibration_intercept: metric(5),
        calibration_intercept_joint: metric(6),
        ece: metric(7),
        observed_expected: metric(8),
    }
}

/// Judges all models on the same resamples, so that their differences are paired.
pub(crate) fn judge(
    labels: &[bool],
    risks: &[&[f64]],
    clusters: &Clusters,
    draws: &Draws<'_>,
) -> Vec<Judged> {
    let mut prepared: Vec<Prepared> = risks
        .iter()
        .map(|risks| Prepared::new(labels, risks, &clusters.of_row))
        .collect();
    let on_all: Vec<Values> = prepared
        .iter_mut()
        .map(|prepared| prepared.values_on_all(clusters.count as usize))
        .collect();
    let drawn: Vec<Vec<Values>> = draws.each(clusters.count, |weights| {
        let values = prepared.iter().map(|prepared| prepared.values(weights));
        values.collect()
    });
    let of_model = |(model, on_all): (usize, Values)| Judged {
        on_all,
        drawn: std::array::from_fn(|index| {
            let values = drawn.iter().map(|of_models| of_models[model][index].ok());
            values.collect()
        }),
    };
    on_all.into_iter().enumerate().map(of_model).collect()
}
