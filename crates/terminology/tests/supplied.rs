//! Vocabularies as their publishers ship them, where they are at hand: OMOP's of the Synthea sample
//! and PhecodeX. Each test says so and ends where its files or the program that unpacks them are
//! absent.

use longitude_core::Code;
use longitude_terminology::{Standing, Supplied, SuppliedKind, Terminology};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the data beside the repository.
fn data(name: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = shared.join(name);
    if !path.is_file() {
        eprintln!("SKIPPED: no {}", path.display());
        return None;
    }
    Some(path)
}

/// What a program writes; none where it is not installed.
fn unpacked(program: &mut Command) -> Option<Vec<u8>> {
    let Ok(output) = program.output() else {
        eprintln!("SKIPPED: {program:?} cannot be run");
        return None;
    };
    assert!(output.status.success(), "{program:?}");
    Some(output.stdout)
}

#[test]
fn phecodes_of_every_icd_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut map = String::new();
    for name in ["map", "labels", "rollup_map"] {
        let name = format!("phecodeX_R_{name}.csv");
        let Some(packed) = data(&format!("terminology/{name}.xz")) else {
            return;
        };
        let Some(bytes) = unpacked(Command::new("xz").arg("-dc").arg(packed)) else {
            return;
        };
        fs::write(folder.path().join(&name), &bytes).unwrap();
        if name.ends_with("R_map.csv") {
            map = String::from_utf8(bytes).unwrap();
        }
    }
    let mut expected: BTreeMap<Code, BTreeSet<String>> = BTreeMap::new();
    for row in map.lines().skip(1) {
        let fields: Vec<_> = row
            .split(',')
            .map(|field| field.trim_matches('"'))
            .collect();
        let code = Code::new(fields[1], fields[0]);
        expected
            .entry(code)
            .or_default()
            .insert(fields[2].to_owned());
    }
    let wanted: BTreeSet<_> = expected.keys().cloned().collect();
    let supplied = Supplied::read(folder.path(), &wanted).unwrap();
    let source = |kind| {
        supplied
            .sources
            .iter()
            .find(|one| one.kind == kind)
            .unwrap()
    };
    let map = source(SuppliedKind::PhecodeMap);
    eprintln!("{} ICD codes, {:?}", wanted.len(), supplied.sources);
    // One row has the point of another code: 51.692.
    assert_eq!(map.rows_read, map.rows_used + map.rows_skipped);
    assert_eq!((map.rows_read, map.rows_skipped), (79_583, 1));
    expected.remove(&Code::new("ICD9CM", "51.692"));
    for (code, phecodes) in &expected {
        let entry = &supplied.entries[code];
        let parents: BTreeSet<_> = entry
            .parents
            .iter()
            .map(|one| one.value.to_string())
            .collect();
        assert_eq!(&parents, phecodes, "{code}");
    }
    let all = Terminology::shipped().with(supplied.entries, supplied.whole);
    let mut lineage = all.lineage(&Code::from_meds("DIAGNOSIS//ICD//10//E1165"));
    lineage.retain(|code, _| &*code.system == "PhecodeX");
    assert!(!lineage.is_empty() && lineage.values().all(|entry| entry.description.is_some()));
    let unknown = all.look_up(&Code::new("PhecodeX", "none"));
    assert!(matches!(unknown, Standing::Unknown(_)));
}

#[test]
fn the_vocabulary_of_the_synthea_sample() {
    let Some(packed) = data("omop-synthea27nj/Synthea27Nj_5.4.zip") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut program = Command::new("unzip");
    program.arg("-qo").arg(packed).arg("-d").arg(folder.path());
    if unpacked(program.args(["-x", "__MACOSX/*"])).is_none() {
        return;
    }
    let concept = fs::read_to_string(folder.path().join("CONCEPT.csv")).unwrap();
    let codes = sample_codes(&concept);
    let wanted: BTreeSet<_> = codes.values().cloned().collect();
    let supplied = Supplied::read(folder.path(), &wanted).unwrap();
    eprintln!("{:?}", supplied.sources);
    let mut sources = supplied.sources.iter();
    assert!(sources.all(|source| source.rows_skipped == 0));
    assert_eq!(supplied.entries.len(), wanted.len());
    let described = |code: &Code| supplied.entries[code].description.is_some();
    assert!(wanted.iter().all(described));

    let relationship = folder.path().join("CONCEPT_RELATIONSHIP.csv");
    let mut expected: BTreeMap<&Code, BTreeSet<&Code>> = BTreeMap::new();
    for row in fs::read_to_string(relationship).unwrap().lines().skip(1) {
        let fields: Vec<_> = row.split(',').collect();
        let is_upward = ["Is a", "Maps to"].contains(&fields[2]) && fields[5].is_empty();
        let ends = codes.get(fields[0]).zip(codes.get(fields[1]));
        if let Some((below, above)) = ends.filter(|(below, above)| is_upward && below != above) {
            expected.entry(below).or_default().insert(above);
        }
    }
    for (code, entry) in &supplied.entries {
        let parents: BTreeSet<_> = entry.parents.iter().collect();
        assert_eq!(parents, expected.remove(code).unwrap_or_default(), "{code}");
    }
    let admission = &supplied.entries[&Code::new("SNOMED", "183452005")];
    assert!(admission.parents.contains(&Code::new("SNOMED", "32485007")));
}

/// Codes by concept identifier, counted from the end of each row, where no field has commas.
fn sample_codes(concept: &str) -> BTreeMap<&str, Code> {
    let rows = concept.lines().skip(1);
    rows.map(|row| {
        let fields: Vec<_> = row.rsplit(',').collect();
        (fields[fields.len() - 1], Code::new(fields[6], fields[3]))
    })
    .collect()
}
