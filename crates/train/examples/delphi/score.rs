//! The likelihood of a day and a code, asked of our model as of the others (docs/model/delphi.md).

use crate::data::{CODES, END, Person};
use longitude_core::{Code, Instant};
use longitude_model::{Batch, Decoder, Device, Input, Model, Target, WaitLaw, Workspace};
use longitude_tokens::{Tokens, Vocabulary, age_days, encode};
use serde::Serialize;
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DAY_US: f64 = 86_400e6;

/// No code a second time, as the data are; or as the model left it.
pub(crate) const RULES: [&str; 2] = ["once", "again"];

/// Nats of each subject: the day, the code given the day, no event up to the end.
#[derive(Default, Serialize)]
pub(crate) struct Sums {
    pub(crate) subject: Vec<i64>,
    pub(crate) events: Vec<usize>,
    pub(crate) wait: Vec<f64>,
    pub(crate) code: Vec<f64>,
    pub(crate) survival: Vec<f64>,
}

/// Log probabilities of one subject's events, and of none up to the end.
pub(crate) struct Scored {
    /// Of each event: the day, and the code given the day by each of [`RULES`].
    pub(crate) events: Vec<[f64; 3]>,
    pub(crate) survival: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, person: &Person, scored: &Scored, rule: usize) {
        self.subject.push(person.subject);
        self.events.push(scored.events.len());
        let sum = |i: usize| -scored.events.iter().map(|event| event[i]).sum::<f64>();
        self.wait.push(sum(0));
        self.code.push(sum(1 + rule));
        self.survival.push(-scored.survival);
    }

    /// Nats an event, and their parts.
    pub(crate) fn per_event(&self) -> Value {
        let events: usize = self.events.iter().sum();
        let parts = [&self.wait, &self.code, &self.survival];
        let [wait, code, survival] = parts.map(|p| p.iter().sum::<f64>() / events as f64);
        let nats = wait + code + survival;
        json!({"nats": nats, "wait": wait, "code": code, "survival": survival})
    }
}

/// Which token stands for each code, and the code's share of the token: its frequency among the
/// codes that the vocabulary joins in that token, half a count added.
pub(crate) struct Shares {
    token: Vec<usize>,
    share: Vec<f64>,
}

impl Shares {
    pub(crate) fn new<'p>(
        vocabulary: &Vocabulary,
        codes: &[Code],
        people: impl Iterator<Item = &'p Person>,
    ) -> Self {
        let token: Vec<usize> = codes
            .iter()
            .map(|code| vocabulary.id(code) as usize)
            .collect();
        let mut counts = vec![0.5; CODES];
        people
            .flat_map(|person| &person.codes)
            .for_each(|code| counts[*code] += 1.0);
        let mut totals = vec![0.0; vocabulary.len()];
        for (token, count) in token.iter().zip(&counts) {
            totals[*token] += count;
        }
        let share = token.iter().zip(&counts).map(|(t, n)| n / totals[*t]);
        Self {
            share: share.collect(),
            token,
        }
    }

    fn of(&self, probabilities: &[f32], code: usize) -> f64 {
        f64::from(probabilities[self.token[code]]) * self.share[code]
    }
}

/// One model, ready to be asked.
pub(crate) struct Judge<'a> {
    decoder: Decoder,
    workspace: Workspace,
    vocabulary: &'a Vocabulary,
    shares: &'a Shares,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        model: &Model,
        vocabulary: &'a Vocabulary,
        shares: &'a Shares,
    ) -> Result<Self> {
        Ok(Self {
            decoder: Decoder::new(Arc::new(model.clone()), Device::cpu(1))?,
            workspace: Workspace::new(model.config(), 512, Device::cpu(1))?,
            vocabulary,
            shares,
        })
    }

    /// The events of a person and the end. The day of an event is the day around it, that of a tie
    /// the half day that is left: `S(w - 1/2) - S(w + 1/2)`, `1 - S(1/2)`.
    pub(crate) fn score(&mut self, person: &Person) -> Result<Scored> {
        let tokens = encode(self.vocabulary, person.timeline()?.get());
        let (first, last) = (tokens.scored_from, tokens.len() - 1);
        let hidden = self.hidden(&tokens)?;
        let d = hidden.len() / tokens.len();
        let (rows, end) = (&hidden[first * d..last * d], &hidden[last * d..]);
        let us = |position: usize| tokens.time_us[position];
        let waits = (first..last).map(|p| (us(p + 1) - us(p)) as f64 / DAY_US);
        let waits: Vec<f64> = waits.map(f64::round).collect();
        let (mut z, mut probabilities) = (vec![], vec![]);
        self.decoder.wait(rows, &mut z);
        self.decoder.codes(rows, &waits, &mut probabilities);
        let width = z.len() / waits.len().max(1);
        let vocabulary = probabilities.len() / waits.len().max(1);
        let mut events = Vec::with_capacity(waits.len());
        for (i, wait) in waits.iter().enumerate() {
            let law = self.decoder.wait_law(&z[i * width..(i + 1) * width]);
            let row = &probabilities[i * vocabulary..(i + 1) * vocabulary];
            let seen = person.codes[..i].iter();
            let gone: f64 = seen.map(|code| self.shares.of(row, *code)).sum();
            let again = self.shares.of(row, person.codes[i]);
            let once = again / (1.0 - gone);
            events.push([log_day(&law, *wait), once.ln(), again.ln()]);
        }
        let mut survival = 0.0;
        if !person.died() {
            self.decoder.wait(end, &mut z);
            let left = END + 0.5 - person.days.last().copied().unwrap_or(0.0);
            survival = -self.decoder.wait_law(&z).survival_nll(left);
        }
        Ok(Scored { events, survival })
    }

    /// The rates a day of all codes at an age in days, `[CODES]`: the hazard of the next event
    /// after the time that has passed without one, shared out by the code's probability.
    pub(crate) fn rates(&mut self, person: &Person, at: f64) -> Result<Vec<f64>> {
        let known = person.days.partition_point(|day| *day <= at);
        let tokens = encode(self.vocabulary, person.timeline()?.get());
        let position = tokens.lead + known - 1;
        let hidden = self.hidden(&tokens)?;
        let d = hidden.len() / tokens.len();
        let row = &hidden[position * d..(position + 1) * d];
        let last = known.checked_sub(1).map_or(0.0, |last| person.days[last]);
        let (mut z, mut probabilities) = (vec![], vec![]);
        self.decoder.wait(row, &mut z);
        let law = self.decoder.wait_law(&z);
        let rate = f64::from(law.log_hazards[law.bin(at - last)]).exp();
        let passed = (at - last).max(0.5);
        self.decoder.codes(row, &[passed], &mut probabilities);
        Ok((0..CODES)
            .map(|code| rate * self.shares.of(&probabilities, code))
            .collect())
    }

    /// The normed hidden states, `[T, D]`.
    fn hidden(&mut self, tokens: &Tokens) -> Result<Vec<f32>> {
        let time = &tokens.time_us;
        let days = |from: usize, to: usize| (time[to] - time[from]) as f64 / DAY_US;
        let input = |position: usize| Input {
            code: tokens.code[position],
            value_bin: 0,
            value: 0.0,
            age_days: age_days(tokens.birth_us.map(Instant), Instant(time[position])),
            time_days: days(0, position),
            wait_days_prev: single(days(position.saturating_sub(1), position)),
        };
        let inputs: Vec<Input> = (0..tokens.len()).map(input).collect();
        let mut batch = Batch::new();
        batch.push(&inputs, &vec![Target::None; inputs.len()])?;
        Ok(self.workspace.hidden(self.decoder.model(), &batch)?)
    }
}

/// The mean of several models' probabilities.
pub(crate) fn mixture(members: &[&Scored]) -> Scored {
    let n = members.len() as f64;
    let events = (0..members[0].events.len()).map(|i| {
        let mean = |log: &dyn Fn(&[f64; 3]) -> f64| {
            let each = members.iter().map(|m| log(&m.events[i]).exp());
            (each.sum::<f64>() / n).ln()
        };
        let day = mean(&|e| e[0]);
        let codes = [1, 2].map(|rule| mean(&|e| e[0] + e[rule]) - day);
        [day, codes[0], codes[1]]
    });
    let survival = members.iter().map(|m| m.survival.exp()).sum::<f64>() / n;
    Scored {
        events: events.collect(),
        survival: survival.ln(),
    }
}

fn log_day(law: &WaitLaw<'_>, wait: f64) -> f64 {
    if wait < 0.5 {
        return (-(-law.survival_nll(0.5)).exp_m1()).ln();
    }
    let before = law.survival_nll(wait - 0.5);
    let within = law.cumulative(wait + 0.5) - law.cumulative(wait - 0.5);
    -before + (-(-within).exp_m1()).ln()
}

#[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
fn single(x: f64) -> f32 {
    x as f32
}
