//! What a window's `label` asks for: in ACES whether a predicate holds, in the strict language
//! also how often, with what value, which of several, and when.

use super::Compiler;
use crate::document::{self, Named, Window, known_keys, name_of};
use crate::duration;
use crate::error::{Error, Result};
use crate::names::SPECIAL;
use crate::program::{Censoring, Counted, LabelKind, LabelPlan, Mode, NodePlan, Take};
use crate::yaml::{Entry, Node, Value};

/// The keys of a label that say its kind.
const KINDS: [&str; 5] = ["predicate", "count", "value", "class", "time_to"];
/// What they may have beside them.
const FURTHER: [&str; 3] = ["take", "otherwise", "unit"];

impl Compiler<'_> {
    pub(super) fn label(&mut self, nodes: &[NodePlan]) -> Result<Option<LabelPlan>> {
        let document = self.document;
        let mut found = None;
        for (number, window) in document.windows.iter().enumerate() {
            let Some(asked) = &window.label else {
                refuse_alone(window)?;
                continue;
            };
            if found.is_some() {
                return Err(Error::new(
                    &asked.place,
                    "two windows have a label",
                    "a task has one label: keep one of them, or make two tasks",
                ));
            }
            let kind = self.kind(asked)?;
            let competing = match &window.competing {
                None => Vec::new(),
                Some(node) => self.several(node)?,
            };
            let censoring = match window.censoring.as_ref().map(|node| (node, node.text())) {
                None if self.mode == Mode::Aces => Censoring::Negative,
                None | Some((_, Some("drop"))) => Censoring::Drop,
                Some((_, Some("negative"))) => Censoring::Negative,
                Some((node, _)) => {
                    return Err(Error::new(
                        &node.place,
                        "`censoring` says what becomes of samples whose record ends too early",
                        "write `drop` (they are left out and counted) or `negative` (as in ACES)",
                    ));
                }
            };
            let hanging = |node: &&NodePlan| {
                node.side
                    .is_some_and(|(at, side)| at == number && side != window.root())
            };
            let node = nodes.iter().position(|node| hanging(&node)).unwrap_or(0);
            found = Some(LabelPlan {
                window: number,
                node,
                kind,
                competing,
                censoring,
                death: (self.mode == Mode::Strict).then(|| self.death()),
            });
        }
        Ok(found)
    }

    fn kind(&mut self, node: &Node) -> Result<LabelKind> {
        if node.text().is_some() || self.mode == Mode::Aces {
            let named = name_of(node, "the label")?;
            return Ok(LabelKind::Binary(self.outcome(&named)?));
        }
        let entries = node.map("the label")?;
        known_keys(entries, &[&KINDS, &FURTHER], "the label")?;
        let kinds: Vec<&Entry> = entries
            .iter()
            .filter(|entry| KINDS.contains(&entry.key.as_str()))
            .collect();
        let [kind] = kinds.as_slice() else {
            return Err(Error::new(
                &node.place,
                "a label has one kind",
                format!("write one of {}", KINDS.join(", ")),
            ));
        };
        if kind.key == "class" {
            return self.classes(kind, entries);
        }
        let named = name_of(&kind.node, "the outcome")?;
        let column = self.outcome(&named)?;
        Ok(match kind.key.as_str() {
            "count" => LabelKind::Count(column),
            "value" => {
                if !matches!(self.column_source(column), Counted::Rows(_)) {
                    return Err(Error::new(
                        &named.place,
                        format!("`{}` is of instants, and these have no value", named.name),
                        "name a predicate of rows",
                    ));
                }
                LabelKind::Value(column, take(entries)?)
            }
            "time_to" => LabelKind::TimeTo(column, unit(entries)?),
            _ => LabelKind::Binary(column),
        })
    }

    fn classes(&mut self, kind: &Entry, entries: &[Entry]) -> Result<LabelKind> {
        let mut classes = Vec::new();
        for entry in kind.node.map("`class`")? {
            let named = name_of(&entry.node, "a class's outcome")?;
            classes.push((entry.key.clone(), self.outcome(&named)?));
        }
        let otherwise = document::find(entries, "otherwise").map(|entry| &entry.node);
        let otherwise = otherwise.filter(|node| !node.is_null());
        let otherwise = match otherwise.map(|node| (node, node.text())) {
            None => None,
            Some((_, Some(name))) => Some(name.to_owned()),
            Some((node, None)) => {
                return Err(Error::new(
                    &node.place,
                    "`otherwise` is no name of a class",
                    "write a name, or leave it out so that such samples are left out",
                ));
            }
        };
        Ok(LabelKind::Class(classes, otherwise))
    }

    fn several(&mut self, node: &Node) -> Result<Vec<usize>> {
        match &node.value {
            Value::List(items) => items
                .iter()
                .map(|item| self.outcome(&name_of(item, "a competing event")?))
                .collect(),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Map(_) => Ok(vec![self.outcome(&name_of(node, "a competing event")?)?]),
        }
    }

    fn outcome(&mut self, named: &Named) -> Result<usize> {
        if SPECIAL.contains(&named.name.as_str()) {
            return Err(Error::new(
                &named.place,
                format!("`{}` cannot be a label", named.name),
                "define a predicate for it",
            ));
        }
        let column = self.column(named)?;
        match self.mode {
            Mode::Aces => self.refuse_fixed(column, named)?,
            Mode::Strict => {
                if let Counted::Attribute(_) = self.column_source(column) {
                    return Err(Error::new(
                        &named.place,
                        format!("`{}` has no time, so it cannot be an outcome", named.name),
                        "name a predicate of events",
                    ));
                }
            }
        }
        Ok(column)
    }
}

fn refuse_alone(window: &Window) -> Result<()> {
    let alone = window.censoring.as_ref().or(window.competing.as_ref());
    alone.map_or(Ok(()), |node| {
        Err(Error::new(
            &node.place,
            format!("window `{}` has no label for this to be about", window.name),
            "move it to the window with the label",
        ))
    })
}

fn take(entries: &[Entry]) -> Result<Take> {
    let Some(entry) = document::find(entries, "take") else {
        return Ok(Take::First);
    };
    Ok(match entry.node.text() {
        Some("first") => Take::First,
        Some("last") => Take::Last,
        Some("lowest") => Take::Lowest,
        Some("highest") => Take::Highest,
        Some("mean") => Take::Mean,
        _ => {
            return Err(Error::new(
                &entry.node.place,
                "`take` says which of several values is the label",
                "write first, last, lowest, highest or mean",
            ));
        }
    })
}

fn unit(entries: &[Entry]) -> Result<i64> {
    let Some(entry) = document::find(entries, "unit") else {
        return Ok(duration::DAY);
    };
    let one = entry
        .node
        .text()
        .and_then(|unit| duration::parse(&format!("1 {unit}")));
    one.ok_or_else(|| {
        Error::new(
            &entry.node.place,
            "this is no unit of time",
            "write hours, days or weeks",
        )
    })
}
