//! C-CDA R2.1 from files to events: one document a file, read whole into a tree with bounds.
//!
//! A row is the patient of the header, the encounter that the document is about, each section's
//! narrative and each clinical statement of its entries; its number is the line on which it begins.
//! Two passes: the first reads headers alone, for which document speaks last of a patient and which
//! is the last version; the second maps. Other XML is not read here.

mod header;
mod kinds;
mod map;
mod narrative;
mod read;
mod statement;
mod tree;

use crate::account::Account;
use crate::batch::{Batch, Note};
use crate::document::Document;
use crate::files::{Shape, SourceFile};
use crate::latest::{Latest, Standing, Statement};
use crate::pipeline::{Fault, Payload, Pipeline};
use crate::{Error, Options};
use longitude_core::IssueKind;
use map::{Mapper, Standings, narrative_ids};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tree::Tree;

/// Reads documents and hands every event and issue to the account, by file name, then in the order
/// of the document.
pub(crate) fn read(
    files: &[SourceFile],
    options: &Options,
    stop: &AtomicBool,
    account: &mut Account<'_>,
) -> Result<(), Error> {
    let of_document = |file: &SourceFile| SourceFile {
        shape: Shape::Document,
        ..file.clone()
    };
    let files: Vec<SourceFile> = files.iter().map(of_document).collect();
    let files: Vec<&SourceFile> = files.iter().collect();
    let numbers: BTreeMap<Arc<str>, u32> = files
        .iter()
        .zip(0..)
        .map(|(file, number)| (Arc::clone(&file.name), number))
        .collect();
    let number = |file: &SourceFile| numbers.get(&file.name).copied().unwrap_or_default();
    let pipeline = Pipeline {
        files: &files,
        options,
        stop,
    };
    let mut latest = Latest::new(options.identifiers_max);
    pipeline.run(
        |file, _payload| headers(file, options, number(file)),
        |_, statements: [Option<Statement>; 2]| {
            for stated in statements.into_iter().flatten() {
                latest.add(stated);
            }
            Ok(())
        },
    )?;
    pipeline.run(
        |file, payload| map_file(file, &payload, options, (&latest, number(file))),
        |file, batch| account.add(file, batch),
    )
}

/// Whether a file that starts so holds a CDA document.
pub(crate) fn is_start(start: &[u8]) -> bool {
    let encoding =
        encoding_rs::Encoding::for_bom(start).map_or(encoding_rs::UTF_8, |found| found.0);
    let (text, _) = encoding.decode_with_bom_removal(start);
    text.trim_ascii_start().starts_with('<') && text.contains("ClinicalDocument")
}

/// The first pass.
fn headers(file: &SourceFile, options: &Options, number: u32) -> [Option<Statement>; 2] {
    let Ok(document) = Document::read(file, options.bundle_bytes_max) else {
        return [None; 2];
    };
    let Ok(text) = document.content.and_then(decode) else {
        return [None; 2];
    };
    match Tree::parse_until(&text, "recordTarget") {
        Ok(tree) => header::statements(tree.root(), number),
        Err(_) => [None; 2],
    }
}

/// The second pass.
fn map_file(
    file: &SourceFile,
    payload: &Payload,
    options: &Options,
    (latest, number): (&Latest, u32),
) -> Batch {
    let mut batch = Batch::default();
    let Payload::Document = payload else {
        batch.file_issues.push((0, Note::unopened()));
        return batch;
    };
    let Ok(document) = Document::read(file, options.bundle_bytes_max) else {
        batch.file_issues.push((0, Note::unopened()));
        return batch;
    };
    match document.content.and_then(decode) {
        Ok(text) => batch = map_text(&text, file, options, (latest, number)),
        Err(note) => batch.file_issues.push((0, note)),
    }
    batch.stored = Some(document.stored);
    batch
}

fn map_text(
    text: &str,
    file: &SourceFile,
    options: &Options,
    (latest, number): (&Latest, u32),
) -> Batch {
    let mut batch = Batch::default();
    if text.trim_ascii().is_empty() {
        batch.file_issues.push((0, Fault::Empty.note()));
        return batch;
    }
    let tree = match Tree::parse(text) {
        Ok(tree) if tree.root().name() == "ClinicalDocument" => tree,
        Ok(_) => {
            let note = Note::new(IssueKind::NotSupported, "", "XML of another kind");
            batch.file_issues.push((0, note));
            return batch;
        }
        Err(fault) => {
            let note = Note::new(IssueKind::InvalidXml, "", fault.name());
            batch.file_issues.push((0, note));
            return batch;
        }
    };
    let [patient, version] = header::statements(tree.root(), number);
    let standing = |stated: Option<Statement>| stated.map(|stated| latest.standing(stated));
    let standings = Standings {
        patient: matches!(
            standing(patient),
            Some(Standing::Stands | Standing::Unchecked)
        ),
        superseded: standing(version) == Some(Standing::Superseded),
        clock: options.clock.clone(),
        time_from_encounter: options.time_from_encounter,
    };
    let ids = narrative_ids(&tree);
    let mut mapper = Mapper::new(&file.name, standings, &ids);
    mapper.document(tree.root());
    mapper.rows.batch
}

/// The text of a document: UTF-8, UTF-16 with a byte order mark, or what its declaration says.
fn decode(bytes: Vec<u8>) -> Result<String, Note> {
    let bad = |detail| Note::new(IssueKind::InvalidEncoding, "", detail);
    if let Some((encoding, mark_bytes)) = encoding_rs::Encoding::for_bom(&bytes) {
        let (text, is_damaged) = encoding.decode_without_bom_handling(&bytes[mark_bytes..]);
        return if is_damaged {
            Err(bad("not in the encoding of its byte order mark"))
        } else {
            Ok(text.into_owned())
        };
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let bytes = error.into_bytes();
            let encoding = declared(&bytes).ok_or_else(|| bad("file not in UTF-8"))?;
            let (text, is_damaged) = encoding.decode_without_bom_handling(&bytes);
            if is_damaged {
                return Err(bad("not in the encoding that it declares"));
            }
            Ok(text.into_owned())
        }
    }
}

/// The encoding of an XML declaration, unless it is UTF-8.
fn declared(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let end = memchr::memmem::find(bytes, b"?>")?;
    let declaration = std::str::from_utf8(&bytes[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1;
    let value = value.trim_start_matches([' ', '=']);
    let label = value.trim_matches(['"', '\'']);
    let label = label.split(['"', '\'']).next()?;
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())?;
    (encoding != encoding_rs::UTF_8).then_some(encoding)
}
