//! The lines of `longitude scrub`: read one by one with a bound, understood or named as unusable,
//! and scrubbed in batches on several threads. Nothing is lost: every line is a note, empty, or
//! unusable with its number and reason.

use crate::failure::{Failure, Kind};
use anyhow::{Context, Result};
use longitude_core::Instant;
use longitude_deid::{Found, NoteScrubber, NoteText};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The bounds of what is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest line that is read; a longer one is named and passed over.
    pub(crate) line_bytes: usize,
    /// Lines and bytes of a batch.
    pub(crate) batch_lines: usize,
    pub(crate) batch_bytes: usize,
}

impl Limits {
    /// A note of 64 MiB is no note.
    pub(crate) const SHIPPED: Self = Self {
        line_bytes: 64 << 20,
        batch_lines: 1_024,
        batch_bytes: 8 << 20,
    };
}

/// A line as it was read: its number from 1, and its bytes or how long it was.
type Raw = (u64, std::result::Result<Vec<u8>, usize>);

/// The lines of a file.
pub(crate) struct Lines {
    from: Box<dyn BufRead>,
    limits: Limits,
    number: u64,
}

impl Lines {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path, limits: Limits) -> Result<Self> {
        let from: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else if path.is_dir() {
            let message = format!("{} is a folder", path.display());
            let mend = "name a file of JSON lines";
            return Err(Failure::new(Kind::Input, message, mend).into());
        } else {
            let file = File::open(path);
            if let Err(error) = &file
                && error.kind() == io::ErrorKind::NotFound
            {
                let message = format!("{} is not there", path.display());
                let mend = "name a file of JSON lines, each with `id` and `text`";
                return Err(Failure::new(Kind::Input, message, mend).into());
            }
            Box::new(BufReader::with_capacity(
                1 << 20,
                file.with_context(|| format!("{}", path.display()))?,
            ))
        };
        Ok(Self {
            from,
            limits,
            number: 0,
        })
    }

    /// The lines in batches.
    pub(crate) fn batches(mut self) -> impl Iterator<Item = Result<Vec<Raw>>> {
        std::iter::from_fn(move || self.batch().transpose())
    }

    fn batch(&mut self) -> Result<Option<Vec<Raw>>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < self.limits.batch_lines && bytes < self.limits.batch_bytes {
            let Some(line) = self.line().context("while reading the notes")? else {
                break;
            };
            bytes += line.as_ref().map_or(0, Vec::len);
            batch.push((self.number, line));
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// The next line without its end; of one that is too long, its length.
    fn line(&mut self) -> io::Result<Option<std::result::Result<Vec<u8>, usize>>> {
        let mut line = Vec::new();
        let bound = self.limits.line_bytes as u64 + 1;
        if (&mut self.from).take(bound).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.last() == Some(&b'\n') || line.len() <= self.limits.line_bytes {
            return Ok(Some(Ok(line)));
        }
        let mut length = line.len();
        loop {
            let buffer = self.from.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |end| end + 1);
            length += used - usize::from(end.is_some());
            let is_last = end.is_some() || buffer.is_empty();
            self.from.consume(used);
            if is_last {
                return Ok(Some(Err(length)));
            }
        }
    }
}

/// What became of a line.
#[derive(Debug)]
pub(crate) enum Line {
    /// A note.
    Note(Scrubbed),
    /// It cannot be used; the reason holds nothing of its content.
    Unusable { number: u64, why: String },
    /// White space.
    Empty,
}

/// A scrubbed note.
pub(crate) struct Scrubbed {
    id: Value,
    /// Start and end in characters, and the label.
    spans: Vec<(usize, usize, &'static str)>,
    text: String,
}

/// The count of spans only.
impl std::fmt::Debug for Scrubbed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubbed({} spans)", self.spans.len())
    }
}

impl Scrubbed {
    /// The line of spans.
    pub(crate) fn spans_json(&self) -> String {
        let spans = self
            .spans
            .iter()
            .map(|(start, end, label)| json!({"start": start, "end": end, "label": label}));
        json!({"id": self.id, "spans": spans.collect::<Vec<_>>()}).to_string()
    }

    /// The line of text.
    pub(crate) fn text_json(&self) -> String {
        json!({"id": self.id, "text": self.text}).to_string()
    }
}

/// What was read and found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Account {
    /// Lines read = notes + unusable + empty.
    pub(crate) lines: u64,
    pub(crate) notes: u64,
    pub(crate) unusable: u64,
    pub(crate) empty: u64,
    /// Spans by label.
    pub(crate) spans: BTreeMap<String, u64>,
    /// The first unusable lines, each with its reason.
    pub(crate) unusable_lines: Vec<(u64, String)>,
}

impl Account {
    /// How many unusable lines are listed; all are counted.
    const LISTED: usize = 1_000;

    /// Counts a line.
    pub(crate) fn add(&mut self, line: &Line) {
        self.lines += 1;
        match line {
            Line::Note(note) => {
                self.notes += 1;
                for (_, _, label) in &note.spans {
                    *self.spans.entry((*label).to_owned()).or_default() += 1;
                }
            }
            Line::Unusable { number, why } => {
                self.unusable += 1;
                if self.unusable_lines.len() < Self::LISTED {
                    self.unusable_lines.push((*number, why.clone()));
                }
            }
            Line::Empty => self.empty += 1,
        }
    }

    /// For a person.
    pub(crate) fn to_text(&self) -> String {
        let spans: u64 = self.spans.values().sum();
        format!(
            "{} lines: {} notes, {} unusable, {} empty; {spans} identifiers\n",
            self.lines, self.notes, self.unusable, self.empty
        )
    }
}

/// Scrubs a batch on some threads, in order.
pub(crate) fn scrubbed(scrubber: &NoteScrubber, batch: Vec<Raw>, threads: usize) -> Vec<Line> {
    let share = batch.len().div_ceil(threads.max(1)).max(1);
    let mut parts: Vec<Vec<Raw>> = Vec::new();
    let mut rest = batch.into_iter();
    loop {
        let part: Vec<Raw> = rest.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        parts.push(part);
    }
    let lines = |part: Vec<Raw>| {
        let lines = part
            .into_iter()
            .map(|(number, raw)| line(scrubber, number, raw));
        lines.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || lines(part)))
            .collect();
        let done = running.into_iter().flat_map(|thread| match thread.join() {
            Ok(lines) => lines,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.collect()
    })
}

fn line(scrubber: &NoteScrubber, number: u64, raw: std::result::Result<Vec<u8>, usize>) -> Line {
    let unusable = |why: String| Line::Unusable { number, why };
    let bytes = match raw {
        Ok(bytes) => bytes,
        Err(length) => return unusable(format!("{length} bytes are too long for a note")),
    };
    let line = match std::str::from_utf8(&bytes) {
        Ok(line) => line.trim_start_matches('\u{feff}').trim(),
        Err(error) => return unusable(format!("no UTF-8 at byte {}", error.valid_up_to() + 1)),
    };
    if line.is_empty() {
        return Line::Empty;
    }
    match Input::read(line) {
        Ok(input) => Line::Note(input.scrubbed(scrubber)),
        Err(why) => unusable(why),
    }
}

/// A line of input.
#[derive(Deserialize)]
struct Fields {
    id: Option<Value>,
    text: Option<Value>,
    subject_id: Option<Value>,
    known: Option<Value>,
    time: Option<Value>,
}

struct Input {
    id: Value,
    text: String,
    subject: String,
    known: Vec<String>,
    written: Option<Instant>,
}

impl Input {
    /// Reads a line; the reason of a refusal tells the place and the field, never a value.
    fn read(line: &str) -> std::result::Result<Self, String> {
        let fields: Fields = serde_json::from_str(line).map_err(|error| {
            use serde_json::error::Category;
            match error.classify() {
                Category::Eof => "the JSON ends too early".to_owned(),
                Category::Data => "no JSON object with `id` and `text`".to_owned(),
                Category::Io | Category::Syntax => format!("no JSON at column {}", error.column()),
            }
        })?;
        let id = match fields.id {
            Some(id @ (Value::String(_) | Value::Number(_))) => id,
            Some(_) => return Err("`id` is neither text nor a number".to_owned()),
            None => return Err("no `id`".to_owned()),
        };
        let text = match fields.text {
            Some(Value::String(text)) => text,
            Some(_) => return Err("`text` is no text".to_owned()),
            None => return Err("no `text`".to_owned()),
        };
        let name = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let subject = fields.subject_id.filter(|subject| !subject.is_null());
        let known = match fields.known.filter(|known| !known.is_null()) {
            None => Vec::new(),
            Some(known) => serde_json::from_value(known)
                .map_err(|_not_shown| "`known` is no list of texts".to_owned())?,
        };
        let written = match fields.time.filter(|time| !time.is_null()) {
            None => None,
            Some(time) => {
                let day = time.as_str().and_then(day);
                Some(day.ok_or("`time` does not start with a date such as 2024-05-31")?)
            }
        };
        Ok(Self {
            subject: name(&subject.unwrap_or_else(|| id.clone())),
            id,
            text,
            known,
            written,
        })
    }

    fn scrubbed(self, scrubber: &NoteScrubber) -> Scrubbed {
        let note = NoteText {
            text: &self.text,
            subject: &self.subject,
            known: &self.known,
            written: self.written,
        };
        let (found, text) = scrubber.scrub(&note);
        Scrubbed {
            spans: in_characters(&self.text, &found),
            id: self.id,
            text,
        }
    }
}

/// The day with which a time of ISO 8601 starts.
fn day(time: &str) -> Option<Instant> {
    let mut parts = time.get(..10)?.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let date = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    Instant::from_civil(date, (0, 0, 0, 0), 0).ok()
}

/// Places in bytes as places in characters.
fn in_characters(text: &str, found: &[Found]) -> Vec<(usize, usize, &'static str)> {
    let (mut bytes, mut characters) = (0, 0);
    let mut count = |to: usize| {
        characters += text[bytes..to].chars().count();
        bytes = to;
        characters
    };
    let spans = found.iter().map(|found| {
        let start = count(found.start);
        (start, count(found.end), found.label.name())
    });
    spans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let found = [(3, 5), (6, 7)].map(|(start, end)| Found {
            start,
            end,
            label: longitude_deid::Label::Name,
        });
        assert_eq!(in_characters("é é🙂x", &found[..0]), []);
        let spans = in_characters("é éab c", &found);
        assert_eq!(spans, [(2, 3, "NAME"), (4, 5, "NAME")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_is_read() {
        let limits = Limits {
            line_bytes: 10,
            batch_lines: 2,
            batch_bytes: 100,
        };
        let lines = Lines {
            from: Box::new(io::Cursor::new(b"short\n0123456789abc\n\nlast".to_vec())),
            limits,
            number: 0,
        };
        let lines: Vec<Raw> = lines.batches().flat_map(Result::unwrap).collect();
        let shown: Vec<_> = lines
            .iter()
            .map(|(n, l)| (*n, l.as_ref().map(Vec::len).map_err(|l| *l)))
            .collect();
        assert_eq!(shown, [(1, Ok(6)), (2, Err(13)), (3, Ok(1)), (4, Ok(4))]);
    }
}
