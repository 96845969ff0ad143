//! What of the architecture can be switched off or exchanged: the switches of the ablations.
//!
//! The default is the model as documented. A term that is switched off keeps its weights in the
//! layout; they get no gradient. The table of what each is worth is in `docs/model/ablations.md`.

use crate::batch::Input;
use serde::{Deserialize, Serialize};

/// Added to the logit of a code in [`Choices::once_only`] once it stands in the segment: a 400th
/// of its mass is left, never zero.
pub const REPEAT_LOG_MASS: f32 = -6.0;

/// The switches. Part of the configuration, and so of the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Choices {
    /// How time enters.
    pub time: Time,
    /// Whether the groups of a code (its ancestors) are added to its vector.
    pub ancestors: bool,
    /// How a value enters.
    pub value: ValueInput,
    /// The likelihood of the next event.
    pub likelihood: Likelihood,
    /// Whether code and value are read from a state that knows the wait.
    pub mark_given_wait: bool,
    /// Whether the value head is told the earlier values of the asked code.
    pub last_value: bool,
    /// Codes, ascending, that are damped by [`REPEAT_LOG_MASS`] once they occurred in the segment.
    pub once_only: Vec<u32>,
}

/// How time enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Time {
    /// Rotary positions on two clocks, events and days, and features of age and gap.
    Clocks,
    /// Rotary positions on the event's index alone, and features of age and gap.
    Index,
    /// Rotary positions on the event's index, and no feature of time.
    IndexWithoutTime,
}

/// How a value enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueInput {
    /// A vector of its bin and a linear map of its number.
    Fused,
    /// A vector of its bin.
    Bin,
    /// Not at all.
    None,
}

/// The likelihood of the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// `p(wait | h) p(code | h, wait) p(value | h, wait, code)` with a piecewise-constant hazard.
    Marked,
    /// Competing exponentials (Delphi: Shmatko et al. 2025): code v comes at the rate `exp(logit)`
    /// a day, whatever has passed; a zero wait keeps its own probability.
    Competing,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            time: Time::Clocks,
            ancestors: true,
            value: ValueInput::Fused,
            likelihood: Likelihood::Marked,
            mark_given_wait: true,
            last_value: true,
            once_only: Vec::new(),
        }
    }
}

impl Choices {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn competing(&self) -> bool {
        self.likelihood == Likelihood::Competing
    }

    /// Whether code and value know the wait: competing exponentials do not.
    pub(crate) fn marks_wait(&self) -> bool {
        self.mark_given_wait && !self.competing()
    }

    /// What the model sees of an event; what is switched off is the same for all events.
    pub(crate) fn see(&self, mut input: Input) -> Input {
        if self.value != ValueInput::Fused {
            input.value = 0.0;
        }
        if self.value == ValueInput::None {
            input.value_bin = 0;
        }
        if self.time == Time::IndexWithoutTime {
            input.age_days = 0.0;
            input.wait_days_prev = 0.0;
        }
        input
    }

    /// Puts a code among those seen, in order, where it comes once only.
    pub(crate) fn note(&self, code: u32, seen: &mut Vec<u32>) {
        if self.once_only.binary_search(&code).is_ok()
            && let Err(place) = seen.binary_search(&code)
        {
            seen.insert(place, code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Preset, Sizes};

    fn config() -> Config {
        let sizes = Sizes {
            vocab: 9,
            groups: 2,
            value_bins: 2,
            vocabulary: "test".to_owned(),
        };
        Config::preset(Preset::Tiny, sizes)
    }

    /// A configuration written before there were choices is that of the default, and stays so.
    #[test]
    fn the_default_leaves_no_trace_in_a_configuration() {
        let mut config = config();
        let json = serde_json::to_string(&config).unwrap();
        assert!(!json.contains("choices"));
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
        config.choices.time = Time::Index;
        config.choices.once_only = vec![3, 5];
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
        let partly = json.replace("\"ancestors\":true,", "");
        assert_eq!(serde_json::from_str::<Config>(&partly).unwrap(), config);
        assert!(serde_json::from_str::<Config>(&json.replace("ancestors", "x")).is_err());
    }

    #[test]
    fn once_only_codes_must_ascend_and_exist_and_not_compete() {
        let refused = |once_only: &[u32], likelihood| {
            let mut config = config();
            config.choices.once_only = once_only.to_vec();
            config.choices.likelihood = likelihood;
            config.validate().is_err()
        };
        assert!(!refused(&[3, 8], Likelihood::Marked));
        assert!(!refused(&[], Likelihood::Competing));
        for once_only in [&[3, 3][..], &[5, 3], &[3, 9]] {
            assert!(refused(once_only, Likelihood::Marked));
        }
        assert!(refused(&[3], Likelihood::Competing));
    }

    #[test]
    fn codes_are_noted_once_in_order_where_they_come_once() {
        let choices = Choices {
            once_only: vec![2, 5, 7],
            ..Choices::default()
        };
        let mut seen = vec![];
        for code in [7, 3, 2, 7, 2] {
            choices.note(code, &mut seen);
        }
        assert_eq!(seen, [2, 7]);
    }
}
