//! Screening: whom to look at first among many, by what a look is worth to them. It ranks and
//! counts; who is asked about, the risks and the files are the caller's.
//!
//! A look at somebody whose outcome would be recorded after `t` days, and is found now with the
//! look's sensitivity `s`, gains `min(t, L)` days; every look that finds nothing does harm. With
//! the cumulative incidence `F` of the outcome (death competing) and `D` the days within which an
//! outcome can be found at all,
//!
//! ```text
//! days gained a look  = s * integral over (0, D] of min(t, L) dF(t)
//!                     = s * (L * F(D) - integral over (0, L] of F(t) dt)          for L <= D
//! worth of a look     = benefit a year / 365.25 * days gained - harm * (1 - s * F(D))
//! ```
//!
//! (by parts). It is the net benefit of Vickers and Elkin (2006) with the days gained in the place
//! of the bare true positive: with `L` at its largest and a sure look, looking pays above a risk of
//! `harm / (harm + benefit)`.

use longitude_core::SubjectId;
use longitude_eval::hidden_cells;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Steps of the integral of an incidence, which is smooth between the edges of its curve.
const STEPS: u32 = 64;
/// Numbers are kept to so many decimals that they are the same after they were written and read.
const KEPT: f64 = 1e9;
/// The smallest group whose shares are told (US CMS cell size suppression policy).
const CELL_MIN: u64 = 11;

/// What a look is worth, and why. There is no `Default`: whoever screens declares it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benefit {
    /// The gain of an outcome that is found a year earlier, in looks that find nothing.
    pub benefit_a_year_earlier: f64,
    /// Days beyond which earlier is no better: what is due later gains no more than this.
    pub lead_days_max: f64,
    /// Days within which a look now can find an outcome: what is due later is not there yet.
    pub findable_days: f64,
    /// The probability that a look finds an outcome that is due within these days.
    pub sensitivity: f64,
    /// The harm of a look that finds nothing; 1 where the gain is counted in such looks.
    pub harm_of_a_false_look: f64,
    /// Minutes of work that a look takes, where looks are to be told by a budget of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes_a_look: Option<f64>,
    /// Why these numbers, in words: who set them, and by what.
    pub reason: String,
}

/// Why a declaration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct BenefitError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// What one look is expected to bring.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// The probability that it finds the outcome.
    pub found: f64,
    /// Days by which the outcome is found earlier, a mean over all that may come of the look.
    pub days_earlier: f64,
    /// The gain less the harm, in the declaration's unit.
    pub benefit: f64,
}

impl Benefit {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), BenefitError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let bad = |field, problem| Err(BenefitError { field, problem });
        for (field, value) in [
            ("benefit_a_year_earlier", self.benefit_a_year_earlier),
            ("lead_days_max", self.lead_days_max),
            ("findable_days", self.findable_days),
            ("minutes_a_look", self.minutes_a_look.unwrap_or(1.0)),
        ] {
            if !positive(value) {
                return bad(field, "is not above 0");
            }
        }
        if !(positive(self.sensitivity) && self.sensitivity <= 1.0) {
            return bad("sensitivity", "is not above 0 and at most 1");
        }
        if !(self.harm_of_a_false_look.is_finite() && self.harm_of_a_false_look >= 0.0) {
            return bad("harm_of_a_false_look", "is below 0 or no number");
        }
        if self.lead_days_max > self.findable_days {
            return bad("lead_days_max", "is longer than `findable_days`");
        }
        if self.reason.trim().is_empty() {
            return bad("reason", "is empty: say who set the numbers, and by what");
        }
        Ok(())
    }

    /// What a look is worth to somebody with this cumulative incidence of the outcome, by days.
    pub fn worth(&self, incidence: impl Fn(f64) -> f64) -> Worth {
        let (lead, due) = (self.lead_days_max, incidence(self.findable_days));
        // Trapezoids; the incidence is 0 at 0.
        let step = lead / f64::from(STEPS);
        let inner: f64 = (1..STEPS).map(|k| incidence(f64::from(k) * step)).sum();
        let under = step * (inner + incidence(lead) / 2.0);
        let days = (lead * due - under).max(0.0);
        let (found, days) = (self.sensitivity * due, self.sensitivity * days);
        let gain = self.benefit_a_year_earlier * days / 365.25;
        Worth {
            found: kept(found),
            days_earlier: kept(days),
            benefit: kept(gain - self.harm_of_a_false_look * (1.0 - found)),
        }
    }
}

/// To as many decimals as survive a text.
fn kept(number: f64) -> f64 {
    (number * KEPT).round() / KEPT
}

/// Somebody who may be looked at.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Whose.
    pub subject: SubjectId,
    /// The risk of the outcome within the findable days.
    pub risk: f64,
    /// What a look is worth.
    pub worth: Worth,
    /// Each member's risk, in the order of the screen's members.
    pub members: Vec<f64>,
    /// Sex, age band and the like, by dimension.
    pub groups: BTreeMap<String, String>,
}

/// Redacted: a patient's risk.
impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Candidate(..)")
    }
}

impl Candidate {
    /// With the numbers kept to as many decimals as survive a text.
    pub fn new(subject: SubjectId, risk: f64, worth: Worth, members: &[f64]) -> Self {
        Self {
            subject,
            risk: kept(risk),
            worth,
            members: members.iter().map(|risk| kept(*risk)).collect(),
            groups: BTreeMap::new(),
        }
    }

    /// The place in a list: the most worth first, among equals the smaller number of subject.
    fn rank(&self) -> (std::cmp::Reverse<i64>, SubjectId) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float-to-int cast saturates, and worths are far below the limit"
        )]
        let benefit = (self.worth.benefit * KEPT).round() as i64;
        (std::cmp::Reverse(benefit), self.subject)
    }
}

/// The best of a stream, as many as are asked for: bounded memory, and the same whatever the order
/// in which they come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shortlist {
    size: usize,
    kept: Vec<Candidate>,
}

impl Shortlist {
    /// Starts empty, for at most `size`.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            kept: Vec::new(),
        }
    }

    /// Takes in one; the least of too many falls out.
    pub fn push(&mut self, candidate: Candidate) {
        let rank = candidate.rank();
        let place = self.kept.partition_point(|one| one.rank() <= rank);
        if place < self.size {
            self.kept.insert(place, candidate);
            self.kept.truncate(self.size);
        }
    }

    /// Those kept, the most worth first.
    pub fn candidates(&self) -> &[Candidate] {
        &self.kept
    }

    /// The same, to own.
    pub fn into_candidates(self) -> Vec<Candidate> {
        self.kept
    }
}

/// Counts of a sweep. Sums of risks are kept in whole parts per billion, so that a sweep that was
/// broken off and went on has the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScreenTally {
    /// Subjects that were read.
    pub subjects: u64,
    /// Those among them that were ranked.
    pub considered: u64,
    /// Those that were not, by reason.
    pub not_considered: BTreeMap<String, u64>,
    /// Of those considered, whose look is worth more than its harm.
    pub worth_looking: u64,
    /// By dimension and group.
    groups: BTreeMap<String, BTreeMap<String, GroupTally>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct GroupTally {
    considered: u64,
    /// Whose outcome was in the record already.
    recorded: u64,
    expected_billionths: u64,
}

/// One group's share of the looks beside its shares of people and of cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupShare {
    /// `sex`, `age_band` and the like.
    pub dimension: String,
    /// The group.
    pub group: String,
    /// Share of those considered; like the others it is absent where the group is too small.
    pub of_considered: Option<f64>,
    /// Share of the outcomes that the risks foretell among those considered.
    pub of_expected: Option<f64>,
    /// Share of the outcomes that were in the record already; absent under 11 of them too.
    pub of_recorded: Option<f64>,
    /// Share of the looks; absent under 11 looks in all.
    pub of_looks: Option<f64>,
}

impl ScreenTally {
    /// Counts one who was ranked.
    pub fn consider(&mut self, candidate: &Candidate) {
        self.subjects += 1;
        self.considered += 1;
        self.worth_looking += u64::from(candidate.worth.benefit > 0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a risk in billionths is between 0 and a billion"
        )]
        let expected = (candidate.risk.clamp(0.0, 1.0) * KEPT).round() as u64;
        for (dimension, group) in &candidate.groups {
            let tally = self.group(dimension, group);
            tally.considered += 1;
            tally.expected_billionths += expected;
        }
    }

    /// Counts one who was not, with the reason.
    pub fn leave_out(&mut self, reason: &str) {
        self.subjects += 1;
        *self.not_considered.entry(reason.to_owned()).or_default() += 1;
    }

    /// Counts the groups of one whose outcome was in the record already.
    pub fn recorded(&mut self, groups: &BTreeMap<String, String>) {
        for (dimension, group) in groups {
            self.group(dimension, group).recorded += 1;
        }
    }

    fn group(&mut self, dimension: &str, group: &str) -> &mut GroupTally {
        let groups = self.groups.entry(dimension.to_owned()).or_default();
        groups.entry(group.to_owned()).or_default()
    }

    /// Each group's shares, given the list that came of it. A group of fewer than 11 has none, nor
    /// one that would follow from the total of its dimension.
    pub fn shares(&self, looks: &[Candidate]) -> Vec<GroupShare> {
        let mut shares = Vec::new();
        for (dimension, groups) in &self.groups {
            let sum = |of: fn(&GroupTally) -> u64| groups.values().map(of).sum::<u64>();
            let (people, recorded) = (sum(|g| g.considered), sum(|g| g.recorded));
            let expected = sum(|g| g.expected_billionths);
            let looks_of = |name: &String| {
                let here = |one: &&Candidate| one.groups.get(dimension) == Some(name);
                looks.iter().filter(here).count() as u64
            };
            let here: Vec<u64> = groups.keys().map(looks_of).collect();
            let cells = |of: fn(&GroupTally) -> u64| groups.values().map(of).collect::<Vec<_>>();
            let hides = [
                hidden_cells(&cells(|g| g.considered)),
                hidden_cells(&cells(|g| g.recorded)),
                hidden_cells(&here),
            ];
            for (place, (name, group)) in groups.iter().enumerate() {
                let share = |part: u64, whole: u64, (least, hides): (u64, &[bool])| {
                    let told = whole >= least && !hides[0] && !hides[1];
                    told.then(|| part as f64 / whole as f64)
                };
                let small = hides[0][place];
                shares.push(GroupShare {
                    dimension: dimension.clone(),
                    group: name.clone(),
                    of_considered: share(group.considered, people, (CELL_MIN, &[small, false])),
                    of_expected: share(group.expected_billionths, expected, (1, &[small, false])),
                    of_recorded: share(
                        group.recorded,
                        recorded,
                        (CELL_MIN, &[small, hides[1][place]]),
                    ),
                    of_looks: share(
                        here[place],
                        looks.len() as u64,
                        (CELL_MIN, &[small, hides[2][place]]),
                    ),
                });
            }
        }
        shares
    }
}

#[cfg(test)]
mod tests;
