//! The way back: from the origin of an event to the bytes of the source, and whether the source is
//! still the one that was read.

use crate::cut::Unit;
use crate::detect;
use crate::files::{self, Shape, SourceFile};
use crate::read::{Cut, Lines, Piece, Reader};
use crate::{Error, Format, Options, fhir, table};
use longitude_core::Digest;
use std::path::Path;

/// A row of a source as it stands in its file.
///
/// `Debug` is redacted: the bytes are a patient's record.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// The bytes of the row: a line, a bundle's entry, or the whole document where rows are parts
    /// of it that cannot be cut out. None where the file has no such row, or keeps columns.
    pub bytes: Option<Vec<u8>>,
    /// The digest of the file as stored, to be compared with the account of the ingest.
    pub digest: Digest,
}

/// Reads the row that an origin names.
///
/// # Errors
/// When `paths` (those that were ingested) hold no file of this name, or it cannot be read.
pub fn source_row(paths: &[&Path], file: &str, row: u64) -> Result<SourceRow, Error> {
    let source = find(paths, file)?;
    let path = source.path.clone();
    let unreadable = |source: std::io::Error| Error::Unreadable { path, source };
    let reader = match Reader::open(&source) {
        Ok(reader) => reader,
        Err(error) => return Err(unreadable(error)),
    };
    let options = Options::standard(1);
    let claim = detect::claim(&source);
    let unit = match claim {
        Some(Format::Hl7v2) => Some(Unit::Message),
        _ => (source.shape == Shape::Lines).then_some(Unit::Line),
    };
    if let Some(unit) = unit {
        let lines = Lines::new(reader, options.chunk_bytes_max, options.line_bytes_max);
        return Ok(row_of(lines.of(unit), unit, row));
    }
    // A text that no format claims was read as a table by a mapping.
    let by_mapping = claim.is_none() && files::extension(&source.name) == "txt";
    if source.shape == Shape::Table || by_mapping {
        let bytes = table::row_of(&source, &options, row);
        let (digest, _) = reader.finish();
        return Ok(SourceRow { bytes, digest });
    }
    let mut reader = reader;
    let mut bytes = Vec::new();
    let read = reader.fill(&mut bytes, options.bundle_bytes_max);
    read.map_err(|cut: Cut| unreadable(std::io::Error::other(format!("{cut:?}"))))?;
    let (digest, _) = reader.finish();
    let bytes = match claim {
        Some(Format::Fhir) => fhir::row_of(&bytes, row),
        _ => Some(bytes),
    };
    Ok(SourceRow { bytes, digest })
}

/// The file of an origin. Its name is relative to its root; where several roots were read at once,
/// the root's own name stands before it.
fn find(roots: &[&Path], file: &str) -> Result<SourceFile, Error> {
    for root in roots {
        let own = root.file_name().unwrap_or_default().to_string_lossy();
        let within = file
            .strip_prefix(&*own)
            .and_then(|rest| rest.strip_prefix('/'));
        let is_it = |one: &SourceFile| {
            let names = [Some(file), within].into_iter().flatten();
            let mut rests = names.filter_map(|name| name.strip_prefix(&*one.name));
            rests.any(is_inner)
        };
        let found = files::find(root)?.files.into_iter().find(is_it);
        if let Some(found) = found {
            return Ok(found);
        }
    }
    let root = roots.first().copied().unwrap_or(Path::new(""));
    Err(Error::NotFound {
        path: root.join(file),
    })
}

/// Whether the rest of a name is empty, or names a member of an archive.
fn is_inner(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

/// One line or segment of a file, which is read to its end for its digest.
fn row_of(mut lines: Lines, unit: Unit, row: u64) -> SourceRow {
    let mut found = None;
    while let Some(piece) = lines.next() {
        if let Piece::Lines { bytes, first_row } = piece
            && let Some(at) = row.checked_sub(first_row)
            && found.is_none()
        {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            found = unit.nth(&bytes, at).map(<[u8]>::to_vec);
        }
    }
    let (digest, _) = lines.into_reader().finish();
    SourceRow {
        bytes: found,
        digest,
    }
}

impl std::fmt::Debug for SourceRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.bytes.as_ref().map(Vec::len);
        write!(f, "SourceRow({bytes:?} bytes of {})", self.digest)
    }
}
