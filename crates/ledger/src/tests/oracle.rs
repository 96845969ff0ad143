//! RFC 6962, section 2.1, as it is written: trees as lists of entries, recursion, no tiles.

use crate::Hash;
use sha2::{Digest, Sha256};

pub(super) fn mth(d: &[Vec<u8>]) -> Hash {
    let hash = match d {
        [] => Sha256::digest([]),
        [one] => Sha256::digest([&[0x00], one.as_slice()].concat()),
        _ => {
            let k = k(d.len());
            let (left, right) = (mth(&d[..k]), mth(&d[k..]));
            Sha256::digest([&[0x01], &left.0[..], &right.0[..]].concat())
        }
    };
    Hash(hash.into())
}

/// 2.1.1: PATH(m, D[n]).
pub(super) fn path(m: usize, d: &[Vec<u8>]) -> Vec<Hash> {
    if d.len() == 1 {
        return Vec::new();
    }
    let k = k(d.len());
    if m < k {
        [path(m, &d[..k]), vec![mth(&d[k..])]].concat()
    } else {
        [path(m - k, &d[k..]), vec![mth(&d[..k])]].concat()
    }
}

/// 2.1.2: PROOF(m, D[n]).
pub(super) fn proof(m: usize, d: &[Vec<u8>]) -> Vec<Hash> {
    subproof(m, d, true)
}

fn subproof(m: usize, d: &[Vec<u8>], complete: bool) -> Vec<Hash> {
    if m == d.len() {
        return if complete { Vec::new() } else { vec![mth(d)] };
    }
    let k = k(d.len());
    if m <= k {
        [subproof(m, &d[..k], complete), vec![mth(&d[k..])]].concat()
    } else {
        [subproof(m - k, &d[k..], false), vec![mth(&d[..k])]].concat()
    }
}

/// The root to which a path leads, from the top down: the second way to check a proof.
pub(super) fn root_of(leaf: Hash, m: usize, n: usize, path: &[Hash]) -> Option<Hash> {
    let Some((top, below)) = path.split_last() else {
        return (n == 1).then_some(leaf);
    };
    if n < 2 {
        return None;
    }
    let k = k(n);
    let (left, right) = if m < k {
        (root_of(leaf, m, k, below)?, *top)
    } else {
        (*top, root_of(leaf, m - k, n - k, below)?)
    };
    let hash = Sha256::digest([&[0x01], &left.0[..], &right.0[..]].concat());
    Some(Hash(hash.into()))
}

/// The largest power of two smaller than n.
fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}
