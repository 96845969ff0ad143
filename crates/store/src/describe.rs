//! What codes mean, written beside the codes: descriptions, parents, and the rows of the ancestors.

use crate::error::{Error, Result};
use crate::tables::CodeEntry;
use longitude_core::Code;
use longitude_terminology::{Entry, Terminology};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Gives the terminologies at hand, once it is known which codes there are.
type Supply = dyn Fn(&BTreeSet<Code>) -> io::Result<Terminology> + Send + Sync;

/// Where descriptions and parents of codes come from. A description or parent that the writer was
/// told ([`crate::Writer::describe`]) stays, and goes before.
#[derive(Clone, Default)]
pub struct Describe(Option<Arc<Supply>>);

impl Describe {
    /// From nowhere: `codes.parquet` holds what the writer was told.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// From the terminologies that are shipped.
    pub fn shipped() -> Self {
        Self::with(|_codes| Ok(Terminology::shipped()))
    }

    /// From terminologies that are read when it is known which codes occur.
    pub fn with(
        supply: impl Fn(&BTreeSet<Code>) -> io::Result<Terminology> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(supply)))
    }

    /// Fills in what is known of the codes that occur, and adds rows for what stands above them.
    pub(crate) fn fill(&self, path: &Path, codes: &mut BTreeMap<String, CodeEntry>) -> Result<()> {
        let Some(supply) = &self.0 else {
            return Ok(());
        };
        let wanted: BTreeSet<Code> = codes.keys().map(|code| Code::from_meds(code)).collect();
        let terminology = supply(&wanted).map_err(Error::read(path))?;
        for code in &wanted {
            for (one, entry) in terminology.lineage(code) {
                add(codes.entry(one.to_meds().into_owned()).or_default(), entry);
            }
        }
        Ok(())
    }
}

fn add(to: &mut CodeEntry, entry: Entry) {
    if to.description.is_none() {
        to.description = entry.description.map(|text| text.to_string());
    }
    for parent in entry.parents {
        if !to.parents.contains(&parent) {
            to.parents.push(parent);
        }
    }
}

impl fmt::Debug for Describe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Describe"
        } else {
            "Describe(nothing)"
        })
    }
}
