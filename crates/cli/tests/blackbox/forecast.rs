//! `longitude forecast`: everything beside people of the same age, the same bytes again, and times
//! that cannot be meant.

use super::{longitude, made, text};
use std::fs;
use std::process::Output;

#[test]
fn a_forecast_lists_everything_beside_people_of_the_same_age() {
    let run = made().run.to_str().unwrap();
    let institution = made().institution.to_str().unwrap();
    let lines = fs::read_to_string(made().run.join("predictions/held_out.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let (subject, time) = (first["subject"].to_string(), first["time"].to_string());
    let forecast = |more: &[&str]| {
        let fixed = ["forecast", "--run", run, "--institution", institution];
        let who = ["--subject", subject.as_str(), "--samples", "32"];
        longitude(&[&fixed[..], &who, more].concat())
    };
    let output = forecast(&["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let items = answer["items"].as_array().unwrap();
    assert_eq!(
        (answer["at"].to_string(), &answer["calibrated"]),
        (time, &false.into())
    );
    assert!(items.len() > 20, "{}", items.len());
    // An estimate may come out as nothing by chance.
    let answered = |item: &&serde_json::Value| item["rows"][0]["answer"]["risk"] != 0.0;
    let answered = items.iter().filter(answered).count();
    assert_eq!(answer["by_risk"].as_array().unwrap().len(), answered);
    assert!(
        answered * 10 > items.len() * 9,
        "{answered} of {}",
        items.len()
    );
    let has = |field: &str| items.iter().any(|item| !item["rows"][0][field].is_null());
    assert!(has("expected") && has("direct"), "reference and query head");
    let kinds = ["death", "diagnosis", "drug", "laboratory", "care"];
    assert!(
        kinds
            .iter()
            .all(|kind| items.iter().any(|item| item["kind"] == **kind))
    );
    assert_eq!(
        forecast(&["--json"]).stdout,
        output.stdout,
        "the same bytes again"
    );
    let at: longitude_core::Instant = serde_json::from_value(first["time"].clone()).unwrap();
    let week_before = at.shifted(-7 * 86_400_000_000).to_string();
    let shown = text(&forecast(&["--since", &week_before]));
    assert!(shown.contains("changed since"), "{shown}");
    since_birth_there_must_be_something(&forecast, at);
    for (wrong, said) in [
        (["--at", "yesterday"], "is no date or time"),
        (["--at", "1800-01-01"], "before birth"),
        (["--at", "2999-01-01"], "the age at the prediction time"),
        (["--since", "2990-01-01"], "does not lie before"),
        (["--samples", "1"], "--samples"),
    ] {
        let output = forecast(&wrong);
        assert_ne!(output.status.code(), Some(0), "{wrong:?}");
        assert!(text(&output).contains(said), "{wrong:?}: {}", text(&output));
    }
    let nobody = longitude(&[
        "forecast",
        "--run",
        run,
        "--institution",
        institution,
        "--subject",
        "1",
    ]);
    assert!(
        text(&nobody).contains("no such subject"),
        "{}",
        text(&nobody)
    );
}

/// A time before which nothing but birth was recorded is refused, and says so.
fn since_birth_there_must_be_something(
    forecast: &dyn Fn(&[&str]) -> Output,
    at: longitude_core::Instant,
) {
    // Birth is found by halving: keys are new in every demo, and with them who comes first.
    let (mut before, mut after) = (-25_567, at.0 / 86_400_000_000);
    let since = |day: i64| {
        let day = longitude_core::Instant(day * 86_400_000_000).to_string();
        text(&forecast(&["--since", &day]))
    };
    while after - before > 1 {
        let middle = i64::midpoint(before, after);
        if since(middle).contains("before birth") {
            before = middle;
        } else {
            after = middle;
        }
    }
    let shown = since(after);
    assert!(shown.contains("nothing but birth"), "{shown}");
}
