//! One piece of work: a chunk of lines, or a whole document, into index entries (first pass) or
//! into a batch of events (second pass).

use super::bundle::Bundle;
use super::index::{self, Entry, Index};
use super::json::Text;
use super::rows::{self, Mapper, World};
use super::sniff;
use super::types;
use crate::Options;
use crate::batch::{Batch, Note};
use crate::document::Document;
use crate::files::SourceFile;
use crate::pipeline::{Fault, Payload};
use crate::read::Encoding;
use longitude_core::IssueKind;

/// The first pass.
pub(crate) fn index(file: &SourceFile, payload: Payload, options: &Options) -> Vec<Entry> {
    match payload {
        Payload::Lines { bytes, .. } => {
            let lines = bytes.split(|byte| *byte == b'\n');
            let texts = lines.filter_map(|line| std::str::from_utf8(line).ok());
            texts.flat_map(|text| index::entries(text, None)).collect()
        }
        Payload::Document => {
            let Ok(document) = Document::read(file, options.bundle_bytes_max) else {
                return Vec::new();
            };
            let text = document.content.and_then(decode).unwrap_or_default();
            index_document(&text)
        }
        Payload::LongLine { .. } | Payload::Table(_) | Payload::End { .. } | Payload::Unopened => {
            Vec::new()
        }
    }
}

fn index_document(text: &str) -> Vec<Entry> {
    match serde_json::from_str::<Bundle<'_>>(text) {
        Ok(bundle) if is_bundle(&bundle) => {
            let entries = bundle.entry.iter().filter_map(|entry| {
                let url = entry.full_url.as_ref().map(Text::as_str);
                Some(index::entries(entry.resource?.get(), url))
            });
            entries.flatten().collect()
        }
        Ok(_) => index::entries(text, None),
        Err(_) => text
            .lines()
            .flat_map(|line| index::entries(line, None))
            .collect(),
    }
}

/// The second pass.
pub(crate) fn map(
    file: &SourceFile,
    payload: Payload,
    world: World<'_>,
    options: &Options,
) -> Batch {
    let mut mapper = Mapper::new(world, &file.name);
    match payload {
        Payload::Lines { bytes, first_row } => {
            // Wherever a file is cut, the same lines are too long.
            mapper.line_bytes_max = options.line_bytes_max.max(1);
            mapper.lines(&bytes, first_row);
        }
        Payload::LongLine { row } => mapper.reject(row, rows::too_long()),
        Payload::Document => return map_document(file, world, options),
        // A table is none of FHIR's: detection gives it to another format.
        Payload::Table(_) => {}
        Payload::End {
            digest,
            bytes,
            fault,
        } => {
            mapper.batch.stored = Some((digest, bytes));
            if let Some((fault, row)) = fault {
                mapper.batch.file_issues.push((row, fault.note()));
            }
        }
        Payload::Unopened => mapper.batch.file_issues.push((0, Note::unopened())),
    }
    mapper.batch
}

fn map_document(file: &SourceFile, world: World<'_>, options: &Options) -> Batch {
    let Ok(document) = Document::read(file, options.bundle_bytes_max) else {
        let mut batch = Batch::default();
        batch.file_issues.push((0, Note::unopened()));
        return batch;
    };
    let mut batch = match document.content.and_then(decode) {
        Ok(text) => map_text(&text, world, file),
        Err(note) => {
            let mut batch = Batch::default();
            batch.file_issues.push((0, note));
            batch
        }
    };
    batch.stored = Some(document.stored);
    batch
}

fn map_text(text: &str, world: World<'_>, file: &SourceFile) -> Batch {
    let mut mapper = Mapper::new(world, &file.name);
    if text.trim_ascii().is_empty() {
        mapper.batch.file_issues.push((0, Fault::Empty.note()));
        return mapper.batch;
    }
    let is_bundle = types::of_resource(text).is_some_and(|kind| kind == "Bundle");
    if !is_bundle {
        map_single(text, &mut mapper);
        return mapper.batch;
    }
    let Ok(bundle) = serde_json::from_str::<Bundle<'_>>(text) else {
        // Lines of bundles, or a bundle that is none: the row tells which.
        map_single(text, &mut mapper);
        return mapper.batch;
    };
    let local = sniff::needs_local_index(&bundle).then(|| Index::of_bundle(&bundle));
    let local = local.as_ref();
    let mut mapper = Mapper::new(World { local, ..world }, &file.name);
    mapper.is_json = true;
    map_bundle(&bundle, &mut mapper);
    mapper.batch
}

/// One resource; or, under the wrong name, one a line.
fn map_single(text: &str, mapper: &mut Mapper<'_>) {
    let is_one = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let first = text.trim_ascii_start().lines().next().unwrap_or_default();
    let is_lines = !is_one && serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok();
    if is_lines {
        mapper.lines(text.as_bytes(), 1);
    } else {
        mapper.resource(text, 1, None);
    }
}

fn map_bundle(bundle: &Bundle<'_>, mapper: &mut Mapper<'_>) {
    if let Some(time) = &bundle.timestamp {
        mapper.export_time(time);
    }
    for (row, entry) in (1..).zip(&bundle.entry) {
        let url = entry.full_url.as_ref().map(Text::as_str);
        match entry.resource {
            Some(resource) => mapper.resource(resource.get(), row, url),
            None if entry.is_deletion() => {
                let note = Note::new(IssueKind::NotDone, "Bundle.entry", "Bundle.entry: deleted");
                mapper.reject(row, note);
            }
            None => {
                let detail = "Bundle.entry: no resource";
                mapper.reject(
                    row,
                    Note::new(IssueKind::NotClinical, "Bundle.entry", detail),
                );
            }
        }
    }
}

fn is_bundle(bundle: &Bundle<'_>) -> bool {
    bundle
        .kind
        .as_ref()
        .is_some_and(|kind| kind.as_str() == "Bundle")
}

fn decode(mut bytes: Vec<u8>) -> Result<String, Note> {
    match Encoding::of(&bytes) {
        Encoding::Utf16 => return Err(Fault::Utf16.note()),
        Encoding::Utf8 { mark_bytes } => drop(bytes.drain(..mark_bytes)),
    }
    String::from_utf8(bytes)
        .map_err(|_error| Note::new(IssueKind::InvalidEncoding, "", "file not in UTF-8"))
}
