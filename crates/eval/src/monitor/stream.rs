//! From bets to a stream of evidence.
//!
//! A change may come in any month, and evidence from the quiet months before it would hide it. So
//! each month of the plan starts an e-process of its own, which sees only what comes after and
//! each subject once in it. The stream is the largest of them over the number of the plan's months:
//! by the union bound over starts, each held by Ville's inequality in what it has seen, the chance
//! that it ever reaches 1/level is at most the level. Independence is asked of subjects, not rows.

use super::{Signal, StreamReport, Watched};

/// A row of a stream: who, in which month, and the logarithms of its bets.
pub(super) struct Bet {
    pub(super) subject: u32,
    pub(super) month: usize,
    /// In days; orders the rows of a subject.
    pub(super) time: f64,
    pub(super) logs: Vec<f64>,
}

/// Which rows of a subject an e-process takes.
#[derive(Clone, Copy)]
pub(super) enum Taken {
    /// The first only.
    First,
    /// The first, and then each that was made this many days after the last one taken or later:
    /// its window begins after the other's is complete, so that what the other brought was known.
    Apart(f64),
}

/// Whether a row is taken, given when the last one of its subject was.
fn takes(taken: Taken, last: f64, time: f64) -> bool {
    match taken {
        Taken::First => last.is_infinite(),
        Taken::Apart(days) => time - last >= days,
    }
}

/// The places of the rows, by time, that one e-process takes. `subjects` is how many there are.
pub(super) fn taken(rows: &[(u32, f64)], subjects: usize, rule: Taken) -> Vec<usize> {
    let mut last = vec![f64::NEG_INFINITY; subjects];
    let mut places = Vec::new();
    for (place, &(subject, time)) in rows.iter().enumerate() {
        let last = &mut last[subject as usize];
        if takes(rule, *last, time) {
            *last = time;
            places.push(place);
        }
    }
    places
}

/// The largest log e-value over start months, after each closed month. `increments` gives, for a
/// start month, the sums of the logarithms of each bet by month.
pub(super) fn evidence(
    closed: usize,
    planned: usize,
    mut increments: impl FnMut(usize) -> Vec<Vec<f64>>,
) -> Vec<f64> {
    let mut largest = vec![f64::NEG_INFINITY; closed];
    for start in 0..closed {
        let sums = increments(start);
        let mut so_far: Vec<f64> = Vec::new();
        for (month, largest) in largest.iter_mut().enumerate().skip(start) {
            so_far.resize(sums[month].len().max(so_far.len()), 0.0);
            for (total, sum) in so_far.iter_mut().zip(&sums[month]) {
                *total += sum;
            }
            *largest = largest.max(log_mean(&so_far));
        }
    }
    let starts = (planned.max(1) as f64).ln();
    // No start yet, or no row: e-value 1 by each start that has not begun.
    largest
        .into_iter()
        .map(|log| log.max(0.0) - starts)
        .collect()
}

/// The logarithm of the mean of numbers given by their logarithms; 0 for none.
fn log_mean(logs: &[f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return if logs.is_empty() { 0.0 } else { top };
    }
    let sum: f64 = logs.iter().map(|log| (log - top).exp()).sum();
    top + (sum / logs.len() as f64).ln()
}

/// The evidence of rows whose bets do not depend on each other. Rows are sorted by time.
pub(super) fn of_rows(
    bets: &[Bet],
    subjects: usize,
    rule: Taken,
    (closed, planned): (usize, usize),
) -> Vec<f64> {
    evidence(closed, planned, |start| {
        let from = bets.partition_point(|bet| bet.month < start);
        let later = &bets[from..];
        let keys: Vec<(u32, f64)> = later.iter().map(|bet| (bet.subject, bet.time)).collect();
        let mut sums = vec![Vec::new(); closed];
        for place in taken(&keys, subjects, rule) {
            let bet = &later[place];
            let sum: &mut Vec<f64> = &mut sums[bet.month];
            sum.resize(bet.logs.len(), 0.0);
            for (sum, log) in sum.iter_mut().zip(&bet.logs) {
                *sum += log;
            }
        }
        sums
    })
}

/// A stream that is tested, at its share of the levels.
pub(super) fn report(
    watched: Watched,
    log_e: Vec<f64>,
    rows: u64,
    (watch, alarm): (f64, f64),
) -> StreamReport {
    let (log_watch, log_alarm) = (-watch.ln(), -alarm.ln());
    let first = |level: f64| log_e.iter().position(|&log| log >= level);
    let reached = [first(log_watch), first(log_alarm)];
    let signal = match reached {
        [_, Some(_)] => Signal::Alarm,
        [Some(_), None] => Signal::Watch,
        [None, None] => Signal::Quiet,
    };
    StreamReport {
        watched,
        log_e,
        log_watch,
        log_alarm,
        signal,
        reached,
        rows,
        reason: None,
    }
}

/// A stream that is not tested.
pub(super) fn untested(watched: Watched, reason: impl Into<String>) -> StreamReport {
    StreamReport {
        watched,
        log_e: Vec::new(),
        log_watch: 0.0,
        log_alarm: 0.0,
        signal: Signal::Quiet,
        reached: [None, None],
        rows: 0,
        reason: Some(reason.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_taken_once_or_apart() {
        let rows = [(0, 0.0), (1, 1.0), (0, 5.0), (0, 10.0), (0, 12.0)];
        assert_eq!(taken(&rows, 2, Taken::First), [0, 1]);
        assert_eq!(taken(&rows, 2, Taken::Apart(10.0)), [0, 1, 3]);
    }

    #[test]
    fn a_late_start_forgets_the_quiet_months() {
        let sums = |start: usize| -> Vec<Vec<f64>> {
            let month = |m: usize| if m < 6 { vec![-2.0] } else { vec![3.0] };
            (0..8)
                .map(|m| if m < start { Vec::new() } else { month(m) })
                .collect()
        };
        let log_e = evidence(8, 8, sums);
        assert!((log_e[5] + 8_f64.ln()).abs() < 1e-12);
        assert!((log_e[7] - (6.0 - 8_f64.ln())).abs() < 1e-12);
    }
}
