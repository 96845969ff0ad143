//! The policy: what becomes of each identifier in each mode, and the counts of what was changed.
//!
//! Source: 45 CFR 164.514(b)(2) (Safe Harbor, 18 identifiers) and (b)(1) (expert determination).
//!
//! | field | Safe Harbor (S) and expert determination (E) |
//! |---|---|
//! | subject and encounter id | keyed pseudonym, 63 bits |
//! | origin | one keyed pseudonym of file, record and row in `record`; the element path stays |
//! | times, observation span | S: start of the UTC year; E: moved by the subject's own whole days |
//! | UTC offset (geography) | dropped |
//! | age over 89 | S: times, birth too, lie at most 89 years before the last; older ones move up |
//! |  | E: birth of who reaches 90 becomes 90 years before the last known time |
//! | age as a measured value | over 89 becomes 90 |
//! | value of an identifying code (`SSN`, `MRN`, ...) | removed, the kind stays ([`Rules`]) |
//! | postal code | three digits, `000` for small areas |
//! | number of a known identifier, or a date | removed |
//! | note (code system `NOTE`) | S: blanked, unless scrubbing is asked; E: scrubbed, dates moved |
//! | text of any other event | kept only when it is a short coded result |
//! | code, unit, element | known strings, and dates and numbers of persons, replaced |
//!
//! A short coded result is at most 40 bytes long and consists of words of a closed list
//! (`positive`, `trace`, `not detected`), short numbers, comparisons and ratios; a name or a place
//! is in no such list. In expert mode the shift is a whole number of days that is never zero: the
//! time of day is kept, because care depends on it; the weekday is not, unless the shift happens
//! to be a multiple of seven.
//!
//! What this crate cannot see and leaves to the source's mapping: photographs and biometrics (no
//! field holds them), and identifiers that someone hid inside a code's system.
//!
//! [`Rules`]: crate::Rules

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which rule of 45 CFR 164.514(b) a de-identification follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The 18 identifiers are removed; of dates the year is left.
    SafeHarbor,
    /// Dates are moved by a keyed number of days per subject, so that intervals are kept. Whether
    /// the remaining risk is very small is for an expert to determine and write down.
    ExpertDetermination,
}

/// What becomes of notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPolicy {
    /// The text is removed.
    Blank,
    /// Identifiers that are recognised in the text are replaced by tags, dates moved where times
    /// are. No recogniser finds all.
    Scrub,
    /// The same with other names, numbers and places in the place of tags.
    Surrogate,
}

impl TextPolicy {
    /// Whether texts stay, without the identifiers that are recognised.
    pub const fn is_scrubbed(self) -> bool {
        matches!(self, Self::Scrub | Self::Surrogate)
    }
}

/// How to de-identify. There is no default: each choice is made by whoever answers for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Which rule is followed.
    pub mode: Mode,
    /// The greatest shift in days, either way; 0 counts as 1, for a shift is never nothing. Safe
    /// Harbor shifts nothing.
    pub shift_days_max: u32,
    /// What becomes of notes.
    pub notes: TextPolicy,
    /// The greatest age that may be told: 89 by the rule, or less.
    pub ages_over: u16,
}

/// The greatest age in years that 45 CFR 164.514(b)(2)(i)(C) lets a record tell.
pub const AGES_OVER: u16 = 89;

impl Options {
    /// Safe Harbor, notes blanked.
    pub const fn safe_harbor() -> Self {
        Self {
            mode: Mode::SafeHarbor,
            shift_days_max: 0,
            notes: TextPolicy::Blank,
            ages_over: AGES_OVER,
        }
    }

    /// Expert determination, notes scrubbed.
    pub const fn expert_determination(shift_days_max: u32) -> Self {
        Self {
            mode: Mode::ExpertDetermination,
            shift_days_max,
            notes: TextPolicy::Scrub,
            ages_over: AGES_OVER,
        }
    }
}

/// The kinds of identifiers, after the list of Safe Harbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identifier {
    /// (A) Names.
    Name,
    /// (B) Street addresses.
    Address,
    /// (B) Cities and other places below a state, and a state within an address.
    Place,
    /// (B) Postal codes.
    Zip,
    /// (B) Hospitals, employers and other organisations: a place by another name.
    Organization,
    /// (C) Dates other than the year.
    Date,
    /// (C) Ages over 89.
    Age,
    /// (D) Telephone and pager numbers.
    Phone,
    /// (E) Fax numbers.
    Fax,
    /// (F) Electronic mail addresses.
    Email,
    /// (G) Social security numbers.
    Ssn,
    /// (H) Medical record numbers.
    Mrn,
    /// (I) Health plan beneficiary numbers.
    HealthPlan,
    /// (J) Account numbers.
    Account,
    /// (K) Certificate and licence numbers.
    Licence,
    /// (L) Vehicle identifiers and plates.
    Vehicle,
    /// (M) Device identifiers and serial numbers.
    Device,
    /// (N) Web addresses.
    Url,
    /// (O) Internet protocol addresses.
    Ip,
    /// (R) Any other unique number: accession numbers, record identifiers, subject identifiers.
    Other,
    /// A string that the caller named as identifying.
    Known,
    /// A text that was removed whole.
    Text,
}

impl Identifier {
    /// What stands in a text in its place.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Name => "[NAME]",
            Self::Address => "[ADDRESS]",
            Self::Place => "[PLACE]",
            Self::Zip => "[ZIP]",
            Self::Organization => "[ORGANIZATION]",
            Self::Date => "[DATE]",
            Self::Age => "[AGE]",
            Self::Phone => "[PHONE]",
            Self::Fax => "[FAX]",
            Self::Email => "[EMAIL]",
            Self::Ssn => "[SSN]",
            Self::Mrn => "[MRN]",
            Self::HealthPlan => "[HEALTH PLAN]",
            Self::Account => "[ACCOUNT]",
            Self::Licence => "[LICENCE]",
            Self::Vehicle => "[VEHICLE]",
            Self::Device => "[DEVICE]",
            Self::Url => "[URL]",
            Self::Ip => "[IP]",
            Self::Other => "[NUMBER]",
            Self::Known => "[IDENTIFIER]",
            Self::Text => "[TEXT]",
        }
    }
}

/// How many identifiers of each kind were taken away or generalised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The counts.
    pub counts: BTreeMap<Identifier, u64>,
    /// Events that a rule of the policy left out.
    #[serde(default)]
    pub events_dropped: u64,
    /// Codes that a rule of the policy made coarser.
    #[serde(default)]
    pub codes_generalised: u64,
    /// Codes that were rare and became a coarser code.
    #[serde(default)]
    pub rare_generalised: u64,
    /// Events left out because their code was rare and has no coarser one.
    #[serde(default)]
    pub rare_suppressed: u64,
}

impl Changes {
    /// Counts one.
    pub(crate) fn add(&mut self, identifier: Identifier) {
        *self.counts.entry(identifier).or_default() += 1;
    }

    /// Counts several.
    pub(crate) fn add_all(&mut self, identifiers: Vec<Identifier>) {
        for identifier in identifiers {
            self.add(identifier);
        }
    }

    /// Adds the counts of another timeline.
    pub fn merge(&mut self, other: &Self) {
        for (identifier, count) in &other.counts {
            *self.counts.entry(*identifier).or_default() += count;
        }
        self.events_dropped += other.events_dropped;
        self.codes_generalised += other.codes_generalised;
        self.rare_generalised += other.rare_generalised;
        self.rare_suppressed += other.rare_suppressed;
    }
}

/// Codes whose value is an age in years: LOINC's age, reported, estimated and calculated.
const AGE_CODES: [(&str, &str); 6] = [
    ("LOINC", "30525-0"),
    ("LOINC", "21611-9"),
    ("LOINC", "21612-7"),
    ("LOINC", "29553-5"),
    ("SNOMED", "397669002"),
    ("SNOMED", "424144002"),
];

/// Whether a code's value is an age in years.
pub(crate) fn is_age(system: &str, value: &str) -> bool {
    AGE_CODES.contains(&(system, value)) || value.eq_ignore_ascii_case("age")
}

/// The longest text that can be a coded result, in bytes.
const CODED_BYTES_MAX: usize = 40;

/// Words that results are made of, lower case.
const RESULT_WORDS: &str = "\
    a ab abnormal absent active amber and b bacteria black blood bloody brown cancelled cells \
    clean clear cloudy colorless current daily dark day days decreased detected equivocal every \
    ex false female few final former free green growth hazy heavy hemolyzed high hpf inactive \
    inconclusive increased indeterminate intermediate invalid isolated large left less light low \
    male many marked mild mixed mod moderate more mucus n neg negative never no non none \
    nonreactive normal not o occ occasional of or orange other packed pale pending pink pos \
    positive preliminary present previous rare reactive red resistant rh right s see seen \
    sensitive severe slight slightly small smoker smokes some straw susceptible than tntc \
    tobacco trace true turbid unable undetected unknown very weak white with within y yeast \
    yellow yes";

/// Whether a text is a short coded result, which identifies nobody.
pub(crate) fn is_coded_result(text: &str) -> bool {
    let short = text.len() <= CODED_BYTES_MAX && !text.trim().is_empty();
    let mut parts = text.split(|c: char| c.is_whitespace() || ",;()".contains(c));
    short && parts.all(|part| part.is_empty() || is_result_word(part) || is_result_number(part))
}

fn is_result_word(part: &str) -> bool {
    let lower = part
        .trim_matches(['.', '_', '-', '+', ':'])
        .to_ascii_lowercase();
    let mut words = lower.split(['/', '-']);
    words.all(|word| word.is_empty() || RESULT_WORDS.split(' ').any(|known| known == word))
}

/// A number with a sign, a comparison or a per cent, or two in a range or ratio: at most four
/// digits in a row and six in all, so that no telephone or record number is one, and never a pair
/// that can be read as month and day.
fn is_result_number(part: &str) -> bool {
    let body = part.trim_start_matches(['<', '>', '=', '+', '-', '~']);
    let body = body.trim_end_matches(['%', '+', '.']);
    let shaped = body
        .bytes()
        .all(|b| b.is_ascii_digit() || b".-/:".contains(&b));
    let runs = || body.split(|c: char| !c.is_ascii_digit());
    let digits: usize = runs().map(str::len).sum();
    let sizes = digits <= 6 && runs().all(|run| run.len() <= 4);
    let mut pair = body.split(['-', '/', ':']);
    let (first, second, third) = (pair.next(), pair.next(), pair.next());
    let dotted = |side: Option<&str>| side.is_some_and(|side| side.matches('.').count() > 1);
    let date = !body.contains(':') && could_be_date(first, second);
    shaped && sizes && third.is_none() && !dotted(first) && !dotted(second) && !date
}

fn could_be_date(first: Option<&str>, second: Option<&str>) -> bool {
    let number = |side: Option<&str>| side.and_then(|side| side.parse::<u16>().ok());
    match (number(first), number(second)) {
        (Some(a), Some(b)) => (1..=31).contains(&a.max(b)) && (1..=12).contains(&a.min(b)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_results_are_results() {
        for text in [
            "POS",
            "negative",
            "Not detected",
            ">= 1.030",
            "___",
            "120/80",
            "1:80",
            "2+",
            "<5",
            "non-reactive",
            "0-2",
            "Former smoker",
            "98.6%",
            "yellow; hazy",
        ] {
            assert!(is_coded_result(text), "{text}");
        }
        for text in [
            "Jane Roe",
            "3/6",
            "12-21",
            "12.21.69",
            "Springfield",
            "555-1234",
            "12/21/1969",
            "2019-03-04",
            "61717355",
            "123-45-6789",
            "",
            "HEMOLYZED, call Rose",
            "(421)274-2180",
            "10.1.2.3456789",
            "Mary",
        ] {
            assert!(!is_coded_result(text), "{text}");
        }
    }
}
