//! Fitting a baseline and asking it.

use crate::age_sex::AgeSex;
use crate::boosted::Boosted;
use crate::error::{Error, NotFitted};
use crate::logistic::Logistic;
use crate::matrix::{Outcomes, Rows};
use crate::select::FeatureSet;
use crate::shares::AgeSexShares;
use longitude_core::{Instant, Split, Task, Timeline};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// The fewest examples to learn from, and to tune on.
pub const EXAMPLES_MIN: usize = 20;

/// A subject at a prediction time.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// The whole timeline; features read its history up to `time` only.
    pub timeline: &'a Timeline,
    /// The prediction time.
    pub time: Instant,
}

/// Which baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The hazard by age and sex, or the share with the outcome where there are labels alone.
    AgeSex,
    /// Penalised logistic regression on counts.
    Logistic,
    /// Gradient-boosted trees on counts.
    Boosted,
}

impl Kind {
    /// All, from the simplest.
    pub const ALL: [Self; 3] = [Self::AgeSex, Self::Logistic, Self::Boosted];

    /// The name under which an evaluation lists it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AgeSex => "age_sex",
            Self::Logistic => "logistic",
            Self::Boosted => "boosted",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A fitted baseline.
#[derive(Debug, Serialize, Deserialize)]
pub struct Fitted {
    /// The stable name of the task that it answers.
    pub task: String,
    /// What was fitted.
    pub model: Model,
}

/// What was fitted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Model {
    /// Hazards by age and sex.
    AgeSex {
        /// The hazards.
        hazards: AgeSex,
    },
    /// Shares with the outcome by age and sex.
    AgeSexShares {
        /// The shares.
        shares: AgeSexShares,
    },
    /// A regression on counts.
    Logistic {
        /// The columns.
        features: FeatureSet,
        /// The regression.
        regression: Logistic,
    },
    /// Trees on counts.
    Boosted {
        /// The columns.
        features: FeatureSet,
        /// The trees.
        trees: Box<Boosted>,
    },
}

/// Labelled examples.
type Labelled<'a> = (Example<'a>, bool);

/// Examples, and what each weighs.
#[derive(Clone, Copy, Debug)]
pub struct Weighted<'e> {
    /// The labelled examples.
    pub examples: &'e [(Example<'e>, bool)],
    /// What each weighs in the loss: above 0, 1 as a rule.
    pub weights: &'e [f64],
}

/// Fits one baseline. What there is to choose (penalty, number of trees) is chosen on `tuning`;
/// where that holds fewer than [`EXAMPLES_MIN`] examples or one class, a fifth of the train
/// subjects, by hash, stands in for it and is not learnt from. Labels are the task's: yes or no,
/// the others left out. `seed` draws the features that each tree sees.
///
/// # Errors
/// [`Error::NotFitted`] when the examples are too few or of one class.
pub fn fit(
    kind: Kind,
    train: &[Labelled<'_>],
    tuning: &[Labelled<'_>],
    task: &Task,
    seed: u64,
) -> Result<Fitted, Error> {
    if kind != Kind::AgeSex {
        return fit_on_labels(kind, train, tuning, &task.id, seed);
    }
    check(train).map_err(|reason| Error::NotFitted { kind, reason })?;
    let hazards = AgeSex::fit(train, task).map_err(|reason| Error::NotFitted { kind, reason })?;
    Ok(Fitted {
        task: task.id.clone(),
        model: Model::AgeSex { hazards },
    })
}

/// [`fit`] for a task that is known by its labels alone (its stable name is `task`): by age and sex
/// it counts shares with the outcome, not hazards.
///
/// # Errors
/// [`Error::NotFitted`] when the examples are too few or of one class.
pub fn fit_on_labels(
    kind: Kind,
    train: &[Labelled<'_>],
    tuning: &[Labelled<'_>],
    task: &str,
    seed: u64,
) -> Result<Fitted, Error> {
    if kind == Kind::AgeSex {
        check(train).map_err(|reason| Error::NotFitted { kind, reason })?;
        return Ok(Fitted {
            task: task.to_owned(),
            model: Model::AgeSexShares {
                shares: AgeSexShares::fit(train),
            },
        });
    }
    let ones = vec![1.0; train.len().max(tuning.len())];
    let weighted = |examples| Weighted {
        examples,
        weights: &ones[..<[Labelled<'_>]>::len(examples)],
    };
    fit_weighted(kind, weighted(train), weighted(tuning), task, seed)
}

/// Fits a baseline on counts with a weight for each example, for instance
/// [`crate::inverse_weights`]. The weights act in the loss and in what is chosen on `tuning`, not
/// in which features there are.
///
/// # Errors
/// [`Error::NotFitted`] when the examples are too few or of one class, a weight is not above 0, or
/// the baseline is [`Kind::AgeSex`], which knows no weights.
///
/// # Panics
/// When there are not as many weights as examples.
pub fn fit_weighted(
    kind: Kind,
    train: Weighted<'_>,
    tuning: Weighted<'_>,
    task: &str,
    seed: u64,
) -> Result<Fitted, Error> {
    for one in [&train, &tuning] {
        assert_eq!(one.examples.len(), one.weights.len(), "a weight an example");
    }
    let refuse = |reason| Error::NotFitted { kind, reason };
    let above_zero = |weight: &f64| weight.is_finite() && *weight > 0.0;
    if kind == Kind::AgeSex || !train.weights.iter().chain(tuning.weights).all(above_zero) {
        return Err(refuse(NotFitted::Weights));
    }
    check(train.examples).map_err(refuse)?;
    let model = if check(tuning.examples).is_ok() {
        fit_on_counts(kind, &train, &tuning, seed)?
    } else {
        let every = train
            .examples
            .iter()
            .copied()
            .zip(train.weights.iter().copied());
        let (tuning, train): (Vec<_>, Vec<_>) = every.partition(|((example, _), _)| {
            Split::bucket("baseline-tuning", example.timeline.subject()) < 200
        });
        let (tuning, tuning_weights): (Vec<_>, Vec<_>) = tuning.into_iter().unzip();
        let (train, train_weights): (Vec<_>, Vec<_>) = train.into_iter().unzip();
        if check(&train).and(check(&tuning)).is_err() {
            return Err(refuse(NotFitted::NothingToTuneOn));
        }
        let train = Weighted {
            examples: &train,
            weights: &train_weights,
        };
        let tuning = Weighted {
            examples: &tuning,
            weights: &tuning_weights,
        };
        fit_on_counts(kind, &train, &tuning, seed)?
    };
    Ok(Fitted {
        task: task.to_owned(),
        model,
    })
}

fn fit_on_counts(
    kind: Kind,
    train: &Weighted<'_>,
    tuning: &Weighted<'_>,
    seed: u64,
) -> Result<Model, Error> {
    let features = FeatureSet::choose(train.examples);
    let (train_rows, tuning_rows) = (rows(&features, train), rows(&features, tuning));
    let (train_labels, tuning_labels) = (labels(train.examples), labels(tuning.examples));
    let train = Outcomes {
        rows: &train_rows,
        labels: &train_labels,
        weights: train.weights,
    };
    let tuning = Outcomes {
        rows: &tuning_rows,
        labels: &tuning_labels,
        weights: tuning.weights,
    };
    Ok(if kind == Kind::Logistic {
        Model::Logistic {
            regression: Logistic::fit(&train, &tuning),
            features,
        }
    } else {
        Model::Boosted {
            trees: Box::new(Boosted::fit(&train, &tuning, seed)?),
            features,
        }
    })
}

fn rows(features: &FeatureSet, weighted: &Weighted<'_>) -> Rows {
    features.rows(weighted.examples.iter().map(|(example, _)| *example))
}

fn labels(examples: &[Labelled<'_>]) -> Vec<bool> {
    examples.iter().map(|(_, label)| *label).collect()
}

fn check(examples: &[Labelled<'_>]) -> Result<(), NotFitted> {
    let positives = examples.iter().filter(|(_, label)| *label).count();
    if examples.len() < EXAMPLES_MIN {
        Err(NotFitted::TooFewExamples {
            found: examples.len(),
            required: EXAMPLES_MIN,
        })
    } else if positives == 0 {
        Err(NotFitted::NoPositives)
    } else if positives == examples.len() {
        Err(NotFitted::NoNegatives)
    } else {
        Ok(())
    }
}

impl Fitted {
    /// Which baseline it is.
    pub fn kind(&self) -> Kind {
        match self.model {
            Model::AgeSex { .. } | Model::AgeSexShares { .. } => Kind::AgeSex,
            Model::Logistic { .. } => Kind::Logistic,
            Model::Boosted { .. } => Kind::Boosted,
        }
    }

    /// What was chosen (penalty, number of trees) kept, and all else fitted again on examples.
    pub(crate) fn again(
        &self,
        examples: &[Labelled<'_>],
        task: &Task,
        seed: u64,
    ) -> Result<Self, Error> {
        let kind = self.kind();
        check(examples).map_err(|reason| Error::NotFitted { kind, reason })?;
        let choose = || {
            let features = FeatureSet::choose(examples);
            let rows = features.rows(examples.iter().map(|(example, _)| *example));
            (features, rows)
        };
        let (labels, ones) = (labels(examples), vec![1.0; examples.len()]);
        let outcomes = |rows| Outcomes {
            rows,
            labels: &labels,
            weights: &ones,
        };
        let model = match &self.model {
            Model::AgeSex { .. } => Model::AgeSex {
                hazards: AgeSex::fit(examples, task)
                    .map_err(|reason| Error::NotFitted { kind, reason })?,
            },
            Model::AgeSexShares { .. } => Model::AgeSexShares {
                shares: AgeSexShares::fit(examples),
            },
            Model::Logistic { regression, .. } => {
                let (features, rows) = choose();
                let regression = regression.again(&outcomes(&rows));
                Model::Logistic {
                    features,
                    regression,
                }
            }
            Model::Boosted { trees, .. } => {
                let (features, rows) = choose();
                let trees = Box::new(trees.again(&outcomes(&rows), seed)?);
                Model::Boosted { features, trees }
            }
        };
        Ok(Self {
            task: self.task.clone(),
            model,
        })
    }

    /// The risk of each example, in order.
    pub fn predict(&self, examples: &[Example<'_>]) -> Vec<f64> {
        let examples = examples.iter().copied();
        match &self.model {
            Model::AgeSex { hazards } => examples.map(|e| hazards.predict(&e)).collect(),
            Model::AgeSexShares { shares } => examples.map(|e| shares.predict(&e)).collect(),
            Model::Logistic {
                features,
                regression,
            } => regression.predict(&features.rows(examples)),
            Model::Boosted { features, trees } => trees.predict(&features.rows(examples)),
        }
    }

    /// What was chosen, for a report: columns, penalty, trees.
    pub fn describe(&self) -> BTreeMap<String, Value> {
        let pairs = match &self.model {
            Model::AgeSex { .. } | Model::AgeSexShares { .. } => vec![],
            Model::Logistic {
                features,
                regression,
            } => vec![
                ("features", json!(features.features().len())),
                ("penalty", json!(regression.penalty())),
            ],
            Model::Boosted { features, trees } => vec![
                ("features", json!(features.features().len())),
                ("trees", json!(trees.trees())),
            ],
        };
        let named = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        named.collect()
    }
}
