//! Which files of a path are vocabularies, told by their names and header lines.

use super::rows::Rows;
use super::{SuppliedError, atc};
use std::fs;
use std::path::{Path, PathBuf};

/// The kinds of files that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SuppliedKind {
    /// OMOP's CONCEPT.
    OmopConcept,
    /// OMOP's CONCEPT_ANCESTOR.
    OmopAncestor,
    /// OMOP's CONCEPT_RELATIONSHIP.
    OmopRelationship,
    /// Loinc.csv or LoincTableCore.csv.
    LoincTable,
    /// ComponentHierarchyBySystem.csv or, before LOINC 2.73, MultiAxialHierarchy.csv.
    LoincHierarchy,
    /// RXNCONSO.RRF.
    RxNormConcepts,
    /// RXNREL.RRF.
    RxNormRelationships,
    /// A list of ATC codes and names.
    Atc,
    /// phecodeX_R_map.csv: ICD codes and their phecodes.
    PhecodeMap,
    /// phecodeX_R_labels.csv: phecodes and their names.
    PhecodeLabels,
    /// phecodeX_R_rollup_map.csv: phecodes and all above them.
    PhecodeRollup,
}

use SuppliedKind::{
    Atc, LoincHierarchy, LoincTable, OmopAncestor, OmopConcept, OmopRelationship, PhecodeLabels,
    PhecodeMap, PhecodeRollup, RxNormConcepts, RxNormRelationships,
};

/// A kind of file with a header: its names in lower case, and the columns that tell it. LOINC ships
/// value sets with number and name of some codes; only its tables have the columns named here.
struct Shape {
    kind: SuppliedKind,
    names: &'static [&'static str],
    columns: &'static [&'static str],
}

const SHAPES: &[Shape] = &[
    Shape {
        kind: OmopConcept,
        names: &["concept.csv"],
        columns: &[
            "concept_id",
            "concept_name",
            "vocabulary_id",
            "concept_code",
        ],
    },
    Shape {
        kind: OmopAncestor,
        names: &["concept_ancestor.csv"],
        columns: &[
            "ancestor_concept_id",
            "descendant_concept_id",
            "min_levels_of_separation",
        ],
    },
    Shape {
        kind: OmopRelationship,
        names: &["concept_relationship.csv"],
        columns: &[
            "concept_id_1",
            "concept_id_2",
            "relationship_id",
            "invalid_reason",
        ],
    },
    Shape {
        kind: LoincTable,
        names: &["loinc.csv", "loinctablecore.csv"],
        columns: &["loinc_num", "component", "status", "long_common_name"],
    },
    Shape {
        kind: LoincHierarchy,
        names: &["componenthierarchybysystem.csv", "multiaxialhierarchy.csv"],
        columns: &["immediate_parent", "code", "code_text"],
    },
    Shape {
        kind: PhecodeMap,
        names: &["phecodex_r_map.csv"],
        columns: &["code", "vocabulary_id", "phecode"],
    },
    Shape {
        kind: PhecodeLabels,
        names: &["phecodex_r_labels.csv"],
        columns: &["phenotype", "description", "groupnum"],
    },
    Shape {
        kind: PhecodeRollup,
        names: &["phecodex_r_rollup_map.csv"],
        columns: &["code", "phecode_unrolled"],
    },
];

/// Ends of names of files that can be a vocabulary, without `.gz`.
const ENDS: &[&str] = &[".csv", ".tsv", ".txt", ".rrf"];
/// How deep folders are searched: LOINC has its hierarchy three folders down.
const DEPTH_MAX: usize = 6;

/// A file of a known kind.
pub(super) struct Found {
    pub(super) kind: SuppliedKind,
    pub(super) path: PathBuf,
}

impl Found {
    /// The folder in which it stands. Files of OMOP and of RxNorm belong to those beside them.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

/// The files of one kind.
pub(super) fn of_kind(found: &[Found], kind: SuppliedKind) -> impl Iterator<Item = &Found> {
    found.iter().filter(move |one| one.kind == kind)
}

/// Refuses files of a kind that no file of another kind stands beside.
pub(super) fn check_companion(
    found: &[Found],
    kind: SuppliedKind,
    needed: (SuppliedKind, &'static str),
) -> Result<(), SuppliedError> {
    for one in of_kind(found, kind) {
        let beside = of_kind(found, needed.0).any(|other| other.folder() == one.folder());
        if !beside {
            return Err(SuppliedError::MissingCompanion {
                path: one.path.clone(),
                needed: needed.1,
            });
        }
    }
    Ok(())
}

/// The vocabularies of a file, or of a folder and its folders, by name.
pub(super) fn find(path: &Path, ignored: &mut Vec<PathBuf>) -> Result<Vec<Found>, SuppliedError> {
    let mut found = Vec::new();
    let metadata = fs::metadata(path).map_err(|source| SuppliedError::Read {
        path: path.to_owned(),
        source,
    })?;
    if metadata.is_dir() {
        walk(path, DEPTH_MAX, &mut found, ignored)?;
    } else if let Some(kind) = kind_of(path)? {
        found.push(Found {
            kind,
            path: path.to_owned(),
        });
    }
    if found.is_empty() {
        return Err(SuppliedError::Unrecognised {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

fn walk(
    folder: &Path,
    depth: usize,
    found: &mut Vec<Found>,
    ignored: &mut Vec<PathBuf>,
) -> Result<(), SuppliedError> {
    let read = |source| SuppliedError::Read {
        path: folder.to_owned(),
        source,
    };
    let all: Result<Vec<_>, _> = fs::read_dir(folder).map_err(read)?.collect();
    let mut all: Vec<_> = all.map_err(read)?.iter().map(fs::DirEntry::path).collect();
    all.sort();
    for path in all {
        if path.is_dir() && depth > 0 {
            walk(&path, depth - 1, found, ignored)?;
            continue;
        }
        let name = name_of(&path);
        let can_be = ENDS.iter().any(|end| name.ends_with(end)) && path.is_file();
        match if can_be { kind_of(&path)? } else { None } {
            Some(kind) => found.push(Found { kind, path }),
            None => ignored.push(path),
        }
    }
    Ok(())
}

/// The name of a file in lower case without `.gz`; nothing for one that the system hides.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') {
        return String::new();
    }
    let name = name.to_ascii_lowercase();
    name.strip_suffix(".gz").unwrap_or(&name).to_owned()
}

/// What a file is; an error where its name promises what its header does not hold.
fn kind_of(path: &Path) -> Result<Option<SuppliedKind>, SuppliedError> {
    let name = name_of(path);
    match name.as_str() {
        "rxnconso.rrf" => return Ok(Some(RxNormConcepts)),
        "rxnrel.rrf" => return Ok(Some(RxNormRelationships)),
        _ => {}
    }
    let named = SHAPES.iter().find(|shape| shape.names.contains(&&*name));
    let rows = match Rows::open(path) {
        Ok(rows) => rows,
        // What has no header of a table is another file, where it does not bear a known name.
        Err(
            SuppliedError::Encoding { .. }
            | SuppliedError::Quote { .. }
            | SuppliedError::TooLong { .. },
        ) if named.is_none() => return Ok(None),
        Err(error) => return Err(error),
    };
    if let Some(shape) = named {
        for column in shape.columns {
            rows.column(column)?;
        }
        return Ok(Some(shape.kind));
    }
    let has = |column: &&str| rows.header().iter().any(|name| name == column);
    let shaped = SHAPES.iter().find(|shape| shape.columns.iter().all(has));
    let listed = || atc::columns(rows.header(), &name).map(|_| Atc);
    Ok(shaped.map(|shape| shape.kind).or_else(listed))
}
