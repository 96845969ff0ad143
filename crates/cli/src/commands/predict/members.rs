//! The members of one task: sampled futures, the query head, and two models on counts. Each gives
//! a risk for every row; what cannot be a member of this task is named with its reason.

use super::futures::ByProgram;
use anyhow::Result;
use longitude_baseline::{Example, Fitted as OnCounts};
use longitude_core::{Instant, Timeline};
use longitude_predict::{Asked, Engine, Question, SampleOptions};

/// How futures are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Estimator {
    /// Probabilities along futures, with the control variate
    Scope,
    /// Futures that avoid the outcome
    Reach,
}

/// How the sampled member asks.
pub(super) enum Sampling<'a> {
    /// The task is one question.
    Direct(Question, Estimator),
    /// Futures are labelled by the task's program.
    ByProgram(Box<ByProgram<'a>>),
}

/// A row that is asked about.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) timeline: std::sync::Arc<Timeline>,
    pub(super) at: Instant,
    /// The instant that its question begins from.
    pub(super) trigger: Instant,
    /// What the data say came.
    pub(super) label: Option<bool>,
}

/// Redacted: it is a patient's.
impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Row(..)")
    }
}

impl Row {
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            timeline: &self.timeline,
            at: self.at,
        }
    }

    pub(super) fn example(&self) -> Example<'_> {
        Example {
            timeline: &self.timeline,
            time: self.at,
        }
    }
}

/// What the sampled member says of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampled {
    /// The risk; none where no future tells.
    pub(super) risk: Option<f64>,
    pub(super) standard_error: f64,
    /// The share of futures that were cut short, or have no label.
    pub(super) open_share: f64,
}

/// All members.
pub(super) struct Members<'a> {
    pub(super) engine: &'a Engine,
    pub(super) options: SampleOptions,
    pub(super) sampling: Option<Sampling<'a>>,
    pub(super) query: Option<Question>,
    pub(super) logistic: Option<&'a OnCounts>,
    pub(super) boosted: Option<&'a OnCounts>,
}

/// What all members say of some rows: the sampled one with its error, and all risks by member.
pub(super) struct Said {
    pub(super) sampled: Option<Vec<Sampled>>,
    /// `[members][rows]`.
    pub(super) risks: Vec<Vec<Option<f64>>>,
}

impl Members<'_> {
    /// Their names, the simplest first.
    pub(super) fn names(&self) -> Vec<String> {
        let all = [
            ("query", self.query.is_some()),
            ("sampled", self.sampling.is_some()),
            ("logistic", self.logistic.is_some()),
            ("boosted", self.boosted.is_some()),
        ];
        let there = all.into_iter().filter(|(_, there)| *there);
        there.map(|(name, _)| name.to_owned()).collect()
    }

    /// What they say of rows, in their order.
    pub(super) fn say(&mut self, rows: &[Row]) -> Result<Said> {
        let asked: Vec<Asked<'_>> = rows.iter().map(Row::asked).collect();
        let mut risks = Vec::new();
        if let Some(question) = &self.query {
            let all = self.engine.query_question(&asked, question)?;
            risks.push(all.into_iter().map(Some).collect());
        }
        let sampled = self.sample(rows, &asked)?;
        if let Some(sampled) = &sampled {
            risks.push(sampled.iter().map(|one| one.risk).collect());
        }
        for fitted in [self.logistic, self.boosted].into_iter().flatten() {
            let examples: Vec<Example<'_>> = rows.iter().map(Row::example).collect();
            risks.push(fitted.predict(&examples).into_iter().map(Some).collect());
        }
        Ok(Said { sampled, risks })
    }

    fn sample(&mut self, rows: &[Row], asked: &[Asked<'_>]) -> Result<Option<Vec<Sampled>>> {
        let (engine, options) = (self.engine, &self.options);
        Ok(match &mut self.sampling {
            None => None,
            Some(Sampling::Direct(question, Estimator::Scope)) => {
                let raws = engine.estimate_many(asked, std::slice::from_ref(question), options)?;
                let one = |raw: &longitude_predict::Raw| Sampled {
                    risk: Some(raw.estimate.clamp(0.0, 1.0)),
                    standard_error: raw.standard_error,
                    open_share: raw.censored_share,
                };
                Some(raws.iter().flatten().map(one).collect())
            }
            Some(Sampling::Direct(question, Estimator::Reach)) => {
                let reached = engine.reach_many(asked, question, options)?;
                let one = |reached: &longitude_predict::Reached| Sampled {
                    risk: Some(reached.estimate.clamp(0.0, 1.0)),
                    standard_error: reached.standard_error,
                    open_share: reached.censored_share,
                };
                Some(reached.iter().map(one).collect())
            }
            Some(Sampling::ByProgram(program)) => {
                let pairs = rows.iter().zip(asked);
                let each = pairs.map(|(row, asked)| {
                    let counted = program.risk(engine, (asked, row.trigger), options)?;
                    Ok(Sampled {
                        risk: counted.risk,
                        standard_error: counted.standard_error,
                        open_share: counted.open_share,
                    })
                });
                Some(each.collect::<Result<_>>()?)
            }
        })
    }
}
