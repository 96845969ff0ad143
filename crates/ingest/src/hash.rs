//! 64-bit hashes and an open-addressed table over them: what remembers millions of identifiers in a
//! few bytes each. Not a cryptographic hash; nobody gains by a collision here.

/// Folds the 128-bit product of two words into one, the mixing step of wyhash and its kin.
#[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of two texts, the first a type and the second an identifier within it.
pub(crate) fn hash64(kind: &str, id: &str) -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15;
    for part in [kind, id] {
        for block in part.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..block.len()].copy_from_slice(block);
            state = fold(state ^ u64::from_le_bytes(word), 0xD6E8_FEB8_6659_FD93);
        }
        // The length closes the part, so that ("ab", "c") and ("a", "bc") differ.
        state = fold(state ^ part.len() as u64, 0xA076_1D64_78BD_642F);
    }
    fold(state, 0xE703_7ED1_A0B4_28DB)
}

/// The hash of a record's type and identifier. Identifiers that are counted up get keys that are
/// counted up, so that [`Table`] finds neighbours beside each other.
pub(crate) fn key64(kind: &str, id: &str) -> u64 {
    // Without a leading zero, so that "1" and "01" differ; 18 digits fit.
    let is_counted = (1..=18).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_digit())
        && !id.starts_with('0');
    match id.parse::<u64>() {
        Ok(number) if is_counted => hash64(kind, "").wrapping_add(number),
        _ => hash64(kind, id),
    }
    .max(1)
}

/// A map from hashes to small values. The first value of a key stays.
pub(crate) struct Table<V> {
    // Zero marks an empty slot; the key zero is stored as one.
    keys: Vec<u64>,
    values: Vec<V>,
    len: usize,
}

impl<V: Copy + Default> Table<V> {
    pub(crate) fn new() -> Self {
        Self {
            keys: Vec::new(),
            values: Vec::new(),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Inserts unless the key is there; says whether it was absent.
    pub(crate) fn insert(&mut self, key: u64, value: V) -> bool {
        // Three quarters full is where linear probing still takes few steps.
        if self.len * 4 >= self.keys.len() * 3 {
            self.grow();
        }
        let slot = self.slot(key);
        if self.keys[slot] != 0 {
            return false;
        }
        self.keys[slot] = key.max(1);
        self.values[slot] = value;
        self.len += 1;
        true
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: u64) -> Option<V> {
        if self.keys.is_empty() {
            return None;
        }
        let slot = self.slot(key);
        (self.keys[slot] != 0).then(|| self.values[slot])
    }

    /// The slot that holds the key, or the empty one where it would go.
    #[expect(clippy::cast_possible_truncation, reason = "only low bits are used")]
    fn slot(&self, key: u64) -> usize {
        let (key, mask) = (key.max(1), self.keys.len() - 1);
        // Eight keys that are counted up share a line of the processor's cache.
        let line = fold(key >> 3, 0x9E37_79B9_7F4A_7C15) << 3;
        let mut slot = (line | key & 7) as usize & mask;
        while self.keys[slot] != 0 && self.keys[slot] != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let size = (self.keys.len() * 2).max(64);
        let keys = std::mem::replace(&mut self.keys, vec![0; size]);
        let values = std::mem::replace(&mut self.values, vec![V::default(); size]);
        for (key, value) in keys.into_iter().zip(values) {
            if key != 0 {
                let slot = self.slot(key);
                self.keys[slot] = key;
                self.values[slot] = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(hash64("ab", "c"), hash64("a", "bc"));
        assert_ne!(hash64("a", ""), hash64("a", "\0"));
        assert_eq!(hash64("Patient", "1"), hash64("Patient", "1"));
    }

    #[test]
    fn identifiers_keep_apart() {
        let ids = ["1", "01", "1.0", "+1", "", "-1", "999999999999999999", "a"];
        let keys = ids.map(|id| key64("person", id));
        let mut sorted = keys.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), ids.len());
        assert_ne!(key64("person", "1"), key64("death", "1"));
        assert_eq!(key64("person", "2"), key64("person", "1") + 1);
    }

    #[test]
    fn the_table_agrees_with_a_tree() {
        let mut table = Table::new();
        let mut tree = BTreeMap::new();
        for i in 0..20_000u32 {
            let key = hash64("k", &(i % 7_000).to_string());
            assert_eq!(table.insert(key, i), !tree.contains_key(&key));
            tree.entry(key).or_insert(i);
        }
        assert_eq!(table.len(), tree.len());
        assert!(tree.iter().all(|(key, i)| table.get(*key) == Some(*i)));
        assert_eq!(table.get(hash64("k", "absent")), None);
        assert!(table.insert(0, 5) && !table.insert(0, 6));
    }
}
