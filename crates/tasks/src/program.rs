//! A compiled task: what is looked for in rows, how it is counted, and the tree of windows.

use crate::boundary::Side;
use crate::warning::Warning;
use crate::yaml::Place;
use longitude_core::Code;
use longitude_terminology::Coded;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// Which meaning a task file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// That of es-aces 0.7.3, row for row, its defects included.
    Aces,
    /// The repaired one of docs/tasks.md.
    Strict,
}

/// A task that is ready to label records. It is made once and used for any number of data sets.
#[derive(Debug)]
pub struct Program {
    pub(crate) mode: Mode,
    pub(crate) plains: Vec<Plain>,
    pub(crate) changes: Vec<Change>,
    /// Units that changes are measured in.
    pub(crate) change_units: Vec<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) attributes: Vec<Fixed>,
    /// Which attributes a subject must have.
    pub(crate) filters: Vec<usize>,
    pub(crate) windows: Vec<WindowPlan>,
    /// The tree of windows' sides; the first is the trigger, and parents stand before children.
    pub(crate) nodes: Vec<NodePlan>,
    pub(crate) trigger: usize,
    pub(crate) label: Option<LabelPlan>,
    pub(crate) index: Option<IndexPlan>,
    /// Columns of the data, beside MEDS's own, that predicates look at, with the first place of
    /// each.
    pub(crate) cells: Vec<(String, Place)>,
    pub(crate) warnings: Vec<Warning>,
}

/// What holds of single rows.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) codes: CodeMatch,
    pub(crate) limits: Vec<Limit>,
    /// Columns, by their place in [`Program::cells`], with the value that each must have.
    pub(crate) cells: Vec<(usize, Literal)>,
    /// The changes that its values are compared for: their unit's place among
    /// [`Program::change_units`], none for bare numbers.
    pub(crate) compared: Vec<Option<usize>>,
}

/// Which codes count.
#[derive(Debug)]
pub(crate) enum CodeMatch {
    /// None: in ACES, `code: null`.
    Never,
    /// One.
    Exact(String),
    /// Any of several.
    Any(BTreeSet<String>),
    /// Those in which the expression is found.
    Regex(Box<Regex>),
    /// A code and all below it.
    Descendants(Vec<String>),
}

/// A bound of a value.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) value: f64,
    pub(crate) upper: bool,
    pub(crate) inclusive: bool,
    /// The unit that the bound is written in.
    pub(crate) unit: Option<String>,
}

/// A value as the task file writes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
}

/// A value that differs enough from earlier values of the same predicate.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) of: Rows,
    pub(crate) within: i64,
    pub(crate) against: Against,
    pub(crate) rise_min: Option<f64>,
    pub(crate) fall_min: Option<f64>,
    pub(crate) ratio_min: Option<f64>,
    pub(crate) ratio_max: Option<f64>,
    /// The place of its unit among [`Program::change_units`]; bare numbers where there is none.
    pub(crate) unit: Option<usize>,
}

/// Which earlier value a change is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    Lowest,
    Highest,
    Last,
    First,
}

/// What holds of one row, as an expression.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    Plain(usize),
    Change(usize),
    Attribute(usize),
    All(Vec<Rows>),
    Any(Vec<Rows>),
    Not(Box<Rows>),
}

/// What is counted at each instant of a record.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) source: Counted,
}

#[derive(Debug)]
pub(crate) enum Counted {
    /// Rows of which an expression holds.
    Rows(Rows),
    /// Instants (as 0 or 1) at which all, or any, of some columns are not nought.
    Instants { all: bool, of: Vec<usize> },
    /// Every instant.
    AnyEvent,
    /// The first instant.
    RecordStart,
    /// The last instant.
    RecordEnd,
    /// Not counted by instants: whether the subject has it.
    Attribute(usize),
}

/// What holds of a subject's rows without a time.
#[derive(Clone, Debug)]
pub(crate) enum Fixed {
    Plain(usize),
    All(Vec<Fixed>),
    Any(Vec<Fixed>),
}

/// A window by name, with the nodes that its sides are.
#[derive(Debug)]
pub(crate) struct WindowPlan {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// One side of a window that lies apart from what it is counted from.
#[derive(Debug)]
pub(crate) struct NodePlan {
    /// The window and its side; `None` for the trigger.
    pub(crate) side: Option<(usize, Side)>,
    pub(crate) parent: usize,
    pub(crate) step: StepPlan,
    /// Whether the earlier and the later end belong to the stretch between parent and node.
    pub(crate) closed: (bool, bool),
    /// Where the parent lies from its own instant, in microseconds.
    pub(crate) base: i64,
    /// Where the node lies from its own instant.
    pub(crate) after: i64,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) children: Vec<usize>,
}

/// From a parent to its node.
#[derive(Debug)]
pub(crate) enum StepPlan {
    /// A time further, or back where negative.
    Time(i64),
    /// To an instant at which a column is not nought.
    Event { column: usize, before: bool },
}

/// How often a column may count in a window.
#[derive(Debug)]
pub(crate) struct Constraint {
    pub(crate) column: usize,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

/// Where the prediction time is.
#[derive(Debug)]
pub(crate) struct IndexPlan {
    pub(crate) window: usize,
    pub(crate) side: Side,
    /// The node whose stretch ACES takes the time from.
    pub(crate) node: usize,
}

/// What a label is.
#[derive(Debug)]
pub(crate) struct LabelPlan {
    pub(crate) window: usize,
    pub(crate) node: usize,
    pub(crate) kind: LabelKind,
    /// Columns that end the window before the outcome.
    pub(crate) competing: Vec<usize>,
    pub(crate) censoring: Censoring,
    /// The column of death, after which nothing more can happen; the strict language only.
    pub(crate) death: Option<usize>,
}

#[derive(Debug)]
pub(crate) enum LabelKind {
    /// Whether the outcome happens.
    Binary(usize),
    /// How often.
    Count(usize),
    /// A value of the outcome's rows.
    Value(usize, Take),
    /// Which of several happens first, and the name where none does.
    Class(Vec<(String, usize)>, Option<String>),
    /// How long until it happens, in a unit of so many microseconds.
    TimeTo(usize, i64),
}

/// Which of several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    First,
    Last,
    Lowest,
    Highest,
    Mean,
}

/// What becomes of a sample whose record ends before its label window does, with no outcome seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Censoring {
    /// It is left out, and counted.
    Drop,
    /// It counts as one without the outcome, as in ACES.
    Negative,
}

impl Program {
    /// Which meaning it was compiled with.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The columns beside MEDS's own that rows must bring, in this order, with the first place of
    /// the file that names each.
    pub fn cells(&self) -> &[(String, Place)] {
        &self.cells
    }

    /// Whether any predicate looks at values.
    pub fn needs_values(&self) -> bool {
        let value_label = self
            .label
            .as_ref()
            .is_some_and(|label| matches!(label.kind, LabelKind::Value(..)));
        value_label
            || !self.changes.is_empty()
            || self.plains.iter().any(|plain| !plain.limits.is_empty())
    }

    /// The units that changes of a predicate's values are measured in.
    pub(crate) fn compared_in(&self, plain: &Plain) -> impl Iterator<Item = &str> {
        let units = plain.compared.iter().flatten();
        units.filter_map(|unit| self.change_units.get(*unit).map(String::as_str))
    }

    /// Whether units of rows matter.
    pub fn needs_units(&self) -> bool {
        self.mode == Mode::Strict && self.needs_values()
    }

    /// The predicates that ask for all codes below one: to each its name, place and codes.
    pub fn asks_descendants(&self) -> Vec<(&str, &Place, &[String])> {
        let asked = self.plains.iter().filter_map(|plain| match &plain.codes {
            CodeMatch::Descendants(roots) => Some((&*plain.name, &plain.place, &**roots)),
            CodeMatch::Never | CodeMatch::Exact(_) | CodeMatch::Any(_) | CodeMatch::Regex(_) => {
                None
            }
        });
        asked.collect()
    }

    /// What is odd about the task before any record is seen.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The column whose rows' values are the label.
    pub(crate) fn value_column(&self) -> Option<usize> {
        match self.label.as_ref().map(|label| &label.kind) {
            Some(LabelKind::Value(column, _)) => Some(*column),
            _ => None,
        }
    }

    /// The fact of the subject that a column is.
    pub(crate) fn attribute_of(&self, column: usize) -> Option<&Fixed> {
        match self.columns[column].source {
            Counted::Attribute(at) => self.attributes.get(at),
            Counted::Rows(_)
            | Counted::Instants { .. }
            | Counted::AnyEvent
            | Counted::RecordStart
            | Counted::RecordEnd => None,
        }
    }

    /// Which of a sample's values the label fills: boolean, integer, float, category.
    pub fn label_values(&self) -> [bool; 4] {
        match self.label.as_ref().map(|label| &label.kind) {
            None => [false; 4],
            Some(LabelKind::Binary(_)) => [true, false, false, false],
            Some(LabelKind::Count(_)) => [false, true, false, false],
            Some(LabelKind::Value(..)) => [false, false, true, false],
            Some(LabelKind::Class(..)) => [false, false, false, true],
            Some(LabelKind::TimeTo(..)) => [true, false, true, true],
        }
    }

    /// The columns that are the label's outcomes.
    pub(crate) fn outcomes(&self) -> Vec<usize> {
        match self.label.as_ref().map(|label| &label.kind) {
            Some(
                LabelKind::Binary(column)
                | LabelKind::Count(column)
                | LabelKind::Value(column, _)
                | LabelKind::TimeTo(column, _),
            ) => vec![*column],
            Some(LabelKind::Class(classes, _)) => {
                classes.iter().map(|(_, column)| *column).collect()
            }
            None => Vec::new(),
        }
    }

    /// The leaf whose missing event ACES turns into an empty sample: where every node has one
    /// child only, and the last is bounded by an event.
    pub(crate) fn lone_leaf(&self) -> Option<usize> {
        let last = self.nodes.len() - 1;
        let chain = self.nodes.iter().all(|node| node.children.len() <= 1);
        let event = matches!(self.nodes[last].step, StepPlan::Event { .. });
        (self.mode == Mode::Aces && chain && event).then_some(last)
    }

    /// The name of a node, for people.
    pub(crate) fn node_name(&self, node: usize) -> String {
        match self.nodes[node].side {
            None => "trigger".to_owned(),
            Some((window, side)) => format!("{}.{}", self.windows[window].name, side.name()),
        }
    }

    /// The names of windows, in the order of the file.
    pub fn window_names(&self) -> impl Iterator<Item = &str> {
        self.windows.iter().map(|window| &*window.name)
    }
}

/// What stands above codes, by MEDS's strings: what `parent_codes` of a data set says. What the
/// shipped terminologies say is known besides.
#[derive(Clone, Debug, Default)]
pub struct Ontology {
    parents: BTreeMap<String, BTreeSet<String>>,
}

impl Ontology {
    /// Puts a code below another one.
    pub fn add(&mut self, code: &str, parent: &str) {
        let parents = self.parents.entry(code.to_owned()).or_default();
        parents.insert(parent.to_owned());
    }

    /// Whether a code is one of `roots` or lies below one of them.
    pub(crate) fn is_below(&self, code: &str, roots: &[String]) -> bool {
        let own = |text: &str| {
            let coded = Coded::of(&Code::from_meds(text))?;
            Some(coded.to_code().to_meds().into_owned())
        };
        let mut wanted: BTreeSet<String> = roots.iter().cloned().collect();
        wanted.extend(roots.iter().filter_map(|root| own(root)));
        let mut seen = BTreeSet::new();
        let mut open = vec![code.to_owned()];
        while let Some(code) = open.pop() {
            if wanted.contains(&code) {
                return true;
            }
            if !seen.insert(code.clone()) {
                continue;
            }
            open.extend(self.parents.get(&code).into_iter().flatten().cloned());
            let above = longitude_terminology::parent(&Code::from_meds(&code));
            open.extend(above.map(|above| above.to_meds().into_owned()));
        }
        false
    }
}
