//! The data set from its shards: fetched to this machine, with the tables beside them, and put at
//! its place whole.

use super::Ingest;
use super::account::Drawn;
use super::told::Told;
use crate::job::ShardRange;
use crate::work::Written;
use anyhow::{Result, ensure};
use longitude_core::{Observation, Split, SubjectId};
use longitude_store::WriteOptions;
use longitude_store::assembly::{Assembly, Contents};
use std::collections::BTreeMap;
use std::path::Path;

/// What the cluster has written, and of whom.
pub(super) struct Shards {
    pub(super) ranges: Vec<ShardRange>,
    pub(super) written: BTreeMap<u32, Written>,
    pub(super) subjects: Vec<(SubjectId, Split)>,
}

/// Puts the data set at `target`, with the issues and the account inside.
pub(super) async fn put(
    ingest: &Ingest,
    target: &Path,
    account: Drawn,
    shards: Shards,
) -> Result<Told> {
    let Drawn { issues, mut report } = account;
    report.subjects = shards.subjects.len() as u64;
    ensure!(
        shards.written.len() == shards.ranges.len(),
        "the cluster lost a data file: {} of {} were written",
        shards.written.len(),
        shards.ranges.len()
    );
    let options = WriteOptions {
        shard_events_max: ingest.description.shard_events,
        ..WriteOptions::standard("identified")
    };
    let assembly = Assembly::create(target, options)?;
    for range in &shards.ranges {
        let path = assembly.shard_path(range.split, range.number);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        ingest.folder.download(&range.object(), None, &path).await?;
        std::fs::File::open(&path)?.sync_all()?;
    }
    let export = Observation::until_export(report.export_time);
    let observations = shards.subjects.iter().map(|(subject, _)| {
        let stated = issues.spans.get(subject).copied();
        (*subject, stated.unwrap_or(export))
    });
    let mut contents = Contents {
        observations: observations.collect(),
        splits: shards.subjects,
        ..Contents::default()
    };
    for written in shards.written.into_values() {
        contents.events += written.events;
        contents.codes.extend(written.codes);
    }
    ensure!(
        contents.events == report.counts.events,
        "{} events were written and {} mapped: a defect, please report it",
        contents.events,
        report.counts.events
    );
    let summary = assembly.finish(contents)?;
    issues.put(target)?;
    Ok(Told::new(report, summary.subjects))
}
