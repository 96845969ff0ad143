//! What of a source must be read again once some of its files changed. A file through which others
//! are resolved takes all files of its format with it; any other file stands alone.

use crate::detect::{self, Sorted};
use crate::files::{self, SourceFile};
use crate::{Error, Format, Mapping, Sink, fhir};
use crate::{Options, Report, account::Account};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// A file of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, as origins and reports say it.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Its bytes as stored.
    pub bytes: u64,
}

/// The files under `paths` that are of a known format, in the order in which they are read, and the
/// names of those that are left alone.
///
/// # Errors
/// As [`crate::ingest`].
pub fn list(paths: &[&Path]) -> Result<(Vec<Listed>, Vec<String>), Error> {
    let sorted = sorted(paths)?;
    let of = |(format, files): (&Format, &Vec<SourceFile>)| -> Vec<Listed> {
        let listed = |file: &SourceFile| Listed {
            file: file.name.to_string(),
            path: file.path.clone(),
            format: *format,
            bytes: file.bytes,
        };
        files.iter().map(listed).collect()
    };
    Ok((sorted.files.iter().flat_map(of).collect(), sorted.ignored))
}

/// The bytes, as stored, of the files under `paths` that are of a known format or named by one of
/// the mappings: what [`Sink::file_read`] will sum up to, but for files that cannot be opened.
///
/// # Errors
/// As [`crate::ingest`].
pub fn bytes_of(paths: &[&Path], mappings: &[Mapping]) -> Result<u64, Error> {
    let sorted = detect::sort(files::find_all(paths)?, mappings);
    let files = sorted.files.values().flatten();
    Ok(files.map(|file| file.bytes).sum())
}

/// The files whose events may be others once the files named `changed` have changed. A name that is
/// no longer there counts as a file through which others were resolved.
///
/// # Errors
/// As [`crate::ingest`].
pub fn affected(paths: &[&Path], changed: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let sorted = sorted(paths)?;
    let all = || sorted.files.values().flatten();
    let is_gone = |name: &&String| all().all(|file| *file.name != ***name);
    let mut affected = BTreeSet::new();
    let gone = changed.iter().filter(is_gone).count();
    for (format, files) in &sorted.files {
        let is_changed = |file: &&SourceFile| changed.contains(&*file.name);
        let alone = if *format == Format::Fhir {
            !fhir::resolves_others(files, |file| is_changed(&file))
        } else {
            !files.iter().any(|file| is_changed(&file))
        };
        let own = files
            .iter()
            .filter(|file| gone > 0 || !alone || is_changed(file));
        affected.extend(own.map(|file| file.name.to_string()));
    }
    Ok(affected)
}

/// Reads only the files named, of which [`affected`] has told; others are looked at for what these
/// are resolved through.
///
/// # Errors
/// As [`crate::ingest`].
pub fn ingest_some(
    paths: &[&Path],
    only: &BTreeSet<String>,
    (options, stop): (&Options, &AtomicBool),
    sink: &mut dyn Sink,
) -> Result<Report, Error> {
    let sorted = sorted(paths)?;
    let mut account = Account::new(options, sink)?;
    for name in &sorted.unreadable {
        account.unreadable(name)?;
    }
    for (format, files) in &sorted.files {
        account.format(*format);
        if *format == Format::Fhir {
            fhir::read_some(files, only, (options, stop), &mut account)?;
        } else if files.iter().any(|file| only.contains(&*file.name)) {
            crate::read(*format, files, (options, stop), &mut account)?;
        }
    }
    Ok(account.finish(sorted.ignored))
}

fn sorted(paths: &[&Path]) -> Result<Sorted, Error> {
    let sorted = detect::sort(files::find_all(paths)?, &[]);
    for path in paths.iter().take(1) {
        detect::check(&sorted, path)?;
    }
    Ok(sorted)
}
