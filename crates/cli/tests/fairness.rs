//! `longitude fairness`: the planted inequity of the synthetic hospital is seen, small groups are
//! hidden, and what is asked for wrongly is refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn longitude(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn done(arguments: &[&str]) -> Vec<u8> {
    let output = longitude(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    output.stdout
}

fn hospital(folder: &Path, patients: &str) -> String {
    let meds = folder.join("meds").display().to_string();
    let size = ["--patients", patients, "--seed", "3"];
    let fixed = [
        "hospital",
        "--to",
        &meds,
        "--meds",
        "--social",
        "--no-truth",
    ];
    done(&[&fixed[..], &size].concat());
    meds
}

#[test]
fn the_planted_inequity_is_on_the_map() {
    let place = tempfile::tempdir().unwrap();
    let meds = hospital(place.path(), "1500");
    let page = place.path().join("map.html").display().to_string();
    let cross = [
        "--cross",
        "sex,deprivation,site",
        "--labels",
        "--json",
        "--to",
        &page,
    ];
    let map = done(&[&["fairness", "map", &meds][..], &cross].concat());
    let map: Value = serde_json::from_slice(&map).unwrap();
    assert_eq!(map["subjects"], 1500);
    let dimensions = map["dimensions"].as_array().unwrap();
    let crossed = dimensions
        .iter()
        .find(|one| one["name"] == "sex x deprivation x site")
        .unwrap();
    let groups = crossed["groups"].as_array().unwrap();
    let group = |name: &str| groups.iter().find(|one| one["group"] == name).unwrap();
    let of = |group: &Value, what: &str| {
        let recorded = group["recorded"].as_array().unwrap();
        let one = recorded.iter().find(|one| one["what"] == what).unwrap();
        one["to_others"]["value"].as_f64().unwrap()
    };
    let planted = group("female, 5, C");
    // Rates over 0.55 of the visits, and stays and emergencies as everybody's.
    assert!(of(planted, "encounters") < 0.85);
    assert!(of(planted, "events") < 0.85);
    let a1c = of(planted, "hemoglobin A1c");
    assert!(a1c < 0.7, "{a1c}");
    assert!(of(group("male, 5, C"), "events") > 0.9);
    for one in groups {
        let count = one["subjects"].as_u64();
        assert!(count.is_none_or(|count| count == 0 || count > 10), "{one}");
        assert_eq!(count.is_none(), one["suppressed"].is_string());
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("Who falls short") && page.contains("female, 5, C"));
}

#[test]
fn an_unknown_dimension_is_refused() {
    let output = longitude(&["fairness", "map", "nowhere", "--cross", "sex,shoe"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(
        error.contains("`shoe`") && error.contains("mend: take two or more"),
        "{error}"
    );
}
