//! Recalibration at a new place from few labels: the logit of a foreign risk gets a new intercept
//! and slope, and an offset by group where the labels can carry one, all shrunken towards "nothing
//! to correct".
//!
//! `logit P(y = 1) = a + b logit(risk) + sum of the offsets of the row's groups`, by maximum a
//! posteriori: `a` is normal around 0, `b` around 1, offsets around 0 (Steyerberg et al. 2004,
//! "Validation and updating of predictive logistic regression models: a study on sample size and
//! shrinkage"; offsets by group as the random intercepts of Debray et al. 2012, "Aggregating
//! published prediction models with individual participant data"). With no labels the risks stay as
//! they are; with many it is the plain logistic recalibration of [`crate::recalibrate`].

use crate::recalibration::logit;
use crate::undefined::Undefined;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far each part may stray, as standard deviations of normal priors on the logit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalOptions {
    /// Of the intercept. 0.25: between two hospitals the odds of the same patients then differ by a
    /// median factor of 1.27 (median odds ratio, Larsen and Merlo 2005, "Appropriate assessment of
    /// neighborhood effects on individual health", equation 7). With 30 outcomes the labels count
    /// for two thirds, with 300 for all but a twentieth.
    pub intercept: f64,
    /// Of the slope. 0.2: three of four hospitals keep slopes of 0.8 to 1.2.
    pub slope: f64,
    /// Of a group's offset. 0.3: two groups' odds then differ by a median factor of 1.33 from what
    /// their risks say.
    pub offset: f64,
    /// A group gets an offset from so many rows with and so many without the outcome on; fewer
    /// teach it chance.
    pub group_rows_min: u64,
}

impl LocalOptions {
    /// The values that the fields' comments give reasons for, and ten rows of each class.
    pub fn standard() -> Self {
        Self {
            intercept: 0.25,
            slope: 0.2,
            offset: 0.3,
            group_rows_min: 10,
        }
    }
}

/// Labelled rows of the new place.
#[derive(Clone, Copy)]
pub struct LocalRows<'a> {
    /// Whether the outcome happened.
    pub labels: &'a [bool],
    /// The foreign risk.
    pub risks: &'a [f64],
    /// Each dimension with the group of each row; none for one line for all.
    pub groups: &'a [(String, Vec<String>)],
}

/// Redacted: the shape only.
impl std::fmt::Debug for LocalRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalRows({})", self.labels.len())
    }
}

/// A fitted recalibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalRecalibration {
    /// `a`.
    pub intercept: f64,
    /// `b`.
    pub slope: f64,
    /// The offset of each group that has one, by dimension and group.
    pub offsets: BTreeMap<String, BTreeMap<String, f64>>,
}

/// The largest step at which the fit ends.
const TOLERANCE: f64 = 1e-10;
const ROUNDS_MAX: usize = 100;

impl LocalRecalibration {
    /// Fits on labelled rows.
    ///
    /// # Errors
    /// When there are no rows, or the fit does not end (a risk that is not a number).
    ///
    /// # Panics
    /// When the columns differ in length.
    pub fn fit(rows: &LocalRows<'_>, options: &LocalOptions) -> Result<Self, Undefined> {
        assert_eq!(
            rows.labels.len(),
            rows.risks.len(),
            "one risk for each label"
        );
        for (_, values) in rows.groups {
            assert_eq!(rows.labels.len(), values.len(), "one group for each label");
        }
        if rows.labels.is_empty() {
            return Err(Undefined::NoRows);
        }
        let names = carried(rows, options.group_rows_min);
        let design: Vec<Row> = (0..rows.labels.len())
            .map(|row| Row {
                logit: logit(rows.risks[row]),
                label: f64::from(u8::from(rows.labels[row])),
                offsets: offsets_of(rows, &names, row),
            })
            .collect();
        let size = 2 + names.len();
        let deviation = |place: usize| match place {
            0 => options.intercept,
            1 => options.slope,
            _ => options.offset,
        };
        let prior: Vec<(f64, f64)> = (0..size)
            .map(|place| (f64::from(u8::from(place == 1)), deviation(place).powi(-2)))
            .collect();
        let at = newton(&design, &prior)?;
        let mut offsets: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        for ((dimension, group), &offset) in names.iter().zip(&at[2..]) {
            let of = offsets.entry((*dimension).to_owned()).or_default();
            of.insert((*group).to_owned(), offset);
        }
        Ok(Self {
            intercept: at[0],
            slope: at[1],
            offsets,
        })
    }

    /// The recalibrated risk of a row of these groups (dimension and group); a group without an
    /// offset has none.
    pub fn risk<'a>(&self, risk: f64, groups: impl IntoIterator<Item = (&'a str, &'a str)>) -> f64 {
        let offsets = groups
            .into_iter()
            .filter_map(|(dimension, group)| self.offsets.get(dimension)?.get(group));
        let eta = self.intercept + self.slope * logit(risk) + offsets.sum::<f64>();
        1.0 / (1.0 + (-eta).exp())
    }
}

/// One row as the fit sees it: the places of its offsets among the parameters.
struct Row {
    logit: f64,
    label: f64,
    offsets: Vec<usize>,
}

impl Row {
    /// The parameters that the row has, each with its factor.
    fn terms(&self) -> impl Iterator<Item = (usize, f64)> + Clone + '_ {
        let own = [(0, 1.0), (1, self.logit)].into_iter();
        own.chain(self.offsets.iter().map(|&place| (place, 1.0)))
    }
}

/// The groups that have enough rows of both classes, of dimensions with two groups or more.
fn carried<'a>(rows: &LocalRows<'a>, rows_min: u64) -> Vec<(&'a str, &'a str)> {
    let mut names = Vec::new();
    for (dimension, values) in rows.groups {
        let mut counts: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for (value, &label) in values.iter().zip(rows.labels) {
            counts.entry(value).or_default()[usize::from(label)] += 1;
        }
        if counts.len() > 1 {
            let enough = counts
                .iter()
                .filter(|(_, n)| n.iter().all(|&n| n >= rows_min));
            names.extend(enough.map(|(group, _)| (&**dimension, *group)));
        }
    }
    names
}

fn offsets_of(rows: &LocalRows<'_>, names: &[(&str, &str)], row: usize) -> Vec<usize> {
    let of = |(place, (dimension, group)): (usize, &(&str, &str))| {
        let (_, values) = rows.groups.iter().find(|(name, _)| name == dimension)?;
        (values[row] == *group).then_some(2 + place)
    };
    names.iter().enumerate().filter_map(of).collect()
}

/// Newton's method with step halving on the negative log posterior, which is strictly convex; each
/// parameter has a prior mean and precision.
fn newton(rows: &[Row], prior: &[(f64, f64)]) -> Result<Vec<f64>, Undefined> {
    let mut at: Vec<f64> = prior.iter().map(|(mean, _)| *mean).collect();
    let mut here = loss(rows, prior, &at);
    for _ in 0..ROUNDS_MAX {
        let (gradient, hessian) = derivatives(rows, prior, &at);
        let step = solved(hessian, gradient).ok_or(Undefined::NotConverged)?;
        let length = step.iter().map(|s| s.abs()).fold(0.0, f64::max);
        if length <= TOLERANCE {
            return Ok(at);
        }
        let mut share = 1.0;
        loop {
            let next: Vec<f64> = at.iter().zip(&step).map(|(a, s)| a - share * s).collect();
            let there = loss(rows, prior, &next);
            // A relative hair above `here` still counts: rounding must not stop the last steps.
            if there <= here + 1e-12 * here.abs() {
                (at, here) = (next, there);
                break;
            }
            share /= 2.0;
            if share < 1e-9 {
                return Err(Undefined::NotConverged);
            }
        }
    }
    Err(Undefined::NotConverged)
}

fn eta(row: &Row, at: &[f64]) -> f64 {
    row.terms().map(|(place, factor)| factor * at[place]).sum()
}

fn loss(rows: &[Row], prior: &[(f64, f64)], at: &[f64]) -> f64 {
    let nats = rows.iter().map(|row| {
        let eta = eta(row, at);
        eta.max(0.0) + (-eta.abs()).exp().ln_1p() - row.label * eta
    });
    let pull = prior.iter().zip(at);
    let pull = pull.map(|((mean, precision), a)| 0.5 * precision * (a - mean).powi(2));
    nats.sum::<f64>() + pull.sum::<f64>()
}

fn derivatives(rows: &[Row], prior: &[(f64, f64)], at: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut gradient: Vec<f64> = prior
        .iter()
        .zip(at)
        .map(|((mean, precision), a)| precision * (a - mean))
        .collect();
    let mut hessian = vec![vec![0.0; at.len()]; at.len()];
    for (place, (_, precision)) in prior.iter().enumerate() {
        hessian[place][place] = *precision;
    }
    for row in rows {
        let risk = 1.0 / (1.0 + (-eta(row, at)).exp());
        let curvature = risk * (1.0 - risk);
        for (i, a) in row.terms() {
            gradient[i] += a * (risk - row.label);
            for (j, b) in row.terms() {
                hessian[i][j] += a * b * curvature;
            }
        }
    }
    (gradient, hessian)
}

/// `matrix x = right` for a positive definite matrix, by Cholesky's factors.
fn solved(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for i in 0..size {
        for j in 0..=i {
            let below: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let rest = matrix[i][j] - below;
            matrix[i][j] = if i > j {
                rest / matrix[j][j]
            } else if rest > 0.0 {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    for i in 0..size {
        let known: f64 = (0..i).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|k| matrix[k][i] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recalibration::recalibrate;

    /// Risks on a grid, and labels that follow another line, with an offset for group `b`.
    fn place(rows: u32, offset: f64) -> (Vec<bool>, Vec<f64>, Vec<String>) {
        let (mut labels, mut risks, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..rows {
            let x = f64::from(row % 41) / 10.0 - 3.0;
            let is_b = row % 2 == 1;
            let eta = 0.4 + 0.8 * x + if is_b { offset } else { 0.0 };
            // A low-discrepancy draw, so that shares are as stated.
            let draw = (f64::from(row) * 0.618_033_988_749_895).fract();
            labels.push(draw < 1.0 / (1.0 + (-eta).exp()));
            risks.push(1.0 / (1.0 + (-x).exp()));
            groups.push(if is_b { "b" } else { "a" }.to_owned());
        }
        (labels, risks, groups)
    }

    fn fit(rows: u32, offset: f64, options: &LocalOptions) -> LocalRecalibration {
        let (labels, risks, groups) = place(rows, offset);
        let groups = [("unit".to_owned(), groups)];
        let rows = LocalRows {
            labels: &labels,
            risks: &risks,
            groups: &groups,
        };
        LocalRecalibration::fit(&rows, options).unwrap()
    }

    #[test]
    fn with_wide_priors_it_is_the_plain_recalibration() {
        let (labels, risks, _) = place(4_000, 0.0);
        let rows = LocalRows {
            labels: &labels,
            risks: &risks,
            groups: &[],
        };
        let wide = LocalOptions {
            intercept: 1e6,
            slope: 1e6,
            ..LocalOptions::standard()
        };
        let ours = LocalRecalibration::fit(&rows, &wide).unwrap();
        let plain = recalibrate(&labels, &risks).unwrap();
        assert!((ours.intercept - plain.intercept).abs() < 1e-6);
        assert!((ours.slope - plain.slope).abs() < 1e-6);
    }

    #[test]
    fn few_labels_change_little_and_many_find_the_group() {
        let standard = LocalOptions::standard();
        let few = fit(6, 0.8, &standard);
        assert!(few.offsets.is_empty());
        assert!((few.slope - 1.0).abs() < 0.3, "{few:?}");
        let many = fit(20_000, 0.8, &standard);
        let offsets = &many.offsets["unit"];
        assert!((offsets["b"] - offsets["a"] - 0.8).abs() < 0.1, "{many:?}");
        assert!((many.slope - 0.8).abs() < 0.05);
        let risk = many.risk(0.3, [("unit", "b")]);
        assert!(risk > many.risk(0.3, [("unit", "a")]) && risk < 1.0);
        assert!((many.risk(0.3, []) - many.risk(0.3, [("unit", "new")])).abs() < 1e-15);
    }

    #[test]
    fn one_class_and_no_rows_have_an_answer() {
        let standard = LocalOptions::standard();
        let rows = LocalRows {
            labels: &[false; 30],
            risks: &[0.2; 30],
            groups: &[],
        };
        let fit = LocalRecalibration::fit(&rows, &standard).unwrap();
        let risk = fit.risk(0.2, []);
        assert!(risk > 0.01 && risk < 0.2, "{risk}");
        let none = LocalRows {
            labels: &[],
            risks: &[],
            groups: &[],
        };
        assert_eq!(
            LocalRecalibration::fit(&none, &standard),
            Err(Undefined::NoRows)
        );
    }
}
