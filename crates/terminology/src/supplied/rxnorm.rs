//! RxNorm's Rich Release Format: concepts and their relationships, and the ATC codes that RxNorm
//! gives to ingredients.
//!
//! Source: RxNorm Technical Documentation, the tables of RXNCONSO and RXNREL
//! (<https://www.nlm.nih.gov/research/umls/rxnorm/docs/2012/rxnorm_doco_full_2012-1.html>). Of the
//! direction of RXNREL it says that the row has the relationship which the second concept (RXCUI2)
//! has to the first (RXCUI1): it reads `RXCUI2 RELA RXCUI1`. Of a brand name and its ingredient the
//! brand is RXCUI2 of `tradename_of` and the ingredient RXCUI1. What stands above is therefore
//! RXCUI1 of the relationships named in [`UPWARD`].

use super::atc;
use super::edges::{Edges, closure};
use super::files::{self, Found, of_kind};
use super::rows::Rows;
use super::wanted::Wanted;
use super::{Supplied, SuppliedError, SuppliedKind};
use crate::standing::Entry;
use longitude_core::Code;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const SYSTEM: &str = "RxNorm";

/// Relationships that lead from a drug to what it is, is made of or is a trade name of
/// (<https://www.nlm.nih.gov/research/umls/rxnorm/docs/appendix1.html>).
const UPWARD: &[&str] = &[
    "isa",
    "has_ingredient",
    "has_precise_ingredient",
    "consists_of",
    "tradename_of",
    "form_of",
];

/// Fields of a row of RXNCONSO and of RXNREL; a `|` also ends the row.
const CONCEPT_FIELDS: usize = 18 + 1;
const RELATIONSHIP_FIELDS: usize = 16 + 1;

/// Reads each RXNCONSO with the RXNREL beside it.
pub(super) fn read(
    found: &[Found],
    wanted: &Wanted,
    supplied: &mut Supplied,
) -> Result<(), SuppliedError> {
    let concepts = (SuppliedKind::RxNormConcepts, "RXNCONSO.RRF");
    files::check_companion(found, SuppliedKind::RxNormRelationships, concepts)?;
    let folders: BTreeSet<&Path> = of_kind(found, concepts.0).map(Found::folder).collect();
    for folder in folders {
        let beside = |kind| of_kind(found, kind).filter(|one| one.folder() == folder);
        let mut tables = Vec::new();
        for one in beside(SuppliedKind::RxNormRelationships) {
            let (rows, edges) = relationships(one)?;
            tables.push((one, rows, edges));
        }
        let edges: Vec<_> = tables.iter().map(|(_, _, edges)| edges).collect();
        let start = wanted.values(SYSTEM).filter_map(|value| value.parse().ok());
        let needed: BTreeSet<u32> = closure(start, &edges);
        for one in beside(concepts.0) {
            let names = describe(one, &needed, wanted, supplied)?;
            put(&names, &edges, supplied);
        }
        for (one, rows, edges) in &tables {
            supplied.note(one, rows, edges.count(&needed), 0);
        }
        supplied.whole.push(SYSTEM.into());
    }
    Ok(())
}

/// RxNorm's own relationships between concepts that lead upward and are not suppressed.
fn relationships(found: &Found) -> Result<(Rows, Edges<u32>), SuppliedError> {
    let [above, below, name, source, suppressed] = [0, 4, 7, 10, 14];
    let mut rows = Rows::plain(&found.path, b'|')?;
    let mut edges = Edges::default();
    while rows.next()? {
        rows.check_fields(RELATIONSHIP_FIELDS)?;
        let is_own = rows.field(source) == "RXNORM" && !is_suppressed(rows.field(suppressed));
        let is_upward = UPWARD.contains(&rows.field(name));
        // Rows between atoms have no concepts.
        let has_concepts = !rows.field(above).is_empty() && !rows.field(below).is_empty();
        if is_own && is_upward && has_concepts {
            edges.push(rows.number(below, "RXCUI2")?, rows.number(above, "RXCUI1")?);
        }
    }
    edges.sort();
    Ok((rows, edges))
}

/// `O` obsolete, `E` and `Y` suppressed by an editor.
fn is_suppressed(mark: &str) -> bool {
    matches!(mark, "O" | "E" | "Y")
}

/// What RXNCONSO says of the needed concepts.
#[derive(Default)]
struct Names {
    /// By concept: its name with how good it is, 0 the best, and its ATC codes.
    concepts: BTreeMap<u32, (u8, Arc<str>)>,
    classes: BTreeMap<u32, BTreeSet<Box<str>>>,
    /// Names of all ATC codes.
    atc: BTreeMap<Box<str>, Arc<str>>,
    /// ATC codes that are wanted for themselves.
    wanted: BTreeSet<Box<str>>,
}

fn describe(
    found: &Found,
    needed: &BTreeSet<u32>,
    wanted: &Wanted,
    supplied: &mut Supplied,
) -> Result<Names, SuppliedError> {
    let [concept, source, term_type, code, text, suppressed] = [0, 11, 12, 13, 14, 16];
    let mut rows = Rows::plain(&found.path, b'|')?;
    let mut names = Names::default();
    let mut used = 0;
    while rows.next()? {
        rows.check_fields(CONCEPT_FIELDS)?;
        let concept = rows.number(concept, "RXCUI")?;
        let (source, code) = (rows.field(source), rows.field(code));
        let is_needed = needed.contains(&concept);
        let is_atc = source == "ATC" && atc::is_code(code);
        if is_atc {
            let known = names.atc.entry(code.into());
            known.or_insert_with(|| rows.field(text).into());
            if wanted.has(atc::SYSTEM, code) {
                names.wanted.insert(code.into());
            }
            // A code of seven letters is a substance, as the ingredient is.
            if is_needed && code.len() == atc::SUBSTANCE_LETTERS {
                names
                    .classes
                    .entry(concept)
                    .or_default()
                    .insert(code.into());
            }
        }
        used += u64::from(is_needed || (is_atc && wanted.has(atc::SYSTEM, code)));
        if is_needed {
            let rank = rank(source, rows.field(term_type), rows.field(suppressed));
            let best = names.concepts.get(&concept);
            if best.is_none_or(|(known, _)| rank < *known) {
                names
                    .concepts
                    .insert(concept, (rank, rows.field(text).into()));
            }
        }
    }
    supplied.note(found, &rows, used, 0);
    Ok(names)
}

/// How good a name is: RxNorm's own before synonyms (SY, TMSY, ET, PSN are no normal forms), what
/// is in use before what is suppressed, other sources last.
fn rank(source: &str, term_type: &str, suppressed: &str) -> u8 {
    let is_synonym = matches!(term_type, "SY" | "TMSY" | "ET" | "PSN");
    u8::from(source != "RXNORM") * 4
        + u8::from(is_synonym) * 2
        + u8::from(is_suppressed(suppressed))
}

/// Adds the concepts that have a name, and the ATC codes above them.
fn put(names: &Names, edges: &[&Edges<u32>], supplied: &mut Supplied) {
    let mut classes = names.wanted.clone();
    for (concept, (_, name)) in &names.concepts {
        let above = edges.iter().flat_map(|edges| edges.above(concept));
        let above = above.filter(|one| names.concepts.contains_key(*one));
        let mut parents: Vec<_> = above
            .map(|one| Code::new(SYSTEM, one.to_string()))
            .collect();
        for class in names.classes.get(concept).into_iter().flatten() {
            parents.push(Code::new(atc::SYSTEM, &**class));
            classes.insert(class.clone());
        }
        let entry = Entry {
            description: Some(Arc::clone(name)),
            parents,
            is_header: false,
        };
        supplied.put(Code::new(SYSTEM, concept.to_string()), entry);
    }
    for class in &classes {
        atc::put(class, |code| names.atc.get(code).cloned(), supplied);
    }
}
