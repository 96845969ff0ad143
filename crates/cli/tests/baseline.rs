//! `longitude baseline`: members are made on a synthetic hospital and judged as `evaluate` judges
//! their files; what cannot be made says why, and bad input is refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const TASK: &str = r#"
predicates:
  visit: { code: { regex: "^ENCOUNTER//AMB//START" } }
  admission: { code: { regex: "^ENCOUNTER//(IMP|EMER)//START" } }
trigger: visit
windows:
  input: { start: null, end: trigger, start_inclusive: true, end_inclusive: true,
           index_timestamp: end, has: { visit: "(8, 12)" } }
  target: { start: input.end, end: start + 365d, start_inclusive: false, end_inclusive: true,
            label: admission }
"#;

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn done(arguments: &[&str]) -> Output {
    let output = longitude(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    output
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn members_are_made_and_judged_as_evaluate_judges_them() {
    let place = tempfile::tempdir().unwrap();
    let [meds, task, first, second] =
        ["meds", "task.yaml", "first", "second"].map(|name| place.path().join(name));
    std::fs::write(&task, TASK).unwrap();
    let hospital = [
        "hospital",
        "--meds",
        "--no-truth",
        "--patients",
        "900",
        "--seed",
        "5",
    ];
    done(&[&hospital[..], &["--to", text(&meds)]].concat());
    let options = [
        "--resamples",
        "20",
        "--data",
        text(&meds),
        "--task",
        text(&task),
    ];
    done(&[&["baseline", "--to", text(&first)][..], &options].concat());
    let report = read(&first.join("report.json"));
    let names: Vec<&str> = report["task"]["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["boosted", "logistic", "charlson", "age_sex"],
        "{}",
        report["notes"]
    );
    // Three others, three tests each.
    assert_eq!(report["compared"].as_array().unwrap().len(), 9);
    let members = report["members"].as_array().unwrap();
    let news = members
        .iter()
        .find(|member| member["name"] == "news2")
        .unwrap();
    let reason = news["made"]["reason"].as_str().unwrap();
    assert!(reason.contains("respiratory rate"), "{reason}");
    let page = std::fs::read_to_string(first.join("report.html")).unwrap();
    assert!(page.contains("Decision curves") && page.len() < 2_000_000);
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("NaN"));
    assert!(!page.contains("trained by this institution"));

    // One member's file alone has the number that it has among the others.
    let boosted = first.join("predictions").join("boosted.parquet");
    let alone = done(&["evaluate", text(&boosted), "--json", "--resamples", "20"]);
    let alone: Value = serde_json::from_slice(&alone.stdout).unwrap();
    let auroc = |report: &Value| report["task"]["models"][0]["metrics"]["auroc"].clone();
    assert_eq!(auroc(&alone), auroc(&report));
    done(&["validate", text(&boosted)]);

    // Brought predictions stand first; the same folder is not written over.
    let brought = ["--against", text(&boosted)];
    let arguments = [&["baseline", "--to", text(&second)][..], &options, &brought].concat();
    done(&arguments);
    let report = read(&second.join("report.json"));
    let tests = report["compared"].as_array().unwrap();
    assert_eq!(report["task"]["models"][0]["name"], "boosted (2)");
    assert_eq!(tests[0]["against"], "boosted");
    assert!(
        tests[0]["p"].is_null() && tests[0]["reason"].is_string(),
        "{}",
        tests[0]
    );
    assert_eq!(longitude(&arguments).status.code(), Some(5));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let [meds, other, task, out] =
        ["meds", "other", "task.yaml", "out"].map(|name| place.path().join(name));
    let hospital = |to: &Path, seed: &str, patients: &str| {
        let fixed = ["hospital", "--meds", "--no-truth", "--to", text(to)];
        done(&[&fixed[..], &["--patients", patients, "--seed", seed]].concat());
    };
    hospital(&meds, "1", "60");
    hospital(&other, "2", "12");
    let refused = |arguments: &[&str], wanted: &str| {
        let output = longitude(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains(wanted) && error.contains("mend:"), "{error}");
    };
    let counts = TASK.replace("label: admission", "label: { count: admission }");
    std::fs::write(&task, counts).unwrap();
    let labels = place.path().join("labels.parquet");
    let label = ["--data", text(&meds), "--to", text(&labels)];
    done(&[&["label", text(&task)][..], &label].concat());
    let base = ["baseline", "--to", text(&out)];
    let brought = ["--labels", text(&labels), "--data", text(&meds)];
    refused(&[&base[..], &brought].concat(), "`boolean_value`");
    std::fs::write(&task, TASK).unwrap();
    done(&[&["label", text(&task)][..], &label].concat());
    let brought = ["--labels", text(&labels), "--data", text(&other)];
    refused(&[&base[..], &brought].concat(), "not in the data set");
    let nowhere = ["--labels", text(&labels), "--data", text(&task)];
    assert_ne!(
        longitude(&[&base[..], &nowhere].concat()).status.code(),
        Some(0)
    );
}
