//! The rules of STYLE.md and the invariants of ARCHITECTURE.md that a program can check.
//!
//! Lints of the compiler and of clippy are not repeated here (function length and parameters are
//! theirs). Each rule is a function that adds its findings; a list of old sins may only shrink.

use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crates of ours each crate may use: the arrows of DESIGN, level by level.
const EDGES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("ledger", &[]),
    ("terminology", &["core"]),
    ("units", &["core"]),
    ("ingest", &["core", "units"]),
    ("deid", &["core"]),
    ("imaging", &["core"]),
    ("store", &["core", "terminology", "units"]),
    ("tasks", &["core", "terminology", "units"]),
    ("tokens", &["core", "terminology"]),
    ("eval", &["core"]),
    ("quality", &["core", "units"]),
    ("govern", &["core", "ledger"]),
    ("hospital", &["core"]),
    ("model", &[]),
    ("baseline", &["core", "terminology", "units"]),
    ("train", &["core", "deid", "tokens", "model"]),
    ("predict", &["core", "eval", "tokens", "model", "baseline"]),
    (
        "server",
        &[
            "core", "deid", "store", "tokens", "model", "predict", "eval", "quality", "govern",
            "ledger",
        ],
    ),
    (
        "cli",
        &[
            "core",
            "units",
            "terminology",
            "quality",
            "ledger",
            "ingest",
            "deid",
            "imaging",
            "store",
            "tasks",
            "tokens",
            "eval",
            "govern",
            "hospital",
            "model",
            "baseline",
            "train",
            "predict",
            "server",
        ],
    ),
];

/// The manifests of the workspaces that have a lock of their own, and the packages there whose
/// licence is looked over. burn uses two packages under the MPL-2.0, which binds changes of their
/// own files only, and they are unchanged; the others stand in its lock and are not built (one has
/// the licence for data CDLA-Permissive-2.0, one names a file, which is the Apache License 2.0).
const OUTSIDE: &[(&str, &[&str])] = &[
    ("cluster/Cargo.toml", &[]),
    ("parallel/Cargo.toml", &[]),
    (
        "gpu/Cargo.toml",
        &[
            "buildid",
            "colored",
            "option-ext",
            "webpki-roots",
            "cfg_block",
        ],
    ),
];

/// The longest a source file may be; longer ones stand in the ratchet with their reason.
const LINES_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;
/// The largest file of the tree: golden data is small, and records are not kept here at all.
const BYTES_MAX: u64 = 600_000;

/// Files over [`LINES_MAX`] lines, with the size that they may not exceed. May only shrink.
const RATCHET: &[(&str, usize)] = &[];

const PERMISSIVE: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "0BSD",
    "Unlicense",
    "CC0-1.0",
    "MIT-0",
    "BSL-1.0",
    "Apache-2.0 WITH LLVM-exception",
    "NCSA",
    "bzip2-1.0.6",
];

/// Runs every rule and fails with the list of findings.
pub(crate) fn run(root: &Path) -> Result<()> {
    let files = tracked(root)?;
    let mut findings = Vec::new();
    edges(root, &mut findings)?;
    licences(root, "Cargo.toml", &[], &mut findings)?;
    for (manifest, known) in OUTSIDE {
        licences(root, manifest, known, &mut findings)?;
    }
    codemap(root, &mut findings);
    for file in &files {
        size(root, file, &mut findings)?;
        data(root, file, &mut findings)?;
        if file.extension().is_some_and(|end| end == "rs") {
            source(root, file, &mut findings)?;
        }
    }
    if findings.is_empty() {
        eprintln!("tidy: {} files, nothing to mend", files.len());
        return Ok(());
    }
    bail!(
        "tidy found {} things to mend:\n{}",
        findings.len(),
        findings.join("\n")
    )
}

fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()?;
    let text = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let mut files: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
    files.retain(|file| root.join(file).is_file());
    Ok(files)
}

/// Rule: a crate uses only the crates that the table allows, and every crate stands in the table.
fn edges(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let allowed: BTreeMap<_, _> = EDGES.iter().copied().collect();
    for entry in fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let manifest: toml::Table = fs::read_to_string(folder.join("Cargo.toml"))?.parse()?;
        let Some(may) = allowed.get(name.as_str()) else {
            findings.push(format!(
                "crates/{name}: not in the table of edges of xtask tidy"
            ));
            continue;
        };
        let tables = ["dependencies", "build-dependencies"];
        let used = tables
            .iter()
            .filter_map(|t| manifest.get(*t)?.as_table())
            .flat_map(|t| t.keys());
        for other in used.filter_map(|key| key.strip_prefix("longitude-")) {
            if !may.contains(&other) {
                findings.push(format!(
                    "crates/{name}: may not use {other} (DESIGN, levels)"
                ));
            }
        }
    }
    Ok(())
}

/// Rule: every dependency has a permissive licence.
fn licences(root: &Path, manifest: &str, known: &[&str], findings: &mut Vec<String>) -> Result<()> {
    let arguments = [
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--manifest-path",
    ];
    let output = Command::new("cargo")
        .args(arguments)
        .arg(manifest)
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        // A crate of ours has gained a dependency that the lock lacks, as a rule.
        bail!(
            "{manifest}: {}\nwhere only the lock is old, mend it: \
             cargo metadata --manifest-path {manifest} --format-version 1 >/dev/null",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        if !permissive(name, licence) && !known.contains(&name) {
            findings.push(format!(
                "dependency {name}: licence `{licence}` is not permissive"
            ));
        }
    }
    Ok(())
}

fn permissive(name: &str, licence: &str) -> bool {
    // forust-ml names a file instead of an expression; the file is the Apache License 2.0.
    if name == "forust-ml" && licence.is_empty() {
        return true;
    }
    let cleaned = licence.replace(['(', ')'], "").replace('/', " OR ");
    let one = |part: &str| part.split(" AND ").all(|l| PERMISSIVE.contains(&l.trim()));
    cleaned.split(" OR ").any(one)
}

/// Rule: the codemap of ARCHITECTURE.md names every crate.
fn codemap(root: &Path, findings: &mut Vec<String>) {
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    for (name, _) in EDGES {
        if root.join("crates").join(name).is_dir() && !text.contains(&format!("`crates/{name}`")) {
            findings.push(format!(
                "ARCHITECTURE.md: the codemap lacks `crates/{name}`"
            ));
        }
    }
}

fn size(root: &Path, file: &Path, findings: &mut Vec<String>) -> Result<()> {
    let bytes = fs::metadata(root.join(file))?.len();
    if bytes > BYTES_MAX {
        findings.push(format!(
            "{}: {bytes} bytes, at most {BYTES_MAX}",
            file.display()
        ));
    }
    Ok(())
}

/// Rule: records stand only in `cases/`, where a README says that they are synthetic and who made
/// them, and nowhere is there a mark of the open data sets that tests read from elsewhere.
fn data(root: &Path, file: &Path, findings: &mut Vec<String>) -> Result<()> {
    const RECORDS: &[&str] = &[
        "parquet", "ndjson", "csv", "gz", "zst", "zip", "dcm", "hea", "dat", "hl7", "edf",
    ];
    let shown = file.display();
    let end = file.extension().unwrap_or_default().to_string_lossy();
    let is_record = RECORDS.contains(&&*end);
    // Codes and what they mean are no records.
    let is_terminology = file.starts_with("crates/terminology/tables");
    if is_record && !is_terminology && !file.starts_with("cases") {
        findings.push(format!("{shown}: a file of records outside cases/"));
    }
    if file.starts_with("cases") && (is_record || end == "json") {
        let readme = root.join(file).with_file_name("README.md");
        let text = fs::read_to_string(readme).unwrap_or_default();
        if !text.contains("synthetic") {
            findings.push(format!(
                "{shown}: its folder has no README that says `synthetic`"
            ));
        }
        let bytes = fs::read(root.join(file))?;
        let real = [
            "mimic-patient",
            "\"subject_id\":1000",
            "eicu",
            "identifier/patient\",\"value\":\"100",
        ];
        for mark in real {
            if bytes
                .windows(mark.len())
                .any(|window| window == mark.as_bytes())
            {
                findings.push(format!("{shown}: bears a mark of real records"));
            }
        }
    }
    Ok(())
}

/// Rules of a source file: a head that says what it is, columns, length, names, unsafe code, and
/// no notes of unfinished work.
fn source(root: &Path, file: &Path, findings: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(root.join(file))?;
    let shown = file.display().to_string();
    let in_crate = file.starts_with("crates") && shown.contains("/src/");
    if in_crate && !text.starts_with("//!") {
        findings.push(format!("{shown}: does not open with `//!`"));
    }
    let lines = text.lines().count();
    let limit = RATCHET
        .iter()
        .find(|(name, _)| *name == shown)
        .map_or(LINES_MAX, |(_, n)| *n);
    if lines > limit {
        findings.push(format!("{shown}: {lines} lines, at most {limit}"));
    }
    for (index, line) in text.lines().enumerate() {
        // A string or a piece of markup is not broken for the ruler's sake; code and prose are.
        let breakable = !line.contains('"') && !shown.starts_with("crates/server/src/console/");
        if breakable && line.chars().count() > COLUMNS_MAX {
            findings.push(format!("{shown}:{}: over {COLUMNS_MAX} columns", index + 1));
        }
        let note = ["TO", "DO"].concat();
        if line.contains(&note) || line.contains(&["FIX", "ME"].concat()) {
            findings.push(format!("{shown}:{}: a note of unfinished work", index + 1));
        }
    }
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let banned: BTreeSet<&str> = [
        "util", "utils", "common", "helper", "helpers", "manager", "misc",
    ]
    .into();
    if in_crate && banned.contains(&*name) {
        findings.push(format!("{shown}: the name says nothing; name the thing"));
    }
    unsafe_code(&shown, &text, findings);
    Ok(())
}

fn unsafe_code(shown: &str, text: &str, findings: &mut Vec<String>) {
    let root_file = shown.ends_with("src/lib.rs") || shown.ends_with("src/main.rs");
    let model = shown.starts_with("crates/model/");
    if root_file && !model && !text.contains("#![forbid(unsafe_code)]") {
        findings.push(format!("{shown}: lacks #![forbid(unsafe_code)]"));
    }
    let word = ["unsafe", " "].concat();
    if model && text.contains(&word) && !shown.contains("/kernels") && !shown.contains("/tests/") {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        if code.into_iter().any(|line| line.contains(&word)) {
            findings.push(format!("{shown}: unsafe code outside the kernel files"));
        }
    }
    // The seal of de-identification is in one crate; nobody else may make one.
    if !shown.starts_with("crates/deid/") && text.contains(&["Deidentified", " {"].concat()) {
        findings.push(format!(
            "{shown}: a Deidentified value can be made only in crates/deid"
        ));
    }
}
