//! The assessment: parts, their streams at their shares of the levels, their rolling windows.

use super::bets::{self, Ranks};
use super::stream::{Bet, Taken, evidence, of_rows, report, untested};
use super::window::{Ordered, Row, Windows};
use super::{
    MonitorError, MonitorOptions, Monitoring, PartReport, REFERENCE_SUBJECTS_MIN, Served, Signal,
    StreamReport, Watched,
};
use crate::compare::auroc_standard_error;
use crate::group::CELL_MIN;
use crate::random::Stream;
use crate::rank::auroc;
use crate::undefined::Undefined;
use std::collections::{BTreeMap, BTreeSet};

/// How many standard errors the tested bound lies below the reference AUROC: one-sided 97.5 %.
const REFERENCE_ERRORS: f64 = 1.96;

/// Watches predictions up to a clock (days since 1970) against reference rows of before the plan,
/// as a rule those of the evaluation at release.
///
/// # Errors
/// When columns do not fit each other, a value is out of its range, a row stands twice, the clock
/// is before the first prediction, or an option has no meaning.
pub fn assess(
    served: &Served<'_>,
    reference: &Served<'_>,
    clock: f64,
    options: &MonitorOptions,
) -> Result<Monitoring, MonitorError> {
    check(options)?;
    let reference = Ordered::new(*reference)?;
    let mut served = Ordered::new(*served)?;
    for (what, rows) in [("predictions", &served), ("the reference", &reference)] {
        if rows.rows.is_empty() {
            return Err(MonitorError::NoRows(what));
        }
    }
    for (name, _) in served.served.groups {
        if !reference
            .served
            .groups
            .iter()
            .any(|(known, _)| known == name)
        {
            return Err(MonitorError::Column(format!(
                "the reference lacks `{name}`; it"
            )));
        }
    }
    if served.rows[0].time > clock {
        return Err(MonitorError::Clock);
    }
    let closed = closed(options, clock);
    let left_out = keep(&mut served, options, clock, closed.0);
    let parts = parts(&served, &reference);
    let watch = Assessing {
        served: &served,
        reference: &reference,
        options,
        closed,
    };
    Ok(watch.all(&parts, left_out))
}

fn check(options: &MonitorOptions) -> Result<(), MonitorError> {
    let inside = |level: f64| level > 0.0 && level < 1.0;
    let rising = options.edges.windows(2).all(|pair| pair[0] < pair[1]);
    let tolerance = &options.tolerance;
    let refuse = |what| Err(MonitorError::Option(what));
    if !inside(options.false_alarm) || !inside(options.watch) {
        return refuse("a level is not between 0 and 1");
    }
    if options.watch < options.false_alarm {
        return refuse("the level of watch is below that of alarms");
    }
    if !(rising && options.edges.len() > 1) {
        return refuse("the plan needs a month, and months that follow each other");
    }
    if !(options.horizon_days > 0.0 && options.reporting_lag_days >= 0.0) {
        return refuse("the horizon is not above 0, or the lag of reporting below 0");
    }
    if tolerance.odds < 1.0 || !tolerance.odds.is_finite() {
        return refuse("the tolerance of the odds is a factor of 1 or more");
    }
    let shares = [tolerance.auroc, tolerance.rank, tolerance.share];
    if !shares.iter().all(|share| (0.0..0.5).contains(share)) {
        return refuse("a tolerance lies outside 0 to 0.5");
    }
    Ok(())
}

/// How many months have all their predictions, and how many all their outcomes.
fn closed(options: &MonitorOptions, clock: f64) -> (usize, usize) {
    let after = options.horizon_days + options.reporting_lag_days;
    let ends = &options.edges[1..];
    (
        ends.partition_point(|&end| end <= clock),
        ends.partition_point(|&end| end + after <= clock),
    )
}

/// Gives every row its month and leaves out those that no closed month holds, counted by reason.
fn keep(
    served: &mut Ordered<'_>,
    options: &MonitorOptions,
    clock: f64,
    closed: usize,
) -> BTreeMap<String, u64> {
    let mut left_out = BTreeMap::new();
    let months = options.edges.len() - 1;
    served.rows.retain_mut(|row| {
        let after = options.edges.partition_point(|&edge| edge <= row.time);
        let reason = if row.time > clock {
            "after the clock"
        } else if after == 0 {
            "before the plan"
        } else if after > months {
            "after the plan"
        } else if after > closed {
            "in the month that is not over"
        } else {
            row.month = after - 1;
            return true;
        };
        *left_out.entry(reason.to_owned()).or_default() += 1;
        false
    });
    left_out
}

type Part = Option<(String, String)>;

/// All rows, and every value of every dimension, those of the reference and new ones.
fn parts(served: &Ordered<'_>, reference: &Ordered<'_>) -> Vec<Part> {
    let mut parts = vec![None];
    for (name, _) in served.served.groups {
        let mut values = BTreeSet::new();
        for side in [served, reference] {
            let column = side.served.groups.iter().find(|(known, _)| known == name);
            let rows = side.rows.iter();
            values.extend(rows.filter_map(|row| Some(column?.1[row.place].clone())));
        }
        parts.extend(values.into_iter().map(|value| Some((name.clone(), value))));
    }
    parts
}

struct Assessing<'a> {
    served: &'a Ordered<'a>,
    reference: &'a Ordered<'a>,
    options: &'a MonitorOptions,
    closed: (usize, usize),
}

/// What the reference says of one part.
struct Before {
    rows: Vec<Row>,
    /// The subjects' first rows.
    first: Vec<Row>,
}

/// A stream before its share of the levels is known: its evidence and rows, or why there is none.
type Untold = (Watched, Result<(Vec<f64>, u64), String>);

impl Assessing<'_> {
    fn all(&self, parts: &[Part], left_out: BTreeMap<String, u64>) -> Monitoring {
        let told: Vec<Vec<Untold>> = parts.iter().map(|part| self.streams(part)).collect();
        let tested = |streams: &[Untold]| streams.iter().filter(|s| s.1.is_ok()).count() as u64;
        let whole = told.first().map_or(0, |streams| tested(streams));
        let others: u64 = told.iter().skip(1).map(|streams| tested(streams)).sum();
        // Half of the levels for all rows, half for the parts: many parts do not blind the whole.
        let halves = if whole > 0 && others > 0 { 2.0 } else { 1.0 };
        let mut reports = Vec::new();
        for (place, (part, streams)) in parts.iter().zip(told).enumerate() {
            let among = if place == 0 { whole } else { others };
            let share = 1.0 / (halves * among.max(1) as f64);
            let levels = (self.options.watch * share, self.options.false_alarm * share);
            let streams = streams.into_iter().map(|(watched, told)| match told {
                Ok((log_e, rows)) => report(watched, log_e, rows, levels),
                Err(reason) => untested(watched, reason),
            });
            reports.push(self.part(part, streams.collect()));
        }
        Monitoring {
            months: self.options.edges[..self.options.edges.len() - 1].to_vec(),
            closed: self.closed.0,
            closed_outcomes: self.closed.1,
            false_alarm: self.options.false_alarm,
            watch: self.options.watch,
            tested: whole + others,
            left_out,
            parts: reports,
        }
    }

    fn part(&self, part: &Part, mut streams: Vec<StreamReport>) -> PartReport {
        let (rows, before) = self.rows(part);
        let people: BTreeSet<u32> = rows.iter().map(|row| row.subject).collect();
        let small = (1..CELL_MIN).contains(&people.len());
        let signal = streams.iter().map(|stream| stream.signal).max();
        if small {
            // The evidence of a few people follows from their risks and outcomes alone.
            for stream in &mut streams {
                stream.rows = 0;
                stream.log_e.clear();
                stream.reached = Default::default();
            }
        }
        let windows = Windows {
            served: self.served,
            reference: self.reference,
            options: self.options,
            closed: self.closed,
        };
        let (dimension, value) = match part {
            Some((dimension, value)) => (dimension.clone(), value.clone()),
            None => ("all".to_owned(), "all".to_owned()),
        };
        PartReport {
            dimension,
            value,
            rows: if small { 0 } else { rows.len() as u64 },
            suppressed: small.then(|| format!("fewer than {CELL_MIN} subjects")),
            signal: signal.unwrap_or(Signal::Quiet),
            windows: if small || self.options.window_months == 0 {
                Vec::new()
            } else {
                windows.of(&rows, &before.rows)
            },
            streams,
        }
    }

    fn rows(&self, part: &Part) -> (Vec<Row>, Before) {
        let part = part
            .as_ref()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let rows = self.reference.part(part);
        let first = self.reference.first(&rows);
        (self.served.part(part), Before { rows, first })
    }

    /// The streams of a part. Which of them are tested follows from the reference alone, so that
    /// the shares of the levels are known before the plan begins.
    fn streams(&self, part: &Part) -> Vec<Untold> {
        let (mut rows, before) = self.rows(part);
        let since = self.released(part);
        rows.retain(|row| row.time >= since);
        let mut streams = vec![
            (Watched::Calibration, self.calibration(&rows, &before)),
            (Watched::Discrimination, self.discrimination(&rows, &before)),
        ];
        let risks = self.served.served.risks;
        let known = Some(self.reference.served.risks);
        let column = |watched, missing, now: &[Option<f64>], before_now: Option<&[Option<f64>]>| {
            [
                (watched, self.shift(&rows, &before, now, before_now)),
                (
                    missing,
                    self.missing(&rows, &before, |r| now[r.place].is_none(), before_now),
                ),
            ]
        };
        streams.extend(column(
            Watched::Scores,
            Watched::MissingScores,
            risks,
            known,
        ));
        streams.push((
            Watched::MissingOutcomes,
            self.missing_outcomes(&rows, &before),
        ));
        for (name, values) in self.served.served.inputs {
            let watched = Watched::Input(name.clone());
            let missing = Watched::MissingInput(name.clone());
            streams.extend(column(watched, missing, values, self.reference.input(name)));
        }
        streams
    }

    /// From when on rows are evidence.
    fn released(&self, part: &Part) -> f64 {
        let (name, value) = part.as_ref().map_or(("all", "all"), |(n, v)| (n, v));
        let of = |known: &&((String, String), f64)| known.0.0 == name && known.0.1 == value;
        let found = self.options.released.iter().find(of);
        found.map_or(f64::NEG_INFINITY, |(_, since)| *since)
    }

    /// The months of a stream: those that are closed, and those of the whole plan.
    fn months(&self, of_outcomes: bool) -> (usize, usize) {
        let closed = if of_outcomes {
            self.closed.1
        } else {
            self.closed.0
        };
        (closed, self.options.edges.len() - 1)
    }

    fn told(&self, bets: &[Bet], rule: Taken, of_outcomes: bool) -> (Vec<f64>, u64) {
        let log_e = of_rows(bets, self.served.subjects, rule, self.months(of_outcomes));
        (log_e, bets.len() as u64)
    }

    fn calibration(&self, rows: &[Row], before: &Before) -> Result<(Vec<f64>, u64), String> {
        let known: Vec<f64> = before
            .first
            .iter()
            .filter_map(|row| self.reference.risk(row))
            .collect();
        enough(known.len())?;
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let (pivot, odds) = (
            crate::recalibration::logit(mean),
            self.options.tolerance.odds,
        );
        let bets = bets_of(rows, self.closed.1, |row| {
            let (risk, label) = self.served.risk(row).zip(self.served.label(row))?;
            Some(bets::calibration(risk, label, odds, pivot))
        });
        let rule = Taken::Apart(self.options.horizon_days);
        Ok(self.told(&bets, rule, true))
    }

    fn shift(
        &self,
        rows: &[Row],
        before: &Before,
        now: &[Option<f64>],
        column: Option<&[Option<f64>]>,
    ) -> Result<(Vec<f64>, u64), String> {
        let column = column.ok_or("the reference has no such column")?;
        let known: Vec<f64> = before
            .first
            .iter()
            .filter_map(|row| column[row.place])
            .collect();
        enough(known.len())?;
        let ranks = Ranks::new(known);
        let tolerance = self.options.tolerance.rank;
        let bets = bets_of(rows, self.closed.0, |row| {
            Some(ranks.bets(now[row.place]?, tolerance))
        });
        Ok(self.told(&bets, Taken::First, false))
    }

    fn missing(
        &self,
        rows: &[Row],
        before: &Before,
        is_missing: impl Fn(&Row) -> bool,
        column: Option<&[Option<f64>]>,
    ) -> Result<(Vec<f64>, u64), String> {
        let column = column.ok_or("the reference has no such column")?;
        let was = |row: &&Row| column[row.place].is_none();
        let high = self.options.tolerance.share + share_before(before, was)?;
        let bets = bets_of(rows, self.closed.0, |row| {
            Some(share(is_missing(row), high))
        });
        Ok(self.told(&bets, Taken::First, false))
    }

    fn missing_outcomes(&self, rows: &[Row], before: &Before) -> Result<(Vec<f64>, u64), String> {
        let was = |row: &&Row| self.reference.label(row).is_none();
        let high = self.options.tolerance.share + share_before(before, was)?;
        let bets = bets_of(rows, self.closed.1, |row| {
            Some(share(self.served.label(row).is_none(), high))
        });
        Ok(self.told(&bets, Taken::First, true))
    }

    fn discrimination(&self, rows: &[Row], before: &Before) -> Result<(Vec<f64>, u64), String> {
        let judged: Vec<(u32, bool, f64)> = before
            .first
            .iter()
            .filter_map(|row| {
                let (risk, label) = (self.reference.risk(row)?, self.reference.label(row)?);
                Some((row.subject, label, risk))
            })
            .collect();
        enough(judged.len())?;
        let low = self
            .lowest_auroc(&judged)
            .map_err(|reason| reason.to_string())?;
        let (closed, planned) = self.months(true);
        let known: Vec<Scored> = rows
            .iter()
            .filter(|row| row.month < closed)
            .filter_map(|row| {
                let (risk, label) = (self.served.risk(row)?, self.served.label(row)?);
                Some(Scored {
                    row: *row,
                    risk,
                    label,
                })
            })
            .collect();
        let ids = self.served.served.subjects;
        let log_e = evidence(closed, planned, |start| {
            let from = known.partition_point(|one| one.row.month < start);
            let later: Vec<Row> = known[from..].iter().map(|one| one.row).collect();
            let keys: Vec<(u32, f64)> = later.iter().map(|row| (row.subject, row.time)).collect();
            let places = super::stream::taken(&keys, self.served.subjects, Taken::First);
            let mut months: Vec<[Vec<(u64, f64)>; 2]> = vec![[Vec::new(), Vec::new()]; closed];
            for place in places {
                let one = &known[from + place];
                let id = ids[one.row.place];
                let lot = Stream::new(id, one.row.time.to_bits()).next();
                months[one.row.month][usize::from(one.label)].push((lot, one.risk));
            }
            let bets = |month: &mut [Vec<(u64, f64)>; 2]| concordance(month, low);
            months.iter_mut().map(bets).collect()
        });
        Ok((log_e, known.len() as u64))
    }

    /// The AUROC below which it counts as lower: that of the reference less its error and the
    /// tolerance.
    fn lowest_auroc(&self, judged: &[(u32, bool, f64)]) -> Result<f64, Undefined> {
        let labels: Vec<bool> = judged.iter().map(|one| one.1).collect();
        let risks: Vec<f64> = judged.iter().map(|one| one.2).collect();
        let subjects: Vec<u64> = judged.iter().map(|one| u64::from(one.0)).collect();
        let value = auroc(&labels, &risks)?;
        let error = auroc_standard_error(&labels, &risks, &subjects)?;
        let low = value - REFERENCE_ERRORS * error - self.options.tolerance.auroc;
        // Below one half there is nothing left to lose.
        if low > 0.5 {
            Ok(low)
        } else {
            Err(Undefined::TooFew)
        }
    }
}

struct Scored {
    row: Row,
    risk: f64,
    label: bool,
}

/// The logarithms of the bets of a month's rows on a lower AUROC. Each row of the rarer class is
/// matched with rows of the other by lot, each once; the share of pairs in the right order, ties
/// one half, has the AUROC as its mean, and shares of different rows are independent.
fn concordance(month: &mut [Vec<(u64, f64)>; 2], low: f64) -> Vec<f64> {
    for rows in month.iter_mut() {
        rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    }
    let [negatives, positives] = &*month;
    let rarer = negatives.len().min(positives.len());
    let mut sums: Vec<f64> = Vec::new();
    for at in 0..rarer {
        let (mut right, mut pairs) = (0.0, 0.0);
        let others = negatives.len().max(positives.len());
        for other in (at..others).step_by(rarer) {
            let (negative, positive) = if negatives.len() <= positives.len() {
                (negatives[at].1, positives[other].1)
            } else {
                (negatives[other].1, positives[at].1)
            };
            pairs += 1.0;
            if positive > negative {
                right += 1.0;
            } else if positive >= negative {
                right += 0.5;
            }
        }
        let logs = bets::below(right / pairs, low);
        sums.resize(bets::STAKES.len(), 0.0);
        for (sum, log) in sums.iter_mut().zip(logs) {
            *sum += log;
        }
    }
    sums
}

fn share(is_missing: bool, high: f64) -> Vec<f64> {
    bets::above(f64::from(u8::from(is_missing)), high).collect()
}

/// The bets of the rows of closed months that bet.
fn bets_of(rows: &[Row], closed: usize, bet: impl Fn(&Row) -> Option<Vec<f64>>) -> Vec<Bet> {
    let within = rows.iter().filter(|row| row.month < closed);
    within
        .filter_map(|row| {
            Some(Bet {
                subject: row.subject,
                month: row.month,
                time: row.time,
                logs: bet(row)?,
            })
        })
        .collect()
}

/// The share of reference subjects whose first row is so.
fn share_before(before: &Before, was: impl Fn(&&Row) -> bool) -> Result<f64, String> {
    enough(before.first.len())?;
    let missing = before.first.iter().filter(was).count();
    Ok(missing as f64 / before.first.len() as f64)
}

fn enough(subjects: usize) -> Result<(), String> {
    if subjects >= REFERENCE_SUBJECTS_MIN {
        return Ok(());
    }
    Err(format!(
        "the reference has fewer than {REFERENCE_SUBJECTS_MIN} subjects for it"
    ))
}
