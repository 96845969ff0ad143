//! Which plain predicates hold of a row: by its code first, looked up once a dictionary, and then
//! by its value, its unit and further columns.

use crate::program::{CodeMatch, Limit, Literal, Mode, Ontology, Plain, Program};
use crate::record::{Cell, Number};
use longitude_core::Code;
use longitude_units::{Analytes, Conversion, convert, to_ucum};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of a code.
#[derive(Clone)]
struct Known {
    /// The predicates whose codes it is among.
    plains: Arc<[u32]>,
    /// The unit at its end.
    unit: Option<Arc<str>>,
}

/// The codes of a dictionary, and how values are compared.
pub(crate) struct Matcher<'p> {
    program: &'p Program,
    ontology: &'p Ontology,
    known: BTreeMap<String, Known>,
    /// By the key of the dictionary that is current.
    current: Vec<(Arc<str>, Known)>,
    /// By code, its unit and the unit that is asked for.
    conversions: BTreeMap<(Arc<str>, String, String), Option<Conversion>>,
    /// Of each predicate, whether any code was among its codes.
    pub(crate) met: Vec<bool>,
    /// Of each predicate with bounds, the units that its values have.
    pub(crate) units: Vec<BTreeMap<String, u64>>,
    /// Of each predicate, the values whose unit is not that of its bounds.
    pub(crate) refused: Vec<u64>,
}

/// A row's value, as far as predicates look at it.
pub(crate) struct Measured<'a> {
    pub(crate) number: Option<Number>,
    pub(crate) unit: Option<&'a str>,
    pub(crate) cells: &'a [Cell<'a>],
}

/// A bound of a value in the unit of the rows that are asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    pub(crate) upper: bool,
    pub(crate) inclusive: bool,
}

impl<'p> Matcher<'p> {
    pub(crate) fn new(program: &'p Program, ontology: &'p Ontology) -> Self {
        let plains = program.plains.len();
        Self {
            program,
            ontology,
            known: BTreeMap::new(),
            current: Vec::new(),
            conversions: BTreeMap::new(),
            met: vec![false; plains],
            units: vec![BTreeMap::new(); plains],
            refused: vec![0; plains],
        }
    }

    /// Takes the codes that rows refer to from now on.
    pub(crate) fn codes<'c>(&mut self, codes: impl Iterator<Item = &'c str>) {
        self.current.clear();
        for code in codes {
            if !self.known.contains_key(code) {
                let known = self.look_up(code);
                self.known.insert(code.to_owned(), known);
            }
            if let Some(known) = self.known.get(code) {
                let name = if known.plains.is_empty() { "" } else { code };
                self.current.push((name.into(), known.clone()));
            }
        }
    }

    /// Of each plain predicate the bounds that a row of a code must keep; none where the code is
    /// not among its codes. A bound whose unit the row's cannot be converted into is none.
    pub(crate) fn bounds(
        &mut self,
        code: &str,
        unit: Option<&str>,
    ) -> Vec<Option<Vec<Option<Bound>>>> {
        let known = self.look_up(code);
        let unit = unit.or(known.unit.as_deref());
        let bound = |limit: &Limit| {
            let value = match (&limit.unit, unit) {
                (Some(asked), Some(unit)) => {
                    // The way back, of a bound and not of a value.
                    let forth = conversion(code, unit, asked)?;
                    if forth.is_identity() {
                        limit.value
                    } else {
                        conversion(code, asked, unit)?.apply(limit.value)
                    }
                }
                _ => limit.value,
            };
            Some(Bound {
                value,
                upper: limit.upper,
                inclusive: limit.inclusive,
            })
        };
        let plains = self.program.plains.iter().enumerate();
        let of = |(at, plain): (usize, &Plain)| {
            let among = known.plains.iter().any(|known| *known as usize == at);
            among.then(|| plain.limits.iter().map(bound).collect())
        };
        plains.map(of).collect()
    }

    fn look_up(&mut self, code: &str) -> Known {
        let mut plains = Vec::new();
        for (at, plain) in self.program.plains.iter().enumerate() {
            let among = match &plain.codes {
                CodeMatch::Never => false,
                CodeMatch::Exact(one) => one == code,
                CodeMatch::Any(several) => several.contains(code),
                CodeMatch::Regex(regex) => regex.is_match(code),
                CodeMatch::Descendants(roots) => self.ontology.is_below(code, roots),
            };
            if among {
                self.met[at] = true;
                plains.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        let last = code.rsplit_once("//").map(|(_, last)| last);
        let unit = last.filter(|last| !whole(last) && to_ucum(last).is_some());
        Known {
            plains: plains.into(),
            unit: unit.map(Into::into),
        }
    }

    /// The predicates that hold of a row with the code of a key, each with the row's number in the
    /// units that changes of it are measured in (by their places; NaN where it cannot be had).
    pub(crate) fn each(
        &mut self,
        key: usize,
        row: &Measured<'_>,
        mut hit: impl FnMut(usize, &[(usize, f64)]),
    ) {
        // Taken out for the time, so that counts can be changed while it is looked at.
        let current = std::mem::take(&mut self.current);
        if let Some((code, known)) = current.get(key) {
            for at in known.plains.iter().map(|at| *at as usize) {
                let plain = &self.program.plains[at];
                let cells = plain.cells.iter();
                let mut cells = cells.map(|(column, value)| (row.cells.get(*column), value));
                let same = cells.all(|(cell, value)| cell.is_some_and(|cell| equal(*cell, value)));
                let bounded = !plain.limits.is_empty();
                if same && (!bounded || self.within((at, plain), code, known, row)) {
                    let compared = self.compared((at, plain), code, known, row);
                    hit(at, &compared);
                }
            }
        }
        self.current = current;
    }

    /// The row's number in the units of the changes of a predicate.
    fn compared(
        &mut self,
        (at, plain): (usize, &Plain),
        code: &Arc<str>,
        known: &Known,
        row: &Measured<'_>,
    ) -> Vec<(usize, f64)> {
        let (Some(number), false) = (row.number, plain.compared.is_empty()) else {
            return Vec::new();
        };
        let unit = row.unit.or(known.unit.as_deref());
        if let (Some(unit), true) = (unit, plain.limits.is_empty()) {
            *self.units[at].entry(unit.to_owned()).or_default() += 1;
        }
        let mut values = Vec::new();
        for place in plain.compared.iter().flatten() {
            let asked = &self.program.change_units[*place];
            let value = match unit.map(|unit| self.converted((at, asked), code, unit, number)) {
                None => number.wide(),
                Some(None) => f64::NAN,
                Some(Some(number)) => number.wide(),
            };
            values.push((*place, value));
        }
        values
    }

    /// A number of a unit in the unit that is asked for; none, and counted, where it cannot be.
    fn converted(
        &mut self,
        (at, asked): (usize, &str),
        code: &Arc<str>,
        unit: &str,
        number: Number,
    ) -> Option<Number> {
        let key = (Arc::clone(code), unit.to_owned(), asked.to_owned());
        let found = self.conversions.entry(key);
        let conversion = found.or_insert_with(|| conversion(code, unit, asked));
        let Some(conversion) = conversion else {
            self.refused[at] += 1;
            return None;
        };
        if conversion.is_identity() {
            return Some(number);
        }
        let decimal = match number {
            // The number as it was written: 7.1, not 7.099999904632568.
            Number::Short(value) => value.to_string().parse().unwrap_or(f64::NAN),
            Number::Long(value) => value,
        };
        Some(Number::Long(conversion.apply(decimal)))
    }

    fn within(
        &mut self,
        (at, plain): (usize, &Plain),
        code: &Arc<str>,
        known: &Known,
        row: &Measured<'_>,
    ) -> bool {
        let Some(number) = row.number else {
            return false;
        };
        let unit = row.unit.or(known.unit.as_deref());
        if let Some(unit) = unit {
            let count = self.units[at].get_mut(unit);
            match count {
                Some(count) => *count += 1,
                None => drop(self.units[at].insert(unit.to_owned(), 1)),
            }
        }
        let mode = self.program.mode;
        plain.limits.iter().all(|limit| match (&limit.unit, unit) {
            (Some(asked), Some(unit)) => self
                .converted((at, asked), code, unit, number)
                .is_some_and(|number| holds(limit, number, mode)),
            _ => holds(limit, number, mode),
        })
    }
}

fn whole(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// From the unit of a row into that of a bound, by the substance where the code tells it.
fn conversion(code: &str, unit: &str, asked: &str) -> Option<Conversion> {
    let from = to_ucum(unit).unwrap_or(unit);
    let to = to_ucum(asked).unwrap_or(asked);
    if let Ok(conversion) = convert(from, to) {
        return Some(conversion);
    }
    let analyte = Analytes::shipped().of(&Code::from_meds(code))?;
    analyte.conversion_between(from, to).ok()
}

/// Whether a number keeps a bound. In ACES's order of floats NaN lies above all others; in the
/// strict language it keeps no bound. A bound has the width of the number.
fn holds(limit: &Limit, number: Number, mode: Mode) -> bool {
    let (value, bound) = match number {
        Number::Short(value) => {
            #[expect(clippy::cast_possible_truncation, reason = "ACES compares so")]
            let bound = limit.value as f32;
            (f64::from(value), f64::from(bound))
        }
        Number::Long(value) => (value, limit.value),
    };
    let order = match (value.is_nan(), bound.is_nan(), mode) {
        (true, _, Mode::Strict) => return false,
        (true, true, Mode::Aces) => std::cmp::Ordering::Equal,
        (true, false, Mode::Aces) => std::cmp::Ordering::Greater,
        (false, true, _) => std::cmp::Ordering::Less,
        (false, false, _) => match value.partial_cmp(&bound) {
            Some(order) => order,
            None => return false,
        },
    };
    match (limit.upper, limit.inclusive) {
        (false, false) => order.is_gt(),
        (false, true) => order.is_ge(),
        (true, false) => order.is_lt(),
        (true, true) => order.is_le(),
    }
}

#[expect(clippy::float_cmp, reason = "a column's value is asked for exactly")]
fn equal(cell: Cell<'_>, value: &Literal) -> bool {
    match (cell, value) {
        (Cell::Text(cell), Literal::Text(value)) => cell == value,
        (Cell::Bool(cell), Literal::Bool(value)) => cell == *value,
        (Cell::Int(cell), Literal::Int(value)) => cell == *value,
        (Cell::Int(cell), Literal::Float(value)) => cell as f64 == *value,
        (Cell::Float(cell), Literal::Int(value)) => cell == *value as f64,
        (Cell::Float(cell), Literal::Float(value)) => cell == *value,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_high_in_aces_only() {
        let limit = Limit {
            value: 10.0,
            upper: false,
            inclusive: true,
            unit: None,
        };
        let nan = Number::Short(f32::NAN);
        assert!(holds(&limit, nan, Mode::Aces));
        assert!(!holds(&limit, nan, Mode::Strict));
        let low = Limit {
            upper: true,
            ..limit.clone()
        };
        assert!(!holds(&low, nan, Mode::Aces));
        assert!(!holds(&low, nan, Mode::Strict));
        assert!(holds(&limit, Number::Short(10.0), Mode::Strict));
    }

    #[test]
    fn a_bound_is_as_wide_as_the_number() {
        let limit = Limit {
            value: 1.3,
            upper: false,
            inclusive: true,
            unit: None,
        };
        assert!(holds(&limit, Number::Short(1.3), Mode::Aces));
        assert!(!holds(&limit, Number::Long(f64::from(1.3_f32)), Mode::Aces));
    }
}
