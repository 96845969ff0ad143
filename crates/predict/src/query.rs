//! Answers from the query head: one pass, no sampling, no Monte Carlo error. They stand beside the
//! sampled ones; which of them becomes a prediction is not decided here.
//!
//! A task's question is put as training puts its own: the codes that count for the outcome, death
//! competing unless it is the outcome, at the time that has passed since the last event.

use crate::engine::{Asked, Engine};
use crate::neural::History;
use crate::{Error, Result};
use longitude_core::{Days, Predicate, Task};
use longitude_model::{Atom, Incidence, Question};
use std::sync::Arc;

/// One task's answer for one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Queried {
    /// The probability of the outcome within the task's horizon, before death.
    pub risk: f64,
    /// The same for all horizons.
    pub curve: Incidence,
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
            let questions: Vec<Question> = questions.collect();
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
pub(crate) fn question(history: &History, (predicate, competing): &Sides) -> Question {
    let elapsed = history.start.at.0.saturating_sub(history.start.last_us);
    Question {
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
