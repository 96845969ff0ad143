//! Tokens of many subjects in columns: 22 bytes an event and 64 a subject.
//!
//! Only what training reads is kept. The event index is not: training never walks back to a record.

use longitude_core::{Days, Instant};
use longitude_model::{Batch, Input, Target};
use longitude_tokens::{Next, Scored, Tokens, age_days};

/// Columns of all subjects, one subject after the other.
#[derive(Clone, Default)]
pub(crate) struct Sequences {
    code: Vec<u32>,
    value_bin: Vec<u16>,
    value: Vec<f32>,
    value_nats: Vec<f32>,
    time_us: Vec<i64>,
    rows: Vec<Row>,
}

/// Where one subject stands in the columns, and what of it is scored.
#[derive(Clone, Copy)]
struct Row {
    start: usize,
    len: usize,
    lead: usize,
    scored: Scored,
    birth_us: Option<i64>,
}

/// The columns of one subject.
#[derive(Clone, Copy)]
pub(crate) struct Sequence<'s> {
    pub(crate) code: &'s [u32],
    pub(crate) value_bin: &'s [u16],
    pub(crate) value: &'s [f32],
    pub(crate) value_nats: &'s [f32],
    pub(crate) time_us: &'s [i64],
    pub(crate) lead: usize,
    pub(crate) scored: Scored,
    pub(crate) birth_us: Option<i64>,
}

/// Positions `begin..end` of one subject, after its leading ones where `begin` is beyond them;
/// targets stand from `scored_from` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) subject: u32,
    pub(crate) begin: u32,
    pub(crate) end: u32,
    pub(crate) scored_from: u32,
    /// Leading positions repeated before `begin`.
    pub(crate) lead: u32,
}

impl Window {
    pub(crate) fn positions(&self) -> usize {
        (self.lead + self.end - self.begin) as usize
    }
}

impl Sequences {
    pub(crate) fn push(&mut self, tokens: &Tokens) {
        let row = Row {
            start: self.code.len(),
            len: tokens.len(),
            lead: tokens.lead,
            scored: tokens.scored(),
            birth_us: tokens.birth_us,
        };
        self.code.extend_from_slice(&tokens.code);
        self.value_bin.extend_from_slice(&tokens.value_bin);
        self.value.extend_from_slice(&tokens.value);
        self.value_nats.extend_from_slice(&tokens.value_nats);
        self.time_us.extend_from_slice(&tokens.time_us);
        self.rows.push(row);
    }

    /// How many subjects there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many positions there are.
    pub(crate) fn positions(&self) -> usize {
        self.code.len()
    }

    pub(crate) fn get(&self, subject: u32) -> Option<Sequence<'_>> {
        let row = self.rows.get(subject as usize)?;
        let range = row.start..row.start + row.len;
        Some(Sequence {
            code: &self.code[range.clone()],
            value_bin: &self.value_bin[range.clone()],
            value: &self.value[range.clone()],
            value_nats: &self.value_nats[range.clone()],
            time_us: &self.time_us[range],
            lead: row.lead,
            scored: row.scored,
            birth_us: row.birth_us,
        })
    }

    /// Bytes of the columns and rows.
    pub(crate) fn bytes(&self) -> usize {
        let events = 4 * self.code.capacity() + 2 * self.value_bin.capacity();
        let values = 4 * (self.value.capacity() + self.value_nats.capacity());
        let rows = size_of::<Row>() * self.rows.capacity();
        events + values + 8 * self.time_us.capacity() + rows
    }

    /// The subjects that are kept, in their order.
    pub(crate) fn kept(&self, kept: &[bool]) -> Self {
        let mut out = Self::default();
        for (row, _) in self.rows.iter().zip(kept).filter(|(_, kept)| **kept) {
            let range = row.start..row.start + row.len;
            out.rows.push(Row {
                start: out.code.len(),
                ..*row
            });
            out.code.extend_from_slice(&self.code[range.clone()]);
            out.value_bin
                .extend_from_slice(&self.value_bin[range.clone()]);
            out.value.extend_from_slice(&self.value[range.clone()]);
            out.value_nats
                .extend_from_slice(&self.value_nats[range.clone()]);
            out.time_us.extend_from_slice(&self.time_us[range]);
        }
        out
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Sequence<'_>> {
        (0u32..).map_while(|subject| self.get(subject))
    }
}

impl Sequence<'_> {
    /// What the likelihood asks after a position.
    pub(crate) fn next(&self, position: usize) -> Next {
        self.scored.next(self.time_us, position)
    }

    /// The positions that have a target: they are contiguous.
    pub(crate) fn targets(&self) -> std::ops::Range<usize> {
        let mut range = self.scored.from..self.scored.until.min(self.time_us.len());
        if range
            .end
            .checked_sub(1)
            .is_some_and(|last| self.next(last) == Next::None)
        {
            range.end -= 1;
        }
        if range.is_empty() { 0..0 } else { range }
    }

    /// What the model sees at a position, in a segment that began at `origin_us`.
    fn input(&self, position: usize, origin_us: i64) -> Input {
        let now = self.time_us[position];
        let before = position
            .checked_sub(1)
            .map_or(now, |before| self.time_us[before]);
        Input {
            code: self.code[position],
            value_bin: self.value_bin[position],
            value: self.value[position],
            age_days: age_days(self.birth_us.map(Instant), Instant(now)),
            time_days: days(now.saturating_sub(origin_us)),
            wait_days_prev: single(days(now.saturating_sub(before))),
        }
    }

    fn target(&self, position: usize) -> Target {
        match self.next(position) {
            Next::None => Target::None,
            Next::Event { wait_us } => Target::Event {
                wait_days: days(wait_us),
                code: self.code[position + 1],
                value_bin: self.value_bin[position + 1],
            },
            Next::Censored { wait_us } => Target::Censored {
                wait_days: days(wait_us),
            },
        }
    }

    /// Adds a window to a batch. Returns the nats inside the value bins of its scored events, which
    /// no weight changes.
    pub(crate) fn fill(
        &self,
        window: &Window,
        batch: &mut Batch,
    ) -> Result<f64, longitude_model::Error> {
        let lead = 0..window.lead as usize;
        let body = window.begin as usize..window.end as usize;
        let origin = lead.clone().chain(body.clone()).next().unwrap_or(0);
        let origin_us = self.time_us.get(origin).copied().unwrap_or(0);
        let positions = || lead.clone().chain(body.clone());
        let scored = |position: usize| position >= window.scored_from as usize;
        let inputs: Vec<Input> = positions().map(|p| self.input(p, origin_us)).collect();
        let targets: Vec<Target> = positions()
            .map(|p| {
                if scored(p) {
                    self.target(p)
                } else {
                    Target::None
                }
            })
            .collect();
        batch.push(&inputs, &targets)?;
        Ok(positions()
            .filter(|p| scored(*p) && matches!(self.next(*p), Next::Event { .. }))
            .map(|p| f64::from(self.value_nats[p + 1]))
            .sum())
    }
}

pub(crate) fn days(micros: i64) -> f64 {
    Days::from_micros(micros).0
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the model computes in single precision"
)]
pub(crate) fn single(value: f64) -> f32 {
    value as f32
}
