//! The program from outside: the main job on a small synthetic hospital, then everything that may
//! be done to its folder, good and bad. One demo run is made and copied for each test.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod case;
mod forecast;
mod pasts;
mod predict;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

struct Made {
    _keep: tempfile::TempDir,
    run: PathBuf,
    institution: PathBuf,
}

/// The demo, made once for all tests of this file.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let keep = tempfile::tempdir().unwrap();
        let (run, institution) = (keep.path().join("run"), keep.path().join("institution"));
        let output = Command::new(env!("CARGO_BIN_EXE_longitude"))
            .args([
                "demo",
                "--once",
                "--patients",
                "240",
                "--seconds",
                "6",
                "--port",
                "0",
                "--to",
            ])
            .arg(&run)
            .arg("--institution")
            .arg(&institution)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert!(
            text(&output).contains("every page and the API answer"),
            "{}",
            text(&output)
        );
        Made {
            _keep: keep,
            run,
            institution,
        }
    })
}

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of the demo's run that a test may spoil.
fn spoilt(spoil: impl FnOnce(&Path)) -> (tempfile::TempDir, PathBuf) {
    let keep = tempfile::tempdir().unwrap();
    let run = keep.path().join("run");
    copy(&made().run, &run);
    spoil(&run);
    (keep, run)
}

fn verify(run: &Path, key: &Path) -> Output {
    longitude(&[
        "verify",
        run.to_str().unwrap(),
        "--trusted-key",
        key.to_str().unwrap(),
    ])
}

fn key() -> PathBuf {
    made().institution.join("institution.pub.pem")
}

fn flip_last_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

fn find(folder: &Path, end: &str) -> PathBuf {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
        .iter()
        .find_map(|path| {
            if path.is_dir() {
                let inner = fs::read_dir(path).unwrap().count();
                (inner > 0).then(|| find_maybe(path, end)).flatten()
            } else {
                path.to_str().unwrap().ends_with(end).then(|| path.clone())
            }
        })
        .unwrap_or_else(|| panic!("no {end} in {}", folder.display()))
}

fn find_maybe(folder: &Path, end: &str) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries.iter().find_map(|path| {
        if path.is_dir() {
            find_maybe(path, end)
        } else {
            path.to_str().unwrap().ends_with(end).then(|| path.clone())
        }
    })
}

#[test]
fn the_demo_leaves_everything_that_is_promised() {
    let run = &made().run;
    for name in [
        "report.json",
        "report.html",
        "model/model.sig",
        "model/vocabulary.json",
        "issues.jsonl",
        "institution.pub.pem",
        "ledger/checkpoint",
        "predictions/held_out.jsonl",
        "run.json",
    ] {
        assert!(run.join(name).is_file(), "{name}");
    }
    find(&run.join("model"), ".safetensors");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    assert!(!report["tasks"].as_array().unwrap().is_empty());
    let loss = &report["loss"];
    let nats = |split: &str| loss[split]["total"].as_f64().unwrap();
    assert!(
        nats("held_out") < nats("marginal"),
        "the model is no better than the marginals"
    );
    let html = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "the report needs a network"
    );
}

#[test]
fn no_planted_identifier_leaves_the_walls() {
    let run = &made().run;
    let truth: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("source/truth.json")).unwrap()).unwrap();
    // Short ones (a bare year or age) would be found anywhere by chance.
    let mut planted: Vec<&str> = Vec::new();
    for subject in truth["subjects"].as_array().unwrap() {
        for note in subject["notes"].as_array().unwrap() {
            let texts = note["planted"].as_array().unwrap().iter();
            planted.extend(
                texts
                    .filter_map(|one| one["text"].as_str())
                    .filter(|t| t.len() >= 8),
            );
        }
    }
    assert!(
        planted.len() > 100,
        "the hospital planted only {} identifiers",
        planted.len()
    );
    let mut outside = Vec::new();
    for name in [
        "model",
        "predictions",
        "ledger",
        "report.json",
        "report.html",
        "issues.jsonl",
    ] {
        read_all(&run.join(name), &mut outside);
    }
    planted.sort_unstable();
    planted.dedup();
    let outside = String::from_utf8_lossy(&outside);
    for one in &planted {
        assert!(
            !stands_in(&outside, one),
            "a planted identifier is in an output: {one}"
        );
    }
}

/// Whether a text stands somewhere as a word of its own: eight digits of a record number occur by
/// chance inside a pseudonym or a digest.
fn stands_in(text: &str, one: &str) -> bool {
    let part_of_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    text.match_indices(one).any(|(at, _)| {
        let before = at
            .checked_sub(1)
            .and_then(|before| text.as_bytes().get(before));
        !part_of_word(before) && !part_of_word(text.as_bytes().get(at + one.len()))
    })
}

fn read_all(path: &Path, into: &mut Vec<u8>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read_all(&entry.unwrap().path(), into);
        }
    } else if path.extension().is_none_or(|end| end != "safetensors") {
        into.extend(fs::read(path).unwrap());
    }
}

#[test]
fn an_untouched_run_verifies_and_is_valid_meds() {
    let output = verify(&made().run, &key());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for data in ["meds", "identified"] {
        let output = longitude(&["validate", made().run.join(data).to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    }
}

#[test]
fn every_kind_of_alteration_is_named() {
    let files = [
        "report.json",
        "report.html",
        "predictions/held_out.jsonl",
        "issues.jsonl",
    ];
    for name in files {
        let (_keep, run) = spoilt(|run| flip_last_byte(&run.join(name)));
        let output = verify(&run, &key());
        assert_eq!(output.status.code(), Some(4), "{name}: {}", text(&output));
        let named = name.split('/').next().unwrap();
        assert!(
            text(&output).contains(named),
            "{name} is not named: {}",
            text(&output)
        );
    }
    let (_keep, run) = spoilt(|run| flip_last_byte(&find(&run.join("meds/data"), ".parquet")));
    assert_eq!(verify(&run, &key()).status.code(), Some(4));
    let (_keep, run) = spoilt(|run| {
        let entries = find(&run.join("ledger/tile/entries"), "");
        flip_last_byte(&entries);
    });
    assert_eq!(verify(&run, &key()).status.code(), Some(4));
}

#[test]
fn a_tampered_weight_is_refused_at_verification_and_at_serving() {
    let (_keep, run) = spoilt(|run| flip_last_byte(&find(&run.join("model"), ".safetensors")));
    let output = verify(&run, &key());
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(text(&output).contains(".safetensors"), "{}", text(&output));
    let institution = made().institution.to_str().unwrap();
    let output = longitude(&["serve", run.to_str().unwrap(), "--institution", institution]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
}

#[test]
fn a_key_beside_the_model_proves_nothing() {
    let keep = tempfile::tempdir().unwrap();
    let other = keep.path().join("other");
    assert!(
        longitude(&["init", "--institution", other.to_str().unwrap()])
            .status
            .success()
    );
    let output = verify(&made().run, &other.join("institution.pub.pem"));
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    let nobody = keep.path().join("nobody");
    let run = made().run.to_str().unwrap();
    let output = longitude(&["verify", run, "--institution", nobody.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(text(&output).contains("NOT PROVEN"), "{}", text(&output));
}

#[test]
fn a_second_run_on_one_folder_waits_its_turn() {
    let (_keep, run) = spoilt(|_| ());
    let lock = fs::OpenOptions::new()
        .append(true)
        .open(run.join("run.lock"))
        .unwrap();
    lock.lock().unwrap();
    let institution = made().institution.to_str().unwrap();
    let output = longitude(&[
        "demo",
        "--once",
        "--patients",
        "240",
        "--seconds",
        "6",
        "--to",
        run.to_str().unwrap(),
        "--institution",
        institution,
    ]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("another run"), "{}", text(&output));
}

#[test]
fn other_settings_do_not_mix_into_a_finished_run() {
    let institution = made().institution.to_str().unwrap();
    let output = longitude(&[
        "demo",
        "--once",
        "--patients",
        "241",
        "--seconds",
        "6",
        "--to",
        made().run.to_str().unwrap(),
        "--institution",
        institution,
    ]);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
}

#[test]
fn the_demos_export_goes_in_by_hand_and_every_row_is_accounted_for() {
    let keep = tempfile::tempdir().unwrap();
    let (fhir, to) = (made().run.join("source/fhir"), keep.path().join("meds"));
    let output = longitude(&[
        "ingest",
        fhir.to_str().unwrap(),
        "--to",
        to.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let account: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |name: &str| account[name].as_u64().unwrap();
    assert_eq!(
        count("rows_read"),
        count("rows_mapped") + count("rows_with_issue")
    );
    assert!(
        count("events") > 10_000 && count("subjects") == 240,
        "{account}"
    );
    let again = keep.path().join("again");
    let output = longitude(&[
        "ingest",
        to.to_str().unwrap(),
        "--to",
        again.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let second: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(second["events"], account["events"]);
    let output = longitude(&[
        "ingest",
        fhir.to_str().unwrap(),
        "--to",
        to.to_str().unwrap(),
    ]);
    assert_eq!(
        output.status.code(),
        Some(5),
        "a data set was written over: {}",
        text(&output)
    );
}

/// A server over a copy of the run, stopped when dropped.
struct Server {
    child: std::process::Child,
    url: String,
}

impl Server {
    fn start(run: &Path) -> Self {
        use std::io::BufRead;
        let mut child = Command::new(env!("CARGO_BIN_EXE_longitude"))
            .args([
                "serve",
                run.to_str().unwrap(),
                "--port",
                "0",
                "--institution",
            ])
            .arg(&made().institution)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { child, url }
    }

    fn get(&self, path: &str) -> String {
        let mut response = ureq::get(format!("{}{path}", self.url)).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    }

    fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.get(path)).unwrap()
    }

    fn post(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut response = agent
            .post(format!("{}{path}", self.url))
            .send_json(body)
            .unwrap();
        (
            response.status().as_u16(),
            response.body_mut().read_json().unwrap(),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        assert!(ended.is_ok(), "the server could not be stopped");
    }
}

#[test]
fn every_answer_has_an_id_a_receipt_and_a_way_to_contest_it() {
    let (_keep, run) = spoilt(|_| ());
    let server = Server::start(&run);
    let listed = server.json("/api/v1/patients?limit=1");
    let subject = listed["patients"][0]["subject"].as_i64().unwrap();
    let task = listed["task"].as_str().unwrap().to_owned();
    let asked = serde_json::json!({ "task": task });
    let (status, answer) = server.post(&format!("/api/v1/patients/{subject}/forecast"), &asked);
    assert_eq!(status, 200, "{answer}");
    let id = answer["id"].as_str().unwrap();
    let entry = server.json(&format!("/api/v1/ledger/{}", answer["entry"]));
    assert_eq!(entry["content"]["kind"], "inference.served");
    assert_eq!(entry["content"]["receipt"]["out"], answer["commitment"]);
    let evidence = answer["prediction"]["evidence"].as_array().unwrap();
    for item in evidence {
        let source = &item["sources"][0];
        assert!(
            source["record"].as_str().unwrap().contains('/'),
            "no source record: {source}"
        );
    }
    let case = serde_json::json!({
        "answer": id, "grounds": "output_wrong", "narrative": "The answer surprises me.", "role": "clinician"
    });
    let (status, filed) = server.post("/api/v1/contests", &case);
    assert_eq!(status, 200, "{filed}");
    assert!(
        server
            .get("/contests")
            .contains(filed["id"].as_str().unwrap())
    );
    let (status, refused) = server.post(
        "/api/v1/contests",
        &serde_json::json!({ "answer": id, "grounds": "nonsense", "narrative": "x", "role": "clinician" }),
    );
    assert_eq!(status, 400, "{refused}");
    case::a_stranger_checks_the_case(&run, id);
    drop(server);
    let output = verify(&run, &key());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

/// A held-out subject who has answers, by pseudonym.
fn somebody() -> String {
    let lines = fs::read_to_string(made().run.join("predictions/held_out.jsonl")).unwrap();
    let mut answers = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let first = answers.find(|one| !one["risk"].is_null()).unwrap();
    first["subject"].to_string()
}

#[test]
fn evidence_leads_to_records_and_shows_no_small_cell() {
    let (_keep, run) = spoilt(|_| ());
    let subject = somebody();
    let evidence = |more: &[&str]| {
        let institution = made().institution.to_str().unwrap();
        let fixed = ["evidence", "--run", run.to_str().unwrap(), "--subject"];
        let rest = [subject.as_str(), "--institution", institution];
        longitude(&[&fixed[..], &rest, more].concat())
    };
    let output = evidence(&["--json", "--task", "death_5y", "--missing", "4"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let one = &answer["explanations"][0];
    assert_eq!(one["task"], "death_5y");
    for unit in ["event", "code", "group", "encounter"] {
        let cited = one["alone"][unit].as_array().unwrap();
        assert!(!cited.is_empty(), "{unit}");
        assert!(cited.iter().all(|c| c["sources"][0]["event"].is_u64()));
    }
    assert!(!one["joint"].as_array().unwrap().is_empty());
    let similar = &answer["similar"];
    assert_eq!(similar["people"], 99);
    for outcome in similar["outcomes"].as_array().unwrap() {
        let shown = outcome["incidence"].as_f64();
        let (people, n) = (outcome["people"].as_u64(), outcome["people"].as_f64());
        assert!(people.is_none_or(|people| people >= 11));
        // Where nobody left early, the incidence is a count over people.
        let count = shown.zip(n).map_or(0.0, |(share, n)| share * n);
        assert!(!(1e-9..=10.0).contains(&count), "{outcome}");
    }
    assert_eq!(
        evidence(&["--json", "--task", "death_5y", "--missing", "4"]).stdout,
        output.stdout,
        "the same bytes from the index that was kept"
    );
    // The index is in the run's ledger; an altered one is refused.
    let proven = verify(&run, &key());
    assert_eq!(proven.status.code(), Some(0), "{}", text(&proven));
    flip_last_byte(&run.join("similar/states.bin"));
    let altered = evidence(&["--task", "death_5y"]);
    assert_eq!(altered.status.code(), Some(4), "{}", text(&altered));
    assert!(text(&altered).contains("altered"), "{}", text(&altered));
    let other = evidence(&["--similar", "0", "--sampled", "4", "--task", "death_5y"]);
    assert!(text(&other).contains("4 futures"), "{}", text(&other));
    for (wrong, said) in [
        (["--similar", "100"], "multiple of 11"),
        (["--task", "nothing"], "has no task"),
        (["--sampled", "1"], "too small"),
        (["--at", "1800-01-01"], "before birth"),
    ] {
        let output = evidence(&wrong);
        assert_eq!(output.status.code(), Some(3), "{wrong:?}");
        assert!(text(&output).contains(said), "{wrong:?}: {}", text(&output));
    }
}

#[test]
fn a_what_if_is_associational_and_names_what_it_touched() {
    let run = made().run.to_str().unwrap();
    let subject = somebody();
    let what_if = |more: &[&str]| {
        let institution = made().institution.to_str().unwrap();
        let fixed = ["what-if", "--run", run, "--subject", subject.as_str()];
        longitude(&[&fixed[..], &["--institution", institution], more].concat())
    };
    let add = ["--add", "ICD10CM//I10", "--task", "death_5y"];
    let output = what_if(&[&add[..], &["--remove", "1", "--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["kind"], "associational");
    let changes = answer["changes"].as_array().unwrap();
    assert_eq!(
        (&changes[0]["deed"], &changes[1]["deed"]),
        (&"removed".into(), &"added".into())
    );
    assert_eq!(changes[0]["sources"][0]["event"], 1);
    let one = &answer["answers"][0];
    let (before, after) = (
        one["before"].as_f64().unwrap(),
        one["after"].as_f64().unwrap(),
    );
    let change = one["change"]["risk"].as_f64().unwrap();
    assert!((after - before - change).abs() < 1e-9);
    let shown = text(&what_if(&[&add[..], &["--sampled", "8"]].concat()));
    assert!(
        shown.contains("associational") && shown.contains("8 futures"),
        "{shown}"
    );
    for (wrong, said) in [
        (vec![], "no change to ask about"),
        (vec!["--add", "NOWHERE//1"], "knows neither the code"),
        (vec!["--add", "MEDS_DEATH"], "birth or death"),
        (
            vec!["--add", "ICD10CM//I10@2999-01-01"],
            "after the prediction time",
        ),
        (vec!["--remove", "99999"], "no event"),
        (vec!["--change", "ICD10CM//I10"], "EVENT=NUMBER"),
    ] {
        let output = what_if(&wrong);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{wrong:?}: {}",
            text(&output)
        );
        assert!(text(&output).contains(said), "{wrong:?}: {}", text(&output));
    }
}

#[test]
fn pages_render_in_a_real_browser() {
    if Command::new("chromium").arg("--version").output().is_err() {
        eprintln!("LEFT OUT: 1 test needs the browser `chromium` on the path");
        return;
    }
    let (_keep, run) = spoilt(|_| ());
    let server = Server::start(&run);
    let profile = tempfile::tempdir().unwrap();
    let pages = [
        ("/", "Patients by risk"),
        ("/model", "AUROC by task"),
        ("/contests", "Contested answers"),
        ("/ledger", "Checkpoint"),
    ];
    for (path, heading) in pages {
        let output = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--dump-dom", &format!("{}{path}", server.url)])
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&output.stdout);
        assert!(dom.contains(heading), "{path}: {dom}");
    }
}

#[test]
fn ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on() {
    use std::io::{BufRead, Read};
    let keep = tempfile::tempdir().unwrap();
    let run = keep.path().join("run");
    let institution = &made().institution;
    let demo = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longitude"));
        command.args([
            "demo",
            "--once",
            "--patients",
            "240",
            "--seconds",
            "12",
            "--port",
            "0",
        ]);
        command
            .arg("--to")
            .arg(&run)
            .arg("--institution")
            .arg(institution);
        command
    };
    let mut child = demo().stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("steps planned") {
        line.clear();
        assert!(
            err.read_line(&mut line).unwrap() > 0,
            "the demo ended before it trained"
        );
    }
    let signalled = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("run the same command again"), "{rest}");
    assert!(run.join("meds").is_dir() && !run.join("report.json").exists());
    let output = demo().output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).contains("De-identify: done before"),
        "{}",
        text(&output)
    );
    assert_eq!(verify(&run, &key()).status.code(), Some(0));
}
