//! Files of mapped tables to the account: the columns are checked first, then the lookups are
//! loaded, then the rows stream.

use super::claim::{self, Part, stem_of};
use super::fault::{Faults, nearest};
use super::language::{Column, FileRule};
use super::load::{self, places_of};
use super::lookup::Loaded;
use super::row::{Memory, Program};
use super::{Mapping, MappingError};
use crate::account::Account;
use crate::batch::{Batch, Note, Outcome};
use crate::clock::Clock;
use crate::files::{Shape, SourceFile};
use crate::pipeline::{Payload, Pipeline};
use crate::table::{self, Header, Piece, Rows};
use crate::{Error, Options};
use longitude_core::IssueKind;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A mapping at work: the lookups that its files gave.
struct Work<'m> {
    mapping: &'m Mapping,
    /// Of tables that do not state theirs.
    clock: Option<&'m Clock>,
    lookups: Vec<Loaded>,
}

/// Reads the tables and hands every event and issue to the account, by file name, then row.
pub(crate) fn read(
    files: &[SourceFile],
    options: &Options,
    stop: &AtomicBool,
    account: &mut Account<'_>,
) -> Result<(), Error> {
    let given = super::given(options)?;
    let shipped: &[Mapping] = if given.is_empty() {
        Mapping::shipped()
    } else {
        &[]
    };
    let files: Vec<SourceFile> = files.iter().map(as_table).collect();
    let mut works = Vec::new();
    for mapping in claim::likely(&given, shipped, &files) {
        let own: Vec<_> = files
            .iter()
            .filter(|f| mapping.part(&f.name).is_some())
            .collect();
        let faults = faults(mapping, &own, options);
        match faults.is_empty() {
            true => {}
            false if mapping.is_shipped && !fits(mapping, &own, options) => continue,
            false if mapping.is_shipped => {}
            false => {
                let file = mapping.file.clone();
                return Err(Error::Mapping {
                    source: MappingError { file, faults },
                });
            }
        }
        let lookups = load::lookups(mapping, &own, options, stop)?;
        let clock = options.clock.as_ref();
        works.push(Work {
            mapping,
            clock,
            lookups,
        });
    }
    let pipeline = Pipeline {
        files: &files.iter().collect::<Vec<_>>(),
        options,
        stop,
    };
    let mut told = Told::default();
    pipeline.run(
        |file, payload| piece(&works, file, payload),
        |file, mut batch| {
            told.once(&works, file, &mut batch);
            account.add(file, batch)
        },
    )
}

/// Checks a mapping's columns against the files under its names.
pub(super) fn check(
    mapping: &Mapping,
    files: &[SourceFile],
    options: &Options,
) -> Result<(), Error> {
    let files: Vec<SourceFile> = files.iter().map(as_table).collect();
    let own: Vec<_> = files
        .iter()
        .filter(|file| mapping.part(&file.name).is_some())
        .collect();
    let faults = faults(mapping, &own, options);
    if faults.is_empty() {
        return Ok(());
    }
    let file = mapping.file.clone();
    Err(Error::Mapping {
        source: MappingError { file, faults },
    })
}

/// A file that is read as a table, whatever its extension.
fn as_table(file: &SourceFile) -> SourceFile {
    SourceFile {
        path: file.path.clone(),
        name: Arc::clone(&file.name),
        shape: Shape::Table,
        ..*file
    }
}

/// The header of a file, where it has one.
fn header_of(file: &SourceFile, options: &Options) -> Option<Arc<Header>> {
    let mut found = None;
    table::send(file, options, &mut |payload, _cost| {
        if let Payload::Table(Piece::Header(header)) = payload {
            found = Some(header);
        }
        false
    });
    found
}

/// The columns that a mapping names and the first file of each table and lookup does not have.
fn faults(mapping: &Mapping, own: &[&SourceFile], options: &Options) -> Vec<super::Fault> {
    let mut faults = Faults::new(&mapping.text);
    let language = &mapping.language;
    let tables = language
        .tables
        .iter()
        .map(|table| (&table.files, &table.columns));
    let lookups = language
        .lookups
        .iter()
        .map(|lookup| (&lookup.files, &lookup.columns));
    for (files, columns) in tables.chain(lookups) {
        if let Some((file, header)) = headers(files, own, options) {
            for column in columns.iter().filter(|column| is_missing(column, &header)) {
                let what = format!("`{}` is no column of {}", column.name, file.name);
                let known = header.names().iter().map(String::as_str);
                let mend = match nearest(&column.name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "name a column that it has, or list it under `optional`".to_owned(),
                };
                faults.add(column.at, what, mend);
            }
        }
    }
    faults.finish()
}

/// The first file of a rule, with its header; of many files of one table the rest are taken to be
/// alike, and told one by one when they are read.
fn headers<'f>(
    rule: &FileRule,
    own: &[&'f SourceFile],
    options: &Options,
) -> Option<(&'f SourceFile, Arc<Header>)> {
    let file = own.iter().find(|file| rule.fits(&file.name))?;
    Some((file, header_of(file, options)?))
}

fn is_missing(column: &Column, header: &Header) -> bool {
    !column.optional && header.find(&column.name).is_none()
}

/// Whether the tables by which a shipped mapping is known have its columns.
fn fits(mapping: &Mapping, own: &[&SourceFile], options: &Options) -> bool {
    mapping.language.detect.iter().all(|table| {
        let table = &mapping.language.tables[*table];
        headers(&table.files, own, options).is_some_and(|(_, header)| {
            !table
                .columns
                .iter()
                .any(|column| is_missing(column, &header))
        })
    })
}

/// Maps a piece of a file.
fn piece(works: &[Work<'_>], file: &SourceFile, payload: Payload) -> Batch {
    let mut batch = Batch::default();
    let found = works
        .iter()
        .find_map(|work| Some((work, work.mapping.part(&file.name)?)));
    match payload {
        Payload::Table(Piece::Header(header)) => head(found, &header, &mut batch),
        Payload::Table(Piece::Rows(rows)) => map(found, file, &rows, &mut batch),
        Payload::End {
            digest,
            bytes,
            fault,
        } => {
            batch.stored = Some((digest, bytes));
            if let Some((fault, row)) = fault {
                batch.file_issues.push((row, fault.note()));
            }
        }
        Payload::Unopened => batch.file_issues.push((0, Note::unopened())),
        // Every file here is read as a table.
        Payload::Lines { .. } | Payload::LongLine { .. } | Payload::Document => {}
    }
    batch
}

/// What is the matter with a header.
fn head(found: Option<(&Work<'_>, Part)>, header: &Header, batch: &mut Batch) {
    batch
        .file_issues
        .extend(header.notes().into_iter().map(|note| (0, note)));
    let Some((work, Part::Table(table))) = found else {
        if found.is_none() {
            let note = Note::new(IssueKind::NotSupported, "", "no mapping fits the columns");
            batch.file_issues.push((0, note));
        }
        return;
    };
    let table = &work.mapping.language.tables[table];
    for column in table
        .columns
        .iter()
        .filter(|column| header.find(&column.name).is_none())
    {
        let detail = format!("{}.{}", table.name, column.name);
        let note = Note::new(IssueKind::MissingColumn, column.name.clone(), detail);
        batch.file_issues.push((0, note));
    }
}

fn map(found: Option<(&Work<'_>, Part)>, file: &SourceFile, rows: &Rows, batch: &mut Batch) {
    let (mapped, kind) = match found {
        Some((work, Part::Table(table))) => {
            let table = &work.mapping.language.tables[table];
            (Some((work, table)), table.name.to_string())
        }
        Some((_, Part::Lookup)) => (None, stem_of(&file.name).unwrap_or_default()),
        None => (None, "unknown".to_owned()),
    };
    let program = mapped.map(|(work, table)| Program {
        language: &work.mapping.language,
        table,
        lookups: &work.lookups,
        zone: table.zone.or_clock(work.clock),
        places: places_of(&rows.header, &table.columns),
        file: Arc::clone(&file.name),
        stem: stem(&file.name),
    });
    let mut memory = Memory::new();
    rows.each(|number, cells| match (cells, &program) {
        (Err(fault), _) => reject(number, &kind, fault.note(), batch),
        (Ok(cells), Some(program)) => program.map(number, cells, &mut memory, batch),
        // Rows of a lookup are there for others; rows of no mapping are told as such.
        (Ok(_), None) if found.is_some() => batch.rows.push(outcome(number, &kind, None)),
        (Ok(_), None) => {
            let note = Note::new(IssueKind::NotSupported, "", "no mapping fits the columns");
            reject(number, &kind, note, batch);
        }
    });
}

/// The file's own name without folder and extensions, as it is written.
fn stem(name: &str) -> String {
    let own = name.rsplit('/').next().unwrap_or(name);
    let plain = match own.get(own.len().saturating_sub(3)..) {
        Some(end) if end.eq_ignore_ascii_case(".gz") => &own[..own.len() - 3],
        _ => own,
    };
    plain
        .rsplit_once('.')
        .map_or(plain, |(stem, _)| stem)
        .to_owned()
}

fn reject(row: u64, kind: &str, note: Note, batch: &mut Batch) {
    batch.rows.push(outcome(row, kind, Some(note)));
}

fn outcome(row: u64, kind: &str, issue: Option<Note>) -> Outcome {
    Outcome {
        row,
        kind: Cow::Owned(kind.to_owned()),
        key: 0,
        events: 0,
        warnings: 0,
        identifiers: 0,
        other_codings: 0,
        issue,
    }
}

/// What is told once for a table and not for each of its files.
#[derive(Default)]
struct Told(BTreeSet<(String, String)>);

impl Told {
    fn once(&mut self, works: &[Work<'_>], file: &SourceFile, batch: &mut Batch) {
        let found = works
            .iter()
            .find_map(|work| Some((work, work.mapping.part(&file.name)?)));
        let Some((work, Part::Table(table))) = found else {
            return;
        };
        let table = &work.mapping.language.tables[table];
        let key = (work.mapping.name().to_owned(), table.name.to_string());
        if !self.0.insert(key) {
            return;
        }
        let mut tell = |kind, detail: String| {
            batch.file_issues.push((0, Note::new(kind, "", detail)));
        };
        if table.synthetic {
            let detail = format!("{}: no dates; times count from an invented one", table.name);
            tell(IssueKind::MissingTime, detail);
        }
        for (lookup, _) in &table.joins {
            let lookup = &work.lookups[*lookup];
            if lookup.is_missing {
                tell(
                    IssueKind::MissingTable,
                    format!("{}: lookup {}", table.name, lookup.name),
                );
            }
        }
    }
}
