//! Whether prediction sets hold the outcome as often as they promise, by group.

use super::PredictionSet;
use crate::curve::wilson;
use crate::group::hidden_cells;
use crate::report::Estimate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often the sets of one group and class hold the outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetCoverage {
    /// The group; `all` for all rows.
    pub group: String,
    /// Whether the rows have the outcome: conformal sets keep their promise for each class alone.
    pub with_outcome: bool,
    /// Rows that have a set.
    pub rows: u64,
    /// The share of sets that hold the outcome, with Wilson's 95 % interval, which takes the rows
    /// for independent.
    pub coverage: Estimate,
    /// The share of sets with one outcome only: those that say something.
    pub single: f64,
}

/// Coverage of sets, and what is not told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverages {
    /// By group, without the outcome and with it.
    pub groups: Vec<SetCoverage>,
    /// Groups with fewer than 11 rows of a class, and where only one is so small the next: that
    /// class is not told, nor the group named.
    pub left_out: u64,
    /// Rows without a set: their group was not calibrated, or has only one class there.
    pub without_set: u64,
}

/// The coverage of the sets of rows by group.
///
/// # Panics
/// When the slices differ in length.
pub fn set_coverage(
    labels: &[bool],
    sets: &[Option<PredictionSet>],
    groups: &[String],
) -> Coverages {
    assert_eq!(labels.len(), sets.len(), "one set for each label");
    assert_eq!(labels.len(), groups.len(), "one group for each label");
    let mut tallies: BTreeMap<(&str, bool), [u64; 3]> = BTreeMap::new();
    let mut told = Coverages::default();
    for ((&label, set), group) in labels.iter().zip(sets).zip(groups) {
        let Some(set) = *set else {
            told.without_set += 1;
            continue;
        };
        let right = if label {
            PredictionSet::With
        } else {
            PredictionSet::Without
        };
        let held = set == right || set == PredictionSet::Both;
        let single = matches!(set, PredictionSet::With | PredictionSet::Without);
        let [rows, covered, singles] = tallies.entry((group, label)).or_default();
        *rows += 1;
        *covered += u64::from(held);
        *singles += u64::from(single);
    }
    let of_class = |class: bool| {
        let own = tallies
            .iter()
            .filter(move |((_, label), _)| *label == class);
        let (groups, rows): (Vec<_>, Vec<u64>) = own.map(|((group, _), n)| (*group, n[0])).unzip();
        let hidden = hidden_cells(&rows);
        groups
            .into_iter()
            .zip(hidden)
            .filter(|(_, hidden)| *hidden)
            .map(|(group, _)| group)
            .collect::<Vec<_>>()
    };
    let hidden = [of_class(false), of_class(true)];
    for ((group, with_outcome), [rows, covered, singles]) in tallies {
        if hidden[usize::from(with_outcome)].contains(&group) {
            told.left_out += 1;
            continue;
        }
        let (low, high) = wilson(covered, rows);
        told.groups.push(SetCoverage {
            group: group.to_owned(),
            with_outcome,
            rows,
            coverage: Estimate {
                value: covered as f64 / rows as f64,
                low: Some(low),
                high: Some(high),
            },
            single: singles as f64 / rows as f64,
        });
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_counted_by_class_and_small_cells_are_not_told() {
        let labels: Vec<bool> = (0..100).map(|row| row % 3 == 0).collect();
        let set = |row: usize| match row {
            0 | 1 => Some(PredictionSet::Neither),
            2 => None,
            row if row % 3 == 0 => Some(PredictionSet::With),
            _ => Some(PredictionSet::Both),
        };
        let sets: Vec<_> = (0..100).map(set).collect();
        // The six of b would follow from all less the others: c, the next smallest, is not told.
        let group = |row: usize| match row {
            0..54 => "a",
            54..60 => "b",
            _ => "c",
        };
        let groups: Vec<String> = (0..100).map(|row| group(row).to_owned()).collect();
        let told = set_coverage(&labels, &sets, &groups);
        assert_eq!(
            (told.groups.len(), told.left_out, told.without_set),
            (2, 4, 1)
        );
        let without = &told.groups[0];
        assert_eq!((without.rows, without.with_outcome), (35, false));
        assert!((without.coverage.value - 34.0 / 35.0).abs() < 1e-12);
        assert!(without.single.abs() < 1e-12);
        let with = &told.groups[1];
        assert_eq!(with.rows, 18);
        assert!((with.single - 17.0 / 18.0).abs() < 1e-12);
    }
}
