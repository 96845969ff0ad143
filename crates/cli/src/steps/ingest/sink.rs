//! Where the readers' output goes: events to the writer of the data set, issues to their file,
//! strings that identify to the de-identifier's list.

use crate::pipeline::write_private;
use crate::progress::Counter;
use anyhow::{Context, Result};
use longitude_core::{Code, Event, Issue, Observation, SubjectId};
use longitude_ingest::{Link, Linkage, Person, Sink};
use longitude_store::{Summary, Writer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Hands events to the writer and issues to their file.
pub(crate) struct IntoMeds {
    pub(crate) writer: Writer,
    pub(crate) subjects: BTreeSet<SubjectId>,
    /// The subject of the last event.
    last: Option<SubjectId>,
    /// From the first to the last day on which the source says that a subject was observed.
    pub(crate) spans: BTreeMap<SubjectId, Observation>,
    issues: BufWriter<File>,
    issues_path: PathBuf,
    known: Option<BTreeSet<Known>>,
    /// What linkage decides by; persons only where it asks for them.
    pub(crate) persons: Vec<(SubjectId, Person)>,
    pub(crate) links: Vec<Link>,
    keeps_persons: bool,
    linkage: Linkage,
    /// Subjects whose birth is told: that of a record merged into one of them differs from it or
    /// says the same.
    pub(crate) born: BTreeSet<SubjectId>,
    counter: Counter,
}

/// A string that identifies a person: a line of `identifiers.jsonl`, which stays inside the walls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Known {
    /// In whose record it may stand; none for everybody's.
    pub(crate) subject: Option<SubjectId>,
    /// The string.
    pub(crate) text: String,
}

/// The file of identifying strings, beside the identified data set.
pub(crate) const IDENTIFIERS: &str = "identifiers.jsonl";
/// The file of issues, beside the data set.
pub(crate) const ISSUES: &str = "issues.jsonl";
/// Shorter strings are initials and states: they would take words from notes, and tell little.
const IDENTIFIER_LETTERS_MIN: usize = 3;

impl IntoMeds {
    /// A sink for a data set that will stand at `to`. With `identifiers`, the strings that identify
    /// are kept for the de-identifier; a data set converted for others holds none.
    pub(crate) fn new(writer: Writer, to: &Path, identifiers: bool) -> Result<Self> {
        let issues_path = to.with_extension("issues");
        let issues = File::create(&issues_path)
            .with_context(|| format!("cannot write {}", issues_path.display()))?;
        Ok(Self {
            writer,
            subjects: BTreeSet::new(),
            last: None,
            spans: BTreeMap::new(),
            issues: BufWriter::new(issues),
            issues_path,
            known: identifiers.then(BTreeSet::new),
            persons: Vec::new(),
            links: Vec::new(),
            keeps_persons: false,
            linkage: Linkage::default(),
            born: BTreeSet::new(),
            counter: Counter::quiet(),
        })
    }

    /// Shows how far the reading is.
    pub(crate) fn watched(mut self, counter: Counter) -> Self {
        self.counter = counter;
        self
    }

    /// Keeps the facts of persons for linkage.
    pub(crate) fn keep_persons(&mut self) {
        self.keeps_persons = true;
    }

    /// Puts what comes under the subjects that linkage has decided on. `born` are those of them
    /// whose own records tell their birth.
    pub(crate) fn merge(&mut self, linkage: Linkage, born: BTreeSet<SubjectId>) {
        (self.linkage, self.born) = (linkage, born);
    }

    /// The subject under which events of a record stand.
    pub(crate) fn subject(&self, of: SubjectId) -> SubjectId {
        self.linkage.of(of)
    }

    /// An event of a record that goes on under another subject: it tells of which record it was,
    /// and its birth stands beside the other's under a code of its own.
    fn merged(&mut self, from: SubjectId, into: SubjectId, event: &mut Event) {
        let written = event.as_written_mut();
        if written.extension.is_none() {
            written.extension = Some(format!("{{\"linked_subject_id\":{from}}}").into());
        }
        if event.code.is_birth() && !self.born.insert(into) {
            event.code = Code::new("LINKAGE", "MEDS_BIRTH");
        }
    }

    /// Puts the data set at its place and beside it what belongs to it.
    pub(crate) fn finish(self, to: &Path) -> Result<Summary> {
        let issues = self.issues.into_inner().context(ISSUES)?;
        issues.sync_all().context(ISSUES)?;
        let summary = self.writer.finish()?;
        if let Some(known) = &self.known {
            write_private_lines(&to.join(IDENTIFIERS), known.iter())?;
        }
        fs::rename(&self.issues_path, to.join(ISSUES)).context(ISSUES)?;
        Ok(summary)
    }
}

impl Sink for IntoMeds {
    fn event(&mut self, subject: SubjectId, event: Event) -> io::Result<()> {
        self.counter.add(1);
        let mut event = event;
        let into = self.subject(subject);
        if into != subject {
            self.merged(subject, into, &mut event);
        } else if event.code.is_birth() {
            self.born.insert(subject);
        }
        if self.last != Some(into) {
            self.subjects.insert(into);
            self.last = Some(into);
        }
        self.writer.push(into, &event).map_err(io::Error::other)
    }

    fn file_read(&mut self, bytes: u64) {
        self.counter.file(bytes);
    }

    fn identifier(&mut self, subject: Option<SubjectId>, text: &str) -> io::Result<()> {
        let text = text.trim();
        if let Some(known) = &mut self.known
            && text.chars().count() >= IDENTIFIER_LETTERS_MIN
        {
            let text = text.to_owned();
            let subject = subject.map(|subject| self.linkage.of(subject));
            known.insert(Known { subject, text });
        }
        Ok(())
    }

    fn person(&mut self, subject: SubjectId, person: Person) -> io::Result<()> {
        if self.keeps_persons || person.active == Some(false) {
            self.persons.push((subject, person));
        }
        Ok(())
    }

    fn link(&mut self, link: Link) -> io::Result<()> {
        self.links.push(link);
        Ok(())
    }

    fn span(&mut self, subject: SubjectId, span: Observation) -> io::Result<()> {
        let subject = self.subject(subject);
        let whole = self.spans.entry(subject).or_insert(span);
        // A timeline has one span; a gap between two of the source's lies within it.
        whole.start = whole.start.min(span.start);
        whole.end = whole.end.max(span.end);
        Ok(())
    }

    fn issue(&mut self, issue: Issue) -> io::Result<()> {
        serde_json::to_writer(&mut self.issues, &issue)?;
        self.issues.write_all(b"\n")
    }
}

/// A line of JSON each; only the owner may read them, wherever the data set was put.
pub(super) fn write_private_lines<T: Serialize>(
    path: &Path,
    ones: impl Iterator<Item = T>,
) -> Result<()> {
    let mut lines = Vec::new();
    for one in ones {
        serde_json::to_writer(&mut lines, &one)?;
        lines.push(b'\n');
    }
    write_private(path, &lines)
}

/// Counts subjects and keeps nothing.
#[derive(Default)]
pub(crate) struct CountOnly {
    pub(crate) subjects: BTreeSet<SubjectId>,
}

impl Sink for CountOnly {
    fn event(&mut self, subject: SubjectId, _event: Event) -> io::Result<()> {
        self.subjects.insert(subject);
        Ok(())
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }
}
