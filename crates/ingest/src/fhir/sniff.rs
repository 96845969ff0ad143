//! What the first bytes of a file say about the records in it, so that the first pass opens only
//! the files that it needs.

use super::bundle::Bundle;
use super::index::{is_indexed, may_be_culture};
use super::types;
use crate::files::{Shape, SourceFile};
use crate::read::Reader;
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::io::Read as _;

/// Bytes looked at. A bulk export has one type a file, so that the first lines speak for the rest.
const LINES_BYTES: usize = 64 << 10;
const DOCUMENT_BYTES: usize = 4 << 10;

/// What a file may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hint {
    /// Patients, Encounters or Medications, or anything at all.
    pub(crate) indexed: bool,
    /// MedicationRequests.
    pub(crate) requests: bool,
    /// MedicationDispenses that get their time from the prescription.
    pub(crate) dispenses_without_time: bool,
}

/// What the start of a file says.
pub(crate) fn sniff(file: &SourceFile) -> Hint {
    let mut start = Vec::new();
    let count = looked_at(file.shape);
    let read = Reader::open(file).map(|mut reader| reader.fill(&mut start, count));
    if !matches!(read, Ok(Ok(_))) {
        return Hint::default();
    }
    of_start(file.shape, &start)
}

/// What the start of a file says, given as it is stored: packed or not, and not less of it than is
/// looked at.
pub(crate) fn hint(shape: Shape, stored: &[u8]) -> Hint {
    if !stored.starts_with(&[0x1f, 0x8b]) {
        return of_start(shape, &stored[..stored.len().min(looked_at(shape))]);
    }
    let mut start = Vec::new();
    let mut unpacked = MultiGzDecoder::new(stored).take(looked_at(shape) as u64);
    match unpacked.read_to_end(&mut start) {
        // As in a reader of the file, a fault counts when nothing came before it.
        Err(_) if start.is_empty() => Hint::default(),
        Ok(_) | Err(_) => of_start(shape, &start),
    }
}

fn looked_at(shape: Shape) -> usize {
    match shape {
        Shape::Lines | Shape::Messages => LINES_BYTES,
        Shape::Document | Shape::Table => DOCUMENT_BYTES,
    }
}

fn of_start(shape: Shape, start: &[u8]) -> Hint {
    match shape {
        Shape::Lines | Shape::Messages => lines(start, start.len() < looked_at(shape)),
        Shape::Document | Shape::Table => Hint {
            indexed: !is_self_contained(start),
            ..Hint::default()
        },
    }
}

fn lines(start: &[u8], is_whole: bool) -> Hint {
    let mut hint = Hint::default();
    let mut lines: Vec<_> = start.split(|byte| *byte == b'\n').collect();
    // The last line may be cut; it counts when it is the only one.
    if !is_whole && lines.len() > 1 {
        lines.pop();
    }
    for line in lines {
        let text = String::from_utf8_lossy(line);
        let Some(kind) = types::of_resource(&text) else {
            // A first line longer than what was read, or no JSON: look at all of it.
            hint.indexed |= !is_whole && !line.is_empty();
            continue;
        };
        let has = |name: &str| memchr::memmem::find(line, name.as_bytes()).is_some();
        match &*kind {
            "MedicationRequest" => hint.requests = true,
            "MedicationDispense" => {
                let is_timed = has("\"whenHandedOver\"") || has("\"whenPrepared\"");
                hint.dispenses_without_time |= !is_timed;
            }
            "Observation" => hint.indexed |= may_be_culture(line),
            kind => hint.indexed |= is_indexed(kind),
        }
    }
    hint
}

/// Whether a file starts as a transaction whose entries refer to each other by URN, so that nothing
/// outside it can point into it.
fn is_self_contained(start: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(start, text.as_bytes()).is_some();
    has("\"Bundle\"") && has("\"transaction\"") && has("\"urn:uuid:")
}

/// Whether a bundle needs an index of its own: some entry is named by a URN.
pub(crate) fn needs_local_index(bundle: &Bundle<'_>) -> bool {
    let is_urn = |url: &str| url.starts_with("urn:");
    let mut urls = bundle
        .entry
        .iter()
        .filter_map(|entry| entry.full_url.as_ref());
    urls.any(|url| is_urn(url.as_str()))
}
