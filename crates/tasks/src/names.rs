//! The names that the language keeps for itself.

/// Any event at all: it counts instants, not rows.
pub const ANY_EVENT: &str = "_ANY_EVENT";
/// The first instant of a record.
pub const RECORD_START: &str = "_RECORD_START";
/// The last instant of a record.
pub const RECORD_END: &str = "_RECORD_END";

/// All of them.
pub(crate) const SPECIAL: [&str; 3] = [ANY_EVENT, RECORD_START, RECORD_END];

/// Keys at the top of a task file.
pub(crate) const TASK_KEYS: [&str; 6] = [
    "description",
    "metadata",
    "predicates",
    "patient_demographics",
    "trigger",
    "windows",
];

/// Keys of a window that ACES knows.
pub(crate) const WINDOW_KEYS: [&str; 7] = [
    "start",
    "end",
    "start_inclusive",
    "end_inclusive",
    "has",
    "label",
    "index_timestamp",
];

/// Keys of a window that the strict language has besides.
pub(crate) const STRICT_WINDOW_KEYS: [&str; 2] = ["censoring", "competing"];

/// Keys of a plain predicate that ACES knows; any other is the name of a column.
pub(crate) const PLAIN_KEYS: [&str; 6] = [
    "code",
    "value_min",
    "value_max",
    "value_min_inclusive",
    "value_max_inclusive",
    "static",
];

/// Keys of a predicate of change, in the strict language.
pub(crate) const CHANGE_KEYS: [&str; 7] = [
    "change",
    "within",
    "against",
    "rise_min",
    "fall_min",
    "ratio_min",
    "ratio_max",
];
