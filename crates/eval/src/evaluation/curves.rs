//! What each model is drawn as: smooth calibration, decision curve, precision over recall.

use super::{Common, DecisionPoint, ModelCurves};
use crate::bootstrap::{Clusters, Draws, metric};
use crate::curve::precision_recall;
use crate::group::is_small;
use crate::smooth::{SmoothCells, smooth_calibration};
use crate::utility::{OperatingPoint, decision_curve};

/// The curves of every model, in their order.
pub(super) fn curves(names: &[&str], common: &Common, draws: &Draws<'_>) -> Vec<ModelCurves> {
    let clusters = Clusters::new(&common.subjects);
    let of_model = |(name, risks): (&&str, &Vec<f64>)| {
        let smooth = smooth_calibration(&common.labels, risks);
        let cells = SmoothCells::new(&common.labels, risks, &clusters.of_row);
        let drawn = match &smooth {
            Ok(_) => draws.each(clusters.count, |weights| cells.ici(weights).ok()),
            Err(_) => Vec::new(),
        };
        let on_all = smooth.as_ref().map(|smooth| smooth.ici);
        ModelCurves {
            name: (*name).to_owned(),
            ici: metric(on_all.map_err(|reason| *reason), &drawn),
            smooth: smooth.into(),
            decision_curve: curve(&common.labels, risks),
            precision_recall: precision_recall(&common.labels, risks),
        }
    };
    names.iter().zip(&common.risks).map(of_model).collect()
}

/// The net benefit over thresholds from 1 to 99 per cent, up to where fewer than 11 rows alert.
fn curve(labels: &[bool], risks: &[f64]) -> Vec<DecisionPoint> {
    let thresholds: Vec<f64> = (1..100).map(|percent| f64::from(percent) / 100.0).collect();
    let shown =
        |point: &OperatingPoint| !is_small(point.alerts) && !is_small(point.rows - point.alerts);
    let curve = decision_curve(labels, risks, &thresholds);
    let points = curve
        .iter()
        .filter(|point| shown(point))
        .filter_map(|point| {
            Some(DecisionPoint {
                threshold: point.threshold,
                model: point.net_benefit().ok()?,
                all: point.net_benefit_of_all().ok()?,
            })
        });
    points.collect()
}
