//! Why a metric has no value. It is not an error: an undefined metric is an outcome of its own.

use std::fmt;

/// The reason why a metric is undefined on these rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undefined {
    /// There are no rows.
    NoRows,
    /// No row has the outcome.
    NoPositives,
    /// Every row has the outcome.
    NoNegatives,
    /// All scores are equal, so that no slope can be fitted.
    ConstantScores,
    /// A threshold on the score separates the classes, so that the fitted slope has no bound.
    Separated,
    /// The fit did not converge.
    NotConverged,
    /// The sum of the risks is zero, so that nothing can be divided by it.
    NothingExpected,
    /// Fewer than two distinct values, so that there is no correlation.
    NoVariation,
    /// No pair of rows can be compared.
    NoPairs,
    /// Everybody is censored by a time that is asked about.
    AllCensored,
    /// The horizon lies beyond what was observed.
    BeyondFollowUp,
    /// Too few values for this metric.
    TooFew,
    /// Nothing lies above the threshold.
    NobodyAlerted,
    /// No threshold reaches what is asked for.
    NotReached,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRows => "there are no rows",
            Self::NoPositives => "no row has the outcome",
            Self::NoNegatives => "every row has the outcome",
            Self::ConstantScores => "all scores are equal",
            Self::Separated => "a threshold separates the classes, so the slope has no bound",
            Self::NotConverged => "the fit did not converge",
            Self::NothingExpected => "the risks sum to zero",
            Self::NoVariation => "one of the two does not vary",
            Self::NoPairs => "no pair of rows can be compared",
            Self::AllCensored => "everybody is censored by a time that is asked about",
            Self::BeyondFollowUp => "the horizon lies beyond what was observed",
            Self::TooFew => "there are too few values",
            Self::NobodyAlerted => "nothing lies at or above the threshold",
            Self::NotReached => "no threshold reaches it",
        })
    }
}
