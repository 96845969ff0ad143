//! The receipt of a de-identification, and the re-opening of a stored set by it.
//!
//! A data set that was de-identified, written and read again is sealed anew only against the
//! receipt that names its digest. A receipt is as good as the ledger it stands in: the caller
//! checks it there first.

use crate::key::Key;
use crate::sealed::Deidentified;
use longitude_core::{Digest, NamedDigest, Receipt, Timeline};
use serde::Serialize;

/// The name of this step in receipts.
const STEP: &str = "deid";
/// The name of the de-identified data set in the receipt.
const OUTPUT: &str = "meds";
/// The name of the key's fingerprint in the receipt.
const KEY: &str = "deid key fingerprint";

/// A receipt that could not be written, or that does not cover a data set.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options could not be written as JSON.
    #[error("cannot digest the options of the de-identification")]
    Options(#[from] serde_json::Error),
    /// The receipt is of another step.
    #[error("the receipt is of step `{0}`, not of a de-identification")]
    OtherStep(String),
    /// The receipt names another data set.
    #[error("the receipt does not cover this data set (digest {0}); it may have been altered")]
    OtherDataset(Digest),
}

/// The receipt of a de-identification: of the set with digest `input` into the one with digest
/// `output`. It names the key by its fingerprint.
///
/// # Errors
/// When the options cannot be written as JSON.
pub fn receipt<T: Serialize>(
    key: &Key,
    options: &T,
    input: NamedDigest,
    output: Digest,
) -> Result<Receipt, Error> {
    let key = NamedDigest {
        name: KEY.to_owned(),
        digest: key.fingerprint(),
    };
    let output = NamedDigest {
        name: OUTPUT.to_owned(),
        digest: output,
    };
    Ok(Receipt {
        step: STEP.to_owned(),
        inputs: vec![input, key],
        options: Digest::of_json(options)?,
        code: concat!("longitude ", env!("CARGO_PKG_VERSION")).to_owned(),
        seed: None,
        outputs: vec![output],
    })
}

/// The fingerprint of the key that a receipt names.
pub fn key_of(receipt: &Receipt) -> Option<Digest> {
    let key = receipt.inputs.iter().find(|input| input.name == KEY);
    key.map(|key| key.digest)
}

/// The right to seal the timelines of one stored data set.
#[derive(Debug)]
pub struct Reopened(());

/// Re-opens a stored data set whose files have the digest `dataset`.
///
/// # Errors
/// When the receipt is not of a de-identification, or does not name that digest.
pub fn reopen(receipt: &Receipt, dataset: Digest) -> Result<Reopened, Error> {
    if receipt.step != STEP {
        return Err(Error::OtherStep(receipt.step.clone()));
    }
    let covers = |output: &NamedDigest| output.name == OUTPUT && output.digest == dataset;
    if receipt.outputs.iter().any(covers) {
        Ok(Reopened(()))
    } else {
        Err(Error::OtherDataset(dataset))
    }
}

impl Reopened {
    /// Seals a timeline that was read from the data set.
    pub fn timeline(&self, timeline: Timeline) -> Deidentified<Timeline> {
        Deidentified::seal(timeline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Options;

    #[test]
    fn only_its_own_data_set_is_opened() {
        let key = Key::from_bytes([3; 32]);
        let input = NamedDigest {
            name: "identified".into(),
            digest: Digest::of(b"in"),
        };
        let output = Digest::of(b"out");
        let mut receipt = receipt(&key, &Options::safe_harbor(), input, output).unwrap();
        assert!(reopen(&receipt, output).is_ok());
        assert_eq!(key_of(&receipt), Some(key.fingerprint()));
        let other = reopen(&receipt, Digest::of(b"in"));
        assert!(matches!(other, Err(Error::OtherDataset(_))));
        receipt.step = "store".into();
        assert!(matches!(reopen(&receipt, output), Err(Error::OtherStep(_))));
    }
}
