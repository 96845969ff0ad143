//! A data set brought up to date with its source: only the files that changed are read, and those
//! that are resolved through them. The result has the bytes that reading everything would give;
//! where that cannot be known, everything is read.

use super::account::Account;
use super::sink::{ISSUES, IntoMeds};
use super::sources::{ACCOUNT, Sources, digest, write_options};
use crate::pipeline::{code_version, write_atomically};
use crate::progress::Counter;
use crate::steps::terminology;
use crate::{failure, interrupt};
use anyhow::{Context, Result};
use longitude_core::{Event, Issue, Observation, ObservationSource, SubjectId, Timeline};
use longitude_ingest::{FileReport, Report};
use longitude_store::{Dataset, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Updated {
    /// No file had changed: nothing was written.
    UpToDate,
    /// This many files were read.
    Files(usize),
    /// Everything was read.
    Everything,
}

impl Updated {
    /// For a person.
    pub(crate) fn told(self) -> String {
        match self {
            Self::UpToDate => "up to date: no file has changed".to_owned(),
            Self::Files(count) => format!("{count} files read, the others kept"),
            Self::Everything => "everything read".to_owned(),
        }
    }
}

/// Brings the data set at `to` up to date.
pub(crate) fn update(sources: &Sources, to: &Path) -> Result<(Account, Updated)> {
    let Some(before) = read_account(to)? else {
        return Ok((sources.ingest(to)?, Updated::Everything));
    };
    let (meds, records) = sources.by_kind()?;
    let absolute = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let paths: Vec<_> = sources.paths.iter().map(absolute).collect();
    let is_alike = before.sources == paths
        && before.code == code_version()
        && before.options == Some(sources.options_digest()?)
        && before.linkage.is_none()
        && !sources.linking.needs_persons()
        && sources.linking.statements.is_empty();
    // Which files a given mapping reads is told when it reads them.
    let is_mapped = !sources.mappings.is_empty();
    if !is_alike || is_mapped || !meds.is_empty() {
        return Ok((sources.ingest_anew(to)?, Updated::Everything));
    }
    let changed = changed(&records, &before)?;
    if changed.is_empty() {
        return Ok((before, Updated::UpToDate));
    }
    let affected = longitude_ingest::affected(&records, &changed)?;
    let update = Update {
        sources,
        to,
        before: &before,
        affected,
        gone: changed,
        order: order(&records)?,
    };
    match update.run(&records)? {
        Some(account) => Ok((account, Updated::Files(update.affected.len()))),
        None => Ok((sources.ingest_anew(to)?, Updated::Everything)),
    }
}

fn read_account(to: &Path) -> Result<Option<Account>> {
    let path = to.join(ACCOUNT);
    if !path.exists() {
        return Ok(None);
    }
    let account = serde_json::from_slice(&fs::read(&path)?).map_err(|_error| {
        let message = format!("{} is of another version of the program", path.display());
        let mend = "ingest into a new folder";
        failure::Failure::new(failure::Kind::Busy, message, mend)
    })?;
    Ok(Some(account))
}

/// The names of files that are new, gone, or of another digest.
fn changed(records: &[&Path], before: &Account) -> Result<BTreeSet<String>> {
    let (listed, ignored) = longitude_ingest::list(records)?;
    let files = before.details.files.iter();
    let mut old: BTreeMap<&str, &FileReport> = files.map(|file| (&*file.file, file)).collect();
    let mut changed = BTreeSet::new();
    for file in listed {
        interrupt::check()?;
        let then = old.remove(&*file.file).and_then(|report| report.digest);
        let (_, now) = digest(&file.path).with_context(|| file.file.clone())?;
        if then != Some(now) {
            changed.insert(file.file);
        }
    }
    changed.extend(old.into_keys().map(str::to_owned));
    if ignored != before.details.files_ignored {
        changed.extend(ignored);
    }
    Ok(changed)
}

/// The place of each file in the order of reading, which is the order inside ties.
fn order(records: &[&Path]) -> Result<BTreeMap<String, usize>> {
    let (listed, _) = longitude_ingest::list(records)?;
    let places = listed.into_iter().enumerate();
    Ok(places.map(|(place, file)| (file.file, place)).collect())
}

struct Update<'a> {
    sources: &'a Sources,
    to: &'a Path,
    before: &'a Account,
    affected: BTreeSet<String>,
    /// Files that changed, among them those that are gone.
    gone: BTreeSet<String>,
    order: BTreeMap<String, usize>,
}

impl Update<'_> {
    /// Reads what is affected and merges it with what is not; none where a record that is read
    /// stands in a file that is not, so that which of the two counts is not known here.
    fn run(&self, records: &[&Path]) -> Result<Option<Account>> {
        let fresh = self.to.with_extension("fresh");
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        let writer = Writer::create(&fresh, write_options("fresh"))?;
        let mut sink = IntoMeds::new(writer, &fresh, false)?;
        if !self.sources.quiet {
            sink = sink.watched(Counter::start(self.bytes(records)?));
        }
        let options = (&self.sources.options, interrupt::flag());
        let report = longitude_ingest::ingest_some(records, &self.affected, options, &mut sink)?;
        interrupt::check()?;
        for (subject, span) in &sink.spans {
            sink.writer.observe(*subject, *span)?;
        }
        if !sink.links.is_empty() {
            // Who is who may have changed with them.
            return Ok(None);
        }
        sink.finish(&fresh)?;
        let report = self.merged_report(report);
        let account = self.merge(&fresh, report);
        fs::remove_dir_all(&fresh)?;
        account
    }

    /// Of the files that are read.
    fn bytes(&self, records: &[&Path]) -> Result<u64> {
        let (listed, _) = longitude_ingest::list(records)?;
        let read = listed
            .iter()
            .filter(|file| self.affected.contains(&file.file));
        Ok(read.map(|file| file.bytes).sum())
    }

    fn is_kept(&self, file: &str) -> bool {
        !self.affected.contains(file) && !self.gone.contains(file)
    }

    /// The accounts of files that were read and of those that were not, in the order of reading.
    fn merged_report(&self, read: Report) -> Report {
        let old = self.before.details.files.iter();
        let kept = old.filter(|file| self.is_kept(&file.file)).cloned();
        let mut files: Vec<_> = kept.chain(read.files).collect();
        files.sort_by_key(|file| self.order.get(&file.file).copied());
        Report {
            files_ignored: read.files_ignored,
            duplicates_unchecked: read.duplicates_unchecked,
            ..Report::of_files(files)
        }
    }

    fn merge(&self, fresh: &Path, mut report: Report) -> Result<Option<Account>> {
        let (old, new) = (Dataset::open(self.to)?, Dataset::open(fresh)?);
        let read = records_of(&new)?;
        let mut writer = Writer::replace(self.to, self.sources.write_options())?;
        for both in side_by_side(&old, &new) {
            interrupt::check()?;
            let (subject, [before, now]) = both?;
            let span = |one: &Option<Timeline>| one.as_ref().and_then(span_of);
            let stated = span(&now).or(span(&before));
            let events = |one: Option<Timeline>| one.map(|one| one.into_parts().1);
            let (mut kept, fresh) = (events(before).unwrap_or_default(), events(now));
            kept.retain(|event| self.is_kept(&event.origin.file));
            let is_twice = |event: &Event| read.contains(&event.origin.record);
            if kept.iter().any(is_twice) {
                return Ok(None);
            }
            kept.extend(fresh.unwrap_or_default());
            if kept.is_empty() {
                continue;
            }
            kept.sort_by_key(|event| self.place(event));
            let span = stated.unwrap_or_else(|| Observation::until_export(report.export_time));
            writer.push_timeline(Timeline::new(subject, kept, span))?;
            writer.observe(subject, span)?;
        }
        self.merge_issues(fresh)?;
        let beside = self.to.with_extension("issues");
        let summary = writer.finish()?;
        fs::rename(beside, self.to.join(ISSUES))?;
        report.subjects = summary.subjects;
        let data = Dataset::open(self.to)?;
        let account = Account {
            codes: terminology::check(&data, &self.sources.vocabularies)?.systems,
            code: self.before.code.clone(),
            options: self.before.options,
            reading: self.before.reading.clone(),
            sources: self.before.sources.clone(),
            ..Account::new(report, summary.subjects)?
        };
        write_atomically(
            &self.to.join(ACCOUNT),
            &serde_json::to_vec_pretty(&account)?,
        )?;
        Ok(Some(account))
    }

    /// The order in which an event was, or would have been, read.
    fn place(&self, event: &Event) -> (Option<usize>, u64) {
        let file = self.order.get(&*event.origin.file).copied();
        (file, event.origin.row)
    }

    /// The issues of files that were read and of those that were not, in the order of files.
    fn merge_issues(&self, fresh: &Path) -> Result<()> {
        let mut by_file: BTreeMap<Option<usize>, Vec<String>> = BTreeMap::new();
        for (path, is_old) in [(self.to.join(ISSUES), true), (fresh.join(ISSUES), false)] {
            for line in BufReader::new(File::open(&path).context(ISSUES)?).lines() {
                let line = line.context(ISSUES)?;
                let issue: Issue = serde_json::from_str(&line).context(ISSUES)?;
                let file = &issue.location.file;
                if !is_old || self.is_kept(file) {
                    let place = self.order.get(file).copied();
                    by_file.entry(place).or_default().push(line);
                }
            }
        }
        let path = self.to.with_extension("issues");
        let mut out = BufWriter::new(File::create(&path).context(ISSUES)?);
        for line in by_file.into_values().flatten() {
            writeln!(out, "{line}").context(ISSUES)?;
        }
        out.into_inner().context(ISSUES)?.sync_all().context(ISSUES)
    }
}

/// Two data sets subject by subject, in the order of their ids: each file is read once from its
/// start to its end.
fn side_by_side<'a>(
    old: &'a Dataset,
    new: &'a Dataset,
) -> impl Iterator<Item = longitude_store::Result<(SubjectId, [Option<Timeline>; 2])>> + 'a {
    let mut sets = [old, new].map(|set| set.timelines(None).peekable());
    std::iter::from_fn(move || {
        let mut heads = Vec::new();
        for set in &mut sets {
            match set.peek() {
                Some(Ok(timeline)) => heads.push(timeline.subject()),
                Some(Err(_)) => return set.next()?.err().map(Err),
                None => {}
            }
        }
        let subject = heads.into_iter().min()?;
        let is_next = |one: &longitude_store::Result<Timeline>| {
            one.as_ref().is_ok_and(|one| one.subject() == subject)
        };
        let both = sets
            .each_mut()
            .map(|set| set.next_if(is_next).and_then(Result::ok));
        Some(Ok((subject, both)))
    })
}

/// A span that the source states; one that ends with the export is made anew.
fn span_of(timeline: &Timeline) -> Option<Observation> {
    let span = timeline.observation();
    (span.source == ObservationSource::Stated).then_some(span)
}

/// The records that events were made from.
fn records_of(data: &Dataset) -> Result<BTreeSet<std::sync::Arc<str>>> {
    let mut records = BTreeSet::new();
    for timeline in data.timelines(None) {
        interrupt::check()?;
        for event in timeline?.events() {
            if event.origin.record.contains('/') && !records.contains(&event.origin.record) {
                records.insert(std::sync::Arc::clone(&event.origin.record));
            }
        }
    }
    Ok(records)
}
