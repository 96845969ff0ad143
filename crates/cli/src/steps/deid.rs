//! Step: the privacy boundary. Identified timelines go in; only what `deid` has sealed is stored.

use crate::interrupt;
use crate::pipeline::{Left, Run};
use crate::progress::Step;
use crate::steps::ingest::{IDENTIFIERS, Known, write_options};
use anyhow::{Context, Result};
use longitude_core::{SubjectId, Timeline};
use longitude_deid::{Changes, Deidentifier, Key, Mode, Options, Reopened};
use longitude_store::Dataset;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

/// The de-identifier of this institution and these settings.
pub(crate) fn deidentifier(run: &Run<'_>) -> Deidentifier {
    deidentifier_of(run.job.institution.keys.deid_key(), run.options())
}

/// The de-identifier of a key and settings.
pub(crate) fn deidentifier_of(key: &[u8; 32], options: &crate::config::RunOptions) -> Deidentifier {
    Deidentifier::new(&Key::from_bytes(*key), &rule(options))
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
    let source = Dataset::open(&run.layout.identified())?;
    let known = Identifiers::read(&run.layout.identified().join(IDENTIFIERS))?;
    let deidentifier = deidentifier(run).with_known(known.of(None));
    let mut changes = Changes::default();
    let mut failed = None;
    let sealed = source.timelines(None).map_while(|one| {
        if interrupt::requested() {
            return None;
        }
        match one {
            Ok(timeline) => Some(seal(&deidentifier, timeline, &known, &mut changes)),
            Err(error) => {
                failed = Some(error);
                None
            }
        }
    });
    let meds = run.layout.meds();
    if meds.exists() {
        fs::remove_dir_all(&meds)?;
    }
    let summary = longitude_store::write_timelines(&meds, write_options("deidentified"), sealed)?;
    interrupt::check()?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    step.say(&format!(
        "{} events of {} subjects",
        summary.events, summary.subjects
    ));
    let key = Key::from_bytes(*run.job.institution.keys.deid_key());
    let input = longitude_core::NamedDigest {
        name: "identified".to_owned(),
        digest: source.digest()?,
    };
    let receipt = longitude_deid::receipt(&key, &rule(run.options()), input, summary.digest)?;
    let path = run.layout.root().join("deid.json");
    crate::pipeline::write_atomically(&path, &serde_json::to_vec_pretty(&receipt)?)?;
    Ok(Left {
        inputs: vec![run.output("identified")?],
        outputs: vec![run.output("meds")?, run.output("deid.json")?],
        seed: None,
    })
}

/// The strings that identify, by the subject in whose record they may stand; none: everybody's.
struct Identifiers(BTreeMap<Option<SubjectId>, Vec<String>>);

impl Identifiers {
    /// Reads the file of ingest. Sources without persons' records (MEDS) leave none.
    fn read(path: &Path) -> Result<Self> {
        let mut identifiers = BTreeMap::<_, Vec<String>>::new();
        if path.exists() {
            let file = File::open(path).context(IDENTIFIERS)?;
            for line in BufReader::new(file).lines() {
                let known: Known =
                    serde_json::from_str(&line.context(IDENTIFIERS)?).context(IDENTIFIERS)?;
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

fn seal(
    deidentifier: &Deidentifier,
    timeline: Timeline,
    known: &Identifiers,
    changes: &mut Changes,
) -> Timeline {
    let own = known.of(Some(timeline.subject()));
    let (sealed, changed) = deidentifier.timeline_with(timeline, own);
    changes.merge(&changed);
    sealed.into_inner()
}

/// Opens the de-identified data set again, which only the receipt of its de-identification allows.
pub(crate) fn reopen(run: &Run<'_>) -> Result<(Dataset, Reopened)> {
    let data = Dataset::open(&run.layout.meds())?;
    let receipt = fs::read(run.layout.root().join("deid.json")).context("deid.json")?;
    let receipt = serde_json::from_slice(&receipt).context("deid.json")?;
    let reopened = longitude_deid::reopen(&receipt, data.digest()?)?;
    Ok((data, reopened))
}
