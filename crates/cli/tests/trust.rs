//! `longitude trust` from outside: from nobody's approval to a stage that two people signed, a stop
//! by one, what was live on a day, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use longitude_govern::{Institution, sign_model};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct House {
    dir: tempfile::TempDir,
}

impl House {
    /// An institution with three people, and a run that holds a signed model and nothing else.
    fn new() -> Self {
        let house = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let made = house.run(&["init", "--institution"], &[house.institution()]);
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
        let model = house.path("run/model");
        fs::create_dir_all(&model).unwrap();
        for file in ["config.json", "model.safetensors", "vocabulary.json"] {
            fs::write(model.join(file), "{}").unwrap();
        }
        let institution = Institution::open(&house.institution()).unwrap();
        sign_model(&model, &institution).unwrap();
        for (name, role) in [
            ("Ann", "safety_officer"),
            ("Ben", "clinician"),
            ("Cleo", "model_developer"),
        ] {
            let key = house.path(&format!("{name}.key"));
            let key = key.to_str().unwrap();
            let added = house.trust(&["person", "add", name, "--role", role, "--to", key]);
            assert_eq!(added.status.code(), Some(0), "{}", said(&added));
        }
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn institution(&self) -> PathBuf {
        self.path("institution")
    }

    fn run(&self, arguments: &[&str], paths: &[PathBuf]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longitude"));
        command.args(arguments).args(paths);
        command.current_dir(self.dir.path()).output().unwrap()
    }

    fn trust(&self, arguments: &[&str]) -> Output {
        let whole = [&["trust", "--institution", "institution"], arguments].concat();
        self.run(&whole, &[])
    }

    /// A step of the task by somebody, with what else it needs.
    fn step(&self, step: &str, who: &str, more: &[&str]) -> Output {
        let key = format!("{who}.key");
        let about = [
            "--task", "sepsis", "--site", "north", "--run", "run", "--key", &key,
        ];
        self.trust(&[&[step], &about[..], more].concat())
    }
}

fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(bytes).unwrap()
}

/// The template with everything filled in.
fn dossier(house: &House) -> String {
    let template = said(&house.trust(&["template"]));
    let mut met = 0;
    let filled: Vec<String> = template
        .lines()
        .map(|line| {
            if line.starts_with("rationale") {
                met += 1;
                return format!("met = true\n{line}");
            }
            line.replace("task_id", "sepsis")
                .replace("site = \"site\"", "site = \"north\"")
                .replace("\"undetermined\"", "\"non_device\"")
        })
        .collect();
    assert_eq!(met, 4);
    filled.join("\n")
}

const DAY: &str = "2999-12-31";

/// Three hundred days after the house was made.
fn soon(house: &House) -> String {
    let made = fs::metadata(house.institution())
        .unwrap()
        .modified()
        .unwrap();
    let seconds = made
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let micros = i64::try_from((seconds + 300 * 86_400) * 1_000_000).unwrap();
    longitude_core::Instant(micros).to_string()
}

#[test]
fn two_people_lead_up_one_stops_and_every_day_can_be_asked_about() {
    let house = House::new();
    fs::write(house.path("dossier.toml"), dossier(&house)).unwrap();
    let entered = house.trust(&[
        "dossier",
        "dossier.toml",
        "--key",
        "Ann.key",
        "--run",
        "run",
    ]);
    assert_eq!(entered.status.code(), Some(0), "{}", said(&entered));
    let drilled = house.step("drill", "Ben", &["--what", "called and answered"]);
    assert_eq!(drilled.status.code(), Some(0), "{}", said(&drilled));
    let report = |low: f64| {
        let text = format!(
            "{{\"models\":[{{\"metrics\":{{\"auroc\":{{\"estimate\":{{\"low\":{low}}}}}}}}}]}}"
        );
        fs::write(house.path("report.json"), text).unwrap();
    };
    let soon = soon(&house);
    let more = [
        "--to",
        "silent_trial",
        "--report",
        "report.json",
        "--expires",
        &soon,
        "--reason",
        "good",
    ];
    report(0.6);
    let broken = house.step("approve", "Ann", &more);
    assert_eq!(broken.status.code(), Some(3));
    assert!(said(&broken).contains("BROKEN"), "{}", said(&broken));
    report(0.8);
    let maker = house.step("approve", "Cleo", &more);
    assert!(
        said(&maker).contains("who makes models approves none"),
        "{}",
        said(&maker)
    );
    let first = house.step("approve", "Ann", &more);
    assert!(
        said(&first).contains("research; one signature waits"),
        "{}",
        said(&first)
    );
    let twice = house.step("approve", "Ann", &more);
    assert_eq!(twice.status.code(), Some(3), "{}", said(&twice));
    let second = house.step("approve", "Ben", &more);
    assert!(
        said(&second).contains("sepsis at north: silent_trial"),
        "{}",
        said(&second)
    );
    let status = house.trust(&["status", "--run", "run", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status[0]["stage"], "silent_trial");
    assert_eq!(status[0]["by"], serde_json::json!(["Ann", "Ben"]));
    one_stops_it(&house);
}

fn one_stops_it(house: &House) {
    let stopped = house.step("suspend", "Ben", &["--reason", "wrong units"]);
    assert!(said(&stopped).contains("suspended"), "{}", said(&stopped));
    let live = said(&house.trust(&["live", "--on", DAY, "--site", "north", "--run", "run"]));
    assert!(
        live.contains("nothing was shown to people who treat"),
        "{live}"
    );
    assert!(
        live.contains("not live: sepsis at north: suspended"),
        "{live}"
    );
    let before = said(&house.trust(&["live", "--on", "2001-01-01", "--run", "run"]));
    assert!(!before.contains("sepsis"), "{before}");
    let kinds = said(&house.run(&["ledger", "show", "--run", "run"], &[]));
    for kind in [
        "release.dossier",
        "release.drill",
        "release.signed",
        "release.silent_trial",
        "release.suspended",
    ] {
        assert!(kinds.contains(kind), "{kinds}");
    }
}

#[test]
fn what_cannot_be_signed_is_refused_with_its_reason() {
    let house = House::new();
    let refused = |output: Output, what: &str| {
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(said(&output).contains(what), "{what}: {}", said(&output));
    };
    let more = [
        "--to",
        "limited",
        "--report",
        "r.json",
        "--expires",
        DAY,
        "--reason",
        "x",
    ];
    refused(house.step("approve", "Ann", &more), "has no dossier");
    refused(
        house.step("drill", "Ann", &["--what", "called"]),
        "no dossier",
    );
    fs::write(
        house.path("dossier.toml"),
        dossier(&house).replace("owner", "owners"),
    )
    .unwrap();
    let dossier = [
        "dossier",
        "dossier.toml",
        "--key",
        "Ann.key",
        "--run",
        "run",
    ];
    refused(house.trust(&dossier), "dossier.toml");
    refused(
        house.step("suspend", "Cleo", &["--reason", "x"]),
        "a safety officer or a clinician",
    );
    let revoked = house.trust(&["person", "revoke", "Ann", "--reason", "left"]);
    assert_eq!(revoked.status.code(), Some(0), "{}", said(&revoked));
    refused(house.step("suspend", "Ann", &["--reason", "x"]), "revoked");
    let list = said(&house.trust(&["person", "list"]));
    assert!(
        list.contains("Ann  safety_officer") && list.contains("revoked"),
        "{list}"
    );
    // An altered model is approved by nobody.
    fs::write(house.path("run/model/config.json"), "{ }").unwrap();
    let altered = house.step("suspend", "Ben", &["--reason", "x"]);
    assert_ne!(altered.status.code(), Some(0));
    assert!(
        said(&altered).contains("config.json was altered"),
        "{}",
        said(&altered)
    );
    assert!(Path::new(&house.path("run/release")).is_dir());
}
