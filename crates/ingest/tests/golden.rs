//! Every case in `cases/ingest` (a file, or a folder of files) against the events it should make.
//! The records are invented. `UPDATE_EXPECT=1 cargo test -p longitude-ingest --test golden`
//! rewrites the expectations; the difference is to be reviewed.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ingest, render};
use expect_test::expect_file;
use longitude_ingest::Options;
use std::path::Path;

#[test]
fn golden_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/ingest");
    let folder = folder.canonicalize().unwrap();
    let mut cases: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_none_or(|end| end != "txt" && end != "md")
        })
        .collect();
    cases.sort();
    assert!(cases.len() >= 8, "cases are missing");
    for case in cases {
        let (report, kept) = ingest(&case, &Options::standard(2)).unwrap();
        let name = case.file_stem().unwrap().to_str().unwrap();
        let expected = folder.join(format!("{name}.events.txt"));
        expect_file![expected].assert_eq(&render(&report, &kept));
    }
}
