//! Checking a whole run offline: who signed it, whether its ledger is whole, and whether every
//! file is still the one that the ledger's receipts are of. Whatever was altered is named.
//!
//! What it proves and what not: with a key that the user pinned beforehand, everything that the
//! run holds was made by the holder of that key and is unchanged. Without one, a run may be whole
//! and yet be anybody's, so its origin is reported as not proven. A run that was rewritten
//! throughout by the holder of the key himself is only found by somebody who kept an older
//! checkpoint.

use crate::answer::Answers;
use crate::committed;
use crate::contest;
use crate::error::{Error, Fault};
use crate::files;
use crate::key::{PublicKey, TrustedKey};
use crate::layout::{Layout, MODEL, RECEIPTED};
use crate::model::{MODEL_SIGNATURE, Manifest, is_plain, model_root};
use crate::monitor;
use crate::release;
use crate::run::{Keys, Leaf, parse_leaf};
use crate::tree::{Tree, tree_digest};
use longitude_core::{Digest, Receipt};
use longitude_ledger::{read_entries, verify_log};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// What one check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// Nothing here can show it.
    NotProven,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The file, inside the run folder, or the property.
    pub name: String,
    /// What was found.
    pub outcome: Outcome,
    /// In one sentence.
    pub detail: String,
}

/// All that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In the order of checking.
    pub checks: Vec<Check>,
}

impl Verdict {
    /// Whether every check passed, the origin included.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|c| c.outcome == Outcome::Pass)
    }

    /// Whether nothing was found altered; the origin may be unproven.
    pub fn intact(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|c| c.outcome == Outcome::Fail)
    }

    fn add(&mut self, name: impl Into<String>, outcome: Outcome, detail: impl Into<String>) {
        self.checks.push(Check {
            name: name.into(),
            outcome,
            detail: detail.into(),
        });
    }

    pub(crate) fn not_proven(&mut self, name: &str, detail: impl Into<String>) {
        self.add(name, Outcome::NotProven, detail);
    }

    pub(crate) fn pass(&mut self, name: &str, detail: impl Into<String>) {
        self.add(name, Outcome::Pass, detail);
    }

    pub(crate) fn fail(&mut self, name: impl Into<String>, detail: impl Into<String>) {
        self.add(name, Outcome::Fail, detail);
    }

    /// Adds the faults of a folder's files, or one pass.
    fn faults(&mut self, folder: &str, faults: &[Fault], pass: impl Into<String>) {
        for fault in faults {
            let name = format!("{folder}/{}", fault.file());
            let detail = match fault {
                Fault::Altered(_) => "it was altered",
                Fault::Missing(_) => "it is missing",
                Fault::Unlisted(_) => "it does not belong here: nothing vouches for it",
            };
            self.fail(name, detail);
        }
        if faults.is_empty() {
            self.pass(folder, pass);
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::NotProven => "not proven",
        })
    }
}

/// A line for each check.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            writeln!(f, "{}: {}: {}", check.outcome, check.name, check.detail)?;
        }
        Ok(())
    }
}

/// Checks a run folder against a key that the user trusts. Never fails itself: what cannot be
/// read is a check that fails.
pub fn verify_run(run: &Path, trusted: Option<&TrustedKey>) -> Verdict {
    let layout = Layout::new(run);
    let mut verdict = Verdict { checks: Vec::new() };
    let Some(key) = check_key(&layout, trusted, &mut verdict) else {
        return verdict;
    };
    check_ledger(&layout, &key, &mut verdict);
    let leaves = check_leaves(&layout, &mut verdict);
    let outputs = check_chain(&leaves, &mut verdict);
    check_model(&layout, &key, &mut verdict);
    for (name, digest) in &outputs {
        check_output(&layout, name, *digest, &mut verdict);
    }
    check_named(&layout, &outputs, &mut verdict);
    check_contests(&layout, &leaves, &mut verdict);
    check_answers(&layout, &leaves, &mut verdict);
    check_monitor(&layout, &leaves, &mut verdict);
    check_release(&layout, &key, &leaves, &mut verdict);
    verdict
}

/// The key that everything else is checked with: the pinned one, or else the one in the run.
fn check_key(
    layout: &Layout,
    trusted: Option<&TrustedKey>,
    verdict: &mut Verdict,
) -> Option<PublicKey> {
    const NAME: &str = "institution.pub.pem";
    let beside = match PublicKey::from_file(&layout.institution_public_key()) {
        Ok(key) => Some(key),
        Err(error) => {
            verdict.fail(NAME, told(&error));
            None
        }
    };
    match (trusted, &beside) {
        (None, Some(key)) => {
            let detail = format!(
                "the key beside the run proves no origin: compare {} with the institution's, or \
                 give the key that you trust",
                key.fingerprint()
            );
            verdict.add("origin", Outcome::NotProven, detail);
        }
        (Some(trusted), Some(key)) if trusted.fingerprint() == key.fingerprint() => {
            verdict.pass("origin", format!("the trusted key {}", key.fingerprint()));
        }
        (Some(trusted), Some(key)) => {
            let detail = format!(
                "the run bears the key {}, not the trusted key {}",
                key.fingerprint(),
                trusted.fingerprint()
            );
            verdict.fail("origin", detail);
        }
        (Some(trusted), None) if trusted.public_key(Path::new("")).is_ok() => {
            verdict.pass(
                "origin",
                format!("the trusted key {}", trusted.fingerprint()),
            );
        }
        (_, None) => {}
    }
    match trusted {
        Some(trusted) => trusted
            .public_key(&layout.institution_public_key())
            .ok()
            .or(beside),
        None => beside,
    }
}

/// The log's key is vouched for, and the log is what that key signed.
fn check_ledger(layout: &Layout, key: &PublicKey, verdict: &mut Verdict) {
    const NAME: &str = "institution.keys.json";
    let path = layout.institution_keys();
    match Keys::open(&path, key) {
        Ok(keys) => {
            let detail = format!("{} vouches for the log's key", keys.institution);
            verdict.pass(NAME, detail);
        }
        Err(error) => verdict.fail(NAME, told(&error)),
    }
    // Even where nothing vouches for the log's key, it shows what else was altered.
    let Ok(log_key) = Keys::read(&path).and_then(|keys| keys.log_key(&path)) else {
        return verdict.fail("ledger", "no key is known that it could be checked with");
    };
    match verify_log(&layout.ledger(), &log_key) {
        Ok(audit) => {
            for finding in &audit.findings {
                verdict.fail(format!("ledger/{}", finding.file), &finding.what);
            }
            if let (true, Some(head)) = (audit.is_intact(), &audit.checkpoint) {
                let detail = format!(
                    "{} entries, every hash recomputed, signed root {}",
                    head.size, head.root
                );
                verdict.pass("ledger", detail);
            }
        }
        Err(error) => verdict.fail("ledger", told(&error.into())),
    }
}

/// The leaves that can be read; those that cannot are named.
fn check_leaves(layout: &Layout, verdict: &mut Verdict) -> Vec<Leaf> {
    let ledger = layout.ledger();
    let entries = match read_entries(&ledger) {
        Ok(entries) => entries,
        Err(error) => {
            verdict.fail("ledger", told(&error.into()));
            return Vec::new();
        }
    };
    let mut leaves = Vec::new();
    for (index, entry) in (0..).zip(entries) {
        let leaf = entry
            .map_err(Error::from)
            .and_then(|bytes| parse_leaf(&bytes, index, &ledger));
        match leaf {
            Ok(leaf) => leaves.push(leaf),
            Err(error) => verdict.fail("ledger", told(&error)),
        }
    }
    leaves
}

/// Every receipt's inputs are sources or came out of an earlier receipt. Gives the last digest of
/// every output.
fn check_chain(leaves: &[Leaf], verdict: &mut Verdict) -> BTreeMap<String, Digest> {
    let mut made = BTreeSet::new();
    let mut outputs = BTreeMap::new();
    let mut receipts = 0;
    let mut whole = true;
    for leaf in leaves {
        let Ok(receipt) = serde_json::from_value::<Receipt>(leaf.receipt.clone()) else {
            continue;
        };
        receipts += 1;
        for input in &receipt.inputs {
            if !is_source(&input.name) && !made.contains(&input.digest) {
                whole = false;
                let detail = format!(
                    "the receipt of step `{}` (entry {}) rests on `{}`, which no earlier receipt \
                     made",
                    receipt.step, leaf.seq, input.name
                );
                verdict.fail("receipts", detail);
            }
        }
        for output in receipt.outputs {
            made.insert(output.digest);
            outputs.insert(output.name, output.digest);
        }
    }
    if receipts == 0 {
        verdict.fail("receipts", "the ledger holds no receipt");
    } else if whole {
        let detail = format!("{receipts} receipts, each rests on sources or on earlier ones");
        verdict.pass("receipts", detail);
    }
    outputs
}

/// Whether an input comes from outside the run: its name is `source` or begins with `source/` or
/// `source:`.
fn is_source(name: &str) -> bool {
    name.strip_prefix("source")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
}

/// The model's signature and, by it, every file of the model.
fn check_model(layout: &Layout, key: &PublicKey, verdict: &mut Verdict) {
    let dir = layout.model();
    if !dir.exists() {
        return;
    }
    let signature = format!("model/{MODEL_SIGNATURE}");
    match Manifest::open(&dir, Some(key)) {
        Ok(_) => verdict.pass(&signature, format!("signed by {}", key.fingerprint())),
        Err(error) => verdict.fail(&signature, told(&error)),
    }
    // A list that nobody vouches for still tells which file is not the one that was listed.
    let Ok(manifest) = Manifest::open(&dir, None) else {
        return;
    };
    match manifest.faults(&dir) {
        Ok(faults) => {
            let detail = format!("{} signed files", manifest.resources.len());
            verdict.faults("model", &faults, detail);
        }
        Err(error) => verdict.fail("model", told(&error)),
    }
}

/// One output of the last receipt that names it.
fn check_output(layout: &Layout, name: &str, digest: Digest, verdict: &mut Verdict) {
    let path = layout.root().join(name);
    if !is_plain(name) {
        return verdict.fail(name, "a receipt names it, and it is no path inside the run");
    }
    if path.symlink_metadata().is_err() {
        return verdict.fail(name, "a receipt names it, and it is missing");
    }
    let found = if name == MODEL {
        model_root(&path)
    } else {
        tree_digest(&path)
    };
    match found {
        Ok(found) if found == digest => verdict.pass(name, digest.to_string()),
        Ok(_) => name_altered(layout, name, digest, verdict),
        Err(error) => verdict.fail(name, told(&error)),
    }
}

/// Names the files of an altered folder by the list that was kept, or the folder itself.
fn name_altered(layout: &Layout, name: &str, digest: Digest, verdict: &mut Verdict) {
    if name == MODEL
        && verdict
            .failures()
            .any(|check| check.name.starts_with(MODEL))
    {
        // The signature's own list has named what differs.
        return;
    }
    let path = layout.root().join(name);
    let kept = layout.trees().join(digest.hex());
    let list = files::read_text_if_there(&kept).ok().flatten();
    if list
        .as_ref()
        .is_some_and(|text| Digest::of(text.as_bytes()) != digest)
    {
        verdict.fail(format!("ledger/trees/{}", digest.hex()), "it was altered");
    }
    let faults = list
        .as_deref()
        .and_then(Tree::from_text)
        .filter(|tree| tree.digest() == digest)
        .and_then(|tree| Some(tree.compare(&Tree::read(&path).ok()?)));
    match faults {
        Some(faults) if !faults.is_empty() => verdict.faults(name, &faults, ""),
        _ => verdict.fail(
            name,
            "it was altered: it is not what the last receipt is of",
        ),
    }
}

/// Every result that lies in the run is named by a receipt: otherwise it was put there, or the
/// receipt was cut off the ledger.
fn check_named(layout: &Layout, outputs: &BTreeMap<String, Digest>, verdict: &mut Verdict) {
    for name in RECEIPTED {
        let inside = format!("{name}/");
        let named = |output: &String| output == name || output.starts_with(&inside);
        if layout.root().join(name).exists() && !outputs.keys().any(named) {
            let detail = "no receipt names it: it was put here, the ledger was cut, or the run \
                          was not finished";
            verdict.fail(name, detail);
        }
    }
}

/// Every contest is as its last leaf says.
fn check_contests(layout: &Layout, leaves: &[Leaf], verdict: &mut Verdict) {
    let mut last = BTreeMap::new();
    for leaf in leaves {
        if let Some(step) = contest::step_of(leaf) {
            last.insert(step.contest.to_string(), step);
        }
    }
    let mut whole = 0;
    for (id, step) in &last {
        let name = format!("contests/{id}.json");
        match contest::is_committed(&layout.contests(), step) {
            Ok(true) => whole += 1,
            Ok(false) => verdict.fail(name, "it was altered since its last step in the ledger"),
            Err(error) => verdict.fail(name, told(&error)),
        }
    }
    for name in committed::files_in(&layout.contests()) {
        let id = name.strip_suffix(".json").unwrap_or(&name);
        if !last.contains_key(id) {
            let detail = "the ledger knows nothing of it";
            verdict.fail(format!("contests/{name}"), detail);
        }
    }
    if whole > 0 && whole == last.len() {
        verdict.pass("contests", format!("{whole} contests as in the ledger"));
    }
}

/// Every record of the monitoring is as its leaf says.
fn check_monitor(layout: &Layout, leaves: &[Leaf], verdict: &mut Verdict) {
    let committed = leaves.iter().filter_map(monitor::leaf_of);
    let committed: Vec<_> = committed
        .map(|one| (one.record.to_string(), one.case))
        .collect();
    check_records(("monitor", &layout.monitor()), &committed, verdict);
}

/// Every record of the release is as its leaf says, signed by who the institution vouches for, and
/// a lawful step after those before it.
fn check_release(layout: &Layout, key: &PublicKey, leaves: &[Leaf], verdict: &mut Verdict) {
    let committed = leaves.iter().filter_map(release::leaf_of);
    let committed: Vec<_> = committed
        .map(|one| (one.record.to_string(), one.case))
        .collect();
    if !check_records(("release", &layout.release()), &committed, verdict) {
        return;
    }
    let path = layout.institution_keys();
    let replayed = model_root(&layout.model()).and_then(|model| {
        let log = Keys::read(&path)?.log_key(&path)?;
        release::releases(
            &release::read(&layout.release())?,
            (key, log.name(), model),
            None,
        )
    });
    match replayed {
        Ok(releases) => {
            let detail = format!(
                "every step of {} tasks and sites was lawful",
                releases.len()
            );
            verdict.pass("release", detail);
        }
        Err(error) => verdict.fail("release", told(&error)),
    }
}

/// The records of a folder against what the ledger committed to, by number. Whether there are any
/// and all are right.
fn check_records(
    (folder, dir): (&str, &Path),
    committed: &[(String, Digest)],
    verdict: &mut Verdict,
) -> bool {
    let faults = committed::faults(dir, committed);
    for (name, what) in &faults {
        verdict.fail(format!("{folder}/{name}"), what);
    }
    let right = !committed.is_empty() && faults.is_empty();
    if right {
        let detail = format!("{} records as in the ledger", committed.len());
        verdict.pass(folder, detail);
    }
    right
}

/// Every answer that is kept is the one that its ledger entry commits to.
fn check_answers(layout: &Layout, leaves: &[Leaf], verdict: &mut Verdict) {
    let answers = Answers::of(leaves);
    let kept = committed::files_in(&layout.answers());
    let before = verdict.failures().count();
    for name in &kept {
        let shown = format!("answers/{name}");
        match answers.are_committed(&layout.answers().join(name)) {
            Ok(true) => {}
            Ok(false) => {
                verdict.fail(
                    shown,
                    "it was altered: it is not what its ledger entry commits to",
                );
            }
            Err(error) => verdict.fail(shown, told(&error)),
        }
    }
    if answers.len() > 0 && verdict.failures().count() == before {
        let detail = format!(
            "{} served, {} kept, each as in the ledger",
            answers.len(),
            kept.len()
        );
        verdict.pass("answers", detail);
    }
}

fn told(error: &Error) -> String {
    error.told()
}
