//! Who is measured how often: person-time, rates, shares never measured, and labels, by group.
//!
//! A model learns an absence as health where nobody looked. This page says where nobody looked.
//! Subjects come in one at a time as counts; who they are and what counts as a measurement is the
//! caller's to say. Only sums by group are kept, and what a small group would give away is not in
//! the report.

use crate::curve::{Z_975, wilson};
use crate::group::{CELL_MIN, hidden_cells, hidden_crossed, is_small, side_that_may_be_small};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One subject, as counts.
#[derive(Clone, Copy, Debug)]
pub struct Represented<'a> {
    /// The subject's group in each dimension, by name.
    pub groups: &'a BTreeMap<String, String>,
    /// Years of observation, from 0.
    pub years: f64,
    /// How often each thing was recorded: events, encounters, each analyte.
    pub counts: &'a BTreeMap<String, u64>,
    /// Whether the outcome of each task happened, where the subject's answer is known.
    pub labels: &'a BTreeMap<String, bool>,
}

/// Collects what a [`RepresentationReport`] is made of.
#[derive(Debug, Default)]
pub struct Representation {
    all: Tally,
    dimensions: BTreeMap<String, BTreeMap<String, Tally>>,
    /// The dimensions that each crossing crosses.
    crossed: BTreeMap<String, Vec<String>>,
}

/// Sums over the subjects of one group.
#[derive(Debug, Default)]
struct Tally {
    subjects: u64,
    years: f64,
    /// Of the squares of the years.
    years_squared: f64,
    counts: BTreeMap<String, Sums>,
    /// With the outcome, and all whose answer is known.
    labels: BTreeMap<String, (u64, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: f64,
    count_squared: f64,
    count_years: f64,
    subjects: u64,
}

/// The report: what may be shown outside the walls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepresentationReport {
    /// Subjects.
    pub subjects: u64,
    /// Their years of observation.
    pub person_years: f64,
    /// Groups by dimension.
    pub dimensions: Vec<Dimension>,
}

/// One dimension: sex, age band, site, or a crossing of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dimension {
    /// Its name.
    pub name: String,
    /// Its groups.
    pub groups: Vec<GroupRepresentation>,
}

/// One group. What is `None` is hidden, or undefined for want of person-time; `suppressed` says
/// which groups are hidden.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRepresentation {
    /// The group.
    pub group: String,
    /// Its subjects.
    pub subjects: Option<u64>,
    /// Its years of observation.
    pub person_years: Option<f64>,
    /// What is recorded how often; empty where the group is hidden.
    pub recorded: Vec<Recorded>,
    /// Labels by task; empty where the group is hidden.
    pub labels: Vec<LabelShare>,
    /// Why the group is not shown.
    pub suppressed: Option<String>,
}

/// How often one thing is recorded of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// `events`, `encounters`, or the analyte.
    pub what: String,
    /// Times a person-year; `None` where fewer than 11 subjects have or lack it, or where that
    /// would follow.
    pub per_year: Option<Ratio>,
    /// This rate over that of all the others of the dimension together; 1 is parity.
    pub to_others: Option<Ratio>,
    /// Share of subjects of whom it was never recorded.
    pub never: Option<Ratio>,
    /// Why something is not shown.
    pub reason: Option<String>,
}

/// The labels of one task in a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelShare {
    /// The task.
    pub task: String,
    /// Subjects whose answer is known; `None` where hidden.
    pub known: Option<u64>,
    /// The share of them with the outcome.
    pub prevalence: Option<Ratio>,
    /// Why something is not shown.
    pub reason: Option<String>,
}

/// A rate, ratio or share with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The value.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// A group of whom something is recorded clearly less often than of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct UnderRecorded<'r> {
    /// The dimension.
    pub dimension: &'r str,
    /// The group.
    pub group: &'r str,
    /// What is recorded less.
    pub what: &'r str,
    /// The rate over that of the others.
    pub to_others: Ratio,
}

/// Below this rate ratio, with the whole interval, a group is named: the four-fifths rule of the US
/// Uniform Guidelines on Employee Selection Procedures (29 CFR 1607.4 D), a convention and no law
/// of care. Whether less is too little is for people to say.
pub const RATIO_NAMED: f64 = 0.8;

impl RepresentationReport {
    /// The groups that fall short, the furthest first.
    pub fn under_recorded(&self) -> Vec<UnderRecorded<'_>> {
        let mut found = Vec::new();
        for dimension in &self.dimensions {
            for group in &dimension.groups {
                let short = group.recorded.iter().filter_map(|one| {
                    let to_others = one.to_others.filter(|ratio| ratio.high < RATIO_NAMED)?;
                    Some(UnderRecorded {
                        dimension: &dimension.name,
                        group: &group.group,
                        what: &one.what,
                        to_others,
                    })
                });
                found.extend(short);
            }
        }
        found.sort_by(|a, b| a.to_others.value.total_cmp(&b.to_others.value));
        found
    }
}

impl Representation {
    /// No subject yet. `crossings` are dimensions made of others, each named by its parts.
    pub fn new(crossings: &[Vec<String>]) -> Self {
        let named = crossings
            .iter()
            .map(|parts| (parts.join(" x "), parts.clone()));
        Self {
            crossed: named.collect(),
            ..Self::default()
        }
    }

    /// Takes in one subject.
    pub fn observe(&mut self, subject: &Represented<'_>) {
        self.all.add(subject);
        let Self {
            dimensions,
            crossed,
            ..
        } = self;
        let mut add = |dimension: &str, group: &str| {
            let groups = dimensions.entry(dimension.to_owned()).or_default();
            groups.entry(group.to_owned()).or_default().add(subject);
        };
        for (dimension, group) in subject.groups {
            add(dimension, group);
        }
        for (name, parts) in crossed {
            let groups: Option<Vec<&str>> = parts
                .iter()
                .map(|part| subject.groups.get(part).map(String::as_str))
                .collect();
            if let Some(groups) = groups {
                add(name, &groups.join(", "));
            }
        }
    }

    /// The report. A group that all subjects are in (nothing recorded, or one value) says nothing
    /// of others, and its dimension is left out.
    pub fn finish(&self) -> RepresentationReport {
        let told = self
            .dimensions
            .iter()
            .filter(|(_, groups)| groups.len() > 1);
        RepresentationReport {
            subjects: self.all.subjects,
            person_years: self.all.years,
            dimensions: told
                .map(|(name, groups)| Dimension {
                    name: name.clone(),
                    groups: self.groups(self.crossed.contains_key(name), groups),
                })
                .collect(),
        }
    }

    fn groups(
        &self,
        is_crossing: bool,
        groups: &BTreeMap<String, Tally>,
    ) -> Vec<GroupRepresentation> {
        let tallies: Vec<&Tally> = groups.values().collect();
        let places = is_crossing.then(|| places(groups.keys()));
        let hide = |counts: &[u64]| match &places {
            Some(places) => {
                let cells: Vec<_> = places.iter().cloned().zip(counts.iter().copied()).collect();
                hidden_crossed(&cells)
            }
            None => hidden_cells(counts),
        };
        let sizes: Vec<u64> = tallies.iter().map(|tally| tally.subjects).collect();
        let too_small = hide(&sizes);
        let mut rows: Vec<GroupRepresentation> = groups
            .iter()
            .zip(&too_small)
            .map(|((group, tally), &is_hidden)| GroupRepresentation {
                group: group.clone(),
                subjects: (!is_hidden).then_some(tally.subjects),
                person_years: (!is_hidden).then_some(tally.years),
                recorded: Vec::new(),
                labels: Vec::new(),
                suppressed: is_hidden.then(|| reason(is_small(tally.subjects))),
            })
            .collect();
        for what in self.all.counts.keys() {
            let sides: Vec<u64> = tallies
                .iter()
                .map(|tally| side_that_may_be_small(tally.sums(what).subjects, tally.subjects))
                .collect();
            let lost = hide(&sides);
            for (at, row) in rows
                .iter_mut()
                .enumerate()
                .filter(|(at, _)| !too_small[*at])
            {
                row.recorded
                    .push(self.recorded(what, tallies[at], lost[at]));
            }
        }
        for task in self.all.labels.keys() {
            let of = |tally: &Tally| tally.labels.get(task).copied().unwrap_or_default();
            let known: Vec<u64> = tallies.iter().map(|tally| of(tally).1).collect();
            let sides: Vec<u64> = tallies
                .iter()
                .map(|tally| side_that_may_be_small(of(tally).0, of(tally).1))
                .collect();
            let (few, lost) = (hide(&known), hide(&sides));
            for (at, row) in rows
                .iter_mut()
                .enumerate()
                .filter(|(at, _)| !too_small[*at])
            {
                let hides = (few[at], few[at] || lost[at]);
                row.labels.push(label_share(task, of(tallies[at]), hides));
            }
        }
        rows
    }

    fn recorded(&self, what: &str, tally: &Tally, is_hidden: bool) -> Recorded {
        if is_hidden {
            return Recorded {
                what: what.to_owned(),
                per_year: None,
                to_others: None,
                never: None,
                reason: Some(format!(
                    "fewer than {CELL_MIN} subjects have or lack it, or that would follow"
                )),
            };
        }
        let own = tally.rate(what);
        let others = self.all.less(tally, what).rate(what);
        Recorded {
            what: what.to_owned(),
            per_year: own.map(Rate::interval),
            to_others: own.zip(others).and_then(|(own, others)| own.over(others)),
            never: share(tally.subjects - tally.sums(what).subjects, tally.subjects),
            reason: own.is_none().then(|| "no person-time".to_owned()),
        }
    }
}

fn label_share(task: &str, (yes, known): (u64, u64), (few, lost): (bool, bool)) -> LabelShare {
    LabelShare {
        task: task.to_owned(),
        known: (!few).then_some(known),
        prevalence: share(yes, known).filter(|_| !lost),
        reason: lost
            .then(|| {
                format!("fewer than {CELL_MIN} subjects with or without it, or that would follow")
            })
            .or_else(|| (known == 0).then(|| "nobody's answer is known".to_owned())),
    }
}

fn reason(is_small: bool) -> String {
    if is_small {
        format!("fewer than {CELL_MIN} subjects")
    } else {
        "hidden so that a smaller group does not follow from the total".to_owned()
    }
}

/// The place of each group of a crossing along each of its dimensions.
fn places<'g>(groups: impl Iterator<Item = &'g String> + Clone) -> Vec<Vec<usize>> {
    let parts = |group: &'g String| group.split(", ").collect::<Vec<&str>>();
    let mut known: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for group in groups.clone() {
        for (dimension, part) in parts(group).into_iter().enumerate() {
            known.entry(dimension).or_default().insert(part);
        }
    }
    let place = |(dimension, part): (usize, &str)| {
        let values = known.get(&dimension);
        values.map_or(0, |values| values.range(..part).count())
    };
    let each = |group| parts(group).into_iter().enumerate().map(place).collect();
    groups.map(each).collect()
}

fn share(part: u64, of: u64) -> Option<Ratio> {
    (of > 0).then(|| {
        let (low, high) = wilson(part, of);
        Ratio {
            value: part as f64 / of as f64,
            low,
            high,
        }
    })
}

impl Tally {
    fn add(&mut self, subject: &Represented<'_>) {
        self.subjects += 1;
        self.years += subject.years;
        self.years_squared += subject.years * subject.years;
        for (what, &count) in subject.counts.iter().filter(|(_, count)| **count > 0) {
            let count = count as f64;
            let sums = self.counts.entry(what.clone()).or_default();
            sums.count += count;
            sums.count_squared += count * count;
            sums.count_years += count * subject.years;
            sums.subjects += 1;
        }
        for (task, &label) in subject.labels {
            let (yes, known) = self.labels.entry(task.clone()).or_default();
            *yes += u64::from(label);
            *known += 1;
        }
    }

    fn sums(&self, what: &str) -> Sums {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// The subjects of this tally without those of a part of it, as far as one rate asks.
    fn less(&self, part: &Self, what: &str) -> Self {
        let (all, own) = (self.sums(what), part.sums(what));
        let sums = Sums {
            count: all.count - own.count,
            count_squared: all.count_squared - own.count_squared,
            count_years: all.count_years - own.count_years,
            subjects: all.subjects - own.subjects,
        };
        Self {
            subjects: self.subjects - part.subjects,
            years: self.years - part.years,
            years_squared: self.years_squared - part.years_squared,
            counts: [(what.to_owned(), sums)].into(),
            labels: BTreeMap::new(),
        }
    }

    /// A rate with the standard error of its logarithm, subjects taken as clusters (the ratio
    /// estimator's linearised variance: Cochran 1977, "Sampling techniques", equation 6.10). `None`
    /// without person-time; without any count the error is absent.
    fn rate(&self, what: &str) -> Option<Rate> {
        if self.years <= 0.0 {
            return None;
        }
        let (sums, n) = (self.sums(what), self.subjects as f64);
        let value = sums.count / self.years;
        let squares = sums.count_squared - 2.0 * value * sums.count_years
            + value * value * self.years_squared;
        let variance = squares.max(0.0) * n / (n - 1.0).max(1.0) / (self.years * self.years);
        Some(Rate {
            value,
            log_error: (value > 0.0).then(|| variance.sqrt() / value),
            years: self.years,
        })
    }
}

#[derive(Clone, Copy)]
struct Rate {
    value: f64,
    log_error: Option<f64>,
    years: f64,
}

impl Rate {
    fn interval(self) -> Ratio {
        match self.log_error {
            Some(error) => around(self.value, error),
            // Nothing in so many years: the rule of three (Hanley and Lippman-Hand 1983).
            None => Ratio {
                value: 0.0,
                low: 0.0,
                high: 3.0 / self.years,
            },
        }
    }

    /// This rate over another, `None` where one of them is 0.
    fn over(self, other: Self) -> Option<Ratio> {
        let (own, others) = (self.log_error?, other.log_error?);
        Some(around(self.value / other.value, own.hypot(others)))
    }
}

/// A value with the interval of a normal logarithm.
fn around(value: f64, log_error: f64) -> Ratio {
    Ratio {
        value,
        low: value * (-Z_975 * log_error).exp(),
        high: value * (Z_975 * log_error).exp(),
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "halves and zero are exact")]
mod tests {
    use super::*;

    /// Subjects as (site, sex, years, tests, outcome).
    fn report(subjects: &[(&str, &str, f64, u64, bool)]) -> RepresentationReport {
        let crossing = vec!["sex".to_owned(), "site".to_owned()];
        let mut representation = Representation::new(&[crossing]);
        for (site, sex, years, tests, outcome) in subjects {
            let groups =
                [("site", site), ("sex", sex)].map(|(k, v)| (k.to_owned(), (*v).to_owned()));
            representation.observe(&Represented {
                groups: &groups.into(),
                years: *years,
                counts: &[("glucose".to_owned(), *tests)].into(),
                labels: &[("death".to_owned(), *outcome)].into(),
            });
        }
        representation.finish()
    }

    fn group<'r>(
        report: &'r RepresentationReport,
        at: &str,
        name: &str,
    ) -> &'r GroupRepresentation {
        let dimension = report.dimensions.iter().find(|d| d.name == at).unwrap();
        dimension.groups.iter().find(|g| g.group == name).unwrap()
    }

    #[test]
    fn rates_are_those_worked_out_by_hand() {
        let mut subjects = Vec::new();
        for number in 0..40 {
            subjects.push(("A", "f", 2.0, 4 + 2 * (number % 2), number % 3 == 0));
            subjects.push((
                "B",
                "f",
                4.0,
                if number < 20 { 3 } else { 0 },
                number % 2 == 0,
            ));
        }
        let report = report(&subjects);
        assert_eq!((report.subjects, report.person_years), (80, 240.0));
        let a = group(&report, "site", "A");
        let found = &a.recorded[0];
        let rate = found.per_year.unwrap();
        assert!((rate.value - 2.5).abs() < 1e-12);
        // Residuals are 4 - 5 and 6 - 5: their sum of squares is 40, with 40/39.
        let error = (40.0_f64 * 40.0 / 39.0).sqrt() / 80.0 / 2.5;
        assert!((rate.high - 2.5 * (Z_975 * error).exp()).abs() < 1e-12);
        assert_eq!(found.never.unwrap().value, 0.0);
        let ratio = found.to_others.unwrap();
        assert!((ratio.value - 2.5 / (60.0 / 160.0)).abs() < 1e-12);
        assert!(ratio.low > 1.0);
        let short = report.under_recorded();
        let short: Vec<_> = short.iter().map(|one| (one.group, one.what)).collect();
        // Everybody is of one sex, so that the site alone and crossed with sex are the same.
        assert_eq!(short, [("f, B", "glucose"), ("B", "glucose")]);
        let b = group(&report, "site", "B");
        assert_eq!(b.recorded[0].never.unwrap().value, 0.5);
        assert_eq!(b.labels[0].prevalence.unwrap().value, 0.5);
        assert_eq!(b.labels[0].known, Some(40));
        // Everybody has one sex: nothing to compare.
        assert!(report.dimensions.iter().all(|d| d.name != "sex"));
    }

    #[test]
    fn small_groups_are_hidden_and_do_not_follow() {
        let mut subjects = vec![("A", "f", 1.0, 1, false); 60];
        subjects.extend(vec![("B", "m", 1.0, 1, false); 50]);
        subjects.extend(vec![("C", "m", 1.0, 1, false); 4]);
        let report = report(&subjects);
        assert_eq!(group(&report, "site", "C").subjects, None);
        assert!(group(&report, "site", "C").recorded.is_empty());
        // The total is known: B would give C away.
        assert_eq!(group(&report, "site", "B").subjects, None);
        assert_eq!(group(&report, "site", "A").subjects, Some(60));
        assert_eq!(group(&report, "sex x site", "m, C").subjects, None);
        assert_eq!(group(&report, "sex x site", "m, B").subjects, None);
    }

    #[test]
    fn a_small_number_of_measured_subjects_is_hidden() {
        let mut subjects = vec![("A", "f", 1.0, 0, false); 60];
        subjects.extend(vec![("A", "f", 1.0, 2, true); 5]);
        subjects.extend(vec![("B", "f", 1.0, 2, false); 30]);
        subjects.extend(vec![("B", "f", 1.0, 0, true); 30]);
        let report = report(&subjects);
        let a = group(&report, "site", "A");
        assert_eq!(a.subjects, Some(65));
        assert!(a.recorded[0].per_year.is_none() && a.recorded[0].never.is_none());
        assert!(a.labels[0].prevalence.is_none() && a.labels[0].reason.is_some());
        assert_eq!(a.labels[0].known, Some(65));
        // With one group hidden, the other would give it away.
        assert!(group(&report, "site", "B").recorded[0].per_year.is_none());
    }

    #[test]
    fn nothing_recorded_has_a_bound_and_no_ratio() {
        let mut subjects = vec![("A", "f", 1.0, 0, false); 60];
        subjects.extend(vec![("B", "f", 0.0, 1, false); 30]);
        subjects.extend(vec![("C", "f", 1.0, 1, false); 30]);
        let report = report(&subjects);
        let a = &group(&report, "site", "A").recorded[0];
        assert_eq!(a.per_year.map(|r| r.high), Some(3.0 / 60.0));
        assert!(a.to_others.is_none());
        let b = &group(&report, "site", "B").recorded[0];
        assert!(b.per_year.is_none() && b.reason.is_some());
    }
}
