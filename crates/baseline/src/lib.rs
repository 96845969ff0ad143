//! Baselines that a trajectory model must beat, and that are of use beside it: the hazard by age
//! and sex, penalised logistic regression and gradient boosting on counts, and published scores.
//!
//! They read [`longitude_core::Timeline`]s up to a prediction time and give one risk for an
//! outcome within a horizon. They know no tokens, no tensors and no files. In the data's way they
//! stand beside the model: labelled examples of the train and tuning subjects in, risks out.
//!
//! Where the data cannot carry a model, fitting refuses with [`Error::NotFitted`].
#![forbid(unsafe_code)]

mod age_sex;
mod boosted;
mod cross;
mod error;
mod features;
mod fitted;
mod lbfgs;
mod logistic;
mod matrix;
mod observed;
mod scores;
mod select;
mod shares;

pub use age_sex::{AgeSex, BAND_LAST_YEARS, BAND_YEARS, PRIOR_EVENTS};
pub use boosted::{Boosted, LEARNING_RATE, TREES_MAX, TREES_PATIENCE};
pub use cross::{CrossFitted, FOLDS, cross_fit, fold_of};
pub use error::{Error, NotFitted};
pub use features::{AGE_YEARS_MAX, Feature, Statistic, Window};
pub use fitted::{
    EXAMPLES_MIN, Example, Fitted, Kind, Model, Weighted, fit, fit_on_labels, fit_weighted,
};
pub use logistic::{DEVIATIONS_MAX, Logistic, PENALTIES};
pub use observed::{InverseWeights, TRUNCATION_SHARE, inverse_weights, observation_weights};
pub use scores::{Basis, Counted, NoScore, SHARE_MIN, Score, Scorer, WINDOW_DAYS};
pub use select::{FEATURES_MAX, FeatureSet, SUBJECTS_MIN};
pub use shares::{AgeSexShares, PRIOR_EXAMPLES};
