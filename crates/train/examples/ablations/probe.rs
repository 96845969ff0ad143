//! The probe that all variants share: an L2 logistic regression on hidden states at the index
//! date, fitted on learning subjects and judged on the others.

use crate::learn::Learnt;
use crate::ward::Ward;
use longitude_eval::auroc;

/// On the mean log loss, standardised columns: half of it times the squared weights.
const PENALTY: f64 = 0.01;
/// Fewer held-out subjects with the outcome tell nothing.
const POSITIVES_MIN: usize = 20;

/// Scores and labels of the held-out subjects for one task.
pub(crate) struct Scored {
    pub(crate) task: String,
    /// Subject by its number among the held out.
    pub(crate) rows: Vec<(usize, f64, bool)>,
}

impl Scored {
    /// The area under the curve of a sample of subjects: each is taken as often as it is counted.
    pub(crate) fn auroc(&self, times: &[u32]) -> Option<f64> {
        let rows = || {
            let each = self.rows.iter();
            each.flat_map(|row| std::iter::repeat_n(row, times[row.0] as usize))
        };
        let labels: Vec<bool> = rows().map(|row| row.2).collect();
        let scores: Vec<f64> = rows().map(|row| row.1).collect();
        auroc(&labels, &scores).ok()
    }
}

/// The tasks that have enough held-out outcomes.
pub(crate) fn probe(ward: &Ward, learnt: &Learnt) -> Vec<Scored> {
    let tasks = ward.tasks.iter().enumerate();
    let scored = tasks.map(|(t, task)| {
        let (mut x, mut y, mut asked) = (vec![], vec![], vec![]);
        let mut held_out = 0;
        for (subject, hidden) in ward.subjects.iter().zip(&learnt.hidden) {
            held_out += usize::from(!subject.learn);
            let (Some(hidden), Some(label)) = (hidden, subject.labels[t]) else {
                continue;
            };
            let hidden: Vec<f64> = hidden.iter().map(|h| f64::from(*h)).collect();
            if subject.learn {
                x.push(hidden);
                y.push(label);
            } else {
                asked.push((held_out - 1, hidden, label));
            }
        }
        let fitted = Logistic::fit(&x, &y);
        let row = |(subject, hidden, label): (usize, Vec<f64>, bool)| {
            (subject, fitted.logit(&hidden), label)
        };
        Scored {
            task: task.id.clone(),
            rows: asked.into_iter().map(row).collect(),
        }
    });
    let enough = |scored: &Scored| scored.rows.iter().filter(|row| row.2).count() >= POSITIVES_MIN;
    scored.filter(enough).collect()
}

struct Logistic {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// The intercept last.
    weights: Vec<f64>,
}

impl Logistic {
    /// Newton's method; `x` is `[N][D]`.
    fn fit(x: &[Vec<f64>], y: &[bool]) -> Self {
        let (n, d) = (x.len() as f64, x.first().map_or(0, Vec::len));
        let mean: Vec<f64> = (0..d)
            .map(|j| x.iter().map(|x| x[j]).sum::<f64>() / n)
            .collect();
        let spread = |j: usize| x.iter().map(|x| (x[j] - mean[j]).powi(2)).sum::<f64>() / n;
        let deviation = (0..d).map(|j| spread(j).sqrt().max(1e-6)).collect();
        let mut fitted = Self {
            mean,
            deviation,
            weights: vec![0.0; d + 1],
        };
        let rows: Vec<Vec<f64>> = x.iter().map(|x| fitted.standardised(x)).collect();
        for _ in 0..12 {
            let mut gradient = vec![0.0; d + 1];
            let mut hessian = vec![0.0; (d + 1) * (d + 1)];
            for (row, y) in rows.iter().zip(y) {
                let p = 1.0 / (1.0 + (-dot(row, &fitted.weights)).exp());
                let off = p - f64::from(u8::from(*y));
                for i in 0..=d {
                    gradient[i] += off * row[i] / n;
                    let scaled = p * (1.0 - p) * row[i] / n;
                    for j in 0..=i {
                        hessian[i * (d + 1) + j] += scaled * row[j];
                    }
                }
            }
            for i in 0..d {
                gradient[i] += PENALTY * fitted.weights[i];
                hessian[i * (d + 1) + i] += PENALTY;
            }
            hessian[d * (d + 1) + d] += 1e-9;
            solve(&mut hessian, &mut gradient);
            for (w, step) in fitted.weights.iter_mut().zip(&gradient) {
                *w -= step;
            }
        }
        fitted
    }

    fn standardised(&self, x: &[f64]) -> Vec<f64> {
        let scaled = x.iter().zip(self.mean.iter().zip(&self.deviation));
        let scaled = scaled.map(|(x, (mean, deviation))| (x - mean) / deviation);
        scaled.chain([1.0]).collect()
    }

    fn logit(&self, x: &[f64]) -> f64 {
        dot(&self.standardised(x), &self.weights)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Solves a symmetric positive system, given by its lower half, in place (Cholesky).
fn solve(a: &mut [f64], b: &mut [f64]) {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - inner;
            a[i * n + j] = if i == j {
                rest.max(1e-12).sqrt()
            } else {
                rest / a[j * n + j]
            };
        }
    }
    for i in 0..n {
        let inner: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - inner) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let inner: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - inner) / a[i * n + i];
    }
}
