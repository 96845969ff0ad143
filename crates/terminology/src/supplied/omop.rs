//! OMOP's vocabulary tables as Athena ships them: CONCEPT with CONCEPT_ANCESTOR and
//! CONCEPT_RELATIONSHIP beside it. Source: OMOP CDM 5.4,
//! <https://ohdsi.github.io/CommonDataModel/cdm54.html#vocabulary-tables>.

use super::edges::{Edges, closure};
use super::files::{self, Found, of_kind};
use super::rows::Rows;
use super::wanted::{OMOP_NAMES, Wanted};
use super::{Supplied, SuppliedError, SuppliedKind};
use crate::spelling::{Coded, Held};
use crate::standing::Entry;
use longitude_core::Code;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// OMOP's integer of 32 bits, which an edge of 8 bytes needs.
type Id = i32;

/// Reads each CONCEPT with what stands beside it.
pub(super) fn read(
    found: &[Found],
    wanted: &Wanted,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    for kind in [SuppliedKind::OmopAncestor, SuppliedKind::OmopRelationship] {
        files::check_companion(found, kind, (SuppliedKind::OmopConcept, "CONCEPT.csv"))?;
    }
    let folders: BTreeSet<&Path> = of_kind(found, SuppliedKind::OmopConcept)
        .map(Found::folder)
        .collect();
    for folder in folders {
        let beside = |kind| of_kind(found, kind).filter(|one| one.folder() == folder);
        let concepts: Vec<_> = beside(SuppliedKind::OmopConcept).collect();
        let mut start = BTreeSet::new();
        for one in &concepts {
            start.append(&mut wanted_ids(one, wanted, supplied)?);
        }
        let mut tables = Vec::new();
        for one in beside(SuppliedKind::OmopAncestor) {
            tables.push((one, ancestors(one)?));
        }
        for one in beside(SuppliedKind::OmopRelationship) {
            tables.push((one, relationships(one)?));
        }
        let all: Vec<_> = tables.iter().flat_map(|(_, table)| &table.edges).collect();
        let needed = closure(start, &all);
        let mut known = BTreeMap::new();
        for one in &concepts {
            describe(one, &needed, &mut known, supplied)?;
        }
        put(&known, &all, supplied);
        for (one, table) in &tables {
            let used = table.edges.iter().map(|edges| edges.count(&needed)).sum();
            supplied.note(one, &table.rows, used, table.skipped);
        }
    }
    Ok(())
}

/// A code under the system's name and spelling that the data sets have.
fn code<'r>(vocabulary: &'r str, written: &'r str) -> (&'r str, Cow<'r, str>) {
    let renamed = OMOP_NAMES.iter().find(|(theirs, _)| *theirs == vocabulary);
    let held = match vocabulary {
        "ICD10CM" => Some(Held::Icd10Cm),
        "ICD9CM" => Some(Held::Icd9Cm),
        "ICD10PCS" => Some(Held::Icd10Pcs),
        _ => None,
    };
    match held {
        Some(held) => {
            let value = Coded::new(held, written).to_code().value;
            (vocabulary, Cow::Owned(value.to_string()))
        }
        None => (
            renamed.map_or(vocabulary, |(_, ours)| ours),
            Cow::Borrowed(written),
        ),
    }
}

/// Goes to the next row of a table; rows with a wrong number of fields are counted where the file
/// has commas, and an error elsewhere.
fn next(rows: &mut Rows, skipped: &mut u64) -> Result<bool, SuppliedError> {
    while rows.next()? {
        if rows.is_whole() {
            return Ok(true);
        }
        if !rows.has_commas() {
            rows.check()?;
        }
        *skipped += 1;
    }
    Ok(false)
}

/// The first reading of CONCEPT: identifiers of the wanted codes, and the vocabularies it has.
fn wanted_ids(
    found: &Found,
    wanted: &Wanted,
    supplied: &mut Supplied,
) -> Result<BTreeSet<Id>, SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [id, vocabulary, value] = rows.columns(["concept_id", "vocabulary_id", "concept_code"])?;
    let mut ids = BTreeSet::new();
    let mut vocabularies: BTreeSet<String> = BTreeSet::new();
    let mut skipped = 0;
    while next(&mut rows, &mut skipped)? {
        let name = rows.field(vocabulary);
        if !vocabularies.contains(name) {
            vocabularies.insert(name.to_owned());
        }
        let (system, value) = code(name, rows.field(value));
        if wanted.has(system, &value) {
            ids.insert(rows.number(id, "concept_id")?);
        }
    }
    for name in &vocabularies {
        let renamed = OMOP_NAMES.iter().filter(|(theirs, _)| theirs == name);
        supplied
            .whole
            .extend(renamed.map(|(_, ours)| Arc::from(*ours)));
        supplied.whole.push(name.as_str().into());
    }
    Ok(ids)
}

/// The edges of a table, those of a classification first.
struct Table {
    rows: Rows,
    edges: Vec<Edges<Id>>,
    skipped: u64,
}

/// Direct edges of CONCEPT_ANCESTOR.
fn ancestors(found: &Found) -> Result<Table, SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [above, below, levels] = rows.columns([
        "ancestor_concept_id",
        "descendant_concept_id",
        "min_levels_of_separation",
    ])?;
    let (mut edges, mut skipped) = (Edges::default(), 0);
    while next(&mut rows, &mut skipped)? {
        if rows.number::<Id>(levels, "min_levels_of_separation")? == 1 {
            let below = rows.number(below, "descendant_concept_id")?;
            edges.push(below, rows.number(above, "ancestor_concept_id")?);
        }
    }
    edges.sort();
    Ok(Table {
        rows,
        edges: vec![edges],
        skipped,
    })
}

/// `Is a` of CONCEPT_RELATIONSHIP, then `Maps to`, which leads from a concept that is not standard
/// to the standard ones. The converse relationships are the same edges again.
fn relationships(found: &Found) -> Result<Table, SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [below, above, name, invalid] = rows.columns([
        "concept_id_1",
        "concept_id_2",
        "relationship_id",
        "invalid_reason",
    ])?;
    let (mut is_a, mut maps_to, mut skipped) = (Edges::default(), Edges::default(), 0);
    while next(&mut rows, &mut skipped)? {
        let edges = match rows.field(name) {
            "Is a" => &mut is_a,
            "Maps to" => &mut maps_to,
            _ => continue,
        };
        // A program may write the missing value as a word.
        if matches!(rows.field(invalid).trim(), "" | "NULL" | "NA") {
            let below = rows.number(below, "concept_id_1")?;
            edges.push(below, rows.number(above, "concept_id_2")?);
        }
    }
    is_a.sort();
    maps_to.sort();
    Ok(Table {
        rows,
        edges: vec![is_a, maps_to],
        skipped,
    })
}

/// A concept that is needed.
struct Known {
    code: Code,
    name: Option<Arc<str>>,
    is_header: bool,
}

/// The second reading of CONCEPT: codes and names of what is needed.
fn describe(
    found: &Found,
    needed: &BTreeSet<Id>,
    known: &mut BTreeMap<Id, Known>,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    let mut rows = Rows::open(&found.path)?;
    let [id, name, vocabulary, value] = rows.columns([
        "concept_id",
        "concept_name",
        "vocabulary_id",
        "concept_code",
    ])?;
    let standard = rows.column("standard_concept").ok();
    let (mut used, mut skipped) = (0, 0);
    while next(&mut rows, &mut skipped)? {
        let id = rows.number(id, "concept_id")?;
        if !needed.contains(&id) {
            continue;
        }
        used += 1;
        let (system, value) = code(rows.field(vocabulary), rows.field(value));
        let text = rows.field(name).trim();
        known.entry(id).or_insert_with(|| Known {
            code: Code::new(system, &*value),
            name: (!text.is_empty()).then(|| text.into()),
            // `C`: a class of a classification, which no record is coded with.
            is_header: standard.is_some_and(|place| rows.field(place) == "C"),
        });
    }
    supplied.note(found, &rows, used, skipped);
    Ok(())
}

/// Adds the concepts. One that CONCEPT does not hold has no code and stands above nothing.
fn put(known: &BTreeMap<Id, Known>, edges: &[&Edges<Id>], supplied: &mut Supplied) {
    for (id, concept) in known {
        let mut parents: Vec<Code> = Vec::new();
        let above = edges.iter().flat_map(|edges| edges.above(id));
        for above in above.filter_map(|id| known.get(id)) {
            if above.code != concept.code && !parents.contains(&above.code) {
                parents.push(above.code.clone());
            }
        }
        let entry = Entry {
            description: concept.name.clone(),
            parents,
            is_header: concept.is_header,
        };
        supplied.put(concept.code.clone(), entry);
    }
}
