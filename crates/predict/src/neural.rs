//! The transformer as a [`Process`]: one past, run once, and its futures as rows of a decoder.

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

/// Futures of one prefix.
pub(crate) struct Neural<'a> {
    decoder: &'a Decoder,
    prefix: &'a Arc<Prefix>,
    rows: &'a mut Rows,
    /// The decoder's row of each row here, ascending.
    active: Vec<u32>,
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
    /// `n` futures with nothing in them yet; `rows` has at least as many rows.
    pub(crate) fn new(
        decoder: &'a Decoder,
        prefix: &'a Arc<Prefix>,
        rows: &'a mut Rows,
        n: u32,
    ) -> Result<Self> {
        for row in 0..n {
            rows.begin(row as usize, prefix)?;
        }
        Ok(Self {
            decoder,
            prefix,
            rows,
            active: (0..n).collect(),
            hidden: prefix.hidden().repeat(n as usize),
            laws: Vec::new(),
            seen: vec![Vec::new(); n as usize],
            recalls: vec![prefix.recall().clone(); n as usize],
        })
    }
}

impl Neural<'_> {
    fn damps(&self) -> bool {
        !self.decoder.model().config().choices.once_only.is_empty()
    }
}

impl Process for Neural<'_> {
    fn waits(&mut self, after: Option<f64>, draws: &[f64], waits: &mut Vec<f64>) -> Result<()> {
        self.decoder.wait(&self.hidden, &mut self.laws);
        let width = self.laws.len() / draws.len().max(1);
        waits.clear();
        let rows = self.laws.chunks_exact(width.max(1)).zip(draws);
        waits.extend(rows.map(|(law, draw)| self.decoder.wait_law(law).sample(*draw, after)));
        Ok(())
    }

    fn codes(&mut self, waits: &[f64], codes: &mut Vec<f32>) -> Result<()> {
        self.decoder.codes(&self.hidden, waits, codes);
        if self.damps() {
            let rows = codes.chunks_exact_mut(self.decoder.model().config().vocab);
            for (row, seen) in rows.zip(&self.seen) {
                self.decoder.damp(&[self.prefix.seen(), seen], row);
            }
        }
        Ok(())
    }

    fn bins(&mut self, marks: &[(f64, u32)], bins: &mut Vec<f32>) -> Result<()> {
        let recalls: Vec<&Recall> = self.recalls.iter().collect();
        Ok(self.decoder.values(&self.hidden, marks, &recalls, bins)?)
    }

    fn advance(&mut self, keep: &[usize], events: &[Input]) -> Result<()> {
        self.active = keep.iter().map(|row| self.active[*row]).collect();
        if self.damps() {
            self.seen = keep
                .iter()
                .map(|row| std::mem::take(&mut self.seen[*row]))
                .collect();
            for (seen, event) in self.seen.iter_mut().zip(events) {
                seen.push(event.code);
            }
        }
        let kept = keep.iter().zip(events).map(|(row, event)| {
            let mut recall = std::mem::take(&mut self.recalls[*row]);
            self.decoder.note(&mut recall, event);
            recall
        });
        self.recalls = kept.collect();
        let hidden = self.decoder.step(self.rows, &self.active, events)?;
        self.hidden.clear();
        self.hidden.extend_from_slice(hidden);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
