//! Where a record of delimited text ends: RFC 4180, strictly about quotes, so that one bad quote
//! costs one line and not the rest of the file. Splitter and worker both ask here, so they agree.

use memchr::{memchr, memchr2};

/// How a delimited text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    /// `\n`, or `\r` in files that have no other line end. A `\r` before `\n` belongs to neither.
    pub(crate) terminator: u8,
    /// Whether `"` at the start of a field quotes it.
    pub(crate) quotes: bool,
}

/// The delimiters that are told apart.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

impl Dialect {
    /// The dialect of a file, from its first bytes: the delimiter is the one that stands most often
    /// outside quotes in the first line.
    pub(crate) fn sniff(start: &[u8]) -> Self {
        let has_feed = memchr(b'\n', start).is_some();
        let terminator = if !has_feed && memchr(b'\r', start).is_some() {
            b'\r'
        } else {
            b'\n'
        };
        let end = memchr(terminator, start).unwrap_or(start.len());
        let mut counts = [0; DELIMITERS.len()];
        let mut quoted = false;
        for byte in &start[..end] {
            quoted ^= *byte == b'"';
            if !quoted && let Some(place) = DELIMITERS.iter().position(|known| known == byte) {
                counts[place] += 1;
            }
        }
        let mut best = 0;
        for place in 1..counts.len() {
            if counts[place] > counts[best] {
                best = place;
            }
        }
        Self {
            delimiter: DELIMITERS[best],
            terminator,
            quotes: true,
        }
    }
}

/// How a record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// The record is `start..end`; the next starts at `next`.
    Whole {
        end: usize,
        next: usize,
        quoted: bool,
    },
    /// Its quotes are at fault: it is given up with its first line.
    Broken { end: usize, next: usize },
    /// More bytes are needed to tell.
    Open,
}

/// The record that begins at `start`. `is_all`: no more bytes will come.
pub(crate) fn record(bytes: &[u8], start: usize, dialect: Dialect, is_all: bool) -> Record {
    let line_end = match memchr(dialect.terminator, &bytes[start..]) {
        Some(length) => start + length,
        None if is_all => bytes.len(),
        None => return Record::Open,
    };
    let line_next = (line_end + 1).min(bytes.len());
    let quoted = dialect.quotes && memchr(b'"', &bytes[start..line_end]).is_some();
    if !quoted {
        return Record::Whole {
            end: line_end,
            next: line_next,
            quoted,
        };
    }
    let broken = Record::Broken {
        end: line_end,
        next: line_next,
    };
    let or_open = |is_known: bool| if is_known { broken } else { Record::Open };
    let mut field = start;
    loop {
        if bytes.get(field) != Some(&b'"') {
            match memchr2(dialect.delimiter, dialect.terminator, &bytes[field..]) {
                Some(length) if bytes[field + length] == dialect.delimiter => {
                    field += length + 1;
                    continue;
                }
                Some(length) => return whole(field + length, bytes.len()),
                None if is_all => return whole(bytes.len(), bytes.len()),
                None => return Record::Open,
            }
        }
        let Some(after) = close(bytes, field + 1) else {
            return or_open(is_all);
        };
        let rest = &bytes[after..];
        match rest {
            [] if is_all => return whole(bytes.len(), bytes.len()),
            // The next byte decides: `""` goes on.
            [] => return Record::Open,
            [byte, ..] if *byte == dialect.delimiter => field = after + 1,
            [byte, ..] if *byte == dialect.terminator => return whole(after, bytes.len()),
            [b'\r', b'\n', ..] => return whole(after + 1, bytes.len()),
            [b'\r'] => {
                return if is_all {
                    whole(bytes.len(), bytes.len())
                } else {
                    Record::Open
                };
            }
            _ => return broken,
        }
    }
}

fn whole(end: usize, length: usize) -> Record {
    Record::Whole {
        end,
        next: (end + 1).min(length),
        quoted: true,
    }
}

/// The place after the quote that closes a field whose text begins at `from`.
pub(super) fn close(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let quote = if bytes.get(from) == Some(&b'"') {
            from
        } else {
            from + memchr(b'"', bytes.get(from..)?)?
        };
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote + 1);
        }
        from = quote + 2;
    }
}
