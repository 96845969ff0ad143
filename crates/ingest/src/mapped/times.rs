//! Time rules of a mapping file: a column, a table that says how a point in time is reckoned, or a
//! list of these of which the first that is present counts.

use super::clock::Format;
use super::language::{Base, Offset, TimeOption, TimeRule, Unit};
use super::scope::Scope;
use super::section::{Section, Text, section_of, wrong_type};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

/// The named times of the file.
pub(super) type Named<'d, 'i> = BTreeMap<&'d str, Section<'d, 'i>>;

/// Named times may build on one another this deep; more is a circle.
const DEPTH_MAX: usize = 8;

const KEYS: [&str; 14] = [
    "column",
    "clock",
    "format",
    "year",
    "fixed",
    "from",
    "years",
    "days",
    "hours",
    "minutes",
    "seconds",
    "elapsed",
    "end_of_day",
    "synthetic",
];

/// Reads time rules in the scope of one table.
pub(super) struct Times<'s, 'p, 't, 'd, 'i> {
    pub(super) scope: &'s mut Scope<'p, 't>,
    pub(super) named: &'s Named<'d, 'i>,
}

impl<'d, 'i> Times<'_, '_, '_, 'd, 'i> {
    /// The time under a key.
    pub(super) fn at(&mut self, section: Section<'d, 'i>, key: &str) -> Option<TimeRule> {
        let value = section.get(key)?;
        let mut options = Vec::new();
        match value.get_ref().as_array() {
            None => options.extend(self.option(value, key)),
            Some(items) => {
                for item in items {
                    options.extend(self.option(item, key));
                }
            }
        }
        (!options.is_empty()).then_some(TimeRule { options })
    }

    fn option(&mut self, value: &'d Spanned<DeValue<'i>>, key: &str) -> Option<TimeOption> {
        match value.get_ref() {
            DeValue::String(text) => {
                let text = Text {
                    text,
                    at: value.span().start + 1,
                };
                let value = self.scope.value(text)?;
                Some(plain(Base::Written {
                    value,
                    clock: None,
                    formats: None,
                }))
            }
            DeValue::Table(_) => {
                let section = section_of(value, key, self.scope.faults)?;
                self.reckoned(section, 0)
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                wrong_type(value, key, "a column, a table or a list", self.scope.faults);
                None
            }
        }
    }

    fn reckoned(&mut self, section: Section<'d, 'i>, depth: usize) -> Option<TimeOption> {
        section.only("a time", &KEYS, self.scope.faults);
        let bases = ["column", "year", "fixed", "from"];
        let given: Vec<_> = bases.into_iter().filter(|key| section.has(key)).collect();
        let [base] = given[..] else {
            let what = "a time needs exactly one of column, year, fixed and from";
            self.scope
                .faults
                .add(section.at, what, "keep the one that is meant");
            return None;
        };
        let mut option = match base {
            "from" => self.from(section, depth)?,
            "fixed" => plain(self.fixed(section)?),
            "year" => {
                let value = self.scope.value_at(section, "year")?;
                let clock = self.scope.value_at(section, "clock");
                plain(Base::Year { value, clock })
            }
            _ => {
                let value = self.scope.value_at(section, "column")?;
                let clock = self.scope.value_at(section, "clock");
                let formats = self.formats(section);
                plain(Base::Written {
                    value,
                    clock,
                    formats,
                })
            }
        };
        self.needless(section, base);
        option.end_of_day |= section.flag("end_of_day", self.scope.faults);
        option.synthetic |= section.flag("synthetic", self.scope.faults);
        self.offsets(section, &mut option.offsets);
        Some(option)
    }

    /// Keys that mean nothing beside the base.
    fn needless(&mut self, section: Section<'d, 'i>, base: &str) {
        let without: &[&str] = match base {
            "column" => &[],
            "year" => &["format"],
            _ => &["format", "clock"],
        };
        for key in without.iter().filter(|key| section.has(key)) {
            let what = format!("`{key}` means nothing beside `{base}`");
            self.scope.faults.add(section.place(key), what, "remove it");
        }
    }

    fn from(&mut self, section: Section<'d, 'i>, depth: usize) -> Option<TimeOption> {
        let name = section.text("from", self.scope.faults)?;
        let Some(inner) = self.named.get(name.text).copied() else {
            let known = self.named.keys().copied();
            self.scope
                .faults
                .unknown(name.at, ("there is no time", name.text), known);
            return None;
        };
        if depth >= DEPTH_MAX {
            let what = format!("the time `{}` builds on itself", name.text);
            self.scope.faults.add(name.at, what, "break the circle");
            return None;
        }
        self.reckoned(inner, depth + 1)
    }

    fn fixed(&mut self, section: Section<'d, 'i>) -> Option<Base> {
        let text = section.text("fixed", self.scope.faults)?;
        let written = Format::Iso.read(text.text);
        if let Some(super::clock::Point::Civil(civil)) = written.map(|written| written.point) {
            return Some(Base::Fixed(civil));
        }
        let what = "`fixed` is no date without an offset";
        self.scope
            .faults
            .add(text.at, what, "write YYYY-MM-DD or YYYY-MM-DD hh:mm");
        None
    }

    fn formats(&mut self, section: Section<'d, 'i>) -> Option<Vec<Format>> {
        section
            .has("format")
            .then(|| formats(section, "format", self.scope))
    }

    fn offsets(&mut self, section: Section<'d, 'i>, offsets: &mut Vec<Offset>) {
        let units = [
            ("years", Unit::Years),
            ("days", Unit::Days),
            ("hours", Unit::Hours),
            ("minutes", Unit::Minutes),
            ("seconds", Unit::Seconds),
            ("elapsed", Unit::Elapsed),
        ];
        for (key, unit) in units {
            if let Some(text) = section.text(key, self.scope.faults) {
                offsets.extend(self.offset(unit, text));
            }
        }
    }

    /// `[-]value[ * number]`, or a number alone.
    fn offset(&mut self, unit: Unit, text: Text<'_>) -> Option<Offset> {
        if let Ok(factor) = text.text.trim().parse::<f64>() {
            return self.bounded(
                Offset {
                    unit,
                    value: None,
                    factor,
                },
                text.at,
            );
        }
        let (left, factor) = match text.text.rsplit_once('*') {
            None => (text.text, 1.0),
            Some((left, right)) => {
                let Ok(factor) = right.trim().parse::<f64>() else {
                    let what = format!("`{}` is no number", right.trim());
                    let at = text.at + left.len() + 1;
                    self.scope.faults.add(at, what, "write `column * 30`");
                    return None;
                };
                (left, factor)
            }
        };
        let (name, sign) = match left.trim_start().strip_prefix('-') {
            Some(rest) => (rest, -1.0),
            None => (left, 1.0),
        };
        let at = text.at + (left.len() - name.len());
        let value = Some(self.scope.value(Text { text: name, at })?);
        self.bounded(
            Offset {
                unit,
                value,
                factor: factor * sign,
            },
            text.at,
        )
    }

    fn bounded(&mut self, offset: Offset, at: usize) -> Option<Offset> {
        if offset.factor.is_finite() && offset.factor.abs() < 1e9 {
            return Some(offset);
        }
        self.scope
            .faults
            .add(at, "the factor is out of range", "write a smaller one");
        None
    }
}

fn plain(base: Base) -> TimeOption {
    TimeOption {
        base,
        offsets: Vec::new(),
        end_of_day: false,
        synthetic: false,
    }
}

/// The formats under a key.
pub(super) fn formats(
    section: Section<'_, '_>,
    key: &str,
    scope: &mut Scope<'_, '_>,
) -> Vec<Format> {
    let mut all = Vec::new();
    for text in section.texts(key, scope.faults) {
        match Format::parse(text.text) {
            Ok(format) => all.push(format),
            Err(why) => {
                let what = format!("`{}` is no format of dates: {why}", text.text);
                scope.faults.add(
                    text.at,
                    what,
                    "write `iso` or a pattern like %m/%d/%Y %H:%M",
                );
            }
        }
    }
    all
}
