//! Names in a mapping file: values (`valueuom -> upper ?? UNK`), templates (`LAB//{itemid}`) and
//! conditions, read in the scope of one table, whose columns are collected on the way.

use super::fault::{Faults, nearest};
use super::language::{
    Column, Condition, LookupRule, Piece, RANK, Source, Step, Template, Value, ValueMap,
};
use super::section::{Section, Text, texts_of};

/// What a name may mean in one table.
pub(super) struct Scope<'p, 't> {
    pub(super) faults: &'p mut Faults<'t>,
    pub(super) maps: &'p [(String, ValueMap)],
    pub(super) lookups: &'p [LookupRule],
    /// The columns named so far.
    pub(super) columns: Vec<Column>,
    /// Columns that a file may lack.
    pub(super) optional: Vec<String>,
    pub(super) joins: Vec<(usize, Vec<Value>)>,
    /// Whether the rule is of an `each`, so that `$column` and `$value` mean something.
    pub(super) in_each: bool,
}

impl Scope<'_, '_> {
    /// The number of a column in the table's list.
    pub(super) fn column(&mut self, name: &str, at: usize) -> usize {
        let known = self.columns.iter().position(|column| column.name == name);
        known.unwrap_or_else(|| {
            let optional = self.optional.iter().any(|one| one == name);
            self.columns.push(Column {
                name: name.to_owned(),
                at,
                optional,
            });
            self.columns.len() - 1
        })
    }

    /// A value: a name, steps after `->`, and after `??` what stands for it when absent.
    pub(super) fn value(&mut self, text: Text<'_>) -> Option<Value> {
        let (left, otherwise) = match text.text.split_once("??") {
            Some((left, right)) => (left, Some(right.trim().to_owned())),
            None => (text.text, None),
        };
        let mut parts = left.split("->");
        let first = parts.next().unwrap_or_default();
        let (name, at) = trimmed(first, text.at);
        if name.is_empty() {
            self.faults
                .add(at, "a value without a name", "name a column");
            return None;
        }
        let mut place = text.at + first.len() + 2;
        let mut steps = Vec::new();
        for part in parts {
            let (step, at) = trimmed(part, place);
            steps.extend(self.step(step, at));
            place += part.len() + 2;
        }
        let source = self.source(name, at)?;
        Some(Value {
            source,
            steps,
            otherwise,
            name: name.into(),
        })
    }

    fn step(&mut self, name: &str, at: usize) -> Option<Step> {
        if let Some(map) = self.maps.iter().position(|(known, _)| known == name) {
            return Some(Step::Map(map));
        }
        let built_in = Step::BUILT_IN.iter().find(|(known, _)| *known == name);
        if built_in.is_none() {
            let maps = self.maps.iter().map(|(known, _)| known.as_str());
            let known = maps.chain(Step::BUILT_IN.iter().map(|(known, _)| *known));
            self.faults.unknown(at, ("there is no map", name), known);
        }
        built_in.map(|(_, step)| *step)
    }

    fn source(&mut self, name: &str, at: usize) -> Option<Source> {
        if name.starts_with('$') {
            return self.special(name, at);
        }
        let Some((lookup, column)) = name.split_once('.') else {
            return Some(Source::Column(self.column(name, at)));
        };
        if let Some(number) = self.lookups.iter().position(|known| known.name == lookup) {
            return self.joined(number, column, at);
        }
        let near = nearest(lookup, self.lookups.iter().map(|known| known.name.as_str()));
        if let Some(near) = near {
            let what = format!("there is no lookup `{lookup}`");
            self.faults.add(at, what, format!("did you mean `{near}`?"));
            return None;
        }
        // A column may have a point in its name.
        Some(Source::Column(self.column(name, at)))
    }

    fn special(&mut self, name: &str, at: usize) -> Option<Source> {
        let source = match name {
            "$file" => Source::File,
            "$column" if self.in_each => Source::EachName,
            "$value" if self.in_each => Source::EachValue,
            "$column" | "$value" => {
                let what = format!("`{name}` stands outside a rule with `each`");
                self.faults
                    .add(at, what, "add `each = [columns]`, or name a column");
                return None;
            }
            _ => {
                self.faults.unknown(
                    at,
                    ("there is no name", name),
                    ["$file", "$column", "$value"],
                );
                return None;
            }
        };
        Some(source)
    }

    fn joined(&mut self, lookup: usize, column: &str, at: usize) -> Option<Source> {
        let rule = &self.lookups[lookup];
        let Some(join) = self.joins.iter().position(|(known, _)| *known == lookup) else {
            let what = format!("the lookup `{}` is not joined to this table", rule.name);
            let mend = format!(
                "add `join = {{ {} = \"the column with its key\" }}`",
                rule.name
            );
            self.faults.add(at, what, mend);
            return None;
        };
        if column == RANK && rule.rank.is_some() {
            return Some(Source::Rank { join });
        }
        let range = rule.key_count..rule.key_count + rule.taken;
        let taken = rule.columns.get(range).unwrap_or_default();
        if let Some(place) = taken.iter().position(|known| known.name == column) {
            return Some(Source::Joined {
                join,
                column: place,
            });
        }
        let kind = format!("the lookup `{}` has no column", rule.name);
        let known = taken.iter().map(|known| known.name.as_str());
        let known = known.chain(rule.rank.is_some().then_some(RANK));
        self.faults.unknown(at, (&kind, column), known);
        None
    }

    /// The value under a key.
    pub(super) fn value_at(&mut self, section: Section<'_, '_>, key: &str) -> Option<Value> {
        let text = section.text(key, self.faults)?;
        self.value(text)
    }

    /// The template under a key, or the list of them of which the first that is present counts.
    pub(super) fn template_at(&mut self, section: Section<'_, '_>, key: &str) -> Option<Template> {
        let texts = section.texts(key, self.faults);
        let options: Vec<_> = texts
            .into_iter()
            .filter_map(|text| self.template(text))
            .collect();
        (!options.is_empty()).then_some(Template { options })
    }

    /// Text with values in braces; `{{` and `}}` stand for the braces themselves.
    fn template(&mut self, text: Text<'_>) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text.text;
        while let Some(place) = rest.find(['{', '}']) {
            let at = text.at + (text.text.len() - rest.len()) + place;
            literal.push_str(&rest[..place]);
            let brace = &rest[place..=place];
            let after = &rest[place + 1..];
            if let Some(doubled) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = doubled;
                continue;
            }
            let end = if brace == "{" { after.find('}') } else { None };
            let Some(end) = end else {
                let what = format!("a `{brace}` without its partner");
                self.faults
                    .add(at, what, "write {column}, or double the brace");
                return None;
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            let inner = Text {
                text: &after[..end],
                at: at + 1,
            };
            pieces.push(Piece::Insert(self.value(inner)?));
            rest = &after[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        if pieces.is_empty() {
            self.faults.add(
                text.at,
                "an empty text",
                "write a text, or leave the key out",
            );
            return None;
        }
        Some(pieces)
    }

    /// The keys `when`, `unless`, `present` and `absent` of a section.
    pub(super) fn condition(&mut self, section: Section<'_, '_>) -> Condition {
        Condition {
            when: self.equalities(section, "when"),
            unless: self.equalities(section, "unless"),
            present: self.values(section, "present"),
            absent: self.values(section, "absent"),
        }
    }

    fn equalities(&mut self, section: Section<'_, '_>, key: &str) -> Vec<(Value, Vec<String>)> {
        let Some(inner) = section.section(key, self.faults) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (name, wanted) in inner.table {
            let text = Text {
                text: name.get_ref(),
                at: name.span().start,
            };
            let wanted = texts_of(wanted, text.text, self.faults);
            let wanted = wanted.into_iter().map(|one| one.text.to_owned()).collect();
            if let Some(value) = self.value(text) {
                all.push((value, wanted));
            }
        }
        all
    }

    /// A value, or a list of them, under a key.
    pub(super) fn values(&mut self, section: Section<'_, '_>, key: &str) -> Vec<Value> {
        let texts = section.texts(key, self.faults);
        texts
            .into_iter()
            .filter_map(|text| self.value(text))
            .collect()
    }

    /// Plain columns under a key.
    pub(super) fn columns_at(&mut self, section: Section<'_, '_>, key: &str) -> Vec<usize> {
        let texts = section.texts(key, self.faults);
        texts
            .into_iter()
            .map(|text| self.column(text.text, text.at))
            .collect()
    }
}

/// A text without white space at its ends, and the place where it begins.
fn trimmed(text: &str, at: usize) -> (&str, usize) {
    let start = text.len() - text.trim_start().len();
    (text.trim(), at + start)
}
