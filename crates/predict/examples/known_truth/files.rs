//! Tables of numbers between stages: `NAME.f32` holds rows of little-endian floats, `NAME.json` the
//! names of the columns. Not-a-number stands for what is not asked or not known.

use crate::Result;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Rows `[N, C]`.
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) data: Vec<f32>,
}

impl Table {
    pub(crate) fn new(columns: Vec<String>) -> Self {
        let data = Vec::new();
        Self { columns, data }
    }

    pub(crate) fn rows(&self) -> usize {
        self.data.len() / self.columns.len().max(1)
    }

    pub(crate) fn row(&self, at: usize) -> &[f32] {
        &self.data[at * self.columns.len()..][..self.columns.len()]
    }

    /// A column as `f64`, `None` where it is not-a-number.
    pub(crate) fn column(&self, name: &str) -> Result<Vec<Option<f64>>> {
        let found = self.columns.iter().position(|one| one == name);
        let at = found.ok_or_else(|| format!("a table has no column `{name}`"))?;
        let value = |row: usize| f64::from(self.row(row)[at]);
        let known = (0..self.rows()).map(value);
        Ok(known.map(|x| x.is_finite().then_some(x)).collect())
    }

    pub(crate) fn write(&self, dir: &Path, name: &str) -> Result {
        let mut out = BufWriter::new(File::create(dir.join(format!("{name}.f32")))?);
        for number in &self.data {
            out.write_all(&number.to_le_bytes())?;
        }
        out.flush()?;
        let columns = serde_json::to_vec(&self.columns)?;
        std::fs::write(dir.join(format!("{name}.json")), columns)?;
        Ok(())
    }

    pub(crate) fn read(dir: &Path, name: &str) -> Result<Self> {
        let columns = serde_json::from_slice(&std::fs::read(dir.join(format!("{name}.json")))?)?;
        let bytes = std::fs::read(dir.join(format!("{name}.f32")))?;
        let (words, _) = bytes.as_chunks::<4>();
        let data = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        Ok(Self { columns, data })
    }

    /// The table, or `None` where the stage that writes it was not run.
    pub(crate) fn find(dir: &Path, name: &str) -> Result<Option<Self>> {
        if dir.join(format!("{name}.f32")).exists() {
            Self::read(dir, name).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// A number as a table keeps it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "seven digits are enough here"
)]
pub(crate) fn narrow(x: f64) -> f32 {
    x as f32
}
