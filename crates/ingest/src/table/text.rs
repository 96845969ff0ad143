//! Delimited text: the reading thread cuts it into pieces of whole records, a worker cuts a piece
//! into fields, without a copy unless a field has escaped quotes.

use super::record::{self, Dialect, Record, record};
use super::{Content, Field, Header, Piece, Row, RowFault, Rows};
use crate::Options;
use crate::files::SourceFile;
use crate::pipeline::{Fault, Payload};
use crate::read::{Cut, Encoding, Reader};
use memchr::{memchr, memchr_iter, memrchr};
use std::sync::Arc;

/// Bytes from which the dialect is told.
const SNIFFED_BYTES: usize = 64 << 10;
/// A header longer than this is none: the file is no table.
const HEADER_BYTES_MAX: usize = 1 << 20;

/// The reading thread.
pub(super) fn send(
    source: &SourceFile,
    options: &Options,
    send: &mut impl FnMut(Payload, usize) -> bool,
) -> bool {
    let Ok(reader) = Reader::open(source) else {
        return send(Payload::Unopened, 0);
    };
    let mut pieces = Pieces {
        reader,
        buffer: Vec::new(),
        row: 1,
        is_all: false,
        cut: None,
        chunk_bytes_max: options.chunk_bytes_max.max(1),
        line_bytes_max: options.line_bytes_max.max(1),
    };
    let sent = match pieces.head() {
        Ok((header, dialect)) => {
            let header = Arc::new(header);
            let first = Payload::Table(Piece::Header(Arc::clone(&header)));
            send(first, 0) && pieces.rows(&header, dialect, send)
        }
        Err(fault) => {
            pieces.cut = None;
            return send(pieces.end(Some((fault, 0))), 0);
        }
    };
    sent && {
        let fault = pieces.cut.map(|cut| (Fault::Cut(cut), pieces.row));
        send(pieces.end(fault), 0)
    }
}

struct Pieces {
    reader: Reader,
    buffer: Vec<u8>,
    row: u64,
    is_all: bool,
    cut: Option<Cut>,
    chunk_bytes_max: usize,
    line_bytes_max: usize,
}

impl Pieces {
    fn fill(&mut self) {
        match self.reader.fill(&mut self.buffer, self.chunk_bytes_max) {
            Ok(0) => self.is_all = true,
            Ok(_) => {}
            Err(cut) => {
                self.is_all = true;
                self.cut = Some(cut);
            }
        }
    }

    /// The header and how the file is written; the buffer then starts with the first row.
    fn head(&mut self) -> Result<(Header, Dialect), Fault> {
        while !self.is_all && self.buffer.len() < SNIFFED_BYTES {
            self.fill();
        }
        if self.buffer.is_empty() {
            return Err(self.cut.map_or(Fault::Empty, Fault::Cut));
        }
        match Encoding::of(&self.buffer) {
            Encoding::Utf16 => return Err(Fault::Utf16),
            Encoding::Utf8 { mark_bytes } => drop(self.buffer.drain(..mark_bytes)),
        }
        // Blank lines before the header.
        while let [b'\r' | b'\n', ..] = &self.buffer[..] {
            self.row += u64::from(self.buffer[0] == b'\n');
            drop(self.buffer.drain(..1));
        }
        let sniffed = self.buffer.len().min(SNIFFED_BYTES);
        let dialect = Dialect::sniff(&self.buffer[..sniffed]);
        let (end, next) = loop {
            match record(&self.buffer, 0, dialect, self.is_all) {
                Record::Whole { end, next, .. } => break (end, next),
                Record::Open if self.buffer.len() < HEADER_BYTES_MAX => self.fill(),
                Record::Broken { .. } | Record::Open => {
                    return Err(Fault::Header("the header does not end"));
                }
            }
        };
        let line = &self.buffer[..end];
        if memchr(0, line).is_some() {
            // UTF-16 without a mark looks like this; so does a file of another kind.
            return Err(Fault::Utf16);
        }
        let Ok(line) = std::str::from_utf8(line) else {
            return Err(Fault::Header("the header is not UTF-8"));
        };
        let mut parser = Parser::default();
        parser.split(line, dialect, true);
        let row = parser.row(line);
        let names: Vec<_> = row.fields().map(|name| name.trim().to_owned()).collect();
        if names.iter().all(String::is_empty) {
            return Err(Fault::Header("the header is blank"));
        }
        self.row += lines(&self.buffer[..next], dialect.terminator);
        drop(self.buffer.drain(..next));
        Ok((Header::new(names, Some(dialect.delimiter)), dialect))
    }

    fn rows(
        &mut self,
        header: &Arc<Header>,
        dialect: Dialect,
        send: &mut impl FnMut(Payload, usize) -> bool,
    ) -> bool {
        loop {
            if !self.is_all && self.buffer.len() < self.chunk_bytes_max {
                self.fill();
                continue;
            }
            if self.is_all && self.cut.is_some() {
                // The line in which the bytes stop is not whole, so it is no row.
                let whole = memrchr(dialect.terminator, &self.buffer).map_or(0, |last| last + 1);
                self.buffer.truncate(whole);
            }
            if self.buffer.is_empty() {
                return true;
            }
            let is_long = self.buffer.len() > self.line_bytes_max;
            let end = boundary(&self.buffer, dialect, self.is_all, is_long);
            if end == 0 {
                if is_long && !self.pass_over(dialect, send) {
                    return false;
                }
                self.fill();
                continue;
            }
            let rest = self.buffer.split_off(end);
            let bytes = std::mem::replace(&mut self.buffer, rest);
            let (cost, first_row) = (bytes.len(), self.row);
            self.row += lines(&bytes, dialect.terminator);
            let rows = Rows {
                header: Arc::clone(header),
                content: Content::Text { bytes, dialect },
                first_row,
            };
            if !send(Payload::Table(Piece::Rows(rows)), cost) {
                return false;
            }
            if self.is_all && self.buffer.is_empty() {
                return true;
            }
        }
    }

    /// Skips a line that is longer than the limit, and tells it.
    fn pass_over(
        &mut self,
        dialect: Dialect,
        send: &mut impl FnMut(Payload, usize) -> bool,
    ) -> bool {
        let row = self.row;
        loop {
            if let Some(end) = memchr(dialect.terminator, &self.buffer) {
                drop(self.buffer.drain(..=end));
                self.row += 1;
                break;
            }
            self.buffer.clear();
            if self.is_all {
                break;
            }
            self.fill();
        }
        send(Payload::LongLine { row }, 0)
    }

    fn end(self, fault: Option<(Fault, u64)>) -> Payload {
        let (digest, bytes) = self.reader.finish();
        Payload::End {
            digest,
            bytes,
            fault,
        }
    }
}

fn lines(bytes: &[u8], terminator: u8) -> u64 {
    memchr_iter(terminator, bytes).count() as u64
}

/// Where the last whole record of the bytes ends, 0 if there is none. `is_all`: no more bytes come;
/// `is_long`: no more are waited for, if the first record is still open.
fn boundary(bytes: &[u8], dialect: Dialect, is_all: bool, is_long: bool) -> usize {
    let last = || memrchr(dialect.terminator, bytes).map_or(0, |last| last + 1);
    if is_all {
        return bytes.len();
    }
    if !dialect.quotes || memchr(b'"', bytes).is_none() || last() == 0 {
        return last();
    }
    let mut start = 0;
    while start < bytes.len() {
        match record(bytes, start, dialect, is_long && start == 0) {
            Record::Whole { next, .. } | Record::Broken { next, .. } => start = next,
            Record::Open => break,
        }
    }
    start
}

/// The worker.
pub(super) fn each(
    bytes: &[u8],
    dialect: Dialect,
    (first_row, columns): (u64, usize),
    mut take: impl FnMut(u64, Result<&Row<'_>, RowFault>),
) {
    let text = std::str::from_utf8(bytes).ok();
    let has_nul = memchr(0, bytes).is_some();
    let mut parser = Parser::default();
    let (mut start, mut row) = (0, first_row);
    while start < bytes.len() {
        let (end, next, quoted) = match record(bytes, start, dialect, true) {
            Record::Whole { end, next, quoted } => (end, next, Some(quoted)),
            Record::Broken { end, next } => (end, next, None),
            Record::Open => (bytes.len(), bytes.len(), None),
        };
        let number = row;
        row += match quoted {
            Some(true) => lines(&bytes[start..next], dialect.terminator),
            _ => 1,
        };
        let line = &bytes[start..end];
        let range = start..end;
        start = next;
        if line.iter().all(|byte| matches!(byte, b' ' | b'\r')) {
            continue;
        }
        let Some(quoted) = quoted else {
            take(number, Err(RowFault::Quote));
            continue;
        };
        if has_nul && memchr(0, line).is_some() {
            take(number, Err(RowFault::Nul));
            continue;
        }
        let line = match text {
            Some(text) => text.get(range),
            None => std::str::from_utf8(line).ok(),
        };
        let Some(line) = line else {
            take(number, Err(RowFault::Encoding));
            continue;
        };
        parser.split(line, dialect, quoted);
        match parser.fields.len() {
            found if found < columns => take(number, Err(RowFault::TooFew)),
            found if found > columns => take(number, Err(RowFault::TooMany)),
            _ => take(number, Ok(&parser.row(line))),
        }
    }
}

/// The bytes of the row that has a number, given that of the first.
pub(super) fn row_of(
    bytes: &[u8],
    dialect: Dialect,
    (first_row, wanted): (u64, u64),
) -> Option<Vec<u8>> {
    let (mut start, mut row) = (0, first_row);
    while start < bytes.len() && row <= wanted {
        let (end, next) = match record(bytes, start, dialect, true) {
            Record::Whole { end, next, .. } | Record::Broken { end, next } => (end, next),
            Record::Open => (bytes.len(), bytes.len()),
        };
        if row == wanted {
            return Some(bytes[start..end].to_vec());
        }
        row += lines(&bytes[start..next], dialect.terminator);
        start = next;
    }
    None
}

/// Cuts records into fields; its memory is used again.
#[derive(Default)]
struct Parser {
    fields: Vec<Field>,
    scratch: String,
}

impl Parser {
    fn row<'r>(&'r self, text: &'r str) -> Row<'r> {
        Row {
            text,
            scratch: &self.scratch,
            fields: &self.fields,
        }
    }

    fn split(&mut self, line: &str, dialect: Dialect, quoted: bool) {
        self.fields.clear();
        self.scratch.clear();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let bytes = line.as_bytes();
        if !quoted {
            let mut start = 0;
            for end in memchr_iter(dialect.delimiter, bytes).chain([bytes.len()]) {
                self.push(start, end);
                start = end + 1;
            }
            return;
        }
        let mut start = 0;
        loop {
            let end = if bytes.get(start) == Some(&b'"') {
                let after = record::close(bytes, start + 1).unwrap_or(bytes.len());
                self.unquote(line, start + 1, after.saturating_sub(1));
                after
            } else {
                let length = memchr(dialect.delimiter, &bytes[start.min(bytes.len())..]);
                let end = length.map_or(bytes.len(), |length| start + length);
                self.push(start, end);
                end
            };
            if end >= bytes.len() {
                return;
            }
            start = end + 1;
        }
    }

    fn push(&mut self, start: usize, end: usize) {
        self.fields.push(Field {
            start: place(start),
            end: place(end),
            in_scratch: false,
        });
    }

    /// Adds a quoted field; a copy is made only where `""` stands for a quote.
    fn unquote(&mut self, line: &str, start: usize, end: usize) {
        let inner = line.get(start..end).unwrap_or_default();
        if memchr(b'"', inner.as_bytes()).is_none() {
            self.push(start, end);
            return;
        }
        let from = self.scratch.len();
        self.scratch.push_str(&inner.replace("\"\"", "\""));
        self.fields.push(Field {
            start: place(from),
            end: place(self.scratch.len()),
            in_scratch: true,
        });
    }
}

/// Records are far below 4 GiB: `line_bytes_max` bounds them.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
