//! What of a person is compared, and at which level two agree. A level is 0 where either side says
//! nothing, 1 where they disagree, and higher the better they agree.

use super::text::{digits, folded, jaro_winkler, soundex};
use crate::person::Person;
use longitude_core::{Instant, Precision, SubjectId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A field of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Family name.
    Family,
    /// First given name.
    Given,
    /// Date of birth.
    Birth,
    /// Administrative sex.
    Sex,
    /// Postal code and street.
    Address,
    /// Telephone and electronic mail.
    Contact,
}

impl Field {
    /// All, in order.
    pub(super) const ALL: [Self; 6] = [
        Self::Family,
        Self::Given,
        Self::Birth,
        Self::Sex,
        Self::Address,
        Self::Contact,
    ];
}

/// Levels a field may have, the missing one included.
pub(super) const LEVELS: usize = 4;
/// A level for each field.
pub(super) type Levels = [usize; Field::ALL.len()];

/// Similarity from which two names are one with a slip of the pen, and from which they are near.
/// Winkler's own table has misspelt pairs from 0.92 on and different names below 0.84.
const SLIP: f64 = 0.92;

/// What is known of a subject, all its records together, in the form that is compared.
#[derive(Default)]
pub(super) struct Profile {
    pub(super) family: BTreeSet<String>,
    pub(super) given: BTreeSet<String>,
    pub(super) birth: Option<(i16, i8, i8, Precision)>,
    pub(super) sex: Option<char>,
    pub(super) postal: BTreeSet<String>,
    pub(super) street: BTreeSet<String>,
    pub(super) contact: BTreeSet<String>,
    pub(super) identifiers: BTreeSet<(String, String)>,
    pub(super) is_multiple: bool,
    pub(super) inactive: bool,
}

/// The profiles of all subjects.
pub(super) fn profiles(persons: &[(SubjectId, Person)]) -> BTreeMap<SubjectId, Profile> {
    let mut profiles: BTreeMap<SubjectId, Profile> = BTreeMap::new();
    for (subject, person) in persons {
        profiles.entry(*subject).or_default().add(person);
    }
    profiles
}

impl Profile {
    fn add(&mut self, person: &Person) {
        let keep = |set: &mut BTreeSet<String>, text: String| {
            if !text.is_empty() {
                set.insert(text);
            }
        };
        for name in &person.names {
            keep(&mut self.family, folded(&name.family));
            let first = name
                .given
                .first()
                .map_or_else(String::new, |one| folded(one));
            keep(&mut self.given, first);
        }
        for address in &person.addresses {
            let code = folded(&address.postal_code);
            keep(&mut self.postal, code.chars().take(5).collect());
            keep(&mut self.street, folded(&address.lines.concat()));
        }
        for phone in &person.phones {
            keep(&mut self.contact, digits(phone));
        }
        for mail in &person.emails {
            keep(&mut self.contact, mail.trim().to_lowercase());
        }
        let numbers = person.identifiers.iter();
        let named = numbers.filter(|one| !one.system.is_empty() && !one.value.trim().is_empty());
        let pair =
            |one: &crate::PersonIdentifier| (one.system.clone(), one.value.trim().to_lowercase());
        self.identifiers.extend(named.map(pair));
        if self
            .birth
            .is_none_or(|(_, _, _, had)| person.birth.is_some_and(|(_, p)| p > had))
        {
            self.birth = person.birth.map(date);
        }
        self.sex = self.sex.or_else(|| person.sex.as_deref().and_then(sex));
        self.is_multiple |= person.multiple_birth == Some(true);
        self.inactive |= person.active == Some(false);
    }

    /// The sounds of the family names.
    pub(super) fn sounds(&self) -> BTreeSet<String> {
        self.family.iter().map(|name| soundex(name)).collect()
    }
}

fn date((time, precision): (Instant, Precision)) -> (i16, i8, i8, Precision) {
    let (year, month, day) = time.civil_date();
    (year, month, day, precision)
}

/// `m` or `f` of FHIR's words, HL7 v2's letters, OMOP's concepts 8507 and 8532.
fn sex(written: &str) -> Option<char> {
    match written.trim().to_lowercase().as_str() {
        "male" | "m" | "8507" => Some('m'),
        "female" | "f" | "8532" => Some('f'),
        _ => None,
    }
}

/// The level of each field.
pub(super) fn levels(a: &Profile, b: &Profile) -> Levels {
    [
        names(&a.family, &b.family),
        names(&a.given, &b.given),
        birth(a.birth, b.birth),
        match (a.sex, b.sex) {
            (Some(x), Some(y)) => 1 + usize::from(x == y),
            _ => 0,
        },
        address(a, b),
        shared(&a.contact, &b.contact, 2),
    ]
}

/// Whether nothing but an error could make these two one person: birth dates that have nothing in
/// common together with other names.
pub(super) fn may_be_one(a: &Profile, b: &Profile) -> bool {
    let levels = levels(a, b);
    let (family, given, birth) = (levels[0], levels[1], levels[2]);
    birth != 1 || family > 1 || given > 1
}

/// 3 where two are equal, 2 where they are a slip apart or one begins the other.
fn names(a: &BTreeSet<String>, b: &BTreeSet<String>) -> usize {
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    if a.intersection(b).next().is_some() {
        return 3;
    }
    let near = |x: &String, y: &String| {
        let begins = x.len().min(y.len()) >= 3 && (x.starts_with(&**y) || y.starts_with(&**x));
        begins || jaro_winkler(x, y) >= SLIP
    };
    1 + usize::from(a.iter().any(|x| b.iter().any(|y| near(x, y))))
}

/// 3 where the dates are equal, 2 where one part is off, or day and month are swapped, or one side
/// is known in part only and agrees that far.
fn birth(a: Option<(i16, i8, i8, Precision)>, b: Option<(i16, i8, i8, Precision)>) -> usize {
    let (Some(a), Some(b)) = (a, b) else {
        return 0;
    };
    let precision = a.3.min(b.3);
    let parts = [a.0 == b.0, a.1 == b.1, a.2 == b.2];
    match precision {
        Precision::Year => 1 + usize::from(parts[0]),
        Precision::Month => 1 + usize::from(parts[0] && parts[1]),
        Precision::Day | Precision::Time => {
            let equal = parts.iter().filter(|equal| **equal).count();
            let swapped = parts[0] && a.1 == b.2 && a.2 == b.1;
            match equal {
                3 => 3,
                2 => 2,
                _ => 1 + usize::from(swapped),
            }
        }
    }
}

/// 3 where the street agrees too, 2 where the postal code does.
fn address(a: &Profile, b: &Profile) -> usize {
    match shared(&a.postal, &b.postal, 2) {
        2 if shared(&a.street, &b.street, 2) == 2 => 3,
        level => level,
    }
}

fn shared(a: &BTreeSet<String>, b: &BTreeSet<String>, level: usize) -> usize {
    if a.is_empty() || b.is_empty() {
        0
    } else if a.intersection(b).next().is_some() {
        level
    } else {
        1
    }
}
