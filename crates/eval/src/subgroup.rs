//! The metrics by subgroup, with small groups hidden.

use crate::bootstrap::{Clusters, Draws};
use crate::fairness::crossing_of;
use crate::group::{CELL_MIN, hidden_cells, hidden_crossed, is_small, side_that_may_be_small};
use crate::judge::judge;
use crate::report::{GroupReport, Metrics};
use crate::task::{Common, TaskInput, count, select};
use std::collections::{BTreeMap, BTreeSet};

/// What stands in place of the name of a group that is not shown.
const HELD_BACK: &str = "held back";

/// The subgroup tables, one list for each answering model.
pub(crate) fn group_reports(
    input: &TaskInput<'_>,
    common: &Common<'_>,
    draws: &Draws<'_>,
) -> Vec<Vec<GroupReport>> {
    let mut reports = vec![Vec::new(); common.models.len()];
    for (dimension, values) in input.groups {
        let mut rows_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, &row) in common.rows.iter().enumerate() {
            rows_of.entry(&values[row]).or_default().push(place);
        }
        let cells: Vec<Cell> = rows_of
            .iter()
            .map(|(value, rows)| Cell::new(value, rows, common))
            .collect();
        let sizes: Vec<u64> = cells
            .iter()
            .map(|cell| u64::from(cell.clusters.count))
            .collect();
        let places = crossing_of(dimension, input.groups)
            .map(|(first, second)| places(&cells, common, first, second));
        let too_small = hide(places.as_deref(), &sizes);
        let counts: Vec<u64> = cells.iter().map(Cell::count_that_may_be_small).collect();
        let positives_hidden = hide(places.as_deref(), &counts);
        for (index, cell) in cells.iter().enumerate() {
            let group = |metrics: Option<Metrics>| GroupReport {
                dimension: dimension.clone(),
                // The name of a small group may be a person's.
                value: if too_small[index] {
                    HELD_BACK.to_owned()
                } else {
                    cell.value.to_owned()
                },
                n: if too_small[index] {
                    0
                } else {
                    cell.labels.len() as u64
                },
                positives: (!too_small[index] && !positives_hidden[index])
                    .then(|| count(&cell.labels)),
                metrics,
                suppressed: reason(sizes[index], too_small[index], positives_hidden[index]),
            };
            if too_small[index] {
                for list in &mut reports {
                    list.push(group(None));
                }
                continue;
            }
            let risks: Vec<Vec<f64>> = common
                .models
                .iter()
                .map(|(_, risks)| select(risks, cell.rows))
                .collect();
            let risks: Vec<&[f64]> = risks.iter().map(|risks| &risks[..]).collect();
            let judged = judge(&cell.labels, &risks, &cell.clusters, draws);
            for (list, judged) in reports.iter_mut().zip(&judged) {
                list.push(group(Some(judged.metrics())));
            }
        }
    }
    reports
}

/// Row and column of each cell of a crossing.
fn places(
    cells: &[Cell<'_>],
    common: &Common<'_>,
    first: &[String],
    second: &[String],
) -> Vec<Vec<usize>> {
    let number = |values: &[String]| -> BTreeMap<String, usize> {
        let distinct: BTreeSet<String> = values.iter().cloned().collect();
        distinct.into_iter().zip(0..).collect()
    };
    let (rows, columns) = (number(first), number(second));
    let place = |cell: &Cell<'_>| {
        let row = common.rows[cell.rows[0]];
        vec![rows[&first[row]], columns[&second[row]]]
    };
    cells.iter().map(place).collect()
}

fn hide(places: Option<&[Vec<usize>]>, counts: &[u64]) -> Vec<bool> {
    match places {
        Some(places) => {
            let cells: Vec<_> = places.iter().cloned().zip(counts.iter().copied()).collect();
            hidden_crossed(&cells)
        }
        None => hidden_cells(counts),
    }
}

/// One group of one dimension.
struct Cell<'a> {
    value: &'a str,
    rows: &'a [usize],
    labels: Vec<bool>,
    clusters: Clusters,
}

impl<'a> Cell<'a> {
    fn new(value: &'a str, rows: &'a [usize], common: &Common<'_>) -> Self {
        let of_row = select(&common.clusters.of_row, rows);
        let ids: Vec<u64> = of_row.into_iter().map(u64::from).collect();
        Self {
            value,
            rows,
            labels: select(&common.labels, rows),
            clusters: Clusters::new(&ids),
        }
    }

    fn count_that_may_be_small(&self) -> u64 {
        side_that_may_be_small(count(&self.labels), self.labels.len() as u64)
    }
}

fn reason(size: u64, too_small: bool, positives_hidden: bool) -> Option<String> {
    if too_small && is_small(size) {
        Some(format!("fewer than {CELL_MIN} subjects"))
    } else if too_small {
        Some("hidden so that a smaller group does not follow from the total".into())
    } else if positives_hidden {
        Some(format!(
            "positives hidden: a count below {CELL_MIN} would be shown or would follow"
        ))
    } else {
        None
    }
}
