//! The estimates of a cohort: overlap, the naive difference, standardisation (g-computation), the
//! doubly robust estimator, negative controls, each with a bootstrap over people.
//!
//! With e the propensity, m1 and m0 the outcome regressions of the treated and the untreated, and w
//! the inverse probability of not being censored (Kaplan-Meier of the censoring in each group):
//!
//! - g-computation: the mean of m1(x) - m0(x) (Robins 1986; Snowden, Rose and Mortimer 2011);
//! - AIPW: that plus the mean of A w (Y - m1) / e - (1 - A) w (Y - m0) / (1 - e) (Robins, Rotnitzky
//!   and Zhao 1994). It is right where the propensity or the outcome regressions are.
//!
//! People whose propensity is outside the declared bounds are trimmed first (Crump et al. 2009);
//! the estimates are then of the people who are left.

use super::linear::Logistic;
use super::{Cohort, DesignError, EVENTS_MIN, FollowedUp, GROUP_MIN, Person};
use crate::rng::unit;
use longitude_eval::survival::{FollowUp, censoring};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A difference of risks with its 95 % bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// The 2.5th percentile over resamples.
    pub low: f64,
    /// The 97.5th.
    pub high: f64,
}

impl Interval {
    /// Whether it holds a value.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// How alike the groups are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// People whose probability of one of the groups is below the declared bound; none where they
    /// are 1 to 10.
    pub trimmed: Option<u64>,
    /// Their share, likewise.
    pub trimmed_share: Option<f64>,
    /// The 1st, 50th and 99th percentile of the propensity of the treated, before trimming.
    pub treated: [f64; 3],
    /// Of the untreated.
    pub untreated: [f64; 3],
    /// The largest standardised mean difference of a column, before and after weighting by the
    /// propensity; above 0.1 is usually called imbalance (Austin 2009).
    pub difference_max: [f64; 2],
}

/// A comparison in which no effect is possible.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NegativeControl {
    /// `outcome` or `treatment`.
    pub of: String,
    /// The doubly robust estimate; none where there were too few people or events.
    pub estimate: Option<Interval>,
    /// Whether its interval leaves 0 out: something unmeasured then acts on both sides.
    pub alarm: bool,
}

/// What a design says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The design's name.
    pub design: String,
    /// Treated people, after trimming.
    pub treated: u64,
    /// Untreated people.
    pub untreated: u64,
    /// Who was not compared, by reason; none for one to ten.
    pub left_out: BTreeMap<String, Option<u64>>,
    /// How alike the groups are.
    pub overlap: Overlap,
    /// The difference of the risks as they are, treated less untreated: confounded.
    pub naive: Interval,
    /// By standardisation.
    pub g_computation: Interval,
    /// Doubly robust.
    pub aipw: Interval,
    /// Negative controls, where any was declared.
    pub negative_controls: Vec<NegativeControl>,
    /// Resamples of the intervals.
    pub resamples: u32,
}

/// Columns, groups and labels ready for regression.
struct Prepared {
    rows: Vec<Vec<f64>>,
    treated: Vec<bool>,
    labels: Vec<f64>,
    /// Inverse probability of not being censored; 0 for the censored.
    kept: Vec<f64>,
    propensity: Vec<f64>,
}

/// The three estimates of one weighting of the people.
#[derive(Clone, Copy)]
struct Three([f64; 3]);

impl Cohort {
    /// The estimates, with intervals by so many resamples.
    ///
    /// # Errors
    /// [`DesignError::TooFewPeople`], [`DesignError::TooFewEvents`], [`DesignError::NoOverlap`].
    pub fn estimate(&self, resamples: u32, seed: u64) -> Result<Estimate, DesignError> {
        let people: Vec<&Person> = self.people.iter().collect();
        let of = |person: &Person| (person.treated, Some(person.outcome));
        let (prepared, overlap) = self.prepared(&people, of)?;
        let [naive, g_computation, aipw] = intervals(&prepared, resamples, seed);
        let treated = prepared.treated.iter().filter(|t| **t).count() as u64;
        let left_out = self.left_out.iter();
        Ok(Estimate {
            design: self.design.name.clone(),
            treated,
            untreated: prepared.treated.len() as u64 - treated,
            left_out: left_out
                .map(|(why, n)| ((*why).to_owned(), shown(*n)))
                .collect(),
            overlap,
            naive,
            g_computation,
            aipw,
            negative_controls: self.controls(&people, resamples, seed),
            resamples,
        })
    }

    fn controls(&self, people: &[&Person], resamples: u32, seed: u64) -> Vec<NegativeControl> {
        let control = |of: &str, pick: &dyn Fn(&Person) -> (bool, Option<FollowedUp>)| {
            let prepared = self.prepared(people, pick).ok();
            let estimate = prepared.map(|(prepared, _)| intervals(&prepared, resamples, seed)[2]);
            NegativeControl {
                of: of.to_owned(),
                alarm: estimate.is_some_and(|interval| !interval.holds(0.0)),
                estimate,
            }
        };
        let mut all = Vec::new();
        if !self.design.negative_outcome.is_empty() {
            all.push(control("outcome", &|one| {
                (one.treated, one.negative_outcome)
            }));
        }
        if !self.design.negative_treatment.is_empty() {
            all.push(control("treatment", &|one| {
                let treated = one.negative_treated;
                (treated.unwrap_or_default(), treated.map(|_| one.outcome))
            }));
        }
        all
    }

    fn prepared(
        &self,
        people: &[&Person],
        of: impl Fn(&Person) -> (bool, Option<FollowedUp>),
    ) -> Result<(Prepared, Overlap), DesignError> {
        let pairs = people.iter().map(|person| (*person, of(person)));
        let some =
            pairs.filter_map(|(person, (treated, followed))| Some((person, treated, followed?)));
        let some: Vec<(&Person, bool, FollowedUp)> = some.collect();
        enough(
            some.iter()
                .map(|(_, treated, followed)| (*treated, followed.cause)),
        )?;
        let rows = standardised(&some.iter().map(|one| one.0).collect::<Vec<_>>());
        let treated: Vec<bool> = some.iter().map(|one| one.1).collect();
        let propensity = propensity(&rows, &treated, &vec![1.0; rows.len()]);
        let bound = self.design.propensity_min;
        let inside = |e: f64| e >= bound && e <= 1.0 - bound;
        let outside = propensity.iter().filter(|e| !inside(**e)).count();
        let share = outside as f64 / propensity.len() as f64;
        if share > self.design.trimmed_max {
            let allowed = self.design.trimmed_max;
            return Err(DesignError::NoOverlap { share, allowed });
        }
        let of_group = |group: bool| {
            let own = propensity
                .iter()
                .zip(&treated)
                .filter(|(_, t)| **t == group);
            let mut own: Vec<f64> = own.map(|(e, _)| *e).collect();
            own.sort_by(f64::total_cmp);
            [0.01, 0.5, 0.99].map(|share| quantile(&own, share))
        };
        let mut overlap = Overlap {
            trimmed: shown(outside as u64),
            trimmed_share: shown(outside as u64).map(|_| share),
            treated: of_group(true),
            untreated: of_group(false),
            difference_max: [0.0; 2],
        };
        let kept: Vec<usize> = (0..rows.len()).filter(|i| inside(propensity[*i])).collect();
        let pick = |i: &usize| (some[*i].1, some[*i].2.cause);
        enough(kept.iter().map(pick))?;
        let kept_followed: Vec<FollowedUp> = kept.iter().map(|i| some[*i].2).collect();
        let kept_treated: Vec<bool> = kept.iter().map(|i| treated[*i]).collect();
        let weights = uncensored(&kept_followed, &kept_treated, self.design.horizon_days);
        let rows: Vec<Vec<f64>> = kept.iter().map(|i| rows[*i].clone()).collect();
        let prepared = Prepared {
            propensity: self::propensity(&rows, &kept_treated, &vec![1.0; rows.len()]),
            rows,
            treated: kept_treated,
            labels: kept_followed
                .iter()
                .map(|f| f64::from(u8::from(f.cause == 1)))
                .collect(),
            kept: weights,
        };
        overlap.difference_max = differences(&prepared);
        Ok((prepared, overlap))
    }
}

/// Whether there are people and events enough.
fn enough(pairs: impl Iterator<Item = (bool, u8)>) -> Result<(), DesignError> {
    let (mut groups, mut events) = ([0_usize; 2], 0);
    for (treated, cause) in pairs {
        groups[usize::from(treated)] += 1;
        events += usize::from(cause == 1);
    }
    let [untreated, treated] = groups;
    if treated.min(untreated) < GROUP_MIN {
        let [treated, untreated] = [treated, untreated].map(|n| if n > 10 { n } else { 0 });
        return Err(DesignError::TooFewPeople { treated, untreated });
    }
    if events < EVENTS_MIN {
        return Err(DesignError::TooFewEvents);
    }
    Ok(())
}

/// Columns with mean 0 and standard deviation 1, a missing number at the mean; columns that never
/// move are left out.
fn standardised(people: &[&Person]) -> Vec<Vec<f64>> {
    let width = people.first().map_or(0, |one| one.columns.len());
    let mut rows = vec![Vec::new(); people.len()];
    for column in 0..width {
        let known = people.iter().filter_map(|one| one.columns[column]);
        let known: Vec<f64> = known.collect();
        let mean = crate::risk::mean(&known);
        let squares: f64 = known.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (squares / known.len().max(1) as f64).sqrt();
        if deviation < 1e-9 {
            continue;
        }
        for (row, person) in rows.iter_mut().zip(people) {
            let value = person.columns[column].unwrap_or(mean);
            row.push((value - mean) / deviation);
        }
    }
    rows
}

fn propensity(rows: &[Vec<f64>], treated: &[bool], weights: &[f64]) -> Vec<f64> {
    let all: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let labels: Vec<f64> = treated.iter().map(|t| f64::from(u8::from(*t))).collect();
    let fitted = Logistic::fit(&all, &labels, weights);
    all.iter().map(|row| fitted.risk(row)).collect()
}

/// The inverse probability of not being censored up to the end of each follow-up, by group; 0 for
/// those who were censored before the horizon.
fn uncensored(followed: &[FollowedUp], treated: &[bool], horizon: f64) -> Vec<f64> {
    let mut weights = vec![0.0; followed.len()];
    for group in [false, true] {
        let own: Vec<usize> = (0..followed.len())
            .filter(|i| treated[*i] == group)
            .collect();
        let times: Vec<f64> = own.iter().map(|i| followed[*i].days).collect();
        let is_open = |i: &usize| followed[*i].cause == 0 && followed[*i].days >= horizon;
        // Whoever reached the horizon was not censored.
        let cause = |i: &usize| if is_open(i) { 3 } else { followed[*i].cause };
        let causes: Vec<u8> = own.iter().map(cause).collect();
        let follow_up = FollowUp {
            times: &times,
            causes: &causes,
        };
        let Ok(curve) = censoring(&follow_up) else {
            continue;
        };
        for (i, cause) in own.iter().zip(&causes) {
            // Just before the time: an event is seen when it was not censored until then.
            let before = curve.at(followed[*i].days * (1.0 - 1e-12));
            weights[*i] = if *cause == 0 {
                0.0
            } else {
                1.0 / before.max(0.05)
            };
        }
    }
    weights
}

/// The largest standardised mean difference of a column, before and after inverse propensity.
fn differences(prepared: &Prepared) -> [f64; 2] {
    let one = |weighted: bool| {
        let width = prepared.rows.first().map_or(0, Vec::len);
        let weight = |i: usize| {
            let e = prepared.propensity[i];
            match (weighted, prepared.treated[i]) {
                (false, _) => 1.0,
                (true, true) => 1.0 / e,
                (true, false) => 1.0 / (1.0 - e),
            }
        };
        let mean = |column: usize, group: bool| {
            let own = (0..prepared.rows.len()).filter(|i| prepared.treated[*i] == group);
            let (sum, all) = own.fold((0.0, 0.0), |(sum, all), i| {
                (sum + weight(i) * prepared.rows[i][column], all + weight(i))
            });
            sum / all
        };
        let of = |column| (mean(column, true) - mean(column, false)).abs();
        (0..width).map(of).fold(0.0, f64::max)
    };
    [one(false), one(true)]
}

/// Naive, g-computation and AIPW with their intervals.
fn intervals(prepared: &Prepared, resamples: u32, seed: u64) -> [Interval; 3] {
    let n = prepared.rows.len();
    let Three(values) = three(prepared, &vec![1.0; n]);
    let mut drawn: [Vec<f64>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    for resample in 0..resamples {
        // Exponential weights (Rubin 1981, the Bayesian bootstrap): no person drops out, so that
        // no resample loses a group.
        let weight = |i: u32| -unit(seed, resample, i).ln();
        let weights: Vec<f64> = (0_u32..).take(n).map(weight).collect();
        let Three(again) = three(prepared, &weights);
        for (drawn, value) in drawn.iter_mut().zip(again) {
            drawn.push(value);
        }
    }
    let mut all = values.iter().zip(&mut drawn).map(|(value, drawn)| {
        drawn.sort_by(f64::total_cmp);
        Interval {
            value: *value,
            low: quantile(drawn, 0.025),
            high: quantile(drawn, 0.975),
        }
    });
    std::array::from_fn(|_| {
        all.next().unwrap_or(Interval {
            value: 0.0,
            low: 0.0,
            high: 0.0,
        })
    })
}

fn three(prepared: &Prepared, weights: &[f64]) -> Three {
    let Prepared {
        rows,
        treated,
        labels,
        kept,
        ..
    } = prepared;
    let e = propensity(rows, treated, weights);
    let all: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let (mut naive, mut fitted) = (Vec::new(), Vec::new());
    for group in [false, true] {
        let of = |i: usize| {
            if treated[i] == group {
                weights[i] * kept[i]
            } else {
                0.0
            }
        };
        let own: Vec<f64> = (0..rows.len()).map(of).collect();
        let sum: f64 = own.iter().zip(labels).map(|(w, y)| w * y).sum();
        naive.push(sum / own.iter().sum::<f64>());
        fitted.push(Logistic::fit(&all, labels, &own));
    }
    let (mut g, mut correction, mut total) = (0.0, 0.0, 0.0);
    for (i, row) in all.iter().enumerate() {
        let [m0, m1] = [fitted[0].risk(row), fitted[1].risk(row)];
        let (w, y) = (weights[i], labels[i]);
        g += w * (m1 - m0);
        correction += w
            * kept[i]
            * if treated[i] {
                (y - m1) / e[i]
            } else {
                (m0 - y) / (1.0 - e[i])
            };
        total += w;
    }
    Three([naive[1] - naive[0], g / total, (g + correction) / total])
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = crate::rng::below(share, sorted.len());
    sorted.get(at).copied().unwrap_or(0.0)
}

/// A count that is not small: 1 to 10 are not shown.
fn shown(count: u64) -> Option<u64> {
    (!(1..=10).contains(&count)).then_some(count)
}
