//! From the file's form to a program: names resolved, cycles and dead ends refused.

use crate::document::{self, Definition, Document, Named, Source};
use crate::error::{Error, Result, nearest};
use crate::expression::{self, Expression};
use crate::names::{ANY_EVENT, RECORD_END, RECORD_START, SPECIAL};
use crate::predicate::{self, Cells, Form};
use crate::program::{Change, CodeMatch, Column, Counted, Fixed, Mode, Plain, Program, Rows};
use crate::warning::Warning;
use crate::yaml::Place;
use std::collections::BTreeMap;

mod label;
mod tree;

/// Compiles a task.
///
/// # Errors
/// The first fault of the file, with its place and mend.
pub fn compile(source: &Source<'_>, mode: Mode) -> Result<Program> {
    let document = document::read(source, mode)?;
    let mut compiler = Compiler::new(&document, mode);
    compiler.demographics()?;
    let trigger = compiler.column(&document.trigger)?;
    if mode == Mode::Aces {
        compiler.refuse_fixed(trigger, &document.trigger)?;
    }
    let (windows, nodes) = compiler.tree()?;
    let label = compiler.label(&nodes)?;
    let index = compiler.index(&windows, &nodes)?;
    let mut filters = compiler.filters;
    if mode == Mode::Strict {
        // A demographic that an expression or a window names is a fact of the subject there.
        filters.retain(|at| !compiler.used_attributes.contains(at));
    }
    let mut program = Program {
        mode,
        plains: compiler.plains,
        changes: compiler.changes,
        change_units: compiler.change_units,
        columns: compiler.columns,
        attributes: compiler.attributes,
        filters,
        windows,
        nodes,
        trigger,
        label,
        index,
        cells: compiler.cells,
        warnings: compiler.warnings,
    };
    tree::look_over(&document, &mut program);
    Ok(program)
}

pub(crate) struct Compiler<'d> {
    pub(crate) document: &'d Document,
    pub(crate) mode: Mode,
    plains: Vec<Plain>,
    plain_of: BTreeMap<String, usize>,
    changes: Vec<Change>,
    change_units: Vec<String>,
    columns: Vec<Column>,
    column_of: BTreeMap<String, usize>,
    attributes: Vec<Fixed>,
    attribute_of: BTreeMap<String, usize>,
    used_attributes: Vec<usize>,
    filters: Vec<usize>,
    cells: Cells,
    pub(crate) warnings: Vec<Warning>,
    /// Names that are being resolved, to see cycles.
    open: Vec<String>,
}

impl<'d> Compiler<'d> {
    fn new(document: &'d Document, mode: Mode) -> Self {
        Self {
            document,
            mode,
            plains: Vec::new(),
            plain_of: BTreeMap::new(),
            changes: Vec::new(),
            change_units: Vec::new(),
            columns: Vec::new(),
            column_of: BTreeMap::new(),
            attributes: Vec::new(),
            attribute_of: BTreeMap::new(),
            used_attributes: Vec::new(),
            filters: Vec::new(),
            cells: Vec::new(),
            warnings: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Every demographic is asked for, whether anything names it or not, as in ACES.
    fn demographics(&mut self) -> Result<()> {
        let document = self.document;
        for (name, definition) in &document.predicates {
            if definition.demographic {
                let at = self.attribute(name, definition)?;
                self.filters.push(at);
            }
        }
        Ok(())
    }

    pub(crate) fn definition(&self, named: &Named) -> Result<&'d Definition> {
        self.document.predicates.get(&named.name).ok_or_else(|| {
            let known = self.document.predicates.keys().map(String::as_str);
            let mend = match nearest(&named.name, known.chain(SPECIAL)) {
                Some(meant) => format!("is `{meant}` meant?"),
                None => "define it under `predicates`, or give its file with --predicates".into(),
            };
            Error::new(
                &named.place,
                format!("there is no predicate `{}`", named.name),
                mend,
            )
        })
    }

    /// The column that counts a predicate, made when it is first asked for.
    pub(crate) fn column(&mut self, named: &Named) -> Result<usize> {
        if let Some(at) = self.column_of.get(&named.name) {
            return Ok(*at);
        }
        let counted = match named.name.as_str() {
            ANY_EVENT => Counted::AnyEvent,
            RECORD_START => Counted::RecordStart,
            RECORD_END => Counted::RecordEnd,
            _ => self.counted(named)?,
        };
        self.columns.push(Column {
            name: named.name.clone(),
            source: counted,
        });
        let at = self.columns.len() - 1;
        self.column_of.insert(named.name.clone(), at);
        Ok(at)
    }

    fn counted(&mut self, named: &Named) -> Result<Counted> {
        let definition = self.definition(named)?;
        match predicate::form(&named.name, definition, self.mode)? {
            Form::Derived(text, place, fixed) => {
                let expression = expression::read(text, place, self.mode)?;
                if self.mode == Mode::Aces {
                    if fixed {
                        self.filter(named, definition)?;
                    }
                    return self.instants(named, &expression, place);
                }
                if let Expression::Together(parts) = expression {
                    self.enter(named)?;
                    let of = self.each(&parts, place, |this, part, at| {
                        let rows = this.rows(part, at)?;
                        Ok(this.unnamed(Counted::Rows(rows)))
                    })?;
                    self.open.pop();
                    return Ok(Counted::Instants { all: true, of });
                }
                Ok(Counted::Rows(self.rows_of(named)?))
            }
            Form::Plain(_, true) => {
                let at = self.attribute(&named.name, definition)?;
                if self.mode == Mode::Aces {
                    self.filter(named, definition)?;
                } else {
                    self.used_attributes.push(at);
                }
                Ok(Counted::Attribute(at))
            }
            Form::Plain(..) | Form::Change(_) => Ok(Counted::Rows(self.rows_of(named)?)),
        }
    }

    fn unnamed(&mut self, counted: Counted) -> usize {
        self.columns.push(Column {
            name: String::new(),
            source: counted,
        });
        self.columns.len() - 1
    }

    fn each<T>(
        &mut self,
        parts: &[Expression],
        place: &Place,
        mut make: impl FnMut(&mut Self, &Expression, &Place) -> Result<T>,
    ) -> Result<Vec<T>> {
        parts.iter().map(|part| make(self, part, place)).collect()
    }

    /// ACES's derived predicate: evaluated over the counts of an instant. A static part has been
    /// asked of the subject before, so it holds.
    fn instants(
        &mut self,
        named: &Named,
        expression: &Expression,
        place: &Place,
    ) -> Result<Counted> {
        self.enter(named)?;
        let (all, parts) = match expression {
            Expression::And(parts) => (true, parts),
            Expression::Or(parts) => (false, parts),
            Expression::Name(_) | Expression::Not(_) | Expression::Together(_) => {
                return Err(Error::new(
                    place,
                    "no operator",
                    "write `and(a, b)` or `or(a, b)`",
                ));
            }
        };
        let of = self.each(parts, place, |this, part, at| {
            let Expression::Name(name) = part else {
                return Err(Error::new(at, "nested", "name each part on its own"));
            };
            let part = Named {
                name: name.clone(),
                place: at.clone(),
            };
            if SPECIAL.contains(&name.as_str()) {
                return Err(Error::new(
                    at,
                    format!("ACES knows `{name}` in windows only, not in expressions"),
                    "leave it out of the expression",
                ));
            }
            this.column(&part)
        })?;
        self.open.pop();
        Ok(Counted::Instants { all, of })
    }

    fn enter(&mut self, named: &Named) -> Result<()> {
        if self.open.contains(&named.name) {
            let mut circle = self.open.clone();
            circle.push(named.name.clone());
            return Err(Error::new(
                &named.place,
                format!("predicates go in a circle: {}", circle.join(" -> ")),
                "let one of them be plain",
            ));
        }
        self.open.push(named.name.clone());
        Ok(())
    }

    /// What a named predicate says of one row.
    fn rows_of(&mut self, named: &Named) -> Result<Rows> {
        let definition = self.definition(named)?;
        match predicate::form(&named.name, definition, self.mode)? {
            Form::Plain(entries, false) => {
                let known = self.plain_of.get(&named.name).copied();
                Ok(Rows::Plain(known.map_or_else(
                    || self.plain(&named.name, definition, entries),
                    Ok,
                )?))
            }
            Form::Plain(_, true) => {
                let at = self.attribute(&named.name, definition)?;
                self.used_attributes.push(at);
                Ok(Rows::Attribute(at))
            }
            Form::Derived(text, place, _) => {
                let expression = expression::read(text, place, self.mode)?;
                self.enter(named)?;
                let rows = self.rows(&expression, place)?;
                self.open.pop();
                Ok(rows)
            }
            Form::Change(entries) => {
                self.enter(named)?;
                let of = document::find(entries, "change").map(|entry| &entry.node);
                let of = of.unwrap_or(&definition.node);
                let of = self.rows_of(&document::name_of(of, "what changes")?)?;
                let asked = predicate::change(entries, &definition.place)?;
                self.open.pop();
                let [rise_min, fall_min, ratio_min, ratio_max] = asked.bounds;
                let unit = asked.unit.map(|unit| self.change_unit(unit));
                self.compare(&of, unit);
                self.changes.push(Change {
                    of,
                    within: asked.within,
                    against: asked.against,
                    rise_min,
                    fall_min,
                    ratio_min,
                    ratio_max,
                    unit,
                });
                Ok(Rows::Change(self.changes.len() - 1))
            }
        }
    }

    /// The place of a unit that a change is measured in.
    fn change_unit(&mut self, unit: String) -> usize {
        let known = self.change_units.iter().position(|one| *one == unit);
        known.unwrap_or_else(|| {
            self.change_units.push(unit);
            self.change_units.len() - 1
        })
    }

    /// Notes at every plain predicate of an expression that a change compares its values.
    fn compare(&mut self, of: &Rows, unit: Option<usize>) {
        match of {
            Rows::Plain(plain) => {
                let compared = &mut self.plains[*plain].compared;
                if !compared.contains(&unit) {
                    compared.push(unit);
                }
            }
            Rows::All(parts) | Rows::Any(parts) => {
                for part in parts {
                    self.compare(part, unit);
                }
            }
            Rows::Not(part) => self.compare(part, unit),
            Rows::Change(change) => {
                let of = self.changes[*change].of.clone();
                self.compare(&of, unit);
            }
            Rows::Attribute(_) => {}
        }
    }

    fn rows(&mut self, expression: &Expression, place: &Place) -> Result<Rows> {
        Ok(match expression {
            Expression::Name(name) => {
                let named = Named {
                    name: name.clone(),
                    place: place.clone(),
                };
                if SPECIAL.contains(&name.as_str()) {
                    return Err(Error::new(
                        place,
                        format!("`{name}` is of instants, not of rows"),
                        "use it in a window, not in an expression",
                    ));
                }
                self.rows_of(&named)?
            }
            Expression::And(parts) => Rows::All(self.each(parts, place, Self::rows)?),
            Expression::Or(parts) => Rows::Any(self.each(parts, place, Self::rows)?),
            Expression::Not(part) => Rows::Not(Box::new(self.rows(part, place)?)),
            Expression::Together(_) => {
                return Err(Error::new(
                    place,
                    "`together` holds of an instant and cannot stand inside of a row's expression",
                    "let it be the outermost operator, and name that predicate in windows",
                ));
            }
        })
    }

    fn plain(
        &mut self,
        name: &str,
        definition: &Definition,
        entries: &[crate::yaml::Entry],
    ) -> Result<usize> {
        let plain = predicate::plain(name, definition, entries, self.mode, &mut self.cells)?;
        self.plains.push(plain);
        let at = self.plains.len() - 1;
        self.plain_of.insert(name.to_owned(), at);
        Ok(at)
    }

    /// The column of death, whose code MEDS fixes.
    fn death(&mut self) -> usize {
        let nowhere = Place {
            file: "".into(),
            line: 0,
            column: 0,
        };
        self.plains.push(Plain {
            name: String::new(),
            place: nowhere,
            codes: CodeMatch::Exact("MEDS_DEATH".to_owned()),
            limits: Vec::new(),
            cells: Vec::new(),
            compared: Vec::new(),
        });
        let plain = self.plains.len() - 1;
        self.unnamed(Counted::Rows(Rows::Plain(plain)))
    }

    fn attribute(&mut self, name: &str, definition: &Definition) -> Result<usize> {
        if let Some(at) = self.attribute_of.get(name) {
            return Ok(*at);
        }
        let Form::Plain(entries, _) = predicate::form(name, definition, self.mode)? else {
            return Err(Error::new(
                &definition.place,
                format!("the demographic `{name}` has no `code`"),
                "write `code: GENDER//F` or the like",
            ));
        };
        let plain = self.plain(name, definition, entries)?;
        self.attributes.push(Fixed::Plain(plain));
        let at = self.attributes.len() - 1;
        self.attribute_of.insert(name.to_owned(), at);
        Ok(at)
    }

    /// A static predicate is asked of every subject's rows without a time, as in ACES.
    fn filter(&mut self, named: &Named, definition: &Definition) -> Result<()> {
        if self.attribute_of.contains_key(&named.name) && definition.demographic {
            return Ok(());
        }
        let fixed = self.fixed(named)?;
        self.attributes.push(fixed);
        let at = self.attributes.len() - 1;
        self.attribute_of.insert(named.name.clone(), at);
        self.filters.push(at);
        Ok(())
    }

    fn fixed(&mut self, named: &Named) -> Result<Fixed> {
        let definition = self.definition(named)?;
        match predicate::form(&named.name, definition, self.mode)? {
            Form::Plain(entries, _) => {
                let known = self.plain_of.get(&named.name).copied();
                let at = match known {
                    Some(at) => at,
                    None => self.plain(&named.name, definition, entries)?,
                };
                Ok(Fixed::Plain(at))
            }
            Form::Derived(text, place, _) => {
                self.enter(named)?;
                let part = |name: &Expression| match name {
                    Expression::Name(name) => Some(Named {
                        name: name.clone(),
                        place: place.clone(),
                    }),
                    Expression::And(_)
                    | Expression::Or(_)
                    | Expression::Not(_)
                    | Expression::Together(_) => None,
                };
                let expression = expression::read(text, place, self.mode)?;
                let (Expression::And(parts) | Expression::Or(parts)) = &expression else {
                    return Err(Error::new(place, "no operator", "write `and(a, b)`"));
                };
                let parts = parts.iter().filter_map(part);
                let parts: Result<Vec<_>> = parts.map(|part| self.fixed(&part)).collect();
                self.open.pop();
                Ok(match expression {
                    Expression::And(_) => Fixed::All(parts?),
                    Expression::Or(_)
                    | Expression::Name(_)
                    | Expression::Not(_)
                    | Expression::Together(_) => Fixed::Any(parts?),
                })
            }
            Form::Change(_) => Err(Error::new(
                &named.place,
                format!("`{}` is a change, which no static fact is", named.name),
                "leave out `static`",
            )),
        }
    }

    /// In ACES a static predicate cannot be counted: the column is gone when windows are.
    pub(crate) fn refuse_fixed(&self, column: usize, named: &Named) -> Result<()> {
        let derived = || {
            let definition = self.document.predicates.get(&named.name)?;
            let form = predicate::form(&named.name, definition, self.mode).ok()?;
            Some(matches!(form, Form::Derived(_, _, true)))
        };
        let fixed = matches!(self.columns[column].source, Counted::Attribute(_));
        if fixed || derived() == Some(true) {
            return Err(Error::new(
                &named.place,
                format!("ACES cannot count `{}`, which is static", named.name),
                "name it in no window; every demographic is asked for anyway",
            ));
        }
        Ok(())
    }

    pub(crate) fn column_source(&self, column: usize) -> &Counted {
        &self.columns[column].source
    }
}
