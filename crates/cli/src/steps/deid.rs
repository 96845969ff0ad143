//! Step: the privacy boundary. Identified timelines go in; only what `deid` has sealed is stored.
//!
//! The pipeline's step and `longitude deid` do the same work ([`deidentify`]).

use crate::failure::{Failure, Kind};
use crate::interrupt;
use crate::pipeline::{Left, Run, write_atomically};
use crate::progress::{Step, bar};
use crate::steps::ingest::{IDENTIFIERS, Known, write_options};
use anyhow::{Context, Result};
use longitude_core::{Digest, NamedDigest, Receipt, SubjectId, Timeline};
use longitude_deid::{
    Changes, CodeCensus, Deidentifier, Digests, Key, Measured, Mode, Options, Policy, RareCodes,
    Reopened, Report, RiskCollector, TextPolicy,
};
use longitude_govern::{Keyring, Layout};
use longitude_store::{Dataset, Describe, Summary, WriteOptions, Writer};
use longitude_terminology::{Entry, Terminology};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// The receipt of a de-identification, beside the data set or in the run folder.
pub(crate) const RECEIPT: &str = "deid.json";
/// The policy that was given, in the run folder.
pub(crate) const POLICY: &str = "policy.toml";
/// The report of the risk that is left, for programs.
pub(crate) const REPORT_JSON: &str = "deid-report.json";
/// The same as a page.
pub(crate) const REPORT_HTML: &str = "deid-report.html";

/// One de-identification.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    /// The identified data set.
    pub(crate) source: &'a Path,
    /// Where the de-identified one goes.
    pub(crate) to: &'a Path,
    /// The strings that identify, where a file of them is.
    pub(crate) identifiers: PathBuf,
    /// The key of the epoch.
    pub(crate) key: Key,
    /// The policy.
    pub(crate) policy: &'a Policy,
    /// What was measured on the scrubber of notes.
    pub(crate) text_risk: Option<serde_json::Value>,
    /// The subjects to take, or all.
    pub(crate) only: Option<BTreeSet<SubjectId>>,
}

/// What a de-identification leaves.
#[derive(Debug)]
pub(crate) struct Done {
    /// What was written.
    pub(crate) summary: Summary,
    /// The receipt.
    pub(crate) receipt: Receipt,
    /// The report.
    pub(crate) report: Report,
}

/// The de-identifier of a finished de-identification step: with the key that its receipt names.
pub(crate) fn deidentifier(run: &Run<'_>) -> Result<Deidentifier> {
    let keys = run.job.institution.keys.deid_keys();
    deidentifier_of(&run.layout, keys, run.options())
}

/// The same of a run folder.
pub(crate) fn deidentifier_of(
    layout: &Layout,
    keys: &Keyring,
    options: &crate::config::RunOptions,
) -> Result<Deidentifier> {
    let receipt = read_receipt(&layout.root().join(RECEIPT))?;
    let (_, key) = key_of(keys, &receipt)?;
    let policy = policy(layout, options)?;
    Ok(Deidentifier::new(&key, &policy.options).with_rules(policy.rules))
}

/// The epoch and the key that made a data set, by its receipt.
pub(crate) fn key_of(keys: &Keyring, receipt: &Receipt) -> Result<(u32, Key)> {
    let wanted = longitude_deid::key_of(receipt);
    for epoch in keys.epochs() {
        let key = Key::from_bytes(epoch.key()?);
        if Some(key.fingerprint()) == wanted {
            return Ok((epoch.number, key));
        }
    }
    let message = "the data set was de-identified by a key that this institution does not have";
    let mend = "name the institution that made it with --institution";
    Err(Failure::new(Kind::Input, message, mend).into())
}

/// Reads a receipt.
pub(crate) fn read_receipt(path: &Path) -> Result<Receipt> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}

/// Reads a policy; a fault is told with its line.
pub(crate) fn read_policy(path: &Path) -> Result<Policy> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Policy::parse(&text).map_err(|error| {
        let message = format!("{}, {error}", path.display());
        Failure::new(Kind::Input, message, "correct the policy at this place").into()
    })
}

/// The policy of a run: the copy of the given one in its folder, or what the settings name.
fn policy(layout: &Layout, options: &crate::config::RunOptions) -> Result<Policy> {
    if options.policy.is_some() {
        return read_policy(&layout.root().join(POLICY));
    }
    Ok(Policy::standard(rule(options)))
}

/// The rule of de-identification that the settings name.
fn rule(options: &crate::config::RunOptions) -> Options {
    match options.deidentification {
        Mode::SafeHarbor => Options::safe_harbor(),
        Mode::ExpertDetermination => Options::expert_determination(options.shift_days_max),
    }
}

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let meds = run.layout.meds();
    if meds.exists() {
        fs::remove_dir_all(&meds)?;
    }
    let identified = run.layout.identified();
    let mut outputs = vec!["meds", RECEIPT, REPORT_JSON, REPORT_HTML];
    if let Some(given) = &run.options().policy {
        let text = fs::read(given).with_context(|| format!("cannot read {}", given.display()))?;
        write_atomically(&run.layout.root().join(POLICY), &text)?;
        outputs.push(POLICY);
    }
    let policy = policy(&run.layout, run.options())?;
    let done = deidentify(&Work {
        source: &identified,
        to: &meds,
        identifiers: identified.join(IDENTIFIERS),
        key: Key::from_bytes(run.job.institution.keys.deid_keys().current_key()?),
        policy: &policy,
        text_risk: None,
        only: None,
    })?;
    step.say(&format!(
        "{} events of {} subjects",
        done.summary.events, done.summary.subjects
    ));
    write_beside(&done, run.layout.root())?;
    Ok(Left {
        inputs: vec![run.output("identified")?],
        outputs: outputs
            .into_iter()
            .map(|name| run.output(name))
            .collect::<Result<_>>()?,
        seed: None,
    })
}

/// De-identifies a data set: counts rare codes where the policy treats them, then seals and stores
/// subject by subject.
pub(crate) fn deidentify(work: &Work<'_>) -> Result<Done> {
    let source = Dataset::open(work.source)?;
    let known = Identifiers::read(&work.identifiers)?;
    let deidentifier = Deidentifier::new(&work.key, &work.policy.options)
        .with_rules(work.policy.rules.clone())
        .with_known(known.of(None));
    let deidentifier = rare(work, &source, &known, deidentifier)?;
    let mut changes = Changes::default();
    let mut risk = RiskCollector::new(&work.policy.risk);
    let bar = bar(source.subjects().len() as u64);
    let options = WriteOptions {
        describe: as_described(&source)?,
        ..write_options("deidentified")
    };
    let mut writer = Writer::create(work.to, options)?;
    for timeline in taken(work, &source) {
        interrupt::check()?;
        bar.inc(1);
        let timeline = timeline?.by_knowledge();
        let split = source.split(timeline.subject());
        let own = known.of(Some(timeline.subject()));
        let (sealed, changed) = deidentifier.timeline_with(timeline, own);
        changes.merge(&changed);
        risk.add(&sealed);
        let sealed = sealed.into_inner();
        // A pseudonym keeps the split of its subject: that of the source, where it states one.
        if let Some(split) = split {
            writer.assign(sealed.subject(), split);
        }
        writer.push_timeline(sealed)?;
    }
    let summary = writer.finish()?;
    bar.finish_and_clear();
    let digests = Digests {
        key: work.key.fingerprint(),
        input: source.digest()?,
        output: summary.digest,
    };
    let text = match &work.text_risk {
        None if work.policy.options.notes == TextPolicy::Blank => None,
        None => Some(serde_json::to_value(Measured::shipped()?)?),
        given => given.clone(),
    };
    Ok(Done {
        receipt: receipt(work, digests)?,
        report: Report::new(work.policy, digests, changes, risk.report(), text)?,
        summary,
    })
}

/// What the identified set says of codes, for those that are left.
fn as_described(source: &Dataset) -> Result<Describe> {
    let entries: Vec<_> = source.codes()?;
    Ok(Describe::with(move |_codes| {
        let entries = entries.iter().map(|(code, entry)| {
            let described = Entry {
                description: entry.description.as_deref().map(Into::into),
                parents: entry.parents.clone(),
                is_header: false,
            };
            (code.clone(), described)
        });
        Ok(Terminology::shipped().with(entries, []))
    }))
}

fn receipt(work: &Work<'_>, digests: Digests) -> Result<Receipt> {
    let input = NamedDigest {
        name: "identified".to_owned(),
        digest: digests.input,
    };
    let receipt = longitude_deid::receipt(&work.key, work.policy, input, digests.output)?;
    Ok(receipt)
}

/// The timelines of the subjects to take.
fn taken<'a>(
    work: &'a Work<'_>,
    source: &'a Dataset,
) -> impl Iterator<Item = longitude_store::Result<Timeline>> + 'a {
    source
        .timelines(None)
        .filter(|one| match (one, &work.only) {
            (Ok(timeline), Some(only)) => only.contains(&timeline.subject()),
            _ => true,
        })
}

/// With the plan for rare codes, for which all codes are counted first.
fn rare(
    work: &Work<'_>,
    source: &Dataset,
    known: &Identifiers,
    deidentifier: Deidentifier,
) -> Result<Deidentifier> {
    let risk = &work.policy.risk;
    if risk.rare_codes == RareCodes::Keep {
        return Ok(deidentifier);
    }
    let mut census = CodeCensus::new(risk.k);
    for timeline in taken(work, source) {
        interrupt::check()?;
        let timeline = timeline?;
        let own = known.of(Some(timeline.subject()));
        census.add(&deidentifier.codes(&timeline, own));
    }
    Ok(deidentifier.with_rare(census.plan(risk.rare_codes)))
}

/// Writes receipt and report into a folder; the receipt last, for it says that all is there.
pub(crate) fn write_beside(done: &Done, folder: &Path) -> Result<()> {
    let json = serde_json::to_vec_pretty(&done.report)?;
    write_atomically(&folder.join(REPORT_JSON), &json)?;
    write_atomically(&folder.join(REPORT_HTML), done.report.to_html().as_bytes())?;
    let receipt = serde_json::to_vec_pretty(&done.receipt)?;
    write_atomically(&folder.join(RECEIPT), &receipt)
}

/// The strings that identify, by the subject in whose record they may stand; none: everybody's.
struct Identifiers(BTreeMap<Option<SubjectId>, Vec<String>>);

impl Identifiers {
    /// Reads the file of ingest. Sources without persons' records (MEDS) leave none.
    fn read(path: &Path) -> Result<Self> {
        let mut identifiers = BTreeMap::<_, Vec<String>>::new();
        if path.exists() {
            let place = || path.display().to_string();
            let file = File::open(path).with_context(place)?;
            for line in BufReader::new(file).lines() {
                let line = line.with_context(place)?;
                let known: Known = serde_json::from_str(&line).with_context(place)?;
                let texts = identifiers.entry(known.subject).or_default();
                texts.push(known.text);
            }
        }
        Ok(Self(identifiers))
    }

    fn of(&self, subject: Option<SubjectId>) -> &[String] {
        self.0.get(&subject).map_or(&[], Vec::as_slice)
    }
}

/// Opens the de-identified data set again, which only the receipt of its de-identification allows.
pub(crate) fn reopen(run: &Run<'_>) -> Result<(Dataset, Reopened)> {
    let data = Dataset::open(&run.layout.meds())?;
    let reopened = reopen_with(&data, &run.layout.root().join(RECEIPT))?.1;
    Ok((data, reopened))
}

/// The same for a data set and the file of its receipt.
pub(crate) fn reopen_with(data: &Dataset, receipt: &Path) -> Result<(Receipt, Reopened)> {
    let receipt = read_receipt(receipt)?;
    let digest: Digest = data.digest()?;
    let reopened = longitude_deid::reopen(&receipt, digest)?;
    Ok((receipt, reopened))
}
