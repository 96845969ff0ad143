//! `longitude adapt` from outside: all weights, an adapter and its merge, a site's own vocabulary,
//! and what is refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Made {
    keep: tempfile::TempDir,
}

impl Made {
    fn path(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }

    /// Runs a command of the program with this institution.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longitude"));
        command.args(arguments).arg("--institution");
        command.arg("institution").current_dir(self.keep.path());
        command.output().unwrap()
    }

    /// Adapts the base of this name to the site.
    fn adapt(&self, base: &str, to: &str, more: &[&str]) -> Output {
        let fixed = ["adapt", "--base", base, "--to", to, "--threads", "1"];
        self.run(&[&fixed, more].concat())
    }
}

/// A small run, and the de-identified data of another site.
fn made() -> Made {
    let keep = tempfile::tempdir().unwrap();
    let made = Made { keep };
    let demo = [
        "demo",
        "--once",
        "--patients",
        "150",
        "--seconds",
        "3",
        "--port",
        "0",
    ];
    done(&made.run(&[&demo[..], &["--to", "base"]].concat()));
    let mut hospital = Command::new(env!("CARGO_BIN_EXE_longitude"));
    hospital.args(["hospital", "--meds", "--no-truth", "--patients", "100"]);
    hospital
        .args(["--seed", "9", "--to"])
        .arg(made.path("identified"));
    done(&hospital.output().unwrap());
    let mut policy = Command::new(env!("CARGO_BIN_EXE_longitude"));
    let policy = policy
        .args(["deid", "--example", "expert_determination"])
        .output();
    fs::write(made.path("policy.toml"), policy.unwrap().stdout).unwrap();
    let deid = [
        "deid",
        "identified",
        "--to",
        "site",
        "--policy",
        "policy.toml",
    ];
    done(&made.run(&deid));
    made
}

fn done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", text(output));
}

fn refused(output: &Output, code: i32, words: &str) {
    let said = text(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{said}");
}

fn text(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}\n{err}")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_base_is_adapted_merged_and_guarded() {
    let made = made();
    let few = ["--site", "site", "--steps", "8"];
    done(&made.adapt("base", "whole", &few));
    let weights = |folder: &str| fs::read(made.path(folder).join("model.safetensors")).unwrap();
    assert!(weights("whole/model") != weights("base/model"));
    assert!(made.path("whole/model/model.sig").is_file());
    let gain = json(&made.path("whole/gain.json"));
    assert_eq!(gain["methods"][0]["name"], "all weights");
    assert!(
        gain["methods"][0]["forgot"].is_object(),
        "the base's own data lie beside it"
    );
    assert!(
        fs::read_to_string(made.path("whole/gain.md"))
            .unwrap()
            .contains("all weights")
    );

    done(&made.adapt("base", "small", &[&few[..], &["--rank", "2"]].concat()));
    let method = &json(&made.path("small/gain.json"))["methods"][0];
    let trained = method["trained"].as_u64().unwrap();
    assert!(trained > 0 && trained < gain["parameters"].as_u64().unwrap() / 5);
    let merge = ["--merge", "small/adapter"];
    done(&made.adapt("base", "merged", &merge));
    assert_eq!(weights("merged/model").len(), weights("base/model").len());

    let own = ["--own-vocabulary", "--code-subjects-min", "5"];
    done(&made.adapt("base", "ours", &[&few[..], &own].concat()));
    let vocabulary = |folder: &str| fs::read(made.path(folder).join("vocabulary.json")).unwrap();
    assert!(vocabulary("ours/model") != vocabulary("base/model"));
    assert!(json(&made.path("ours/model/adaptation.json"))["codes"].is_array());

    // The adapter of another base, an altered one, and a folder that is there.
    refused(
        &made.adapt("whole", "never", &merge),
        3,
        "belongs to base model",
    );
    let (path, mut bytes) = {
        let entries = fs::read_dir(made.path("small/adapter")).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        let path = paths.find(|path| path.extension().is_some_and(|end| end == "safetensors"));
        let path = path.unwrap();
        (path.clone(), fs::read(path).unwrap())
    };
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
    refused(&made.adapt("base", "never", &merge), 4, "adapter");
    refused(&made.adapt("base", "merged", &few), 5, "is there already");
    assert!(!made.path("never").exists());
}
