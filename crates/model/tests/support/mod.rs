//! Small models and batches for the tests of this crate, from a seed.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its numbers are small, and equal bits are what it asks"
)]
#![allow(dead_code, reason = "each test file uses a part")]

use longitude_model::{
    Batch, Choices, Codes, Config, Input, Likelihood, Marginals, Model, Sizes, Target, Time,
    ValueInput,
};

/// A small generator of its own: the tests must not follow changes of the crate's.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let x = self.0 ^ (self.0 >> 33);
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (x >> 29)
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    pub(crate) fn centred(&mut self) -> f32 {
        (2.0 * self.uniform() - 1.0) as f32
    }
}

pub(crate) fn config() -> Config {
    let sizes = Sizes {
        vocab: 29,
        groups: 5,
        value_bins: 4,
        vocabulary: "test".to_owned(),
    };
    let mut config = Config::shaped((20, 2, 2), 64, sizes);
    config.ffn = 24;
    config.value_dim = 16;
    config.wait_edges_days = Config::wait_edges(5);
    config
}

pub(crate) fn codes(config: &Config) -> Codes {
    let groups = (0..config.vocab).map(|code| {
        let group = |i: usize| ((code * 7 + i * 3) % config.groups) as u32;
        [group(0), group(1)]
    });
    let bins = (0..config.vocab).map(|code| ((code * 3) % (config.value_bins + 1)) as u16);
    Codes {
        groups: groups.collect(),
        value_bins: bins.collect(),
    }
}

/// A model all of whose weights are away from their start, so that no gradient is zero by accident.
pub(crate) fn model(seed: u64) -> Model {
    model_of(Choices::default(), seed)
}

/// As [`model`], with other choices.
pub(crate) fn model_of(choices: Choices, seed: u64) -> Model {
    let mut config = config();
    config.choices = choices;
    let codes = codes(&config);
    let mut model = Model::new(config, codes, seed).unwrap();
    model
        .set_marginals(&marginals(model.config(), seed))
        .unwrap();
    let mut random = Random(seed);
    model
        .weights_mut()
        .iter_mut()
        .for_each(|w| *w += 0.15 * random.centred());
    model
}

/// The default and one model for each thing that can be chosen.
pub(crate) fn choices() -> Vec<Choices> {
    let base = Choices::default;
    vec![
        base(),
        Choices {
            time: Time::Index,
            ancestors: false,
            ..base()
        },
        Choices {
            time: Time::IndexWithoutTime,
            value: ValueInput::None,
            mark_given_wait: false,
            ..base()
        },
        Choices {
            likelihood: Likelihood::Competing,
            value: ValueInput::Bin,
            ..base()
        },
        Choices {
            last_value: false,
            ..base()
        },
        Choices {
            once_only: vec![2, 3, 5, 8, 13, 14, 21, 27],
            ..base()
        },
    ]
}

pub(crate) fn marginals(config: &Config, seed: u64) -> Marginals {
    let mut random = Random(seed + 17);
    let weights: Vec<f64> = (0..config.vocab).map(|_| 0.1 + random.uniform()).collect();
    let total: f64 = weights.iter().sum();
    Marginals {
        code_log_frequency: weights.iter().map(|w| (w / total).ln() as f32).collect(),
        zero_wait: 0.4,
        hazards_per_day: (0..config.wait_bins())
            .map(|_| 0.01 + random.uniform())
            .collect(),
        value_log_frequency: vec![],
    }
}

/// Segments of those lengths with every kind of target.
pub(crate) fn batch(model: &Model, lengths: &[usize], seed: u64) -> Batch {
    let mut random = Random(seed);
    let mut batch = Batch::new();
    for length in lengths {
        let (inputs, targets) = segment(model, *length, &mut random);
        batch.push(&inputs, &targets).unwrap();
    }
    batch
}

pub(crate) fn segment(
    model: &Model,
    length: usize,
    random: &mut Random,
) -> (Vec<Input>, Vec<Target>) {
    let (config, bins) = (model.config(), &model.codes().value_bins);
    let mut time_days = 0.0;
    let mut age_days = (random.uniform() * 30_000.0) as f32;
    let (mut inputs, mut targets) = (vec![], vec![]);
    for t in 0..length {
        let wait = match random.below(3) {
            0 => 0.0,
            1 => random.uniform() * 0.2,
            _ => random.uniform() * 2000.0,
        };
        let wait = if t == 0 { 0.0 } else { wait };
        time_days += wait;
        age_days += wait as f32;
        let code = random.below(config.vocab);
        let bin = random.below(usize::from(bins[code]) + 1) as u16;
        inputs.push(Input {
            code: code as u32,
            value_bin: bin,
            value: if bin > 0 { 2.0 * random.centred() } else { 0.0 },
            age_days,
            time_days,
            wait_days_prev: wait as f32,
        });
        let next = random.below(config.vocab);
        let value_bin = random.below(usize::from(bins[next]) + 1) as u16;
        let wait_days = [0.0, random.uniform() * 0.01, random.uniform() * 9000.0][random.below(3)];
        targets.push(match random.below(6) {
            0 => Target::None,
            1 => Target::Censored { wait_days },
            _ => Target::Event {
                wait_days,
                code: next as u32,
                value_bin,
            },
        });
    }
    (inputs, targets)
}
