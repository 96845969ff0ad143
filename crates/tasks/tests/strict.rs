//! The strict language, feature by feature: a task, a few rows, the samples that come of them.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use expect_test::{Expect, expect};
use longitude_core::{Instant, SubjectId};
use longitude_tasks::{Context, Labeller, Mode, Number, Ontology, Program, Row, Source, compile};

const HOUR: i64 = 3_600_000_000;

/// Rows as `subject hour code [value [unit]]`; `-` as the hour is a row without a time.
struct Rows<'t>(Vec<Given<'t>>);

/// Subject, time, code, value, unit.
type Given<'t> = (i64, Option<i64>, &'t str, Option<f32>, Option<&'t str>);

impl<'t> Rows<'t> {
    fn new(text: &'t str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Self(
            lines
                .map(|line| {
                    let mut words = line.split_whitespace();
                    let subject = words.next().unwrap().parse().unwrap();
                    let hour: Option<f64> = words.next().unwrap().parse().ok();
                    #[expect(clippy::cast_possible_truncation, reason = "hours of a test")]
                    let time = hour.map(|hour| (hour * HOUR as f64) as i64);
                    let code = words.next().unwrap();
                    let value = words.next().and_then(|value| value.parse().ok());
                    (subject, time, code, value, words.next())
                })
                .collect(),
        )
    }
}

fn program(yaml: &str, mode: Mode) -> Program {
    let source = Source {
        task: ("t.yaml", yaml),
        predicates: None,
    };
    compile(&source, mode).unwrap()
}

fn run(yaml: &str, rows: &str, mode: Mode, context: &Context) -> String {
    let program = program(yaml, mode);
    let rows = Rows::new(rows);
    let mut labeller = Labeller::new(&program, context);
    labeller.codes(rows.0.iter().map(|row| row.2));
    for (at, (subject, time, _, value, unit)) in rows.0.iter().enumerate() {
        let row = Row {
            subject: SubjectId(*subject),
            time: time.map(Instant),
            code: Some(at),
            number: value.map(Number::Short),
            unit: *unit,
            recorded: None,
            cells: &[],
        };
        labeller.row(&row).unwrap();
    }
    let labels = labeller.finish();
    let categories = program.categories();
    let mut text = String::new();
    for sample in &labels.samples {
        let hours = sample
            .prediction_time
            .map(|time| time.0 as f64 / HOUR as f64);
        text.push_str(&format!(
            "{} at {}:",
            sample.subject.0,
            hours.unwrap_or(f64::NAN)
        ));
        let parts = [
            sample.boolean.map(|value| value.to_string()),
            sample.integer.map(|value| value.to_string()),
            sample.float.map(|value| value.to_string()),
            sample.category.map(|at| categories[at as usize].clone()),
        ];
        for part in parts.into_iter().flatten() {
            text.push_str(&format!(" {part}"));
        }
        text.push('\n');
    }
    for one in &labels.explanations {
        text.push_str(&format!("{}\n", one.lines.join("\n")));
    }
    for (reason, count) in labels.tally.reasons(&program) {
        text.push_str(&format!("{count} dropped: {reason}\n"));
    }
    for warning in labels
        .tally
        .warnings(&program, &rows.0.iter().map(|row| row.2))
    {
        let line = warning.place.as_ref().map_or(0, |place| place.line);
        text.push_str(&format!("line {line}: {}\n", warning.kind));
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "the macro makes a value")]
fn check(yaml: &str, rows: &str, expected: Expect) {
    expected.assert_eq(&run(yaml, rows, Mode::Strict, &Context::default()));
}

/// A task whose label window is 48 hours after an admission.
fn within_48h(predicates: &str, label: &str) -> String {
    format!(
        "predicates:\n  adm: {{ code: ADM }}\n{predicates}\ntrigger: adm\nwindows:\n  \
         input: {{ start: null, end: trigger, start_inclusive: true, end_inclusive: true,\n    \
         index_timestamp: end }}\n  \
         target: {{ start: trigger, end: start + 48h, start_inclusive: false,\n    \
         end_inclusive: true, {label} }}\n"
    )
}

#[test]
fn and_or_not_hold_of_one_row() {
    let predicates = "  labA: { code: A }\n  high: { code: { regex: \"^[AB]$\" }, value_min: 50 }\n  \
                      other: { expr: \"and(high, not(labA))\" }\n  both: { expr: \"and(labA, high)\" }\n  \
                      near: { expr: \"together(labA, high)\" }";
    // Subject 1: a low A and a high B in the same minute; ACES calls that a high A.
    let rows = "1 0 ADM\n1 5 A 10\n1 5 B 99\n1 90 X\n2 0 ADM\n2 5 A 60\n2 90 X";
    let task = |label: &str| within_48h(predicates, &format!("label: {label}"));
    check(
        &task("both"),
        rows,
        expect![[r"
        1 at 0: false
        2 at 0: true
    "]],
    );
    check(
        &task("near"),
        rows,
        expect![[r"
            1 at 0: true
            2 at 0: true
            line 12: constant label
        "]],
    );
    check(
        &task("other"),
        rows,
        expect![[r"
        1 at 0: true
        2 at 0: false
    "]],
    );
    let aces = task("both").replace("  other: { expr: \"and(high, not(labA))\" }\n", "");
    let aces = aces.replace("  near: { expr: \"together(labA, high)\" }\n", "");
    expect![[r"
        1 at 0: true
        2 at 0: true
    "]]
    .assert_eq(
        run(&aces, rows, Mode::Aces, &Context::default())
            .split("line")
            .next()
            .unwrap(),
    );
}

#[test]
fn nan_is_not_high() {
    let task = within_48h("  high: { code: A, value_min: 10 }", "label: high");
    check(
        &task,
        "1 0 ADM\n1 5 A NaN\n1 90 X\n2 0 ADM\n2 5 A 11\n2 90 X",
        expect![[r"
        1 at 0: false
        2 at 0: true
    "]],
    );
}

#[test]
fn bounds_have_units() {
    let task = within_48h(
        "  high: { code: { regex: \"^LAB//50912\" }, value_min: 1.3 mg/dL }",
        "label: high",
    );
    let rows = "1 0 ADM\n1 5 LAB//50912//umol/L 110 umol/L\n1 90 X\n\
                2 0 ADM\n2 5 LAB//50912//umol/L 120\n2 90 X\n\
                3 0 ADM\n3 5 LAB//50912//mg/dL 1.31\n3 90 X\n\
                4 0 ADM\n4 5 LAB//50912//mmHg 130\n4 90 X";
    check(
        &task,
        rows,
        expect![[r"
            1 at 0: false
            2 at 0: true
            3 at 0: true
            4 at 0: false
            line 3: unit mismatch
        "]],
    );
    let bare = within_48h(
        "  high: { code: { regex: \"^LAB//50912\" }, value_min: 1.3 }",
        "label: high",
    );
    check(
        &bare,
        rows,
        expect![[r"
            1 at 0: true
            2 at 0: true
            3 at 0: true
            4 at 0: true
            line 8: constant label
            line 3: unit mismatch
        "]],
    );
}

#[test]
fn change_over_time() {
    let task = within_48h(
        "  cr: { code: CR }\n  aki: { change: cr, within: 48h, rise_min: 0.3 }",
        "label: aki",
    );
    let rows = "1 0 ADM\n1 1 CR 1.2\n1 20 CR 1.5\n1 90 X\n\
                2 0 ADM\n2 1 CR 1.2\n2 1 CR 1.9\n2 90 X\n\
                3 0 ADM\n3 1 CR 1.2\n3 60 CR 1.9\n3 90 X";
    check(
        &task,
        rows,
        expect![[r"
        1 at 0: true
        2 at 0: false
        3 at 0: false
    "]],
    );
}

#[test]
fn a_change_is_measured_in_its_unit() {
    let task = |bound: &str| {
        let change = format!("  cr: {{ code: CR }}\n  aki: {{ change: cr, within: 48h, {bound} }}");
        within_48h(&change, "label: aki")
    };
    // 1: a rise of 0.3 mg/dL; 2: the same rise in mg/L; 3: a smaller one; 4: one and the
    // same creatinine in two units; 5: a unit that no concentration has.
    let rows = "1 0 ADM\n1 1 CR 1.2 mg/dL\n1 20 CR 1.5 mg/dL\n1 90 X\n\
                2 0 ADM\n2 1 CR 12 mg/L\n2 20 CR 15 mg/L\n2 90 X\n\
                3 0 ADM\n3 1 CR 12 mg/L\n3 20 CR 14 mg/L\n3 90 X\n\
                4 0 ADM\n4 1 CR 1.2 mg/dL\n4 20 CR 12 mg/L\n4 90 X\n\
                5 0 ADM\n5 1 CR 1.2 cm\n5 20 CR 9.2 cm\n5 90 X";
    check(
        &task("rise_min: 0.3 mg/dL"),
        rows,
        expect![[r"
        1 at 0: true
        2 at 0: true
        3 at 0: false
        4 at 0: false
        5 at 0: false
        line 3: unit mismatch
    "]],
    );
    // Bare numbers are compared as they stand, with a warning.
    check(
        &task("rise_min: 0.3"),
        rows,
        expect![[r"
        1 at 0: true
        2 at 0: true
        3 at 0: true
        4 at 0: true
        5 at 0: true
        line 9: constant label
        line 3: unit mismatch
    "]],
    );
    for (bound, said) in [
        ("ratio_min: 1.5 mg/dL", "a ratio has none"),
        ("rise_min: 0.3 mg/dL, fall_min: 1 mg/L", "different units"),
        ("rise_min: 0.3 mg/dL, fall_min: 1", "different units"),
    ] {
        let yaml = task(bound);
        let source = Source {
            task: ("t.yaml", &yaml),
            predicates: None,
        };
        let error = compile(&source, Mode::Strict).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(error.starts_with("t.yaml:4:"), "{error}");
    }
}

#[test]
fn descendants_of_a_code() {
    let mut context = Context::default();
    context.ontology.add("SITE//7", "SITE//group");
    let ontology: &Ontology = &context.ontology;
    assert!(format!("{ontology:?}").contains("group"));
    let task = within_48h(
        "  dx: { code: { descendants: [\"ICD10CM//E11\", \"SITE//group\"] } }",
        "label: dx",
    );
    let rows = "1 0 ADM\n1 5 ICD10CM//E11.65\n1 90 X\n2 0 ADM\n2 5 DIAGNOSIS//ICD//10//E1165\n2 90 X\n\
                3 0 ADM\n3 5 ICD10CM//E10.9\n3 90 X\n4 0 ADM\n4 5 SITE//7\n4 90 X";
    expect![[r"
        1 at 0: true
        2 at 0: true
        3 at 0: false
        4 at 0: true
    "]]
    .assert_eq(&run(&task, rows, Mode::Strict, &context));
}

#[test]
fn a_record_that_ends_is_no_negative() {
    let rows = "1 0 ADM\n1 40 X\n2 0 ADM\n2 48 X\n3 0 ADM\n3 10 Y\n4 0 ADM\n4 40 MEDS_DEATH";
    let task = |more: &str| within_48h("  y: { code: Y }", &format!("label: y{more}"));
    check(
        &task(""),
        rows,
        expect![[r"
            2 at 0: false
            3 at 0: true
            4 at 0: false
            1 dropped: the record ends before the label's window
            line 8: many censored
        "]],
    );
    check(
        &task(", censoring: negative"),
        rows,
        expect![[r"
        1 at 0: false
        2 at 0: false
        3 at 0: true
        4 at 0: false
    "]],
    );
    let mut context = Context::default();
    context.observed.insert(SubjectId(1), Instant(48 * HOUR));
    expect![[r"
        1 at 0: false
        2 at 0: false
        3 at 0: true
        4 at 0: false
    "]]
    .assert_eq(&run(&task(""), rows, Mode::Strict, &context));
}

#[test]
fn competing_events_end_the_window() {
    let predicates = "  y: { code: Y }\n  out: { code: OUT }";
    let rows = "1 0 ADM\n1 5 OUT\n1 6 Y\n2 0 ADM\n2 5 OUT\n2 5 Y\n3 0 ADM\n3 4 Y\n3 5 OUT";
    check(
        &within_48h(predicates, "label: y, competing: out"),
        rows,
        expect![[r"
        1 at 0: false
        2 at 0: true
        3 at 0: true
    "]],
    );
}

#[test]
fn labels_of_every_kind() {
    let predicates = "  y: { code: Y }\n  out: { code: OUT }";
    let rows = "1 0 ADM\n1 12 Y 3\n1 36 Y 5\n1 50 X\n2 0 ADM\n2 24 OUT\n2 50 X\n3 0 ADM\n3 20 X\n4 0 ADM\n4 60 X";
    let task = |label: &str| within_48h(predicates, label);
    check(
        &task("label: { count: y }"),
        rows,
        expect![[r"
            1 at 0: 2
            2 at 0: 0
            4 at 0: 0
            1 dropped: the record ends before the label's window
            line 9: many censored
        "]],
    );
    check(
        &task("label: { value: y, take: highest }"),
        rows,
        expect![[r"
            1 at 0: 5
            2 dropped: there is no value or class for the label
            1 dropped: the record ends before the label's window
            line 9: many censored
        "]],
    );
    check(
        &task("label: { class: { wise: y, gone: out }, otherwise: neither }"),
        rows,
        expect![[r"
            1 at 0: wise
            2 at 0: gone
            4 at 0: neither
            1 dropped: the record ends before the label's window
            line 9: many censored
        "]],
    );
    check(
        &task("label: { time_to: y, unit: hours }, competing: [out]"),
        rows,
        expect![[r"
        1 at 0: true 12 y
        2 at 0: false 24 out
        3 at 0: false 20 censored
        4 at 0: false 48 censored
    "]],
    );
}

#[test]
fn demographics_are_facts_where_they_are_named() {
    let yaml = within_48h(
        "  low: { code: A, value_max: 12 }\n  lower: { code: A, value_max: 10 }\n  \
                           ill: { expr: \"or(and(low, male), lower)\" }",
        "label: ill",
    ) + "patient_demographics:\n  male: { code: M }\n";
    let rows = "1 - M\n1 0 ADM\n1 5 A 11\n1 90 X\n2 - F\n2 0 ADM\n2 5 A 11\n2 90 X";
    check(
        &yaml,
        rows,
        expect![[r"
        1 at 0: true
        2 at 0: false
    "]],
    );
}

#[test]
fn an_excluded_start_is_not_the_end() {
    let yaml = "predicates: { adm: { code: ADM }, dis: { code: DIS }, y: { code: Y } }\ntrigger: adm\nwindows:\n  \
                target: { start: trigger, end: start -> dis, start_inclusive: false, end_inclusive: true, label: y, index_timestamp: start }\n";
    let rows = "1 0 ADM\n1 0 DIS\n1 5 Y\n1 9 DIS";
    check(
        yaml,
        rows,
        expect![[r"
            1 at 0: true
            line 4: constant label
        "]],
    );
}

/// Samples of two kinds: those with the outcome had it before, the others not.
#[test]
fn a_history_that_tells_is_named() {
    let mut rows = String::new();
    for subject in 0..60 {
        let ill = subject % 2 == 0;
        let code = if ill { "Y" } else { "X" };
        rows.push_str(&format!("{subject} 0 {code}\n{subject} 10 ADM\n"));
        rows.push_str(&format!("{subject} 20 {code}\n{subject} 90 X\n"));
    }
    let yaml = within_48h("  y: { code: Y }", "label: y");
    let told = run(&yaml, &rows, Mode::Strict, &Context::default());
    assert!(
        told.ends_with("line 8: history tells the outcome\n"),
        "{told}"
    );
}

#[test]
fn a_label_window_that_opens_early_is_named() {
    let yaml =
        within_48h("  y: { code: Y }", "label: y").replace("end: trigger,", "end: trigger + 24h,");
    let program = program(&yaml, Mode::Strict);
    let kinds: Vec<_> = program.warnings().iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["label window opens early"]);
    let told = run(
        &yaml,
        "1 0 ADM\n1 5 Y\n1 90 X",
        Mode::Strict,
        &Context::default(),
    );
    assert!(told.contains("line 8: outcome already known"), "{told}");
}

#[test]
fn events_recorded_late_are_named() {
    let yaml = within_48h("  y: { code: Y }", "label: y");
    let program = program(&yaml, Mode::Strict);
    let context = Context::default();
    let mut labeller = Labeller::new(&program, &context);
    labeller.codes(["ADM", "Y"].into_iter());
    for (code, hour, recorded) in [(0, 0, 0), (1, 5, 50)] {
        let row = Row {
            subject: SubjectId(1),
            time: Some(Instant(hour * HOUR)),
            code: Some(code),
            number: None,
            unit: None,
            recorded: Some(Instant(recorded * HOUR)),
            cells: &[],
        };
        labeller.row(&row).unwrap();
    }
    let tally = labeller.finish().tally;
    let found = tally.warnings(&program, &["ADM", "Y"].into_iter());
    let late = found
        .iter()
        .find(|one| one.kind == "recorded late")
        .unwrap();
    assert!(late.text.starts_with("1 of 1 events of `y`"), "{late}");
}

#[test]
fn every_trigger_has_its_story() {
    let task = "predicates: { adm: { code: ADM }, dis: { code: DIS }, y: { code: Y } }\ntrigger: adm\nwindows:\n  \
                input: { start: null, end: trigger + 24h, start_inclusive: true, end_inclusive: true, index_timestamp: end, has: { dis: \"(None, 0)\" } }\n  \
                target: { start: input.end, end: start -> dis, start_inclusive: false, end_inclusive: true, label: y }\n";
    let context = Context {
        explain: Some(SubjectId(1)),
        ..Context::default()
    };
    let rows = "1 0 ADM\n1 30 Y\n1 40 DIS\n1 100 ADM\n1 101 DIS\n1 200 ADM";
    let story = run(task, rows, Mode::Strict, &context);
    expect![[r"
        1 at 24: true
        input.end: from +0s to +1d
        input.start: from +0s to +1d, dis 0 (asked: at most 0)
        target.end: from +1d to +1d 16h
        kept: prediction time 1d from the trigger, outcome true
        input.end: from +0s to +1d
        input.start: from -4d 4h to +1d, dis 2 (asked: at most 0)
        dropped: window input: `dis` is counted otherwise (asked: at most 0)
        input.end: from +0s to +1d
        input.start: from -8d 8h to +1d, dis 2 (asked: at most 0)
        dropped: window input: `dis` is counted otherwise (asked: at most 0)
        2 dropped: window input: `dis` is counted otherwise (asked: at most 0)
        line 5: constant label
    "]]
    .assert_eq(&story);
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let refused = |yaml: &str| {
        let source = Source {
            task: ("t.yaml", yaml),
            predicates: None,
        };
        let error = compile(&source, Mode::Strict).unwrap_err();
        format!("{error}\n  {}\n", error.mend)
    };
    let windows = "windows:\n  w: { start: trigger, end: start + 1d, start_inclusive: false, end_inclusive: true, index_timestamp: start, label: a }\n";
    let mut all = String::new();
    for yaml in [
        format!(
            "predicates: {{ a: {{ expr: \"and(b, b)\" }}, b: {{ expr: \"or(a, a)\" }} }}\ntrigger: a\n{windows}"
        ),
        format!("predicates: {{ a: {{ code: A }} }}\ntriger: a\n{windows}"),
        format!("predicates: {{ a: {{ code: A }} }}\ntrigger: b\n{windows}"),
        format!(
            "predicates: {{ a: {{ code: A }} }}\ntrigger: a\n{}",
            windows.replace("+ 1d", "- 1d")
        ),
        format!(
            "predicates: {{ a: {{ code: A }} }}\ntrigger: a\n{}",
            windows.replace("label: a", "lable: a")
        ),
        format!(
            "predicates: {{ a: {{ code: A }} }}\ntrigger: a\n{}",
            windows.replace("label: a", "label: a, has: { a: \"(2, 1)\" }")
        ),
        format!("predicates: {{ a: {{ code: null }} }}\ntrigger: a\n{windows}"),
        format!("predicates: {{ a: ??? }}\ntrigger: a\n{windows}"),
        format!("predicates: {{ a: {{ code: {{ regex: \"(\" }} }} }}\ntrigger: a\n{windows}"),
        format!(
            "predicates: {{ a: {{ code: A }} }}\ntrigger: a\n{}",
            windows.replace("start: trigger", "start: w.end")
        ),
    ] {
        all.push_str(&refused(&yaml));
    }
    expect![[r#"
        t.yaml:1:52: predicates go in a circle: a -> b -> a
          let one of them be plain
        t.yaml:2:1: a task has no key `triger`
          is `trigger` meant?
        t.yaml:2:10: there is no predicate `b`
          is `a` meant?
        t.yaml:4:29: window `w` would end before it starts
          turn the sign or the arrow round, or swap start and end
        t.yaml:4:110: window `w` has no key `lable`
          is `label` meant?
        t.yaml:4:130: `a` in `has` can never hold
          write `(1, None)` for at least one, `(None, 0)` for none, `(2, 5)` for two to five
        t.yaml:1:26: `code` is nothing, which no code is
          write `code: CODE`, `code: {regex: "^START"}` or `code: {any: [A, B]}`
        t.yaml:1:18: the predicate `a` is left open
          give a file that defines it with --predicates, or write its `code:` here
        t.yaml:1:35: `(` is no regular expression: error: unclosed group
          the syntax is that of the Rust crate regex: no look-around, no back-references
        t.yaml:4:15: windows hang on each other in a circle: w.start -> w.end
          let one of them hang on the trigger
    "#]]
    .assert_eq(&all);
}
