//! Segments into rows of one length, so that attention is a product of whole matrices.

/// Where each position of a batch stands among P = R L slots.
#[derive(Debug, PartialEq)]
pub(crate) struct Packing {
    /// R.
    pub rows: usize,
    /// L: the length of the longest segment.
    pub length: usize,
    /// The slot of each position, `[T]`.
    pub slot: Vec<usize>,
    /// The number of the segment in each slot, from 1, `[P]`; 0 where the slot is empty.
    pub segment: Vec<i32>,
}

impl Packing {
    /// First fit in the order of the segments; `starts` `[S + 1]` as of a batch.
    pub(crate) fn new(starts: &[u32]) -> Self {
        let lengths = || starts.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
        let length = lengths().max().unwrap_or(0);
        let mut filled: Vec<usize> = vec![];
        let (mut slot, mut segment) = (vec![], vec![]);
        for (number, len) in (1..).zip(lengths()) {
            let row = filled.iter().position(|filled| filled + len <= length);
            let row = row.unwrap_or_else(|| {
                filled.push(0);
                segment.resize(filled.len() * length, 0);
                filled.len() - 1
            });
            let from = row * length + filled[row];
            slot.extend(from..from + len);
            segment[from..from + len].fill(number);
            filled[row] += len;
        }
        Self {
            rows: filled.len(),
            length,
            slot,
            segment,
        }
    }

    /// P.
    pub(crate) fn slots(&self) -> usize {
        self.rows * self.length
    }

    /// A column of the batch, `width` numbers a position, in the slots; zero where they are empty.
    pub(crate) fn place<T: Copy + Default>(&self, column: &[T], width: usize) -> Vec<T> {
        let mut placed = vec![T::default(); self.slots() * width];
        for (slot, from) in self.slot.iter().zip(column.chunks_exact(width)) {
            placed[slot * width..(slot + 1) * width].copy_from_slice(from);
        }
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_segments_share_a_row() {
        let packing = Packing::new(&[0, 2, 6, 7, 9]);
        assert_eq!((packing.rows, packing.length), (3, 4));
        assert_eq!(packing.slot, [0, 1, 4, 5, 6, 7, 2, 8, 9]);
        assert_eq!(packing.segment, [1, 1, 3, 0, 2, 2, 2, 2, 4, 4, 0, 0]);
        let column: Vec<u32> = (10..19).collect();
        let placed = packing.place(&column, 1);
        assert_eq!(placed, [10, 11, 16, 0, 12, 13, 14, 15, 17, 18, 0, 0]);
    }

    #[test]
    fn nothing_packs_into_nothing() {
        assert_eq!(Packing::new(&[]).slots(), 0);
    }
}
