//! Pooled outcomes of an engine: which code stands above a rare outcome, which others stand beside
//! it there, and what training subjects at their times say of them all.
//!
//! The parent is the nearest ancestor under which at least [`POOLED_CASES_MAX`] pairs of a training
//! subject and a code stand, and something else than the outcome. Its answer is the query head's.
//! Its children are the outcome and, of all other codes below, what stands directly under the
//! parent.

use super::{Family, LEVEL, POOLED_CASES_MAX, Pooling, RareCounts, Ratio};
use crate::engine::{Asked, Engine};
use crate::{Error, Result};
use longitude_core::{
    Abstention, Code, CodeMatch, Days, Label, PooledAnswer, Predicate, Prediction, Probability,
    Task, Timeline,
};
use longitude_tokens::ancestors;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rows that are asked at once.
const PIECE: usize = 256;

/// How an outcome too rare to be learnt alone is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PooledOutcome {
    /// The code above, as MEDS writes it.
    pub parent: String,
    /// The codes of the parent's question.
    pub codes: Vec<Code>,
    /// What its answer is multiplied with.
    pub ratio: Ratio,
}

impl PooledOutcome {
    /// The parent's question, whose answer the ratio brings down.
    pub fn question(&self, horizon: Days) -> Task {
        above(&self.parent, &self.codes, horizon)
    }

    /// Puts the answer in the place of the refusal, given the parent's risk.
    fn answer(&self, parent: f64, prediction: &mut Prediction) {
        let risk = |ratio: f64| Probability::new((ratio * parent).clamp(0.0, 1.0)).ok();
        let [low, high] = self.ratio.interval;
        let (Some(middle), Some(low), Some(high)) = (risk(self.ratio.mean), risk(low), risk(high))
        else {
            return;
        };
        prediction.risk = Some(middle);
        prediction.abstention = None;
        prediction.pooled = Some(PooledAnswer {
            parent: self.parent.clone(),
            low,
            high,
            level: LEVEL,
            borrowed: self.ratio.borrowed,
        });
    }
}

/// How many training subjects had each code.
#[derive(Clone, Debug, Default)]
pub struct CodeCensus(BTreeMap<Code, u32>);

impl CodeCensus {
    /// Takes in one training subject.
    pub fn observe(&mut self, timeline: &Timeline) {
        let codes: BTreeSet<&Code> = timeline.events().iter().map(|event| &event.code).collect();
        for code in codes {
            match self.0.get_mut(code) {
                Some(count) => *count += 1,
                None => drop(self.0.insert(code.clone(), 1)),
            }
        }
    }

    /// The family of a rare outcome; none where nothing common enough stands above it.
    pub fn family(&self, task: &Task) -> Option<FamilyPlan> {
        let own = self.0.keys().find(|code| task.outcome.matches(code))?;
        let lineages = || {
            self.0
                .iter()
                .map(|(code, count)| (code, count, ancestors(code)))
        };
        ancestors(own).into_iter().find_map(|parent| {
            let (mut pairs, mut siblings) = (0, BTreeMap::<Code, Vec<CodeMatch>>::new());
            let mut codes = Vec::new();
            for (code, count, above) in lineages() {
                let Some(place) = above.iter().position(|one| *one == parent) else {
                    continue;
                };
                pairs += count;
                codes.push(code.clone());
                if !task.outcome.matches(code) {
                    let below = place.checked_sub(1).map_or(code, |place| &above[place]);
                    let exact = CodeMatch::Exact(code.clone());
                    siblings.entry(below.clone()).or_default().push(exact);
                }
            }
            let common = pairs >= POOLED_CASES_MAX && !siblings.is_empty();
            common.then(|| FamilyPlan {
                parent: parent.to_meds().into_owned(),
                codes,
                task: task.clone(),
                siblings: siblings
                    .into_values()
                    .map(|any_of| Predicate { any_of })
                    .collect(),
            })
        })
    }
}

/// A rare outcome among the codes of its parent.
#[derive(Clone, Debug)]
pub struct FamilyPlan {
    pub(super) parent: String,
    pub(super) codes: Vec<Code>,
    task: Task,
    siblings: Vec<Predicate>,
}

impl FamilyPlan {
    /// The id of the task that it answers.
    pub fn task(&self) -> &str {
        &self.task.id
    }

    /// The parent's question.
    fn above(&self) -> Task {
        above(&self.parent, &self.codes, self.task.horizon)
    }

    /// The outcome first, then what stands beside it.
    pub(super) fn children(&self) -> Vec<Task> {
        let own = std::iter::once(self.task.clone());
        let others = self.siblings.iter().map(|outcome| Task {
            outcome: outcome.clone(),
            ..self.task.clone()
        });
        own.chain(others).collect()
    }
}

/// The question of a parent: any of its codes within the horizon, before death.
fn above(parent: &str, codes: &[Code], horizon: Days) -> Task {
    let any_of = codes.iter().cloned().map(CodeMatch::Exact).collect();
    Task {
        id: parent.to_owned(),
        title: parent.to_owned(),
        outcome: Predicate { any_of },
        horizon,
        incident: false,
    }
}

impl Engine {
    /// Answers what was refused for too few cases through what stands above it, where that was
    /// fitted: the kind of the answer and its interval stand in [`Prediction::pooled`].
    pub(crate) fn answer_pooled(
        &self,
        asked: &[Asked<'_>],
        answers: &mut [Vec<Prediction>],
    ) -> Result<()> {
        if !self.has_queries() {
            return Ok(());
        }
        for (task, outcome) in &self.fitted().pooled {
            let is_open = |one: &Prediction| {
                let rare = matches!(one.abstention, Some(Abstention::OutcomeTooRare { .. }));
                rare && one.task == *task
            };
            let open: Vec<usize> = (0..answers.len())
                .filter(|row| answers[*row].iter().any(is_open))
                .collect();
            let horizon = answers.iter().flatten().find(|one| is_open(one));
            let Some(horizon) = horizon.map(|one| one.horizon) else {
                continue;
            };
            let people: Vec<Asked<'_>> = open.iter().map(|row| asked[*row]).collect();
            let above = [outcome.question(horizon)];
            let found = self.query_many(&people, &above)?;
            for (row, found) in open.into_iter().zip(found) {
                let Some(parent) = found.into_iter().next().flatten() else {
                    continue;
                };
                for one in answers[row].iter_mut().filter(|one| is_open(one)) {
                    outcome.answer(parent.risk, one);
                }
            }
        }
        Ok(())
    }

    /// What rows of training subjects say of rare outcomes and their families, and the pooled
    /// answer that comes of it; none where an interval says too little to act on.
    ///
    /// # Errors
    /// [`Error::NoQueryHead`], and when the model refuses an input.
    pub fn pool_outcomes(
        &self,
        plans: &[FamilyPlan],
        rows: &[Asked<'_>],
    ) -> Result<Vec<Option<PooledOutcome>>> {
        let families = self.families(plans, rows)?;
        let pooling = Pooling::fit(&families);
        let outcome = |(plan, family): (&FamilyPlan, &Family)| {
            let ratio = pooling.ratio(family, 0, None);
            let ratio = ratio.filter(Ratio::is_useful)?;
            Some(PooledOutcome {
                parent: plan.parent.clone(),
                codes: plan.codes.clone(),
                ratio,
            })
        };
        Ok(plans.iter().zip(&families).map(outcome).collect())
    }

    /// The counts of families over rows: the outcome first, then its siblings.
    ///
    /// # Errors
    /// As [`Engine::pool_outcomes`].
    pub fn families(&self, plans: &[FamilyPlan], rows: &[Asked<'_>]) -> Result<Vec<Family>> {
        if !self.has_queries() {
            return Err(Error::NoQueryHead);
        }
        let above: Vec<Task> = plans.iter().map(FamilyPlan::above).collect();
        let children: Vec<Vec<Task>> = plans.iter().map(FamilyPlan::children).collect();
        let mut families: Vec<Family> = plans
            .iter()
            .zip(&children)
            .map(|(plan, children)| Family {
                parent: plan.parent.clone(),
                children: vec![RareCounts::default(); children.len()],
            })
            .collect();
        for piece in rows.chunks(PIECE) {
            let answers = self.query_many(piece, &above)?;
            for (row, answers) in piece.iter().zip(answers) {
                for ((answer, family), tasks) in answers.iter().zip(&mut families).zip(&children) {
                    let Some(answer) = answer else { continue };
                    for (counts, task) in family.children.iter_mut().zip(tasks) {
                        let label = task.label(row.timeline, row.at);
                        if matches!(label, Label::Yes | Label::No) {
                            counts.expected += answer.risk;
                            counts.cases += f64::from(u8::from(label == Label::Yes));
                        }
                    }
                }
            }
        }
        Ok(families)
    }
}
