//! One subject's rows, folded into instants: at each the rows that predicates hold of, and of each
//! column the running count.

use crate::program::{Against, Change, Counted, Fixed, Program, Rows};

/// A measured number, in the width that the data has it.
#[derive(Clone, Copy, PartialEq)]
pub enum Number {
    /// MEDS's own width.
    Short(f32),
    /// Any other.
    Long(f64),
}

impl Number {
    /// In 64 bits, exactly.
    pub(crate) fn wide(self) -> f64 {
        match self {
            Self::Short(value) => f64::from(value),
            Self::Long(value) => value,
        }
    }
}

impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Number")
    }
}

/// The value of a further column in a row.
#[derive(Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// None.
    Null,
    /// A text.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// Any number.
    Float(f64),
    /// True or false.
    Bool(bool),
}

impl std::fmt::Debug for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cell")
    }
}

/// A plain predicate that holds of a row.
#[derive(Clone, Copy)]
struct Hit {
    instant: u32,
    row: u32,
    plain: u32,
    /// The row's number, NaN where it has none.
    value: f64,
}

/// The rows of one subject.
#[derive(Clone, Default)]
pub(crate) struct Record {
    /// The instants, ascending once [`Record::count`] was called.
    pub(crate) times: Vec<i64>,
    /// Rows at each instant.
    rows: Vec<u32>,
    hits: Vec<Hit>,
    /// Rows' numbers in the units that changes are measured in, by row and unit, ascending.
    compared: Vec<(u32, usize, f64)>,
    /// How many rows without a time each plain predicate holds of.
    fixed: Vec<u32>,
    row: u32,
    unsorted: bool,
    /// Of each column the running count, with one place more than there are instants.
    sums: Vec<i64>,
    /// Instants and values of the rows that the label's value is taken from.
    pub(crate) values: Vec<(usize, f64)>,
}

impl Record {
    /// Makes it empty, for the next subject.
    pub(crate) fn clear(&mut self, plains: usize) {
        self.times.clear();
        self.rows.clear();
        self.hits.clear();
        self.compared.clear();
        self.fixed.clear();
        self.fixed.resize(plains, 0);
        self.row = 0;
        self.unsorted = false;
        self.values.clear();
    }

    /// Begins a row; what predicates hold of it is said by [`Record::hit`] after it.
    pub(crate) fn begin(&mut self, time: Option<i64>) {
        let Some(time) = time else { return };
        self.row = self.row.wrapping_add(1);
        match (self.times.last(), self.rows.last_mut()) {
            (Some(&last), Some(rows)) if last == time => *rows += 1,
            (last, _) => {
                self.unsorted |= last.is_some_and(|last| *last > time);
                self.times.push(time);
                self.rows.push(1);
            }
        }
    }

    /// Says that a plain predicate holds of the row that was begun last.
    pub(crate) fn hit(&mut self, plain: usize, timed: bool, value: f64) {
        if !timed {
            if let Some(count) = self.fixed.get_mut(plain) {
                *count += 1;
            }
            return;
        }
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.hits.push(Hit {
            instant: narrow(self.times.len().saturating_sub(1)),
            row: self.row,
            plain: narrow(plain),
            value,
        });
    }

    /// Says what the number of the row that was begun last is in the units of changes.
    pub(crate) fn compare(&mut self, values: &[(usize, f64)]) {
        for (unit, value) in values {
            let key = (self.row, *unit);
            if let Err(place) = self.place_of(key) {
                self.compared.insert(place, (key.0, key.1, *value));
            }
        }
    }

    fn place_of(&self, key: (u32, usize)) -> Result<usize, usize> {
        self.compared
            .binary_search_by_key(&key, |(row, unit, _)| (*row, *unit))
    }

    /// The number of a hit's row, in the unit of a change where it has one.
    fn number(&self, hit: &Hit, unit: Option<usize>) -> f64 {
        let Some(unit) = unit else { return hit.value };
        let place = self.place_of((hit.row, unit));
        place.map_or(f64::NAN, |place| self.compared[place].2)
    }

    /// Whether a fact without a time holds of the subject.
    pub(crate) fn has(&self, fact: &Fixed) -> bool {
        match fact {
            Fixed::Plain(plain) => self.fixed.get(*plain).is_some_and(|count| *count > 0),
            Fixed::All(parts) => parts.iter().all(|part| self.has(part)),
            Fixed::Any(parts) => parts.iter().any(|part| self.has(part)),
        }
    }

    /// Puts the instants in order and counts every column.
    pub(crate) fn count(&mut self, program: &Program) {
        if self.unsorted {
            self.sort();
        }
        let stride = self.times.len() + 1;
        self.sums.clear();
        self.sums.resize(program.columns.len() * stride, 0);
        let series = program.value_column();
        let mut by_row = Vec::new();
        for (at, column) in program.columns.iter().enumerate() {
            let counts = at * stride + 1;
            match &column.source {
                Counted::AnyEvent => self.sums[counts..counts + stride - 1].fill(1),
                Counted::RecordStart => self.mark(counts, 0),
                Counted::RecordEnd => self.mark(counts, self.times.len().wrapping_sub(1)),
                Counted::Rows(Rows::Plain(plain)) if series != Some(at) => {
                    for hit in &self.hits {
                        if hit.plain as usize == *plain {
                            self.sums[counts + hit.instant as usize] += 1;
                        }
                    }
                }
                Counted::Rows(rows) => by_row.push((at, rows)),
                Counted::Instants { .. } | Counted::Attribute(_) => {}
            }
        }
        if !by_row.is_empty() {
            self.count_rows(program, &by_row, series);
        }
        for (at, column) in program.columns.iter().enumerate() {
            if let Counted::Instants { all, of } = &column.source {
                self.count_instants(program, at, *all, of);
            }
        }
        for column in self.sums.chunks_exact_mut(stride) {
            let mut sum = 0;
            for count in column {
                sum += *count;
                *count = sum;
            }
        }
    }

    fn mark(&mut self, counts: usize, instant: usize) {
        if instant < self.times.len() {
            self.sums[counts + instant] = 1;
        }
    }

    fn count_instants(&mut self, program: &Program, at: usize, all: bool, of: &[usize]) {
        let stride = self.times.len() + 1;
        for instant in 0..self.times.len() {
            let holds = |column: &usize| match &program.columns[*column].source {
                // It was asked of the subject before, or the subject would not be here.
                Counted::Attribute(_) => true,
                Counted::Rows(_)
                | Counted::Instants { .. }
                | Counted::AnyEvent
                | Counted::RecordStart
                | Counted::RecordEnd => self.sums[column * stride + 1 + instant] > 0,
            };
            let holds = if all {
                of.iter().all(holds)
            } else {
                of.iter().any(holds)
            };
            self.sums[at * stride + 1 + instant] = i64::from(holds);
        }
    }

    /// Counts expressions over rows.
    fn count_rows(&mut self, program: &Program, columns: &[(usize, &Rows)], series: Option<usize>) {
        let stride = self.times.len() + 1;
        let attributes: Vec<bool> = program.attributes.iter().map(|one| self.has(one)).collect();
        let groups: Vec<&[Hit]> = self.hits.chunk_by(|a, b| a.row == b.row).collect();
        let mut changed: Vec<Vec<bool>> = Vec::new();
        for change in &program.changes {
            let of = |row: &[Hit], at: usize| {
                Facts {
                    hits: row,
                    at,
                    changed: &changed,
                    attributes: &attributes,
                }
                .hold(&change.of)
            };
            let number = |row: &[Hit]| self.number(&row[0], change.unit);
            let found = changes(change, &groups, &self.times, (number, of));
            changed.push(found);
        }
        let mut sums = std::mem::take(&mut self.sums);
        for (column, rows) in columns {
            let counts = column * stride + 1;
            let bare = Facts {
                hits: &[],
                at: usize::MAX,
                changed: &changed,
                attributes: &attributes,
            };
            let without = bare.hold(rows);
            if without {
                for (instant, rows) in self.rows.iter().enumerate() {
                    sums[counts + instant] = i64::from(*rows);
                }
            }
            for (at, hits) in groups.iter().enumerate() {
                let facts = Facts {
                    hits,
                    at,
                    changed: &changed,
                    attributes: &attributes,
                };
                let holds = facts.hold(rows);
                let instant = hits[0].instant as usize;
                sums[counts + instant] += i64::from(holds) - i64::from(without);
                if holds && series == Some(*column) && hits[0].value.is_finite() {
                    self.values.push((instant, hits[0].value));
                }
            }
        }
        self.sums = sums;
    }

    /// Puts the instants in order, and those that stand twice together.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|at| self.times[*at]);
        let mut times: Vec<i64> = Vec::new();
        let mut rows: Vec<u32> = Vec::new();
        let mut place = vec![0_u32; order.len()];
        for at in order {
            match (times.last(), rows.last_mut()) {
                (Some(last), Some(count)) if *last == self.times[at] => *count += self.rows[at],
                _ => {
                    times.push(self.times[at]);
                    rows.push(self.rows[at]);
                }
            }
            place[at] = u32::try_from(times.len() - 1).unwrap_or(u32::MAX);
        }
        for hit in &mut self.hits {
            hit.instant = place[hit.instant as usize];
        }
        self.hits.sort_by_key(|hit| (hit.instant, hit.row));
        self.times = times;
        self.rows = rows;
        self.unsorted = false;
    }

    /// How often a column counts at the instants of a range.
    pub(crate) fn between(&self, column: usize, from: usize, to: usize) -> i64 {
        if to <= from {
            return 0;
        }
        self.up_to(column, to) - self.up_to(column, from)
    }

    /// How often a column counts before an instant.
    pub(crate) fn up_to(&self, column: usize, instant: usize) -> i64 {
        self.sums[column * (self.times.len() + 1) + instant]
    }

    /// How often a column counts at an instant.
    pub(crate) fn at(&self, column: usize, instant: usize) -> i64 {
        self.up_to(column, instant + 1) - self.up_to(column, instant)
    }

    /// The first instant from `from` on at which a column counts.
    pub(crate) fn next(&self, column: usize, from: usize) -> Option<usize> {
        let n = self.times.len();
        if from >= n {
            return None;
        }
        let base = column * (n + 1);
        let before = self.sums[base + from];
        let found = self.sums[base + from + 1..=base + n].partition_point(|sum| *sum <= before);
        (from + found < n).then_some(from + found)
    }

    /// The last instant before `to` at which a column counts.
    pub(crate) fn last(&self, column: usize, to: usize) -> Option<usize> {
        let base = column * (self.times.len() + 1);
        let until = self.sums[base + to];
        let found = self.sums[base..=base + to].partition_point(|sum| *sum < until);
        found.checked_sub(1)
    }
}

/// What is known of one row.
struct Facts<'a> {
    hits: &'a [Hit],
    at: usize,
    changed: &'a [Vec<bool>],
    attributes: &'a [bool],
}

impl Facts<'_> {
    fn hold(&self, rows: &Rows) -> bool {
        match rows {
            Rows::Plain(plain) => self.hits.iter().any(|hit| hit.plain as usize == *plain),
            Rows::Change(change) => {
                let rows = self.changed.get(*change);
                rows.and_then(|rows| rows.get(self.at))
                    .copied()
                    .unwrap_or(false)
            }
            Rows::Attribute(at) => self.attributes.get(*at).copied().unwrap_or(false),
            Rows::All(parts) => parts.iter().all(|part| self.hold(part)),
            Rows::Any(parts) => parts.iter().any(|part| self.hold(part)),
            Rows::Not(part) => !self.hold(part),
        }
    }
}

/// Of which rows a change holds. A value is compared with those at earlier instants, not with
/// others of its own.
fn changes(
    change: &Change,
    groups: &[&[Hit]],
    times: &[i64],
    (number, of): (impl Fn(&[Hit]) -> f64, impl Fn(&[Hit], usize) -> bool),
) -> Vec<bool> {
    let mut found = vec![false; groups.len()];
    let mut series: Vec<(i64, f64)> = Vec::new();
    let mut first = 0;
    for (at, hits) in groups.iter().enumerate() {
        let (time, value) = (times[hits[0].instant as usize], number(hits));
        if !value.is_finite() || !of(hits, at) {
            continue;
        }
        while series
            .get(first)
            .is_some_and(|(earlier, _)| *earlier < time - change.within)
        {
            first += 1;
        }
        let window = series[first..]
            .iter()
            .filter(|(earlier, _)| *earlier < time);
        let mut values = window.map(|(_, value)| *value);
        let from = match change.against {
            Against::First => values.next(),
            Against::Last => values.next_back(),
            Against::Lowest => values.reduce(f64::min),
            Against::Highest => values.reduce(f64::max),
        };
        found[at] = from.is_some_and(|from| differs(change, from, value));
        series.push((time, value));
    }
    found
}

fn differs(change: &Change, from: f64, to: f64) -> bool {
    let ratio = (from > 0.0).then_some(to / from);
    // Values have few decimals and their differences more: 1.5 - 1.2 is not quite 0.3.
    let slack = 1e-6 * from.abs().max(to.abs());
    let least = |asked: Option<f64>, found: Option<f64>, slack: f64| {
        asked.is_none_or(|asked| found.is_some_and(|found| found >= asked - slack))
    };
    least(change.rise_min, Some(to - from), slack)
        && least(change.fall_min, Some(from - to), slack)
        && least(change.ratio_min, ratio, 1e-6)
        && least(
            change.ratio_max.map(|most| -most),
            ratio.map(|ratio| -ratio),
            1e-6,
        )
}
