//! Count features, gradient boosting, logistic regression and age-sex hazards.
#![forbid(unsafe_code)]
