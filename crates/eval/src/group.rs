//! Small cells: which counts of a table must not be shown.
//!
//! The threshold is that of the US Centers for Medicare and Medicaid Services' cell size
//! suppression policy: no cell of 1 to 10 is shown, nor one that follows from the others.

/// The smallest count that is shown, 0 left aside.
pub const CELL_MIN: usize = 11;

/// Which cells of one dimension are hidden: those of 1 to 10, and, where exactly one cell would be
/// hidden and so follow from the total, the smallest of the others too.
pub(crate) fn hidden(cells: &[u64]) -> Vec<bool> {
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

/// Whether a count is from 1 to 10.
pub(crate) fn is_small(cell: u64) -> bool {
    0 < cell && cell < CELL_MIN as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_cell_is_never_shown_nor_found_by_subtraction() {
        assert_eq!(hidden(&[11, 500, 40]), [false; 3]);
        assert_eq!(hidden(&[10, 500, 40]), [true, false, true]);
        assert_eq!(hidden(&[10, 3, 40]), [true, true, false]);
        assert_eq!(hidden(&[0, 12]), [false, false]);
        assert_eq!(hidden(&[0, 1, 12]), [false, true, true]);
        assert_eq!(hidden(&[4]), [true]);
    }
}
