//! `longitude screen` from outside: the list of a small synthetic hospital, the same bytes after an
//! interruption, and what is refused.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

struct Made {
    keep: tempfile::TempDir,
    at: String,
}

impl Made {
    fn path(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }
}

/// A small run, made once, and a declaration beside it.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let keep = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_longitude"))
            .args(["demo", "--once", "--patients", "240", "--seconds", "6"])
            .args(["--port", "0", "--to"])
            .arg(keep.path().join("run"))
            .arg("--institution")
            .arg(keep.path().join("institution"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let example = Command::new(env!("CARGO_BIN_EXE_longitude"))
            .args(["screen", "--example"])
            .output()
            .unwrap();
        fs::write(keep.path().join("look.toml"), example.stdout).unwrap();
        // A time at which most have a record and something still lies ahead.
        let answers = fs::read_to_string(keep.path().join("run/predictions/held_out.jsonl"));
        let times = answers.unwrap();
        let times = times.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let time: longitude_core::Instant =
                serde_json::from_value(line["time"].clone()).unwrap();
            time
        });
        let at = times.min().unwrap().shifted(-365 * 86_400_000_000);
        Made {
            at: at.to_string(),
            keep,
        }
    })
}

fn text(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn screen(to: &Path, more: &[&str]) -> Command {
    let made = made();
    let mut command = Command::new(env!("CARGO_BIN_EXE_longitude"));
    command.arg("screen").arg("--run").arg(made.path("run"));
    command.arg("--institution").arg(made.path("institution"));
    command.arg("--to").arg(to);
    let has = |flag: &str| more.contains(&flag);
    if !has("--benefit") {
        command.arg("--benefit").arg(made.path("look.toml"));
    }
    if !has("--at") {
        command.args(["--at", &made.at]);
    }
    if !has("--target") && !has("--task") {
        command.args(["--target", "heart_failure_3y"]);
    }
    if !has("--looks") && !has("--minutes") {
        command.args(["--looks", "12"]);
    }
    command.args(["--samples", "16"]).args(more);
    command
}

fn bytes(folder: &Path) -> [Vec<u8>; 2] {
    ["list.jsonl", "summary.json"].map(|name| fs::read(folder.join(name)).unwrap())
}

#[test]
fn the_list_is_capped_ordered_and_explained() {
    let to = made().path("first");
    let output = screen(&to, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary: Value = serde_json::from_slice(&bytes(&to)[1]).unwrap();
    let list = String::from_utf8(bytes(&to)[0].clone()).unwrap();
    let lines: Vec<Value> = list
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!((1..=12).contains(&lines.len()), "{}", lines.len());
    assert_eq!(summary["listed"], lines.len());
    let worth = |line: &Value| line["worth"]["benefit"].as_f64().unwrap();
    assert!(
        lines
            .windows(2)
            .all(|pair| worth(&pair[0]) >= worth(&pair[1]))
    );
    assert!(lines.iter().all(|line| worth(line) > 0.0));
    assert!(
        lines
            .iter()
            .all(|line| line["members"]["query"].is_number())
    );
    assert!(lines.iter().all(|line| line["futures"]["samples"] == 16));
    assert!(
        lines
            .iter()
            .any(|line| !line["reasons"].as_array().unwrap().is_empty())
    );
    // Everybody is accounted for.
    let reasons = summary["not_considered"].as_object().unwrap();
    let left_out: u64 = reasons.values().map(|count| count.as_u64().unwrap()).sum();
    let considered = summary["considered"].as_u64().unwrap();
    assert_eq!(summary["subjects"], considered + left_out);
    assert_eq!(summary["subjects"], 240);
    assert!(summary["shares"].as_array().unwrap().len() >= 3);
    let mode = fs::metadata(to.join("list.jsonl")).unwrap().permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    // A finished screen stays as it is, and a second one gives the same bytes.
    let again = screen(&to, &[]).output().unwrap();
    assert_eq!(again.status.code(), Some(5), "{}", text(&again));
    let second = made().path("second");
    assert_eq!(
        screen(&second, &[]).output().unwrap().status.code(),
        Some(0)
    );
    assert_eq!(bytes(&to), bytes(&second));
}

fn interrupt(child: &Child) {
    let child = child.id().to_string();
    // It may have ended by itself.
    drop(Command::new("kill").args(["-INT", &child]).status());
}

#[test]
fn an_interrupted_sweep_goes_on_to_the_same_bytes() {
    let (whole, broken) = (made().path("whole"), made().path("broken"));
    let other = ["--target", "admission_1y"];
    assert_eq!(
        screen(&whole, &other).output().unwrap().status.code(),
        Some(0)
    );
    let mut stopped = 0;
    for _ in 0..20 {
        let mut child = screen(&broken, &other)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !broken.join("members.json").exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        interrupt(&child);
        match child.wait().unwrap().code() {
            Some(0) => break,
            // Before the handler stands, the signal itself ends the program.
            code => assert!(code.is_none() || code == Some(130), "{code:?}"),
        }
        stopped += 1;
        if stopped == 3 {
            assert_eq!(
                screen(&broken, &other).output().unwrap().status.code(),
                Some(0)
            );
            break;
        }
    }
    assert!(stopped > 0, "it was never interrupted");
    assert_eq!(bytes(&whole), bytes(&broken));
    assert!(!broken.join("sweep.json").exists());
}

#[test]
fn what_cannot_be_screened_is_refused_with_a_mend() {
    let bad = made().path("bad.toml");
    fs::write(&bad, "benefit_a_year_earlier = 1.0\n").unwrap();
    let harm = fs::read_to_string(made().path("look.toml")).unwrap();
    let beyond = made().path("beyond.toml");
    fs::write(&beyond, harm.replace("= 0.8", "= 8.0")).unwrap();
    let task = |name: &str, code: &str, end: &str| {
        let path = made().path(name);
        let yaml = format!(
            "predicates:\n  adm: {{ code: ENCOUNTER//IMP//START }}\n  hit: {{ code: {code} }}\n\
             trigger: adm\nwindows:\n  input: {{ start: null, end: trigger,\n    \
             start_inclusive: true, end_inclusive: true, index_timestamp: end }}\n  \
             target: {{ start: trigger, end: {end}, start_inclusive: false,\n    \
             end_inclusive: true, label: hit }}\n"
        );
        fs::write(&path, yaml).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let endless = task("endless.yaml", "MEDS_DEATH", "start -> adm");
    let unknown = task("unknown.yaml", "NOBODY//HAS", "start + 365d");
    let plain = task(
        "plain.yaml",
        "{ regex: \"^ICD10CM//I50\" }",
        "start + 1095d",
    );
    let to = made().path("of_a_file");
    let output = screen(&to, &["--task", &plain]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).contains("screen for plain"),
        "{}",
        text(&output)
    );
    for (wrong, said) in [
        (vec!["--task", &endless], "endless.yaml"),
        (vec!["--task", &unknown], "the model knows no code"),
        (vec!["--target", "no such disease"], "no task or target"),
        (vec!["--at", "yesterday"], "is no date or time"),
        (vec!["--looks", "0"], "not one look"),
        (vec!["--minutes", "1"], "not one look"),
        (vec!["--members", "oracle"], "no member `oracle`"),
        (vec!["--benefit", bad.to_str().unwrap()], "bad.toml"),
        (vec!["--benefit", beyond.to_str().unwrap()], "`sensitivity`"),
    ] {
        let to = made().path("refused");
        let output = screen(&to, &wrong).output().unwrap();
        let said_all = text(&output);
        assert_eq!(output.status.code(), Some(3), "{wrong:?}: {said_all}");
        assert!(said_all.contains(said), "{wrong:?}: {said_all}");
        assert!(said_all.contains("mend:"), "{wrong:?}: {said_all}");
        assert!(!to.join("list.jsonl").exists());
    }
}
