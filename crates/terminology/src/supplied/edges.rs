//! Edges from a code to the codes above it, compact, and what can be reached over them.

use std::collections::BTreeSet;

/// Edges of one file; `K` is a number for the files of millions of rows.
#[derive(Default)]
pub(super) struct Edges<K> {
    pairs: Vec<(K, K)>,
}

impl<K: Ord> Edges<K> {
    /// Adds an edge; none from a code to itself.
    pub(super) fn push(&mut self, below: K, above: K) {
        if below != above {
            self.pairs.push((below, above));
        }
    }

    /// Makes look-ups possible.
    pub(super) fn sort(&mut self) {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        self.pairs.shrink_to_fit();
    }

    /// The codes directly above one, in their order.
    pub(super) fn above(&self, below: &K) -> impl Iterator<Item = &K> {
        let start = self.pairs.partition_point(|(one, _)| one < below);
        let same = self.pairs[start..].iter();
        same.take_while(move |(one, _)| one == below)
            .map(|(_, above)| above)
    }

    /// How many edges begin at one of some codes.
    pub(super) fn count(&self, below: &BTreeSet<K>) -> u64 {
        below.iter().map(|one| self.above(one).count() as u64).sum()
    }
}

/// Some codes and everything above them over all of `edges`, each once, however they circle.
pub(super) fn closure<K: Ord + Clone>(
    start: impl IntoIterator<Item = K>,
    edges: &[&Edges<K>],
) -> BTreeSet<K> {
    let mut left: Vec<K> = start.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(next) = left.pop() {
        for edges in edges {
            left.extend(
                edges
                    .above(&next)
                    .filter(|one| !found.contains(*one))
                    .cloned(),
            );
        }
        found.insert(next);
    }
    found
}
