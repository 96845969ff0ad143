//! Answers from the query head: one pass, no sampling, no Monte Carlo error. They stand beside the
//! sampled ones; which of them becomes a prediction is not decided here.
//!
//! A task's question is put as training puts its own: the codes that count for the outcome, death
//! competing unless it is the outcome, at the time that has passed since the last event.

use crate::engine::{Asked, Engine, Question};
use crate::neural::History;
use crate::risk::{Mark, Values};
use crate::{Error, Result};
use longitude_core::{Days, Predicate, Task};
use longitude_model::{Atom, Incidence, Question as Query};
use std::sync::Arc;

/// One task's answer for one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Queried {
    /// The probability of the outcome within the task's horizon, before death.
    pub risk: f64,
    /// The same for all horizons.
    pub curve: Incidence,
}

/// Why the query head cannot take a question.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoQuery {
    /// The model has no such head.
    #[error("the model has no query head")]
    NoHead,
    /// The vocabulary has no code for the outcome.
    #[error("the model knows no code of the outcome")]
    NoCode,
    /// The window opens after the prediction time; the head knows first occurrences only.
    #[error("the window opens later than the prediction time, and the query head cannot wait")]
    OpensLate,
    /// The window ends after the last edge that the head was trained on.
    #[error("the window ends after the query head's last edge of {days} days")]
    Beyond {
        /// The last edge.
        days: f32,
    },
    /// A bound of a value lies inside a bin of the model.
    #[error("a bound of a value lies inside a value bin, which the query head cannot divide")]
    InsideBin,
    /// Some values of a code are the outcome and others compete with it.
    #[error("a code is outcome and competing event by its values, and the query head has one side")]
    BothSides,
}

/// The two sides of a question.
pub(crate) type Sides = (Arc<[Atom]>, Arc<[Atom]>);

impl Engine {
    /// Whether the model has a query head.
    pub fn has_queries(&self) -> bool {
        self.model().config().has_queries()
    }

    /// The query head's answers to every task for every subject, in the order given, uncalibrated:
    /// nothing is refused. A task whose outcome the vocabulary has no code for has none. Subjects
    /// are shared out among the threads.
    ///
    /// # Errors
    /// [`Error::NoQueryHead`], or when a history has no event or the model refuses an input.
    pub fn query_many(
        &self,
        asked: &[Asked<'_>],
        tasks: &[Task],
    ) -> Result<Vec<Vec<Option<Queried>>>> {
        let sides: Vec<Option<Sides>> = tasks.iter().map(|task| self.sides(task)).collect();
        let curves = self.curves(asked, &sides)?;
        let answer = |(task, curve): (&Task, Option<Incidence>)| {
            let curve = curve?;
            let risk = curve.within(task.horizon.0);
            Some(Queried { risk, curve })
        };
        let answers = |curves: Vec<_>| tasks.iter().zip(curves).map(answer).collect();
        Ok(curves.into_iter().map(answers).collect())
    }

    /// The query head's answers to pairs of an outcome and what ends the wait for it, for every
    /// subject: incidences, in the order given. A pair has none where the vocabulary has no code
    /// for its outcome. A code of both sides counts as outcome.
    ///
    /// # Errors
    /// As [`Engine::query_many`].
    pub fn incidence_many(
        &self,
        asked: &[Asked<'_>],
        pairs: &[(Predicate, Predicate)],
    ) -> Result<Vec<Vec<Option<Incidence>>>> {
        let sides = |(outcome, competing): &(Predicate, Predicate)| {
            let [outcome, mut competing] =
                [outcome, competing].map(|side| self.vocabulary().ids_matching(side));
            competing.retain(|id| !outcome.contains(id));
            both(&outcome, &competing)
        };
        let sides: Vec<Option<Sides>> = pairs.iter().map(sides).collect();
        self.curves(asked, &sides)
    }

    /// Why the query head cannot take a question, if so.
    pub fn query_refusal(&self, question: &Question) -> Option<NoQuery> {
        let outcome = &question.outcome;
        let config = self.model().config();
        let Some(edge) = config.query_edges_days.last() else {
            return Some(NoQuery::NoHead);
        };
        let sides = [&outcome.marks, &outcome.competing];
        if outcome.marks.is_empty() {
            Some(NoQuery::NoCode)
        } else if outcome.from.0 > 0.0 {
            Some(NoQuery::OpensLate)
        } else if outcome.horizon.0 > f64::from(*edge) {
            Some(NoQuery::Beyond { days: *edge })
        } else if sides
            .into_iter()
            .flatten()
            .any(|mark| mark.whole_bins().is_none())
        {
            Some(NoQuery::InsideBin)
        } else if outcome.competing.iter().any(|other| {
            let own = outcome.marks.iter().find(|own| own.id == other.id);
            own.is_some_and(|own| own.values != Values::Any && own.values != other.values)
        }) {
            Some(NoQuery::BothSides)
        } else {
            None
        }
    }

    /// The query head's risk of a question for every subject, in the order given: nothing is
    /// refused for the subject's sake. Death competes unless it is the outcome.
    ///
    /// # Errors
    /// As [`Engine::query_many`]; [`Error::NoQueryHead`] also for a question that
    /// [`Engine::query_refusal`] names a reason against.
    pub fn query_question(&self, asked: &[Asked<'_>], question: &Question) -> Result<Vec<f64>> {
        if self.query_refusal(question).is_some() {
            return Err(Error::NoQueryHead);
        }
        let outcome = &question.outcome;
        let death = Mark::any(self.vocabulary().death_id());
        let mut competing = outcome.competing.clone();
        competing.push(death);
        competing.sort_by_key(|mark| mark.id);
        competing.dedup_by_key(|mark| mark.id);
        competing.retain(|mark| outcome.marks.iter().all(|own| own.id != mark.id));
        let atoms = |marks: &[Mark]| {
            let atom = |mark: &Mark| {
                let (bin_first, bin_last) = mark.whole_bins()?;
                let code = mark.id;
                Some(Atom {
                    code,
                    bin_first,
                    bin_last,
                })
            };
            marks.iter().filter_map(atom).collect()
        };
        let sides = [Some((atoms(&outcome.marks), atoms(&competing)))];
        let curves = self.curves(asked, &sides)?;
        let within = |curve: Incidence| curve.within(outcome.horizon.0);
        let risks = curves.into_iter().flatten().flatten().map(within);
        Ok(risks.collect())
    }

    pub(crate) fn curves(
        &self,
        asked: &[Asked<'_>],
        sides: &[Option<Sides>],
    ) -> Result<Vec<Vec<Option<Incidence>>>> {
        if !self.has_queries() {
            return Err(Error::NoQueryHead);
        }
        self.workers().each(asked.len(), |worker, index| {
            let history = self.whole_history(&asked[index])?;
            let questions = sides.iter().flatten().map(|one| question(&history, one));
            let questions: Vec<Query> = questions.collect();
            let curves = worker.decoder.query(&[&history.inputs], &[&questions])?;
            let mut curves = curves.into_iter().flatten();
            let each = sides.iter();
            Ok(each
                .map(|sides| sides.as_ref().and_then(|_| curves.next()))
                .collect())
        })
    }

    /// The history of as many events as the model was trained on.
    pub(crate) fn whole_history(&self, asked: &Asked<'_>) -> Result<History> {
        let context = self.model().config().context;
        History::new(self.vocabulary(), asked.timeline, asked.at, context)
    }

    pub(crate) fn sides(&self, task: &Task) -> Option<Sides> {
        let ids = self.vocabulary().ids_matching(&task.outcome);
        let death = [self.vocabulary().death_id()];
        let competing = if task.outcome.is_death() {
            &[][..]
        } else {
            &death
        };
        both(&ids, competing)
    }
}

/// The question of two sides at a history's prediction time.
pub(crate) fn question(history: &History, (predicate, competing): &Sides) -> Query {
    let elapsed = history.start.at.0.saturating_sub(history.start.last_us);
    Query {
        elapsed_days: Days::from_micros(elapsed).0.max(0.0),
        predicate: Arc::clone(predicate),
        competing: Arc::clone(competing),
    }
}

/// Both sides as atoms; none where nothing is asked for. Ids ascend.
fn both(outcome: &[u32], competing: &[u32]) -> Option<Sides> {
    let atoms = |ids: &[u32]| ids.iter().map(|id| Atom::code(*id)).collect();
    (!outcome.is_empty()).then(|| (atoms(outcome), atoms(competing)))
}

#[cfg(test)]
pub(crate) mod tests;
