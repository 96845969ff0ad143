//! What an adaptation gained on the site's held-out subjects and forgot on the base's: nats an
//! event before and after, on the same subjects, with intervals by a bootstrap over subjects that
//! draws both alike (paired), so that what a subject is worth in itself cancels.

use crate::evaluate::{EvaluateOptions, Losses, Nats, losses};
use crate::loader::{SplitMix, windows};
use crate::options::device;
use crate::sequences::Sequences;
use crate::{Error, Result};
use longitude_model::{Model, Workspace};
use longitude_tokens::Tokens;
use serde::{Deserialize, Serialize};

/// The level of the intervals.
pub const LEVEL: f64 = 0.95;

/// A difference in nats an event with its interval; below zero is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// After less before.
    pub nats: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Two models on the same subjects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Subjects with at least one scored event.
    pub subjects: u64,
    /// Scored events.
    pub events: u64,
    /// Before.
    pub before: Nats,
    /// After.
    pub after: Nats,
    /// Of the wait.
    pub wait: Difference,
    /// Of the code.
    pub code: Difference,
    /// Of the value bin.
    pub value_bin: Difference,
    /// Of the three together.
    pub learnt: Difference,
    /// Of everything, the constant inside the bins included: where vocabularies differ, only this
    /// compares.
    pub total: Difference,
}

/// The losses of each subject under a model.
///
/// # Errors
/// As [`crate::evaluate`].
pub fn evaluate_each(
    model: &Model,
    tokens: &[Tokens],
    options: &EvaluateOptions,
) -> Result<Vec<Losses>> {
    let context = model.config().context;
    if options.batch_tokens < context {
        return Err(Error::Option {
            option: "batch_tokens",
            must: "at least the model's context",
        });
    }
    let device = device(&options.kernels, options.threads)?;
    let mut workspace = Workspace::new(model.config(), options.batch_tokens, device)?;
    let each = |one: &Tokens| {
        let mut sequences = Sequences::default();
        sequences.push(one);
        let windows = windows(&sequences, context, options.overlap_positions);
        losses(model, &mut workspace, &sequences, &windows)
    };
    tokens.iter().map(each).collect()
}

/// What changed from one model to another on the same subjects in the same order, with percentile
/// intervals over that many resamples of subjects (Efron and Tibshirani 1993, chapter 13). None
/// where the lengths differ or there is no event.
pub fn change(before: &[Losses], after: &[Losses], resamples: u32, seed: u64) -> Option<Change> {
    let pairs: Vec<(Losses, Losses)> = before
        .iter()
        .zip(after)
        .map(|(before, after)| (*before, *after))
        .filter(|(before, _)| before.events > 0)
        .collect();
    let mut sums = (Losses::default(), Losses::default());
    for (before, after) in &pairs {
        sums.0 += *before;
        sums.1 += *after;
    }
    let (first, second) = (sums.0.per_event()?, sums.1.per_event()?);
    if before.len() != after.len() || sums.0.events != sums.1.events {
        return None;
    }
    let mut drawn: [Vec<f64>; PARTS.len()] = Default::default();
    let mut random = SplitMix(seed);
    for _ in 0..resamples {
        let mut sums = (Losses::default(), Losses::default());
        for _ in 0..pairs.len() {
            let (before, after) = &pairs[random.below(pairs.len() as u64)];
            sums.0 += *before;
            sums.1 += *after;
        }
        let (before, after) = (sums.0.per_event()?, sums.1.per_event()?);
        for (part, drawn) in PARTS.iter().zip(&mut drawn) {
            drawn.push(part(&after) - part(&before));
        }
    }
    let mut differences = PARTS.iter().zip(drawn).map(|(part, mut drawn)| {
        drawn.sort_by(f64::total_cmp);
        Difference {
            nats: part(&second) - part(&first),
            low: quantile(&drawn, (1.0 - LEVEL) / 2.0),
            high: quantile(&drawn, f64::midpoint(1.0, LEVEL)),
        }
    });
    Some(Change {
        subjects: pairs.len() as u64,
        events: sums.0.events,
        before: first,
        after: second,
        wait: differences.next()?,
        code: differences.next()?,
        value_bin: differences.next()?,
        learnt: differences.next()?,
        total: differences.next()?,
    })
}

/// The parts of [`Change`] in its order.
const PARTS: [fn(&Nats) -> f64; 5] = [
    |nats| nats.wait,
    |nats| nats.code,
    |nats| nats.value_bin,
    Nats::learnt,
    Nats::total,
];

/// The quantile of a sorted sample (Hyndman and Fan 1996, type 7); NaN of an empty one.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places are between 0 and the length"
    )]
    let (low, high) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    low + (high - low) * place.fract()
}

/// One way of adapting, and what it gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// What it is called.
    pub name: String,
    /// Numbers that it trained.
    pub trained: usize,
    /// Steps done.
    pub steps: u64,
    /// The step whose weights were kept.
    pub best_step: u64,
    /// On the site's held-out subjects.
    pub gained: Option<Change>,
    /// On the base's; none where the vocabulary is another or the base's data are not here.
    pub forgot: Option<Change>,
}

/// What adaptations gained and forgot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GainReport {
    /// Numbers of the model.
    pub parameters: usize,
    /// Subjects that the site learnt from.
    pub site_subjects: usize,
    /// The ways.
    pub methods: Vec<Method>,
}

impl GainReport {
    /// The report as a Markdown table, and how to read it.
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "Nats an event, before and after adaptation to {} subjects of the site; below zero is \
             better. Intervals: 95 %, bootstrap over subjects, paired.\n\n\
             | way | numbers trained | steps (kept) | on | wait | code | value | all three |\n\
             |---|---|---|---|---|---|---|---|\n",
            self.site_subjects
        );
        for method in &self.methods {
            let sides = [("site", &method.gained), ("base", &method.forgot)];
            for (side, change) in sides {
                let Some(change) = change else { continue };
                let shown =
                    |d: &Difference| format!("{:+.4} ({:+.4}, {:+.4})", d.nats, d.low, d.high);
                text.push_str(&format!(
                    "| {} | {} of {} | {} ({}) | {side} | {} | {} | {} | {:.4} to {:.4}, {} |\n",
                    method.name,
                    method.trained,
                    self.parameters,
                    method.steps,
                    method.best_step,
                    shown(&change.wait),
                    shown(&change.code),
                    shown(&change.value_bin),
                    change.before.learnt(),
                    change.after.learnt(),
                    shown(&change.learnt),
                ));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marginal::marginal_model;
    use crate::run::{Control, train};
    use crate::world::world;

    fn losses_of(wait: f64, events: u64) -> Losses {
        Losses {
            wait: wait * events as f64,
            events,
            ..Losses::default()
        }
    }

    #[test]
    fn a_shift_of_every_subject_has_no_width() {
        let before: Vec<Losses> = (1..60u32).map(|i| losses_of(f64::from(i), 10)).collect();
        let after: Vec<Losses> = (1..60u32)
            .map(|i| losses_of(f64::from(i) - 0.5, 10))
            .collect();
        let change = change(&before, &after, 400, 3).unwrap();
        for difference in [change.wait, change.learnt, change.total] {
            assert!((difference.nats + 0.5).abs() < 1e-9);
            assert!((difference.high - difference.low).abs() < 1e-9);
        }
        // Unpaired, the subjects' own spread of 17 nats would drown it.
        assert!(change.code.nats.abs() < 1e-12);
    }

    #[test]
    fn the_interval_has_the_width_of_the_normal_law() {
        // Differences of plus or minus one by turns: a standard error of 1 / sqrt(n).
        let sign = |i: u32| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let before: Vec<Losses> = (0..400u32).map(|_| losses_of(5.0, 7)).collect();
        let after: Vec<Losses> = (0..400).map(|i| losses_of(5.0 + sign(i), 7)).collect();
        let found = change(&before, &after, 2000, 1).unwrap().wait;
        let half = 1.96 / 20.0;
        assert!(found.nats.abs() < 1e-12);
        assert!(
            (found.high - half).abs() < 0.012 && (found.low + half).abs() < 0.012,
            "{found:?}"
        );
    }

    #[test]
    fn other_subjects_or_none_have_no_change() {
        let one = [losses_of(1.0, 5)];
        assert!(change(&[], &[], 10, 1).is_none());
        assert!(change(&one, &[], 10, 1).is_none());
        assert!(change(&one, &[losses_of(1.0, 6)], 10, 1).is_none());
        assert!(change(&[losses_of(0.0, 0)], &[losses_of(0.0, 0)], 10, 1).is_none());
    }

    #[test]
    fn each_subject_adds_up_to_all() {
        let world = world(40, 40);
        let options = world.options(10);
        let trained = train(&world.data, &options, &mut |_| Control::Continue).unwrap();
        let start = marginal_model(&world.data, &options).unwrap();
        let how = EvaluateOptions {
            batch_tokens: 1024,
            overlap_positions: 16,
            kernels: options.kernels.clone(),
            threads: 1,
        };
        let tokens = world.held_out_tokens();
        let all = crate::evaluate(&trained.model, &tokens, &how).unwrap();
        let each = evaluate_each(&trained.model, &tokens, &how).unwrap();
        assert_eq!(each.len(), tokens.len());
        let mut sum = Losses::default();
        for one in &each {
            sum += *one;
        }
        assert_eq!(sum.events, all.events);
        let (a, b) = (sum.per_event().unwrap(), all.per_event().unwrap());
        assert!((a.total() - b.total()).abs() < 1e-5, "{a:?} {b:?}");
        let before = evaluate_each(&start, &tokens, &how).unwrap();
        let change = change(&before, &each, 200, 1).unwrap();
        assert!(change.learnt.high < 0.0, "{change:?}");
        let report = GainReport {
            parameters: start.parameters(),
            site_subjects: 40,
            methods: vec![Method {
                name: "all weights".to_owned(),
                trained: start.parameters(),
                steps: 10,
                best_step: 10,
                gained: Some(change),
                forgot: None,
            }],
        };
        let text = report.to_markdown();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.contains("| all weights |"));
    }
}
