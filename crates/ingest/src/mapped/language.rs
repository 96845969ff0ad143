//! The mapping language as data: what a checked mapping file says. `docs/mapping.md` teaches it.
//!
//! Names of columns are numbers here, into the table's own list; names of lookups and maps are
//! numbers into the mapping's lists.

use super::clock::{Format, Zone};
use jiff::civil::DateTime;
use longitude_units::reading::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A checked mapping of one source.
#[derive(Clone, Debug)]
pub(super) struct Language {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) maps: Vec<(String, ValueMap)>,
    pub(super) lookups: Vec<LookupRule>,
    pub(super) tables: Vec<TableRule>,
    /// The tables without which a folder is not this source.
    pub(super) detect: Vec<usize>,
}

/// Values to values; what is not listed becomes `otherwise` (itself where that is `=`), or is
/// absent with a warning.
#[derive(Clone, Debug, Default)]
pub(super) struct ValueMap {
    pub(super) values: BTreeMap<String, String>,
    pub(super) otherwise: Option<String>,
}

/// How identifiers of the source become 64-bit ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    /// Whole numbers, kept.
    Integer,
    /// Texts, hashed under this authority.
    Text(String),
}

/// Which files belong to a table or lookup, and how they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct FileRule {
    /// Patterns over the last parts of the path, the extension left out.
    pub(super) patterns: Vec<String>,
    /// Cells with one of these texts (ends trimmed) are absent.
    pub(super) nulls: Vec<String>,
}

/// A column that a rule names.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Where in the mapping file it is first named.
    pub(super) at: usize,
    /// Whether a file without it is tolerated.
    pub(super) optional: bool,
}

/// A small table held in memory, found by its key.
#[derive(Clone, Debug)]
pub(super) struct LookupRule {
    pub(super) name: String,
    pub(super) files: FileRule,
    /// All columns that are read: first the key's, then those taken, then those of the rank.
    pub(super) columns: Vec<Column>,
    pub(super) key_count: usize,
    pub(super) taken: usize,
    pub(super) keep: Keep,
    pub(super) rank: Option<Rank>,
}

/// The name under which a lookup's rank is referred to.
pub(super) const RANK: &str = "rank";

/// Which of several rows with one key is kept, column by column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    First,
    Last,
    Least,
    Greatest,
}

/// The place of a row among the rows that agree in `within`, ordered by `by`, from 0. The columns
/// are positions in the lookup's list.
#[derive(Clone, Debug)]
pub(super) struct Rank {
    pub(super) within: Vec<usize>,
    pub(super) by: Vec<usize>,
}

/// How the rows of one table become events.
#[derive(Clone, Debug)]
pub(super) struct TableRule {
    pub(super) name: Arc<str>,
    pub(super) files: FileRule,
    pub(super) columns: Vec<Column>,
    /// Lookups used, with the values that make their key.
    pub(super) joins: Vec<(usize, Vec<Value>)>,
    /// The columns that identify a record.
    pub(super) key: Vec<usize>,
    /// Whether a second record with a key is a duplicate.
    pub(super) unique: bool,
    pub(super) subject: Option<Value>,
    pub(super) subject_kind: IdKind,
    pub(super) encounter: Option<Value>,
    pub(super) encounter_kind: IdKind,
    /// Columns with names or numbers of persons, for the de-identifier.
    pub(super) identifiers: Vec<usize>,
    pub(super) zone: Zone,
    pub(super) formats: Vec<Format>,
    /// Which sign parts decimals where a number alone does not say it.
    pub(super) decimal: Decimal,
    pub(super) skips: Vec<Skip>,
    /// Whether the table is there for others to look up in and makes no events.
    pub(super) reference: bool,
    pub(super) events: Vec<EventRule>,
    pub(super) synthetic: bool,
}

/// Rows that are left out on purpose.
#[derive(Clone, Debug)]
pub(super) struct Skip {
    pub(super) condition: Condition,
    pub(super) reason: String,
}

/// When a rule applies: every part must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) when: Vec<(Value, Vec<String>)>,
    pub(super) unless: Vec<(Value, Vec<String>)>,
    pub(super) present: Vec<Value>,
    pub(super) absent: Vec<Value>,
}

/// A value of the row: where it comes from, what is done to it, and what stands for it when absent.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) source: Source,
    pub(super) steps: Vec<Step>,
    pub(super) otherwise: Option<String>,
    /// The column's name, for origins and issues.
    pub(super) name: Arc<str>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A column of the table.
    Column(usize),
    /// A column of a joined lookup: positions in the table's joins and in the lookup's list.
    Joined { join: usize, column: usize },
    /// The rank in a joined lookup.
    Rank { join: usize },
    /// The name of the file without folder and extension.
    File,
    /// The name of the column of an `each`.
    EachName,
    /// The cell of the column of an `each`.
    EachValue,
}

/// A step that changes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Map(usize),
    Trim,
    Upper,
    Lower,
    /// Without the `.0` that a column of integers with gaps gets on its way.
    Whole,
    /// Dots into ICD codes that are written without.
    Icd9Diagnosis,
    Icd9Procedure,
    Icd10Diagnosis,
}

impl Step {
    /// The steps that need no declaration.
    pub(super) const BUILT_IN: [(&'static str, Self); 7] = [
        ("trim", Self::Trim),
        ("upper", Self::Upper),
        ("lower", Self::Lower),
        ("whole", Self::Whole),
        ("icd9_diagnosis", Self::Icd9Diagnosis),
        ("icd9_procedure", Self::Icd9Procedure),
        ("icd10_diagnosis", Self::Icd10Diagnosis),
    ];
}

/// Text with values in it: the first of the options whose values are all present.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) options: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Literal(String),
    Insert(Value),
}

/// A point in time: the first of the options that is present.
#[derive(Clone, Debug)]
pub(super) struct TimeRule {
    pub(super) options: Vec<TimeOption>,
}

#[derive(Clone, Debug)]
pub(super) struct TimeOption {
    pub(super) base: Base,
    /// In order.
    pub(super) offsets: Vec<Offset>,
    /// A value that is only a date stands at the end of its day.
    pub(super) end_of_day: bool,
    /// The base is invented.
    pub(super) synthetic: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Base {
    /// A date or time as written, with the time of day in a second value where given.
    Written {
        value: Value,
        clock: Option<Value>,
        formats: Option<Vec<Format>>,
    },
    /// The start of the year that a value holds.
    Year { value: Value, clock: Option<Value> },
    /// The same for all.
    Fixed(DateTime),
}

/// What is added to a base.
#[derive(Clone, Debug)]
pub(super) struct Offset {
    pub(super) unit: Unit,
    /// Absent: the factor alone.
    pub(super) value: Option<Value>,
    pub(super) factor: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Years,
    Days,
    Hours,
    Minutes,
    Seconds,
    /// A text `H:MM` or `H:MM:SS`, of any number of hours.
    Elapsed,
}

/// How one event is made of a row.
#[derive(Clone, Debug)]
pub(super) struct EventRule {
    /// The whole name of the rule: mapping, table, rule, version, digest.
    pub(super) rule: Arc<str>,
    /// The columns for each of which the event is made, or none for an ordinary rule.
    pub(super) each: Vec<usize>,
    pub(super) condition: Condition,
    pub(super) code: Template,
    /// `None` for a static fact.
    pub(super) time: Option<TimeRule>,
    /// Whether a row without the time makes no event, and that is as it should be.
    pub(super) if_timed: bool,
    /// Whether the first row of a subject by which it is made counts, and others are duplicates.
    pub(super) once: bool,
    pub(super) end: Option<TimeRule>,
    pub(super) recorded: Option<TimeRule>,
    pub(super) measured: Measured,
    pub(super) text: Option<Template>,
    pub(super) unit: Option<Template>,
    pub(super) range_low: Option<Value>,
    pub(super) range_high: Option<Value>,
    pub(super) flag: Option<Template>,
    pub(super) written_code: Option<Template>,
    /// What the origin says as element, unless the rule is of an `each`.
    pub(super) element: Arc<str>,
}

/// What is measured.
#[derive(Clone, Debug)]
pub(super) enum Measured {
    Nothing,
    /// A number; a text in its place is a warning, and kept as text.
    Number(Value),
    /// A number where it reads as one, a text otherwise.
    Either(Value),
}

impl TimeRule {
    /// The column that tells it: of the row itself where one does.
    pub(super) fn name(&self) -> Option<Arc<str>> {
        let option = self.options.first()?;
        let values = option
            .offsets
            .iter()
            .rev()
            .filter_map(|offset| offset.value.as_ref());
        let mut own = values.filter(|value| matches!(value.source, Source::Column(_)));
        let of_base = option.base.name();
        match own.next() {
            Some(value) if option.synthetic => Some(Arc::clone(&value.name)),
            _ => of_base,
        }
    }
}

impl Base {
    /// The column that it names, if any.
    pub(super) fn name(&self) -> Option<Arc<str>> {
        match self {
            Self::Written { value, .. } | Self::Year { value, .. } => Some(Arc::clone(&value.name)),
            Self::Fixed(_) => None,
        }
    }
}
