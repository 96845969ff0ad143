//! The case in one file: made beside a running server, checked without the run.

use super::{key, longitude, text, verify};
use std::fs;
use std::path::Path;

/// The case in one file, made while the server runs, checked without the run.
pub(super) fn a_stranger_checks_the_case(run: &Path, answer: &str) {
    let away = tempfile::tempdir().unwrap();
    let file = away.path().join("case.json");
    let run = run.to_str().unwrap();
    let export = [
        "case",
        "export",
        answer,
        "--run",
        run,
        "--to",
        file.to_str().unwrap(),
    ];
    let output = longitude(&export);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = verify(&file, &key());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let named = |name: &str| text(&output).contains(name);
    assert!(named(&format!("answers/{answer}.json")) && named("contests/C-"));
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        whole.replace("The answer surprises me.", "The answer pleases me."),
    )
    .unwrap();
    let output = verify(&file, &key());
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(
        text(&output).contains("ALTERED     contests/C-"),
        "{}",
        text(&output)
    );
    let none = longitude(&["case", "export", "C-999999", "--run", run, "--to", "x.json"]);
    assert_eq!(none.status.code(), Some(3), "{}", text(&none));
}
