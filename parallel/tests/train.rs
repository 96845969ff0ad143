//! `longitude-parallel train` from outside, under `mpirun`: ranks learn what one process learns, a
//! lost rank costs time only, and ranks that would do other work are told so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use longitude_model::Model;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Sums in another order differ by some 1e-7 of their size, and AdamW makes as much of a step of
/// it: over forty steps the curves stay this near to each other.
const TOLERANCE: f64 = 1e-4;
/// A lost rank must have ended the others by then.
const BOUND: Duration = Duration::from_mins(1);
const SETTINGS: &str = "preset = \"tiny\"\nsteps = 40\ncontext = 64\nbatch_events = 256\n\
                        checkpoint_every = 5\nthreads = 1\npatience = 0\n";

struct Made {
    keep: tempfile::TempDir,
    /// A model of forty steps by one process.
    straight: PathBuf,
}

impl Made {
    fn path(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }

    /// The arguments of a training from its first step.
    fn first(&self, model: &Path) -> Vec<String> {
        let data = text_of(&self.path("shared"));
        let settings = text_of(&self.path("settings.toml"));
        let model = text_of(model);
        ["train", &data, "--model-dir", &model, "--config", &settings]
            .map(str::to_owned)
            .to_vec()
    }

    /// The arguments that go on with an interrupted one.
    fn resume(&self, model: &Path) -> Vec<String> {
        let (data, model) = (text_of(&self.path("shared")), text_of(model));
        ["train", &data, "--model-dir", &model, "--resume"]
            .map(str::to_owned)
            .to_vec()
    }
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// One launch at a time: ranks that wait do so with a whole core each.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program `longitude` of this workspace, which cargo builds beside the tests as an example.
fn longitude() -> Command {
    let parallel = Path::new(env!("CARGO_BIN_EXE_longitude-parallel"));
    Command::new(parallel.with_file_name("examples").join("longitude"))
}

/// Ranks with arguments of their own, each kind as often as it says.
fn launch(kinds: &[(usize, &[String])]) -> Command {
    let mut command = Command::new("mpirun");
    for (at, (count, arguments)) in kinds.iter().enumerate() {
        if at > 0 {
            command.arg(":");
        }
        command.args(["-n", &count.to_string()]);
        command
            .arg(env!("CARGO_BIN_EXE_longitude-parallel"))
            .args(*arguments);
    }
    // Containers run as root, and have fewer cores than ranks.
    command
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("OMPI_MCA_rmaps_base_oversubscribe", "1");
    command.env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe");
    command.env("OMPI_MCA_hwloc_base_binding_policy", "none");
    command
}

fn ranks(count: usize, arguments: &[String]) -> Output {
    let _turn = turn();
    launch(&[(count, arguments)]).output().unwrap()
}

fn done(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", text(output));
}

fn text(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}\n{err}")
}

/// A small de-identified hospital, another one, and a model of the first by one process.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let keep = tempfile::tempdir().unwrap();
        let straight = keep.path().join("straight");
        let made = Made { keep, straight };
        let policy = longitude()
            .args(["deid", "--example", "expert_determination"])
            .output();
        fs::write(made.path("policy.toml"), policy.unwrap().stdout).unwrap();
        for (name, patients, seed) in [("shared", "150", "1"), ("other", "60", "2")] {
            let identified = made.path(&format!("identified-{name}"));
            let mut hospital = longitude();
            hospital.args(["hospital", "--meds", "--no-truth", "--patients", patients]);
            hospital.args(["--seed", seed, "--to"]).arg(&identified);
            done(&hospital.output().unwrap());
            let mut deid = longitude();
            deid.arg("deid")
                .arg(&identified)
                .arg("--to")
                .arg(made.path(name));
            deid.arg("--policy").arg(made.path("policy.toml"));
            deid.arg("--institution").arg(made.path("institution"));
            done(&deid.output().unwrap());
        }
        fs::write(made.path("settings.toml"), SETTINGS).unwrap();
        done(
            &longitude()
                .args(made.first(&made.straight))
                .output()
                .unwrap(),
        );
        made
    })
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The whole checkpoints of an interrupted training.
fn checkpoints(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder.join("checkpoints")) else {
        return 0;
    };
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("step-"))
        .count()
}

/// Nats of every step and of every evaluation.
fn curves(folder: &Path) -> [Vec<f64>; 2] {
    let account = json(&folder.join("training.json"));
    [&account["curve"], &account["record"]["tuning"]].map(|points| {
        let nats = |point: &Value| {
            let part = |name: &str| point["nats"][name].as_f64().unwrap();
            part("wait") + part("code") + part("value_bin")
        };
        points.as_array().unwrap().iter().map(nats).collect()
    })
}

/// A folder holds what one process would have left, but for the order of additions.
fn as_straight(folder: &Path) {
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let straight = &made().straight;
    assert_eq!(names(folder), names(straight));
    for (found, expected) in curves(folder).iter().zip(curves(straight)) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < TOLERANCE * b.abs(), "{a} and {b}");
        }
    }
    let facts = json(&folder.join("model-facts.json"));
    let vocabulary = fs::read(folder.join("vocabulary.json")).unwrap();
    assert_eq!(
        vocabulary,
        fs::read(straight.join("vocabulary.json")).unwrap()
    );
    let digest = facts["vocabulary"]["digest"].as_str().unwrap();
    let [model, other] = [folder, straight].map(|folder| Model::load(folder, digest).unwrap());
    assert_eq!(model.parameters(), other.parameters());
}

#[test]
fn two_and_three_ranks_learn_what_one_process_with_the_whole_batch_learns() {
    let made = made();
    for count in [2, 3] {
        let folder = made.path(&format!("ranks-{count}"));
        done(&ranks(count, &made.first(&folder)));
        as_straight(&folder);
        let account = json(&folder.join("training.json"));
        assert_eq!(account["facts"]["ranks"], count);
        assert_eq!(account["machine"]["threads"], count);
        let tokens = &account["record"]["tokens"];
        assert_eq!(
            tokens,
            &json(&made.straight.join("training.json"))["record"]["tokens"]
        );
    }
    // Once more: the same bytes.
    let again = made.path("ranks-again");
    done(&ranks(2, &made.first(&again)));
    let weights = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    assert!(weights(&again) == weights(&made.path("ranks-2")));
}

/// Starts a training of two ranks and, when it has written two checkpoints, gives the second one a
/// signal. Returns what the launcher said and how long it took to end.
fn struck(folder: &Path, signal: &str, more: &[&str]) -> (Output, Duration) {
    let mut arguments = made().first(folder);
    arguments.extend(more.iter().map(|one| (*one).to_owned()));
    let _turn = turn();
    let mut launcher = launch(&[(2, &arguments)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while checkpoints(folder) < 2 {
        let ended = launcher.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before two checkpoints");
        std::thread::yield_now();
    }
    let second = second_rank(&launcher);
    done(
        &Command::new("kill")
            .args([signal, &second])
            .output()
            .unwrap(),
    );
    let started = Instant::now();
    let output = launcher.wait_with_output().unwrap();
    let took = started.elapsed();
    assert!(
        !folder.join("model.safetensors").exists(),
        "it was struck too late"
    );
    (output, took)
}

/// The process of rank 1.
fn second_rank(launcher: &Child) -> String {
    let id = launcher.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let is_second = |child: &&str| {
        let environment = fs::read(format!("/proc/{child}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|one| one == b"OMPI_COMM_WORLD_RANK=1")
    };
    children
        .split_whitespace()
        .find(is_second)
        .unwrap()
        .to_owned()
}

#[test]
fn a_killed_rank_ends_the_others_and_other_numbers_of_ranks_go_on() {
    let made = made();
    let folder = made.path("killed");
    let (output, took) = struck(&folder, "-KILL", &[]);
    assert!(!output.status.success() && took < BOUND, "{took:?}");
    assert!(text(&output).contains("signal 9"), "{}", text(&output));
    let copy = made.path("killed-copy");
    done(
        &Command::new("cp")
            .arg("-r")
            .args([&folder, &copy])
            .output()
            .unwrap(),
    );
    done(&ranks(3, &made.resume(&folder)));
    as_straight(&folder);
    done(&longitude().args(made.resume(&copy)).output().unwrap());
    as_straight(&copy);
}

#[test]
fn a_rank_that_hangs_is_not_waited_for_longer_than_was_said() {
    let made = made();
    let folder = made.path("hung");
    let (output, took) = struck(&folder, "-STOP", &["--wait-seconds", "3"]);
    assert!(!output.status.success() && took < BOUND, "{took:?}");
    let said = text(&output);
    assert!(
        said.contains("rank 0 of 2: the other ranks have not come"),
        "{said}"
    );
    assert!(said.contains("--resume"), "{said}");
    done(&ranks(2, &made.resume(&folder)));
    as_straight(&folder);
}

#[test]
fn ranks_with_other_settings_or_data_are_told_what_differs() {
    let made = made();
    let own = made.first(&made.path("never"));
    let seed = [&own[..], &["--seed".to_owned(), "5".to_owned()]].concat();
    let output = {
        let _turn = turn();
        launch(&[(1, &own), (1, &seed)]).output().unwrap()
    };
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("settings.seed is 1 on rank 0, 5 on rank 1"),
        "{said}"
    );
    assert_eq!(said.matches("do not do the same work").count(), 1, "{said}");
    let mut other = own.clone();
    other[1] = text_of(&made.path("other"));
    let output = {
        let _turn = turn();
        launch(&[(1, &own), (1, &other)]).output().unwrap()
    };
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("work: data is \"") && said.contains("vocabulary is \""),
        "{said}"
    );
}

#[test]
fn what_one_rank_alone_cannot_do_ends_all_and_names_it() {
    let made = made();
    let own = made.first(&made.path("alone"));
    let mut other = own.clone();
    other[1] = text_of(&made.path("nowhere"));
    let output = {
        let _turn = turn();
        launch(&[(1, &own), (1, &other)]).output().unwrap()
    };
    let said = text(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("longitude, rank 1 of 2: "), "{said}");
    // Identified data are refused as one process refuses them.
    let mut identified = own;
    identified[1] = text_of(&made.path("identified-shared"));
    let output = ranks(2, &identified);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(
        text(&output).contains("longitude deid"),
        "{}",
        text(&output)
    );
}
