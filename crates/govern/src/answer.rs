//! Checking the answers that were served: each kept file is the one that its ledger entry commits
//! to. A file that is gone was erased, which the ledger allows on purpose; a changed one is named.

use crate::error::{Error, Result};
use crate::files;
use crate::run::{Leaf, commitment};
use longitude_core::Digest;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;

/// The kind of the leaf of a served answer.
const SERVED: &str = "inference.served";

/// What is needed of an answer's file: the prediction word for word, and where it is committed.
#[derive(Deserialize)]
struct Kept {
    id: String,
    prediction: Box<RawValue>,
    entry: u64,
    salt: String,
}

/// What is needed of an answer's leaf.
#[derive(Deserialize)]
pub(crate) struct Served {
    answer: String,
    pub(crate) model_root: Option<Digest>,
    out: Digest,
}

/// The answers that the ledger knows, by the index of their entry.
pub(crate) struct Answers(BTreeMap<u64, Served>);

impl Answers {
    pub(crate) fn of(leaves: &[Leaf]) -> Self {
        let served = leaves.iter().filter(|leaf| leaf.kind == SERVED);
        let read = |leaf: &Leaf| {
            let served = serde_json::from_value(leaf.receipt.clone()).ok()?;
            Some((leaf.seq, served))
        };
        Self(served.filter_map(read).collect())
    }

    /// How many answers the ledger knows.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the file at this path is the answer that its entry commits to.
    pub(crate) fn are_committed(&self, path: &Path) -> Result<bool> {
        Ok(self.committed_in(&files::read_text(path)?, path)?.is_some())
    }

    /// The entry of the answer of a text, where it commits to it.
    pub(crate) fn committed_in(&self, text: &str, path: &Path) -> Result<Option<&Served>> {
        let kept: Kept = files::parse_json(path, text)?;
        let salt = salt_bytes(&kept.salt).ok_or_else(|| Error::form(path, "it has no salt"))?;
        let bytes = compact(kept.prediction.get());
        let name = path.file_stem().and_then(|name| name.to_str());
        Ok(self.0.get(&kept.entry).filter(|served| {
            served.answer == kept.id
                && name == Some(&kept.id)
                && served.out == commitment(&salt, bytes.as_bytes())
        }))
    }
}

/// JSON without the white space between its parts: the bytes that were committed to, whatever
/// indentation the file has. Numbers stay as they are written.
fn compact(json: &str) -> String {
    let (mut text, mut escaped) = (false, false);
    let keep = |c: &char| {
        let inside = text;
        match c {
            '"' if !escaped => text = !text,
            _ => {}
        }
        escaped = inside && *c == '\\' && !escaped;
        inside || !c.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}

/// The sixteen bytes of 32 hexadecimal digits.
pub(crate) fn salt_bytes(text: &str) -> Option<[u8; 16]> {
    let salt = u128::from_str_radix(text, 16).ok()?.to_be_bytes();
    (salt_text(&salt) == text).then_some(salt)
}

/// Sixteen bytes as 32 hexadecimal digits.
pub(crate) fn salt_text(salt: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*salt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_white_space_between_parts_goes() {
        let json = r#" { "a b" : [ 1.10 , "x \" y \\" , { } ] } "#;
        assert_eq!(compact(json), r#"{"a b":[1.10,"x \" y \\",{}]}"#);
    }

    proptest! {
        /// Indenting and compacting gives back what was written at once.
        #[test]
        fn compacting_undoes_indenting(words in prop::collection::vec("\\PC{0,12}", 0..6)) {
            let value = serde_json::json!({ "words": words, "n": [1, 2.5, null] });
            let indented = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&indented), serde_json::to_string(&value).unwrap());
        }
    }
}
