//! What must hold of any record: the order of rows does not matter, nor do the subjects around.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use longitude_core::{Instant, SubjectId};
use longitude_tasks::{Context, Labeller, Mode, Number, Program, Row, Sample, Source, compile};
use proptest::prelude::*;

const CODES: [&str; 4] = ["A", "B", "C", "D"];

const TASK: &str = "
predicates:
  a: { code: A }
  b: { code: B, value_min: 1, value_max: 3 }
  c: { code: { any: [C, D] } }
  bc: { expr: \"or(b, c)\" }
  ab: { expr: \"and(a, bc)\" }
trigger: a
windows:
  input: { start: null, end: trigger + 3h, start_inclusive: true, end_inclusive: true,
    index_timestamp: end }
  gap: { start: trigger, end: start + 5h, start_inclusive: false, end_inclusive: true, has: { ab: \"(None, 4)\" } }
  target: { start: gap.end, end: start -> bc, start_inclusive: false, end_inclusive: true,
    label: c }
  after: { start: target.end, end: start + 1d, start_inclusive: true, end_inclusive: false, has: { _ANY_EVENT: \"(1, None)\" } }
";

/// A task in which both meanings are one: plain predicates, both ends included at events.
const PLAIN: &str = "
predicates:
  a: { code: A }
  b: { code: B, value_min: 1, value_max: 3 }
  c: { code: { any: [C, D] } }
trigger: a
windows:
  input: { start: null, end: trigger + 3h, start_inclusive: true, end_inclusive: true,
    index_timestamp: end }
  back: { start: end <- c, end: input.end, start_inclusive: true, end_inclusive: true,
    has: { b: \"(None, 2)\" } }
  before: { start: end - 9h, end: back.start, start_inclusive: false, end_inclusive: true,
    has: { a: \"(None, 2)\" } }
  target: { start: trigger - 2h, end: start -> c, start_inclusive: true, end_inclusive: true }
  after: { start: target.end, end: start + 1d, start_inclusive: true, end_inclusive: false,
    label: b }
";

/// A row: subject, hour, code, value.
type Given = (i64, Option<i64>, usize, Option<f32>);

fn program(mode: Mode) -> Program {
    compiled(TASK, mode)
}

fn compiled(task: &str, mode: Mode) -> Program {
    let source = Source {
        task: ("t.yaml", task),
        predicates: None,
    };
    compile(&source, mode).unwrap()
}

fn labels(program: &Program, rows: &[Given], gathering: bool) -> Vec<Sample> {
    let context = Context::default();
    let mut labeller = if gathering {
        Labeller::gathering(program, &context)
    } else {
        Labeller::new(program, &context)
    };
    labeller.codes(CODES.into_iter());
    for (subject, hour, code, value) in rows {
        let row = Row {
            subject: SubjectId(*subject),
            time: hour.map(|hour| Instant(hour * 3_600_000_000)),
            code: Some(*code),
            number: value.map(Number::Short),
            unit: None,
            recorded: None,
            cells: &[],
        };
        labeller.row(&row).unwrap();
    }
    labeller.finish().samples
}

fn rows() -> impl Strategy<Value = Vec<Given>> {
    let value = prop::option::of((0..40_u8).prop_map(|value| f32::from(value) / 10.0));
    let row = (
        1..4_i64,
        prop::option::weighted(0.9, 0..40_i64),
        0..4_usize,
        value,
    );
    prop::collection::vec(row, 0..60)
}

proptest! {
    #[test]
    fn the_order_of_rows_does_not_matter(mut rows in rows(), strict in any::<bool>()) {
        let program = program(if strict { Mode::Strict } else { Mode::Aces });
        let anyhow = labels(&program, &rows, true);
        rows.sort_by_key(|row| row.0);
        let by_subject = labels(&program, &rows, false);
        rows.sort_by_key(|row| (row.0, row.1));
        let in_time = labels(&program, &rows, false);
        prop_assert!(anyhow == by_subject, "gathered");
        prop_assert!(by_subject == in_time, "out of time");
    }

    /// es-aces's differences of running counts against counting between two times.
    #[test]
    fn two_ways_of_counting_agree(mut rows in rows()) {
        rows.sort_by_key(|row| (row.0, row.1));
        let negative = PLAIN.replace("label: b", "label: b, censoring: negative");
        let exact = labels(&compiled(&negative, Mode::Strict), &rows, false);
        let running = labels(&compiled(PLAIN, Mode::Aces), &rows, false);
        prop_assert!(exact == running);
    }

    #[test]
    fn other_subjects_do_not_matter(rows in rows()) {
        let program = program(Mode::Strict);
        let mut together = labels(&program, &rows, true);
        let mut alone: Vec<Sample> = Vec::new();
        for subject in 1..4 {
            let own: Vec<Given> = rows.iter().filter(|row| row.0 == subject).copied().collect();
            alone.extend(labels(&program, &own, false));
        }
        together.sort_by_key(|sample| (sample.subject, sample.trigger));
        prop_assert!(together == alone);
    }

    #[test]
    fn compiling_never_panics(text in "[a-z_{}\\[\\]:,>+\\- \n\"()0-9?]{0,200}") {
        for mode in [Mode::Aces, Mode::Strict] {
            let source = Source { task: ("t.yaml", &text), predicates: None };
            prop_assert!(compile(&source, mode).map_or_else(|e| e.place.line > 0, |_| true));
        }
    }

    #[test]
    fn a_changed_task_never_panics(at in 0..TASK.len(), with in "[a-z:{}, \n\\->+]{0,4}") {
        let text = format!("{}{with}{}", &TASK[..at], &TASK[(at + with.len()).min(TASK.len())..]);
        for mode in [Mode::Aces, Mode::Strict] {
            let source = Source { task: ("t.yaml", &text), predicates: None };
            if let Err(error) = compile(&source, mode) {
                prop_assert!(!error.mend.is_empty());
            }
        }
    }
}
