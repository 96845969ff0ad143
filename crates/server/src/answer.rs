//! An answer that was served: the prediction, its ledger entry and the commitment that the entry
//! holds. [`Audited`] makes it impossible to send a prediction that has no entry.

use crate::Error;
use longitude_core::{Digest, Prediction};
use longitude_govern::{Layout, RunLedger, commitment};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// A served answer as it is kept in the run folder (`answers/<id>.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The answer's id, by which it can be contested: 32 hexadecimal digits.
    pub id: String,
    /// What was answered.
    pub prediction: Prediction,
    /// The index of its entry in the ledger.
    pub entry: u64,
    /// The salted commitment that the entry holds: SHA-256 over the salt and the prediction's JSON.
    pub commitment: Digest,
    /// The salt, in hexadecimal. Destroying it and this file erases the answer; the ledger stays
    /// valid.
    pub salt: String,
    /// The seed of the sampled futures.
    pub seed: u64,
    /// When it was asked, UTC.
    pub asked: String,
}

/// A value whose ledger entry is durable. Only `record` makes one, so a handler that answers with
/// `Audited<Answer>` cannot answer without an entry.
#[derive(Debug)]
pub struct Audited<T>(T);

impl<T> Audited<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// What the ledger entry of an answer says: no value of a patient, only commitments.
#[derive(Debug, Serialize)]
struct Served<'a> {
    answer: &'a str,
    task: &'a str,
    model_root: Digest,
    out: Digest,
    abstained: bool,
    seed: u64,
    asked: &'a str,
}

/// Writes the ledger entry, then the answer's file, and only then hands the answer out.
///
/// # Errors
/// When the ledger or the file cannot be written; then nothing may be answered.
pub(crate) fn record(
    ledger: &mut RunLedger,
    layout: &Layout,
    prediction: Prediction,
    request: &Request,
) -> Result<Audited<Answer>, Error> {
    let bytes = serde_json::to_vec(&prediction).map_err(Error::Json)?;
    let out = commitment(&request.salt, &bytes);
    let id = Digest::of_parts(&[b"answer", &out.0]).hex()[..32].to_owned();
    let served = Served {
        answer: &id,
        task: &prediction.task,
        model_root: prediction.model,
        out,
        abstained: prediction.risk.is_none(),
        seed: request.seed,
        asked: &request.asked,
    };
    let entry = ledger
        .append("inference.served", &served)
        .map_err(Error::govern("ledger"))?;
    let salt = request
        .salt
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat();
    let answer = Answer {
        id,
        prediction,
        entry: entry.index,
        commitment: out,
        salt,
        seed: request.seed,
        asked: request.asked.clone(),
    };
    write(layout, &answer)?;
    Ok(Audited(answer))
}

/// What an answer's request brings: the salt of its commitment, the seed and the time.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Fresh random bytes.
    pub salt: [u8; 16],
    /// The seed of the sampled futures.
    pub seed: u64,
    /// When it was asked, UTC.
    pub asked: String,
}

/// Where answers are kept: beside the run's own results, for they come later.
fn answers(layout: &Layout) -> PathBuf {
    layout.root().join("answers")
}

fn write(layout: &Layout, answer: &Answer) -> Result<(), Error> {
    let folder = answers(layout);
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let path = folder.join(format!("{}.json", answer.id));
    let partial = path.with_extension("partial");
    let bytes = serde_json::to_vec_pretty(answer).map_err(Error::Json)?;
    fs::write(&partial, bytes).map_err(Error::file(&partial))?;
    fs::rename(&partial, &path).map_err(Error::file(&path))
}

/// Reads a served answer by its id.
///
/// # Errors
/// When the id is malformed, unknown, or the file cannot be read.
pub(crate) fn read(layout: &Layout, id: &str) -> Result<Answer, Error> {
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::Unknown("answer"));
    }
    let path = answers(layout).join(format!("{id}.json"));
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Unknown("answer"));
        }
        other => other.map_err(Error::file(&path))?,
    };
    serde_json::from_slice(&bytes).map_err(Error::Json)
}
