//! `longitude scrub` from outside: spans that fit the text, bad lines that are named, surrogates
//! that keep what must be kept, and the residual risk.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn scrub(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longitude"))
        .arg("scrub")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn shown(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn lines(path: PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// The texts of a line's spans, with their labels.
fn marked(text: &str, line: &Value) -> Vec<(String, String)> {
    let letters: Vec<char> = text.chars().collect();
    let spans = line["spans"].as_array().unwrap().iter().map(|span| {
        let place = |end: &str| usize::try_from(span[end].as_u64().unwrap()).unwrap();
        let label = span["label"].as_str().unwrap().to_owned();
        (
            label,
            letters[place("start")..place("end")].iter().collect(),
        )
    });
    spans.collect()
}

const NOTE: &str = "Patient: Jané Roe 🙂\nMRN: 61717355\nDOB: 12/21/1969\n\nMs. Roe, a 93-year-old \
    woman, was seen by Dr. Alan Whitcombe on 2024-03-05 and again on 2024-03-19. Call (617) \
    555-0143.";

#[test]
fn spans_count_characters_and_fit_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let input = json!({"id": "n1", "text": NOTE}).to_string();
    fs::write(folder.path().join("in.jsonl"), input).unwrap();
    let output = scrub(folder.path(), &["in.jsonl", "--spans", "out.jsonl"]);
    assert!(output.status.success(), "{}", shown(&output));
    let out = lines(folder.path().join("out.jsonl"));
    assert_eq!((out.len(), &out[0]["id"]), (1, &json!("n1")));
    let marked = marked(NOTE, &out[0]);
    let has = |label: &str, text: &str| {
        let found = marked.iter().any(|(l, t)| l == label && t.contains(text));
        assert!(found, "{label} {text}: {marked:?}");
    };
    has("NAME", "Jané Roe");
    has("MRN", "61717355");
    has("DATE", "12/21/1969");
    has("NAME", "Alan Whitcombe");
    has("AGE_OVER_89", "93");
    has("DATE", "2024-03-19");
    has("PHONE", "(617) 555-0143");
    assert!(!folder.path().join("out.jsonl.part").exists());
}

#[test]
fn bad_lines_are_named_and_counted_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let huge = "x ".repeat(300_000);
    let mut input: Vec<u8> = Vec::new();
    for line in [
        b"\xEF\xBB\xBF{\"id\":1,\"text\":\"Seen by Dr. Whitcombe.\"}\r\n".to_vec(),
        b"not json\n".to_vec(),
        b"{\"id\":\"a\"}\n".to_vec(),
        b"\n".to_vec(),
        b"{\"id\":\"b\",\"text\":\"bad \xFF byte\"}\n".to_vec(),
        b"\0\0\0\n".to_vec(),
        b"{\"id\":\"c\",\"text\":\"NUL \\u0000 inside, MRN 61717355\"}\n".to_vec(),
        b"{\"id\":\"d\",\"text\":7}\n".to_vec(),
        b"[\"an array\"]\n".to_vec(),
        format!("{{\"id\":\"e\",\"text\":\"{huge}MRN 61717355\"}}\n").into_bytes(),
        b"{\"id\":\"f\",\"text\":\"\"}\n".to_vec(),
        b"{\"id\":\"g\",\"text\":\"cut".to_vec(),
    ] {
        input.extend(line);
    }
    fs::write(folder.path().join("in.jsonl"), input).unwrap();
    let arguments = ["in.jsonl", "--spans", "out.jsonl", "--json"];
    let output = scrub(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let account: Value = serde_json::from_slice(&output.stdout).unwrap();
    let account = &account["account"];
    assert_eq!(account["lines"], 12);
    assert_eq!(account["notes"], 4);
    assert_eq!(account["unusable"], 7);
    assert_eq!(account["empty"], 1);
    let numbers = account["unusable_lines"].as_array().unwrap().iter();
    let numbers: Vec<u64> = numbers.map(|line| line[0].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 3, 5, 6, 8, 9, 12]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("line 3: no `text`"), "{told}");
    assert!(!told.contains("array"), "no value in a message: {told}");
    let out = lines(folder.path().join("out.jsonl"));
    let ids: Vec<&Value> = out.iter().map(|line| &line["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!("c"), &json!("e"), &json!("f")]);
    let end = out[2]["spans"].as_array().unwrap().last().unwrap()["end"].as_u64();
    assert_eq!(end, Some(600_012));
}

#[test]
fn what_cannot_be_read_is_refused_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.jsonl"), "nothing\n").unwrap();
    for arguments in [
        &["absent.jsonl", "--spans", "out.jsonl"][..],
        &[".", "--spans", "out.jsonl"],
        &["bad.jsonl", "--spans", "out.jsonl"],
        &["bad.jsonl"],
    ] {
        let output = scrub(folder.path(), arguments);
        assert_eq!(
            output.status.code(),
            Some(3),
            "{arguments:?} {}",
            shown(&output)
        );
        assert!(shown(&output).contains("mend:"), "{}", shown(&output));
    }
    fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    let output = scrub(folder.path(), &["empty.jsonl", "--spans", "out.jsonl"]);
    assert!(output.status.success(), "{}", shown(&output));
    assert!(lines(folder.path().join("out.jsonl")).is_empty());
}

/// Surrogates: the same for one subject, other ones for another; intervals of dates stay.
#[test]
fn surrogates_are_consistent_and_keep_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let note = |id: &str, subject: &str| json!({"id": id, "subject_id": subject, "text": NOTE});
    let input = format!(
        "{}\n{}\n{}\n",
        note("a", "s1"),
        note("b", "s1"),
        note("c", "s2")
    );
    fs::write(folder.path().join("in.jsonl"), input).unwrap();
    let keys = ["init", "--institution", "keys"];
    let made = Command::new(env!("CARGO_BIN_EXE_longitude"))
        .args(keys)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", shown(&made));
    let arguments = [
        "in.jsonl",
        "--text",
        "out.jsonl",
        "--surrogates",
        "--institution",
        "keys",
    ];
    let output = scrub(folder.path(), &arguments);
    assert!(output.status.success(), "{}", shown(&output));
    let out = lines(folder.path().join("out.jsonl"));
    let text = |at: usize| out[at]["text"].as_str().unwrap();
    assert_eq!(text(0), text(1));
    assert_ne!(text(0), text(2));
    for gone in [
        "Jané",
        "Ms. Roe",
        "61717355",
        "12/21/1969",
        "Alan Whitcombe",
        "2024-03-05",
        "555-0143",
        "93-year-old",
    ] {
        assert!(!text(0).contains(gone), "{gone} in {}", text(0));
    }
    assert!(!text(0).contains('['), "{}", text(0));
    let days = |text: &str| {
        let dates: Vec<&str> = text
            .split([' ', '.'])
            .filter(|w| w.len() == 10 && w.as_bytes()[4] == b'-')
            .collect();
        let day = |date: &str| {
            let date: civil::Day = date.parse().unwrap();
            date.0
        };
        day(dates[1]) - day(dates[0])
    };
    assert_eq!(days(text(0)), 14);
    assert_eq!(days(text(2)), 14);
}

/// Days since a fixed day, by the civil calendar (Hinnant, days_from_civil).
mod civil {
    pub(crate) struct Day(pub(crate) i64);

    impl std::str::FromStr for Day {
        type Err = std::num::ParseIntError;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            let (y, m, d): (i64, i64, i64) =
                (text[..4].parse()?, text[5..7].parse()?, text[8..].parse()?);
            let y = if m <= 2 { y - 1 } else { y };
            let year_of_era = y.rem_euclid(400);
            let day_of_year = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
            let day = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
            Ok(Self(y.div_euclid(400) * 146_097 + day))
        }
    }
}

#[test]
fn the_report_says_what_is_to_be_expected_to_be_left() {
    let folder = tempfile::tempdir().unwrap();
    let input = json!({"id": "n1", "text": NOTE}).to_string();
    fs::write(folder.path().join("in.jsonl"), input).unwrap();
    let output = scrub(folder.path(), &["in.jsonl", "--report", "risk.json"]);
    assert!(output.status.success(), "{}", shown(&output));
    let risk: Value =
        serde_json::from_slice(&fs::read(folder.path().join("risk.json")).unwrap()).unwrap();
    let name = risk["classes"].as_array().unwrap().iter();
    let name = name.clone().find(|class| class["label"] == "NAME").unwrap();
    assert!(name["found"].as_u64() >= Some(3));
    assert!(name["recall_low"].as_f64() > Some(0.9));
    assert!(
        name["remaining_per_1000_notes_high"].as_f64() > name["remaining_per_1000_notes"].as_f64()
    );
    let output = scrub(folder.path(), &["in.jsonl", "--report", "risk.txt"]);
    assert!(output.status.success(), "{}", shown(&output));
    let text = fs::read_to_string(folder.path().join("risk.txt")).unwrap();
    assert!(text.contains("at most"), "{text}");
}

/// Names that the caller knows are found though no rule would find them.
#[test]
fn known_strings_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let text = "qwertine slept well; zzyzxova called.";
    let input = json!({"id": "n1", "text": text, "known": ["Qwertine Plugh"]}).to_string();
    fs::write(folder.path().join("in.jsonl"), input).unwrap();
    fs::write(
        folder.path().join("known.txt"),
        "nurse zzyzxova\nzzyzxova called\n",
    )
    .unwrap();
    let arguments = ["in.jsonl", "--spans", "out.jsonl", "--known", "known.txt"];
    let output = scrub(folder.path(), &arguments);
    assert!(output.status.success(), "{}", shown(&output));
    let out = lines(folder.path().join("out.jsonl"));
    let marked = marked(text, &out[0]);
    assert!(
        marked.iter().any(|(_, t)| t.contains("zzyzxova")),
        "{marked:?}"
    );
}
