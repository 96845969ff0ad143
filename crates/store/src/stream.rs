//! Subjects of one data file, one after the other, in the order of their identifiers.
//!
//! A file whose subjects ascend is read once from start to end. Any other file is read in passes,
//! each for as many subjects as fit in [`PASS_ROWS`].

use crate::decode::{DataFile, Decoder, integers};
use crate::error::{Error, Result};
use longitude_core::{Event, SubjectId};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// Rows of one pass over a file whose subjects do not ascend.
const PASS_ROWS: u64 = 262_144;

/// The rows of each subject in a file.
pub(crate) struct FileIndex {
    /// Subjects in order, each with its ascending ranges of rows.
    pub(crate) subjects: Vec<(SubjectId, Vec<Range<u64>>)>,
    ascending: bool,
}

impl FileIndex {
    /// Reads the column of subjects.
    pub(crate) fn read(file: &DataFile) -> Result<Self> {
        let mut spans: Vec<(SubjectId, Range<u64>)> = Vec::new();
        let mut row = 0;
        for batch in file.read(&["subject_id"], None)? {
            let batch = batch.map_err(|e| Error::decode(&file.path)(e.into()))?;
            let subjects = integers(&file.path, &batch, "subject_id")?;
            for subject in &subjects {
                match (subject, spans.last_mut()) {
                    (Some(subject), Some((last, range)))
                        if last.0 == subject && range.end == row =>
                    {
                        range.end += 1;
                    }
                    (Some(subject), _) => spans.push((SubjectId(subject), row..row + 1)),
                    (None, _) => {}
                }
                row += 1;
            }
        }
        let ascending = spans.windows(2).all(|pair| pair[0].0 <= pair[1].0);
        spans.sort_by_key(|(subject, range)| (*subject, range.start));
        let mut subjects: Vec<(SubjectId, Vec<Range<u64>>)> = Vec::new();
        for (subject, range) in spans {
            match subjects.last_mut() {
                Some((last, ranges)) if *last == subject => ranges.push(range),
                _ => subjects.push((subject, vec![range])),
            }
        }
        Ok(Self {
            subjects,
            ascending,
        })
    }

    /// The ranges of rows of a subject.
    pub(crate) fn ranges(&self, subject: SubjectId) -> Option<&[Range<u64>]> {
        let found = self.subjects.binary_search_by_key(&subject, |(s, _)| *s);
        found.ok().map(|at| &*self.subjects[at].1)
    }
}

/// What a row holds.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every one is an event, and a box for each would cost an allocation"
)]
enum Next {
    /// An event.
    Event(SubjectId, Event),
    /// No event: the row lacks its subject or its code.
    Issue,
    /// There are no more rows.
    End,
}

/// Events of chosen rows of a file, in the order of the file.
struct Rows {
    file: Arc<DataFile>,
    reader: ParquetRecordBatchReader,
    decoder: Decoder,
    ranges: VecDeque<Range<u64>>,
    at: usize,
    held: usize,
}

impl Rows {
    fn open(file: &Arc<DataFile>, ranges: Vec<Range<u64>>) -> Result<Self> {
        Ok(Self {
            reader: file.read(&Decoder::columns(file), Some(&ranges))?,
            decoder: Decoder::new(file),
            file: Arc::clone(file),
            ranges: ranges.into(),
            at: 0,
            held: 0,
        })
    }

    /// What the next row holds.
    fn next(&mut self) -> Result<Next> {
        let Some(range) = self.ranges.front_mut() else {
            return Ok(Next::End);
        };
        let number = range.start;
        range.start += 1;
        if range.start == range.end {
            self.ranges.pop_front();
        }
        while self.at == self.held {
            let Some(batch) = self.reader.next() else {
                return Ok(Next::End);
            };
            let batch = batch.map_err(|e| Error::decode(&self.file.path)(e.into()))?;
            self.decoder.load(&self.file.path, &batch)?;
            (self.at, self.held) = (0, batch.num_rows());
        }
        self.at += 1;
        let event = self.decoder.event(self.at - 1, number);
        Ok(event.map_or(Next::Issue, |(subject, event)| Next::Event(subject, event)))
    }
}

/// The events of chosen subjects of a file, in the order of subjects.
pub(crate) struct Stream {
    file: Arc<DataFile>,
    index: Arc<FileIndex>,
    chosen: VecDeque<usize>,
    open: Option<Rows>,
    pass: BTreeMap<SubjectId, Vec<Event>>,
}

impl Stream {
    /// Chooses subjects of a file by their places in its index; nothing is opened yet.
    pub(crate) fn new(file: Arc<DataFile>, index: Arc<FileIndex>, chosen: Vec<usize>) -> Self {
        Self {
            file,
            index,
            chosen: chosen.into(),
            open: None,
            pass: BTreeMap::new(),
        }
    }

    /// The subject that comes next.
    pub(crate) fn peek(&self) -> Option<SubjectId> {
        self.chosen.front().map(|&at| self.index.subjects[at].0)
    }

    /// The events of the next subject.
    pub(crate) fn next(&mut self) -> Result<Vec<Event>> {
        let Some(at) = self.chosen.front().copied() else {
            return Ok(Vec::new());
        };
        let events = if self.index.ascending {
            self.next_ascending(at)
        } else {
            self.next_of_pass(at)
        };
        self.chosen.pop_front();
        if self.chosen.is_empty() {
            self.open = None;
        }
        events
    }

    fn next_ascending(&mut self, at: usize) -> Result<Vec<Event>> {
        let rows = if let Some(rows) = &mut self.open {
            rows
        } else {
            let ranges = ranges_of(&self.index, &self.chosen);
            self.open.insert(Rows::open(&self.file, ranges)?)
        };
        let ranges = &self.index.subjects[at].1;
        let count: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        let mut events = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        for _row in 0..count {
            if let Next::Event(_subject, event) = rows.next()? {
                events.push(event);
            }
        }
        Ok(events)
    }

    fn next_of_pass(&mut self, at: usize) -> Result<Vec<Event>> {
        let subject = self.index.subjects[at].0;
        if let Some(events) = self.pass.remove(&subject) {
            return Ok(events);
        }
        let mut rows = 0;
        let group: VecDeque<usize> = self
            .chosen
            .iter()
            .copied()
            .take_while(|&at| {
                let fits = rows < PASS_ROWS;
                let ranges = &self.index.subjects[at].1;
                rows += ranges
                    .iter()
                    .map(|range| range.end - range.start)
                    .sum::<u64>();
                fits
            })
            .collect();
        for &at in &group {
            self.pass.insert(self.index.subjects[at].0, Vec::new());
        }
        let mut rows = Rows::open(&self.file, ranges_of(&self.index, &group))?;
        loop {
            match rows.next()? {
                Next::Event(subject, event) => self.pass.entry(subject).or_default().push(event),
                Next::Issue => {}
                Next::End => break,
            }
        }
        Ok(self.pass.remove(&subject).unwrap_or_default())
    }
}

/// The rows of chosen subjects, ascending, neighbours joined.
pub(crate) fn ranges_of(index: &FileIndex, chosen: &VecDeque<usize>) -> Vec<Range<u64>> {
    let ranges = chosen.iter().flat_map(|&at| &index.subjects[at].1);
    let mut ranges: Vec<_> = ranges.cloned().collect();
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// The events of one subject of a file.
pub(crate) fn subject_events(
    file: &Arc<DataFile>,
    index: &FileIndex,
    subject: SubjectId,
) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let Some(ranges) = index.ranges(subject) else {
        return Ok(events);
    };
    let mut rows = Rows::open(file, ranges.to_vec())?;
    loop {
        match rows.next()? {
            Next::Event(_subject, event) => events.push(event),
            Next::Issue => {}
            Next::End => return Ok(events),
        }
    }
}

/// The event in a row of a file, counted from 0.
pub(crate) fn row_event(file: &Arc<DataFile>, row: u64) -> Result<Option<(SubjectId, Event)>> {
    let range = row..row + 1;
    match Rows::open(file, vec![range])?.next()? {
        Next::Event(subject, event) => Ok(Some((subject, event))),
        Next::Issue | Next::End => Ok(None),
    }
}
