//! Training and judging one variant: the same loop, windows, order and number of events for all.

use crate::variant::{Asks, Layout, Segment, Variant, Writer};
use crate::ward::{Ward, windows};
use longitude_model::{
    AdamW, AdamWOptions, Batch, Codes, Config, Device, Grads, Level, Losses, Marginals, Model,
    Sizes, Target, WaitMarginal, Workspace,
};
use longitude_tokens::Bins;
use std::sync::Arc;

/// Recorded events of a batch.
const BATCH_EVENTS: u64 = 1024;
/// (dim, layers, heads).
const SHAPE: (usize, usize, usize) = (64, 3, 4);
const RATE: f64 = 4e-3;

/// Nats of one held-out subject.
#[derive(Clone, Copy, Default)]
pub(crate) struct Judged {
    pub(crate) events: f64,
    pub(crate) wait: f64,
    pub(crate) code: f64,
    pub(crate) value: f64,
    /// Of the waits alone that ended in an event.
    pub(crate) wait_of_events: f64,
    /// Of the codes that are rare, and how many.
    pub(crate) rare: f64,
    pub(crate) rare_events: f64,
}

impl Judged {
    pub(crate) fn total(&self) -> f64 {
        self.wait + self.code + self.value
    }

    pub(crate) fn of_events(&self) -> f64 {
        self.wait_of_events + self.code + self.value
    }
}

pub(crate) struct Learnt {
    pub(crate) judged: Vec<Judged>,
    /// Hidden states at the index date by subject of the ward.
    pub(crate) hidden: Vec<Option<Vec<f32>>>,
    pub(crate) steps: usize,
    pub(crate) events_per_second: f64,
    pub(crate) positions_per_second: f64,
    pub(crate) within: f64,
    pub(crate) model: Arc<Model>,
}

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Trains for a number of steps and judges on the held-out subjects.
pub(crate) fn learn(ward: &Ward, variant: &Variant, steps: usize) -> Fallible<Learnt> {
    let edges = Config::wait_edges(24);
    let hazards = hazards(ward, &edges);
    let writer = Writer {
        ward,
        layout: variant.layout,
        blind: variant.blind,
        edges: &edges,
        hazards: &hazards,
    };
    let of = |learns: bool| {
        let subjects = ward.subjects.iter().filter(move |s| s.learn == learns);
        subjects.map(|s| {
            let each = windows(&s.tokens).into_iter();
            each.map(|w| writer.write(&s.tokens, &w))
                .collect::<Vec<_>>()
        })
    };
    let mut segments: Vec<Segment> = of(true).flatten().collect();
    if !variant.survival {
        only_all(&mut segments, |asks, _| asks != Asks::End);
    }
    let held_out: Vec<Vec<Segment>> = of(false).collect();
    let longest = segments.iter().chain(held_out.iter().flatten());
    let longest = longest.map(|s| s.inputs.len()).max().unwrap_or(1);
    let mut model = model(&writer, variant, &segments, longest)?;
    let mut space = Workspace::new(model.config(), 1 << 16, Device::cpu(1))?;
    let (positions, seconds) = train(&mut model, &mut space, &segments, (steps, variant.seed))?;
    let within: f64 = held_out.iter().flatten().map(|s| s.value_within).sum();
    let mut judged = vec![];
    for subject in held_out {
        judged.push(judge(ward, &model, &mut space, subject)?);
    }
    Ok(Learnt {
        judged,
        hidden: hidden(&writer, &model, &mut space)?,
        steps,
        events_per_second: steps as f64 * BATCH_EVENTS as f64 / seconds,
        positions_per_second: positions as f64 / seconds,
        within,
        model: Arc::new(model),
    })
}

/// Keeps some targets only.
fn only(segment: &mut Segment, keep: impl Fn(Asks, &Target) -> bool) {
    for (target, asks) in segment.targets.iter_mut().zip(&segment.asks) {
        if !keep(*asks, target) {
            *target = Target::None;
        }
    }
}

fn only_all(segments: &mut [Segment], keep: impl Fn(Asks, &Target) -> bool + Copy) {
    for segment in segments {
        only(segment, keep);
    }
}

/// The marginal hazards of waits that ended in an event.
fn hazards(ward: &Ward, edges: &[f32]) -> Vec<f64> {
    let mut marginal = WaitMarginal::new(edges);
    for subject in ward.subjects.iter().filter(|s| s.learn) {
        for p in 0..subject.tokens.len() {
            if let longitude_tokens::Next::Event { wait_us } = subject.tokens.next(p) {
                marginal.event(longitude_core::Days::from_micros(wait_us).0);
            }
        }
    }
    marginal.finish().1
}

fn model(
    writer: &Writer<'_>,
    variant: &Variant,
    segments: &[Segment],
    context: usize,
) -> Fallible<Model> {
    let vocabulary = &writer.ward.vocabulary;
    let vocab = writer.vocab();
    let sizes = Sizes {
        vocab,
        groups: vocabulary.groups_len(),
        value_bins: usize::from(vocabulary.value_bins_max()),
        vocabulary: "ablations".to_owned(),
    };
    let mut config = Config::shaped(SHAPE, context, sizes);
    config.choices = variant.choices.clone();
    let bins = |id| match variant.layout {
        Layout::NextToken => 0,
        Layout::Plain | Layout::TimeTokens => vocabulary.bins_of(id).map_or(0, Bins::len),
    };
    let mut groups = vocabulary.group_table();
    groups.resize(vocab, [0; 2]);
    let codes = Codes {
        groups,
        value_bins: (0u32..).take(vocab).map(bins).collect(),
    };
    let marginals = marginals(&config, &codes, segments);
    let mut model = Model::new(config, codes, variant.seed)?;
    model.set_marginals(&marginals)?;
    Ok(model)
}

/// The frequencies of what the segments ask, half an event added to each code and value class.
fn marginals(config: &Config, codes: &Codes, segments: &[Segment]) -> Marginals {
    let classes = config.value_bins + 1;
    let mut count = vec![0.5f64; config.vocab];
    let mut values = vec![0.5f64; config.vocab * classes];
    let mut waits = WaitMarginal::new(&config.wait_edges_days);
    for target in segments.iter().flat_map(|s| &s.targets) {
        match *target {
            Target::None => {}
            Target::Censored { wait_days } => waits.censored(wait_days),
            Target::Event {
                wait_days,
                code,
                value_bin,
            } => {
                waits.event(wait_days);
                count[code as usize] += 1.0;
                values[code as usize * classes + usize::from(value_bin)] += 1.0;
            }
        }
    }
    let (zero_wait, hazards_per_day) = waits.finish();
    let rows = values.chunks_exact(classes).zip(&codes.value_bins);
    Marginals {
        code_log_frequency: log_shares(&count, config.vocab),
        zero_wait,
        hazards_per_day,
        value_log_frequency: rows
            .flat_map(|(row, bins)| log_shares(row, 1 + usize::from(*bins)))
            .collect(),
    }
}

/// The logarithms of the shares among the first `open` counts; 0 for the rest.
fn log_shares(counts: &[f64], open: usize) -> Vec<f32> {
    let total: f64 = counts.iter().take(open).sum();
    let share = |(i, count): (usize, &f64)| if i < open { (count / total).ln() } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, reason = "the model is f32")]
    counts
        .iter()
        .enumerate()
        .map(share)
        .map(|x| x as f32)
        .collect()
}

/// The loop; returns the positions trained on and the processor's seconds.
fn train(
    model: &mut Model,
    space: &mut Workspace,
    segments: &[Segment],
    (steps, seed): (usize, u64),
) -> Fallible<(usize, f64)> {
    let mut grads = Grads::new(model);
    let mut adam = AdamW::new(model, AdamWOptions::default(), Level::best());
    let mut batch = Batch::new();
    let (mut order, mut epoch, mut positions) = (vec![], 0, 0);
    let started = cpu_seconds();
    for step in 0..steps {
        batch.clear();
        let mut events = 0;
        while events < BATCH_EVENTS {
            if order.is_empty() {
                epoch += 1;
                order = crate::random::permutation(segments.len(), seed * 1000 + epoch);
            }
            let Some(segment) = order.pop().map(|i| &segments[i]) else {
                break;
            };
            batch.push(&segment.inputs, &segment.targets)?;
            events += segment.events.max(1);
        }
        grads.zero();
        let losses = space.forward_backward(model, &batch, &mut grads)?;
        if !losses.total().is_finite() {
            return Err("the loss is not finite".into());
        }
        positions += batch.positions();
        #[expect(clippy::cast_possible_truncation, reason = "a rate is f32")]
        let (share, rate) = (1.0 / events as f32, rate(step, steps) as f32);
        grads.scale(share);
        grads.clip(1.0);
        adam.step(model, &grads, rate);
    }
    Ok((positions, cpu_seconds() - started))
}

/// Linear warm-up over 5 % of the steps, then a cosine down to a tenth.
fn rate(step: usize, steps: usize) -> f64 {
    let warmup = (steps / 20).max(1);
    if step < warmup {
        return RATE * (step + 1) as f64 / warmup as f64;
    }
    let along = (step - warmup) as f64 / (steps - warmup).max(1) as f64;
    RATE * (0.1 + 0.45 * (1.0 + (std::f64::consts::PI * along).cos()))
}

fn judge(
    ward: &Ward,
    model: &Model,
    space: &mut Workspace,
    mut segments: Vec<Segment>,
) -> Fallible<Judged> {
    let mut sum = |segments: &[Segment]| -> Fallible<Losses> {
        let mut batch = Batch::new();
        for segment in segments {
            batch.push(&segment.inputs, &segment.targets)?;
        }
        Ok(space.loss(model, &batch)?)
    };
    let asks =
        |segments: &[Segment], what| segments.iter().flat_map(|s| &s.asks).any(|a| *a == what);
    let events = segments.iter().map(|s| s.events as f64).sum();
    let mut judged = Judged {
        events,
        ..Judged::default()
    };
    if asks(&segments, Asks::Code) {
        // One softmax: the parts are told apart by what was asked.
        let all = segments
            .iter()
            .map(|s| s.targets.clone())
            .collect::<Vec<_>>();
        let mut of = |what| -> Fallible<f64> {
            for (segment, targets) in segments.iter_mut().zip(&all) {
                segment.targets.clone_from(targets);
                only(segment, |asks, _| asks == what);
            }
            Ok(sum(&segments)?.code)
        };
        judged.code = of(Asks::Code)?;
        judged.wait = of(Asks::Interval)?;
        judged.value = of(Asks::ValueBin)?;
        judged.wait += segments.iter().map(|s| s.wait_within).sum::<f64>();
        judged.wait_of_events = judged.wait;
        return Ok(judged);
    }
    let all = sum(&segments)?;
    (judged.wait, judged.code, judged.value) = (all.wait, all.code, all.value);
    only_all(&mut segments, |asks, _| asks == Asks::Event);
    judged.wait_of_events = sum(&segments)?.wait;
    let rare = |target: &Target| match *target {
        Target::Event { code, .. } => ward.rare[code as usize],
        Target::None | Target::Censored { .. } => false,
    };
    if segments.iter().flat_map(|s| &s.targets).any(rare) {
        only_all(&mut segments, |_, target| rare(target));
        let losses = sum(&segments)?;
        (judged.rare, judged.rare_events) = (losses.code, losses.events as f64);
    }
    Ok(judged)
}

/// The hidden state of the last event before each subject's index date.
fn hidden(
    writer: &Writer<'_>,
    model: &Model,
    space: &mut Workspace,
) -> Fallible<Vec<Option<Vec<f32>>>> {
    let mut out = vec![];
    for subject in &writer.ward.subjects {
        let Some(tokens) = subject.history.as_ref().filter(|tokens| !tokens.is_empty()) else {
            out.push(None);
            continue;
        };
        let window = crate::ward::Window {
            positions: tokens.recent(crate::ward::CONTEXT),
            scored_from: usize::MAX,
        };
        let segment = writer.write(tokens, &window);
        let mut batch = Batch::new();
        batch.push(&segment.inputs, &segment.targets)?;
        let hidden = space.hidden(model, &batch)?;
        let dim = model.config().dim;
        out.push(Some(hidden[hidden.len() - dim..].to_vec()));
    }
    Ok(out)
}

/// Seconds of the processor that this process has used: a shared machine's clock says little.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}
