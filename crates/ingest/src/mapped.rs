//! Any table by a mapping file: one readable TOML a source says which files hold what, whose a row
//! is, when it happened and what events it makes. `docs/mapping.md` teaches the language.
//!
//! ```text
//! TOML -> parse -> Language (checked, every fault with line and column)
//! files -> claim -> headers -> lookups in memory -> rows -> Program -> Batch
//! ```
//!
//! A mapping is data: it names columns, maps values and reckons times, and computes nothing else.
//! The shipped ones are found by the names of files; a given one comes before them and before
//! every other format. How bytes become rows is `table`'s.

mod claim;
mod clock;
mod event;
mod fault;
mod language;
mod load;
mod lookup;
mod number;
mod parse;
mod read;
mod row;
mod rules;
mod scope;
mod section;
mod shipped;
mod times;

pub use fault::{Fault, MappingError};
pub(crate) use read::read;

use crate::files::SourceFile;
use crate::{Error, Options};
use language::Language;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// A mapping file as the caller gives it: its name, for messages, and its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingFile {
    /// The name, for messages.
    pub file: String,
    /// The TOML.
    pub text: String,
}

/// A mapping of one source's tables, checked.
#[derive(Clone)]
pub struct Mapping {
    file: String,
    text: Arc<str>,
    language: Language,
    /// Whether it came with the program.
    is_shipped: bool,
}

static SHIPPED: LazyLock<Vec<Mapping>> = LazyLock::new(|| {
    let parsed = shipped::SHIPPED.iter().map(|(name, text)| {
        let mapping = Mapping::parse(&format!("{name}.toml"), text)?;
        Ok(Mapping {
            is_shipped: true,
            ..mapping
        })
    });
    // A test parses each; one that could not be parsed would not be shipped.
    parsed
        .filter_map(|one: Result<_, MappingError>| one.ok())
        .collect()
});

impl Mapping {
    /// Reads and checks a mapping file; `file` names it in messages.
    ///
    /// # Errors
    /// With every fault of the file, each with its line, its column and how to mend it.
    pub fn parse(file: &str, text: &str) -> Result<Self, MappingError> {
        let refuse = |faults| MappingError {
            file: file.to_owned(),
            faults,
        };
        let language = parse::parse(text).map_err(refuse)?;
        let (file, text) = (file.to_owned(), text.into());
        Ok(Self {
            file,
            text,
            language,
            is_shipped: false,
        })
    }

    /// The mappings that come with the program.
    pub fn shipped() -> &'static [Self] {
        &SHIPPED
    }

    /// Its name, as it stands in the origin of events.
    pub fn name(&self) -> &str {
        &self.language.name
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.language.version
    }

    /// What it says of itself.
    pub fn description(&self) -> &str {
        &self.language.description
    }

    /// The TOML.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its tables, each with the number of its event rules.
    pub fn tables(&self) -> impl Iterator<Item = (&str, usize)> {
        self.language
            .tables
            .iter()
            .map(|table| (&*table.name, table.events.len()))
    }

    /// Checks the columns that it names against the tables under a path, as ingest does before it
    /// reads a row.
    ///
    /// # Errors
    /// [`Error::Mapping`] with every column that is not there; as [`crate::detect`] for the path.
    pub fn check_against(&self, path: &Path, options: &Options) -> Result<(), Error> {
        let found = crate::files::find(path)?;
        read::check(self, &found.files, options)
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({}@{})", self.name(), self.version())
    }
}

/// The mappings that the options give.
pub(crate) fn given(options: &Options) -> Result<Vec<Mapping>, Error> {
    let parse = |one: &MappingFile| Mapping::parse(&one.file, &one.text);
    let parsed: Result<Vec<_>, _> = options.mappings.iter().map(parse).collect();
    parsed.map_err(|source| Error::Mapping { source })
}

/// Which of the files are read by a mapping: with `given`, those that a given mapping names, which
/// may be of any other format too; without, those of a shipped one.
pub(crate) fn claims(given: &[Mapping], files: &[SourceFile]) -> Vec<bool> {
    let shipped: &[Mapping] = if given.is_empty() {
        Mapping::shipped()
    } else {
        &[]
    };
    let likely = claim::likely(given, shipped, files);
    files
        .iter()
        .map(|file| {
            likely
                .iter()
                .any(|mapping| mapping.part(&file.name).is_some())
        })
        .collect()
}
