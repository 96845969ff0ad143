//! A part of a group off by a factor: by impossible values, by steps within persons, by a bump.

use super::{Certainty, Finding, Options, Sample, Sign, Slip, logarithms, quantile, spread};
use crate::analyte::Analyte;

/// Fewer impossible values than this are typing errors.
const IMPOSSIBLE_MIN: usize = 3;
/// The least share of values that is called a mix-up.
const SHARE_MIN: f64 = 0.003;
/// A second mode is a copy of the first when its spread is within these ratios.
const SHAPE: (f64, f64) = (0.3, 2.5);

/// What one test says of one slip.
struct Seen {
    sign: Sign,
    share: f64,
    /// How far the values lie from where the slip would put them, in logarithms.
    off: f64,
}

/// The slip that makes sense of a part of a group.
pub(super) fn part(
    sample: Sample<'_>,
    analyte: Option<&Analyte>,
    slips: &[Slip],
    options: &Options,
) -> Option<Finding> {
    let logs = logarithms(sample.values);
    if logs.len() < options.mixture_values_min {
        return None;
    }
    let mut best: Option<(Finding, f64)> = None;
    for slip in slips {
        let tests = [
            limits(&logs, sample.values, analyte, slip),
            steps(sample.steps, &logs, slip, options),
            bump(&logs, slip, options),
        ];
        let seen: Vec<Seen> = tests.into_iter().flatten().collect();
        let Some(first) = seen.first() else { continue };
        let certain = seen.len() > 1 || first.sign != Sign::Bump;
        let finding = Finding {
            slip: slip.clone(),
            share: first.share,
            signs: seen.iter().map(|one| one.sign).collect(),
            certainty: if certain {
                Certainty::Likely
            } else {
                Certainty::Possible
            },
        };
        let off = seen.iter().map(|one| one.off).fold(f64::INFINITY, f64::min);
        let rank = |f: &Finding, off: f64| (f.certainty, f.signs.len(), -off);
        let better = best.as_ref().is_none_or(|(known, known_off)| {
            rank(&finding, off).partial_cmp(&rank(known, *known_off))
                == Some(std::cmp::Ordering::Greater)
        });
        if better {
            best = Some((finding, off));
        }
    }
    best.map(|(finding, _)| finding)
}

/// Impossible values that become usual ones of this very group once the slip is undone.
fn limits(logs: &[f64], values: &[f64], analyte: Option<&Analyte>, slip: &Slip) -> Option<Seen> {
    let analyte = analyte?;
    let middle = quantile(logs, 0.5);
    let wide = 3.0 * spread(logs).max(0.1);
    let impossible = || values.iter().filter(|v| analyte.implausible(**v).is_some());
    let all = impossible().count();
    if all < IMPOSSIBLE_MIN || (all as f64) < SHARE_MIN * values.len() as f64 {
        return None;
    }
    let fits = |value: f64| {
        let undone = slip.undo(value);
        undone > 0.0
            && analyte.implausible(undone).is_none()
            && (undone.ln() - middle).abs() <= wide
    };
    let mut undone: Vec<f64> = impossible()
        .map(|v| slip.undo(*v))
        .filter(|v| *v > 0.0)
        .collect();
    undone.sort_by(f64::total_cmp);
    let fitting = impossible().filter(|value| fits(**value)).count();
    // Nine in ten: a typing error among them does not hide the rest.
    (fitting >= IMPOSSIBLE_MIN && fitting * 10 >= all * 9).then(|| Seen {
        sign: Sign::Limits,
        share: fitting as f64 / values.len() as f64,
        off: (quantile(&undone, 0.5).ln() - middle).abs(),
    })
}

/// Jumps by the factor, up and down, that stand out of the jumps a little shorter and longer.
/// Jumps look the same in both directions: the values must lie on the slip's side.
fn steps(steps: &[f64], logs: &[f64], slip: &Slip, options: &Options) -> Option<Seen> {
    if steps.len() < options.mixture_values_min {
        return None;
    }
    let jump = slip.factor.ln().abs();
    // Values of one person wander: the window takes in one and a half standard deviations.
    let usual = spread(steps).max(0.02);
    let half = (1.5 * usual).clamp(0.05, jump / 5.0);
    // A jump that ordinary steps reach is not told from them.
    if jump - 3.0 * half < 2.0 * usual {
        return None;
    }
    let between = |from: f64, to: f64| {
        let below = |x: f64| steps.partition_point(|step| *step < x);
        below(to) - below(from)
    };
    let around = |at: f64| between(at - half, at + half);
    let (up, down) = (around(jump), around(-jump));
    let mut beside = 0;
    for at in [jump, -jump] {
        beside += between(at - 3.0 * half, at - half) + between(at + half, at + 3.0 * half);
    }
    // The flanks are twice as wide as the windows. One more is expected than they say, because an
    // empty flank is no proof of emptiness.
    let expected = beside as f64 / 2.0 + 1.0;
    let found = up + down;
    let share = |found: usize| {
        let pairs = (found as f64 / steps.len() as f64).min(0.5);
        (1.0 - (1.0 - 2.0 * pairs).sqrt()) / 2.0
    };
    let both = up.min(down) * 5 >= found;
    let beyond =
        logs.partition_point(|value| *value < quantile(logs, 0.5) + slip.factor.ln() / 2.0);
    let beyond = if slip.factor > 1.0 {
        logs.len() - beyond
    } else {
        beyond
    };
    let there = beyond as f64 >= share(found) * logs.len() as f64 / 2.0;
    (both && there && share(found) >= SHARE_MIN && chance(found, expected) <= options.chance_max)
        .then(|| {
            let inside = |step: &&f64| (step.abs() - jump).abs() <= half;
            let mut lengths: Vec<f64> = steps.iter().filter(inside).map(|s| s.abs()).collect();
            lengths.sort_by(f64::total_cmp);
            Seen {
                sign: Sign::Steps,
                share: share(found),
                off: (quantile(&lengths, 0.5) - jump).abs(),
            }
        })
}

/// A second mode at the factor's distance, with a valley between, shaped like the first.
fn bump(logs: &[f64], slip: &Slip, options: &Options) -> Option<Seen> {
    let jump = slip.factor.ln();
    // The logarithms split where the two modes would meet; a few rounds settle the split.
    let mut main = quantile(logs, 0.5);
    let split = |main: f64| logs.partition_point(|value| *value < main + jump / 2.0);
    let halves = |main: f64| {
        let (low, high) = logs.split_at(split(main));
        if jump > 0.0 { (low, high) } else { (high, low) }
    };
    for _round in 0..6 {
        main = quantile(halves(main).0, 0.5);
        if main.is_nan() {
            return None;
        }
    }
    let (bulk, copy) = halves(main);
    let share = copy.len() as f64 / logs.len() as f64;
    if copy.len() < 5 || !(SHARE_MIN..=0.5).contains(&share) {
        return None;
    }
    let wide = spread(bulk).max(0.03);
    let narrow = spread(copy);
    let other = quantile(copy, 0.5);
    let off = (other - main - jump).abs();
    // The standard error of a median is 1.25 standard deviations over the root of the number.
    let error = 1.2533 * wide * (1.0 / copy.len() as f64).sqrt();
    let is_copy = off <= (3.0 * error + 0.05).min(jump.abs() / 5.0)
        && (SHAPE.0 * wide..=SHAPE.1 * wide.max(0.05)).contains(&narrow.max(0.02));
    // A valley: in the middle between the modes there are fewer values than about the second, over
    // the same width. A tail that only falls has more.
    let half = jump.abs() / 8.0;
    let about = |at: f64| {
        let below = |x: f64| logs.partition_point(|value| *value < x);
        below(at + half) - below(at - half)
    };
    let (peak, valley) = (about(other), about(main + jump / 2.0));
    let is_told = peak >= 3 * valley && tail_of_halves(peak, peak + valley) <= options.chance_max;
    (is_copy && is_told).then_some(Seen {
        sign: Sign::Bump,
        share,
        off,
    })
}

/// The chance of `found` or more events where `expected` are expected (Poisson).
fn chance(found: usize, expected: f64) -> f64 {
    let mut term = (-expected).exp();
    let mut below = 0.0;
    for k in 0..found {
        below += term;
        term *= expected / (k + 1) as f64;
    }
    if (found as f64) <= expected {
        return 1.0 - below;
    }
    // Far out the difference would cancel: the tail is summed from its own first term.
    let mut tail = 0.0;
    for k in found..found + 200 {
        tail += term;
        term *= expected / (k + 1) as f64;
    }
    tail
}

/// The chance of `found` or more heads in `tosses` throws of a fair coin.
fn tail_of_halves(found: usize, tosses: usize) -> f64 {
    // Terms C(n, k) / 2^n by recurrence from k = n downwards, in logarithms.
    let n = tosses as f64;
    let mut log_term = -n * std::f64::consts::LN_2;
    let mut sum = log_term.exp();
    for k in (found..tosses).rev() {
        log_term += ((k + 1) as f64 / (n - k as f64)).ln();
        sum += log_term.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_the_tables() {
        for (found, expected, chance_of) in [
            (0, 1.0, 1.0),
            (1, 1.0, 0.632_121),
            (5, 1.0, 0.003_660),
            (20, 2.0, 6.443_7e-14),
        ] {
            let ours = chance(found, expected);
            assert!(
                (ours / chance_of - 1.0).abs() < 2e-3,
                "{found} {expected}: {ours}"
            );
        }
        for (found, tosses, chance_of) in
            [(0, 10, 1.0), (10, 10, 0.000_976_562), (8, 10, 0.054_687_5)]
        {
            let ours = tail_of_halves(found, tosses);
            assert!(
                (ours / chance_of - 1.0).abs() < 1e-5,
                "{found} {tosses}: {ours}"
            );
        }
    }
}
