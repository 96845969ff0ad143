//! Risks from a pool of sampled futures: unbiased estimates with their Monte Carlo errors. Not
//! here: how futures are sampled (`sample`), nor whether the model is right (`calibration`).
//!
//! # The estimators
//!
//! A future is a chain of steps t = 1, 2, ...; step t draws a wait, which fixes the step's time
//! T_t, then a code C_t, then a value. Let F_t be everything drawn up to and with step t, and G_t
//! be F_(t-1) with the wait of step t. The outcome is a set A of codes within a horizon h. Let
//! a_t = 1 when the future is alive before step t, has not met A before it, and T_t <= h; all three
//! are known in G_t. Let y_t = 1 when C_t is in A, and q_t = P(C_t in A | G_t), the sum of the code
//! head's probabilities over A.
//!
//! The outcome happens when one of the disjoint events {a_t y_t = 1} does (it can be met for the
//! first time only once), and after death nothing happens, so death competes without further ado.
//!
//! - Plain: Y = sum a_t y_t, 0 or 1.
//! - SCOPE: S = sum a_t q_t. By the tower rule E(a_t y_t) = E(a_t E(y_t | G_t)) = E(a_t q_t), so
//!   E(S) = E(Y): unbiased for every model. (arXiv 2602.03730, there for tokens that
//!   carry no time; here the wait is drawn first and enters the condition.)
//!
//! S is far steadier than Y for rare outcomes, but not for common ones: with a constant hazard and
//! a risk of 0.9 its variance is 0.53 against 0.09, and it may exceed 1. Both have one mean, so
//! S + b (Y - S) is unbiased for every fixed b. D = Y - S = sum a_t (y_t - q_t) is a martingale, so
//! its moments need no outcome to be met:
//!
//! - Var D = E(sum a_t q_t (1 - q_t)), for the conditional variance of y_t is q_t (1 - q_t);
//! - Cov(S, D) = -E(sum over t < u of a_t q_t a_u q_u) = -(E(S^2) - E(sum a_t q_t^2)) / 2, for
//!   D_t is uncorrelated with what was known before it, and of what comes after only the futures
//!   that did not meet A at t contribute, each with y_t - q_t = -q_t.
//!
//! The best b is minus Cov(S, D) / Var D, which lies between 0 and 1 (for rare outcomes near half
//! of the risk, so that the estimate is SCOPE's). It is measured on the futures of even number and
//! used for those of odd number, and the other way round, so that b is independent of what it
//! multiplies and the estimate stays exactly unbiased. This is [`Raw::estimate`]; SCOPE alone and
//! the plain share stand beside it.
//!
//! Where a value is asked for (a laboratory result above a limit), a step is two steps: first the
//! code, with q_t the sum over the codes that count with whatever value; then, where that did not
//! meet A, the value, with q_t the probability of the values that count given wait and code. Both
//! are steps in the sense above, so the algebra is the same.
//!
//! An outcome may begin to count only some time after the prediction time, and may be ended by a
//! competing event: a_t is then 0 outside the window and after the first competing event in it.
//! Both are known in G_t. What happens at the very time of a competing event still counts.
//!
//! - REACH: futures from which the outcome is left out. Wherever a_t = 1 the code (and then the
//!   value) is drawn from the same law given that A is not met, and R = 1 - prod(1 - a_t q_t).
//!   Write P for the model's law of futures up to the first time that A is met and Q for the law
//!   with A left out. A future f that does not meet A has P(f) = Q(f) prod(1 - a_t q_t), for the
//!   waits' laws are the same and each code's and value's probability under P is (1 - q_t) times
//!   that under Q. So P(A is not met) = sum of P(f) = E_Q(prod(1 - a_t q_t)), and E_Q(R) = E(Y):
//!   unbiased for every model. (The same paper.) R lies between 0 and 1 always, and spreads only as
//!   far as the hazards differ from future to future: with a constant hazard and a fixed number of
//!   steps not at all. Its price is a pool of its own for each outcome, whose futures never end
//!   early.
//!
//! A future cut by the limit of events counts what it met so far: the estimate is then too low by
//! at most [`Raw::censored_share`].

use crate::sample::single;
use longitude_core::{Days, Instant, MonteCarlo};
use longitude_tokens::Bins;
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use std::sync::Arc;

/// What one task's estimate rests on, before calibration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raw {
    /// SCOPE with its control variate: unbiased, steady for rare and for common outcomes. By chance
    /// it may pass 1 by a little.
    pub estimate: f64,
    /// Its standard error over the samples.
    pub standard_error: f64,
    /// SCOPE alone.
    pub scope: f64,
    /// Its standard error.
    pub scope_standard_error: f64,
    /// The plain share of futures that met the outcome.
    pub hit_share: f64,
    /// Its standard error.
    pub hit_standard_error: f64,
    /// How many futures.
    pub samples: u32,
    /// The share of futures cut by the limit of events before the horizon and before the outcome.
    pub censored_share: f64,
}

impl Raw {
    /// The part of it that a prediction carries.
    pub fn monte_carlo(&self) -> MonteCarlo {
        MonteCarlo {
            estimate: self.estimate,
            standard_error: self.standard_error,
            samples: self.samples,
        }
    }
}

/// REACH: the estimate from futures that avoid the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// The risk, between 0 and 1.
    pub estimate: f64,
    /// Its standard error over the samples.
    pub standard_error: f64,
    /// How many futures.
    pub samples: u32,
    /// The share of futures cut by the limit of events before the end of the window.
    pub censored_share: f64,
}

/// Which values of a code count.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Whatever value, or none.
    Any,
    /// Those of a range of bins, the first and the last; events without a value do not count.
    Bins(u16, u16),
    /// Parts of bins: of each bin from bin 0 (no value) on, the stretches of its mass that count,
    /// ascending and apart, as shares from 0 to 1 in the order of values.
    Parts(Arc<[Vec<(f64, f64)>]>),
}

/// A code that counts, and with which values.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The code's id.
    pub id: u32,
    /// Its values.
    pub values: Values,
}

/// Marks that count, when they do, and what ends the wait for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What counts: each id once, ascending.
    pub marks: Vec<Mark>,
    /// What ends the wait, beside death; what also stands in `marks` is the outcome. Ascending.
    pub competing: Vec<Mark>,
    /// The time after the prediction time that must have passed: what happens up to and with it
    /// does not count.
    pub from: Days,
    /// Within which time after the prediction time, that time itself included.
    pub horizon: Days,
}

impl Mark {
    /// A code with whatever value.
    pub fn any(id: u32) -> Self {
        let values = Values::Any;
        Self { id, values }
    }

    /// A code with the values of some ranges, given as bounds that do or do not count themselves,
    /// ascending and apart, in the unit of the code's bins, and without a value where that counts
    /// too; none where nothing counts. The stretches of each bin's mass are exact for the law by
    /// which futures draw values from bins, to a billionth.
    pub fn ranged(
        id: u32,
        bins: Option<&Bins>,
        without_value: bool,
        ranges: &[(Bound<f64>, Bound<f64>)],
    ) -> Option<Self> {
        let whole = || vec![(0.0, 1.0)];
        let mut parts = vec![if without_value { whole() } else { Vec::new() }];
        for bin in 1..=bins.map_or(0, Bins::len) {
            let value = |place: f64| bins.map_or(f64::NAN, |bins| bins.sample(bin, place));
            let stretch = |range: &(Bound<f64>, Bound<f64>)| {
                let low = first(|place| match range.0 {
                    Bound::Included(low) => value(place) >= low,
                    Bound::Excluded(low) => value(place) > low,
                    Bound::Unbounded => true,
                });
                let high = first(|place| match range.1 {
                    Bound::Included(high) => value(place) > high,
                    Bound::Excluded(high) => value(place) >= high,
                    Bound::Unbounded => false,
                });
                (low < high).then_some((low, high))
            };
            parts.push(ranges.iter().filter_map(stretch).collect());
        }
        let counts = parts.iter().any(|part| !part.is_empty());
        let values = Values::Parts(parts.into());
        counts.then_some(Self { id, values })
    }

    /// The range of bins that this is, where it is a range of whole ones.
    pub(crate) fn whole_bins(&self) -> Option<(u16, u16)> {
        match &self.values {
            Values::Any => Some((0, u16::MAX)),
            Values::Bins(low, high) => Some((*low, *high)),
            Values::Parts(parts) => {
                let is_whole = |part: &Vec<(f64, f64)>| part.as_slice() == [(0.0, 1.0)];
                let clean = parts.iter().all(|part| part.is_empty() || is_whole(part));
                let low = parts.iter().position(is_whole)?;
                let high = parts.iter().rposition(is_whole)?;
                let joined = parts[low..=high].iter().all(is_whole);
                let number = |bin: usize| u16::try_from(bin).unwrap_or(u16::MAX);
                (clean && joined).then_some((number(low), number(high)))
            }
        }
    }

    /// The share of a bin's mass that counts.
    fn share(&self, bin: usize) -> f64 {
        match &self.values {
            Values::Any => 1.0,
            Values::Bins(low, high) => {
                let inside = (usize::from(*low)..=usize::from(*high)).contains(&bin);
                f64::from(u8::from(inside))
            }
            Values::Parts(parts) => {
                let stretches = parts.get(bin).map_or(&[][..], Vec::as_slice);
                stretches.iter().map(|(low, high)| high - low).sum()
            }
        }
    }

    /// Whether a value counts, by its bin and its place in the bin's mass.
    fn holds(&self, bin: u16, place: f64) -> bool {
        match &self.values {
            Values::Any => true,
            Values::Bins(low, high) => (*low..=*high).contains(&bin),
            Values::Parts(parts) => {
                let stretches = parts.get(usize::from(bin)).map_or(&[][..], Vec::as_slice);
                stretches
                    .iter()
                    .any(|(low, high)| *low <= place && place < *high)
            }
        }
    }

    /// A place in a bin's mass moved into the part that does not count, in proportion.
    pub(crate) fn outside(&self, bin: u16, place: f64) -> f64 {
        let Values::Parts(parts) = &self.values else {
            return place;
        };
        let stretches = parts.get(usize::from(bin)).map_or(&[][..], Vec::as_slice);
        let left = 1.0 - stretches.iter().map(|(low, high)| high - low).sum::<f64>();
        let mut moved = place * left;
        for (low, high) in stretches {
            if moved < *low {
                break;
            }
            moved += high - low;
        }
        moved
    }

    /// The probability that a drawn code's value counts, by the weights of its bins; none where no
    /// bin has a weight.
    fn probability(&self, bins: &[f32]) -> f64 {
        let all: f64 = bins.iter().map(|weight| f64::from(*weight)).sum();
        let inside = bins.iter().enumerate();
        let inside: f64 = inside.map(|(bin, w)| f64::from(*w) * self.share(bin)).sum();
        if all > 0.0 {
            (inside / all).min(1.0)
        } else {
            0.0
        }
    }
}

impl Outcome {
    /// Codes within a time, with whatever value or with those of a range of bins, death alone
    /// competing.
    pub fn within(ids: &[u32], bins: Option<(u16, u16)>, horizon: Days) -> Self {
        let values = bins.map_or(Values::Any, |(low, high)| Values::Bins(low, high));
        let mark = |id: &u32| Mark {
            id: *id,
            values: values.clone(),
        };
        Self {
            marks: ids.iter().map(mark).collect(),
            competing: Vec::new(),
            from: Days(0.0),
            horizon,
        }
    }

    /// The ids that count with whatever value or with some, ascending.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.marks.iter().map(|mark| mark.id)
    }
}

/// The first place of a bin's mass, from 0 to 1, from which on something holds that holds of all
/// later places once it holds; 1 where it never does.
fn first(holds: impl Fn(f64) -> bool) -> f64 {
    // A billionth is 30 halvings; places are drawn below 1.
    let (mut low, mut high) = (0.0, 1.0);
    if holds(low) {
        return low;
    }
    if !holds(1.0 - 1e-12) {
        return high;
    }
    for _ in 0..30 {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// What one future contributes to one outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tally {
    scope: f64,
    squares: f64,
    hit: bool,
    /// In futures that avoid the outcome: the probability of having avoided it.
    avoided: f64,
    /// The time of the first competing event in the window.
    ended: Option<i64>,
    censored: bool,
}

impl Tally {
    const NEW: Self = Self {
        scope: 0.0,
        squares: 0.0,
        hit: false,
        avoided: 1.0,
        ended: None,
        censored: false,
    };

    /// One draw that meets the outcome with this probability, and whether it did.
    fn draw(&mut self, probability: f64, hit: bool) {
        self.scope += probability;
        self.squares += probability * probability;
        self.hit |= hit;
    }
}

/// The marks that count, those with whatever value apart from those with some.
#[derive(Debug, PartialEq)]
struct Set {
    any: Vec<u32>,
    valued: Vec<Mark>,
}

/// One step of one future: the probabilities of all codes given its wait `[V]`, the code that was
/// drawn, the weights of that code's value bins (bin 0 for no value; empty for codes without bins),
/// the bin that was drawn and the place in the bin's mass.
#[derive(Clone, Copy)]
pub(crate) struct Drawn<'a> {
    pub(crate) codes: &'a [f32],
    pub(crate) code: u32,
    pub(crate) bins: &'a [f32],
    pub(crate) bin: u16,
    pub(crate) place: f64,
}

impl Set {
    fn new(marks: &[Mark]) -> Self {
        let (any, valued): (Vec<&Mark>, Vec<&Mark>) =
            marks.iter().partition(|mark| mark.values == Values::Any);
        Self {
            any: any.into_iter().map(|mark| mark.id).collect(),
            valued: valued.into_iter().cloned().collect(),
        }
    }

    /// The probability of a code that counts with whatever value.
    fn probability(&self, codes: &[f32]) -> f64 {
        let members = self.any.iter().filter_map(|id| codes.get(*id as usize));
        members.map(|p| f64::from(*p)).sum::<f64>().min(1.0)
    }

    fn has_any(&self, code: u32) -> bool {
        self.any.binary_search(&code).is_ok()
    }

    /// The mark of a code of which some values count.
    fn valued(&self, code: u32) -> Option<&Mark> {
        let found = self.valued.binary_search_by_key(&code, |mark| mark.id);
        found.ok().map(|at| &self.valued[at])
    }

    fn holds(&self, drawn: &Drawn<'_>) -> bool {
        let value = |mark: &Mark| mark.holds(drawn.bin, drawn.place);
        self.has_any(drawn.code) || self.valued(drawn.code).is_some_and(value)
    }
}

/// One outcome: its set, what ends it, the last instant that does not count yet and the last that
/// counts.
#[derive(Debug)]
struct Member {
    set: usize,
    competing: Option<Set>,
    after: i64,
    last: i64,
}

impl Member {
    /// Whether what happens at a time can meet the outcome of a future.
    fn is_open(&self, tally: &Tally, time: i64) -> bool {
        let ended = tally.ended.is_some_and(|ended| ended < time);
        !tally.hit && !ended && self.after < time && time <= self.last
    }

    /// Whether nothing after a time can.
    fn is_settled(&self, tally: &Tally, time: i64) -> bool {
        let ended = tally.ended.is_some_and(|ended| ended < time);
        tally.hit || tally.avoided <= 0.0 || ended || time > self.last
    }
}

/// Outcomes that share work: those with the same marks have one probability a step.
#[derive(Debug)]
pub(crate) struct Outcomes {
    sets: Vec<Set>,
    members: Vec<Member>,
    /// Whether futures avoid the outcome, of which there is then one.
    avoids: bool,
}

impl Outcomes {
    pub(crate) fn new(outcomes: &[Outcome], at: Instant) -> Self {
        let mut sets: Vec<Set> = Vec::new();
        let members = outcomes
            .iter()
            .map(|outcome| {
                let own = Set::new(&outcome.marks);
                let set = sets.iter().position(|set| *set == own).unwrap_or_else(|| {
                    sets.push(own);
                    sets.len() - 1
                });
                let competing = Set::new(&outcome.competing);
                let nothing = outcome.competing.is_empty();
                Member {
                    set,
                    competing: (!nothing).then_some(competing),
                    after: at.plus(outcome.from).0,
                    last: at.plus(outcome.horizon).0,
                }
            })
            .collect();
        Self {
            sets,
            members,
            avoids: false,
        }
    }

    /// One outcome that futures avoid.
    pub(crate) fn avoiding(outcome: &Outcome, at: Instant) -> Self {
        Self {
            avoids: true,
            ..Self::new(std::slice::from_ref(outcome), at)
        }
    }

    pub(crate) fn tallies(&self) -> Vec<Tally> {
        vec![Tally::NEW; self.members.len()]
    }

    /// The outcome that a future must avoid at a time, with its tally.
    fn avoided<'t>(&self, tallies: &'t mut [Tally], time: i64) -> Option<(&Set, &'t mut Tally)> {
        let (member, tally) = (self.members.first()?, tallies.first_mut()?);
        let open = self.avoids && member.is_open(tally, time);
        open.then(|| (&self.sets[member.set], tally))
    }

    /// Leaves out the codes that would meet an avoided outcome at a time, where there is one.
    pub(crate) fn avoid_codes(&self, tallies: &mut [Tally], time: i64, codes: &mut [f32]) {
        let Some((set, tally)) = self.avoided(tallies, time) else {
            return;
        };
        let all: f64 = codes.iter().map(|p| f64::from(*p)).sum();
        for id in &set.any {
            if let Some(p) = codes.get_mut(*id as usize) {
                *p = 0.0;
            }
        }
        let left: f64 = codes.iter().map(|p| f64::from(*p)).sum();
        tally.avoided *= if all > 0.0 { left / all } else { 0.0 };
    }

    /// The same for the values of a code that was drawn: its bins' weights lose what would meet the
    /// outcome. Returns where a place in a bin's mass then moves to, if it must.
    pub(crate) fn avoid_values(
        &self,
        tallies: &mut [Tally],
        (time, code): (i64, u32),
        bins: &mut [f32],
    ) -> Option<&Mark> {
        let (set, tally) = self.avoided(tallies, time)?;
        let mark = set.valued(code)?;
        tally.avoided *= 1.0 - mark.probability(bins);
        for (bin, weight) in bins.iter_mut().enumerate() {
            *weight *= single(1.0 - mark.share(bin));
        }
        Some(mark)
    }

    /// Takes in one step at `time`: first the probability of each set, then what was drawn. `q` is
    /// a buffer.
    pub(crate) fn step(
        &self,
        tallies: &mut [Tally],
        q: &mut Vec<f64>,
        time: i64,
        drawn: &Drawn<'_>,
    ) {
        q.clear();
        q.extend(self.sets.iter().map(|set| set.probability(drawn.codes)));
        for (tally, member) in tallies.iter_mut().zip(&self.members) {
            let set = &self.sets[member.set];
            if !self.avoids && member.is_open(tally, time) {
                tally.draw(q[member.set], set.has_any(drawn.code));
                if let Some(mark) = set.valued(drawn.code) {
                    tally.draw(mark.probability(drawn.bins), set.holds(drawn));
                }
            }
            let ends = |competing: &Set| competing.holds(drawn) && !set.holds(drawn);
            let within = member.after < time && time <= member.last;
            if within && tally.ended.is_none() && member.competing.as_ref().is_some_and(ends) {
                tally.ended = Some(time);
            }
        }
    }

    /// Marks what a future cut at `time` leaves open.
    pub(crate) fn cut(&self, tallies: &mut [Tally], time: i64) {
        for (tally, member) in tallies.iter_mut().zip(&self.members) {
            tally.censored =
                !member.is_settled(tally, time) && tally.ended.is_none() && time < member.last;
        }
    }

    /// Whether no later step can change a tally.
    pub(crate) fn settled(&self, tallies: &[Tally], time: i64) -> bool {
        let mut pairs = tallies.iter().zip(&self.members);
        pairs.all(|(tally, member)| member.is_settled(tally, time))
    }
}

/// One outcome's tallies over a pool, in the order of samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scores(Vec<Tally>);

impl Scores {
    pub(crate) fn new(tallies: Vec<Tally>) -> Self {
        Self(tallies)
    }

    /// The first `n` of them.
    pub(crate) fn first(&self, n: u32) -> Self {
        Self(self.0.iter().take(n as usize).copied().collect())
    }

    /// The estimate with everything beside it.
    pub(crate) fn raw(&self) -> Raw {
        let scope: Vec<f64> = self.0.iter().map(|t| t.scope).collect();
        let hits: Vec<f64> = self.0.iter().map(|t| f64::from(u8::from(t.hit))).collect();
        let cut = self.0.iter().filter(|t| t.censored).count();
        let mixed = self.mixed();
        let (estimate, standard_error) = (mean(&mixed), mixed_error(&mixed));
        Raw {
            estimate,
            standard_error,
            scope: mean(&scope),
            scope_standard_error: standard_error_of(&scope),
            hit_share: mean(&hits),
            hit_standard_error: standard_error_of(&hits),
            samples: u32::try_from(self.0.len()).unwrap_or(u32::MAX),
            censored_share: cut as f64 / self.0.len().max(1) as f64,
        }
    }

    /// Of futures that avoided the outcome, REACH with its standard error.
    pub(crate) fn reach(&self) -> Reached {
        let risks: Vec<f64> = self.0.iter().map(|t| 1.0 - t.avoided).collect();
        let cut = self.0.iter().filter(|t| t.censored).count();
        Reached {
            estimate: mean(&risks),
            standard_error: standard_error_of(&risks),
            samples: u32::try_from(self.0.len()).unwrap_or(u32::MAX),
            censored_share: cut as f64 / self.0.len().max(1) as f64,
        }
    }

    /// Each future's S + b (Y - S), with b from the futures of the other parity.
    pub(crate) fn mixed(&self) -> Vec<f64> {
        let weights = [self.weight(1), self.weight(0)];
        let mix = |(index, tally): (usize, &Tally)| {
            let hit = f64::from(u8::from(tally.hit));
            tally.scope + weights[index % 2] * (hit - tally.scope)
        };
        self.0.iter().enumerate().map(mix).collect()
    }

    /// The best b by the futures of one parity; 0 (SCOPE alone) where nothing varies.
    fn weight(&self, parity: usize) -> f64 {
        let (mut covariance, mut variance) = (0.0, 0.0);
        for tally in self.0.iter().skip(parity).step_by(2) {
            covariance += (tally.scope * tally.scope - tally.squares) / 2.0;
            variance += tally.scope - tally.squares;
        }
        if variance > 0.0 {
            (covariance / variance).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// The two halves have their own b, so the spread is taken inside each.
fn mixed_error(mixed: &[f64]) -> f64 {
    if mixed.len() < 4 {
        return standard_error_of(mixed);
    }
    let half = |parity| mixed.iter().skip(parity).step_by(2).copied().collect();
    let halves: [Vec<f64>; 2] = [half(0), half(1)];
    let variance = |values: &Vec<f64>| {
        let share = values.len() as f64 / mixed.len() as f64;
        (share * standard_error_of(values)).powi(2)
    };
    halves.iter().map(variance).sum::<f64>().sqrt()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The standard error of a mean; 0 for fewer than two values, which show no spread.
pub(crate) fn standard_error_of(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (n, centre) = (values.len() as f64, mean(values));
    let squares: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt()
}

#[cfg(test)]
mod enumeration;
#[cfg(test)]
mod tests;
