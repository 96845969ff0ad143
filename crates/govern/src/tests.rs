//! A small run with everything in it, and what the checks say when somebody changes it.

mod bundle;
mod contests;
mod institution;
mod keyring;
mod model;
mod monitor;
mod release;
mod run;
mod verdict;

use crate::{
    ContestKind, Filer, Ground, Institution, Layout, NewContest, Remedy, RunLedger, sign_model,
};
use longitude_core::{Digest, Instant, NamedDigest, Receipt, SubjectId};
use std::fs;
use std::path::{Path, PathBuf};

const NOW: Instant = Instant(1_700_000_000_000_000);

/// An institution whose keys come from one number.
fn institution(dir: &Path, seed: u8) -> Institution {
    let folder = dir.join(format!("institution-{seed}"));
    if folder.is_dir() {
        return Institution::open(&folder).unwrap();
    }
    Institution::create(&folder, "Example Hospital", NOW, &[seed; 96]).unwrap()
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn model_in(dir: &Path) -> PathBuf {
    put(&dir.join("config.json"), "{}");
    put(&dir.join("model.safetensors"), "weights");
    put(&dir.join("vocabulary.json"), "[]");
    dir.to_owned()
}

fn source() -> NamedDigest {
    NamedDigest {
        name: "source".to_owned(),
        digest: Digest::of(b"source"),
    }
}

/// A step that reads some outputs of the run and writes others.
fn step(ledger: &mut RunLedger, name: &str, inputs: &[NamedDigest], outputs: &[&str]) {
    let outputs = outputs.iter().map(|name| ledger.output(name).unwrap());
    let receipt = Receipt {
        step: name.to_owned(),
        inputs: inputs.to_vec(),
        options: Digest::of(b"options"),
        code: "longitude test".to_owned(),
        seed: Some(1),
        outputs: outputs.collect(),
    };
    ledger.append_receipt(&receipt).unwrap();
}

/// A finished run of an institution, in `dir/run`.
fn run_of(dir: &Path, institution: &Institution) -> Layout {
    let layout = Layout::new(dir.join("run"));
    let mut ledger = RunLedger::open(&layout, institution).unwrap();
    put(&layout.identified().join("data/0.parquet"), "identified");
    put(&layout.issues(), "{}\n");
    step(
        &mut ledger,
        "ingest",
        &[source()],
        &["identified", "issues.jsonl"],
    );
    put(&layout.meds().join("data/train/0.parquet"), "train");
    put(&layout.meds().join("data/held_out/0.parquet"), "held out");
    put(&layout.meds().join("metadata/codes.parquet"), "codes");
    let identified = ledger.output("identified").unwrap();
    step(&mut ledger, "deid", &[identified], &["meds"]);
    let meds = ledger.output("meds").unwrap();
    model_in(&layout.model());
    sign_model(&layout.model(), institution).unwrap();
    step(
        &mut ledger,
        "train",
        std::slice::from_ref(&meds),
        &["model"],
    );
    let model = ledger.output("model").unwrap();
    put(&layout.predictions().join("held_out.jsonl"), "{}\n");
    put(&layout.report_json(), "{}");
    put(&layout.report_html(), "<html>");
    let outputs = ["predictions", "report.json", "report.html"];
    step(&mut ledger, "evaluate", &[meds, model], &outputs);
    layout
}

fn contest() -> NewContest {
    NewContest {
        kind: ContestKind::Commission,
        grounds: vec![Ground::DataWrong, Ground::OutputWrong],
        subject: Some(SubjectId(41)),
        answer: Some("answer-7".to_owned()),
        model: Some(Digest::of(b"model")),
        task: Some("death_1y".to_owned()),
        narrative: "The smoking status is Mrs Example's husband's.".to_owned(),
        desired_remedy: Remedy::CorrectData,
        filed_by: Filer::Clinician,
        filed_at: NOW,
    }
}

/// Every file below a folder, by its name inside it.
fn files_below(dir: &Path) -> Vec<String> {
    fn walk(dir: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, "", &mut found);
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for name in files_below(from) {
        let target = to.join(&name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&name), target).unwrap();
    }
}
