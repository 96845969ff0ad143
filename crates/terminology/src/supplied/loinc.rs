//! LOINC's table, and its hierarchy of components by system. Source: LOINC Users' Guide, appendix
//! A (table) and the read-me of `ComponentHierarchyBySystem`.

use super::edges::{Edges, closure};
use super::files::{Found, of_kind};
use super::rows::Rows;
use super::wanted::Wanted;
use super::{Supplied, SuppliedError, SuppliedKind};
use crate::standing::Entry;
use longitude_core::Code;
use std::collections::BTreeSet;
use std::sync::Arc;

const SYSTEM: &str = "LOINC";

/// Reads the hierarchies, then the tables, whose names come first.
pub(super) fn read(
    found: &[Found],
    wanted: &Wanted,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    let mut hierarchies = Vec::new();
    for one in of_kind(found, SuppliedKind::LoincHierarchy) {
        hierarchies.push((one, hierarchy(one)?));
    }
    let edges: Vec<_> = hierarchies.iter().map(|(_, edges)| edges).collect();
    let start = wanted.values(SYSTEM).map(|value| Box::from(&**value));
    let needed = closure(start, &edges);
    for one in of_kind(found, SuppliedKind::LoincTable) {
        table(one, &needed, supplied)?;
        supplied.whole.push(SYSTEM.into());
    }
    for (one, edges) in &hierarchies {
        describe(one, edges, &needed, supplied)?;
    }
    Ok(())
}

fn hierarchy(found: &Found) -> Result<Edges<Box<str>>, SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [above, below] = rows.columns(["immediate_parent", "code"])?;
    let mut edges = Edges::default();
    while rows.next()? {
        rows.check()?;
        let (above, below) = (rows.field(above).trim(), rows.field(below).trim());
        // The root has nothing above it.
        if !above.is_empty() {
            edges.push(below.into(), above.into());
        }
    }
    edges.sort();
    Ok(edges)
}

/// Names of the table, also of deprecated codes.
fn table(
    found: &Found,
    needed: &BTreeSet<Box<str>>,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [code, name] = rows.columns(["loinc_num", "long_common_name"])?;
    let mut used = 0;
    while rows.next()? {
        rows.check()?;
        let code = rows.field(code).trim();
        if needed.contains(code) {
            used += 1;
            let entry = described(rows.field(name), code);
            supplied.put(Code::new(SYSTEM, code), entry);
        }
    }
    supplied.note(found, &rows, used, 0);
    Ok(())
}

/// The second reading of a hierarchy: names of its parts, and what stands above each code.
fn describe(
    found: &Found,
    edges: &Edges<Box<str>>,
    needed: &BTreeSet<Box<str>>,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [code, text] = rows.columns(["code", "code_text"])?;
    let mut used = 0;
    while rows.next()? {
        let code = rows.field(code).trim();
        if !needed.contains(code) {
            continue;
        }
        used += 1;
        let key = Box::from(code);
        let above = edges.above(&key);
        let parents = above.map(|one| Code::new(SYSTEM, &**one)).collect();
        let entry = Entry {
            parents,
            ..described(rows.field(text), code)
        };
        supplied.put(Code::new(SYSTEM, code), entry);
    }
    supplied.note(found, &rows, used, 0);
    Ok(())
}

/// Codes that begin with `LP` are parts, which no result is coded with.
fn described(text: &str, code: &str) -> Entry {
    let text = text.trim();
    Entry {
        description: (!text.is_empty()).then(|| Arc::from(text)),
        parents: Vec::new(),
        is_header: code.starts_with("LP"),
    }
}
