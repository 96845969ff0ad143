//! HL7 v2 (2.1 to 2.8) from files to events: own parser over borrowed text, pipes and hats only.
//!
//! A file is a stream of messages, cut between messages; a row is a segment. Messages say things
//! again and again and correct what they said, so two passes read the files: the first collects
//! what is said of what, the second makes an event of each statement that stands
//! ([`crate::latest`]). HL7 v2 in XML is not read here, nor are messages sent over a network.

mod escape;
mod map;
mod message;
mod types;

use crate::account::Account;
use crate::batch::{Batch, Note};
use crate::files::{Shape, SourceFile};
use crate::latest::{Latest, Statement};
use crate::pipeline::{Payload, Pipeline};
use crate::{Error, Options};
use longitude_core::IssueKind;
use map::{Mapper, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Reads HL7 v2 files and hands every event and issue to the account, by file name, then segment.
pub(crate) fn read(
    files: &[SourceFile],
    options: &Options,
    stop: &AtomicBool,
    account: &mut Account<'_>,
) -> Result<(), Error> {
    let files: Vec<SourceFile> = files.iter().map(as_messages).collect();
    let files: Vec<&SourceFile> = files.iter().collect();
    let names: BTreeMap<Arc<str>, u32> = files
        .iter()
        .zip(0..)
        .map(|(file, number)| (Arc::clone(&file.name), number))
        .collect();
    let pipeline = Pipeline {
        files: &files,
        options,
        stop,
    };
    let world = |file: &SourceFile, latest| World {
        latest,
        file: names.get(&file.name).copied().unwrap_or_default(),
        clock: options.clock.as_ref(),
        time_from_encounter: options.time_from_encounter,
    };
    let mut latest = Latest::new(options.identifiers_max);
    pipeline.run(
        |file, payload| statements(file, payload, world(file, None)),
        |_, statements| {
            for stated in statements {
                latest.add(stated);
            }
            Ok(())
        },
    )?;
    let latest = Some(&latest);
    pipeline.run(
        |file, payload| map(file, payload, world(file, latest)),
        |file, batch| account.add(file, batch),
    )
}

/// Whether a file that starts so holds HL7 v2 messages.
pub(crate) fn is_start(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    let Some(first) = crate::cut::segments(start).next() else {
        return false;
    };
    let is_header = matches!(first.get(..3), Some(b"MSH" | b"FHS" | b"BHS"));
    is_header && first.get(3).is_some_and(u8::is_ascii_punctuation)
}

/// The file, to be cut between messages.
fn as_messages(file: &SourceFile) -> SourceFile {
    SourceFile {
        shape: Shape::Messages,
        ..file.clone()
    }
}

/// The first pass: what is said, without the events.
fn statements(file: &SourceFile, payload: Payload, world: World<'_>) -> Vec<Statement> {
    let mut mapper = Mapper::new(world, &file.name);
    if let Payload::Lines { bytes, first_row } = payload {
        mapper.messages(&bytes, first_row);
    }
    mapper.statements
}

/// The second pass.
fn map(file: &SourceFile, payload: Payload, world: World<'_>) -> Batch {
    let mut mapper = Mapper::new(world, &file.name);
    match payload {
        Payload::Lines { bytes, first_row } => mapper.messages(&bytes, first_row),
        Payload::LongLine { row } => {
            let detail = "message longer than line_bytes_max";
            let note = Note::new(IssueKind::NotSupported, "", detail);
            mapper.rows.reject(row, "unknown", note);
        }
        Payload::End {
            digest,
            bytes,
            fault,
        } => {
            mapper.rows.batch.stored = Some((digest, bytes));
            if let Some((fault, row)) = fault {
                let issues = &mut mapper.rows.batch.file_issues;
                issues.push((row, fault.note()));
            }
        }
        Payload::Unopened | Payload::Document | Payload::Table(_) => {
            mapper.rows.batch.file_issues.push((0, Note::unopened()));
        }
    }
    mapper.rows.batch
}
