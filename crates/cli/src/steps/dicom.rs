//! DICOM files without what identifies: every file of a folder is written anew under pseudonyms,
//! or refused with its reason. Shared by nothing but `longitude deid --dicom`.

use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::pipeline::{code_version, write_atomically};
use crate::progress::bar;
use anyhow::{Context, Result, ensure};
use longitude_core::{Digest, Instant, NamedDigest, Receipt, SubjectId};
use longitude_deid::{BurnedIn, Deidentifier, Key, Mode, Policy};
use longitude_govern::tree_digest;
use longitude_imaging::{BurnedInRule, Counts, Dates, Keyed, Options, Outcome, Subject};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Where the files stand in the folder that is written.
const FILES: &str = "files";

/// One de-identification of images.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    /// The folder of files.
    pub(crate) from: &'a Path,
    /// Where the de-identified ones go.
    pub(crate) to: &'a Path,
    /// The key of the epoch.
    pub(crate) key: Key,
    /// The policy.
    pub(crate) policy: &'a Policy,
    /// The name of the authority that gave the patients their identifiers: pseudonyms and shifts
    /// are those of the records ingested under it.
    pub(crate) authority: &'a str,
}

/// What came of a folder of files. The account for whoever runs it; of a file only its place is in
/// it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Account {
    /// Files found: written and refused together.
    pub(crate) files: u64,
    /// Files written.
    pub(crate) written: u64,
    /// Files of which nothing was written, by kind.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Patients among the written ones.
    pub(crate) subjects: u64,
    /// Written files that named no patient: known by their study.
    pub(crate) without_patient: u64,
    /// What is known of identity in the pixels of the written files.
    pub(crate) burned_in: BTreeMap<String, u64>,
    /// What was done to elements.
    pub(crate) elements: Counts,
    /// The refused files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) issues: Vec<Issue>,
}

/// A refused file.
#[derive(Debug, Serialize)]
pub(crate) struct Issue {
    /// Its place under the folder.
    pub(crate) file: String,
    /// What kind of fault.
    pub(crate) kind: String,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) mend: String,
}

/// The keyed functions that headers need.
struct Keys<'a> {
    key: &'a Key,
    deidentifier: Deidentifier,
    authority: &'a str,
}

impl Keyed for Keys<'_> {
    fn subject(&self, patient_id: &str) -> Subject {
        let subject = SubjectId::from_source(self.authority, patient_id);
        let moved = self.deidentifier.instant(subject, Instant(0));
        Subject {
            pseudonym: self.deidentifier.subject(subject).to_string(),
            shift_days: moved.0 / MICROS_PER_DAY,
        }
    }

    fn uid(&self, uid: &str) -> u128 {
        let digest = self.key.digest("dicom uid", uid.as_bytes());
        let (head, _) = digest.0.as_chunks::<16>();
        head.first().map_or(0, |head| u128::from_be_bytes(*head))
    }
}

/// De-identifies every file below a folder.
pub(crate) fn deidentify(work: &Work<'_>) -> Result<(Account, Receipt)> {
    if work.to.exists() && fs::read_dir(work.to).is_ok_and(|mut all| all.next().is_some()) {
        let message = format!("{} is not empty", work.to.display());
        return Err(Failure::new(Kind::Busy, message, "name a new folder with --to").into());
    }
    let mut paths = Vec::new();
    walk(work.from, &mut paths)?;
    let keys = Keys {
        key: &work.key,
        deidentifier: Deidentifier::new(&work.key, &work.policy.options),
        authority: work.authority,
    };
    // All is made beside and takes its name at the end: a broken work leaves no half of it.
    let partial = beside(work.to)?;
    let (mut account, mut subjects, mut digests) =
        (Account::default(), BTreeSet::new(), Vec::new());
    let bar = bar(paths.len() as u64);
    for path in &paths {
        interrupt::check()?;
        bar.inc(1);
        account.files += 1;
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        digests.extend(Digest::of(&bytes).0);
        let made = longitude_imaging::deidentify(&bytes, options(work.policy), &keys);
        match made {
            Ok((bytes, outcome)) => match place(&partial.join(FILES), &outcome, &bytes) {
                Some(place) => {
                    write(&place, &bytes)?;
                    subjects.insert(outcome.subject.clone());
                    account.take(&outcome);
                }
                None => account.refuse(work.from, path, twice()),
            },
            Err(refusal) => {
                let mend = refusal.mend();
                account.refuse(work.from, path, (refusal.kind(), refusal.to_string(), mend));
            }
        }
    }
    bar.finish_and_clear();
    account.subjects = subjects.len() as u64;
    let refused: u64 = account.refused.values().sum();
    ensure!(
        account.files == account.written + refused,
        "the account does not balance: the program is at fault"
    );
    let receipt = finish(work, &partial, &account, Digest::of(&digests))?;
    Ok((account, receipt))
}

fn options(policy: &Policy) -> Options {
    Options {
        dates: match policy.options.mode {
            Mode::SafeHarbor => Dates::Remove,
            Mode::ExpertDetermination => Dates::Shift,
        },
        patient_characteristics: policy.dicom.patient_characteristics,
        burned_in: match policy.dicom.burned_in {
            BurnedIn::Refuse => BurnedInRule::Refuse,
            BurnedIn::Report => BurnedInRule::Report,
        },
    }
}

fn twice() -> (&'static str, String, &'static str) {
    let what = "the same instance was there before".to_owned();
    ("duplicate", what, "nothing: one of them was written")
}

impl Account {
    fn take(&mut self, outcome: &Outcome) {
        self.written += 1;
        self.without_patient += u64::from(!outcome.had_patient);
        let kind = serde_json::to_value(outcome.burned_in).ok();
        let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("");
        *self.burned_in.entry(kind.to_owned()).or_default() += 1;
        self.elements.merge(&outcome.counts);
    }

    fn refuse(
        &mut self,
        from: &Path,
        path: &Path,
        (kind, what, mend): (&str, String, &'static str),
    ) {
        *self.refused.entry(kind.to_owned()).or_default() += 1;
        let file = path.strip_prefix(from).unwrap_or(path);
        self.issues.push(Issue {
            file: file.display().to_string(),
            kind: kind.to_owned(),
            what,
            mend: mend.to_owned(),
        });
    }

    /// For a person.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "{} files: {} written of {} subjects, {} refused\n",
            self.files,
            self.written,
            self.subjects,
            self.refused.values().sum::<u64>()
        );
        for (kind, count) in &self.burned_in {
            text.push_str(&format!("  pixels, identity burned in: {kind} {count}\n"));
        }
        let counts = &self.elements;
        text.push_str(&format!(
            "  elements: {} removed, {} emptied, {} replaced, {} private, {} unknown, {} UIDs and \
             {} dates moved, {} held a value that was taken away\n",
            counts.removed,
            counts.emptied,
            counts.replaced,
            counts.private,
            counts.unknown,
            counts.uids,
            counts.dates_moved,
            counts.known_values
        ));
        for issue in &self.issues {
            text.push_str(&format!(
                "  refused {}: {}; mend: {}\n",
                issue.file, issue.what, issue.mend
            ));
        }
        text
    }
}

/// Every file below a folder, in the order of paths; links are not followed.
fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let place = || folder.display().to_string();
    let mut entries: Vec<_> = fs::read_dir(folder)
        .with_context(place)?
        .collect::<Result<_, _>>()
        .with_context(place)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().with_context(place)?;
        if kind.is_dir() {
            walk(&entry.path(), into)?;
        } else if kind.is_file() {
            into.push(entry.path());
        }
    }
    Ok(())
}

/// An empty folder beside the target.
fn beside(to: &Path) -> Result<PathBuf> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = to.with_file_name(name);
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    let made = fs::create_dir_all(partial.join(FILES));
    made.with_context(|| format!("cannot make {}", partial.display()))?;
    Ok(partial)
}

/// Where a file goes: by pseudonym and new UIDs, for old names name patients. `None` where one is.
fn place(files: &Path, outcome: &Outcome, bytes: &[u8]) -> Option<PathBuf> {
    let or = |uid: &str, else_: &str| {
        if uid.is_empty() {
            else_.to_owned()
        } else {
            uid.to_owned()
        }
    };
    let nameless = Digest::of(bytes).hex()[..32].to_owned();
    let folder = files
        .join(&outcome.subject)
        .join(or(&outcome.study, "no-study"))
        .join(or(&outcome.series, "no-series"));
    let place = folder.join(format!("{}.dcm", or(&outcome.instance, &nameless)));
    (!place.exists()).then_some(place)
}

fn write(place: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    write_atomically(place, bytes)
}

/// Writes report and receipt, and gives the folder its name.
fn finish(work: &Work<'_>, partial: &Path, account: &Account, input: Digest) -> Result<Receipt> {
    let named = |name: &str, digest| NamedDigest {
        name: name.to_owned(),
        digest,
    };
    let receipt = Receipt {
        step: "deid.dicom".to_owned(),
        inputs: vec![
            named("dicom", input),
            named("deid key fingerprint", work.key.fingerprint()),
        ],
        options: Digest::of_json(work.policy)?,
        code: code_version(),
        seed: None,
        outputs: vec![named(FILES, tree_digest(&partial.join(FILES))?)],
    };
    // The places of refused files stay inside the walls: they may name patients.
    let mut report = serde_json::to_value(account)?;
    if let Some(report) = report.as_object_mut() {
        report.remove("issues");
    }
    let json = serde_json::to_vec_pretty(&report)?;
    write_atomically(&partial.join("dicom-report.json"), &json)?;
    let json = serde_json::to_vec_pretty(&receipt)?;
    write_atomically(&partial.join("deid.json"), &json)?;
    if work.to.exists() {
        fs::remove_dir(work.to)?;
    }
    fs::rename(partial, work.to).with_context(|| work.to.display().to_string())?;
    Ok(receipt)
}
