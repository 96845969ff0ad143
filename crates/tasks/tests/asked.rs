//! Who is asked about: the same whether the record goes on after the prediction time or not, and
//! everybody whom `label` gives a sample.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use longitude_core::{Instant, SubjectId};
use longitude_tasks::{
    Asked, Context, Labeller, Labels, Mode, Number, Program, Row, Source, compile,
};
use proptest::prelude::*;

const CODES: [&str; 5] = ["A", "B", "C", "D", "MEDS_DEATH"];
const HOUR: i64 = 3_600_000_000;

/// Windows that are over, open and bounded by events before and after the prediction time.
const TASKS: [&str; 4] = [
    "
predicates: { a: { code: A }, b: { code: B, value_min: 1 }, c: { code: { any: [C, D] } } }
trigger: a
windows:
  input: { start: null, end: trigger + 3h, start_inclusive: true, end_inclusive: true,
    index_timestamp: end, has: { b: \"(None, 2)\", _ANY_EVENT: \"(2, None)\" } }
  gap: { start: trigger, end: start + 5h, start_inclusive: false, end_inclusive: true,
    has: { c: \"(None, 1)\" } }
  target: { start: gap.end, end: start -> c, start_inclusive: false, end_inclusive: true,
    label: c }
  after: { start: target.end, end: start + 1d, start_inclusive: true, end_inclusive: false,
    has: { _ANY_EVENT: \"(1, None)\" } }
",
    "
predicates: { a: { code: A }, b: { code: B }, c: { code: C } }
trigger: a
windows:
  stay: { start: trigger, end: start -> c, start_inclusive: true, end_inclusive: true,
    index_timestamp: end, has: { b: \"(1, None)\" } }
  back: { start: end <- b, end: stay.end, start_inclusive: true, end_inclusive: false,
    has: { a: \"(None, 3)\" } }
  target: { start: stay.end, end: start + 9h, start_inclusive: false, end_inclusive: true,
    label: b, competing: c }
",
    "
predicates: { a: { code: A }, b: { code: B }, c: { code: C } }
trigger: a
windows:
  stay: { start: trigger, end: start -> c, start_inclusive: true, end_inclusive: true }
  input: { start: end - 4h, end: stay.end - 2h, start_inclusive: true, end_inclusive: true,
    index_timestamp: end, has: { b: \"(None, 1)\" } }
  target: { start: input.end, end: start + 9h, start_inclusive: false, end_inclusive: true,
    label: b }
",
    "
predicates: { a: { code: A }, b: { code: B } }
trigger: a
windows:
  input: { start: end - 5h, end: trigger, start_inclusive: true, end_inclusive: true,
    index_timestamp: end }
  rest: { start: trigger, end: null, start_inclusive: false, end_inclusive: true,
    has: { b: \"(None, 2)\" } }
  target: { start: trigger, end: start + 12h, start_inclusive: false, end_inclusive: true,
    label: b, censoring: negative }
",
];

/// A row: subject, hour, code, value.
type Given = (i64, i64, usize, Option<f32>);

fn label(program: &Program, rows: &[Given]) -> Labels {
    let context = Context::default();
    let mut labeller = Labeller::new(program, &context).asking();
    labeller.codes(CODES.into_iter());
    for (subject, hour, code, value) in rows {
        let row = Row {
            subject: SubjectId(*subject),
            time: Some(Instant(hour * HOUR)),
            code: Some(*code),
            number: value.map(Number::Short),
            unit: None,
            recorded: None,
            cells: &[],
        };
        labeller.row(&row).unwrap();
    }
    labeller.finish()
}

fn keys(asked: &[Asked]) -> Vec<(Instant, Instant)> {
    asked
        .iter()
        .map(|one| (one.trigger, one.prediction_time))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_after_the_prediction_time_decides_who_is_asked(
        mut rows in proptest::collection::vec(
            (Just(1_i64), 0_i64..40, 0_usize..5, proptest::option::of(0_f32..4.0)), 1..30),
        task in 0_usize..4,
    ) {
        rows.sort_by_key(|row| row.1);
        let source = Source { task: ("t.yaml", TASKS[task]), predicates: None };
        let program = compile(&source, Mode::Strict).unwrap();
        let whole = label(&program, &rows);
        for sample in &whole.samples {
            let time = sample.prediction_time.unwrap();
            let found = whole.asked.iter().find(|one| Some(one.trigger) == sample.trigger);
            // The third task's time is counted back from an event that may lie after it.
            if let Some(found) = found {
                prop_assert_eq!(found.prediction_time, time);
                prop_assert!(found.sample == Some(*sample));
            } else {
                prop_assert_eq!(task, 2);
            }
        }
        for one in &whole.asked {
            let now = one.prediction_time;
            let known: Vec<Given> =
                rows.iter().copied().filter(|row| row.1 * HOUR <= now.0).collect();
            let cut = label(&program, &known);
            let at = |asked: &[Asked]| -> Vec<_> {
                keys(asked).into_iter().filter(|(_, time)| *time == now).collect()
            };
            prop_assert_eq!(at(&whole.asked), at(&cut.asked));
        }
    }
}

#[test]
fn an_open_window_that_has_failed_already_is_not_asked_about() {
    let source = Source {
        task: ("t.yaml", TASKS[0]),
        predicates: None,
    };
    let program = compile(&source, Mode::Strict).unwrap();
    // At most one C or D in the five hours after A; the question comes after three.
    let one: Vec<Given> = vec![(1, 0, 0, None), (1, 1, 2, None), (1, 20, 0, None)];
    let asked = label(&program, &one).asked;
    assert_eq!(keys(&asked)[0], (Instant(0), Instant(3 * HOUR)));
    assert!(asked[0].sample.is_none());
    let two: Vec<Given> = vec![(1, 0, 0, None), (1, 1, 2, None), (1, 2, 3, None)];
    assert!(label(&program, &two).asked.is_empty());
    // What comes after the question makes it no sample, but it was asked.
    let late: Vec<Given> = vec![(1, 0, 0, None), (1, 1, 2, None), (1, 4, 3, None)];
    assert_eq!(label(&program, &late).asked.len(), 1);
}
