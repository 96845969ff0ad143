//! Bytes of a file or of a member of an archive: digested as stored, unpacked where packed, cut
//! into chunks of whole lines or whole messages. It knows nothing of JSON.

use crate::cut::Unit;
use crate::files::{Member, Packing, SourceFile};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use longitude_core::{Digest, DigestWriter};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes asked of the decoder at a time.
const READ_BYTES: usize = 256 << 10;
/// Room that is taken before bytes come.
const ROOM_BYTES_MAX: usize = 4 << 20;

/// A file as stored, digested on the way.
struct Stored {
    file: io::Take<File>,
    digest: DigestWriter<io::Sink>,
    bytes: u64,
}

impl Stored {
    fn new(file: io::Take<File>) -> Self {
        Self {
            file,
            digest: DigestWriter::new(io::sink()),
            bytes: 0,
        }
    }
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.digest.write_all(&buffer[..count])?;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// A file unpacked. Gzip is told by its first two bytes, not by the name.
pub(crate) struct Reader {
    inner: Inner,
    /// What the archive says of the member's unpacked bytes, and what came.
    check: Option<Check>,
    /// A fault met after some good bytes: it is told on the next call.
    fault: Option<Cut>,
}

/// The length and checksum that an archive states, beside those of the bytes that came.
struct Check {
    stated: Member,
    came: flate2::Crc,
}

impl Check {
    /// A raw deflate stream does not say that it was cut; the archive does.
    fn fault(&self) -> Option<Cut> {
        let (bytes, crc) = (self.stated.unpacked_bytes, self.stated.crc);
        // The count of bytes is kept modulo 2^32.
        if u64::from(self.came.amount()) != bytes & u64::from(u32::MAX) {
            Some(Cut::Truncated)
        } else if self.came.sum() != crc {
            Some(Cut::Corrupt)
        } else {
            None
        }
    }
}

enum Inner {
    Plain(Stored),
    Gzip(Box<MultiGzDecoder<BufReader<Stored>>>),
    Deflate(Box<DeflateDecoder<BufReader<Stored>>>),
}

/// Why the bytes of a file end before the file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The compressed stream stops in the middle.
    Truncated,
    /// The compressed stream is damaged.
    Corrupt,
    /// The system failed to read.
    Unreadable,
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if kind == io::ErrorKind::UnexpectedEof {
            Self::Truncated
        } else if matches!(
            kind,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        ) {
            Self::Corrupt
        } else {
            Self::Unreadable
        }
    }
}

impl Reader {
    pub(crate) fn open(source: &SourceFile) -> io::Result<Self> {
        if let Some(member) = source.member {
            return Self::member(&source.path, member);
        }
        let mut file = File::open(&source.path)?;
        let mut magic = Vec::with_capacity(2);
        (&mut file).take(2).read_to_end(&mut magic)?;
        file.rewind()?;
        let stored = Stored::new(file.take(u64::MAX));
        let inner = if magic == [0x1f, 0x8b] {
            let buffered = BufReader::with_capacity(READ_BYTES, stored);
            Inner::Gzip(Box::new(MultiGzDecoder::new(buffered)))
        } else {
            Inner::Plain(stored)
        };
        Ok(Self::new(inner, None))
    }

    fn new(inner: Inner, check: Option<Check>) -> Self {
        Self {
            inner,
            check,
            fault: None,
        }
    }

    /// A file inside an archive. Its digest is of its bytes as they stand in the archive.
    fn member(path: &Path, member: Member) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(member.start))?;
        let stored = Stored::new(file.take(member.bytes));
        let inner = match member.packing {
            Packing::Stored => Inner::Plain(stored),
            Packing::Deflated => {
                let buffered = BufReader::with_capacity(READ_BYTES, stored);
                Inner::Deflate(Box::new(DeflateDecoder::new(buffered)))
            }
            Packing::Unreadable => return Err(io::ErrorKind::Unsupported.into()),
        };
        let check = Check {
            stated: member,
            came: flate2::Crc::new(),
        };
        Ok(Self::new(inner, Some(check)))
    }

    /// The plain bytes of a part of a file.
    pub(crate) fn part(path: &Path, from: u64, bytes: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let inner = Inner::Plain(Stored::new(file.take(bytes)));
        Ok(Self::new(inner, None))
    }

    /// Appends up to `count` bytes; fewer only at the end.
    pub(crate) fn fill(&mut self, buffer: &mut Vec<u8>, count: usize) -> Result<usize, Cut> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let start = buffer.len();
        let limit = count as u64;
        // Room at once: to grow would copy what is there over and over.
        buffer.reserve(count.min(ROOM_BYTES_MAX));
        let result = match &mut self.inner {
            Inner::Plain(stored) => stored.take(limit).read_to_end(buffer),
            Inner::Gzip(decoder) => decoder.take(limit).read_to_end(buffer),
            Inner::Deflate(decoder) => decoder.take(limit).read_to_end(buffer),
        };
        if let Some(check) = &mut self.check {
            check.came.update(&buffer[start..]);
        }
        match result {
            Ok(0) => match self.check.as_ref().and_then(Check::fault) {
                Some(fault) => {
                    self.fault = Some(fault);
                    Err(fault)
                }
                None => Ok(0),
            },
            Ok(read) => Ok(read),
            Err(error) => {
                let fault = Cut::from(error);
                self.fault = Some(fault);
                let read = buffer.len() - start;
                if read > 0 { Ok(read) } else { Err(fault) }
            }
        }
    }

    /// Reads what is left of the stored bytes, so that the digest is of the whole file.
    pub(crate) fn finish(self) -> (Digest, u64) {
        let mut stored = match self.inner {
            Inner::Plain(stored) => stored,
            Inner::Gzip(decoder) => decoder.into_inner().into_inner(),
            Inner::Deflate(decoder) => decoder.into_inner().into_inner(),
        };
        // A fault here was met, and reported, when the rows were read.
        let _rest = io::copy(&mut stored, &mut io::sink());
        (stored.digest.finish().1, stored.bytes)
    }
}

/// How the characters of a file are written, told from its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8; this many bytes of byte order mark come first.
    Utf8 { mark_bytes: usize },
    /// UTF-16 of either byte order, which FHIR does not allow.
    Utf16,
}

impl Encoding {
    pub(crate) fn of(start: &[u8]) -> Self {
        match start {
            [0xEF, 0xBB, 0xBF, ..] => Self::Utf8 { mark_bytes: 3 },
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'{', 0, ..] | [0, b'{', ..] => Self::Utf16,
            _ => Self::Utf8 { mark_bytes: 0 },
        }
    }
}

/// A piece of a file of lines.
pub(crate) enum Piece {
    /// Whole lines, the first of which is line `first_row`.
    Lines { bytes: Vec<u8>, first_row: u64 },
    /// A line longer than the limit, which was passed over.
    TooLong { row: u64 },
    /// The file is in UTF-16.
    Utf16,
    /// The bytes end too early, in line `row`.
    Cut { cut: Cut, row: u64 },
}

/// Cuts a file into pieces.
pub(crate) struct Lines {
    unit: Unit,
    reader: Reader,
    buffer: Vec<u8>,
    row: u64,
    started: bool,
    ended: bool,
    skipping: bool,
    cut: Option<Cut>,
    chunk_bytes_max: usize,
    line_bytes_max: usize,
}

impl Lines {
    pub(crate) fn new(reader: Reader, chunk_bytes_max: usize, line_bytes_max: usize) -> Self {
        Self {
            unit: Unit::Line,
            reader,
            buffer: Vec::new(),
            row: 1,
            started: false,
            ended: false,
            skipping: false,
            cut: None,
            chunk_bytes_max: chunk_bytes_max.max(1),
            line_bytes_max: line_bytes_max.max(1),
        }
    }

    /// Goes on inside a file: the reader starts with line `row`, and no byte order mark is there.
    pub(crate) fn resumed(mut self, row: u64) -> Self {
        self.row = row;
        self.started = true;
        self
    }

    /// Cuts between other units than lines.
    pub(crate) fn of(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn into_reader(self) -> Reader {
        self.reader
    }

    /// The next piece, or `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Piece> {
        while !self.ended {
            let wanted = self.chunk_bytes_max.saturating_sub(self.buffer.len());
            let count = wanted.clamp(READ_BYTES.min(self.chunk_bytes_max), self.chunk_bytes_max);
            match self.reader.fill(&mut self.buffer, count) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(cut) => self.end_with(cut),
            }
            if !self.started && !self.buffer.is_empty() {
                self.started = true;
                match Encoding::of(&self.buffer) {
                    Encoding::Utf16 => {
                        self.ended = true;
                        self.buffer.clear();
                        return Some(Piece::Utf16);
                    }
                    Encoding::Utf8 { mark_bytes } => drop(self.buffer.drain(..mark_bytes)),
                }
            }
            if let Some(piece) = self.take_lines() {
                return Some(piece);
            }
        }
        let row = self.row;
        self.take_rest()
            .or_else(|| self.cut.take().map(|cut| Piece::Cut { cut, row }))
    }

    /// The line in which the bytes stop is not whole, so it is no row; those before it are.
    fn end_with(&mut self, cut: Cut) {
        self.ended = true;
        self.cut = Some(cut);
        let whole = self.unit.last_cut(&self.buffer).unwrap_or(0);
        self.buffer.truncate(whole);
    }

    /// The whole lines of the buffer once there are enough of them.
    fn take_lines(&mut self) -> Option<Piece> {
        if self.skipping {
            let Some(end) = self.unit.first_cut(&self.buffer) else {
                self.pass_over();
                return None;
            };
            self.row += self.unit.rows(&self.buffer[..end]);
            drop(self.buffer.drain(..end));
            self.skipping = false;
        }
        if self.buffer.len() < self.chunk_bytes_max {
            return None;
        }
        if let Some(end) = self.unit.last_cut(&self.buffer) {
            let rest = self.buffer.split_off(end);
            let bytes = std::mem::replace(&mut self.buffer, rest);
            let first_row = self.row;
            self.row += self.unit.rows(&bytes);
            return Some(Piece::Lines { bytes, first_row });
        }
        if self.buffer.len() > self.line_bytes_max {
            let row = self.row;
            self.pass_over();
            self.skipping = true;
            return Some(Piece::TooLong { row });
        }
        None
    }

    /// Leaves what is in the buffer aside, but for what may be the start of a boundary.
    fn pass_over(&mut self) {
        let passed = self.buffer.len().saturating_sub(self.unit.overlap());
        self.row += self.unit.rows(&self.buffer[..passed]);
        drop(self.buffer.drain(..passed));
    }

    /// The last lines, of which the very last may lack its line end.
    fn take_rest(&mut self) -> Option<Piece> {
        if self.buffer.is_empty() || self.skipping {
            return None;
        }
        let bytes = std::mem::take(&mut self.buffer);
        let first_row = self.row;
        self.row += self.unit.rows(&bytes);
        Some(Piece::Lines { bytes, first_row })
    }
}
