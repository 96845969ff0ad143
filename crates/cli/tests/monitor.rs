//! `longitude monitor` from outside: a change at one site is found and suspends it, people release
//! it, a recalibration is proposed and approved, and bad input is refused with its place.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

const DAY: f64 = 86_400e6;
/// 2025-01-01.
const START: f64 = 20_089.0;

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{error}")
}

#[track_caller]
fn ends(arguments: &[&str], code: i32, wanted: &[&str]) -> String {
    let output = longitude(arguments);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(code), "{told}");
    for wanted in wanted {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    told
}

/// Numbers on 0 to 1 in a fixed order.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Predictions whose odds are doubled at site B from the seventh month on.
struct Made {
    served: PathBuf,
    labels: PathBuf,
    reference: PathBuf,
    policy: PathBuf,
}

fn made(folder: &Path) -> Made {
    let mut draws = Draws(7);
    let (served, labels) = rows(&mut draws, (1_000_000, 6_000), (START, 360.0), true);
    let (mut before, known) = rows(&mut draws, (1, 2_000), (START - 500.0, 300.0), false);
    before.push(("boolean_value", Arc::clone(&known[2].1)));
    let policy = longitude(&["monitor", "policy"]).stdout;
    let policy = String::from_utf8(policy).unwrap();
    let policy = policy
        .replace("horizon_days = 365", "horizon_days = 30")
        .replace("[\"site\", \"sex\"]", "[\"site\"]");
    let path = folder.join("policy.toml");
    fs::write(&path, policy).unwrap();
    Made {
        served: write(folder, "served.parquet", served),
        labels: write(folder, "labels.parquet", labels),
        reference: write(folder, "reference.parquet", before),
        policy: path,
    }
}

type Columns = Vec<(&'static str, ArrayRef)>;

fn rows(
    draws: &mut Draws,
    (first, count): (i64, i64),
    (start, days): (f64, f64),
    changes: bool,
) -> (Columns, Columns) {
    let (mut times, mut risks, mut sites, mut labels) = (vec![], vec![], vec![], vec![]);
    for row in 0..count {
        let day = days * row as f64 / count as f64;
        let logit = -3.5 + 4.0 * draws.next();
        let site = if draws.next() < 0.5 { "A" } else { "B" };
        let shift = if changes && site == "B" && day > 180.0 {
            0.9
        } else {
            0.0
        };
        labels.push(draws.next() < 1.0 / (1.0 + (-logit - shift).exp()));
        risks.push(1.0 / (1.0 + (-logit).exp()));
        sites.push(site);
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of a date")]
        times.push(((start + day) * DAY) as i64);
    }
    let subjects: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + count));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times));
    let served: Columns = vec![
        ("subject_id", Arc::clone(&subjects)),
        ("prediction_time", Arc::clone(&times)),
        (
            "predicted_boolean_probability",
            Arc::new(Float64Array::from(risks)),
        ),
        ("site", Arc::new(StringArray::from(sites))),
    ];
    let labels: Columns = vec![
        ("subject_id", subjects),
        ("prediction_time", times),
        ("boolean_value", Arc::new(BooleanArray::from(labels))),
    ];
    (served, labels)
}

fn write(folder: &Path, name: &str, columns: Columns) -> PathBuf {
    let path = folder.join(name);
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

fn assess<'a>(made: &'a Made, more: &[&'a str]) -> Vec<&'a str> {
    let path = |path: &'a PathBuf| path.to_str().unwrap();
    let mut arguments = vec!["monitor", "assess", path(&made.served), "--labels"];
    arguments.extend([path(&made.labels), "--reference", path(&made.reference)]);
    arguments.extend(["--policy", path(&made.policy), "--resamples", "0"]);
    arguments.extend(more);
    arguments
}

#[test]
fn a_change_suspends_its_site_until_people_release_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let made = made(folder);
    let (run, keys) = (folder.join("run"), folder.join("institution"));
    let [run, keys] = [&run, &keys].map(|path| path.to_str().unwrap());
    let demo = [
        "demo",
        "--once",
        "--patients",
        "240",
        "--seconds",
        "6",
        "--port",
        "0",
    ];
    let demo = [&demo[..], &["--to", run, "--institution", keys]].concat();
    ends(&demo, 0, &[]);
    let page = folder.join("page.html");
    let more = ["--clock", "2026-03-01", "--run", run, "--institution", keys];
    let more = [&more[..], &["--html", page.to_str().unwrap()]].concat();
    let wanted = [
        "admission_1y (site A)                    healthy",
        "(site B)",
    ];
    let found = ends(&assess(&made, &more), 0, &wanted);
    let suspended = found
        .lines()
        .find(|line| line.contains("(site B)"))
        .unwrap();
    assert!(suspended.ends_with("suspended"), "{found}");
    assert!(
        fs::read_to_string(&page)
            .unwrap()
            .contains("Monitoring of admission_1y")
    );
    let opened = ["--run", run, "--institution", keys];
    let state = |step: &'static str| [&["monitor", step], &opened[..]].concat();
    ends(&state("state"), 0, &["(site B)", "suspended since"]);
    let part = [
        "--task",
        "admission_1y",
        "--part",
        "site=B",
        "--reason",
        "mended",
        "--by",
        "Ann",
    ];
    let release = [&state("release")[..], &part].concat();
    ends(&release, 3, &["ended by two people or more"]);
    ends(&[&release[..], &["--by", "Ben"]].concat(), 0, &["watch"]);
    propose(&made, folder, (run, keys));
    ends(&["verify", run, "--institution", keys], 0, &["monitor"]);
}

fn propose(made: &Made, folder: &Path, (run, keys): (&str, &str)) {
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (served, labels, policy) = (path(&made.served), path(&made.labels), path(&made.policy));
    let proposal = path(&folder.join("proposal.json"));
    let opened = ["--run", run, "--institution", keys];
    let read = [
        "monitor", "propose", &served, "--labels", &labels, "--policy", &policy,
    ];
    let what = ["--part", "site=B", "--to", &proposal, "--resamples", "20"];
    let propose = [&read[..], &what, &opened, &["--clock", "2026-03-01"]].concat();
    ends(&propose, 0, &["nothing is applied", "observed_expected"]);
    let by = ["--by", "Ann", "--reason", "site B admits more"];
    let approve = [&["monitor", "approve", &proposal], &opened[..], &by].concat();
    // A case that it worsens refuses it, until somebody says why it is right all the same.
    let text = fs::read_to_string(&proposal).unwrap();
    let worse = r#""cases": [{"contest": "C-000001", "answer": "a", "change": "worse"}]"#;
    fs::write(&proposal, text.replace("\"cases\": []", worse)).unwrap();
    ends(&approve, 3, &["1 overturned contests worse"]);
    let all_the_same = [&approve[..], &["--override-cases", "the case was a mix-up"]].concat();
    ends(&all_the_same, 0, &["answers are calibrated by"]);
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let place = tempfile::tempdir().unwrap();
    let made = made(place.path());
    let clock = ["--clock", "2026-03-01"];
    let early = assess(&made, &["--clock", "2020-01-01"]);
    ends(&early, 3, &["clock stands before", "mend"]);
    let mut twice = assess(&made, &clock);
    twice.insert(3, made.served.to_str().unwrap());
    ends(&twice, 3, &["row 1 is the same subject and time as"]);
    let mut draws = Draws(9);
    let (mut outside, other) = rows(&mut draws, (50, 300), (START, 300.0), false);
    let other = Made {
        labels: write(place.path(), "other.parquet", other),
        ..self::made(place.path())
    };
    ends(
        &assess(&other, &clock),
        3,
        &["no label belongs to a prediction"],
    );
    outside[2].1 = Arc::new(Float64Array::from(vec![12.5; 300]));
    let outside = Made {
        served: write(place.path(), "outside.parquet", outside),
        ..self::made(place.path())
    };
    ends(
        &assess(&outside, &clock),
        3,
        &["outside 0 to 1", "row 1 has"],
    );
    let text = fs::read_to_string(&made.policy).unwrap();
    fs::write(&made.policy, text.replace("watch = 0.2", "wach = 0.2")).unwrap();
    ends(&assess(&made, &clock), 3, &["policy.toml", "wach"]);
}
