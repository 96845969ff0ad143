//! The policy file: what it says takes place, and what it must not say is refused at its place.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use longitude_core::{Code, Digest, Event, Instant, Observation, Origin, SubjectId, Timeline};
use longitude_deid::{
    CodeCensus, Deidentifier, Digests, Key, Mode, Policy, RareCodes, Report, RiskCollector,
};

const WHOLE: &str = r#"version = 1
mode = "expert_determination"
shift_days_max = 365
notes = "scrub"
ages_over = 84

[[code]]
match = "ICD10CM//*"
action = "generalise"
letters = 3

[[code]]
match = "BILLING//*"
action = "drop"

[text]
default = "drop"
[[text.rule]]
match = "SMOKING//*"
action = "keep"

[columns]
drop = ["encounter_id", "unit"]

[zip]
action = "drop"

[risk]
k = 3
rare_codes = "suppress"
quasi_identifiers = ["birth_year", "sex", "site"]
sensitive = ["ICD10CM//*"]
[[risk.quasi]]
name = "site"
match = ["SITE//*"]
"#;

fn refused(text: &str) -> String {
    Policy::parse(text).unwrap_err().to_string()
}

/// The start of a message; what a list goes on with is not the matter here.
fn head(message: &str) -> String {
    let head: String = message.chars().take(80).collect();
    head.trim_end().to_owned()
}

#[test]
fn faults_are_told_by_line_and_column() {
    assert!(Policy::parse(WHOLE).is_ok());
    let with = |old: &str, new: &str| {
        assert!(WHOLE.contains(old), "{old}");
        refused(&WHOLE.replace(old, new))
    };
    let shown = [
        with("version = 1", "version = 2"),
        with("notes = \"scrub\"", "notes = \"scrub\"\nnote = 1"),
        with("shift_days_max = 365\n", ""),
        with("shift_days_max = 365", "shift_days_max = 0"),
        with("expert_determination", "safe_harbor"),
        with("ages_over = 84", "ages_over = 95"),
        with("letters = 3\n", ""),
        with("\"BILLING//*\"", "\"*BILLING\""),
        with("\"unit\"", "\"units\""),
        with("k = 3", "k = 1"),
        with("\"sex\", ", "\"gender\", "),
        with("name = \"site\"", "name = \"sex\""),
        with("action = \"drop\"\n\n[risk]", "small = [\"036\"]\n\n[risk]"),
        with("mode = ", "mode "),
    ];
    expect_test::expect![[r"
        line 1, column 11: this program knows version 1 only
        line 5, column 1: unknown field `note`, expected one of `version`, `mode`, `shif
        line 2, column 8: this mode needs `shift_days_max`
        line 3, column 18: a shift lies between 1 and 36525 days
        line 3, column 18: Safe Harbor shifts nothing: it leaves the year alone
        line 5, column 13: ages over 89 may not be told: give 89 or less
        line 9, column 10: `generalise` needs `letters`: how many of the code's value ar
        line 13, column 9: a pattern may have one `*`, at its end
        line 23, column 25: unknown variant `units`, expected one of `numeric_value`, `t
        line 29, column 5: `k` is at least 2
        line 31, column 36: no such quasi-identifier; there are birth_year, death_year,
        line 34, column 8: this name is taken
        line 26, column 10: the list lacks 059, an area of 20,000 people or fewer (45 CF
        line 2, column 6: key with no value, expected `=`
    "]]
    .assert_eq(&format!("{}\n", shown.map(|one| head(&one)).join("\n")));
}

#[test]
fn the_examples_are_policies_of_their_mode() {
    for mode in [Mode::SafeHarbor, Mode::ExpertDetermination] {
        let policy = Policy::parse(Policy::example(mode)).unwrap();
        assert_eq!((policy.options.mode, policy.risk.k), (mode, 11));
        assert_eq!(policy.rules, Policy::standard(policy.options).rules);
    }
}

#[test]
fn safe_harbor_keeps_no_text_as_it_is() {
    let text = "version = 1\nmode = \"safe_harbor\"\nnotes = \"blank\"\n[text]\ndefault = \"keep\"";
    assert_eq!(
        refused(text),
        "line 5, column 11: Safe Harbor keeps no text as it is: use `coded`, `scrub` or `drop`"
    );
}

fn at(year: i16) -> Instant {
    Instant::from_civil((year, 6, 1), (0, 0, 0, 0), 0).unwrap()
}

fn timeline(subject: i64, born: i16, codes: &[(&str, Option<&str>)]) -> Timeline {
    let mut events = vec![Event::new(
        Code::birth(),
        Some(at(born)),
        Origin::derived("test"),
    )];
    for (code, text) in codes {
        let mut event = Event::new(
            Code::from_meds(code),
            Some(at(2020)),
            Origin::derived("test"),
        );
        event.text_value = text.map(Into::into);
        event.unit = Some("mg".into());
        events.push(event);
    }
    Timeline::new(SubjectId(subject), events, Observation::UNKNOWN)
}

fn deidentifier(policy: &Policy) -> Deidentifier {
    Deidentifier::new(&Key::from_bytes([5; 32]), &policy.options).with_rules(policy.rules.clone())
}

#[test]
fn what_the_policy_says_takes_place() {
    let policy = Policy::parse(WHOLE).unwrap();
    let (out, changes) = deidentifier(&policy).timeline(timeline(
        1,
        1960,
        &[
            ("ICD10CM//E11.65", Some("positive")),
            ("BILLING//7", None),
            ("SMOKING//1", Some("a pack a day since Korea")),
            ("ZIP//02139", None),
        ],
    ));
    let shown: Vec<_> = out
        .get()
        .events()
        .iter()
        .map(|e| {
            let text = e.text_value.as_deref().unwrap_or("-");
            format!("{} {text} {:?}", e.code.to_meds(), e.unit)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "MEDS_BIRTH - None",
            "ICD10CM//E11 - None",
            "SMOKING//1 a pack a day since Korea None",
            "ZIP// - None"
        ]
    );
    assert_eq!(changes.events_dropped, 1);
    assert_eq!(changes.codes_generalised, 1);
}

#[test]
fn the_risk_is_counted_as_it_is() {
    let mut policy = Policy::parse(WHOLE).unwrap();
    policy.rules.codes.clear();
    let people = [
        timeline(1, 1960, &[("GENDER//F", None), ("ICD10CM//E11.9", None)]),
        timeline(2, 1960, &[("GENDER//F", None), ("ICD10CM//E11.9", None)]),
        timeline(3, 1960, &[("GENDER//F", None), ("ICD10CM//I10", None)]),
        timeline(4, 1960, &[("GENDER//M", None), ("ICD10CM//E11.9", None)]),
        timeline(5, 1990, &[("GENDER//M", None), ("ICD10CM//Q87.4", None)]),
    ];
    // Safe Harbor's years, so that the classes do not depend on the shift.
    policy.options = longitude_deid::Options::safe_harbor();
    let run = |plan: Option<RareCodes>| {
        let mut deidentifier = deidentifier(&policy);
        let mut census = CodeCensus::new(policy.risk.k);
        for one in &people {
            census.add(&deidentifier.codes(one, &[]));
        }
        if let Some(action) = plan {
            deidentifier = deidentifier.with_rare(census.plan(action));
        }
        let mut collector = RiskCollector::new(&policy.risk);
        for one in &people {
            collector.add(&deidentifier.timeline(one.clone()).0);
        }
        collector.report()
    };
    let risk = run(None);
    assert_eq!((risk.subjects, risk.classes), (5, 3));
    assert_eq!((risk.subjects_under_k, risk.subjects_unique), (2, 2));
    assert_eq!((risk.risk_max, risk.risk_mean), (Some(1.0), Some(0.6)));
    assert_eq!(risk.share_under_k_without["birth_year"], Some(0.4));
    assert_eq!(risk.share_under_k_without["sex"], Some(0.2));
    assert_eq!(risk.share_under_k_without["site"], Some(0.4));
    assert_eq!(risk.small_cells["sex"], 1, "two men are fewer than three");
    // I10, Q87.4 and the code of two men are rare.
    assert_eq!((risk.rare_codes, risk.subjects_with_rare_code), (3, 3));
    assert_eq!(risk.subjects_unique_by_rare_codes, 3);
    assert_eq!(risk.subjects_unique_by_all, 3);
    assert_eq!(risk.l_diversity_min, Some(1));
    let suppressed = run(Some(RareCodes::Suppress));
    assert_eq!((suppressed.rare_codes, suppressed.events), (0, 11));
    assert_eq!(suppressed.subjects_with_rare_code, 0);

    let empty = RiskCollector::new(&policy.risk).report();
    assert_eq!(
        (empty.risk_max, empty.share_under_k, empty.classes),
        (None, None, 0)
    );
}

#[test]
fn the_report_tells_counts_and_no_value() {
    let policy = Policy::parse(WHOLE).unwrap();
    let mut collector = RiskCollector::new(&policy.risk);
    let (out, changes) = deidentifier(&policy).timeline(timeline(1, 1960, &[("SITE//zq9", None)]));
    collector.add(&out);
    let digest = Digest::of(b"x");
    let digests = Digests {
        key: digest,
        input: digest,
        output: digest,
    };
    let report = Report::new(&policy, digests, changes, collector.report(), None).unwrap();
    for shown in [
        report.to_text(),
        report.to_html(),
        serde_json::to_string(&report).unwrap(),
    ] {
        assert!(
            !shown.contains("zq9") && !shown.contains("SITE//"),
            "{shown}"
        );
    }
    assert!(report.has_small_groups());
    assert!(
        report
            .to_text()
            .contains("1 of 1 subjects are in a class of fewer than 3")
    );
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}
