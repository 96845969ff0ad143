//! One case in one file: an answer or a contest with everything that a stranger needs to check it
//! without the run, without a network, and with a second program: the institution's key and the
//! log's, the model's signed list of files and its facts, what was served, what was contested, who
//! released the model, and for each the entry of the ledger with its proof.
//!
//! What it proves is what the ledger committed to. It does not hold the record that the answer was
//! made from, and nobody can see from it what is not in it.

use crate::answer::Answers;
use crate::committed;
use crate::contest;
use crate::error::{Error, Result};
use crate::files;
use crate::institution::PUBLIC_KEY;
use crate::key::{PublicKey, TrustedKey};
use crate::layout::{Layout, MODEL};
use crate::model::{MODEL_SIGNATURE, Manifest};
use crate::release;
use crate::run::{Keys, Leaf, parse_leaf};
use crate::verify::Verdict;
use longitude_core::Digest;
use longitude_ledger::{ProofFile, Reader, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const KIND: &str = "longitude.case";
const KEYS: &str = "institution.keys.json";
/// What is known of the model, beside its signed list.
const FACTS: &str = "model-facts.json";
/// A bundle of a case with a hundred records is far below this.
const BYTES_MAX: usize = 64 << 20;

/// A case in one file. It holds a patient's answers, so its `Debug` is redacted.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseBundle {
    v: u32,
    kind: String,
    /// The answer or contest that it is of.
    id: String,
    /// Files of the run, word for word, by their names.
    files: BTreeMap<String, String>,
    leaves: Vec<Proven>,
}

/// An entry of the ledger, word for word, with its proof.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proven {
    entry: String,
    /// The text of a `.tlog-proof` file.
    proof: String,
}

/// Redacted: it holds a patient's answers.
impl std::fmt::Debug for CaseBundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "CaseBundle({} files, {} leaves)",
            self.files.len(),
            self.leaves.len()
        )
    }
}

impl CaseBundle {
    /// Collects the case of an answer, by its id, or of a contest, by its number, beside whoever
    /// writes to the run. An answer brings its contests, a contest its answer.
    ///
    /// # Errors
    /// When there is no such answer or contest, or something of it cannot be read.
    pub fn collect(layout: &Layout, id: &str) -> Result<Self> {
        let log = Reader::open(&layout.ledger())?;
        let mut files = BTreeMap::new();
        let mut take = |name: String| -> Result<String> {
            let text = files::read_text(&layout.root().join(&name))?;
            files.insert(name, text.clone());
            Ok(text)
        };
        take(PUBLIC_KEY.to_owned())?;
        take(KEYS.to_owned())?;
        take(format!("{MODEL}/{MODEL_SIGNATURE}"))?;
        if layout.model().join(FACTS).is_file() {
            take(format!("{MODEL}/{FACTS}"))?;
        }
        let of = Case::find(layout, id)?;
        for answer in &of.answers {
            take(format!("answers/{answer}.json"))?;
        }
        for contest in &of.contests {
            take(format!("contests/{contest}.json"))?;
        }
        for name in committed::files_in(&layout.release()) {
            take(format!("release/{name}"))?;
        }
        let mut leaves = Vec::new();
        for index in 0..log.checkpoint().size {
            let bytes = log.entry(index)?;
            let leaf = parse_leaf(&bytes, index, &layout.ledger())?;
            if of.concerns(&leaf) {
                leaves.push(Proven {
                    entry: String::from_utf8_lossy(&bytes).into_owned(),
                    proof: log.proof_file(index)?.to_text(),
                });
            }
        }
        Ok(Self {
            v: 1,
            kind: KIND.to_owned(),
            id: id.to_owned(),
            files,
            leaves,
        })
    }

    /// The text of the file.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_text(&self) -> Result<String> {
        files::to_json("the case", self)
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// When it is no case in one file.
    pub fn from_text(path: &Path, text: &str) -> Result<Self> {
        if text.len() > BYTES_MAX {
            return Err(Error::form(path, "it is too large for a case in one file"));
        }
        let bundle: Self = files::parse_json(path, text)?;
        if bundle.v != 1 || bundle.kind != KIND {
            return Err(Error::form(path, "it is no case in one file"));
        }
        Ok(bundle)
    }

    /// Checks everything that it holds against a key that the user trusts. Never fails itself.
    pub fn verify(&self, trusted: Option<&TrustedKey>) -> Verdict {
        let mut verdict = Verdict { checks: Vec::new() };
        let Some(key) = self.check_key(trusted, &mut verdict) else {
            return verdict;
        };
        let log = self.check_log_key(&key, &mut verdict);
        let leaves = match &log {
            Some(log) => self.check_leaves(log, &mut verdict),
            None => Vec::new(),
        };
        let model = self.check_model(&key, &mut verdict);
        self.check_answers((&leaves, model), &mut verdict);
        self.check_contests(&leaves, &mut verdict);
        if let (Some(log), Some(model)) = (log, model) {
            self.check_release((&key, log.name(), model), &leaves, &mut verdict);
        }
        self.check_names(&mut verdict);
        verdict
    }

    fn check_key(&self, trusted: Option<&TrustedKey>, verdict: &mut Verdict) -> Option<PublicKey> {
        let beside = PublicKey::from_pem(self.file(PUBLIC_KEY));
        let beside = match beside {
            Ok(key) => key,
            Err(error) => {
                verdict.fail(PUBLIC_KEY, error.to_string());
                return None;
            }
        };
        match trusted {
            None => {
                let detail = format!(
                    "the key in the file proves no origin: compare {} with the institution's, or \
                     give the key that you trust",
                    beside.fingerprint()
                );
                verdict.not_proven("origin", detail);
            }
            Some(trusted) if trusted.fingerprint() == beside.fingerprint() => {
                verdict.pass(
                    "origin",
                    format!("the trusted key {}", beside.fingerprint()),
                );
            }
            Some(trusted) => {
                let detail = format!(
                    "the file bears the key {}, not the trusted key {}",
                    beside.fingerprint(),
                    trusted.fingerprint()
                );
                verdict.fail("origin", detail);
            }
        }
        Some(beside)
    }

    fn check_log_key(&self, key: &PublicKey, verdict: &mut Verdict) -> Option<VerifyingKey> {
        let path = Path::new(KEYS);
        let read = Keys::parse(self.file(KEYS), key, path).and_then(|keys| {
            let log = keys.log_key(path)?;
            Ok((keys.institution, log))
        });
        match read {
            Ok((institution, log)) => {
                verdict.pass(KEYS, format!("{institution} vouches for the log's key"));
                Some(log)
            }
            Err(error) => {
                verdict.fail(KEYS, error.to_string());
                None
            }
        }
    }

    /// The leaves whose proofs hold.
    fn check_leaves(&self, log: &VerifyingKey, verdict: &mut Verdict) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for proven in &self.leaves {
            let read = ProofFile::from_text(&proven.proof).and_then(|proof| {
                proof.verify(proven.entry.as_bytes(), log)?;
                Ok(proof.index)
            });
            let leaf = read
                .map_err(Error::from)
                .and_then(|index| parse_leaf(proven.entry.as_bytes(), index, Path::new("ledger")));
            match leaf {
                Ok(leaf) => leaves.push(leaf),
                Err(error) => verdict.fail("ledger", error.to_string()),
            }
        }
        if leaves.len() == self.leaves.len() {
            let detail = format!(
                "{} entries, each proven by the signed checkpoint",
                leaves.len()
            );
            verdict.pass("ledger", detail);
        }
        leaves
    }

    fn check_model(&self, key: &PublicKey, verdict: &mut Verdict) -> Option<Digest> {
        let name = format!("{MODEL}/{MODEL_SIGNATURE}");
        let manifest = Manifest::parse(self.file(&name), Some(key), Path::new(&name));
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                verdict.fail(name, error.to_string());
                return None;
            }
        };
        verdict.pass(
            &name,
            format!("the institution signed the model {}", manifest.root),
        );
        let facts = format!("{MODEL}/{FACTS}");
        if let Some(text) = self.files.get(&facts) {
            if manifest.vouches_for(FACTS, text.as_bytes()) {
                verdict.pass(&facts, "as the signed model holds them");
            } else {
                verdict.fail(&facts, "they are not those of the signed model");
            }
        }
        Some(manifest.root)
    }

    fn check_answers(&self, (leaves, model): (&[Leaf], Option<Digest>), verdict: &mut Verdict) {
        let answers = Answers::of(leaves);
        for (name, text) in self.of("answers") {
            match answers.committed_in(text, Path::new(name)) {
                Ok(Some(served)) if model.is_some() && served.model_root == model => {
                    verdict.pass(name, "as its ledger entry commits to, by the signed model");
                }
                Ok(Some(_)) => verdict.fail(name, "it was given by another model"),
                Ok(None) => verdict.fail(name, "it is not what its ledger entry commits to"),
                Err(error) => verdict.fail(name, error.to_string()),
            }
        }
    }

    fn check_contests(&self, leaves: &[Leaf], verdict: &mut Verdict) {
        for (name, text) in self.of("contests") {
            // Of several steps the last one commits to the case as it stands.
            let mut steps = leaves.iter().filter_map(contest::step_of);
            let id = name
                .trim_start_matches("contests/")
                .trim_end_matches(".json");
            let last = steps.rfind(|step| step.contest.to_string() == id);
            match (last, committed::commitment_in(text, Path::new(name))) {
                (Some(step), Ok(found)) if found == step.case => {
                    verdict.pass(name, "as its last ledger entry commits to");
                }
                (_, Err(error)) => verdict.fail(name, error.to_string()),
                _ => verdict.fail(name, "it is not what its last ledger entry commits to"),
            }
        }
    }

    fn check_release(
        &self,
        of: (&PublicKey, &str, Digest),
        leaves: &[Leaf],
        verdict: &mut Verdict,
    ) {
        let committed: Vec<_> = leaves.iter().filter_map(release::leaf_of).collect();
        let mut records = Vec::new();
        for (name, text) in self.of("release") {
            let path = Path::new(name);
            let found = committed::commitment_in(text, path);
            let known = |case: Digest| {
                let own = |one: &release::Committed| format!("release/{}.json", one.record);
                committed
                    .iter()
                    .any(|one| one.case == case && own(one) == *name)
            };
            let record = files::parse_json(path, text);
            match (found, record) {
                (Ok(case), Ok(record)) if known(case) => records.push(record),
                _ => verdict.fail(name, "the ledger knows nothing of it"),
            }
        }
        // A suspension that was left out would show a task as released.
        for one in &committed {
            let name = format!("release/{}.json", one.record);
            if !self.files.contains_key(&name) {
                verdict.fail(name, "the ledger has it and the file has not");
            }
        }
        if records.len() != committed.len() {
            return;
        }
        if records.is_empty() {
            return verdict.pass("release", "nobody has released it: research mode");
        }
        match release::releases(&records, of, None) {
            Ok(releases) => {
                let told = |(scope, release): (&release::Scope, &release::Release)| {
                    let by = release.by.join(" and ");
                    format!("{scope}: {} by {by}", release.stage)
                };
                let all: Vec<String> = releases.iter().map(told).collect();
                verdict.pass("release", all.join("; "));
            }
            Err(error) => verdict.fail("release", error.to_string()),
        }
    }

    /// Nothing may travel along that nobody vouches for.
    fn check_names(&self, verdict: &mut Verdict) {
        let single = [
            PUBLIC_KEY.to_owned(),
            KEYS.to_owned(),
            format!("{MODEL}/{MODEL_SIGNATURE}"),
            format!("{MODEL}/{FACTS}"),
        ];
        let folders = ["answers/", "contests/", "release/"];
        let known = |name: &String| {
            single.contains(name) || folders.iter().any(|folder| name.starts_with(folder))
        };
        for name in self.files.keys().filter(|name| !known(name)) {
            verdict.fail(name, "it does not belong here: nothing vouches for it");
        }
    }

    fn file(&self, name: &str) -> &str {
        self.files.get(name).map_or("", String::as_str)
    }

    /// The files of a folder.
    fn of(&self, folder: &str) -> impl Iterator<Item = (&String, &String)> {
        let folder = format!("{folder}/");
        self.files
            .iter()
            .filter(move |(name, _)| name.starts_with(&folder))
    }
}

/// What belongs to a case.
struct Case {
    answers: Vec<String>,
    contests: Vec<String>,
}

/// What is needed of a contest to find its answer.
#[derive(Deserialize)]
struct About {
    answer: Option<String>,
}

impl Case {
    fn find(layout: &Layout, id: &str) -> Result<Self> {
        let none = || Error::NoCase(id.to_owned());
        let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain {
            return Err(none());
        }
        let about = |name: &str| -> Result<About> {
            files::read_json(&layout.contests().join(format!("{name}.json")))
        };
        let is_there = |folder: PathBuf| folder.join(format!("{id}.json")).is_file();
        if is_there(layout.contests()) {
            let answer = about(id)?.answer;
            let kept = |id: &String| layout.answers().join(format!("{id}.json")).is_file();
            return Ok(Self {
                answers: answer.into_iter().filter(kept).collect(),
                contests: vec![id.to_owned()],
            });
        }
        if !is_there(layout.answers()) {
            return Err(none());
        }
        let mut contests = Vec::new();
        for name in committed::files_in(&layout.contests()) {
            let number = name.trim_end_matches(".json");
            if about(number)?.answer.as_deref() == Some(id) {
                contests.push(number.to_owned());
            }
        }
        Ok(Self {
            answers: vec![id.to_owned()],
            contests,
        })
    }

    /// Whether an entry of the ledger belongs to it.
    fn concerns(&self, leaf: &Leaf) -> bool {
        let field = |name: &str| leaf.receipt.get(name).and_then(serde_json::Value::as_str);
        let is = |value: Option<&str>, of: &[String]| {
            value.is_some_and(|value| of.iter().any(|one| one == value))
        };
        is(field("answer"), &self.answers)
            || is(field("contest"), &self.contests)
            || leaf.kind.starts_with("release")
    }
}
