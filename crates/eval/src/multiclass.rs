//! Outcomes of several classes: labels as class numbers, probabilities as rows of one number a
//! class.

use crate::prepared::{ECE_BINS, ece_bin};
use crate::rank::auroc;
use crate::undefined::Undefined;
use std::fmt;

/// Labels and probabilities of several classes.
#[derive(Clone, Copy)]
pub struct Classes<'a> {
    /// The class of each row, from 0.
    pub labels: &'a [usize],
    /// Row after row, the probability of each class; each row sums to 1.
    pub probabilities: &'a [f64],
    /// How many classes there are.
    pub classes: usize,
}

/// Redacted: the shape only.
impl fmt::Debug for Classes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Classes({} rows, {})", self.labels.len(), self.classes)
    }
}

/// The largest distance of a row's sum from 1.
const SUM_TOLERANCE: f64 = 1e-3;

impl<'a> Classes<'a> {
    /// The first row whose probabilities do not lie between 0 and 1 or do not sum to 1, or whose
    /// label names no class.
    pub fn first_fault(&self) -> Option<usize> {
        self.rows().position(|(label, row)| {
            let outside = row.iter().any(|p| !(0.0..=1.0).contains(p));
            let sum: f64 = row.iter().sum();
            label >= self.classes || outside || (sum - 1.0).abs() > SUM_TOLERANCE
        })
    }

    fn rows(&self) -> impl Iterator<Item = (usize, &'a [f64])> {
        assert!(self.classes >= 2, "two classes or more");
        assert_eq!(
            self.labels.len() * self.classes,
            self.probabilities.len(),
            "one probability a row and class"
        );
        let rows = self.probabilities.chunks_exact(self.classes);
        self.labels.iter().copied().zip(rows)
    }

    fn mean(&self, of: impl Fn(usize, &[f64]) -> f64) -> Result<f64, Undefined> {
        if self.labels.is_empty() {
            return Err(Undefined::NoRows);
        }
        let sum: f64 = self.rows().map(|(label, row)| of(label, row)).sum();
        Ok(sum / self.labels.len() as f64)
    }

    /// The share of rows whose most probable class is theirs, as [`Classes::confusion`] takes it.
    ///
    /// # Errors
    /// When there are no rows.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn accuracy(&self) -> Result<f64, Undefined> {
        if self.labels.is_empty() {
            return Err(Undefined::NoRows);
        }
        let own = self.confusion();
        let hits: u64 = own.iter().step_by(self.classes + 1).sum();
        Ok(hits as f64 / self.labels.len() as f64)
    }

    /// The share of rows whose class is among the `k` most probable (scikit-learn's
    /// `top_k_accuracy_score`); among equal probabilities the higher class number goes first, as
    /// there.
    ///
    /// # Errors
    /// When there are no rows.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn top(&self, k: usize) -> Result<f64, Undefined> {
        self.mean(|label, row| {
            let own = row[label];
            let ahead = row
                .iter()
                .enumerate()
                .filter(|&(class, &p)| p > own || p >= own && class > label);
            f64::from(u8::from(ahead.count() < k))
        })
    }

    /// Mean negative log probability of the class, in nats, held one machine epsilon from 0.
    ///
    /// # Errors
    /// When there are no rows.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn log_loss(&self) -> Result<f64, Undefined> {
        self.mean(|label, row| -row[label].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln())
    }

    /// The Brier score summed over classes, from 0 to 2 (Brier 1950, "Verification of forecasts
    /// expressed in terms of probability", equation 2).
    ///
    /// # Errors
    /// When there are no rows.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn brier(&self) -> Result<f64, Undefined> {
        self.mean(|label, row| {
            let gap =
                |(class, &p): (usize, &f64)| (f64::from(u8::from(class == label)) - p).powi(2);
            row.iter().enumerate().map(gap).sum()
        })
    }

    /// Each class against the rest: its AUROC, or why there is none.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn one_against_rest(&self) -> Vec<Result<f64, Undefined>> {
        (0..self.classes)
            .map(|class| {
                let labels: Vec<bool> = self.labels.iter().map(|&l| l == class).collect();
                auroc(&labels, &self.column(class))
            })
            .collect()
    }

    /// The plain mean of [`Classes::one_against_rest`] (scikit-learn's `roc_auc_score` with
    /// `multi_class="ovr"`, `average="macro"`).
    ///
    /// # Errors
    /// When any class has no AUROC: a mean over fewer classes would be another number.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn auroc_one_against_rest(&self) -> Result<f64, Undefined> {
        let each: Result<Vec<f64>, Undefined> = self.one_against_rest().into_iter().collect();
        each.map(|each| each.iter().sum::<f64>() / each.len() as f64)
    }

    /// The mean AUROC over ordered pairs of classes (Hand and Till 2001, "A simple generalisation
    /// of the area under the ROC curve for multiple class classification problems", equation 7).
    ///
    /// # Errors
    /// When a class has no row.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn auroc_one_against_one(&self) -> Result<f64, Undefined> {
        let columns: Vec<Vec<f64>> = (0..self.classes).map(|c| self.column(c)).collect();
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (class, scores) in columns.iter().enumerate() {
            for other in (0..self.classes).filter(|&other| other != class) {
                let rows = self.labels.iter().zip(scores);
                let (labels, scores): (Vec<bool>, Vec<f64>) = rows
                    .filter(|(label, _)| **label == class || **label == other)
                    .map(|(&label, &score)| (label == class, score))
                    .unzip();
                sum += auroc(&labels, &scores)?;
                pairs += 1.0;
            }
        }
        Ok(sum / pairs)
    }

    /// The mean over classes of the recall of the most probable class (balanced accuracy;
    /// Brodersen et al. 2010).
    ///
    /// # Errors
    /// When a class has no row.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn balanced_accuracy(&self) -> Result<f64, Undefined> {
        let counts = self.confusion();
        let mut sum = 0.0;
        for class in 0..self.classes {
            let own = &counts[class * self.classes..(class + 1) * self.classes];
            let rows: u64 = own.iter().sum();
            if rows == 0 {
                return Err(if self.labels.is_empty() {
                    Undefined::NoRows
                } else {
                    Undefined::NoPositives
                });
            }
            sum += own[class] as f64 / rows as f64;
        }
        Ok(sum / self.classes as f64)
    }

    /// The plain mean over classes of F1 of the most probable class.
    ///
    /// # Errors
    /// When a class is neither present nor predicted.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn macro_f1(&self) -> Result<f64, Undefined> {
        let counts = self.confusion();
        let mut sum = 0.0;
        for class in 0..self.classes {
            let own: u64 = counts[class * self.classes..(class + 1) * self.classes]
                .iter()
                .sum();
            let predicted: u64 = counts.iter().skip(class).step_by(self.classes).sum();
            if own + predicted == 0 {
                return Err(Undefined::NoPositives);
            }
            let hits = counts[class * self.classes + class];
            sum += 2.0 * hits as f64 / (own + predicted) as f64;
        }
        Ok(sum / self.classes as f64)
    }

    /// Rows by class (slow) and most probable class (fast); the lowest class number wins among
    /// equal probabilities, as in `numpy.argmax`.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn confusion(&self) -> Vec<u64> {
        let mut counts = vec![0; self.classes * self.classes];
        for (label, row) in self.rows() {
            let mut best = 0;
            for class in 1..self.classes {
                if row[class] > row[best] {
                    best = class;
                }
            }
            counts[label * self.classes + best] += 1;
        }
        counts
    }

    /// The mean over classes of the expected calibration error of each class against the rest
    /// (Kull et al. 2019, "Beyond temperature scaling", section 2: classwise), over [`ECE_BINS`]
    /// bins of equal width.
    ///
    /// # Errors
    /// When there are no rows.
    ///
    /// # Panics
    /// When the slices do not fit together.
    pub fn classwise_calibration_error(&self) -> Result<f64, Undefined> {
        if self.labels.is_empty() {
            return Err(Undefined::NoRows);
        }
        let mut gaps = vec![0.0; self.classes * ECE_BINS];
        for (label, row) in self.rows() {
            for (class, &p) in row.iter().enumerate() {
                let bin = class * ECE_BINS + usize::from(ece_bin(p));
                gaps[bin] += f64::from(u8::from(class == label)) - p;
            }
        }
        let sum: f64 = gaps.iter().map(|gap| gap.abs()).sum();
        Ok(sum / self.labels.len() as f64 / self.classes as f64)
    }

    fn column(&self, class: usize) -> Vec<f64> {
        self.rows().map(|(_, row)| row[class]).collect()
    }
}
