//! Runs of sorted events on disk, for more events than memory holds, and their merge.
//!
//! A run is a temporary file of blocks: a 4-byte length, the first 8 bytes of the SHA-256 of the
//! content, the content; an empty block ends it. Texts that repeat (codes, units, files, elements)
//! are written once and then by number. The format never leaves one run of the program.

use crate::error::{Error, Result};
use crate::files;
use longitude_core::{
    AsWritten, Code, Comparator, Digest, EncounterId, Event, Instant, Origin, Precision, SubjectId,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes after which a block is closed.
const BLOCK_BYTES: usize = 64 * 1024;

/// A row on its way to a shard.
pub(crate) type Row = (SubjectId, Event);

/// Subject, time, rank inside a tie.
pub(crate) type Key = (SubjectId, Option<Instant>, u8);

/// What rows are sorted by: the subject, then core's law of a timeline (static first, then time;
/// inside a tie birth first and death last). The sort is stable, so the rest keeps its order.
pub(crate) fn key((subject, event): &Row) -> Key {
    (*subject, event.time, rank(event))
}

/// Sorts rows by [`key`]; ties keep their order. Rows are large, so their places are sorted and
/// each row is then moved once, along the cycles of the permutation.
pub(crate) fn sort(rows: &mut [Row]) {
    let mut order: Vec<(Key, usize)> = rows.iter().map(key).zip(0..).collect();
    order.sort_unstable();
    for start in 0..rows.len() {
        let mut place = start;
        loop {
            let from = std::mem::replace(&mut order[place].1, place);
            if from == start {
                break;
            }
            rows.swap(place, from);
            place = from;
        }
    }
}

/// Inside a tie: birth, the rest, death.
pub(crate) fn rank(event: &Event) -> u8 {
    if event.code.is_birth() {
        0
    } else if event.code.is_death() {
        2
    } else {
        1
    }
}

/// Writes sorted rows as a run.
pub(crate) fn write(path: PathBuf, rows: impl Iterator<Item = Result<Row>>) -> Result<PathBuf> {
    let mut out = BufWriter::new(files::create(&path)?);
    let mut block = Block::default();
    for row in rows {
        block.push(&row?);
        if block.bytes.len() >= BLOCK_BYTES {
            block.write(&mut out).map_err(Error::write(&path))?;
        }
    }
    if !block.bytes.is_empty() {
        block.write(&mut out).map_err(Error::write(&path))?;
    }
    block.write(&mut out).map_err(Error::write(&path))?;
    out.flush().map_err(Error::write(&path))?;
    Ok(path)
}

#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    numbers: BTreeMap<Arc<str>, usize>,
}

impl Block {
    fn write(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        let length = u32::try_from(self.bytes.len()).map_err(std::io::Error::other)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&Digest::of(&self.bytes).0[..8])?;
        out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    fn push(&mut self, (subject, event): &Row) {
        let flags = u8::from(event.time.is_some())
            | u8::from(event.numeric_value.is_some()) << 1
            | u8::from(event.text_value.is_some()) << 2
            | u8::from(event.unit.is_some()) << 3
            | u8::from(event.end_time.is_some()) << 4
            | u8::from(event.encounter.is_some()) << 5
            | u8::from(event.utc_offset_minutes.is_some()) << 6
            | u8::from(event.recorded_time.is_some()) << 7;
        self.bytes.push(flags);
        self.bytes.push(match event.precision {
            Precision::Year => 0,
            Precision::Month => 1,
            Precision::Day => 2,
            Precision::Time => 3,
        });
        self.bytes.extend(subject.0.to_le_bytes());
        let times = [event.time, event.end_time, event.recorded_time];
        for time in times.into_iter().flatten() {
            self.bytes.extend(time.0.to_le_bytes());
        }
        if let Some(encounter) = event.encounter {
            self.bytes.extend(encounter.0.to_le_bytes());
        }
        if let Some(value) = event.numeric_value {
            self.bytes.extend(value.to_bits().to_le_bytes());
        }
        if let Some(minutes) = event.utc_offset_minutes {
            self.bytes.extend(minutes.to_le_bytes());
        }
        self.numbered(&event.code.system);
        self.numbered(&event.code.value);
        if let Some(unit) = &event.unit {
            self.numbered(unit);
        }
        if let Some(text) = &event.text_value {
            self.text(text);
        }
        self.bytes.extend(event.origin.row.to_le_bytes());
        self.numbered(&event.origin.file);
        self.numbered(&event.origin.element);
        self.text(&event.origin.record);
        self.numbered(&event.origin.rule);
        self.written(event.as_written.as_deref());
    }

    /// Whether the source has words of its own, then a byte that says which fields follow.
    fn written(&mut self, written: Option<&AsWritten>) {
        self.bytes.push(u8::from(written.is_some()));
        let Some(written) = written else {
            return;
        };
        let numbers = [written.numeric_value, written.range_low, written.range_high];
        let texts = [&written.unit, &written.flag, &written.conversion];
        let present = numbers.iter().map(Option::is_some);
        let present = present.chain(texts.iter().map(|text| text.is_some()));
        let present = present.chain([written.comparator.is_some(), written.code.is_some()]);
        let flags = present.enumerate().map(|(bit, is)| u8::from(is) << bit);
        self.bytes.push(flags.sum());
        for number in numbers.into_iter().flatten() {
            self.bytes.extend(number.to_bits().to_le_bytes());
        }
        for text in texts.into_iter().flatten() {
            self.numbered(text);
        }
        if let Some(comparator) = written.comparator {
            self.text(comparator.sign());
        }
        if let Some(code) = &written.code {
            self.numbered(&code.system);
            self.numbered(&code.value);
        }
        self.text(written.extension.as_deref().unwrap_or_default());
    }

    fn length(&mut self, mut value: usize) {
        while value >= 128 {
            self.bytes.push(value.to_le_bytes()[0] | 128);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend(text.as_bytes());
    }

    fn numbered(&mut self, text: &Arc<str>) {
        if let Some(&number) = self.numbers.get(text) {
            self.length(number);
        } else {
            let number = self.numbers.len();
            self.numbers.insert(Arc::clone(text), number);
            self.length(number);
            self.text(text);
        }
    }
}

/// Reads a run back.
pub(crate) struct Run {
    path: PathBuf,
    input: BufReader<File>,
    offset: u64,
    block: Vec<u8>,
    at: usize,
    texts: Vec<Arc<str>>,
    ended: bool,
}

impl Run {
    /// Opens a run.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::read(path))?;
        Ok(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(BLOCK_BYTES, file),
            offset: 0,
            block: Vec::new(),
            at: 0,
            texts: Vec::new(),
            ended: false,
        })
    }

    fn damaged(&self) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            offset: self.offset,
        }
    }

    fn next_block(&mut self) -> Result<()> {
        self.offset += if self.block.is_empty() {
            0
        } else {
            12 + self.block.len() as u64
        };
        let mut head = [0; 12];
        let read = self.input.read_exact(&mut head);
        read.map_err(|_error| self.damaged())?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        self.block.clear();
        let mut content = self.input.by_ref().take(u64::from(length));
        let read = content.read_to_end(&mut self.block);
        let whole = read.map_err(Error::read(&self.path))? == length as usize;
        if !whole || Digest::of(&self.block).0[..8] != head[4..] {
            return Err(self.damaged());
        }
        self.at = 0;
        self.ended = length == 0;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.block.get(self.at..self.at + N);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        self.at += N;
        bytes.ok_or_else(|| self.damaged())
    }

    fn length(&mut self) -> Result<usize> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take()?;
            value |= usize::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(self.damaged())
    }

    fn text(&mut self) -> Result<Arc<str>> {
        let length = self.length()?;
        let end = self.at.saturating_add(length);
        let text = self.block.get(self.at..end);
        let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.map(Arc::from).ok_or_else(|| self.damaged())?;
        self.at = end;
        Ok(text)
    }

    fn numbered(&mut self) -> Result<Arc<str>> {
        let number = self.length()?;
        if number == self.texts.len() {
            let text = self.text()?;
            self.texts.push(text);
        }
        let text = self.texts.get(number).cloned();
        text.ok_or_else(|| self.damaged())
    }

    fn time(&mut self, present: bool) -> Result<Option<Instant>> {
        let bytes = if present { Some(self.take()?) } else { None };
        Ok(bytes.map(|bytes| Instant(i64::from_le_bytes(bytes))))
    }

    fn row(&mut self) -> Result<Row> {
        let [flags, precision] = self.take()?;
        let has = |bit: u8| flags & 1 << bit != 0;
        let subject = SubjectId(i64::from_le_bytes(self.take()?));
        let time = self.time(has(0))?;
        let end_time = self.time(has(4))?;
        let recorded_time = self.time(has(7))?;
        let encounter = self.time(has(5))?.map(|number| EncounterId(number.0));
        let numeric_value = self.number(has(1))?;
        let utc_offset_minutes = if has(6) {
            Some(i16::from_le_bytes(self.take()?))
        } else {
            None
        };
        let code = Code::new(self.numbered()?, self.numbered()?);
        let unit = if has(3) { Some(self.numbered()?) } else { None };
        let text_value = if has(2) { Some(self.text()?) } else { None };
        let row = u64::from_le_bytes(self.take()?);
        let (file, element, record) = (self.numbered()?, self.numbered()?, self.text()?);
        let rule = self.numbered()?;
        let as_written = self.written()?;
        let precision = match precision {
            0 => Precision::Year,
            1 => Precision::Month,
            2 => Precision::Day,
            _ => Precision::Time,
        };
        let origin = Origin {
            file,
            record,
            element,
            row,
            rule,
        };
        let mut event = Event::new(code, time, origin);
        event.precision = precision;
        event.numeric_value = numeric_value;
        event.text_value = text_value;
        event.unit = unit;
        event.end_time = end_time;
        event.encounter = encounter;
        event.utc_offset_minutes = utc_offset_minutes;
        event.recorded_time = recorded_time;
        event.as_written = as_written;
        Ok((subject, event))
    }

    fn number(&mut self, present: bool) -> Result<Option<f64>> {
        let bytes = if present { Some(self.take()?) } else { None };
        Ok(bytes.map(|bytes| f64::from_bits(u64::from_le_bytes(bytes))))
    }

    fn numbered_if(&mut self, present: bool) -> Result<Option<Arc<str>>> {
        present.then(|| self.numbered()).transpose()
    }

    fn written(&mut self) -> Result<Option<Box<AsWritten>>> {
        let [present] = self.take()?;
        if present == 0 {
            return Ok(None);
        }
        let [flags] = self.take()?;
        let has = |bit: u8| flags & 1 << bit != 0;
        let mut written = AsWritten {
            numeric_value: self.number(has(0))?,
            range_low: self.number(has(1))?,
            range_high: self.number(has(2))?,
            unit: self.numbered_if(has(3))?,
            flag: self.numbered_if(has(4))?,
            conversion: self.numbered_if(has(5))?,
            ..AsWritten::default()
        };
        if has(6) {
            written.comparator = Comparator::from_sign(&self.text()?);
        }
        if has(7) {
            written.code = Some(Code::new(self.numbered()?, self.numbered()?));
        }
        written.extension = Some(self.text()?).filter(|text| !text.is_empty());
        Ok(Some(Box::new(written)))
    }
}

impl Iterator for Run {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.block.len()
            && !self.ended
            && let Err(error) = self.next_block()
        {
            self.ended = true;
            return Some(Err(error));
        }
        if self.ended {
            return None;
        }
        let row = self.row();
        self.ended = row.is_err();
        Some(row)
    }
}

/// The rows of several runs in one order; equal keys in the order of the runs.
pub(crate) struct Merge {
    runs: Vec<Run>,
    heads: Vec<Option<Row>>,
    queue: BinaryHeap<Reverse<(Key, usize)>>,
    error: Option<Error>,
}

impl Merge {
    /// Opens the runs, which must be in the order in which they were made.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self> {
        let runs: Result<Vec<_>> = paths.iter().map(|path| Run::open(path)).collect();
        let runs = runs?;
        let mut merge = Self {
            heads: runs.iter().map(|_run| None).collect(),
            runs,
            queue: BinaryHeap::new(),
            error: None,
        };
        for run in 0..merge.runs.len() {
            merge.advance(run);
        }
        Ok(merge)
    }

    fn advance(&mut self, run: usize) {
        match self.runs[run].next() {
            Some(Ok(row)) => {
                self.queue.push(Reverse((key(&row), run)));
                self.heads[run] = Some(row);
            }
            Some(Err(error)) => self.error = Some(error),
            None => {}
        }
    }
}

impl Iterator for Merge {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            self.queue.clear();
            return Some(Err(error));
        }
        let Reverse((_key, run)) = self.queue.pop()?;
        let row = self.heads[run].take()?;
        self.advance(run);
        Some(Ok(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longitude_core::{Code, Origin};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_sorted_and_ties_keep_their_order(
            given in prop::collection::vec((0_i64..3, prop::option::of(0_i64..4)), 0..60),
        ) {
            let row = |(place, (subject, time)): (u64, (i64, Option<i64>))| {
                let origin = Origin {
                    row: place,
                    ..Origin::derived("test")
                };
                let event = Event::new(Code::new("a", "b"), time.map(Instant), origin);
                (SubjectId(subject), event)
            };
            let mut rows: Vec<Row> = (0..).zip(given).map(row).collect();
            let mut expected = rows.clone();
            expected.sort_by_key(key);
            sort(&mut rows);
            prop_assert!(rows == expected);
        }
    }
}
