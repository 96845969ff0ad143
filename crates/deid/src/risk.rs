//! The risk that is left: how many subjects of a de-identified data set are alike in what an
//! outsider may know of them, and how many carry a code that few have.
//!
//! Prosecutor risk: somebody who knows that a person is in the data set, and knows that person's
//! quasi-identifiers, picks the right record with the chance of 1 in the size of its class
//! (Sweeney 2002, k-anonymity; El Emam 2013, risk of re-identification). The report holds sizes
//! and counts, never a value of a quasi-identifier.
//!
//! What is not measured: what an outsider can do with the whole course of a record (its times and
//! common codes together), and what a note still tells.

use crate::policy_file::RiskOptions;
use crate::rare::CodeCensus;
use crate::rules::Pattern;
use crate::sealed::Deidentified;
use longitude_core::{Code, Event, Timeline};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Quasi-identifiers that are read from birth and death instead of from codes.
pub(crate) const FROM_EVENTS: [&str; 2] = ["birth_year", "death_year"];
/// The sizes of classes at which a band of the histogram starts; the limit `k` starts one, too.
const BANDS: [u64; 7] = [1, 2, 3, 5, 11, 51, 501];

/// Something that an outsider may know of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuasiIdentifier {
    /// Its name.
    pub name: String,
    /// The codes that tell it; none for the years of birth and death.
    pub codes: Vec<Pattern>,
}

impl QuasiIdentifier {
    /// Years of birth and death, sex, race, ethnicity, marital status, language, area.
    pub fn standard() -> Vec<Self> {
        let of = |name: &str, codes: &[&str]| Self {
            name: name.to_owned(),
            codes: codes
                .iter()
                .filter_map(|text| Pattern::parse(text).ok())
                .collect(),
        };
        vec![
            of("birth_year", &[]),
            of("death_year", &[]),
            of("sex", &["GENDER", "GENDER//*", "SEX", "SEX//*"]),
            of("race", &["RACE", "RACE//*"]),
            of("ethnicity", &["ETHNICITY", "ETHNICITY//*"]),
            of("marital_status", &["MARITAL_STATUS", "MARITAL_STATUS//*"]),
            of("language", &["LANGUAGE", "LANGUAGE//*"]),
            of("zip3", &["ZIP*", "POSTAL_CODE*", "LOINC//52539-4"]),
        ]
    }

    fn value(&self, timeline: &Timeline) -> String {
        let year = |time: Option<longitude_core::Instant>| {
            time.map_or(String::new(), |time| time.civil_date().0.to_string())
        };
        match &*self.name {
            "birth_year" => year(timeline.birth()),
            "death_year" => year(timeline.death()),
            _ => {
                let told = timeline.events().iter().filter_map(|event| {
                    let joined = event.code.to_meds();
                    let is = self.codes.iter().any(|code| code.matches(&joined));
                    is.then(|| tell(event, &joined))
                });
                told.collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect::<Vec<_>>()
                    .join("|")
            }
        }
    }
}

fn tell(event: &Event, joined: &str) -> String {
    let text = event.text_value.as_deref().unwrap_or("");
    let number = event.numeric_value.map_or(String::new(), |n| n.to_string());
    format!("{joined}={text}{number}")
}

/// Gathers what the report needs, a subject at a time. Memory: a string for each quasi-identifier
/// of each subject, and the subjects of rare codes.
pub struct RiskCollector {
    options: RiskOptions,
    subjects: Vec<Vec<String>>,
    census: CodeCensus,
    sensitive: Vec<BTreeSet<Code>>,
    events: u64,
    texts: u64,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskReport {
    /// The limit: groups of fewer are small.
    pub k: u32,
    /// Subjects.
    pub subjects: u64,
    /// Events.
    pub events: u64,
    /// Events with a text.
    pub texts: u64,
    /// Names of the quasi-identifiers.
    pub quasi_identifiers: Vec<String>,
    /// Classes of subjects that are alike in all of them.
    pub classes: u64,
    /// The smallest class, and so the greatest risk of one subject, its inverse.
    pub smallest_class: Option<u64>,
    /// The greatest prosecutor risk of a subject.
    pub risk_max: Option<f64>,
    /// The mean prosecutor risk: classes over subjects.
    pub risk_mean: Option<f64>,
    /// Subjects in a class of fewer than `k`.
    pub subjects_under_k: u64,
    /// Their share.
    pub share_under_k: Option<f64>,
    /// Subjects alone in their class.
    pub subjects_unique: u64,
    /// Sizes of classes.
    pub histogram: Vec<ClassBand>,
    /// Share of subjects in a class of fewer than `k` if one quasi-identifier were left out.
    pub share_under_k_without: BTreeMap<String, Option<f64>>,
    /// Values of one quasi-identifier that fewer than `k` subjects have: small cells.
    pub small_cells: BTreeMap<String, u64>,
    /// Codes of fewer than `k` subjects.
    pub rare_codes: u64,
    /// Subjects with at least one of them.
    pub subjects_with_rare_code: u64,
    /// Subjects whose combination of rare codes nobody else has.
    pub subjects_unique_by_rare_codes: u64,
    /// Subjects alone in their class when the combination of rare codes is known, too.
    pub subjects_unique_by_all: u64,
    /// The least number of different sensitive codes in a class, where the policy names any.
    pub l_diversity_min: Option<u64>,
}

/// A band of the histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassBand {
    /// The smallest size in it.
    pub size_min: u64,
    /// The greatest, or none for the last band.
    pub size_max: Option<u64>,
    /// Classes.
    pub classes: u64,
    /// Subjects in them.
    pub subjects: u64,
}

impl RiskCollector {
    /// An empty collector.
    pub fn new(options: &RiskOptions) -> Self {
        Self {
            options: options.clone(),
            subjects: Vec::new(),
            census: CodeCensus::new(options.k),
            sensitive: Vec::new(),
            events: 0,
            texts: 0,
        }
    }

    /// Takes a subject of the de-identified data set.
    pub fn add(&mut self, timeline: &Deidentified<Timeline>) {
        let timeline = timeline.get();
        let values = self.options.quasi_identifiers.iter();
        self.subjects
            .push(values.map(|one| one.value(timeline)).collect());
        let codes = timeline.events().iter().flat_map(|event| {
            let written = event.as_written.as_ref().and_then(|w| w.code.as_ref());
            [Some(&event.code), written]
        });
        let codes: BTreeSet<&Code> = codes.flatten().collect();
        let is_sensitive = |code: &&&Code| {
            let joined = code.to_meds();
            self.options.sensitive.iter().any(|p| p.matches(&joined))
        };
        let sensitive = codes.iter().filter(is_sensitive).map(|c| (*c).clone());
        self.sensitive.push(sensitive.collect());
        self.census.add(codes);
        self.events += timeline.events().len() as u64;
        let texts = timeline.events().iter().filter(|e| e.text_value.is_some());
        self.texts += texts.count() as u64;
    }

    /// The report.
    pub fn report(&self) -> RiskReport {
        let k = u64::from(self.options.k);
        let all = classes(self.subjects.iter().map(Vec::as_slice));
        let sizes: Vec<u64> = all.values().map(|members| members.len() as u64).collect();
        let subjects = self.subjects.len() as u64;
        let under_k = under(&sizes, k);
        let share = |part: u64| (subjects > 0).then(|| part as f64 / subjects as f64);
        let smallest = sizes.iter().min().copied();
        let rare = self.rare_sets();
        let sets = classes(rare.iter().map(std::slice::from_ref));
        let both = self.subjects.iter().zip(&rare).map(|(values, set)| {
            let mut values: Vec<String> = values.clone();
            values.push(format!("{set:?}"));
            values
        });
        let both: Vec<_> = both.collect();
        let both = classes(both.iter().map(Vec::as_slice));
        RiskReport {
            k: self.options.k,
            subjects,
            events: self.events,
            texts: self.texts,
            quasi_identifiers: self.names(),
            classes: sizes.len() as u64,
            smallest_class: smallest,
            risk_max: smallest.map(|size| 1.0 / size as f64),
            risk_mean: share(sizes.len() as u64),
            subjects_under_k: under_k,
            share_under_k: share(under_k),
            subjects_unique: under(&sizes, 2),
            histogram: histogram(&sizes, k),
            share_under_k_without: self.without(k),
            small_cells: self.small_cells(k),
            rare_codes: self.census.rare().count() as u64,
            subjects_with_rare_code: rare.iter().filter(|set| !set.is_empty()).count() as u64,
            subjects_unique_by_rare_codes: sets
                .iter()
                .filter(|(set, members)| members.len() == 1 && !set[0].is_empty())
                .count() as u64,
            subjects_unique_by_all: both.values().filter(|m| m.len() == 1).count() as u64,
            l_diversity_min: self.l_diversity(&all),
        }
    }

    fn names(&self) -> Vec<String> {
        let names = self.options.quasi_identifiers.iter();
        names.map(|one| one.name.clone()).collect()
    }

    /// For each subject the rare codes that it has, as numbers.
    fn rare_sets(&self) -> Vec<Vec<u32>> {
        let mut sets = vec![Vec::new(); self.subjects.len()];
        for ((_, few), at) in self.census.rare().zip(0_u32..) {
            for subject in few {
                let set = usize::try_from(*subject).ok().and_then(|s| sets.get_mut(s));
                if let Some(set) = set {
                    set.push(at);
                }
            }
        }
        sets
    }

    fn without(&self, k: u64) -> BTreeMap<String, Option<f64>> {
        let share = |at: usize| {
            let rest = self.subjects.iter().map(|values| {
                let mut values = values.clone();
                values.remove(at);
                values
            });
            let rest: Vec<_> = rest.collect();
            let sizes = classes(rest.iter().map(Vec::as_slice));
            let sizes: Vec<u64> = sizes.values().map(|members| members.len() as u64).collect();
            (!rest.is_empty()).then(|| under(&sizes, k) as f64 / rest.len() as f64)
        };
        let names = self.names().into_iter().enumerate();
        names.map(|(at, name)| (name, share(at))).collect()
    }

    fn small_cells(&self, k: u64) -> BTreeMap<String, u64> {
        let cells = |at: usize| {
            let values = self.subjects.iter().map(|v| std::slice::from_ref(&v[at]));
            let cells = classes(values);
            cells.values().filter(|m| (m.len() as u64) < k).count() as u64
        };
        let names = self.names().into_iter().enumerate();
        names.map(|(at, name)| (name, cells(at))).collect()
    }

    fn l_diversity<T>(&self, classes: &BTreeMap<T, Vec<usize>>) -> Option<u64> {
        if self.options.sensitive.is_empty() {
            return None;
        }
        let different = |members: &Vec<usize>| {
            let codes = members.iter().flat_map(|at| &self.sensitive[*at]);
            codes.collect::<BTreeSet<_>>().len() as u64
        };
        classes.values().map(different).min()
    }
}

impl fmt::Debug for RiskCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RiskCollector({} subjects)", self.subjects.len())
    }
}

/// The members of each class, by what they have in common.
fn classes<'a, T: Ord + 'a>(
    values: impl Iterator<Item = &'a [T]>,
) -> BTreeMap<&'a [T], Vec<usize>> {
    let mut classes: BTreeMap<&[T], Vec<usize>> = BTreeMap::new();
    for (at, value) in values.enumerate() {
        classes.entry(value).or_default().push(at);
    }
    classes
}

/// Subjects in classes of fewer than a limit.
fn under(sizes: &[u64], limit: u64) -> u64 {
    sizes.iter().filter(|size| **size < limit).sum()
}

fn histogram(sizes: &[u64], k: u64) -> Vec<ClassBand> {
    let mut starts = BTreeSet::from(BANDS);
    starts.insert(k);
    let starts: Vec<u64> = starts.into_iter().collect();
    let band = |at: usize| {
        let (size_min, next) = (starts[at], starts.get(at + 1));
        let inside = |size: &&u64| **size >= size_min && next.is_none_or(|next| *size < next);
        ClassBand {
            size_min,
            size_max: next.map(|next| next - 1),
            classes: sizes.iter().filter(inside).count() as u64,
            subjects: sizes.iter().filter(inside).sum(),
        }
    };
    (0..starts.len()).map(band).collect()
}
