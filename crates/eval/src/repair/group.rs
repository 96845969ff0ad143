//! Recalibration with an intercept for each group that leans on the one of all.

use super::RepairRows;
use crate::group::CELL_MIN;
use crate::recalibration::{
    Free, IDENTITY, Recalibration, Row, TOLERANCE, estimable, logit, newton,
};
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `logit P = intercept + slope * logit(risk) + offset of the group`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRecalibration {
    /// Of all rows.
    pub intercept: f64,
    /// Of all rows.
    pub slope: f64,
    /// What a group adds, shrunk towards 0; a group that is not here adds nothing.
    pub offsets: BTreeMap<String, f64>,
    /// The standard deviation of offsets between groups, beyond their noise; at 0 there are none.
    pub deviation: f64,
}

/// The score of a group at offset 0: its sum of residuals, its information, and the variance of
/// the sum.
#[derive(Clone, Copy, Default)]
struct Score {
    residual: f64,
    information: f64,
    variance: f64,
    weight: f64,
    weight_squared: f64,
    rows: usize,
}

impl GroupRecalibration {
    /// Fits on rows. Intercept and slope are those of all rows together; the offsets have a normal
    /// prior around 0 whose variance is found by moments (`DerSimonian` and Laird 1986, "Meta-analysis
    /// in clinical trials", equation 8, on one-step estimates) and are its posterior modes. Within
    /// a group weights count as its effective rows (their sum squared over the sum of squares).
    ///
    /// # Errors
    /// When the rows of all carry no recalibration.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn fit(rows: &RepairRows<'_>, groups: &[String]) -> Result<Self, Undefined> {
        rows.check();
        assert_eq!(rows.labels.len(), groups.len(), "a group for each row");
        let fitted: Vec<Row> = (0..rows.labels.len())
            .map(|row| Row {
                logit: logit(rows.risks[row]),
                label: rows.labels[row],
                weight: rows.weights[row],
            })
            .collect();
        estimable(&fitted)?;
        let all = newton(&fitted, Free::Both, IDENTITY, TOLERANCE)?;
        let mut of_group: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        for (row, group) in fitted.iter().zip(groups) {
            of_group.entry(group).or_default().push(*row);
        }
        of_group.retain(|_, rows| rows.len() >= CELL_MIN);
        let scores: BTreeMap<&str, Score> = of_group
            .iter()
            .map(|(group, rows)| (*group, Score::at(all, rows)))
            .collect();
        let variance = variance_between(scores.values());
        let offsets = of_group
            .iter()
            .filter(|_| variance > 0.0)
            .map(|(group, rows)| {
                let score = scores[group];
                let scale = score.weight / score.weight_squared;
                ((*group).to_owned(), mode(all, rows, scale, variance))
            });
        Ok(Self {
            intercept: all.intercept,
            slope: all.slope,
            offsets: offsets.collect(),
            deviation: variance.sqrt(),
        })
    }

    /// The risk of a row of a group.
    pub fn apply(&self, risk: f64, group: &str) -> f64 {
        let offset = self.offsets.get(group).copied().unwrap_or(0.0);
        sigmoid(self.intercept + self.slope * logit(risk) + offset)
    }
}

impl Score {
    fn at(all: Recalibration, rows: &[Row]) -> Self {
        let mut score = Self::default();
        for row in rows {
            let risk = sigmoid(all.intercept + all.slope * row.logit);
            let spread = risk * (1.0 - risk);
            score.residual += row.weight * (f64::from(u8::from(row.label)) - risk);
            score.information += row.weight * spread;
            score.variance += row.weight * row.weight * spread;
            score.weight += row.weight;
            score.weight_squared += row.weight * row.weight;
            score.rows += 1;
        }
        score
    }
}

/// The variance of offsets between groups: what their one-step estimates differ by beyond noise.
fn variance_between<'s>(scores: impl Iterator<Item = &'s Score>) -> f64 {
    let (mut q, mut sum, mut squares, mut mean, mut groups) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for score in scores.filter(|score| score.variance > 0.0) {
        let precision = score.information * score.information / score.variance;
        let offset = score.residual / score.information;
        q += precision * offset * offset;
        mean += precision * offset;
        sum += precision;
        squares += precision * precision;
        groups += 1.0;
    }
    if groups < 2.0 {
        return 0.0;
    }
    q -= mean * mean / sum;
    let noise = sum - squares / sum;
    ((q - (groups - 1.0)) / noise).max(0.0)
}

/// The mode of an offset under its prior; `scale` turns weights into effective rows. The function
/// is concave: Newton's method, whose steps are held short, ends.
fn mode(all: Recalibration, rows: &[Row], scale: f64, variance: f64) -> f64 {
    let slope_at = |offset: f64| {
        let (mut slope, mut curvature) = (-offset / variance, 1.0 / variance);
        for row in rows {
            let risk = sigmoid(all.intercept + all.slope * row.logit + offset);
            slope += scale * row.weight * (f64::from(u8::from(row.label)) - risk);
            curvature += scale * row.weight * risk * (1.0 - risk);
        }
        (slope, curvature)
    };
    let mut offset = 0.0;
    for _ in 0..100 {
        let (slope, curvature) = slope_at(offset);
        let step = (slope / curvature).clamp(-1.0, 1.0);
        offset += step;
        if step.abs() < 1e-10 {
            break;
        }
    }
    offset
}

/// The logistic function.
pub(super) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
