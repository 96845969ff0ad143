//! Checking proofs, and the file that carries one to a stranger (C2SP tlog-proof).
//!
//! The checks follow the iterative algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2, which share
//! nothing with the recursive definitions by which the proofs are made.

use crate::cosignature::{Cosigned, Policy};
use crate::error::{Error, Result};
use crate::hash::{Hash, empty_root, leaf_hash, node_hash};
use crate::note::{Checkpoint, VerifyingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// The first line of a proof file.
const MAGIC: &str = "c2sp.org/tlog-proof@v1";

/// Checks that `leaf` is entry `index` of the tree that `head` describes (RFC 9162, 2.1.3.2).
///
/// # Errors
/// When the proof does not lead to the root.
pub fn verify_inclusion(leaf: &Hash, index: u64, proof: &[Hash], head: (u64, Hash)) -> Result<()> {
    let (size, root) = head;
    if index >= size {
        return Err(Error::Proof("the index lies outside the tree"));
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(Error::Proof("it is too long"));
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(Error::Proof("it is too short"));
    }
    if hash == root {
        Ok(())
    } else {
        Err(Error::Proof("it does not lead to the root"))
    }
}

/// Checks that the tree `old` is the start of the tree `new`, each a size and a root
/// (RFC 9162, 2.1.4.2). Nothing is the start of everything.
///
/// # Errors
/// When the proof does not lead to both roots.
pub fn verify_consistency(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> Result<()> {
    if old.0 > new.0 {
        return Err(Error::Proof("the old tree is larger than the new one"));
    }
    if old.0 == 0 || old.0 == new.0 {
        let same = if old.0 == 0 { empty_root() } else { new.1 };
        return if proof.is_empty() && old.1 == same {
            Ok(())
        } else {
            Err(Error::Proof("equal trees have equal roots and no proof"))
        };
    }
    // The first hash is the old root itself where the old tree is a perfect subtree.
    let implied = [old.1];
    let mut path = if old.0.is_power_of_two() {
        implied.iter().chain(proof)
    } else {
        [].iter().chain(proof)
    };
    let (mut node, mut last) = (old.0 - 1, new.0 - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let first = path.next().ok_or(Error::Proof("it is too short"))?;
    let (mut old_root, mut new_root) = (*first, *first);
    for hash in path {
        if last == 0 {
            return Err(Error::Proof("it is too long"));
        }
        if node & 1 == 1 || node == last {
            old_root = node_hash(hash, &old_root);
            new_root = node_hash(hash, &new_root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_root = node_hash(&new_root, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && old_root == old.1 && new_root == new.1 {
        Ok(())
    } else {
        Err(Error::Proof("it does not lead to both roots"))
    }
}

/// An inclusion proof with the checkpoint that it leads to: all that a stranger needs beside the
/// entry and the log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// Which entry.
    pub index: u64,
    /// The audit path, leaf's sibling first.
    pub path: Vec<Hash>,
    /// Bytes for the application, which nothing vouches for.
    pub extra: Option<Vec<u8>>,
    /// The signed checkpoint, word for word.
    pub checkpoint: String,
}

impl ProofFile {
    /// The text of a `.tlog-proof` file.
    pub fn to_text(&self) -> String {
        let mut text = format!("{MAGIC}\n");
        // Writing into a String cannot fail.
        if let Some(extra) = &self.extra {
            let _infallible = writeln!(text, "extra {}", STANDARD.encode(extra));
        }
        let _infallible = writeln!(text, "index {}", self.index);
        for hash in &self.path {
            let _infallible = writeln!(text, "{hash}");
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text of a `.tlog-proof` file.
    ///
    /// # Errors
    /// When it does not have the form of one.
    pub fn from_text(text: &str) -> Result<Self> {
        const FORM: Error = Error::Proof("not a tlog-proof file");
        let (head, checkpoint) = text.split_once("\n\n").ok_or(FORM)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(MAGIC) {
            return Err(FORM);
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) => {
                let bytes = STANDARD.decode(extra).map_err(|_error| FORM)?;
                lines.next();
                Some(bytes)
            }
            None => None,
        };
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(crate::note::decimal)
            .ok_or(FORM)?;
        let path = lines
            .map(|line| Hash::from_base64(line).ok_or(FORM))
            .collect::<Result<_>>()?;
        Ok(Self {
            index,
            path,
            extra,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks the checkpoint's signature and that `entry` is in the tree that it describes.
    ///
    /// # Errors
    /// When either check fails.
    pub fn verify(&self, entry: &[u8], key: &VerifyingKey) -> Result<Checkpoint> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        self.verify_in(entry, &checkpoint)?;
        Ok(checkpoint)
    }

    /// Checks the checkpoint by a policy, witnesses included, and that `entry` is in the tree that
    /// it describes.
    ///
    /// # Errors
    /// When either check fails.
    pub fn verify_by(&self, entry: &[u8], policy: &Policy) -> Result<Cosigned> {
        let cosigned = policy.open(&self.checkpoint)?;
        self.verify_in(entry, &cosigned.checkpoint)?;
        Ok(cosigned)
    }

    fn verify_in(&self, entry: &[u8], checkpoint: &Checkpoint) -> Result<()> {
        let head = (checkpoint.size, checkpoint.root);
        verify_inclusion(&leaf_hash(entry), self.index, &self.path, head)
    }
}
