//! The survey of one file: what its start announces, and where it can be cut.

use crate::job::Job;
use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use longitude_ingest::parts::Surveying;

/// The survey of a file, as JSON.
pub(super) async fn survey(job: &Job, number: usize) -> Result<String> {
    let description = &job.description;
    let file = description
        .listing
        .files()
        .get(number)
        .context("no such file")?;
    let mut surveying = Surveying::new(file, description.part_bytes);
    let wanted = Surveying::wanted(file, description.part_bytes);
    if wanted > 0 && is_readable(job, &file.name) {
        let range = (wanted < file.bytes).then_some(0..wanted);
        let mut chunks = job.source.read(&file.name, range).await?;
        while let Some(chunk) = chunks.try_next().await? {
            surveying.push(&chunk);
        }
    }
    Ok(serde_json::to_string(&surveying.finish(file))?)
}

/// A file that the system refuses is an issue of the data, as it is where one machine ingests; a
/// store that refuses an object that it has listed is a failure.
fn is_readable(job: &Job, name: &str) -> bool {
    let folder = job.source.as_folder();
    folder.is_none_or(|folder| std::fs::File::open(folder.join(name)).is_ok())
}
