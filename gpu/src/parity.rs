//! This implementation beside the engine of `longitude_model` on the same random models and
//! batches: how far apart hidden states, losses, gradients and ten training steps are.

use crate::device::Found;
use crate::engine::Engine;
use anyhow::{Result, ensure};
use longitude_model::{
    AdamW, AdamWOptions, Batch, Codes, Config, Device, Grads, Input, Losses, Marginals, Model,
    Sizes, Target, Workspace,
};

/// Training steps that are compared, and their rate.
const STEPS: u64 = 10;
const RATE: f32 = 3e-3;

/// A number and where it was found.
pub type Worst = (f64, String);

/// How far apart the two implementations are.
#[derive(Clone, Debug)]
pub struct Parity {
    /// The largest difference of a hidden state over the largest hidden state.
    pub hidden: f64,
    /// The largest difference of a part of the loss over 1 + that part.
    pub losses: Worst,
    /// Over the tensors: the largest difference of a gradient over the tensor's largest.
    pub gradients: Worst,
    /// Over the tensors: the distance between the two ends of ten steps over the way that the first
    /// implementation went.
    pub steps: Worst,
    /// The largest difference of a part of the loss at the tenth step, as `losses`.
    pub last: Worst,
}

/// What [`Parity`] may be. Both sides compute in f32 and add in different orders: found are some
/// 1e-7 of a hidden state or a loss, 1e-6 of a gradient and of ten steps (`docs/model/gpu.md`); the
/// limits are ten times as wide and more.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of [`Parity::hidden`].
    pub hidden: f64,
    /// Of [`Parity::losses`].
    pub losses: f64,
    /// Of [`Parity::gradients`].
    pub gradients: f64,
    /// Of [`Parity::steps`]: where a gradient is near zero its first steps are its sign, so that
    /// rounding there moves a weight as far as a gradient would.
    pub steps: f64,
    /// Of [`Parity::last`].
    pub last: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hidden: 5e-6,
            losses: 1e-6,
            gradients: 1e-5,
            steps: 1e-4,
            last: 1e-5,
        }
    }
}

impl Parity {
    /// Whether it is within the limits.
    ///
    /// # Errors
    /// Says what is not.
    pub fn check(&self, limits: Limits) -> Result<()> {
        let hidden = (self.hidden, String::new());
        for (what, (found, place), limit) in [
            ("hidden states", &hidden, limits.hidden),
            ("losses", &self.losses, limits.losses),
            ("gradients", &self.gradients, limits.gradients),
            ("ten steps", &self.steps, limits.steps),
            ("losses of the tenth step", &self.last, limits.last),
        ] {
            // A difference that is not a number is not within the limit either.
            let within = *found <= limit;
            ensure!(
                within,
                "{what} are {found:.1e} apart, more than {limit:.0e} {place}"
            );
        }
        Ok(())
    }
}

/// Both implementations on a random case.
///
/// # Errors
/// When one of them fails.
pub fn compare(found: &Found, seed: u64) -> Result<Parity> {
    let (mut model, batch) = case(seed)?;
    let mut cpu = Cpu::new(&model, batch.positions())?;
    // Parts of a third of the batch, so that gradients of parts are added.
    let at_once = (batch.positions() / 3).max(1);
    let mut engine = Engine::new(&model, found, AdamWOptions::default(), at_once)?;
    let (ours, theirs) = (engine.hidden(&batch)?, cpu.space.hidden(&model, &batch)?);
    let hidden = apart(&ours, &theirs);
    let without_gradient = losses_apart(&engine.loss(&batch)?, &cpu.space.loss(&model, &batch)?)?;
    let start = model.weights().to_vec();
    let (mut losses, mut gradients, mut last) =
        (Worst::default(), Worst::default(), Worst::default());
    for step in 0..STEPS {
        let theirs = cpu.forward_backward(&model, &batch)?;
        let (ours, found) = engine.forward_backward(&batch)?;
        last = losses_apart(&ours, &theirs)?;
        if step == 0 {
            losses.clone_from(&last);
            if without_gradient.0 > last.0 || without_gradient.0.is_nan() {
                losses.clone_from(&without_gradient);
            }
            gradients = worst(&model, |range| {
                Ok(apart(
                    &found.flat()?[range.clone()],
                    &cpu.grads.flat()[range],
                ))
            })?;
        }
        cpu.step(&mut model, &theirs);
        engine.step(&found.scale(each(&theirs)), RATE);
    }
    let end = engine.model()?;
    let steps = worst(&model, |range| {
        let (a, b) = (
            &end.weights()[range.clone()],
            &model.weights()[range.clone()],
        );
        Ok(distance(a, b) / distance(b, &start[range]).max(f64::MIN_POSITIVE))
    })?;
    Ok(Parity {
        hidden,
        losses,
        gradients,
        steps,
        last,
    })
}

/// One over the number of targets: what turns a sum into a mean.
fn each(losses: &Losses) -> f32 {
    1.0 / (losses.events + losses.censored).max(1) as f32
}

/// The engine of `longitude_model` on one thread, with its optimiser.
#[derive(Debug)]
pub struct Cpu {
    space: Workspace,
    grads: Grads,
    adam: AdamW,
}

impl Cpu {
    /// At the start of a training of this model.
    ///
    /// # Errors
    /// When the engine cannot be started.
    pub fn new(model: &Model, positions_max: usize) -> Result<Self> {
        let device = Device::cpu(1);
        Ok(Self {
            space: Workspace::new(model.config(), positions_max, device)?,
            grads: Grads::new(model),
            adam: AdamW::new(model, AdamWOptions::default(), device.level),
        })
    }

    /// The losses of a batch; its gradient stays here.
    ///
    /// # Errors
    /// When the batch does not fit the model.
    pub fn forward_backward(&mut self, model: &Model, batch: &Batch) -> Result<Losses> {
        self.grads.zero();
        Ok(self.space.forward_backward(model, batch, &mut self.grads)?)
    }

    /// One step of the optimiser down the gradient that stayed here, as a mean over the targets.
    pub fn step(&mut self, model: &mut Model, losses: &Losses) {
        self.grads.scale(each(losses));
        self.adam.step(model, &self.grads, RATE);
    }
}

/// The largest difference over the largest number; not a number where one is not finite.
fn apart(a: &[f32], b: &[f32]) -> f64 {
    let largest = b.iter().fold(0.0, |m: f64, b| m.max(f64::from(b.abs())));
    let differences = a
        .iter()
        .zip(b)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
    let most = differences.fold(0.0, |m: f64, d| if d.is_nan() { d } else { d.max(m) });
    if most == 0.0 { 0.0 } else { most / largest }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a
        .iter()
        .zip(b)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    squares.sum::<f64>().sqrt()
}

/// The worst tensor by some measure of its stretch of the flat vector.
fn worst(
    model: &Model,
    mut of: impl FnMut(std::ops::Range<usize>) -> Result<f64>,
) -> Result<Worst> {
    let mut worst = Worst::default();
    for tensor in model.tensors() {
        let found = of(tensor.range.clone())?;
        if found.is_nan() || found > worst.0 {
            worst = (found, tensor.name.clone());
        }
    }
    Ok(worst)
}

fn losses_apart(a: &Losses, b: &Losses) -> Result<Worst> {
    let counts = |l: &Losses| (l.events, l.censored, l.values);
    ensure!(counts(a) == counts(b), "the counts of targets differ");
    let parts = [
        ("wait", a.wait, b.wait),
        ("code", a.code, b.code),
        ("value", a.value, b.value),
    ];
    let mut worst = Worst::default();
    for (name, a, b) in parts {
        let found = (a - b).abs() / (1.0 + b.abs());
        if found.is_nan() || found > worst.0 {
            worst = (found, name.to_owned());
        }
    }
    Ok(worst)
}

/// SplitMix64 (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        let n = n.max(1) as u64;
        usize::try_from(self.bits() % n).unwrap_or(0)
    }

    fn id(&mut self, n: usize) -> u32 {
        u32::try_from(self.below(n)).unwrap_or(0)
    }

    fn bin(&mut self, bins: u16) -> u16 {
        u16::try_from(self.below(usize::from(bins) + 1)).unwrap_or(0)
    }

    fn centred(&mut self) -> f32 {
        narrow(2.0 * self.uniform() - 1.0)
    }
}

/// A small model away from its start, and segments of odd lengths with every kind of target.
fn case(seed: u64) -> Result<(Model, Batch)> {
    let mut random = Random(seed);
    let heads = 1 + random.below(3);
    let dim = heads * 2 * (2 + random.below(4));
    let sizes = Sizes {
        vocab: 11 + random.below(40),
        groups: 1 + random.below(6),
        value_bins: random.below(6),
        vocabulary: "parity".to_owned(),
    };
    let mut config = Config::shaped((dim, 1 + random.below(3), heads), 64, sizes);
    config.ffn = 8 + random.below(30);
    config.value_dim = 4 + random.below(14);
    config.wait_edges_days = Config::wait_edges(1 + random.below(7));
    let lengths: Vec<usize> = (0..3 + random.below(5))
        .map(|_| 1 + random.below(41))
        .collect();
    filled(config, &lengths, &mut random)
}

/// A random model of this shape, and a batch of segments as long as its context.
///
/// # Errors
/// When the shape is impossible.
pub fn full(config: Config, segments: usize) -> Result<(Model, Batch)> {
    let lengths = vec![config.context; segments];
    filled(config, &lengths, &mut Random(1))
}

fn filled(config: Config, lengths: &[usize], random: &mut Random) -> Result<(Model, Batch)> {
    let model = model(config, random)?;
    let mut batch = Batch::new();
    for length in lengths {
        let (inputs, targets) = segment(&model, *length, random);
        batch.push(&inputs, &targets)?;
    }
    Ok((model, batch))
}

fn model(config: Config, random: &mut Random) -> Result<Model> {
    let groups = (0..config.vocab).map(|_| [random.id(config.groups), random.id(config.groups)]);
    let groups: Vec<[u32; 2]> = groups.collect();
    let most = u16::try_from(config.value_bins)?;
    let codes = Codes {
        groups,
        value_bins: (0..config.vocab).map(|_| random.bin(most)).collect(),
    };
    let marginals = Marginals {
        code_log_frequency: (0..config.vocab).map(|_| random.centred() - 3.0).collect(),
        zero_wait: 0.4,
        hazards_per_day: (0..config.wait_bins())
            .map(|_| 0.01 + random.uniform())
            .collect(),
        value_log_frequency: vec![],
    };
    let mut model = Model::new(config, codes, random.bits())?;
    model.set_marginals(&marginals)?;
    for weight in model.weights_mut() {
        *weight += 0.15 * random.centred();
    }
    Ok(model)
}

fn segment(model: &Model, length: usize, random: &mut Random) -> (Vec<Input>, Vec<Target>) {
    let (vocab, bins) = (model.config().vocab, &model.codes().value_bins);
    let (mut time_days, mut age_days) = (0.0, random.uniform() * 30_000.0);
    let (mut inputs, mut targets) = (vec![], vec![]);
    for t in 0..length {
        let waits = [0.0, random.uniform() * 0.2, random.uniform() * 2000.0];
        let wait = if t == 0 { 0.0 } else { waits[random.below(3)] };
        time_days += wait;
        age_days += wait;
        let code = random.id(vocab);
        let value_bin = random.bin(bins[code as usize]);
        inputs.push(Input {
            code,
            value_bin,
            value: if value_bin > 0 {
                2.0 * random.centred()
            } else {
                0.0
            },
            age_days: narrow(age_days),
            time_days,
            wait_days_prev: narrow(wait),
        });
        let code = random.id(vocab);
        let value_bin = random.bin(bins[code as usize]);
        let waits = [0.0, random.uniform() * 0.01, random.uniform() * 9000.0];
        let wait_days = waits[random.below(3)];
        targets.push(match random.below(6) {
            0 => Target::None,
            1 => Target::Censored { wait_days },
            _ => Target::Event {
                wait_days,
                code,
                value_bin,
            },
        });
    }
    (inputs, targets)
}

#[expect(clippy::cast_possible_truncation, reason = "the model computes in f32")]
fn narrow(x: f64) -> f32 {
    x as f32
}
