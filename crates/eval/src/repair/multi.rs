//! Many groups at once, over bins of the risk.
//!
//! After Hebert-Johnson, Kim, Reingold and Rothblum 2018, "Multicalibration: calibration for the
//! (computationally-identifiable) masses", algorithm 3.2: while a group within a bin of the risk is
//! off by more than noise, its rows are moved. Here the bins are those of the risk before the
//! repair, the move is a Newton step on the logit, and noise is judged by the score test.

use super::RepairRows;
use super::group::sigmoid;
use crate::group::CELL_MIN;
use crate::recalibration::logit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bins of equal count of the risk; the whole range is one more.
const BINS: usize = 5;

/// Moves at most: a backstop, far above what is needed.
const STEPS_MAX: usize = 500;

/// One move: rows of a group whose risk before the repair lies in `low..high` get `shift` added to
/// their logit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The dimension.
    pub dimension: String,
    /// The group.
    pub group: String,
    /// The lowest risk, itself in.
    pub low: f64,
    /// The lowest risk above, itself out.
    pub high: f64,
    /// On the logit.
    pub shift: f64,
}

/// The moves, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Multicalibration {
    /// The moves.
    pub steps: Vec<Step>,
}

/// A group within a bin.
struct Cell<'g> {
    dimension: &'g str,
    group: &'g str,
    span: (f64, f64),
    rows: Vec<usize>,
}

impl Multicalibration {
    /// Fits on rows over groups of several dimensions. A cell of fewer than 11 rows is not looked
    /// at. A cell is moved while its score statistic is above `2 ln(cells)`, about what the largest
    /// of so many squares of noise comes to (Donoho and Johnstone 1994, "Ideal spatial adaptation
    /// by wavelet shrinkage", section 2.4): on noise alone one fit in three makes a small move.
    ///
    /// # Panics
    /// When the slices differ in length.
    pub fn fit(rows: &RepairRows<'_>, groups: &[(String, Vec<String>)]) -> Self {
        rows.check();
        let cells = cells(rows.risks, groups);
        let noise = 2.0 * (cells.len().max(2) as f64).ln();
        let mut logits: Vec<f64> = rows.risks.iter().map(|&risk| logit(risk)).collect();
        let mut steps = Vec::new();
        while steps.len() < STEPS_MAX {
            let worst = cells
                .iter()
                .map(|cell| (score(cell, rows, &logits), cell))
                .filter(|((statistic, _), _)| *statistic > noise)
                .max_by(|(a, _), (b, _)| a.0.total_cmp(&b.0));
            let Some(((_, shift), cell)) = worst else {
                break;
            };
            for &row in &cell.rows {
                logits[row] += shift;
            }
            steps.push(Step {
                dimension: cell.dimension.to_owned(),
                group: cell.group.to_owned(),
                low: cell.span.0,
                high: cell.span.1,
                shift,
            });
        }
        Self { steps }
    }

    /// The risks of rows whose groups are given by the same dimensions.
    pub fn apply(&self, risks: &[f64], groups: &[(String, Vec<String>)]) -> Vec<f64> {
        let mut logits: Vec<f64> = risks.iter().map(|&risk| logit(risk)).collect();
        for step in &self.steps {
            let values = groups.iter().find(|(name, _)| *name == step.dimension);
            let Some((_, values)) = values else { continue };
            for (row, logit) in logits.iter_mut().enumerate() {
                let inside = (step.low..step.high).contains(&risks[row]);
                if inside && values[row] == step.group {
                    *logit += step.shift;
                }
            }
        }
        logits.into_iter().map(sigmoid).collect()
    }
}

fn cells<'g>(risks: &[f64], groups: &'g [(String, Vec<String>)]) -> Vec<Cell<'g>> {
    let mut sorted = risks.to_vec();
    sorted.sort_by(f64::total_cmp);
    let edge = |bin: usize| sorted.get(bin * sorted.len() / BINS).copied();
    let mut edges: Vec<f64> = (1..BINS).filter_map(edge).collect();
    edges.dedup_by(|a, b| a.to_bits() == b.to_bits());
    edges.insert(0, 0.0);
    edges.push(f64::INFINITY);
    let mut spans: Vec<(f64, f64)> = edges.windows(2).map(|pair| (pair[0], pair[1])).collect();
    spans.push((0.0, f64::INFINITY));
    let mut cells = Vec::new();
    for (dimension, values) in groups {
        let mut rows_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (row, value) in values.iter().enumerate() {
            rows_of.entry(value).or_default().push(row);
        }
        for (group, all) in rows_of {
            for &(low, high) in &spans {
                let inside = |row: &&usize| (low..high).contains(&risks[**row]);
                let rows: Vec<usize> = all.iter().filter(inside).copied().collect();
                if rows.len() >= CELL_MIN {
                    cells.push(Cell {
                        dimension,
                        group,
                        span: (low, high),
                        rows,
                    });
                }
            }
        }
    }
    cells
}

/// The score statistic of a cell (chi-squared with one degree of freedom where nothing is off), and
/// the Newton step that would put it right.
fn score(cell: &Cell<'_>, rows: &RepairRows<'_>, logits: &[f64]) -> (f64, f64) {
    let (mut residual, mut information, mut variance) = (0.0, 0.0, 0.0);
    for &row in &cell.rows {
        let (risk, weight) = (sigmoid(logits[row]), rows.weights[row]);
        let spread = risk * (1.0 - risk);
        residual += weight * (f64::from(u8::from(rows.labels[row])) - risk);
        information += weight * spread;
        variance += weight * weight * spread;
    }
    if variance <= 0.0 {
        return (0.0, 0.0);
    }
    // A step as long as this leaves the range in which the quadratic is to be trusted.
    let shift = (residual / information).clamp(-1.0, 1.0);
    (residual * residual / variance, shift)
}
