//! Rows under one header, from delimited text (plain, gzip, inside a zip) or Parquet, in pieces for
//! threads. It knows no format's tables and no meaning of a column: OMOP and mapped tables stand on
//! it.
//!
//! ```text
//! SourceFile -> [`send`] (reading thread) -> Piece -> [`Rows::each`] (worker) -> Row
//! ```
//!
//! A row has the number of the line on which it begins, the header being line 1, so that an editor
//! finds it; a row of Parquet has its place, counted from 1. Every row that is no row of the header
//! is told as a [`RowFault`] with its number.

mod cells;
mod parquet;
mod record;
mod text;

pub(crate) use record::Dialect;

use crate::Options;
use crate::batch::Note;
use crate::files::{SourceFile, extension};
use crate::pipeline::Payload;
use longitude_core::IssueKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The columns of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    names: Vec<String>,
    /// What parts the columns of a delimited text.
    pub(crate) delimiter: Option<u8>,
    /// Columns of a type that is not read; their fields are empty.
    unread: Vec<String>,
}

impl Header {
    pub(crate) fn new(names: Vec<String>, delimiter: Option<u8>) -> Self {
        Self {
            names,
            delimiter,
            unread: Vec::new(),
        }
    }

    fn with_unread(mut self, unread: Vec<String>) -> Self {
        self.unread = unread;
        self
    }

    /// The names as written, without white space around them.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a column, whatever the case of its name; of equal names the first.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let same = |known: &String| known.eq_ignore_ascii_case(name);
        self.names.iter().position(same)
    }

    /// Names that stand more than once. Only the first column of a name is read.
    pub(crate) fn duplicated(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().enumerate();
        names.filter_map(|(place, name)| {
            let first = self.find(name)?;
            (first < place && !name.is_empty()).then_some(name.as_str())
        })
    }

    /// What is the matter with the header itself, for the file's account.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let twice = self.duplicated().map(|name| {
            let detail = ["column named twice: ", &name.to_ascii_lowercase()].concat();
            Note::new(IssueKind::InvalidRow, name.to_owned(), detail)
        });
        let unread = self.unread.iter().map(|name| {
            let detail = ["column of a nested or unknown type: ", name].concat();
            Note::new(IssueKind::NotSupported, name.clone(), detail)
        });
        twice.chain(unread).collect()
    }
}

/// A piece of a table, in the order of the file.
pub(crate) enum Piece {
    /// Comes first and once.
    Header(Arc<Header>),
    Rows(Rows),
}

/// Some whole rows.
pub(crate) struct Rows {
    pub(crate) header: Arc<Header>,
    content: Content,
    first_row: u64,
}

enum Content {
    Text { bytes: Vec<u8>, dialect: Dialect },
    Columns(arrow_array::RecordBatch),
}

/// Why a row is none of the header's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFault {
    /// Fewer fields than the header has.
    TooFew,
    /// More fields than the header has.
    TooMany,
    /// A quote that does not close, or closes inside a field. The row ends with its first line.
    Quote,
    /// The bytes are not UTF-8.
    Encoding,
    /// A NUL byte: a damaged copy, or UTF-16.
    Nul,
    /// Longer than `line_bytes_max`.
    TooLong,
}

impl RowFault {
    /// The issue that the row becomes.
    pub(crate) fn note(self) -> Note {
        let (kind, detail) = match self {
            Self::TooFew => (IssueKind::InvalidRow, "fewer fields than the header"),
            Self::TooMany => (IssueKind::InvalidRow, "more fields than the header"),
            Self::Quote => (IssueKind::InvalidRow, "a quote that does not close"),
            Self::Encoding => (IssueKind::InvalidEncoding, "row not in UTF-8"),
            Self::Nul => (IssueKind::InvalidEncoding, "NUL byte in the row"),
            Self::TooLong => (IssueKind::NotSupported, "row longer than line_bytes_max"),
        };
        Note::new(kind, "", detail)
    }
}

/// One row. Fields that are null, absent or empty are all the empty text.
pub(crate) struct Row<'r> {
    text: &'r str,
    /// Fields that could not be taken from `text` as they stand: unescaped ones, numbers.
    scratch: &'r str,
    fields: &'r [Field],
}

/// Where a field's text stands.
#[derive(Clone, Copy, Debug, Default)]
struct Field {
    start: u32,
    end: u32,
    in_scratch: bool,
}

impl<'r> Row<'r> {
    /// The field in a column.
    pub(crate) fn get(&self, column: usize) -> &'r str {
        let Some(field) = self.fields.get(column) else {
            return "";
        };
        let text = if field.in_scratch {
            self.scratch
        } else {
            self.text
        };
        let range = field.start as usize..field.end as usize;
        text.get(range).unwrap_or_default()
    }

    /// The field in a column that may be absent, without white space around it; `None` where it is
    /// empty.
    pub(crate) fn filled(&self, column: Option<usize>) -> Option<&'r str> {
        let text = self.get(column?).trim_ascii();
        (!text.is_empty()).then_some(text)
    }

    /// All fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'r str> {
        (0..self.fields.len()).map(|column| self.get(column))
    }
}

impl Rows {
    /// Hands every row, or what is the matter with it, to `take`, with its number.
    pub(crate) fn each(&self, take: impl FnMut(u64, Result<&Row<'_>, RowFault>)) {
        match &self.content {
            Content::Text { bytes, dialect } => {
                let columns = self.header.names.len();
                text::each(bytes, *dialect, (self.first_row, columns), take);
            }
            Content::Columns(batch) => cells::each(batch, self.first_row, take),
        }
    }
}

/// Reads a table from start to end and hands its pieces to `send` with what each weighs, the end
/// last; false when `send` wants no more.
pub(crate) fn send(
    source: &SourceFile,
    options: &Options,
    send: &mut impl FnMut(Payload, usize) -> bool,
) -> bool {
    if extension(&source.name) == "parquet" {
        parquet::send(source, options, send)
    } else {
        text::send(source, options, send)
    }
}

/// The bytes of the row with this number; `None` where there is none, or the file keeps columns.
pub(crate) fn row_of(source: &SourceFile, options: &Options, row: u64) -> Option<Vec<u8>> {
    let mut found = None;
    send(source, options, &mut |payload, _cost| {
        if let Payload::Table(Piece::Rows(rows)) = payload
            && let Content::Text { bytes, dialect } = &rows.content
        {
            found = text::row_of(bytes, *dialect, (rows.first_row, row));
        }
        found.is_none()
    });
    found
}

/// Reads a table in this thread and hands every row to `take`: for small tables that others are
/// resolved through. Gives what is the matter with the file, if anything.
pub(crate) fn each(
    source: &SourceFile,
    options: &Options,
    stop: &AtomicBool,
    mut take: impl FnMut(&Header, u64, Result<&Row<'_>, RowFault>),
) -> Option<Note> {
    let mut found = None;
    send(source, options, &mut |payload, _cost| {
        match payload {
            Payload::Table(Piece::Rows(rows)) => {
                rows.each(|number, row| take(&rows.header, number, row));
            }
            Payload::End { fault, .. } => found = fault.map(|(fault, _row)| fault.note()),
            Payload::Unopened => found = Some(Note::unopened()),
            Payload::Table(Piece::Header(_))
            | Payload::Lines { .. }
            | Payload::LongLine { .. }
            | Payload::Document => {}
        }
        !stop.load(Ordering::Relaxed)
    });
    found
}

#[cfg(test)]
mod tests;
