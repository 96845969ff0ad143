//! The transformer as a [`Process`]: pasts, each run once, and their futures as rows of a decoder.

use crate::process::Process;
use crate::sample::{Start, single};
use crate::{Error, Result};
use longitude_core::{Days, Instant, Timeline};
use longitude_model::{Decoder, Input, Prefix, Recall, Rows};
use longitude_tokens::{Vocabulary, encode_history};
use std::sync::Arc;

/// One subject's past as the model sees it.
pub(crate) struct History {
    pub(crate) inputs: Vec<Input>,
    pub(crate) start: Start,
}

impl History {
    /// The events up to and with `at`, at most `positions_max` of them: static ones and birth, then
    /// the latest, as training cuts long timelines.
    pub(crate) fn new(
        vocabulary: &Vocabulary,
        timeline: &Timeline,
        at: Instant,
        positions_max: usize,
    ) -> Result<Self> {
        let tokens = encode_history(vocabulary, timeline, at);
        let positions = tokens.recent(positions_max);
        let (Some(first), Some(last)) = (positions.first(), positions.last()) else {
            return Err(Error::EmptyHistory);
        };
        let (first_us, last_us) = (tokens.time_us[*first], tokens.time_us[*last]);
        let input = |position: &usize| {
            let now = tokens.time_us[*position];
            let before = position.checked_sub(1).map_or(now, |p| tokens.time_us[p]);
            Input {
                code: tokens.code[*position],
                value_bin: tokens.value_bin[*position],
                value: tokens.value[*position],
                age_days: tokens.age_days[*position],
                time_days: Days::from_micros(now.saturating_sub(first_us)).0,
                wait_days_prev: single(Days::from_micros(now.saturating_sub(before)).0),
            }
        };
        Ok(Self {
            inputs: positions.iter().map(input).collect(),
            start: Start {
                subject: timeline.subject(),
                at,
                first_us,
                last_us,
                birth: tokens.birth_us.map(Instant),
            },
        })
    }
}

/// Futures of prefixes.
pub(crate) struct Neural<'a> {
    decoder: &'a Decoder,
    rows: &'a mut Rows,
    /// The decoder's rows that hold no future.
    free: Vec<u32>,
    /// The decoder's row of each row here.
    active: Vec<u32>,
    prefixes: Vec<Arc<Prefix>>,
    /// `[R, D]`.
    hidden: Vec<f32>,
    /// `[R, 1 + W]`.
    laws: Vec<f32>,
    /// Codes of each row's future so far; kept only where repeats are damped.
    seen: Vec<Vec<u32>>,
    /// Values of the past and of each row's future so far.
    recalls: Vec<Recall>,
}

impl<'a> Neural<'a> {
    /// No futures yet; as many are taken as there are `rows`.
    pub(crate) fn new(decoder: &'a Decoder, rows: &'a mut Rows) -> Self {
        Self {
            decoder,
            free: (0..).take(rows.rows()).collect(),
            rows,
            active: Vec::new(),
            prefixes: Vec::new(),
            hidden: Vec::new(),
            laws: Vec::new(),
            seen: Vec::new(),
            recalls: Vec::new(),
        }
    }

    fn damps(&self) -> bool {
        !self.decoder.model().config().choices.once_only.is_empty()
    }
}

impl Process for Neural<'_> {
    type Past = Arc<Prefix>;

    fn admit(&mut self, prefix: &Arc<Prefix>) -> Result<()> {
        let full = longitude_model::Error::Rows {
            row: self.active.len(),
        };
        let row = self.free.pop().ok_or(full)?;
        self.rows.begin(row as usize, prefix)?;
        self.active.push(row);
        self.prefixes.push(Arc::clone(prefix));
        self.hidden.extend_from_slice(prefix.hidden());
        self.seen.push(Vec::new());
        self.recalls.push(prefix.recall().clone());
        Ok(())
    }

    fn waits(&mut self, after: &[Option<f64>], draws: &[f64], waits: &mut Vec<f64>) -> Result<()> {
        self.decoder.wait(&self.hidden, &mut self.laws);
        let width = self.laws.len() / draws.len().max(1);
        waits.clear();
        let rows = self.laws.chunks_exact(width.max(1)).zip(draws).zip(after);
        let wait = |((law, draw), after): ((&[f32], &f64), &Option<f64>)| {
            self.decoder.wait_law(law).sample(*draw, *after)
        };
        waits.extend(rows.map(wait));
        Ok(())
    }

    fn codes(&mut self, waits: &[f64], codes: &mut Vec<f32>) -> Result<()> {
        self.decoder.codes(&self.hidden, waits, codes);
        if self.damps() {
            let rows = codes.chunks_exact_mut(self.decoder.model().config().vocab);
            for ((row, seen), prefix) in rows.zip(&self.seen).zip(&self.prefixes) {
                self.decoder.damp(&[prefix.seen(), seen], row);
            }
        }
        Ok(())
    }

    fn bins(&mut self, marks: &[(f64, u32)], bins: &mut Vec<f32>) -> Result<()> {
        let recalls: Vec<&Recall> = self.recalls.iter().collect();
        Ok(self.decoder.values(&self.hidden, marks, &recalls, bins)?)
    }

    fn advance(&mut self, keep: &[usize], events: &[Input]) -> Result<()> {
        let mut kept = vec![false; self.active.len()];
        for row in keep {
            kept[*row] = true;
        }
        for (row, _) in self.active.iter().zip(&kept).filter(|(_, kept)| !**kept) {
            self.rows.end(*row as usize);
            self.free.push(*row);
        }
        let damps = self.damps();
        retain(&mut self.active, &kept);
        retain(&mut self.prefixes, &kept);
        retain(&mut self.seen, &kept);
        retain(&mut self.recalls, &kept);
        for ((seen, recall), event) in self.seen.iter_mut().zip(&mut self.recalls).zip(events) {
            if damps {
                seen.push(event.code);
            }
            self.decoder.note(recall, event);
        }
        let hidden = self.decoder.step(self.rows, &self.active, events)?;
        self.hidden.clear();
        self.hidden.extend_from_slice(hidden);
        Ok(())
    }
}

fn retain<T>(rows: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    rows.retain(|_| kept.next().is_some_and(|kept| *kept));
}

#[cfg(test)]
mod tests;
