//! Who is in the data: age, sex, race and care setting, and how far two populations lie apart.

use longitude_core::Timeline;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many subjects are in each class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distribution(pub BTreeMap<String, u64>);

impl Distribution {
    fn add(&mut self, class: &str) {
        match self.0.get_mut(class) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(class.to_owned(), 1);
            }
        }
    }

    /// All subjects.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// Who is in the data. Each subject counts once in each distribution but `care`, where a subject
/// counts in every setting that it was in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Population {
    /// By age at the last event, in bands of ten years.
    pub age: Distribution,
    /// By recorded sex or gender.
    pub sex: Distribution,
    /// By recorded race.
    pub race: Distribution,
    /// By care setting.
    pub care: Distribution,
    /// By sex and age band, `female|30-39`: the pyramid.
    pub pyramid: Distribution,
    /// Subjects with a recorded death.
    pub died: u64,
}

/// What is not recorded.
pub(crate) const UNKNOWN: &str = "unknown";

impl Population {
    /// Counts one subject.
    pub(crate) fn observe(&mut self, timeline: &Timeline) {
        let last = timeline.events().iter().rev().find_map(|event| event.time);
        let age = match (timeline.birth(), last) {
            (Some(birth), Some(last)) => band((last - birth).years()),
            _ => UNKNOWN.to_owned(),
        };
        let sex = value_of(timeline, &["GENDER", "SEX"]).map_or(UNKNOWN, |value| sex_name(value));
        let race = value_of(timeline, &["RACE"]).unwrap_or(UNKNOWN);
        self.pyramid.add(&format!("{sex}|{age}"));
        self.age.add(&age);
        self.sex.add(sex);
        self.race.add(race);
        let mut settings: Vec<&str> = timeline.events().iter().filter_map(setting).collect();
        settings.sort_unstable();
        settings.dedup();
        if settings.is_empty() {
            settings.push(UNKNOWN);
        }
        for setting in settings {
            self.care.add(setting);
        }
        self.died += u64::from(timeline.death().is_some());
    }
}

/// Ten years; ninety and over stand together: great ages are few and identify.
pub(crate) fn band(years: f64) -> String {
    if !(0.0..150.0).contains(&years) {
        return UNKNOWN.to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 149")]
    let decade = (years / 10.0).floor() as i64;
    if decade >= 9 {
        "90+".to_owned()
    } else {
        format!("{:02}-{:02}", decade * 10, decade * 10 + 9)
    }
}

/// The value of the first static or early event of one of the systems. MEDS data sets of other
/// tools write both `GENDER//F` and a code `GENDER` with a text.
pub(crate) fn value_of<'t>(timeline: &'t Timeline, systems: &[&str]) -> Option<&'t str> {
    let events = timeline.events().iter();
    let mut values = events.filter_map(|event| {
        if systems.contains(&&*event.code.system) {
            return Some(&*event.code.value);
        }
        let bare = event.code.system.is_empty() && systems.contains(&&*event.code.value);
        event.text_value.as_deref().filter(|_| bare)
    });
    values.next()
}

pub(crate) fn sex_name(value: &str) -> &str {
    match value {
        "F" | "female" | "FEMALE" | "8532" => "female",
        "M" | "male" | "MALE" | "8507" => "male",
        other => other,
    }
}

/// The care setting that an event tells: HL7 v3 ActCode classes of encounters, and MEDS's codes of
/// MIMIC-IV.
fn setting(event: &longitude_core::Event) -> Option<&'static str> {
    let code = &event.code;
    let class = if &*code.system == "ENCOUNTER" {
        code.value.split("//").next().unwrap_or_default()
    } else if code.system.starts_with("HOSPITAL_ADMISSION") {
        "IMP"
    } else if code.system.starts_with("ICU_ADMISSION") {
        "ICU"
    } else if code.system.starts_with("ED_REGISTRATION") || &*code.value == "ED_REGISTRATION" {
        "EMER"
    } else {
        return None;
    };
    Some(match class {
        "IMP" | "ACUTE" | "NONAC" | "inpatient" => "inpatient",
        "EMER" | "emergency" => "emergency",
        "ICU" => "intensive care",
        "AMB" | "outpatient" | "ambulatory" => "outpatient",
        "OBSENC" => "observation",
        "HH" => "home health",
        "VR" => "virtual",
        "SS" => "short stay",
        _ => "other",
    })
}

/// The population stability index: the sum over classes of (p - q) ln (p / q) (Lewis 1994). A
/// class that one population lacks counts there as half a subject. `None` where a population is
/// empty. By convention, below 0.1 little has changed, and above 0.25 a model is not to be trusted
/// unseen.
pub fn psi(a: &Distribution, b: &Distribution) -> Option<f64> {
    over(a, b, |p, q| (p - q) * (p / q).ln())
}

/// Total variation: half the sum of the absolute differences of shares, 0 to 1. `None` where a
/// population is empty.
pub fn total_variation(a: &Distribution, b: &Distribution) -> Option<f64> {
    let (all_a, all_b) = (a.total() as f64, b.total() as f64);
    if all_a == 0.0 || all_b == 0.0 {
        return None;
    }
    let share = |one: &Distribution, all: f64, class: &String| {
        one.0.get(class).copied().unwrap_or(0) as f64 / all
    };
    let classes =
        a.0.keys()
            .chain(b.0.keys().filter(|class| !a.0.contains_key(*class)));
    let apart = classes.map(|class| (share(a, all_a, class) - share(b, all_b, class)).abs());
    Some(apart.sum::<f64>() / 2.0)
}

fn over(a: &Distribution, b: &Distribution, term: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let (all_a, all_b) = (a.total() as f64, b.total() as f64);
    if all_a == 0.0 || all_b == 0.0 {
        return None;
    }
    let count = |one: &Distribution, class: &String| {
        let count = one.0.get(class).copied().unwrap_or(0);
        if count == 0 { 0.5 } else { count as f64 }
    };
    let classes =
        a.0.keys()
            .chain(b.0.keys().filter(|class| !a.0.contains_key(*class)));
    let terms = classes.map(|class| term(count(a, class) / all_a, count(b, class) / all_b));
    Some(terms.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, u64)]) -> Distribution {
        Distribution(pairs.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect())
    }

    #[test]
    fn distances_are_those_worked_out_by_hand() {
        let (a, b) = (of(&[("x", 50), ("y", 50)]), of(&[("x", 80), ("y", 20)]));
        // (0.5-0.8) ln(0.5/0.8) + (0.5-0.2) ln(0.5/0.2)
        assert!((psi(&a, &b).unwrap() - 0.415_888).abs() < 1e-6);
        assert!((total_variation(&a, &b).unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(psi(&a, &a), Some(0.0));
        assert_eq!(psi(&a, &Distribution::default()), None);
        assert!(psi(&a, &of(&[("z", 10)])).unwrap() > 1.0);
    }

    #[test]
    fn bands_hide_great_ages() {
        let bands = [0.5, 9.99, 10.0, 89.9, 90.0, 104.0, -3.0, f64::NAN].map(band);
        assert_eq!(
            bands,
            [
                "00-09", "00-09", "10-19", "80-89", "90+", "90+", UNKNOWN, UNKNOWN
            ]
        );
    }
}
