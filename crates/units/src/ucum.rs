//! UCUM expressions: grammar, dimension and scale (UCUM 2.2, sections 2 to 4).
//!
//! The grammar is UCUM's, case-sensitive; the units are those of [`atoms`]. It departs from UCUM
//! where UCUM would make a clinical fault pass: moles, equivalents and osmoles are dimensions of
//! their own, an arbitrary unit is a dimension of its own (`[IU]/L` is a thousandth of `[IU]/mL`,
//! but no number of `U/L`), and an annotation that says which quantity is measured
//! ([`MEANINGFUL`]) keeps units apart.

mod atoms;

use atoms::{ATOMS, Meaning, PREFIXES};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// Longer expressions are not in clinical use; the bound keeps free text out.
const LENGTH_MAX: usize = 48;
/// The highest power that is read; none above 18 stands in UCUM's own table.
const EXPONENT_MAX: i32 = 30;
/// Parentheses inside each other.
const DEPTH_MAX: u32 = 8;

/// Annotations that change what is measured. UCUM gives annotations no meaning, but D-dimer in
/// fibrinogen-equivalent units is about twice the one in D-dimer units, and a filtration rate
/// normalised to a body surface is no flow.
const MEANINGFUL: &[(&str, &str)] = &[
    ("FEU", "FEU"),
    ("DDU", "DDU"),
    ("1.73_m2", "1.73_m2"),
    ("1.73", "1.73_m2"),
    ("1.73_m^2", "1.73_m2"),
];

/// Powers of length, mass, time, temperature, charge, luminous intensity, angle, amount of
/// substance, equivalents and osmoles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimension(pub [i8; 10]);

impl Dimension {
    /// The place of mass.
    pub const MASS: usize = 1;
    /// The place of the amount of substance.
    pub const AMOUNT: usize = 7;
    /// The place of equivalents.
    pub const EQUIVALENTS: usize = 8;
}

/// A unit: what it measures and how large it is. Two units convert into each other when their
/// dimensions, arbitrary units and meaningful annotations are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// What it measures.
    pub dimension: Dimension,
    /// The arbitrary units in it, with their powers.
    pub(crate) arbitrary: BTreeMap<&'static str, i8>,
    /// The meaningful annotation on it.
    pub(crate) quantity: Option<&'static str>,
    /// Its size in base units (metre, gram, second, kelvin, ...): the number times ten to the
    /// power, kept apart so that metric conversions are exact.
    pub(crate) scale: (f64, i32),
    /// Kelvins at its zero.
    pub(crate) offset: f64,
}

/// Why a text is no unit that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// It does not follow UCUM's grammar.
    #[error("not a UCUM expression")]
    Grammar,
    /// It names a unit that is not in the table of clinical units.
    #[error("a unit that is not in the table")]
    Unknown,
    /// A degree of temperature stands in a product: its zero has no meaning there.
    #[error("a temperature scale inside a product")]
    Degree,
}

static TABLE: LazyLock<BTreeMap<&'static str, (bool, Meaning)>> = LazyLock::new(|| {
    let rows = ATOMS
        .iter()
        .map(|(code, metric, what)| (*code, (*metric, *what)));
    rows.collect()
});

impl Unit {
    /// The number one.
    fn one() -> Self {
        Self {
            dimension: Dimension::default(),
            arbitrary: BTreeMap::new(),
            quantity: None,
            scale: (1.0, 0),
            offset: 0.0,
        }
    }

    /// Reads a UCUM expression such as `mg/dL`, `10*3/uL` or `mL/min/{1.73_m2}`.
    ///
    /// # Errors
    /// When the text does not follow the grammar, or names a unit that is not in the table.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        if text.is_empty() || text.len() > LENGTH_MAX || !text.is_ascii() {
            return Err(UnitError::Grammar);
        }
        let mut parser = Parser { rest: text };
        let unit = parser.main(0)?;
        if parser.rest.is_empty() {
            Ok(unit)
        } else {
            Err(UnitError::Grammar)
        }
    }

    /// Whether it is a plain number, such as `%` or `{score}`.
    pub fn is_dimensionless(&self) -> bool {
        self.dimension == Dimension::default()
            && self.arbitrary.is_empty()
            && self.quantity.is_none()
    }

    fn powered(mut self, power: i32) -> Result<Self, UnitError> {
        if power == 1 {
            return Ok(self);
        }
        if self.offset != 0.0 {
            return Err(UnitError::Degree);
        }
        for part in &mut self.dimension.0 {
            *part = times(*part, power)?;
        }
        for part in self.arbitrary.values_mut() {
            *part = times(*part, power)?;
        }
        self.arbitrary.retain(|_, power| *power != 0);
        self.scale = (self.scale.0.powi(power), self.scale.1 * power);
        Ok(self)
    }

    /// This unit multiplied by `other` to the power `sign` (1 or -1).
    fn joined(mut self, other: &Self, sign: i8) -> Result<Self, UnitError> {
        if self.offset != 0.0 || other.offset != 0.0 {
            return Err(UnitError::Degree);
        }
        for (part, more) in self.dimension.0.iter_mut().zip(other.dimension.0) {
            *part = part.checked_add(more * sign).ok_or(UnitError::Grammar)?;
        }
        for (name, power) in &other.arbitrary {
            let part = self.arbitrary.entry(name).or_default();
            *part = part.checked_add(power * sign).ok_or(UnitError::Grammar)?;
        }
        self.arbitrary.retain(|_, power| *power != 0);
        self.quantity = self.quantity.or(other.quantity);
        if sign > 0 {
            self.scale.0 *= other.scale.0;
        } else {
            self.scale.0 /= other.scale.0;
        }
        self.scale.1 += other.scale.1 * i32::from(sign);
        Ok(self)
    }

    fn of_meaning(meaning: Meaning, depth: u32) -> Result<Self, UnitError> {
        let mut unit = Self::one();
        match meaning {
            Meaning::Base(place) => unit.dimension.0[place] = 1,
            Meaning::Of(number, tens, text) => {
                unit = Parser { rest: text }.main(depth + 1)?;
                unit.scale = (unit.scale.0 * number, unit.scale.1 + tens);
            }
            Meaning::Degree(step, zero) => {
                unit.dimension.0[3] = 1;
                unit.scale.0 = step;
                unit.offset = zero;
            }
            Meaning::Arbitrary(name) => {
                unit.arbitrary.insert(name, 1);
            }
        }
        Ok(unit)
    }
}

fn times(part: i8, power: i32) -> Result<i8, UnitError> {
    i8::try_from(i32::from(part) * power).map_err(|_range| UnitError::Grammar)
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 10] = ["m", "g", "s", "K", "C", "cd", "rad", "mol", "eq", "osm"];
        for (name, power) in NAMES.iter().zip(self.0).filter(|(_, power)| *power != 0) {
            write!(f, "{name}{power} ")?;
        }
        Ok(())
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// `main = ["/"] term`, `term = component {("." | "/") component}`, read from left to right.
    fn main(&mut self, depth: u32) -> Result<Unit, UnitError> {
        if depth > DEPTH_MAX {
            return Err(UnitError::Grammar);
        }
        let mut unit = Unit::one();
        let mut sign = if self.take('/') { -1 } else { 1 };
        // A degree alone keeps its zero; in a product it is refused.
        if sign > 0 {
            unit = self.component(depth)?;
        } else {
            let first = self.component(depth)?;
            unit = unit.joined(&first, sign)?;
        }
        loop {
            if self.take('.') {
                sign = 1;
            } else if self.take('/') {
                sign = -1;
            } else {
                return Ok(unit);
            }
            let next = self.component(depth)?;
            unit = unit.joined(&next, sign)?;
        }
    }

    fn component(&mut self, depth: u32) -> Result<Unit, UnitError> {
        if self.take('(') {
            let inner = self.main(depth + 1)?;
            if !self.take(')') {
                return Err(UnitError::Grammar);
            }
            return Ok(inner);
        }
        let symbol = self.symbol()?;
        if symbol.is_empty() {
            let annotation = self.annotation()?.ok_or(UnitError::Grammar)?;
            return Ok(Unit {
                quantity: meaningful(annotation),
                ..Unit::one()
            });
        }
        let mut unit = simple(symbol, depth)?;
        if let Some(annotation) = self.annotation()? {
            unit.quantity = unit.quantity.or(meaningful(annotation));
        }
        Ok(unit)
    }

    /// The characters up to the next operator, parenthesis or annotation outside brackets.
    fn symbol(&mut self) -> Result<&'a str, UnitError> {
        let mut inside = false;
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            match c {
                '[' if inside => return Err(UnitError::Grammar),
                '[' => inside = true,
                ']' if !inside => return Err(UnitError::Grammar),
                ']' => inside = false,
                _ if inside => {}
                '.' | '/' | '(' | ')' | '{' | '}' => {
                    end = at;
                    break;
                }
                c if !c.is_ascii_graphic() || matches!(c, '"' | '=') => {
                    return Err(UnitError::Grammar);
                }
                _ => {}
            }
        }
        if inside {
            return Err(UnitError::Grammar);
        }
        let (symbol, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(symbol)
    }

    fn annotation(&mut self) -> Result<Option<&'a str>, UnitError> {
        let Some(rest) = self.rest.strip_prefix('{') else {
            return Ok(None);
        };
        let (inside, rest) = rest.split_once('}').ok_or(UnitError::Grammar)?;
        if inside.contains('{') {
            return Err(UnitError::Grammar);
        }
        self.rest = rest;
        Ok(Some(inside))
    }

    fn take(&mut self, c: char) -> bool {
        let taken = self.rest.strip_prefix(c);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }
}

fn meaningful(annotation: &str) -> Option<&'static str> {
    let found = MEANINGFUL
        .iter()
        .find(|(spelling, _)| *spelling == annotation);
    found.map(|(_, quantity)| *quantity)
}

/// A number, or a unit with prefix and exponent.
fn simple(symbol: &str, depth: u32) -> Result<Unit, UnitError> {
    if symbol.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: f64 = symbol.parse().map_err(|_number| UnitError::Grammar)?;
        if number == 0.0 {
            return Err(UnitError::Grammar);
        }
        let mut unit = Unit::one();
        unit.scale.0 = number;
        return Ok(unit);
    }
    let ten = symbol.strip_prefix("10*").or(symbol.strip_prefix("10^"));
    if let Some(power) = ten {
        let mut unit = Unit::one();
        unit.scale.1 = if power.is_empty() {
            1
        } else {
            exponent(power)?
        };
        return Ok(unit);
    }
    let bare = symbol.trim_end_matches(|c: char| c.is_ascii_digit());
    let (bare, power) = if bare.len() == symbol.len() || bare.ends_with(']') && bare == symbol {
        (symbol, 1)
    } else {
        let bare = bare.strip_suffix(['+', '-']).unwrap_or(bare);
        (bare, exponent(&symbol[bare.len()..])?)
    };
    atom(bare, depth)?.powered(power)
}

fn exponent(text: &str) -> Result<i32, UnitError> {
    let power: i32 = text.parse().map_err(|_number| UnitError::Grammar)?;
    if power == 0 || power.abs() > EXPONENT_MAX {
        return Err(UnitError::Grammar);
    }
    Ok(power)
}

fn atom(code: &str, depth: u32) -> Result<Unit, UnitError> {
    if let Some((_, meaning)) = TABLE.get(code) {
        return Unit::of_meaning(*meaning, depth);
    }
    for (prefix, tens) in PREFIXES {
        let metric = code.strip_prefix(prefix).and_then(|bare| TABLE.get(bare));
        if let Some((true, meaning)) = metric {
            let mut unit = Unit::of_meaning(*meaning, depth)?;
            if unit.offset != 0.0 {
                return Err(UnitError::Degree);
            }
            unit.scale.1 += tens;
            return Ok(unit);
        }
    }
    Err(UnitError::Unknown)
}

#[cfg(test)]
mod tests;
