//! `longitude deid`: a MEDS data set without what identifies, with a receipt and a report of the
//! risk that is left.

use crate::failure::{Failure, Kind};
use crate::institution::{self, Opened};
use crate::journal::Journal;
use crate::pipeline::write_private;
use crate::progress::print;
use crate::steps::deid::{self, Done, RECEIPT, Work};
use crate::steps::dicom;
use crate::steps::ingest::IDENTIFIERS;
use anyhow::{Context, Result};
use longitude_core::SubjectId;
use longitude_deid::{Key, Mode, Policy, Pseudonyms};
use longitude_store::Dataset;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What `longitude deid` takes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The folder of the identified MEDS data set (`longitude ingest` makes one)
    #[arg(required_unless_present_any = ["example", "dicom"], conflicts_with = "dicom")]
    meds: Option<PathBuf>,
    /// A folder of DICOM files instead: their headers by the basic profile of PS3.15
    #[arg(long, value_name = "DIR")]
    dicom: Option<PathBuf>,
    /// Who gave the patients of the DICOM files their identifiers: pseudonyms and date shifts are
    /// those of the records that were ingested under this name
    #[arg(long, default_value = "Patient", requires = "dicom")]
    authority: String,
    /// The folder of the de-identified data set to write
    #[arg(long, required_unless_present = "example")]
    to: Option<PathBuf>,
    /// The policy, a TOML file; `--example` prints one to start from
    #[arg(long, required_unless_present = "example")]
    policy: Option<PathBuf>,
    /// Print a policy with comments and end: safe_harbor or expert_determination
    #[arg(long, value_name = "MODE")]
    example: Option<String>,
    /// Names and numbers known from the structured records, as `longitude ingest --identifiers`
    /// keeps them
    /// [default: identifiers.jsonl in the data set's folder, where there is one]
    #[arg(long, value_name = "FILE")]
    identifiers: Option<PathBuf>,
    /// The evaluation of the scrubber on notes like these, as JSON, for the report
    #[arg(long, value_name = "FILE")]
    text_risk: Option<PathBuf>,
    /// De-identify anew the subjects of an older de-identified data set, with the key of now
    #[arg(long, value_name = "OLD")]
    rekey: Option<PathBuf>,
    /// Write which old pseudonym became which new one; keep it as safe as the key
    #[arg(long, value_name = "FILE", requires = "rekey")]
    crosswalk: Option<PathBuf>,
    /// The institution's folder of keys [default: ~/.longitude/institution]
    #[arg(long)]
    institution: Option<PathBuf>,
    /// The file with the passphrase of locked keys
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  longitude deid --example safe_harbor > policy.toml
  longitude deid identified --to shared --policy policy.toml
  longitude deid --dicom export --to images --policy policy.toml
  longitude keys rotate && longitude deid identified --to new --policy policy.toml --rekey shared

Beside the data set stand deid.json (the receipt), deid-report.json and deid-report.html (what was
taken away, and the risk that is left). DICOM files stand in files/, by pseudonym and new UIDs.";

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(mode) = &arguments.example {
        return print(Policy::example(mode_of(mode)?));
    }
    let (Some(from), Some(to), Some(policy)) = (
        arguments.meds.as_ref().or(arguments.dicom.as_ref()),
        &arguments.to,
        &arguments.policy,
    ) else {
        let mend = "see `longitude deid --help`";
        return Err(Failure::new(Kind::Input, "nothing to de-identify was named", mend).into());
    };
    let policy = deid::read_policy(policy)?;
    let institution = institution::open_or_create(arguments.institution.as_deref())?;
    let institution = institution.unlocked(arguments.passphrase_file.as_deref())?;
    let mut journal = Journal::open(&institution)?;
    let key = Key::from_bytes(institution.keys.deid_keys().current_key()?);
    if arguments.dicom.is_some() {
        let (account, receipt) = dicom::deidentify(&dicom::Work {
            from,
            to,
            key,
            policy: &policy,
            authority: &arguments.authority,
        })?;
        journal.receipt(&receipt)?;
        return show_images(&account, arguments.json);
    }
    let old = arguments.rekey.as_deref();
    let moved = old.map(|old| moved(old, from, &institution, &key));
    let moved = moved.transpose()?;
    let beside = from.join(IDENTIFIERS);
    let work = Work {
        source: from,
        to,
        identifiers: arguments.identifiers.clone().unwrap_or(beside),
        key,
        policy: &policy,
        text_risk: arguments.text_risk.as_deref().map(read_json).transpose()?,
        only: moved
            .as_ref()
            .map(|moved| moved.values().copied().collect()),
    };
    let work = check(work, arguments)?;
    let done = deid::deidentify(&work)?;
    if let (Some(path), Some(moved)) = (&arguments.crosswalk, &moved) {
        write_crosswalk(path, moved, &Pseudonyms::new(&work.key))?;
    }
    deid::write_beside(&done, to)?;
    journal.receipt(&done.receipt)?;
    show(&done, to, arguments.json)
}

/// What was named must be there.
fn check<'a>(work: Work<'a>, arguments: &Arguments) -> Result<Work<'a>> {
    if let Some(named) = &arguments.identifiers
        && !named.is_file()
    {
        let message = format!("{} is no file", named.display());
        let mend = "name the file of identifiers, or leave the option out";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    if !work.identifiers.is_file() {
        eprintln!(
            "no known names: {} is not there, so that notes are searched by patterns and lists only",
            work.identifiers.display()
        );
    }
    Ok(work)
}

fn mode_of(name: &str) -> Result<Mode> {
    match name {
        "safe_harbor" => Ok(Mode::SafeHarbor),
        "expert_determination" => Ok(Mode::ExpertDetermination),
        _ => {
            let message = format!("--example {name} is no mode of de-identification");
            let mend = "use expert_determination or safe_harbor";
            Err(Failure::new(Kind::Input, message, mend).into())
        }
    }
}

fn read_json(path: &Path) -> Result<serde_json::Value> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", path.display()))
}

/// The subjects of an older data set, found among the identified ones by the key of its epoch: the
/// old pseudonym and the subject.
fn moved(
    old: &Path,
    meds: &Path,
    institution: &Opened,
    now: &Key,
) -> Result<BTreeMap<SubjectId, SubjectId>> {
    let data = Dataset::open(old)?;
    let (receipt, _) = deid::reopen_with(&data, &old.join(RECEIPT))?;
    let (epoch, key) = deid::key_of(institution.keys.deid_keys(), &receipt)?;
    if key.fingerprint() == now.fingerprint() {
        let message = format!(
            "{} was made with the key of now, epoch {epoch}",
            old.display()
        );
        let mend = "begin a new epoch first: `longitude keys rotate`";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    let wanted: BTreeSet<SubjectId> = data.subjects().iter().map(|(s, _)| *s).collect();
    let found = resolve(&key, &Dataset::open(meds)?, &wanted);
    if found.len() < wanted.len() {
        let lacking = wanted.len() - found.len();
        let message = format!(
            "{lacking} subjects of {} are not in {}",
            old.display(),
            meds.display()
        );
        let mend = "name the identified data set that it was made from";
        return Err(Failure::new(Kind::Input, message, mend).into());
    }
    Ok(found)
}

/// Which subjects of an identified data set stand behind pseudonyms of a key.
pub(crate) fn resolve(
    key: &Key,
    identified: &Dataset,
    wanted: &BTreeSet<SubjectId>,
) -> BTreeMap<SubjectId, SubjectId> {
    let pseudonyms = Pseudonyms::new(key);
    let pairs = identified.subjects().iter();
    let pairs = pairs.map(|(subject, _)| (pseudonyms.subject(*subject), *subject));
    pairs.filter(|(old, _)| wanted.contains(old)).collect()
}

fn write_crosswalk(
    path: &Path,
    moved: &BTreeMap<SubjectId, SubjectId>,
    pseudonyms: &Pseudonyms,
) -> Result<()> {
    let mut text = String::from("old_subject_id,new_subject_id\n");
    for (old, subject) in moved {
        text.push_str(&format!("{old},{}\n", pseudonyms.subject(*subject)));
    }
    write_private(path, text.as_bytes())
}

fn show_images(account: &dicom::Account, json: bool) -> Result<()> {
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(account)?));
    }
    print(&account.to_text())
}

fn show(done: &Done, to: &Path, json: bool) -> Result<()> {
    if json {
        return print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&done.report)?
        ));
    }
    print(&done.report.to_text())?;
    print(&format!(
        "{} events of {} subjects in {}\n",
        done.summary.events,
        done.summary.subjects,
        to.display()
    ))
}
