//! Small tables in memory: what other tables' rows are resolved through, found by key.

use super::language::{Keep, LookupRule};
use super::number::plain;
use super::row::{Cells, is_null};
use crate::hash::{Table, hash64};
use std::cmp::Ordering;

/// What parts the columns of a key that has several.
const PART: char = '\u{1f}';

/// A lookup's rows, one for each key.
pub(super) struct Loaded {
    pub(super) name: String,
    index: Table<u32>,
    /// The columns taken, by place; the empty text where absent.
    columns: Vec<Vec<Box<str>>>,
    ranks: Vec<String>,
    /// Whether no file of it was there.
    pub(super) is_missing: bool,
    /// Rows whose key an earlier row had.
    pub(super) repeated: u64,
}

impl Loaded {
    /// The number of the row with a key.
    pub(super) fn find(&self, key: &str) -> Option<u32> {
        self.index.get(hash64(&self.name, key))
    }

    /// A taken column of a row.
    pub(super) fn get(&self, row: u32, column: usize) -> Option<&str> {
        let text = self.columns.get(column)?.get(row as usize)?;
        (!text.is_empty()).then_some(&**text)
    }

    /// The rank of a row.
    pub(super) fn rank(&self, row: u32) -> Option<&str> {
        self.ranks.get(row as usize).map(String::as_str)
    }
}

/// A key of its parts, in the form that [`Loaded::find`] takes.
pub(super) fn join_key(key: &mut String, part: &str) {
    if !key.is_empty() {
        key.push(PART);
    }
    key.push_str(part.trim_ascii());
}

/// A lookup while its files are read.
pub(super) struct Loader<'m> {
    rule: &'m LookupRule,
    loaded: Loaded,
    /// Of each key, where a rank is asked for: the group and what orders it.
    ranked: Vec<(String, Vec<String>)>,
    key: String,
}

impl<'m> Loader<'m> {
    pub(super) fn new(rule: &'m LookupRule) -> Self {
        let loaded = Loaded {
            name: rule.name.clone(),
            index: Table::new(),
            columns: vec![Vec::new(); rule.taken],
            ranks: Vec::new(),
            is_missing: true,
            repeated: 0,
        };
        Self {
            rule,
            loaded,
            ranked: Vec::new(),
            key: String::new(),
        }
    }

    /// Says that a file of the lookup is there.
    pub(super) fn opened(&mut self) {
        self.loaded.is_missing = false;
    }

    /// Takes a row; `places` are the header's places of the rule's columns.
    pub(super) fn add(&mut self, places: &[Option<usize>], cells: &impl Cells) {
        let nulls = &self.rule.files.nulls;
        let cell = |column: usize| {
            let text = places
                .get(column)
                .copied()
                .flatten()
                .map_or("", |at| cells.cell(at));
            if is_null(text, nulls) { "" } else { text }
        };
        self.key.clear();
        for column in 0..self.rule.key_count {
            let part = cell(column);
            if part.is_empty() {
                return;
            }
            join_key(&mut self.key, part);
        }
        let hash = hash64(&self.loaded.name, &self.key);
        let taken = self.rule.key_count..self.rule.key_count + self.rule.taken;
        if let Some(row) = self.loaded.index.get(hash) {
            self.loaded.repeated += 1;
            for (slot, column) in self.loaded.columns.iter_mut().zip(taken) {
                let (kept, new) = (&mut slot[row as usize], cell(column));
                if replaces(self.rule.keep, kept, new) {
                    *kept = new.into();
                }
            }
            return;
        }
        let Ok(row) = u32::try_from(self.loaded.index.len()) else {
            return;
        };
        self.loaded.index.insert(hash, row);
        for (slot, column) in self.loaded.columns.iter_mut().zip(taken) {
            slot.push(cell(column).into());
        }
        if let Some(rank) = &self.rule.rank {
            let mut group = String::new();
            rank.within
                .iter()
                .for_each(|column| join_key(&mut group, cell(*column)));
            let order = rank
                .by
                .iter()
                .map(|column| cell(*column).trim_ascii().to_owned());
            self.ranked.push((group, order.collect()));
        }
    }

    /// The lookup, with its ranks.
    pub(super) fn finish(mut self) -> Loaded {
        let mut order: Vec<usize> = (0..self.ranked.len()).collect();
        order.sort_by(|a, b| {
            let ((group, by), (other, other_by)) = (&self.ranked[*a], &self.ranked[*b]);
            let keys = || by.iter().zip(other_by).map(|(a, b)| compare(a, b));
            group
                .cmp(other)
                .then_with(|| keys().find(|o| o.is_ne()).unwrap_or(Ordering::Equal))
        });
        self.loaded.ranks = vec![String::new(); order.len()];
        let mut rank = 0u32;
        for (place, row) in order.iter().enumerate() {
            let is_same = place > 0 && self.ranked[order[place - 1]].0 == self.ranked[*row].0;
            rank = if is_same { rank + 1 } else { 0 };
            self.loaded.ranks[*row] = rank.to_string();
        }
        self.loaded
    }
}

fn replaces(keep: Keep, kept: &str, new: &str) -> bool {
    if new.is_empty() {
        return false;
    }
    kept.is_empty()
        || match keep {
            Keep::First => false,
            Keep::Last => true,
            Keep::Least => compare(new, kept).is_lt(),
            Keep::Greatest => compare(new, kept).is_gt(),
        }
}

/// By number where both are numbers, by text otherwise.
fn compare(a: &str, b: &str) -> Ordering {
    match (plain(a.trim_ascii()), plain(b.trim_ascii())) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}
