//! `longitude train` from outside: what it leaves, what it says before it starts, and that a
//! killed process, a full disk and a spoilt checkpoint cost time only.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

struct Made {
    keep: tempfile::TempDir,
    /// A model of forty steps, trained without interruption.
    straight: PathBuf,
}

const SETTINGS: &str = "preset = \"tiny\"\nsteps = 40\ncontext = 64\nbatch_events = 256\n\
                        checkpoint_every = 5\nthreads = 1\npatience = 0\n";

impl Made {
    fn path(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }

    /// The arguments that train into a folder.
    fn train(&self, model: &Path, more: &[&str]) -> Command {
        let mut command = longitude();
        command.arg("train").arg(self.path("shared"));
        command.arg("--model-dir").arg(model).args(more);
        command
    }

    fn first(&self, model: &Path) -> Command {
        let settings = self.path("settings.toml");
        let mut command = self.train(model, &[]);
        command.arg("--config").arg(settings);
        command
    }

    fn resume(&self, model: &Path) -> Output {
        self.train(model, &["--resume"]).output().unwrap()
    }
}

fn longitude() -> Command {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
}

fn done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", text(output));
}

fn text(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A small de-identified hospital and a model of it, made once.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let keep = tempfile::tempdir().unwrap();
        let straight = keep.path().join("straight");
        let made = Made { keep, straight };
        let identified = made.path("identified");
        let mut hospital = longitude();
        hospital.args([
            "hospital",
            "--meds",
            "--no-truth",
            "--patients",
            "150",
            "--to",
        ]);
        done(&hospital.arg(&identified).output().unwrap());
        let mut policy = longitude();
        let policy = policy
            .args(["deid", "--example", "expert_determination"])
            .output()
            .unwrap();
        fs::write(made.path("policy.toml"), policy.stdout).unwrap();
        let mut deid = longitude();
        deid.arg("deid")
            .arg(&identified)
            .arg("--to")
            .arg(made.path("shared"));
        deid.arg("--policy").arg(made.path("policy.toml"));
        deid.arg("--institution").arg(made.path("institution"));
        done(&deid.output().unwrap());
        fs::write(made.path("settings.toml"), SETTINGS).unwrap();
        done(&made.first(&made.straight).output().unwrap());
        made
    })
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn weights(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("model.safetensors")).unwrap()
}

/// The whole checkpoints of an interrupted training, oldest first.
fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join("checkpoints")) else {
        return Vec::new();
    };
    let entries = entries.map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut found: Vec<PathBuf> = entries
        .filter(|path| name(path).starts_with("step-"))
        .collect();
    found.sort();
    found
}

/// Starts a training and kills it when it has written two checkpoints.
fn killed(folder: &Path) {
    let mut child = made()
        .first(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while checkpoints(folder).len() < 2 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before two checkpoints"
        );
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        !folder.join("model.safetensors").exists(),
        "it was killed too late"
    );
}

#[test]
fn it_leaves_a_model_its_account_and_its_facts() {
    let made = made();
    let account = json(&made.straight.join("training.json"));
    assert_eq!(account["record"]["steps_done"], 40);
    assert_eq!(account["curve"].as_array().unwrap().len(), 40);
    assert!(account["speed"]["tokens_per_second"].as_f64().unwrap() > 0.0);
    assert!(
        account["energy"]["assumption"]
            .as_str()
            .unwrap()
            .contains("assumed")
    );
    let page = fs::read_to_string(made.straight.join("training.html")).unwrap();
    assert!(page.len() < 300_000 && page.contains("<svg") && !page.contains("<script"));
    let facts = json(&made.straight.join("model-facts.json"));
    assert!(facts["model"]["parameters"].as_u64().unwrap() > 100_000);
    for table in ["subjects", "age", "sex", "end"] {
        for (name, cell) in facts["population"][table].as_object().unwrap() {
            let shown = cell.as_u64();
            let fine = shown.is_none_or(|count| count == 0 || count >= 11);
            assert!(fine, "{table} {name}: {cell}");
        }
    }
    assert!(!made.straight.join("checkpoints").exists());
    let again = made.first(&made.straight).output().unwrap();
    assert_eq!(again.status.code(), Some(5), "{}", text(&again));
}

#[test]
fn killed_and_resumed_is_the_same_to_the_byte() {
    let made = made();
    let folder = made.path("killed");
    killed(&folder);
    let fresh = made.first(&folder).output().unwrap();
    assert_eq!(fresh.status.code(), Some(5), "{}", text(&fresh));
    assert!(text(&fresh).contains("--resume"));
    done(&made.resume(&folder));
    assert!(weights(&folder) == weights(&made.straight));
    let account = json(&folder.join("training.json"));
    assert_eq!(account["curve"].as_array().unwrap().len(), 40);
    assert_eq!(
        account["record"],
        json(&made.straight.join("training.json"))["record"]
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_leaves_the_folder_as_it_was() {
    let made = made();
    let folder = made.path("none");
    let none = made.train(&folder, &["--steps", "0"]).output().unwrap();
    assert_eq!(none.status.code(), Some(3), "{}", text(&none));
    killed(&folder);
    let fewer = made.train(&folder, &["--resume", "--steps", "1"]);
    let fewer = { fewer }.output().unwrap();
    assert_eq!(fewer.status.code(), Some(3), "{}", text(&fewer));
    assert!(
        text(&fewer).contains("are done already"),
        "{}",
        text(&fewer)
    );
    done(&made.resume(&folder));
    assert!(weights(&folder) == weights(&made.straight));
}

#[test]
fn a_full_disk_stops_with_a_mend_and_costs_nothing_but_time() {
    let made = made();
    let folder = made.path("full");
    let command = made.first(&folder);
    // Files over 512 KiB cannot be written, as on a disk that is nearly full.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\""]);
    limited.arg(command.get_program()).args(command.get_args());
    let output = limited.output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text(&output));
    assert!(text(&output).contains("make room"), "{}", text(&output));
    let left = fs::read_dir(folder.join("checkpoints")).unwrap();
    let partial = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("partial")
    });
    assert_eq!(partial.count(), 0, "half a checkpoint takes room");
    done(&made.resume(&folder));
    assert!(weights(&folder) == weights(&made.straight));
}

#[test]
fn a_truncated_checkpoint_is_named_and_the_one_before_resumed() {
    let made = made();
    let folder = made.path("truncated");
    killed(&folder);
    let newest = checkpoints(&folder).pop().unwrap();
    let file = newest.join("checkpoint.safetensors");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let output = made.resume(&folder);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(
        text(&output).contains(&*file.to_string_lossy()),
        "{}",
        text(&output)
    );
    fs::remove_dir_all(newest).unwrap();
    done(&made.resume(&folder));
    assert!(weights(&folder) == weights(&made.straight));
}

#[test]
fn a_checkpoint_of_another_vocabulary_is_refused() {
    let made = made();
    let folder = made.path("vocabulary");
    killed(&folder);
    // One code less in the file.
    let path = folder.join("vocabulary.json");
    let mut vocabulary = json(&path);
    let entries = vocabulary["entries"].as_array_mut().unwrap();
    entries.pop();
    fs::write(&path, serde_json::to_vec(&vocabulary).unwrap()).unwrap();
    let output = made.resume(&folder);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("vocabulary"), "{}", text(&output));
}

#[test]
fn an_overflow_names_the_step_and_a_lower_rate_goes_on() {
    let made = made();
    let folder = made.path("overflow");
    killed(&folder);
    let wild = made
        .train(&folder, &["--resume", "--learning-rate", "1e38"])
        .output()
        .unwrap();
    assert_eq!(wild.status.code(), Some(3), "{}", text(&wild));
    let said = text(&wild);
    assert!(
        said.contains("no longer finite") && said.contains("subjects ("),
        "{said}"
    );
    assert!(said.contains("lower --learning-rate"), "{said}");
    let calm = made
        .train(&folder, &["--resume", "--learning-rate", "1e-3"])
        .output()
        .unwrap();
    done(&calm);
    let changed = &json(&folder.join("training.json"))["record"]["changed"];
    assert!(!changed.as_array().unwrap().is_empty());
}

#[test]
fn the_plan_and_the_rate_are_told_before() {
    let made = made();
    let run = |arguments: &[&str]| -> Value {
        let mut command = longitude();
        command
            .arg("train")
            .arg(made.path("shared"))
            .args(arguments)
            .arg("--json");
        let output = command
            .arg("--config")
            .arg(made.path("settings.toml"))
            .output()
            .unwrap();
        done(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let plan = run(&["--plan", "--preset", "auto"]);
    assert_eq!(
        (&plan["preset"], &plan["steps"]),
        (&"tiny".into(), &40.into())
    );
    assert!(plan["preset_reason"].as_str().unwrap().contains("smallest"));
    for number in ["seconds", "memory_bytes", "epochs", "tokens_per_second"] {
        assert!(plan[number].as_f64().unwrap() > 0.0, "{number}");
    }
    let model = &json(&made.straight.join("model-facts.json"))["model"];
    assert_eq!(plan["size"]["parameters"], model["parameters"]);
    let curve = run(&["--find-rate"]);
    assert!(curve["points"].as_array().unwrap().len() > 50);
    assert!(curve["suggestion"].as_f64().unwrap() > 1e-5);
}

#[test]
fn identified_and_foreign_data_are_refused() {
    let made = made();
    let output = longitude()
        .arg("train")
        .arg(made.path("identified"))
        .arg("--model-dir")
        .arg(made.path("never"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(
        text(&output).contains("longitude deid"),
        "{}",
        text(&output)
    );
    let output = longitude()
        .arg("train")
        .arg(made.path("identified"))
        .arg("--receipt")
        .arg(made.path("shared").join("deid.json"))
        .arg("--plan")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
}
