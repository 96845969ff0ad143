//! Weighted logistic regression on a few dense columns, with a small ridge penalty: Newton's method
//! by a Cholesky factor (Hastie, Tibshirani and Friedman 2009, section 4.4.1). For designs of some
//! dozen columns; counts of thousands of codes are fitted in `longitude-baseline`.

/// Weight of the penalty on standardised columns: that of half an observation.
const RIDGE: f64 = 0.5;
const STEPS_MAX: usize = 30;

/// Coefficients, the intercept first; columns are expected about standardised.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Logistic(Vec<f64>);

impl Logistic {
    /// Fits rows of equal length with labels 0 to 1 and weights; rows of weight 0 do not count.
    pub(super) fn fit(rows: &[&[f64]], labels: &[f64], weights: &[f64]) -> Self {
        let width = rows.first().map_or(0, |row| row.len()) + 1;
        let mut at = vec![0.0; width];
        for _ in 0..STEPS_MAX {
            let mut gradient = vec![0.0; width];
            let mut curvature = vec![0.0; width * width];
            let counted = rows.iter().zip(labels).zip(weights);
            for ((row, label), weight) in counted.filter(|(_, weight)| **weight > 0.0) {
                let risk = risk(&at, row);
                let error = weight * (label - risk);
                let spread = weight * risk * (1.0 - risk);
                for j in 0..width {
                    let x = column(row, j);
                    gradient[j] += error * x;
                    for k in 0..=j {
                        curvature[j * width + k] += spread * x * column(row, k);
                    }
                }
            }
            for j in 0..width {
                // The intercept is held a little too, so that one class alone has an end.
                let ridge = if j == 0 { 1e-6 } else { RIDGE };
                gradient[j] -= ridge * at[j];
                curvature[j * width + j] += ridge;
            }
            solve(&mut curvature, &mut gradient);
            for (at, step) in at.iter_mut().zip(&gradient) {
                *at += step.clamp(-4.0, 4.0);
            }
            if gradient.iter().all(|step| step.abs() < 1e-9) {
                break;
            }
        }
        Self(at)
    }

    /// The probability of a row.
    pub(super) fn risk(&self, row: &[f64]) -> f64 {
        risk(&self.0, row)
    }
}

fn column(row: &[f64], j: usize) -> f64 {
    if j == 0 { 1.0 } else { row[j - 1] }
}

fn risk(at: &[f64], row: &[f64]) -> f64 {
    let terms = at[1..].iter().zip(row).map(|(a, x)| a * x);
    1.0 / (1.0 + (-(at[0] + terms.sum::<f64>())).exp())
}

/// Solves a symmetric positive system, given by its lower half, in place.
fn solve(a: &mut [f64], b: &mut [f64]) {
    let n = b.len();
    for j in 0..n {
        for k in 0..j {
            let factor = a[j * n + k];
            for i in j..n {
                a[i * n + j] -= a[i * n + k] * factor;
            }
        }
        let root = a[j * n + j].max(1e-300).sqrt();
        for i in j..n {
            a[i * n + j] /= root;
        }
    }
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i * n + i];
    }
}
