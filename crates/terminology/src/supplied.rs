//! Vocabularies that an institution supplies, because their licences forbid to ship them: OMOP's
//! Athena, LOINC, RxNorm, ATC and PhecodeX, read from the files as their publishers ship them. It
//! takes what a data set needs, the wanted codes and all that stands above them, and knows no
//! record.
//!
//! ```text
//! folder or file -> [`files`] (kinds) -> omop, rxnorm, loinc, atc, phecode -> Supplied
//! ```
//!
//! Files are read row by row. Memory holds the wanted codes with what stands above them, and the
//! edges of the files in hand: 8 bytes an edge for OMOP and RxNorm (some 200 MB for the whole of
//! Athena), two short texts an edge for LOINC.
//!
//! A row with the wrong number of fields, a number that is none or a text not in UTF-8 is an error,
//! for these files are written by programs. Counted and skipped are only: rows of OMOP files with
//! commas, which are copies made by hand (Athena's have tabs), whose number of fields is wrong;
//! rows of an ATC list without a code of ATC's form, as headings and footnotes are; and rows of
//! PhecodeX's map whose ICD code has its point where its system has none.

mod atc;
mod edges;
mod error;
mod files;
mod loinc;
mod omop;
mod phecode;
mod rows;
mod rxnorm;
mod wanted;

pub use error::SuppliedError;
pub use files::SuppliedKind;

use crate::standing::Entry;
use files::Found;
use longitude_core::Code;
use rows::Rows;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wanted::Wanted;

/// What an institution's vocabulary files say of some codes and of all that stands above them, as
/// [`crate::Terminology::with`] takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supplied {
    /// The wanted codes that the files know, in every wanted spelling, and the codes above them.
    pub entries: BTreeMap<Code, Entry>,
    /// Systems whose own list was among the files, each once, sorted.
    pub whole: Vec<Arc<str>>,
    /// The files that were read, in the order of reading.
    pub sources: Vec<SuppliedSource>,
    /// Files of a folder that are of no kind that is read.
    pub ignored: Vec<PathBuf>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuppliedSource {
    /// What it was recognised as.
    pub kind: SuppliedKind,
    /// Where it stands.
    pub path: PathBuf,
    /// Its rows, without the header.
    pub rows_read: u64,
    /// Those that say something of a code that is needed.
    pub rows_used: u64,
    /// Those that are no rows of its table and were passed over.
    pub rows_skipped: u64,
}

impl Supplied {
    /// Reads a file or a folder with all folders in it for some codes, in whatever spelling they
    /// stand in a data set.
    ///
    /// # Errors
    /// Where nothing in the path is recognised, or a recognised file is not as it should be.
    pub fn read(path: &Path, wanted: &BTreeSet<Code>) -> Result<Self, SuppliedError> {
        Self::read_all(&[path], wanted)
    }

    /// Reads several files and folders as one, so that a code which one of them puts above a wanted
    /// code is looked up in all of them.
    ///
    /// # Errors
    /// As [`Supplied::read`].
    pub fn read_all<P: AsRef<Path>>(
        paths: &[P],
        wanted: &BTreeSet<Code>,
    ) -> Result<Self, SuppliedError> {
        let mut supplied = Self::default();
        let mut found = Vec::new();
        for path in paths {
            found.extend(files::find(path.as_ref(), &mut supplied.ignored)?);
        }
        let mut needed = Wanted::with_above(wanted);
        // In this order each reader finds the codes that those before it put above others.
        omop::read(&found, &needed, &mut supplied)?;
        supplied.needed(&mut needed);
        rxnorm::read(&found, &needed, &mut supplied)?;
        supplied.needed(&mut needed);
        loinc::read(&found, &needed, &mut supplied)?;
        atc::read(&found, &needed, &mut supplied)?;
        // Only the wanted ICD codes themselves: the phecodes of the category above are often not
        // those of a code (13 % of PhecodeX's ICD-10-CM codes).
        phecode::read(&found, &Wanted::of(wanted), &mut supplied)?;
        supplied.spell(&needed);
        supplied.whole.sort();
        supplied.whole.dedup();
        Ok(supplied)
    }

    /// What each file at the paths is taken for, by its name and header line alone: to be asked
    /// before long work that will end with reading them.
    ///
    /// # Errors
    /// Where nothing in a path is recognised, or a recognised file lacks a column.
    pub fn recognise<P: AsRef<Path>>(
        paths: &[P],
    ) -> Result<Vec<(SuppliedKind, PathBuf)>, SuppliedError> {
        let mut found = Vec::new();
        for path in paths {
            found.extend(files::find(path.as_ref(), &mut Vec::new())?);
        }
        Ok(found.into_iter().map(|one| (one.kind, one.path)).collect())
    }

    /// Adds what is said of a code. The first description counts.
    fn put(&mut self, code: Code, entry: Entry) {
        self.entries.entry(code).or_default().merge(entry);
    }

    /// Adds the codes at hand and those above them to the needed ones.
    fn needed(&self, needed: &mut Wanted) {
        for (code, entry) in &self.entries {
            needed.add(code);
            for above in &entry.parents {
                needed.add(above);
            }
        }
    }

    /// Gives the wanted spellings their entries: described as the code, which stands above them.
    fn spell(&mut self, needed: &Wanted) {
        for (code, spellings) in needed.spellings() {
            let Some(entry) = self.entries.get(&code).cloned() else {
                continue;
            };
            for spelled in spellings {
                let entry = Entry {
                    parents: vec![code.clone()],
                    ..entry.clone()
                };
                self.entries.insert(spelled.clone(), entry);
            }
        }
    }

    /// Notes a file that was read to its end.
    fn note(&mut self, found: &Found, rows: &Rows, used: u64, skipped: u64) {
        self.sources.push(SuppliedSource {
            kind: found.kind,
            path: found.path.clone(),
            rows_read: rows.count,
            rows_used: used,
            rows_skipped: skipped,
        });
    }
}

#[cfg(test)]
mod tests;
