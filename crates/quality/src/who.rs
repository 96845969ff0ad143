//! One subject as counts: its groups, its time under observation, and how often each thing is
//! recorded of it.

use crate::collect::SITES;
use crate::population::{UNKNOWN, band, sex_name, value_of};
use longitude_core::{Event, Timeline};
use longitude_units::Analytes;
use std::collections::{BTreeMap, BTreeSet};

/// The code systems of each dimension, the first that a record has.
const DIMENSIONS: [(&str, &[&str]); 7] = [
    ("sex", &["GENDER", "SEX"]),
    ("race", &["RACE"]),
    ("ethnicity", &["ETHNICITY"]),
    ("site", &SITES),
    ("insurance", &["INSURANCE", "PAYER", "COVERAGE"]),
    ("language", &["LANGUAGE"]),
    ("deprivation", &["DEPRIVATION"]),
];

/// One subject as counts.
#[derive(Clone, PartialEq)]
pub struct SubjectCounts {
    /// The subject's group by dimension: sex, race, ethnicity, site, insurance, language,
    /// deprivation, and the age band of ten years at the start of observation; `unknown` where
    /// nothing is recorded.
    pub groups: BTreeMap<String, String>,
    /// Years under observation: the stated span, or from the first event to the last.
    pub years: f64,
    /// `events` with a time, birth and death left aside; `encounters`; numbers of each analyte of
    /// the table, by its name.
    pub counts: BTreeMap<String, u64>,
}

/// Redacted: the values are a patient's.
impl std::fmt::Debug for SubjectCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SubjectCounts({} counts)", self.counts.len())
    }
}

/// Counts one subject.
pub fn subject_counts(timeline: &Timeline, analytes: &Analytes) -> SubjectCounts {
    let lived = |event: &&Event| !event.code.is_birth() && !event.code.is_death();
    let timed = || {
        timeline
            .events()
            .iter()
            .filter(lived)
            .filter(|e| e.time.is_some())
    };
    let span = timeline.observation();
    let start = span.start.or_else(|| timed().next()?.time);
    let end = span
        .end
        .or(timeline.death())
        .or_else(|| timed().next_back()?.time);
    let years = start
        .zip(end)
        .map_or(0.0, |(start, end)| (end - start).years());
    let mut groups: BTreeMap<String, String> = DIMENSIONS
        .into_iter()
        .map(|(name, systems)| {
            let value = value_of(timeline, systems).unwrap_or(UNKNOWN);
            let value = if name == "sex" {
                sex_name(value)
            } else {
                value
            };
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let age = timeline.birth().zip(start);
    let age = age.map_or(UNKNOWN.to_owned(), |(birth, at)| band((at - birth).years()));
    groups.insert("age_band".to_owned(), age);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut named = BTreeSet::new();
    let mut starts = 0;
    for event in timed() {
        *counts.entry("events".to_owned()).or_default() += 1;
        named.extend(event.encounter);
        let is_encounter = &*event.code.system == "ENCOUNTER";
        starts += u64::from(is_encounter && event.code.value.ends_with("//START"));
        if event.numeric_value.is_some()
            && let Some(analyte) = analytes.of(&event.code)
        {
            *counts.entry(analyte.name.clone()).or_default() += 1;
        }
    }
    let encounters = starts.max(named.len() as u64);
    if encounters > 0 {
        counts.insert("encounters".to_owned(), encounters);
    }
    SubjectCounts {
        groups,
        years: years.max(0.0),
        counts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longitude_core::{Code, Instant, Observation, Origin, SubjectId};

    #[test]
    fn a_subject_is_counted_with_its_groups() {
        let year = 31_557_600_000_000;
        let event = |code: Code, at: Option<i64>, value: Option<f64>| {
            let mut event = Event::new(code, at.map(Instant), Origin::derived("test"));
            event.numeric_value = value;
            event
        };
        let glucose = || Code::new("LOINC", "2345-7");
        let events = vec![
            event(Code::new("GENDER", "F"), None, None),
            event(Code::new("SITE", "north"), None, None),
            event(Code::birth(), Some(-40 * year), None),
            event(Code::new("ENCOUNTER", "AMB//START"), Some(0), None),
            event(glucose(), Some(0), Some(99.0)),
            event(glucose(), Some(2 * year), Some(101.0)),
            event(glucose(), Some(2 * year), None),
        ];
        let timeline = Timeline::new(SubjectId(1), events, Observation::UNKNOWN);
        let found = subject_counts(&timeline, Analytes::shipped());
        assert!((found.years - 2.0).abs() < 1e-9);
        let group = |name: &str| found.groups[name].as_str();
        assert_eq!(
            [
                group("sex"),
                group("site"),
                group("age_band"),
                group("race")
            ],
            ["female", "north", "40-49", UNKNOWN]
        );
        let name = &Analytes::shipped().of(&glucose()).unwrap().name;
        let count = |name: &str| found.counts[name];
        assert_eq!(
            [count("events"), count("encounters"), count(name)],
            [4, 1, 2]
        );
    }
}
