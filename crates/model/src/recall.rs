//! The earlier values of each code in a segment: what the value head is told of the asked code.
//!
//! Many quantities are a person's own (weight, creatinine), so that the last value says more than
//! anything else. Attention can look it up, but learns to do so slowly.

use crate::batch::Input;
use crate::choices::Choices;
use std::collections::BTreeMap;

/// Numbers of a code's earlier values that enter linearly; [`Past::features`] lists them.
pub(crate) const FEATURES: usize = 8;

/// What stands in a segment of one code's values.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct Past {
    /// The last value's bin, and its standardised number.
    bin: u16,
    value: f32,
    /// When it was, on the segment's clock.
    time_days: f64,
    /// Of all of them.
    sum: f64,
    count: f64,
}

/// What the value head is told of a code: a row of the table of bins, 0 where the code has no
/// earlier value, and numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub bin: u16,
    pub numbers: [f32; FEATURES],
}

/// The earlier values of one segment or one sampled future, by code. Empty for a model whose
/// choices leave them out.
#[derive(Clone, Default, PartialEq)]
pub struct Recall {
    codes: BTreeMap<u32, Past>,
    /// When the last event was, on the segment's clock.
    now_days: f64,
}

/// Redacted: how many codes.
impl std::fmt::Debug for Recall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recall({} codes)", self.codes.len())
    }
}

impl Recall {
    /// Takes in one event that the model has seen, in order.
    pub(crate) fn note(&mut self, choices: &Choices, input: &Input) {
        let input = choices.see(*input);
        self.now_days = input.time_days;
        if !choices.last_value || input.value_bin == 0 {
            return;
        }
        let past = self.codes.entry(input.code).or_default();
        past.bin = input.value_bin;
        past.value = input.value;
        past.time_days = input.time_days;
        past.sum += f64::from(input.value);
        past.count += 1.0;
    }

    /// What is told of a code that comes after a wait; a model whose values do not know the wait is
    /// told as of the last event.
    pub(crate) fn tell(&self, choices: &Choices, code: u32, wait_days: f64) -> Told {
        let wait_days = if choices.marks_wait() { wait_days } else { 0.0 };
        let told = |past: &Past| Told {
            bin: past.bin,
            numbers: past.features(self.now_days - past.time_days + wait_days),
        };
        self.codes.get(&code).map_or_else(Told::default, told)
    }
}

impl Past {
    /// That there is one; the last number and the mean of all, both clipped and squashed; how long
    /// ago the last was, at the scales of days and of minutes; how many there were.
    #[expect(clippy::cast_possible_truncation, reason = "tensors are f32")]
    fn features(&self, days: f64) -> [f32; FEATURES] {
        let days = days.max(0.0);
        let mean = (self.sum / self.count) as f32;
        [
            1.0,
            self.value.clamp(-8.0, 8.0),
            self.value.tanh(),
            mean.clamp(-8.0, 8.0),
            mean.tanh(),
            (days.ln_1p() / 8.0) as f32,
            ((days * 1440.0).ln_1p() / 16.0) as f32,
            (self.count.ln() / 4.0) as f32,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::ValueInput;

    fn input(code: u32, time_days: f64, value_bin: u16) -> Input {
        Input {
            code,
            value_bin,
            value: f32::from(value_bin),
            age_days: 0.0,
            time_days,
            wait_days_prev: 0.0,
        }
    }

    #[test]
    fn the_last_value_of_the_asked_code_is_told_with_its_age() {
        let choices = Choices::default();
        let mut recall = Recall::default();
        assert_eq!(recall.tell(&choices, 3, 1.0), Told::default());
        for event in [
            input(3, 0.0, 2),
            input(4, 5.0, 1),
            input(3, 10.0, 4),
            input(3, 12.0, 0),
            input(5, 20.0, 0),
        ] {
            recall.note(&choices, &event);
        }
        let told = recall.tell(&choices, 3, 7.0);
        let [there, last, _, mean, _, days, _, count] = told.numbers;
        assert_eq!((told.bin, [there, last, mean]), (4, [1.0, 4.0, 3.0]));
        assert!((days - 18f32.ln() / 8.0).abs() < 1e-6 && (count - 2f32.ln() / 4.0).abs() < 1e-6);
        assert_eq!(recall.tell(&choices, 5, 7.0), Told::default());
        assert_eq!(format!("{recall:?}"), "Recall(2 codes)");
    }

    #[test]
    fn choices_hide_the_wait_the_number_or_all() {
        let tell = |choices: &Choices| {
            let mut recall = Recall::default();
            recall.note(choices, &input(3, 0.0, 2));
            recall.tell(choices, 3, 7.0)
        };
        let base = Choices::default;
        let blind = Choices {
            mark_given_wait: false,
            ..base()
        };
        assert_eq!(tell(&blind).numbers[5..7], [0.0; 2]);
        let bin = Choices {
            value: ValueInput::Bin,
            ..base()
        };
        assert_eq!(
            (tell(&bin).bin, &tell(&bin).numbers[1..5]),
            (2, &[0.0; 4][..])
        );
        let none = Choices {
            value: ValueInput::None,
            ..base()
        };
        let untold = Choices {
            last_value: false,
            ..base()
        };
        for choices in [none, untold] {
            assert_eq!(tell(&choices), Told::default());
        }
    }
}
