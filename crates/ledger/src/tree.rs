//! Roots and proofs out of perfect subtrees, wherever their hashes are kept (RFC 6962, 2.1).
//!
//! The functions ask for the hash of the perfect subtree of `2^height` leaves that starts at
//! `index << height`; the log answers from its tiles, a test from memory.

use crate::hash::{Hash, empty_root, node_hash};

/// The largest power of two below `n`, for `n > 1` (the `k` of RFC 6962, 2.1).
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The hash of the entries `start..end`, where `start` is aligned to a subtree of that length.
pub(crate) fn range_root<E>(
    start: u64,
    end: u64,
    subtree: &mut dyn FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let length = end - start;
    if length == 0 {
        return Ok(empty_root());
    }
    if length.is_power_of_two() {
        return subtree(length.ilog2(), start >> length.ilog2());
    }
    let middle = start + split(length);
    let left = range_root(start, middle, subtree)?;
    let right = range_root(middle, end, subtree)?;
    Ok(node_hash(&left, &right))
}

/// The audit path of an entry in the tree of the first `size` entries, leaf's sibling first
/// (RFC 6962, 2.1.1). The caller checks `index < size`.
pub(crate) fn inclusion<E>(
    index: u64,
    size: u64,
    subtree: &mut dyn FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_root(middle, end, subtree)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, subtree)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` entries is the start of the tree of `new` entries
/// (RFC 6962, 2.1.2). The caller checks `old <= new`.
pub(crate) fn consistency<E>(
    old: u64,
    new: u64,
    subtree: &mut dyn FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    // Down the tree along the old tree's right edge, until the old tree ends where a subtree ends.
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range_root(middle, end, subtree)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, subtree)?);
            start = middle;
        }
    }
    // The subtree that is common to both is left out where the verifier knows it as the old root.
    if start > 0 {
        proof.push(range_root(start, end, subtree)?);
    }
    proof.reverse();
    Ok(proof)
}
