//! The files of an export: NDJSON cut by size, and the manifest that lists them.
//!
//! Source: HL7 FHIR Bulk Data Access 2.0.0, "Bulk Data Status Request", response of a complete
//! export.

use crate::error::{Error, Result};
use crate::files;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// The manifest's name.
const MANIFEST: &str = "manifest.json";

/// A resource in the making.
pub(super) struct Resource {
    pub(super) kind: &'static str,
    id: String,
    fields: Map<String, Value>,
}

impl Resource {
    pub(super) fn new(kind: &'static str, id: String) -> Self {
        Self {
            kind,
            id,
            fields: Map::new(),
        }
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Adds to a list, which the first item begins.
    pub(super) fn add(&mut self, name: &str, value: Value) {
        match self.fields.get_mut(name).and_then(Value::as_array_mut) {
            Some(list) => list.push(value),
            None => drop(self.fields.insert(name.to_owned(), json!([value]))),
        }
    }

    /// The same under another identifier.
    pub(super) fn renamed(self, id: String) -> Self {
        Self { id, ..self }
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.fields.get_mut(name)
    }

    /// Takes an element out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// `resourceType` and `id` first, then the elements by name, in one line.
    fn line(&self) -> String {
        let head = format!(r#"{{"resourceType":"{}","id":"{}""#, self.kind, self.id);
        let rest = Value::Object(self.fields.clone()).to_string();
        match rest.strip_prefix('{') {
            Some(rest) if rest != "}" => [&head, ",", rest, "\n"].concat(),
            _ => [&head, "}\n"].concat(),
        }
    }
}

/// One file.
struct Written {
    kind: &'static str,
    name: String,
    count: u64,
}

/// The file of a type that takes lines now.
struct Open {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    /// The file's place in [`Files::written`].
    place: usize,
}

impl Open {
    fn close(self) -> Result<()> {
        let file = self
            .file
            .into_inner()
            .map_err(|error| Error::write(&self.path)(error.into_error()))?;
        file.sync_all().map_err(Error::write(&self.path))
    }
}

/// The files of an export.
pub(super) struct Files {
    folder: PathBuf,
    bytes_max: u64,
    open: BTreeMap<&'static str, Open>,
    /// The number of the next file, by type.
    next: BTreeMap<&'static str, u32>,
    written: Vec<Written>,
}

impl Files {
    pub(super) fn create(folder: &Path, bytes_max: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            bytes_max,
            open: BTreeMap::new(),
            next: BTreeMap::new(),
            written: Vec::new(),
        }
    }

    /// Writes a line; a file that would become too long is closed before it.
    pub(super) fn write(&mut self, resource: &Resource) -> Result<()> {
        let line = resource.line();
        let length = line.len() as u64;
        let is_full = |open: &Open| open.bytes > 0 && open.bytes + length > self.bytes_max;
        if self.open.get(resource.kind).is_some_and(is_full)
            && let Some(full) = self.open.remove(resource.kind)
        {
            full.close()?;
        }
        if !self.open.contains_key(resource.kind) {
            let fresh = self.start(resource.kind)?;
            self.open.insert(resource.kind, fresh);
        }
        let Some(open) = self.open.get_mut(resource.kind) else {
            return Ok(());
        };
        open.bytes += length;
        self.written[open.place].count += 1;
        open.file
            .write_all(line.as_bytes())
            .map_err(Error::write(&open.path))
    }

    fn start(&mut self, kind: &'static str) -> Result<Open> {
        let number = self.next.entry(kind).or_default();
        let name = format!("{kind}.{number:03}.ndjson");
        *number += 1;
        let path = self.folder.join(&name);
        let file = BufWriter::new(files::create(&path)?);
        self.written.push(Written {
            kind,
            name,
            count: 0,
        });
        Ok(Open {
            path,
            file,
            bytes: 0,
            place: self.written.len() - 1,
        })
    }

    /// Puts everything on the disk with its manifest, and says how many resources each type has.
    pub(super) fn finish(
        mut self,
        base_url: &str,
        transaction_time: &str,
    ) -> Result<BTreeMap<String, u64>> {
        for (_kind, open) in std::mem::take(&mut self.open) {
            open.close()?;
        }
        self.written.sort_by(|a, b| a.name.cmp(&b.name));
        let listed = |file: &Written| {
            let url = [base_url, &file.name].concat();
            json!({"type": file.kind, "url": url, "count": file.count})
        };
        let output: Vec<_> = self.written.iter().map(listed).collect();
        let manifest = json!({
            "transactionTime": transaction_time,
            "request": format!("{base_url}$export"),
            "requiresAccessToken": false,
            "output": output,
            "error": [],
        });
        let path = self.folder.join(MANIFEST);
        let mut text = format!("{manifest:#}");
        text.push('\n');
        files::write(&path, text.as_bytes())?;
        let mut counts = BTreeMap::new();
        for file in self.written {
            *counts.entry(file.kind.to_owned()).or_default() += file.count;
        }
        Ok(counts)
    }
}
