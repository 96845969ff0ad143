//! Step: records into the identified data set. Every row becomes an event or an issue; the account
//! must balance, or the program is at fault and says so.

mod account;
mod linkage;
mod sink;
mod sources;
mod update;

pub(crate) use account::Account;
pub(crate) use linkage::{Linking, read_id_map};
pub(crate) use sink::{IDENTIFIERS, Known};
pub(crate) use sources::{ACCOUNT, Sources, mapping_failure, read_mapping, write_options};
pub(crate) use update::update;

use crate::failure::{Failure, Kind};
use crate::machine;
use crate::pipeline::{Left, Run, Source, code_version};
use crate::progress::Step;
use anyhow::{Result, ensure};
use longitude_core::{Digest, NamedDigest, Observation, ObservationSource, SubjectId};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The step of the pipeline.
pub(crate) fn run(run: &Run<'_>, step: &Step) -> Result<Left> {
    let from = match &run.job.source {
        Source::Hospital { .. } => run.layout.root().join("source").join("fhir"),
        Source::Records { path } => path.clone(),
    };
    let identified = run.layout.identified();
    if identified.exists() {
        fs::remove_dir_all(&identified)?;
    }
    let reading = &run.options().reading;
    let sources = Sources {
        spans: spans(run)?,
        identifiers: true,
        ..reading.sources(vec![from.clone()], Some(run.threads()))?
    };
    let account = sources.ingest(&identified)?;
    private(&identified)?;
    ensure!(
        account.subjects > 0,
        Failure::new(
            Kind::Input,
            format!("{} holds no event of any subject", from.display()),
            "look at `longitude inspect` for what was read and why nothing came of it",
        )
    );
    for beside in [ACCOUNT, sink::ISSUES] {
        let path = identified.join(beside);
        fs::rename(&path, run.layout.root().join(beside))?;
    }
    step.say(&format!(
        "{} rows: {} mapped, {} with an issue; {} events of {} subjects",
        account.rows_read,
        account.rows_mapped,
        account.rows_with_issue,
        account.events,
        account.subjects
    ));
    let input = NamedDigest {
        name: "source:records".to_owned(),
        digest: source_digest(&account)?,
    };
    let outputs = ["identified", ACCOUNT, sink::ISSUES];
    let outputs: Result<Vec<_>> = outputs.iter().map(|name| run.output(name)).collect();
    Ok(Left {
        inputs: vec![input],
        outputs: outputs?,
        seed: None,
    })
}

/// The source as the reader's own account of its files: names, sizes and digests.
fn source_digest(account: &Account) -> Result<Digest> {
    Ok(Digest::of_json(&account.details)?)
}

/// Only the owner may enter the folder of identified records.
fn private(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(())
}

/// Observation spans that a source states beside its records.
type Spans = BTreeMap<SubjectId, Observation>;

/// The synthetic hospital's registration office knows who moved away when; FHIR has no place for
/// it.
fn spans(run: &Run<'_>) -> Result<Spans> {
    if !matches!(run.job.source, Source::Hospital { .. }) {
        return Ok(Spans::new());
    }
    let path = run.layout.source().join("truth.json");
    let truth: longitude_hospital::Truth = serde_json::from_slice(&fs::read(path)?)?;
    let span = |start, end| Observation {
        start: Some(start),
        end: Some(end),
        source: ObservationSource::Stated,
    };
    Ok(truth
        .subjects
        .iter()
        .map(|one| (one.subject, span(one.start, one.end)))
        .collect())
}

/// The program's version and threads, for the report.
pub(crate) fn machine_facts() -> Vec<(String, serde_json::Value)> {
    vec![
        ("code".to_owned(), code_version().into()),
        ("cores".to_owned(), machine::threads(None).into()),
    ]
}
