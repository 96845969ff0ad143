//! Predicted values on held-out subjects, code by code: the continuous ranked probability score
//! and the coverage of central intervals, beside what needs no model.
//!
//! The forecast is the density over the code's value bins given history, wait and code, and given
//! that a value is recorded. Beside it stand the code's marginal distribution in training, and, on
//! the events that have an earlier value of the same code in the record, that value carried
//! forward, whose score is the absolute error.

use crate::evaluate::EvaluateOptions;
use crate::loader::windows;
use crate::options::device;
use crate::sequences::Sequences;
use crate::{Error, Result};
use longitude_core::Timeline;
use longitude_model::{Batch, Decoder, Model, Recall, Target, Workspace};
use longitude_tokens::{Density, Tokens, Vocabulary, encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// The levels of the central intervals.
pub const LEVELS: [f64; 3] = [0.5, 0.8, 0.9];

/// How the values of one code were predicted: sums over events, of which the methods give means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CodeValues {
    /// The code's name and unit.
    pub code: String,
    /// The unit of its values.
    pub unit: Option<String>,
    /// Scored events with a value.
    pub events: u64,
    /// Scores of the model, in the unit.
    pub crps: f64,
    /// Scores of the training distribution.
    pub crps_marginal: f64,
    /// How many central intervals of [`LEVELS`] held the value.
    pub covered: [f64; 3],
    /// Events with an earlier value of the code.
    pub events_repeated: u64,
    /// Scores of the model on those.
    pub crps_repeated: f64,
    /// Absolute errors of the earlier value on those.
    pub error_carried: f64,
}

/// All codes with values, by identifier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// By identifier of the vocabulary.
    pub codes: BTreeMap<u32, CodeValues>,
}

impl CodeValues {
    /// The mean score in the unit; none where nothing was scored. So for all means here.
    pub fn mean_crps(&self) -> Option<f64> {
        mean(self.crps, self.events)
    }

    /// The share of the marginal's score that the model saves.
    pub fn skill(&self) -> Option<f64> {
        (self.crps_marginal > 0.0).then(|| 1.0 - self.crps / self.crps_marginal)
    }

    /// The share of the carried value's error that the model saves.
    pub fn skill_over_carried(&self) -> Option<f64> {
        (self.error_carried > 0.0).then(|| 1.0 - self.crps_repeated / self.error_carried)
    }

    /// The shares of values inside the central intervals of [`LEVELS`].
    pub fn coverage(&self) -> Option<[f64; 3]> {
        (self.events > 0).then(|| self.covered.map(|sum| sum / self.events as f64))
    }

    fn add(&mut self, (density, marginal): (&Density, &Density), value: f64, last: Option<f64>) {
        let crps = density.crps(value);
        self.events += 1;
        self.crps += crps;
        self.crps_marginal += marginal.crps(value);
        for (sum, level) in self.covered.iter_mut().zip(LEVELS) {
            *sum += density.covered(value, level);
        }
        if let Some(last) = last {
            self.events_repeated += 1;
            self.crps_repeated += crps;
            self.error_carried += (value - last).abs();
        }
    }
}

fn mean(sum: f64, events: u64) -> Option<f64> {
    (events > 0).then(|| sum / events as f64)
}

impl Values {
    /// A Markdown table of the codes with at least `events_min` values.
    pub fn table(&self, events_min: u64) -> String {
        let mut out = String::from(
            "| code | unit | values | CRPS | of the marginal | saved | repeated | CRPS | \
             carried forward | saved | in 50 % | 80 % | 90 % |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        );
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.3}"));
        let share =
            |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{:.1} %", 100.0 * x));
        for code in self.codes.values().filter(|c| c.events >= events_min) {
            let [half, four, nine] = match code.coverage() {
                Some(all) => all.map(|c| share(Some(c))),
                None => [None, None, None].map(share),
            };
            let line = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {half} | {four} | {nine} |",
                code.code,
                code.unit.as_deref().unwrap_or(""),
                code.events,
                number(code.mean_crps()),
                number(mean(code.crps_marginal, code.events)),
                share(code.skill()),
                code.events_repeated,
                number(mean(code.crps_repeated, code.events_repeated)),
                number(mean(code.error_carried, code.events_repeated)),
                share(code.skill_over_carried()),
            );
            debug_assert!(line.is_ok(), "a string takes everything");
        }
        out
    }
}

/// Scores the values of held-out timelines under a model.
///
/// # Errors
/// When the timelines do not fit the model or an option makes no sense.
pub fn evaluate_values(
    model: &Arc<Model>,
    vocabulary: &Vocabulary,
    timelines: &[Timeline],
    options: &EvaluateOptions,
) -> Result<Values> {
    let context = model.config().context;
    if options.batch_tokens < context {
        return Err(Error::Option {
            option: "batch_tokens",
            must: "at least the model's context",
        });
    }
    let device = device(&options.kernels, options.threads)?;
    let mut judge = Judge {
        workspace: Workspace::new(model.config(), options.batch_tokens, device)?,
        decoder: Decoder::new(Arc::clone(model), device)?,
        vocabulary,
        values: Values::default(),
    };
    for timeline in timelines {
        let tokens = encode(vocabulary, timeline);
        let numbers = numbers(&tokens, timeline);
        let mut sequences = Sequences::default();
        sequences.push(&tokens);
        for window in windows(&sequences, context, options.overlap_positions) {
            let mut batch = Batch::new();
            if let Some(sequence) = sequences.get(window.subject) {
                sequence.fill(&window, &mut batch)?;
            }
            let positions = (0..window.lead).chain(window.begin..window.end);
            let positions: Vec<usize> = positions.map(|p| p as usize).collect();
            judge.window(&batch, &positions, &numbers)?;
        }
    }
    Ok(judge.values)
}

/// What was recorded at each position: code, number where it has a bin, and the number of the same
/// code before it.
struct Number {
    value: Option<f64>,
    before: Option<f64>,
}

fn numbers(tokens: &Tokens, timeline: &Timeline) -> Vec<Number> {
    let mut last: BTreeMap<u32, f64> = BTreeMap::new();
    let number = |position: usize| {
        let event = timeline.events().get(tokens.event[position] as usize)?;
        event
            .numeric_value
            .filter(|_| tokens.value_bin[position] > 0)
    };
    let each = (0..tokens.len()).map(|position| {
        let value = number(position);
        let code = tokens.code[position];
        let before = last.get(&code).copied();
        if let Some(value) = value {
            last.insert(code, value);
        }
        Number { value, before }
    });
    each.collect()
}

struct Judge<'v> {
    workspace: Workspace,
    decoder: Decoder,
    vocabulary: &'v Vocabulary,
    values: Values,
}

impl Judge<'_> {
    fn window(&mut self, batch: &Batch, positions: &[usize], numbers: &[Number]) -> Result<()> {
        let d = self.decoder.model().config().dim;
        let all = self.workspace.hidden(self.decoder.model(), batch)?;
        let (mut hidden, mut marks, mut recalls, mut asked) = (vec![], vec![], vec![], vec![]);
        let mut recall = self.decoder.recall(&[]);
        let rows = batch.targets().iter().zip(all.chunks_exact(d));
        let rows = rows.zip(batch.inputs()).zip(positions);
        for (((target, row), input), position) in rows {
            self.decoder.note(&mut recall, input);
            if let Target::Event {
                wait_days, code, ..
            } = *target
                && let Some(number) = numbers.get(position + 1)
                && let Some(value) = number.value
            {
                hidden.extend_from_slice(row);
                marks.push((wait_days, code));
                recalls.push(recall.clone());
                asked.push((value, number.before));
            }
        }
        if marks.is_empty() {
            return Ok(());
        }
        let mut shares = vec![];
        let recalls: Vec<&Recall> = recalls.iter().collect();
        self.decoder
            .values(&hidden, &marks, &recalls, &mut shares)?;
        let width = shares.len() / marks.len();
        let rows = marks.iter().zip(shares.chunks_exact(width));
        for (((_, code), shares), (value, last)) in rows.zip(asked) {
            self.score(*code, shares, value, last);
        }
        Ok(())
    }

    fn score(&mut self, code: u32, shares: &[f32], value: f64, last: Option<f64>) {
        let Some(bins) = self.vocabulary.bins_of(code) else {
            return;
        };
        let shares = shares.iter().skip(1).take(usize::from(bins.len()));
        let forecast = bins.density(shares.map(|share| f64::from(*share)));
        let (Some(density), Some(marginal)) = (forecast, bins.marginal()) else {
            return;
        };
        let entry = self.values.codes.entry(code).or_insert_with(|| CodeValues {
            code: self
                .vocabulary
                .code(code)
                .map_or_else(String::new, ToString::to_string),
            unit: bins.unit.clone(),
            ..CodeValues::default()
        });
        entry.add((&density, &marginal), value, last);
    }
}

#[cfg(test)]
mod tests;
