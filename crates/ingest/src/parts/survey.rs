//! A look at a file before it is mapped: which records its start announces, and, for a large file
//! of plain lines, where it can be cut. Bytes are pushed in, so that a file is never held.

use super::ListedFile;
use crate::detect::Format;
use crate::fhir::{self, Hint};
use crate::files::{self, Shape};
use crate::read::Encoding;
use longitude_core::{Digest, DigestWriter};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Write as _};

/// Bytes of the start that are kept: as stored, so for gzip they unpack to more than is looked at.
const START_BYTES: usize = 256 << 10;

/// What a look at a file has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    pub(crate) hint: Hint,
    /// Where parts after the first start: the byte, and the number of the line there.
    pub(super) cuts: Vec<(u64, u64)>,
    /// Digest and size, where the file is cut: nobody else will read it whole.
    pub(super) stored: Option<(Digest, u64)>,
}

/// A look under way.
pub struct Surveying {
    shape: Shape,
    format: Format,
    part_bytes: u64,
    start: Vec<u8>,
    digest: DigestWriter<io::Sink>,
    bytes: u64,
    line: u64,
    part_from: u64,
    cuts: Vec<(u64, u64)>,
}

impl Surveying {
    /// Starts; lines of a file are cut after at least `part_bytes` each.
    pub fn new(file: &ListedFile, part_bytes: u64) -> Self {
        Self {
            shape: files::shape(&file.name),
            format: file.format,
            part_bytes: part_bytes.max(1),
            start: Vec::new(),
            digest: DigestWriter::new(io::sink()),
            bytes: 0,
            line: 1,
            part_from: 0,
            cuts: Vec::new(),
        }
    }

    /// How many bytes of the file are to be pushed, from its start.
    pub fn wanted(file: &ListedFile, part_bytes: u64) -> u64 {
        if file.format != Format::Fhir {
            return 0;
        }
        let packed = file.name.to_ascii_lowercase().ends_with(".gz");
        let is_cut = files::shape(&file.name) == Shape::Lines && !packed;
        if is_cut && file.bytes > part_bytes {
            file.bytes
        } else {
            file.bytes.min(START_BYTES as u64)
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = START_BYTES.saturating_sub(self.start.len());
        self.start
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        let written = self.digest.write_all(bytes);
        debug_assert!(written.is_ok(), "nothing can fail to be thrown away");
        for place in memchr::memchr_iter(b'\n', bytes) {
            self.line += 1;
            let next = self.bytes + place as u64 + 1;
            if next - self.part_from >= self.part_bytes {
                self.cuts.push((next, self.line));
                self.part_from = next;
            }
        }
        self.bytes += bytes.len() as u64;
    }

    /// What was found.
    pub fn finish(mut self, file: &ListedFile) -> Survey {
        if self.format != Format::Fhir {
            return Survey::default();
        }
        let hint = fhir::hint(self.shape, &self.start);
        let is_packed = self.start.starts_with(&[0x1f, 0x8b]);
        let is_utf16 = matches!(Encoding::of(&self.start), Encoding::Utf16);
        let is_whole = self.bytes == file.bytes;
        // A cut at the very end starts an empty part.
        self.cuts.retain(|cut| cut.0 < file.bytes);
        if self.shape != Shape::Lines || is_packed || is_utf16 || !is_whole {
            self.cuts.clear();
        }
        let stored = (!self.cuts.is_empty()).then(|| (self.digest.finish().1, self.bytes));
        Survey {
            hint,
            cuts: self.cuts,
            stored,
        }
    }
}

/// Redacted: the start of a file holds records.
impl fmt::Debug for Surveying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Surveying({} bytes)", self.bytes)
    }
}
