//! Rows of features as a sparse table: what is absent is 0 for a count and unknown for a value.
//!
//! The logistic model reads it as it is; boosting takes it dense, column after column, with
//! not-a-number for unknown.

use crate::features::Scale;

/// Rows with the columns that they fill.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    scales: Vec<Scale>,
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

/// Rows with their labels, and what each weighs in a loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcomes<'r> {
    pub(crate) rows: &'r Rows,
    pub(crate) labels: &'r [bool],
    pub(crate) weights: &'r [f64],
}

impl Rows {
    /// No rows yet of columns with these scales.
    pub(crate) fn new(scales: Vec<Scale>) -> Self {
        Self {
            scales,
            starts: vec![0],
            entries: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, row: impl Iterator<Item = (u32, f64)>) {
        self.entries.extend(row);
        self.starts.push(self.entries.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn scales(&self) -> &[Scale] {
        &self.scales
    }

    pub(crate) fn row(&self, row: usize) -> &[(u32, f64)] {
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }

    /// All columns one after the other, each with every row.
    pub(crate) fn dense(&self) -> Vec<f64> {
        let rows = self.len();
        let mut dense = Vec::with_capacity(rows * self.scales.len());
        for scale in &self.scales {
            let absent = match scale {
                Scale::Count => 0.0,
                Scale::Elapsed | Scale::Value => f64::NAN,
            };
            dense.resize(dense.len() + rows, absent);
        }
        for row in 0..rows {
            for &(column, value) in self.row(row) {
                dense[column as usize * rows + row] = value;
            }
        }
        dense
    }
}
