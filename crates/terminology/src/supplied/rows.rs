//! Rows of a delimited text, plain or gzip (told by its first bytes), one at a time. It knows no
//! table's meaning.
//!
//! RRF and text with tabs have no quotes (names in Athena's files hold bare ones), but where the
//! header itself has them; text with commas or semicolons is quoted as in RFC 4180. An empty line
//! is no row.

use super::SuppliedError;
use flate2::bufread::MultiGzDecoder;
use memchr::{memchr, memchr_iter};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The longest row: far over LOINC's longest, and a bound for what is no table.
const ROW_BYTES_MAX: usize = 1 << 20;
const BUFFER_BYTES: usize = 1 << 18;

/// A table that is being read.
pub(super) struct Rows {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    delimiter: u8,
    is_quoted: bool,
    /// Lines read so far.
    lines: u64,
    /// The line on which the row begins.
    pub(super) line: u64,
    /// Rows read behind the header.
    pub(super) count: u64,
    header: Vec<String>,
    raw: Vec<u8>,
    text: String,
    ends: Vec<usize>,
}

impl Rows {
    /// Opens a table with a header line. What parts its columns is the one of tab, semicolon and
    /// comma that the header has most of.
    pub(super) fn open(path: &Path) -> Result<Self, SuppliedError> {
        let mut rows = Self::plain(path, b',')?;
        if !rows.fill()? {
            return Ok(rows);
        }
        if rows.raw.starts_with(b"\xef\xbb\xbf") {
            rows.raw.drain(..3);
        }
        let many = |delimiter: u8| memchr_iter(delimiter, &rows.raw).count();
        let all = [b',', b';', b'\t'];
        rows.delimiter = all.into_iter().max_by_key(|d| many(*d)).unwrap_or(b',');
        rows.is_quoted = rows.delimiter != b'\t' || rows.raw.starts_with(b"\"");
        rows.split()?;
        rows.header = (0..rows.ends.len())
            .map(|place| {
                rows.field(place)
                    .trim()
                    .trim_matches('"')
                    .to_ascii_lowercase()
            })
            .collect();
        rows.count = 0;
        Ok(rows)
    }

    /// Opens rows without a header and without quotes.
    pub(super) fn plain(path: &Path, delimiter: u8) -> Result<Self, SuppliedError> {
        let read = |source| SuppliedError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(read)?;
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let is_gzip = file.fill_buf().map_err(read)?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead> = if is_gzip {
            let inflated = MultiGzDecoder::new(file);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, inflated))
        } else {
            Box::new(file)
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            delimiter,
            is_quoted: false,
            lines: 0,
            line: 0,
            count: 0,
            header: Vec::new(),
            raw: Vec::new(),
            text: String::new(),
            ends: Vec::new(),
        })
    }

    /// The columns' names in lower case.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// The place of a column.
    pub(super) fn column(&self, column: &'static str) -> Result<usize, SuppliedError> {
        let place = self.header.iter().position(|name| name == column);
        place.ok_or_else(|| SuppliedError::MissingColumn {
            path: self.path.clone(),
            column,
        })
    }

    /// The places of several columns.
    pub(super) fn columns<const N: usize>(
        &self,
        names: [&'static str; N],
    ) -> Result<[usize; N], SuppliedError> {
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            *place = self.column(name)?;
        }
        Ok(places)
    }

    /// Goes to the next row; false at the end.
    pub(super) fn next(&mut self) -> Result<bool, SuppliedError> {
        if !self.fill()? {
            return Ok(false);
        }
        self.split()?;
        self.count += 1;
        Ok(true)
    }

    /// A field of the row; empty where the row is too short.
    pub(super) fn field(&self, place: usize) -> &str {
        let start = match place.checked_sub(1) {
            Some(before) => self.ends.get(before),
            None => Some(&0),
        };
        let end = self.ends.get(place);
        start
            .zip(end)
            .map_or("", |(start, end)| &self.text[*start..*end])
    }

    /// A number of the row.
    pub(super) fn number<T: std::str::FromStr>(
        &self,
        place: usize,
        column: &'static str,
    ) -> Result<T, SuppliedError> {
        let number = self.field(place).trim().parse();
        number.map_err(|_not_shown: T::Err| SuppliedError::Number {
            path: self.path.clone(),
            line: self.line,
            column,
        })
    }

    /// Whether text with commas stands in it, as hand-made copies of tab-separated files have it.
    pub(super) fn has_commas(&self) -> bool {
        self.delimiter != b'\t'
    }

    /// Whether the row has as many fields as the header.
    pub(super) fn is_whole(&self) -> bool {
        self.ends.len() == self.header.len()
    }

    /// Refuses a row that has not as many fields as the header.
    pub(super) fn check(&self) -> Result<(), SuppliedError> {
        self.check_fields(self.header.len())
    }

    /// Refuses a row that has another number of fields.
    pub(super) fn check_fields(&self, expected: usize) -> Result<(), SuppliedError> {
        if self.ends.len() == expected {
            return Ok(());
        }
        Err(SuppliedError::Fields {
            path: self.path.clone(),
            line: self.line,
            found: self.ends.len(),
            expected,
        })
    }

    /// Reads the bytes of a row into `raw`, over several lines where a quote is open.
    fn fill(&mut self) -> Result<bool, SuppliedError> {
        self.raw.clear();
        let mut quote = Quote::Start;
        loop {
            let start = self.raw.len();
            let room = (ROW_BYTES_MAX + 1).saturating_sub(start);
            let read = (&mut self.reader).take(room as u64);
            let length = { read }.read_until(b'\n', &mut self.raw);
            let length = length.map_err(|source| self.read_error(source))?;
            if start == 0 {
                self.line = self.lines + 1;
            }
            if length == 0 {
                // An open quote at the end is found when the row is split.
                return Ok(start > 0);
            }
            self.lines += 1;
            if self.raw.len() > ROW_BYTES_MAX {
                return Err(SuppliedError::TooLong {
                    path: self.path.clone(),
                    line: self.line,
                });
            }
            if self.is_quoted {
                quote = quote.behind(&self.raw[start..], self.delimiter);
            }
            if quote == Quote::Open {
                continue;
            }
            while let Some(b'\n' | b'\r') = self.raw.last() {
                self.raw.pop();
            }
            if !self.raw.is_empty() {
                return Ok(true);
            }
        }
    }

    fn read_error(&self, source: io::Error) -> SuppliedError {
        SuppliedError::Read {
            path: self.path.clone(),
            source,
        }
    }

    /// Cuts `raw` into fields.
    fn split(&mut self) -> Result<(), SuppliedError> {
        self.text.clear();
        self.ends.clear();
        let (path, line) = (&self.path, self.line);
        let row = std::str::from_utf8(&self.raw).map_err(|_place| SuppliedError::Encoding {
            path: path.clone(),
            line,
        })?;
        let delimiter = char::from(self.delimiter);
        let mut rest = Some(row);
        while let Some(field) = rest {
            let quoted = field.strip_prefix('"').filter(|_| self.is_quoted);
            rest = match quoted {
                None => {
                    let cut = field.split_once(delimiter);
                    self.text.push_str(cut.map_or(field, |(field, _)| field));
                    cut.map(|(_, rest)| rest)
                }
                Some(quoted) => {
                    let behind = unquote(quoted, &mut self.text);
                    let next = behind.and_then(|behind| match behind.strip_prefix(delimiter) {
                        None if behind.is_empty() => Some(None),
                        None => None,
                        rest => Some(rest),
                    });
                    next.ok_or_else(|| SuppliedError::Quote {
                        path: path.clone(),
                        line,
                    })?
                }
            };
            self.ends.push(self.text.len());
        }
        Ok(())
    }
}

/// Where a row stands with regard to quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    /// At the start of a field.
    Start,
    /// In a field without quotes, where a quote is a letter.
    Bare,
    /// Behind an opening quote.
    Open,
    /// Behind a quote that closes, or is the first of two.
    Closing,
}

impl Quote {
    /// Where the row stands behind some more bytes.
    fn behind(self, bytes: &[u8], delimiter: u8) -> Self {
        if self != Self::Open && memchr(b'"', bytes).is_none() {
            return Self::Bare;
        }
        bytes
            .iter()
            .fold(self, |before, byte| match (before, *byte) {
                (Self::Open, b'"') => Self::Closing,
                (Self::Open, _) | (Self::Closing | Self::Start, b'"') => Self::Open,
                (_, byte) if byte == delimiter => Self::Start,
                _ => Self::Bare,
            })
    }
}

/// Adds a field's text up to its closing quote; what stands behind it, none where it has none.
fn unquote<'r>(mut quoted: &'r str, text: &mut String) -> Option<&'r str> {
    loop {
        let (part, behind) = quoted.split_once('"')?;
        text.push_str(part);
        match behind.strip_prefix('"') {
            Some(rest) => {
                text.push('"');
                quoted = rest;
            }
            None => return Some(behind),
        }
    }
}
