//! A batch as columns of numbers: all that is derived from it before tensors begin.
//!
//! For an engine that works elsewhere than on this processor: the formulas of features, rotary
//! angles and waits stay here, where the engine of this crate has them.

use crate::batch::{Batch, Input, Target};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::hazard::exposure;
use crate::layout::FEATURES;
use crate::model::Model;
use crate::ops::embedding::features;
use crate::ops::heads::mark::Passed;
use crate::ops::rotary::Frequencies;
use crate::recall::Recall;

/// The columns of a batch of T positions: N of them are scored, E by an event and the rest by the
/// end of observation; M of the events have a code with value bins.
#[derive(Clone, Default, PartialEq)]
pub struct Columns {
    /// Rows of the code table, `[T]`.
    pub code: Vec<u32>,
    /// Rows of the group table, 0 for none, `[T]`.
    pub groups: Vec<[u32; 2]>,
    /// Rows of the table of value bins, 0 for none, `[T]`.
    pub value_bin: Vec<u32>,
    /// What enters linearly, `[T, FEATURES]`.
    pub features: Vec<f32>,
    /// Cosines, then sines, of the angles of each pair of a head, `[T, D / H]`.
    pub rotary: Vec<f32>,
    /// The scored positions, those of events first, `[N]`.
    pub scored: Vec<u32>,
    /// Days at risk in each bin of the wait, `[N, W]`.
    pub exposure: Vec<f32>,
    /// The column of the wait head that the event fell into, which is also its row of the mark's
    /// tables: 0 for a zero wait, else 1 + its bin, `[E]`.
    pub wait: Vec<u32>,
    /// `log(1 + minutes) / 8` of the wait, 0 for a zero wait, `[E]`.
    pub wait_log: Vec<f32>,
    /// The codes that came, `[E]`.
    pub target: Vec<u32>,
    /// Which of the events ask for a value bin, `[M]`.
    pub asked: Vec<u32>,
    /// Their value bins, 0 for none, `[M]`.
    pub value: Vec<u32>,
    /// Rows of the table of last values' bins, 0 for none, `[M]`.
    pub last_bin: Vec<u32>,
    /// What is told of the earlier values as numbers, `[M, 8]`.
    pub last: Vec<f32>,
}

/// Redacted: sizes only.
impl std::fmt::Debug for Columns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (t, n) = (self.code.len(), self.scored.len());
        write!(f, "Columns({t} positions, {n} scored)")
    }
}

impl Columns {
    /// The columns of a batch for a model.
    ///
    /// # Errors
    /// As [`Batch::check`], and when a target's value bin is not one of its code; also when the
    /// model's choices ask for what columns do not hold: codes that do not know the wait, damped
    /// repeats.
    pub fn new(model: &Model, batch: &Batch) -> Result<Self> {
        let (config, codes) = (model.config(), model.codes());
        let choices = &config.choices;
        if !choices.marks_wait() || !choices.once_only.is_empty() {
            let reason = "columns hold marks given waits, without damped repeats";
            return Err(Error::Config(reason.to_owned()));
        }
        batch.check(config)?;
        batch.check_values(&codes.value_bins)?;
        let inputs: Vec<Input> = batch.inputs().iter().map(|i| choices.see(*i)).collect();
        let mut columns = Self {
            code: inputs.iter().map(|input| input.code).collect(),
            value_bin: inputs.iter().map(|i| u32::from(i.value_bin)).collect(),
            features: Vec::with_capacity(inputs.len() * FEATURES),
            rotary: vec![0.0; inputs.len() * config.head_dim()],
            ..Self::default()
        };
        for input in &inputs {
            columns.groups.push(codes.groups[input.code as usize]);
            columns.features.extend(features(input));
        }
        let frequencies = Frequencies::new(config.head_dim(), choices.time);
        frequencies.table((batch.starts(), 0), &inputs, &mut columns.rotary);
        columns.events(batch, config, &codes.value_bins);
        for (t, target) in (0u32..).zip(batch.targets()) {
            if let Target::Censored { wait_days } = *target {
                columns.score(t, wait_days, &config.wait_edges_days);
            }
        }
        Ok(columns)
    }

    fn events(&mut self, batch: &Batch, config: &Config, bins: &[u16]) {
        let (choices, edges) = (&config.choices, &config.wait_edges_days);
        let mut recall = Recall::default();
        let events = batch.inputs().iter().zip(batch.targets());
        for (t, (input, target)) in (0u32..).zip(events) {
            if batch.starts().binary_search(&t).is_ok() {
                recall = Recall::default();
            }
            recall.note(choices, input);
            let Target::Event {
                wait_days,
                code,
                value_bin,
            } = *target
            else {
                continue;
            };
            if bins[code as usize] > 0 {
                #[expect(clippy::cast_possible_truncation, reason = "fewer than positions")]
                self.asked.push(self.target.len() as u32);
                self.value.push(u32::from(value_bin));
                let told = recall.tell(choices, code, wait_days);
                self.last_bin.push(u32::from(told.bin));
                self.last.extend(told.numbers);
            }
            let passed = Passed::new(wait_days, edges);
            self.wait.push(passed.bin);
            self.wait_log.push(passed.log);
            self.target.push(code);
            self.score(t, wait_days, edges);
        }
    }

    fn score(&mut self, t: u32, wait_days: f64, edges: &[f32]) {
        self.scored.push(t);
        let days = (0..=edges.len()).map(|bin| exposure(edges, bin, wait_days));
        #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
        self.exposure.extend(days.map(|days| days as f32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sizes;
    use crate::model::Codes;

    fn input(code: u32) -> Input {
        Input {
            code,
            value_bin: 0,
            value: 0.0,
            age_days: 12_000.0,
            time_days: 0.0,
            wait_days_prev: 0.0,
        }
    }

    fn event(wait_days: f64, code: u32) -> Target {
        Target::Event {
            wait_days,
            code,
            value_bin: u16::from(code == 3),
        }
    }

    #[test]
    fn events_come_first_and_waits_fall_into_their_bins() {
        let sizes = Sizes {
            vocab: 4,
            groups: 3,
            value_bins: 2,
            vocabulary: String::new(),
        };
        let mut config = Config::shaped((8, 1, 2), 8, sizes);
        config.wait_edges_days = vec![1.0, 10.0];
        let codes = Codes {
            groups: vec![[0, 0], [0, 0], [1, 2], [2, 0]],
            value_bins: vec![0, 0, 0, 2],
        };
        let model = Model::new(config, codes, 1).unwrap();
        let mut batch = Batch::new();
        let inputs: Vec<Input> = [2, 3, 2, 1].map(input).to_vec();
        let censored = Target::Censored { wait_days: 4.0 };
        let targets = [censored, event(12.0, 3), Target::None, event(0.0, 2)];
        batch.push(&inputs, &targets).unwrap();
        let columns = Columns::new(&model, &batch).unwrap();
        assert_eq!(columns.scored, [1, 3, 0]);
        assert_eq!(columns.wait, [3, 0]);
        assert_eq!(
            columns.exposure,
            [1.0, 9.0, 2.0, 0.0, 0.0, 0.0, 1.0, 3.0, 0.0]
        );
        assert_eq!(columns.groups, [[1, 2], [2, 0], [1, 2], [0, 0]]);
        assert_eq!(
            (&columns.asked[..], &columns.value[..]),
            (&[0][..], &[1][..])
        );
        assert_eq!((columns.last_bin[0], columns.last[0]), (0, 0.0));
        assert_eq!(format!("{columns:?}"), "Columns(4 positions, 3 scored)");
        let mut bad = Batch::new();
        let two = Target::Event {
            wait_days: 1.0,
            code: 2,
            value_bin: 1,
        };
        bad.push(&inputs[..1], &[two]).unwrap();
        assert!(Columns::new(&model, &bad).is_err());
    }
}
