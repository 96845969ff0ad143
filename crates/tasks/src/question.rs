//! What a task asks of the future, where that is one outcome in one window after the prediction
//! time: then it can be put to a model directly. Where it is more than that, the reason is said,
//! and sampled futures are to be labelled by the program itself.

use crate::boundary::Side;
use crate::matcher::{Bound, Matcher};
use crate::program::{
    Counted, LabelKind, LabelPlan, Mode, NodePlan, Ontology, Program, Rows, StepPlan,
};
use crate::yaml::Place;
use std::fmt;

/// One outcome in one window after the prediction time.
#[derive(Debug)]
pub struct Question<'p> {
    /// Microseconds after the prediction time that must have passed: what happens up to and with
    /// them does not count.
    pub after: i64,
    /// The last microsecond that counts; none where only an event ends the window.
    pub last: Option<i64>,
    program: &'p Program,
    outcome: &'p Rows,
    ending: Vec<&'p Rows>,
}

/// Why a task is not one question to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indirect {
    /// Where the task file says what is in the way, if it is of one place.
    pub place: Option<Place>,
    /// What is in the way.
    pub reason: String,
    /// Whether the program can label sampled futures instead.
    pub labels_futures: bool,
}

impl fmt::Display for Indirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// Which rows of a code count.
#[derive(Clone, Debug, PartialEq)]
pub enum Counts {
    /// None.
    Nothing,
    /// All, with whatever value or none.
    Whatever,
    /// Those with some values.
    Some {
        /// Whether a row without a value counts.
        without_value: bool,
        /// The values that count, ascending and apart.
        ranges: Vec<ValueRange>,
    },
}

/// A range of values, in the unit that was asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueRange {
    /// The lower end, which may be minus infinity.
    pub low: f64,
    /// Whether it counts itself.
    pub low_inclusive: bool,
    /// The upper end, which may be infinity.
    pub high: f64,
    /// Whether it counts itself.
    pub high_inclusive: bool,
}

impl Program {
    /// The task as one question, or why it is none.
    ///
    /// # Errors
    /// [`Indirect`]: the label is no yes or no, its window reaches back, other windows reach
    /// forward, or what is counted cannot be told from single rows' codes and values.
    pub fn question(&self) -> Result<Question<'_>, Indirect> {
        let label = self
            .label
            .as_ref()
            .ok_or_else(|| nowhere("the task has no label"))?;
        let window = &self.windows[label.window];
        let here = |reason: &str| Indirect {
            place: Some(window.place.clone()),
            reason: reason.to_owned(),
            labels_futures: self.labels_futures(label),
        };
        if self.mode == Mode::Aces {
            return Err(nowhere("the meaning is that of es-aces"));
        }
        let (LabelKind::Binary(outcome) | LabelKind::TimeTo(outcome, _)) = label.kind else {
            return Err(here("the label is no yes or no"));
        };
        let at = self
            .prediction_node()
            .ok_or_else(|| nowhere("no prediction time"))?;
        let hanging = self.nodes.get(label.node).filter(|_| label.node > 0);
        let hanging = hanging.ok_or_else(|| here("the label's window has no end of its own"))?;
        if !hanging.constraints.is_empty() {
            return Err(here("the label's window has counts of its own (`has`)"));
        }
        let (after, last, bound) = self
            .span(label, hanging, at)
            .map_err(|reason| here(&reason))?;
        self.others_lie_before(label, at)
            .map_err(|indirect| Indirect {
                labels_futures: self.labels_futures(label),
                ..indirect
            })?;
        let columns = std::iter::once(outcome).chain(label.competing.iter().copied());
        let mut rows = Vec::new();
        for column in columns.chain(bound) {
            rows.push(self.rows_alone(column).map_err(|reason| here(&reason))?);
        }
        Ok(Question {
            after,
            last,
            program: self,
            outcome: rows[0],
            ending: rows.split_off(1),
        })
    }

    /// Whether sampled futures can be labelled: they have codes and values and no further columns,
    /// no end of their own, and a label of yes or no.
    fn labels_futures(&self, label: &LabelPlan) -> bool {
        let node = &self.nodes[label.node];
        let ends = match node.step {
            StepPlan::Event { column, .. } => {
                !matches!(self.columns[column].source, Counted::RecordEnd)
            }
            StepPlan::Time(_) => true,
        };
        let boolean = matches!(label.kind, LabelKind::Binary(_) | LabelKind::TimeTo(..));
        ends && boolean && self.cells.is_empty()
    }

    /// The most time by which windows of fixed length reach beyond the prediction time, in
    /// microseconds, and whether an event may take them further.
    pub fn forward(&self) -> (i64, bool) {
        let ahead = |node: &NodePlan| match node.step {
            StepPlan::Time(step) => step.max(0),
            StepPlan::Event { .. } => 0,
        };
        let event = |node: &NodePlan| matches!(node.step, StepPlan::Event { before: false, .. });
        (
            self.nodes.iter().map(ahead).sum(),
            self.nodes.iter().any(event),
        )
    }

    /// The node at which predictions are made.
    pub(crate) fn prediction_node(&self) -> Option<usize> {
        let index = self.index.as_ref()?;
        let window = &self.windows[index.window];
        Some(match index.side {
            Side::Start => window.start,
            Side::End => window.end,
        })
    }

    /// The node whose instant a node lies at a fixed time from.
    fn fixed(&self, mut node: usize) -> usize {
        while node > 0 && matches!(self.nodes[node].step, StepPlan::Time(_)) {
            node = self.nodes[node].parent;
        }
        node
    }

    /// The label's window from the prediction time: after which microsecond it opens, which is its
    /// last, and the column of the event that ends it.
    fn span(
        &self,
        label: &LabelPlan,
        hanging: &NodePlan,
        at: usize,
    ) -> Result<(i64, Option<i64>, Option<usize>), String> {
        let window = &self.windows[label.window];
        let (closed_start, closed_end) = hanging.closed;
        let from = |node: usize| {
            let same = self.fixed(node) == self.fixed(at);
            same.then(|| self.nodes[node].after - self.nodes[at].after)
        };
        let start = from(window.start).ok_or(
            "the label's window does not open at a fixed time \
                                              from the prediction time",
        )?;
        let after = start - i64::from(closed_start);
        if after < 0 {
            return Err("the label's window opens before or at the prediction time itself".into());
        }
        if let Some(end) = from(window.end) {
            return Ok((after, Some(end - i64::from(!closed_end)), None));
        }
        let end = &self.nodes[window.end];
        match end.step {
            StepPlan::Event {
                column,
                before: false,
            } if end.parent == window.start => {
                if matches!(self.columns[column].source, Counted::RecordEnd) {
                    return Err("the label's window ends where the record ends".into());
                }
                if !closed_end {
                    return Err(
                        "the label's window leaves out the instant of the event that ends \
                                it, which is known only afterwards"
                            .into(),
                    );
                }
                Ok((after, None, Some(column)))
            }
            StepPlan::Event { .. } | StepPlan::Time(_) => {
                Err("the label's window ends at an event of another window".into())
            }
        }
    }

    /// Whether every window but the label's is over at the prediction time, in every sample.
    fn others_lie_before(&self, label: &LabelPlan, at: usize) -> Result<(), Indirect> {
        let own = [
            self.windows[label.window].start,
            self.windows[label.window].end,
        ];
        let mut ancestors = vec![at];
        while let Some(&node) = ancestors.last().filter(|node| **node > 0) {
            ancestors.push(self.nodes[node].parent);
        }
        let mut known = vec![false; self.nodes.len()];
        for (number, node) in self.nodes.iter().enumerate() {
            let before = self.fixed(number) == self.fixed(at) && node.after <= self.nodes[at].after;
            let back = matches!(node.step, StepPlan::Event { before: true, .. });
            let event = matches!(node.step, StepPlan::Event { .. });
            let hung_on = ancestors.contains(&number) && (event || number == 0);
            known[number] = before || hung_on || (back && known[node.parent]);
            let free = own.contains(&number) && node.constraints.is_empty();
            let side = node.side.filter(|_| !known[number] && !free);
            if let Some((window, side)) = side {
                let window = &self.windows[window];
                return Err(Indirect {
                    place: Some(window.place.clone()),
                    labels_futures: true,
                    reason: format!(
                        "what is asked up to `{}.{}` may lie after the prediction time",
                        window.name,
                        side.name()
                    ),
                });
            }
        }
        Ok(())
    }

    /// The rows of a column, where each tells by its code and value alone whether it counts.
    fn rows_alone(&self, column: usize) -> Result<&Rows, String> {
        let column = &self.columns[column];
        match &column.source {
            Counted::Rows(rows) => {
                self.alone(rows)?;
                Ok(rows)
            }
            Counted::Instants { .. }
            | Counted::AnyEvent
            | Counted::RecordStart
            | Counted::RecordEnd
            | Counted::Attribute(_) => {
                Err(format!("`{}` cannot be told from single rows", column.name))
            }
        }
    }

    fn alone(&self, rows: &Rows) -> Result<(), String> {
        match rows {
            Rows::Plain(plain) => match self.plains[*plain].cells.first() {
                None => Ok(()),
                Some((cell, _)) => Err(format!(
                    "`{}` looks at the column `{}`, which no sampled event has",
                    self.plains[*plain].name, self.cells[*cell].0
                )),
            },
            Rows::Change(_) => Err("a change compares a value with earlier ones".into()),
            Rows::Attribute(_) => Err("a fact of the subject is part of what counts".into()),
            Rows::All(parts) | Rows::Any(parts) => {
                parts.iter().try_for_each(|part| self.alone(part))
            }
            Rows::Not(part) => self.alone(part),
        }
    }
}

fn nowhere(reason: &str) -> Indirect {
    Indirect {
        place: None,
        reason: reason.to_owned(),
        labels_futures: false,
    }
}

impl Question<'_> {
    /// Which rows of a code are the outcome; values are in the unit, where one is given.
    pub fn outcome(&self, ontology: &Ontology, code: &str, unit: Option<&str>) -> Counts {
        self.counts(&[self.outcome], ontology, (code, unit))
    }

    /// Which rows of a code end the window.
    pub fn ending(&self, ontology: &Ontology, code: &str, unit: Option<&str>) -> Counts {
        self.counts(&self.ending, ontology, (code, unit))
    }

    /// Any of several expressions, over the pieces into which the bounds cut the line of values.
    fn counts(
        &self,
        any_of: &[&Rows],
        ontology: &Ontology,
        (code, unit): (&str, Option<&str>),
    ) -> Counts {
        let plains = Matcher::new(self.program, ontology).bounds(code, unit);
        let mut cuts: Vec<f64> = Vec::new();
        for bounds in plains.iter().flatten() {
            cuts.extend(bounds.iter().flatten().map(|bound| bound.value));
        }
        cuts.sort_by(f64::total_cmp);
        cuts.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let holds = |piece: Piece| {
            let plain = |plain: usize| match &plains[plain] {
                None => false,
                Some(bounds) => piece.keeps(bounds, &cuts),
            };
            any_of.iter().any(|rows| holds_of(rows, &plain))
        };
        let without_value = holds(Piece::NoValue);
        let mut ranges: Vec<ValueRange> = Vec::new();
        let mut open = false;
        for at in 0..=cuts.len() {
            let low = at.checked_sub(1).map_or(f64::NEG_INFINITY, |at| cuts[at]);
            let high = cuts.get(at).copied().unwrap_or(f64::INFINITY);
            let pieces = [
                (holds(Piece::Between(at)), (low, false), (high, false)),
                (
                    at < cuts.len() && holds(Piece::At(at)),
                    (high, true),
                    (high, true),
                ),
            ];
            for (counts, low, high) in pieces {
                match (counts, open, ranges.last_mut()) {
                    (true, true, Some(last)) => (last.high, last.high_inclusive) = high,
                    (true, _, _) => ranges.push(ValueRange {
                        low: low.0,
                        low_inclusive: low.1,
                        high: high.0,
                        high_inclusive: high.1,
                    }),
                    (false, _, _) => {}
                }
                // Past the last cut there is no piece to be at.
                if at < cuts.len() || !open {
                    open = counts;
                }
            }
        }
        let all = |range: &ValueRange| range.low.is_infinite() && range.high.is_infinite();
        match (without_value, ranges.first()) {
            (false, None) => Counts::Nothing,
            (true, Some(range)) if ranges.len() == 1 && all(range) => Counts::Whatever,
            _ => Counts::Some {
                without_value,
                ranges,
            },
        }
    }
}

/// A piece of the line of values: none, a cut, or what lies before the cut of a number.
#[derive(Clone, Copy)]
enum Piece {
    NoValue,
    At(usize),
    Between(usize),
}

impl Piece {
    /// Whether the values of a piece keep all bounds; one that cannot be compared is never kept.
    fn keeps(self, bounds: &[Option<Bound>], cuts: &[f64]) -> bool {
        bounds.iter().all(|bound| {
            let Some(bound) = bound else { return false };
            let cut = cuts.partition_point(|cut| cut.total_cmp(&bound.value).is_lt());
            match (self, bound.upper) {
                (Self::NoValue, _) => false,
                (Self::At(at), false) => at > cut || (at == cut && bound.inclusive),
                (Self::At(at), true) => at < cut || (at == cut && bound.inclusive),
                (Self::Between(at), false) => at > cut,
                (Self::Between(at), true) => at <= cut,
            }
        })
    }
}

fn holds_of(rows: &Rows, plain: &dyn Fn(usize) -> bool) -> bool {
    match rows {
        Rows::Plain(at) => plain(*at),
        Rows::All(parts) => parts.iter().all(|part| holds_of(part, plain)),
        Rows::Any(parts) => parts.iter().any(|part| holds_of(part, plain)),
        Rows::Not(part) => !holds_of(part, plain),
        // Neither is part of a question: see `Program::question`.
        Rows::Change(_) | Rows::Attribute(_) => false,
    }
}

#[cfg(test)]
mod tests;
