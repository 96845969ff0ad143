//! The report's types: counts, quantiles and names, nothing of one person.

use crate::population::Population;
use longitude_core::Instant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts that every part of a report has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Subjects with at least one.
    pub subjects: u64,
    /// Events with a number.
    pub numeric: u64,
    /// Events with a text and no number.
    pub text: u64,
    /// Events without a time.
    pub without_time: u64,
    /// Numbers without a unit, where the code names none and the analyte is no plain number.
    pub without_unit: u64,
    /// Numbers that their analyte cannot have, in their unit.
    pub impossible: u64,
    /// Events that repeat one before in everything: subject, code, time, value, unit, text.
    pub exact_duplicates: u64,
    /// Events that repeat subject, code, time and value, and differ in something else.
    pub same_value_duplicates: u64,
}

/// One kind of fault in the order of times, or in what is known when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Before the day of birth.
    BeforeBirth,
    /// More than a day after death.
    AfterDeath,
    /// The end lies before the start.
    EndsBeforeStart,
    /// After the export.
    AfterExport,
    /// Recorded before it happened.
    RecordedBefore,
    /// Recorded much later than it happened: known later than its time says.
    RecordedLate,
    /// More than one birth, or more than one death, of a subject.
    TwoBirthsOrDeaths,
}

impl Fault {
    /// All, in order.
    pub const ALL: [Self; 7] = [
        Self::BeforeBirth,
        Self::AfterDeath,
        Self::EndsBeforeStart,
        Self::AfterExport,
        Self::RecordedBefore,
        Self::RecordedLate,
        Self::TwoBirthsOrDeaths,
    ];

    /// The fault in words.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::BeforeBirth => "before the day of birth",
            Self::AfterDeath => "more than a day after death",
            Self::EndsBeforeStart => "ends before it starts",
            Self::AfterExport => "later than the export",
            Self::RecordedBefore => "recorded before it happened",
            Self::RecordedLate => "recorded much later than it happened",
            Self::TwoBirthsOrDeaths => "a second birth or death of one subject",
        }
    }
}

/// One source: a file or folder of the export, or a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceRow {
    /// Its name.
    pub name: String,
    /// Its counts.
    pub counts: Counts,
    /// Its first and last time.
    pub span: Option<(Instant, Instant)>,
}

/// One code system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemRow {
    /// Its short name; empty for MEDS's own codes.
    pub name: String,
    /// Distinct codes.
    pub codes: u64,
    /// Its counts.
    pub counts: Counts,
    /// Whether its codes mean something outside of this hospital.
    pub is_local: bool,
}

/// One calendar year.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct YearRow {
    /// The year, in UTC.
    pub year: i16,
    /// Its counts.
    pub counts: Counts,
}

/// One code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeRow {
    /// The code as MEDS writes it.
    pub code: String,
    /// Its name, where the data set's code table or the table of analytes has one.
    pub name: Option<String>,
    /// Its counts.
    pub counts: Counts,
    /// Events by year.
    pub years: BTreeMap<i16, u64>,
    /// Faults of time.
    pub faults: BTreeMap<Fault, u64>,
}

/// The numbers of one code in one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitRow {
    /// The code as MEDS writes it.
    pub code: String,
    /// The unit as it stands in the data; `None` where there is none.
    pub unit: Option<String>,
    /// The unit of `quantiles`: the analyte's, where it is known and the unit converts.
    pub shown_in: Option<String>,
    /// The analyte, where the code is known.
    pub analyte: Option<String>,
    /// Why the unit does not fit the analyte, where it does not.
    pub refusal: Option<String>,
    /// Numbers.
    pub count: u64,
    /// Numbers below the possible, above the possible, and not finite.
    pub impossible: [u64; 3],
    /// The shares 0.01, 0.1, 0.25, 0.5, 0.75, 0.9 and 0.99, from a sample of the values.
    pub quantiles: Option<[f64; 7]>,
}

/// Numbers that look like another unit's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixUp {
    /// The code as MEDS writes it.
    pub code: String,
    /// The analyte, where the code is known.
    pub analyte: Option<String>,
    /// The unit that the data state.
    pub unit: Option<String>,
    /// The source, site or year; `None` for all.
    pub part: Option<String>,
    /// The unit that the values seem to be in.
    pub looks_like: String,
    /// What the values are multiplied by.
    pub factor: f64,
    /// The share concerned.
    pub share: f64,
    /// How many of the part's values that is.
    pub values: u64,
    /// By which signs.
    pub signs: Vec<String>,
    /// Whether to act on it; else it is to be looked at.
    pub is_likely: bool,
}

/// Months in which a source, or a code system, has nothing or too little.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The source or system.
    pub what: String,
    /// The first month, `2019-03`.
    pub start: String,
    /// The last month.
    pub end: String,
    /// How many months.
    pub months: u32,
    /// Events in them.
    pub events: u64,
    /// The usual number in a month.
    pub usual_per_month: u64,
}

/// The labels of one task, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRow {
    /// The task.
    pub task: String,
    /// Subjects with the outcome.
    pub yes: u64,
    /// Subjects without.
    pub no: u64,
    /// Subjects left out: censored, had it before, dead.
    pub left_out: u64,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To know.
    Note,
    /// To look at before training.
    Look,
    /// To mend before training.
    Mend,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Units mixed up.
    UnitMixUp,
    /// A unit that is none of the analyte's.
    UnitDoesNotFit,
    /// Numbers without a unit.
    UnitMissing,
    /// Impossible numbers.
    Impossible,
    /// Duplicates.
    Duplicates,
    /// Faults of time.
    TimeOrder,
    /// Recorded late: a leak.
    Leak,
    /// Months without data.
    Gap,
    /// Codes that mean nothing outside.
    LocalCodes,
    /// Values missing where the code mostly has one.
    ValueMissing,
    /// Times missing where the code mostly has one.
    TimeMissing,
    /// A task all of whose labels are the same.
    ConstantLabel,
    /// Who is in the data differs from who was.
    Population,
    /// Parts that were not examined.
    NotExamined,
}

/// One thing to know, look at or mend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub kind: FindingKind,
    /// Where: a code, a source, a system, a task.
    pub place: String,
    /// How many events or subjects.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// In words, without the numbers.
    pub text: String,
}

/// The quality of one load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The program's version that made it.
    pub code_version: String,
    /// What was looked at, for people: a data set's name and version.
    pub data: BTreeMap<String, String>,
    /// All events.
    pub counts: Counts,
    /// Distinct codes.
    pub codes_distinct: u64,
    /// First and last time.
    pub span: Option<(Instant, Instant)>,
    /// What matters, the most important first.
    pub findings: Vec<Finding>,
    /// By source file, folder or site.
    pub sources: Vec<SourceRow>,
    /// By code system.
    pub systems: Vec<SystemRow>,
    /// By year.
    pub years: Vec<YearRow>,
    /// By code, the most frequent first.
    pub codes: Vec<CodeRow>,
    /// By code and unit.
    pub units: Vec<UnitRow>,
    /// Units mixed up.
    pub mixups: Vec<MixUp>,
    /// Months without data.
    pub gaps: Vec<Gap>,
    /// Faults of time, all codes together.
    pub faults: BTreeMap<Fault, u64>,
    /// Labels of tasks, where tasks were given.
    pub labels: Vec<LabelRow>,
    /// Who is in the data.
    pub population: Population,
    /// Groups whose values were counted and not kept.
    pub groups_not_examined: u64,
}

impl Report {
    /// The row of a code.
    pub fn code(&self, code: &str) -> Option<&CodeRow> {
        self.codes.iter().find(|row| row.code == code)
    }
}
