//! Rows of CSV: one file a table, RFC 4180, with a header.

use super::tables::{ALL, Table};
use crate::error::{Error, Result};
use crate::files;
use longitude_core::Instant;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A row in the making: empty fields, filled by the names of their columns.
pub(super) struct Row {
    pub(super) table: &'static Table,
    fields: Vec<String>,
}

impl Row {
    pub(super) fn new(table: &'static Table) -> Self {
        Self {
            table,
            fields: vec![String::new(); table.columns.len()],
        }
    }

    /// Fills a column.
    pub(super) fn set(&mut self, column: &str, value: impl Display) -> &mut Self {
        let place = self.table.columns.iter().position(|known| *known == column);
        debug_assert!(
            place.is_some(),
            "{column} is a column of {}",
            self.table.name
        );
        if let Some(place) = place {
            self.fields[place] = value.to_string();
        }
        self
    }

    /// Fills the date and, with its time of day, the datetime.
    pub(super) fn set_time(&mut self, columns: [&str; 2], time: Instant) -> &mut Self {
        self.set(columns[0], date(time))
            .set(columns[1], datetime(time))
    }
}

/// `YYYY-MM-DD`.
pub(super) fn date(time: Instant) -> String {
    let (year, month, day) = time.civil_date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// `YYYY-MM-DD hh:mm:ss[.f]` in UTC.
pub(super) fn datetime(time: Instant) -> String {
    time.to_string().trim_end_matches('Z').replace('T', " ")
}

/// The files of an export.
pub(super) struct Files {
    files: BTreeMap<&'static str, (PathBuf, BufWriter<File>, u64)>,
}

impl Files {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let mut all = BTreeMap::new();
        for table in ALL {
            let path = folder.join(format!("{}.csv", table.name));
            let mut file = BufWriter::new(files::create(&path)?);
            let header = table.columns.join(",");
            writeln!(file, "{header}").map_err(Error::write(&path))?;
            all.insert(table.name, (path, file, 0));
        }
        Ok(Self { files: all })
    }

    pub(super) fn write(&mut self, row: &Row) -> Result<()> {
        let Some((path, file, count)) = self.files.get_mut(row.table.name) else {
            return Ok(());
        };
        *count += 1;
        let mut line = String::with_capacity(256);
        for (place, field) in row.fields.iter().enumerate() {
            if place > 0 {
                line.push(',');
            }
            if field.contains([',', '"', '\n', '\r']) || field.trim() != field {
                line.push('"');
                line.push_str(&field.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(field);
            }
        }
        line.push('\n');
        file.write_all(line.as_bytes()).map_err(Error::write(path))
    }

    /// Puts everything on the disk, and says how many rows each table has.
    pub(super) fn finish(self) -> Result<BTreeMap<String, u64>> {
        let mut rows = BTreeMap::new();
        for (name, (path, file, count)) in self.files {
            let file = file
                .into_inner()
                .map_err(|error| Error::write(&path)(error.into_error()))?;
            file.sync_all().map_err(Error::write(&path))?;
            rows.insert(name.to_owned(), count);
        }
        Ok(rows)
    }
}
