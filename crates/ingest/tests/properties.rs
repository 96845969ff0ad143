//! What must hold for any bytes: nothing panics, every row is accounted for, and neither the number
//! of threads nor the size of the pieces changes what comes out.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Kept, ingest, render};
use longitude_core::Issue;
use longitude_ingest::{Options, Report};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn read(name: &str, bytes: &[u8], options: &Options) -> (Report, Kept) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    ingest(folder.path(), options).unwrap()
}

/// The lines of all golden cases: material to be damaged.
fn lines() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/ingest");
    let names = [
        "patient",
        "encounter",
        "observation",
        "clinical",
        "broken",
        "ruled",
        "releases",
        "known",
        "culture",
        "given",
        "forms",
    ];
    let read = |name| fs::read(folder.join(format!("{name}.ndjson"))).unwrap();
    let files: Vec<Vec<u8>> = names.into_iter().map(read).collect();
    let split = |file: &Vec<u8>| {
        file.split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    };
    files
        .iter()
        .flat_map(|file| -> Vec<Vec<u8>> { split(file) })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_accounted_for(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for name in ["x.ndjson", "x.json", "x.ndjson.gz"] {
            let (report, _) = read(name, &bytes, &Options::standard(1));
            prop_assert!(report.balanced());
        }
    }

    #[test]
    fn damaged_records_are_accounted_for(
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(),
            any::<u8>(), 0..4u8), 1..60),
    ) {
        let lines = lines();
        let mut bytes = Vec::new();
        for (line, place, byte, how) in picks {
            let mut line = line.get(&lines).clone();
            if !line.is_empty() {
                let place = place.index(line.len());
                match how {
                    0 => line[place] = byte,
                    1 => line.truncate(place),
                    2 => line.insert(place, byte),
                    _ => {}
                }
            }
            bytes.extend(line);
            bytes.push(b'\n');
        }
        let rows = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let (report, _) = read("x.ndjson", &bytes, &Options::standard(1));
        // A damaged first line can look like another encoding, which is one issue of the file.
        if report.file_issues == 0 {
            prop_assert_eq!(report.counts.rows_read, rows.count() as u64);
        }
    }

    #[test]
    fn pieces_and_threads_change_nothing(threads in 1..5usize, chunk in 1..4_000usize) {
        let bytes = lines().join(&b'\n');
        let whole = read("x.ndjson", &bytes, &Options::standard(1));
        let mut options = Options::standard(threads);
        options.chunk_bytes_max = chunk;
        let pieces = read("x.ndjson", &bytes, &options);
        prop_assert_eq!(&whole.0, &pieces.0);
        prop_assert_eq!(render(&whole.0, &whole.1), render(&pieces.0, &pieces.1));
    }
}

#[test]
fn no_finding_quotes_a_patient() {
    // Every value here is a secret; notes may name types, elements and units only.
    let secret = "Zaphod";
    let lines = include_str!("../../../cases/ingest/secrets.ndjson");
    assert_eq!(lines.matches(secret).count(), 18);
    let (report, kept) = read("x.ndjson", lines.as_bytes(), &Options::standard(1));
    let told = |issue: &Issue| format!("{issue:?}");
    let notes: String = kept.issues.iter().chain(&kept.warnings).map(told).collect();
    assert!(!notes.contains(secret), "{notes}");
    assert!(!format!("{report:?}").contains(secret));
    assert_eq!(report.counts.rows_read, 8);
}
