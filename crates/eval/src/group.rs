//! Small cells: which counts of a table must not be shown.
//!
//! The threshold is that of the US Centers for Medicare and Medicaid Services' cell size
//! suppression policy: no cell of 1 to 10 is shown, nor one that follows from the others.

use std::collections::BTreeMap;

/// The smallest count that is shown, 0 left aside.
pub const CELL_MIN: usize = 11;

/// Which cells of one dimension are hidden: those of 1 to 10, and, where exactly one cell would be
/// hidden and so follow from the total, the smallest of the others too.
pub fn hidden_cells(cells: &[u64]) -> Vec<bool> {
    let mut hidden: Vec<bool> = cells.iter().map(|&cell| is_small(cell)).collect();
    if hidden.iter().filter(|&&h| h).count() == 1 {
        let shown = cells.iter().zip(&hidden).enumerate();
        let others = shown.filter(|(_, (cell, hidden))| !**hidden && **cell > 0);
        if let Some((index, _)) = others.min_by_key(|(index, (cell, _))| (**cell, *index)) {
            hidden[index] = true;
        }
    }
    hidden
}

/// Which cells of a table of two dimensions or more are hidden, by the cell's place along each:
/// those of 1 to 10, and so many more that no value of a dimension (a row, a column) has exactly
/// one hidden cell, which would follow from its total.
pub(crate) fn hidden_crossed(cells: &[(Vec<usize>, u64)]) -> Vec<bool> {
    let mut hidden: Vec<bool> = cells.iter().map(|cell| is_small(cell.1)).collect();
    loop {
        let mut lines: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (index, (places, _)) in cells.iter().enumerate() {
            for (dimension, place) in places.iter().enumerate() {
                lines.entry((dimension, *place)).or_default().push(index);
            }
        }
        let alone = lines.values().find_map(|line| {
            let shown = line
                .iter()
                .filter(|&&cell| !hidden[cell] && cells[cell].1 > 0);
            let hides_one = line.iter().filter(|&&cell| hidden[cell]).count() == 1;
            let next = shown.min_by_key(|&&cell| (cells[cell].1, cell));
            next.filter(|_| hides_one).copied()
        });
        match alone {
            Some(cell) => hidden[cell] = true,
            None => return hidden,
        }
    }
}

/// The side of a count that may be small: the part, or the rest where that is the small cell. With
/// the whole known, each gives the other away.
pub(crate) fn side_that_may_be_small(part: u64, of: u64) -> u64 {
    let rest = of - part;
    if is_small(rest) { rest } else { part }
}

/// Whether a count is from 1 to 10.
pub(crate) fn is_small(cell: u64) -> bool {
    0 < cell && cell < CELL_MIN as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_cell_is_never_shown_nor_found_by_subtraction() {
        assert_eq!(hidden_cells(&[11, 500, 40]), [false; 3]);
        assert_eq!(hidden_cells(&[10, 500, 40]), [true, false, true]);
        assert_eq!(hidden_cells(&[10, 3, 40]), [true, true, false]);
        assert_eq!(hidden_cells(&[0, 12]), [false, false]);
        assert_eq!(hidden_cells(&[0, 1, 12]), [false, true, true]);
        assert_eq!(hidden_cells(&[4]), [true]);
    }

    #[test]
    fn a_small_crossing_does_not_follow_from_the_margins() {
        let table = |cells: [u64; 6]| -> Vec<(Vec<usize>, u64)> {
            let numbered = cells.into_iter().enumerate();
            numbered
                .map(|(place, n)| (vec![place / 3, place % 3], n))
                .collect()
        };
        // One small cell: its row and column each lose another, and so does the fourth corner.
        let found = hidden_crossed(&table([5, 40, 90, 50, 60, 70]));
        assert_eq!(found, [true, true, false, true, true, false]);
        assert_eq!(hidden_crossed(&table([50; 6])), [false; 6]);
    }
}
