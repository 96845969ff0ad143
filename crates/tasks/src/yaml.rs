//! YAML with places: every key and value knows its file, line and column.
//!
//! The scalars are those of YAML 1.2's core schema, as ACES's own reader resolves them: `no` is a
//! text, `NULL` is nothing. Anchors and merge keys (`<<`) are followed; a key that stands twice is
//! an error.

use crate::error::{Error, Result};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The deepest nesting and the most nodes of a file: more is an attack or a mistake.
const DEPTH_MAX: usize = 64;
const NODES_MAX: usize = 1_000_000;

/// A place in a file: line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }

    /// The entries of a mapping; `what` names it in the error.
    pub(crate) fn map(&self, what: &str) -> Result<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => Err(Error::new(
                &self.place,
                format!("{what} is {}, not a mapping", self.kind()),
                "write it as keys with values, one a line, each indented",
            )),
        }
    }
}

/// Reads one document. An empty one is nothing.
pub(crate) fn parse(file: &str, text: &str) -> Result<Node> {
    let mut reader = Reader {
        file: file.into(),
        events: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        nodes: 0,
    };
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd | Event::DocumentEnd => {
                return Ok(Node {
                    place: reader.place(span),
                    value: Value::Null,
                });
            }
            event @ (Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd) => return reader.node(event, span, 0),
        }
    }
}

struct Reader<'t> {
    file: Arc<str>,
    events: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn place(&self, span: Span) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: span.start.line().max(1),
            column: span.start.col() + 1,
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span)> {
        match self.events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let place = Place {
                    file: Arc::clone(&self.file),
                    line: error.marker().line().max(1),
                    column: error.marker().col() + 1,
                };
                Err(Error::new(
                    &place,
                    format!("this is not YAML: {}", error.info()),
                    "look at the indentation, the colons and the quotes here and just above",
                ))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node> {
        let place = self.place(span);
        self.nodes += 1;
        if depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return Err(Error::new(
                &place,
                "the file is nested too deeply or is too large for a task",
                format!("at most {DEPTH_MAX} levels and {NODES_MAX} values"),
            ));
        }
        let (anchor, value) = match event {
            Event::Alias(anchor) => return self.alias(anchor, &place),
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let value = if plain {
                    resolve(&text)
                } else {
                    Value::Text(text.into_owned())
                };
                (anchor, value)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if event == Event::SequenceEnd {
                        break (anchor, Value::List(items));
                    }
                    items.push(self.node(event, span, depth + 1)?);
                }
            }
            Event::MappingStart(anchor, _) => (anchor, Value::Map(self.mapping(depth)?)),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => (0, Value::Null),
        };
        let node = Node { place, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, place: &Place) -> Result<Node> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Error::new(
                place,
                "this alias stands for nothing that is whole yet",
                "put the anchor (`&name`) before it",
            ));
        };
        self.nodes += size(&node);
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            let name = key_text(&key)?;
            if name == "<<" {
                merge(&node, &mut merged)?;
                continue;
            }
            if entries.iter().any(|entry| entry.key == name) {
                return Err(Error::new(
                    &key.place,
                    format!("the key `{name}` stands twice"),
                    "keep one of the two, or give the second another name",
                ));
            }
            entries.push(Entry {
                key: name,
                place: key.place,
                node,
            });
        }
        for entry in merged {
            if !entries.iter().any(|own| own.key == entry.key) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}

fn merge(node: &Node, merged: &mut Vec<Entry>) -> Result<()> {
    if let Value::List(several) = &node.value {
        return several.iter().try_for_each(|one| merge(one, merged));
    }
    for entry in node.map("what `<<` merges")? {
        if !merged.iter().any(|own| own.key == entry.key) {
            merged.push(entry.clone());
        }
    }
    Ok(())
}

fn key_text(key: &Node) -> Result<String> {
    match &key.value {
        Value::Null => Ok("null".to_owned()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Int(value) => Ok(value.to_string()),
        Value::Float(value) => Ok(value.to_string()),
        Value::Text(text) => Ok(text.clone()),
        Value::List(_) | Value::Map(_) => Err(Error::new(
            &key.place,
            "a key must be a name",
            "quote it if it begins with `[` or `{`",
        )),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.node)).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => 1,
    }
}

/// A plain scalar by YAML 1.2, section 10.3.2.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    let based = |digits: &str, base| i64::from_str_radix(digits, base).ok().map(Value::Int);
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let number = text.replace('_', "");
    let value = if let Some(hex) = text.strip_prefix("0x") {
        based(hex, 16)
    } else if let Some(octal) = text.strip_prefix("0o") {
        based(octal, 8)
    } else if unsigned.starts_with(|c: char| c.is_ascii_digit()) && digits(unsigned) {
        number.parse().ok().map(Value::Int)
    } else if is_float(unsigned) {
        number.parse().ok().map(Value::Float)
    } else {
        None
    };
    value.unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn is_float(unsigned: &str) -> bool {
    let mut digits = 0;
    let mut dots = 0;
    let mut rest = unsigned.char_indices();
    for (at, c) in rest.by_ref() {
        match c {
            '0'..='9' => digits += 1,
            '.' => dots += 1,
            '_' if digits > 0 => {}
            'e' | 'E' if digits > 0 => {
                let exponent = unsigned[at + 1..].trim_start_matches(['+', '-']);
                let whole = exponent.bytes().all(|b| b.is_ascii_digit());
                return dots <= 1 && !exponent.is_empty() && whole;
            }
            _ => return false,
        }
    }
    digits > 0 && dots == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("{value}"),
            Value::Int(value) => format!("int {value}"),
            Value::Float(value) => format!("float {value}"),
            Value::Text(text) => format!("{text:?}"),
            Value::List(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
            Value::Map(entries) => {
                let one = |e: &Entry| {
                    let place = format!("{}:{}", e.node.place.line, e.node.place.column);
                    format!("{}@{place} = {}", e.key, shown(&e.node))
                };
                format!(
                    "({})",
                    entries.iter().map(one).collect::<Vec<_>>().join("; ")
                )
            }
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the macro makes a value")]
    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&match parse("t.yaml", text) {
            Ok(node) => shown(&node),
            Err(error) => format!("{error} | {}", error.mend),
        });
    }

    #[test]
    fn scalars_are_those_of_yaml_1_2() {
        check(
            "[no, NULL, ~, 1_000, 0o17, -1.5e3, .inf, True, '1', 1.2.3, 24h, on]",
            expect![[
                r#""no", nothing, nothing, int 1000, int 15, float -1500, float inf, true, "1", "1.2.3", "24h", "on""#
            ]],
        );
    }

    #[test]
    fn places_anchors_and_merges() {
        check(
            "a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3\nc: *x\n",
            expect![
                "(a@1:4 = (k@1:11 = int 1; l@1:17 = int 2); b@3:3 = (k@4:6 = int 3; l@1:17 = int 2); c@1:4 = (k@1:11 = int 1; l@1:17 = int 2))"
            ],
        );
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        check(
            "a: 1\na: 2\n",
            expect![[
                r"t.yaml:2:1: the key `a` stands twice | keep one of the two, or give the second another name"
            ]],
        );
        check(
            "a: [1, 2\nb: 3\n",
            expect![[
                r"t.yaml:2:2: this is not YAML: illegal placement of ':' indicator | look at the indentation, the colons and the quotes here and just above"
            ]],
        );
        check("", expect![[r"nothing"]]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-c:{}\\[\\],&*<#'\"|>\\- \n0-9.]{0,80}") {
            drop(parse("t.yaml", &text));
        }
    }
}
