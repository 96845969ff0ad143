//! The account of all parts, in their order: the same code as where one machine ingests, fed with
//! what the executors told. It decides which records are duplicates, and says so to whoever reads
//! the events later.

use super::Ingest;
use crate::job;
use anyhow::{Context as _, Result, ensure};
use longitude_core::{Issue, Observation, SubjectId};
use longitude_ingest::parts::{PartsAccount, Told as ToldOfPart};
use longitude_ingest::{Report, Sink};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Issues in their order, as a file beside the target; and the spans that the source states.
pub(super) struct Issues {
    path: PathBuf,
    pub(super) spans: BTreeMap<SubjectId, Observation>,
    out: BufWriter<File>,
}

impl Issues {
    fn create(target: &Path) -> Result<Self> {
        let path = super::beside(target, ".issues");
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            path,
            spans: BTreeMap::new(),
            out: BufWriter::new(file),
        })
    }

    /// Puts the file at its place in the data set.
    pub(super) fn put(self, target: &Path) -> Result<()> {
        self.out.into_inner()?.sync_all()?;
        Ok(std::fs::rename(&self.path, target.join("issues.jsonl"))?)
    }
}

impl Sink for Issues {
    fn event(&mut self, _subject: SubjectId, _event: longitude_core::Event) -> io::Result<()> {
        Ok(())
    }

    fn span(&mut self, subject: SubjectId, span: Observation) -> io::Result<()> {
        let whole = self.spans.entry(subject).or_insert(span);
        // A timeline has one span; a gap between two of the source's lies within it.
        whole.start = whole.start.min(span.start);
        whole.end = whole.end.max(span.end);
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, &issue)?;
        self.out.write_all(b"\n")
    }
}

/// What is known of the whole before the shards are written.
pub(super) struct Drawn {
    pub(super) issues: Issues,
    pub(super) report: Report,
}

/// Reads what was told of every part and leaves, for each, the events that do not stay.
pub(super) async fn draw_up(ingest: &Ingest, parts: &[u32], target: &Path) -> Result<Drawn> {
    let description = &ingest.description;
    let mut issues = Issues::create(target)?;
    let mut account = PartsAccount::new(&description.listing, &description.options, &mut issues)?;
    for part in parts {
        let mut dropped = Dropped::default();
        for told in job::lines::<ToldOfPart>(&ingest.folder, &format!("told/{part}")).await? {
            account.take(told?, &mut |events, stay| dropped.tell(events, stay))?;
        }
        if !dropped.ranges.is_empty() {
            ingest
                .put_json(&format!("dropped/{part}"), &dropped.ranges)
                .await?;
        }
    }
    // Subjects are counted later, from the events that stay.
    let report = account.finish(0);
    ensure!(
        report.balanced(),
        "the account of the parts does not balance"
    );
    Ok(Drawn { issues, report })
}

/// Positions of the events of a part that do not stay.
#[derive(Default)]
struct Dropped {
    position: u64,
    ranges: Vec<(u64, u64)>,
}

impl Dropped {
    fn tell(&mut self, events: usize, stay: bool) {
        let start = self.position;
        self.position += events as u64;
        if stay || events == 0 {
            return;
        }
        match self.ranges.last_mut().filter(|last| last.1 == start) {
            Some(last) => last.1 = self.position,
            None => self.ranges.push((start, self.position)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_do_not_stay_are_one_range() {
        let mut dropped = Dropped::default();
        for (events, stay) in [
            (2, true),
            (1, false),
            (0, true),
            (3, false),
            (1, true),
            (1, false),
        ] {
            dropped.tell(events, stay);
        }
        assert_eq!(dropped.ranges, [(2, 6), (7, 8)]);
    }
}
