//! What a path holds, told from names alone: FHIR or MEDS. It reads no record.

use crate::Error;
use crate::fhir::files;
use std::path::Path;

/// A format of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// FHIR R4: NDJSON, bundles or single resources. Read by [`crate::fhir`].
    Fhir,
    /// A MEDS data set: a folder with Parquet files under `data/`. Read by `store`.
    Meds,
}

/// Tells what `path` holds. A folder with Parquet under `data/` is MEDS, whatever JSON stands in
/// its metadata; else any NDJSON or JSON file makes it FHIR.
///
/// # Errors
/// When the path does not exist, cannot be read, holds no file, or holds neither format.
pub fn detect(path: &Path) -> Result<Format, Error> {
    let found = files::find(path)?;
    if found.has_parquet {
        return Ok(Format::Meds);
    }
    if !found.files.is_empty() || !found.unreadable.is_empty() {
        return Ok(Format::Fhir);
    }
    let path = path.to_owned();
    Err(if found.ignored.is_empty() {
        Error::Empty { path }
    } else {
        Error::Unrecognised { path }
    })
}
