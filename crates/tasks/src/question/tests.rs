//! What is one question and what is not, and which values of a code count.

use super::*;
use crate::compile;
use crate::document::Source;
use expect_test::{Expect, expect};

const HOUR: i64 = 3_600_000_000;

fn program(predicates: &str, windows: &str) -> Program {
    let yaml = format!("predicates:\n{predicates}\ntrigger: a\nwindows:\n{windows}\n");
    let source = Source {
        task: ("t.yaml", &yaml),
        predicates: None,
    };
    compile(&source, Mode::Strict).unwrap()
}

const PREDICATES: &str = "
  a: { code: A }
  d: { code: MEDS_DEATH }
  out: { code: OUT }
  leave: { expr: 'or(d, out)' }
  rise: { change: a, within: 1d, rise_min: 1 }
  odd: { code: A, ward: ICU }";

const INPUT: &str = "
  input: { start: null, end: trigger + 24h, start_inclusive: true, end_inclusive: true,
    index_timestamp: end }";

#[expect(clippy::needless_pass_by_value, reason = "the macro makes a value")]
fn check(windows: &str, expected: Expect) {
    let program = program(PREDICATES, &format!("{INPUT}\n{windows}"));
    expected.assert_eq(&match program.question() {
        Ok(question) => format!(
            "({} h, {:?} h], {} ends",
            question.after as f64 / HOUR as f64,
            question.last.map(|last| last as f64 / HOUR as f64),
            question.ending.len()
        ),
        Err(indirect) => indirect.to_string(),
    });
}

#[test]
fn windows_that_are_one_question() {
    check(
        "  target: { start: input.end, end: start + 7d, start_inclusive: false,
    end_inclusive: true, label: d }",
        expect!["(0 h, Some(168.0) h], 0 ends"],
    );
    check(
        "  target: { start: trigger + 26h, end: start + 1d, start_inclusive: false,
    end_inclusive: true, label: out, competing: d }",
        expect!["(2 h, Some(26.0) h], 1 ends"],
    );
    check(
        "  target: { start: input.end, end: start -> leave, start_inclusive: false,
    end_inclusive: true, label: d }",
        expect!["(0 h, None h], 1 ends"],
    );
}

#[test]
fn what_is_more_than_one_question_says_why() {
    let target = |rest: &str| {
        format!(
            "  target: {{ start: input.end, end: start + 7d, start_inclusive: false,
    end_inclusive: true, {rest} }}"
        )
    };
    check(
        &target("label: rise"),
        expect!["t.yaml:14:3: a change compares a value with earlier ones"],
    );
    check(
        &target("label: odd"),
        expect!["t.yaml:14:3: `odd` looks at the column `ward`, which no sampled event has"],
    );
    check(
        &target("label: d, has: { out: '(None, 0)' }"),
        expect!["t.yaml:14:3: the label's window has counts of its own (`has`)"],
    );
    check(
        &target("label: { count: d }"),
        expect!["t.yaml:14:3: the label is no yes or no"],
    );
    let gap = "  gap: { start: input.end, end: start + 1d, start_inclusive: false,
    end_inclusive: true, has: { out: '(None, 0)' } }
  target: { start: gap.end, end: start + 7d, start_inclusive: false, end_inclusive: true,
    label: d }";
    check(
        gap,
        expect!["t.yaml:14:3: what is asked up to `gap.end` may lie after the prediction time"],
    );
    check(
        "  target: { start: trigger, end: start + 7d, start_inclusive: false,
    end_inclusive: true, label: d }",
        expect!["t.yaml:14:3: the label's window opens before or at the prediction time itself"],
    );
    check(
        "  target: { start: input.end, end: null, start_inclusive: false,
    end_inclusive: true, label: d }",
        expect!["t.yaml:14:3: the label's window ends where the record ends"],
    );
}

#[expect(clippy::needless_pass_by_value, reason = "the macro makes a value")]
fn counts(outcome: &str, (code, unit): (&str, Option<&str>), expected: Expect) {
    let predicates = format!(
        "  a: {{ code: A }}
  low: {{ code: {{ regex: '^LAB//K' }}, value_max: 3.5 mmol/L, value_max_inclusive: true }}
  high: {{ code: {{ regex: '^LAB//K' }}, value_min: 5.5 mmol/L }}
  glucose: {{ code: LAB//GLUCOSE, value_min: 180 mg/dL }}
  any: {{ code: LAB//K }}
  y: {outcome}"
    );
    let windows = format!(
        "{INPUT}\n  target: {{ start: input.end, end: start + 7d, start_inclusive: false,
    end_inclusive: true, label: y }}"
    );
    let program = program(&predicates, &windows);
    let question = program.question().unwrap();
    let found = question.outcome(&Ontology::default(), code, unit);
    expected.assert_eq(&match found {
        Counts::Nothing => "nothing".to_owned(),
        Counts::Whatever => "whatever".to_owned(),
        Counts::Some {
            without_value,
            ranges,
        } => {
            let range = |r: &ValueRange| {
                format!(
                    "{}{:.2}, {:.2}{}",
                    if r.low_inclusive { '[' } else { '(' },
                    r.low,
                    r.high,
                    if r.high_inclusive { ']' } else { ')' }
                )
            };
            let ranges: Vec<_> = ranges.iter().map(range).collect();
            let without = if without_value { "none or " } else { "" };
            format!("{without}{}", ranges.join(" "))
        }
    });
}

#[test]
fn values_that_count() {
    let potassium = ("LAB//K", Some("mmol/L"));
    counts("{ expr: 'or(any, high)' }", potassium, expect!["whatever"]);
    counts(
        "{ expr: 'or(low, high)' }",
        potassium,
        expect!["(-inf, 3.50] (5.50, inf)"],
    );
    counts("{ expr: 'and(low, high)' }", potassium, expect!["nothing"]);
    counts(
        "{ expr: 'and(any, not(high))' }",
        potassium,
        expect!["none or (-inf, 5.50]"],
    );
    // A unit that cannot be converted keeps no bound, and one of another code never counts.
    counts(
        "{ expr: 'or(low, high)' }",
        ("LAB//K", Some("kg")),
        expect!["nothing"],
    );
    counts(
        "{ expr: 'or(low, high)' }",
        ("LAB//NA", None),
        expect!["nothing"],
    );
    counts(
        "{ code: LAB//GLUCOSE, value_min: 1.8 g/L }",
        ("LAB//GLUCOSE", Some("mg/dL")),
        expect!["(180.00, inf)"],
    );
}
