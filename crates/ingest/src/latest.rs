//! Which of several statements about one thing stands, where a source says things again and again:
//! HL7 v2 repeats the visit in every message and corrects results, documents repeat the patient.
//!
//! Of all statements under one key the last in time stands, and of equal ones in a row the first:
//! it is the one from which on the thing was known. A first pass adds all statements, a second
//! asks for each what became of it. About 100 bytes a key, whatever the number of statements.

use crate::hash::Table;
use std::collections::btree_map::{BTreeMap, Entry};

/// Where a statement stands: time of the message or document, then file, then row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) micros: i64,
    pub(crate) file: u32,
    pub(crate) row: u64,
}

impl Place {
    const BEFORE_ALL: Self = Self {
        micros: i64::MIN,
        file: 0,
        row: 0,
    };
}

/// One statement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    /// What it is about.
    pub(crate) key: u64,
    /// What it says, as a hash.
    pub(crate) content: u64,
    pub(crate) place: Place,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the one that makes the event.
    Stands,
    /// It says again what an earlier one said.
    Restated,
    /// A later one says otherwise.
    Superseded,
    /// Too many things were spoken of to remember this one.
    Unchecked,
}

#[derive(Clone, Copy, Default)]
struct Known {
    content: u64,
    first: Place,
    last: Place,
    /// The last statement before `last` that says otherwise.
    other: Place,
}

/// The statements of a source, by key.
pub(crate) struct Latest {
    slots: Table<u32>,
    known: Vec<Known>,
    keys_max: usize,
}

impl Latest {
    /// At most `keys_max` keys are remembered.
    pub(crate) fn new(keys_max: usize) -> Self {
        Self {
            slots: Table::new(),
            known: Vec::new(),
            keys_max: keys_max.min(u32::MAX as usize),
        }
    }

    /// Takes a statement, in any order.
    pub(crate) fn add(&mut self, stated: Statement) {
        let Statement {
            key,
            content,
            place,
        } = stated;
        let Some(slot) = self.slots.get(key) else {
            if let (true, Ok(slot)) = (
                self.known.len() < self.keys_max,
                u32::try_from(self.known.len()),
            ) {
                self.slots.insert(key, slot);
                self.known.push(Known {
                    content,
                    first: place,
                    last: place,
                    other: Place::BEFORE_ALL,
                });
            }
            return;
        };
        let known = &mut self.known[slot as usize];
        if content == known.content {
            if place > known.other {
                known.first = known.first.min(place);
            }
            known.last = known.last.max(place);
        } else if place > known.last {
            *known = Known {
                content,
                first: place,
                last: place,
                other: known.last,
            };
        } else {
            known.other = known.other.max(place);
            if known.other > known.first {
                known.first = known.last;
            }
        }
    }

    /// What became of a statement.
    pub(crate) fn standing(&self, stated: Statement) -> Standing {
        let Some(slot) = self.slots.get(stated.key) else {
            return Standing::Unchecked;
        };
        let known = &self.known[slot as usize];
        if stated.place == known.first {
            Standing::Stands
        } else if stated.content == known.content {
            Standing::Restated
        } else {
            Standing::Superseded
        }
    }
}

/// How often each key came so far in one message or document: equal keys within one are several
/// things, not one thing said twice.
#[derive(Default)]
pub(crate) struct Ordinals(BTreeMap<u64, u64>);

impl Ordinals {
    pub(crate) fn next(&mut self, key: u64) -> u64 {
        match self.0.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(1);
                0
            }
            Entry::Occupied(mut occupied) => {
                let count = *occupied.get();
                *occupied.get_mut() += 1;
                count
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(micros: i64) -> Place {
        Place {
            micros,
            file: 0,
            row: micros.unsigned_abs(),
        }
    }

    fn standings(contents: &[u64], order: &[usize]) -> Vec<Standing> {
        let stated = |at: usize| Statement {
            key: 7,
            content: contents[at],
            place: place(i64::try_from(at).unwrap()),
        };
        let mut latest = Latest::new(10);
        for at in order {
            latest.add(stated(*at));
        }
        (0..contents.len())
            .map(|at| latest.standing(stated(at)))
            .collect()
    }

    #[test]
    fn the_last_stands_and_of_equal_ones_the_first() {
        use Standing::{Restated, Stands, Superseded};
        assert_eq!(standings(&[1], &[0]), [Stands]);
        assert_eq!(
            standings(&[1, 1, 1], &[0, 1, 2]),
            [Stands, Restated, Restated]
        );
        assert_eq!(
            standings(&[1, 2, 2], &[0, 1, 2]),
            [Superseded, Stands, Restated]
        );
        assert_eq!(
            standings(&[1, 2, 1], &[0, 1, 2]),
            [Restated, Superseded, Stands]
        );
        // Files come in any order of time.
        assert_eq!(
            standings(&[1, 2, 2], &[2, 1, 0]),
            [Superseded, Stands, Restated]
        );
        assert_eq!(
            standings(&[1, 2, 1], &[2, 0, 1]),
            [Restated, Superseded, Stands]
        );
        assert_eq!(
            standings(&[1, 2, 1], &[2, 1, 0]),
            [Restated, Superseded, Stands]
        );
    }

    #[test]
    fn exactly_one_stands_in_any_order() {
        for seed in 0..200_u64 {
            let contents: Vec<u64> = (0..6).map(|at| (seed >> at) & 1).collect();
            let mut order: Vec<usize> = (0..6).collect();
            order.rotate_left(usize::try_from(seed % 6).unwrap());
            if seed % 2 == 0 {
                order.reverse();
            }
            let standings = standings(&contents, &order);
            let stands = standings.iter().filter(|one| **one == Standing::Stands);
            assert_eq!(stands.count(), 1, "{contents:?} {order:?}");
        }
    }

    #[test]
    fn what_is_not_remembered_is_said() {
        let mut latest = Latest::new(1);
        let stated = |key| Statement {
            key,
            content: 0,
            place: place(0),
        };
        latest.add(stated(1));
        latest.add(stated(2));
        assert_eq!(latest.standing(stated(1)), Standing::Stands);
        assert_eq!(latest.standing(stated(2)), Standing::Unchecked);
    }
}
