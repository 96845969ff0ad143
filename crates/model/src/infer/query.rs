//! The query head of a decoder: risks within horizons in one pass, without sampling.

use super::{Decoder, Prefix};
use crate::batch::{Input, check_input};
use crate::error::{Error, Result};
use crate::ops::heads::query::{FEATURES, Marks, probabilities};
use crate::queried::Head;
use crate::query::{Incidence, Question};
use std::sync::Arc;

impl Decoder {
    /// The answers to questions after each of several histories: `questions[i]` follow
    /// `histories[i]`. Histories run together, and once for all their questions.
    ///
    /// # Errors
    /// [`Error::Batch`] when a history is empty or does not fit the model, or when a question does
    /// not; the position counts through all histories, or questions.
    pub fn query(
        &self,
        histories: &[&[Input]],
        questions: &[&[Question]],
    ) -> Result<Vec<Vec<Incidence>>> {
        let hidden = self.hidden_last(histories)?;
        let pairs: Vec<(&[Input], &Question)> = histories
            .iter()
            .zip(questions)
            .flat_map(|(history, asked)| asked.iter().map(|question| (*history, question)))
            .collect();
        let counts = questions.iter().map(|asked| asked.len());
        let rows: Vec<u32> = (0u32..)
            .zip(counts.clone())
            .flat_map(|(row, count)| std::iter::repeat_n(row, count))
            .collect();
        let mut curves = self.curves(&hidden, &rows, &pairs)?.into_iter();
        Ok(counts
            .map(|count| curves.by_ref().take(count).collect())
            .collect())
    }

    /// The answers to questions after a history that was run already.
    ///
    /// # Errors
    /// As [`Decoder::query`].
    pub fn query_after(
        &self,
        prefix: &Prefix,
        history: &[Input],
        questions: &[Question],
    ) -> Result<Vec<Incidence>> {
        let pairs: Vec<_> = questions
            .iter()
            .map(|question| (history, question))
            .collect();
        self.curves(prefix.hidden(), &vec![0; pairs.len()], &pairs)
    }

    /// One curve a question; `rows` name its hidden state in `[.., D]`.
    fn curves(
        &self,
        hidden: &[f32],
        rows: &[u32],
        pairs: &[(&[Input], &Question)],
    ) -> Result<Vec<Incidence>> {
        let (model, cpu) = (&*self.model, &self.cpu);
        let config = model.config();
        for (position, (history, question)) in pairs.iter().enumerate() {
            let refuse = |reason| Err(Error::Batch { position, reason });
            question.check(config).or_else(refuse)?;
            let events = history
                .iter()
                .try_for_each(|event| check_input(config, event));
            events.or_else(refuse)?;
        }
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let mut head = Head::default();
        let mut marks = Marks::new(config.vocab);
        let numbers = head.numbers.first(pairs.len() * FEATURES);
        for ((history, question), numbers) in pairs.iter().zip(numbers.chunks_exact_mut(FEATURES)) {
            numbers.copy_from_slice(&marks.features(question, history));
        }
        let questions: Vec<&Question> = pairs.iter().map(|(_, question)| *question).collect();
        let pool = cpu.pool();
        let logits = pool.install(|| head.forward(cpu, model, hidden, (rows, &questions)));
        let edges: Arc<[f32]> = config.query_edges_days.clone().into();
        let curve = |(logits, question): (&[f32], &&Question)| {
            let (one, two) = logits.split_at(edges.len());
            let competes = !question.competing.is_empty();
            let hazards: Vec<[f64; 2]> = one
                .iter()
                .zip(two)
                .map(|(one, two)| {
                    let [_, predicate, competing] = probabilities([*one, *two], competes);
                    [predicate, competing]
                })
                .collect();
            Incidence::new(Arc::clone(&edges), &hazards)
        };
        let rows = logits.chunks_exact(2 * edges.len());
        Ok(rows.zip(&questions).map(curve).collect())
    }
}
