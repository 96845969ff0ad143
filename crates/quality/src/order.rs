//! Faults of time of one event, and events that repeat others of their subject.

use crate::options::Options;
use crate::report::Fault;
use longitude_core::{Event, Instant, Observation, ObservationSource, Timeline};
use std::cmp::Ordering;
use std::ops::Range;

const DAY_MICROS: i64 = 86_400_000_000;

/// What a subject's events are held against.
pub(crate) struct Life {
    /// The start of the day of birth.
    birth: Option<Instant>,
    /// The end of the day after death: bills and reports of the last day come then.
    after_death: Option<Instant>,
    export: Option<Instant>,
    leak_after_micros: i64,
}

impl Life {
    pub(crate) fn of(timeline: &Timeline, options: &Options) -> Self {
        let day = |at: Instant| Instant(at.0.div_euclid(DAY_MICROS) * DAY_MICROS);
        Self {
            birth: timeline.birth().map(day),
            after_death: timeline
                .death()
                .map(|death| day(death).shifted(2 * DAY_MICROS)),
            export: match timeline.observation() {
                Observation {
                    end: Some(end),
                    source: ObservationSource::ExportDate,
                    ..
                } => Some(end),
                _ => options.export_time,
            },
            leak_after_micros: options.leak_after.to_micros(),
        }
    }

    /// Calls `found` with each fault of an event.
    pub(crate) fn faults(&self, event: &Event, mut found: impl FnMut(Fault)) {
        let Some(time) = event.time else { return };
        if self.birth.is_some_and(|birth| time < birth) {
            found(Fault::BeforeBirth);
        }
        if self.after_death.is_some_and(|end| time >= end) {
            found(Fault::AfterDeath);
        }
        if self.export.is_some_and(|export| time > export) {
            found(Fault::AfterExport);
        }
        if event.end_time.is_some_and(|end| end < time) {
            found(Fault::EndsBeforeStart);
        }
        if let Some(recorded) = event.recorded_time {
            let late = recorded.0.saturating_sub(time.0);
            if late > self.leak_after_micros {
                found(Fault::RecordedLate);
            } else if late < -DAY_MICROS {
                found(Fault::RecordedBefore);
            }
        }
    }
}

/// The runs of events at one time.
pub(crate) fn runs(events: &[Event]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let time = events.get(start)?.time;
        let length = events[start..]
            .iter()
            .take_while(|e| e.time == time)
            .count();
        let run = start..start + length;
        start = run.end;
        Some(run)
    })
}

/// Calls `found` with the place of each event of a run that repeats another, and whether in
/// everything. `codes` are the numbers of the events' codes.
pub(crate) fn repeats(
    events: &[Event],
    codes: &[u32],
    run: Range<usize>,
    mut found: impl FnMut(usize, bool),
) {
    if run.len() < 2 {
        return;
    }
    let mut order: Vec<usize> = run.collect();
    let value = |at: usize| {
        let event = &events[at];
        (
            codes[at],
            event.numeric_value.map(f64::to_bits),
            event.text_value.as_deref(),
        )
    };
    let rest = |at: usize| {
        let event = &events[at];
        (
            event.unit.as_deref(),
            event.end_time,
            event.recorded_time,
            event.encounter,
        )
    };
    let by = |a: &usize, b: &usize| value(*a).cmp(&value(*b)).then(rest(*a).cmp(&rest(*b)));
    order.sort_by(|a, b| by(a, b).then(a.cmp(b)));
    for pair in order.windows(2) {
        if value(pair[0]) == value(pair[1]) {
            found(pair[1], by(&pair[0], &pair[1]) == Ordering::Equal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fault::{
        AfterDeath, AfterExport, BeforeBirth, EndsBeforeStart, RecordedBefore, RecordedLate,
    };
    use super::*;
    use longitude_core::{Code, Days, Origin, SubjectId};

    #[expect(clippy::unnecessary_wraps, reason = "the fields it fills are optional")]
    fn at(days: i64) -> Option<Instant> {
        Some(Instant(days * DAY_MICROS + DAY_MICROS / 2))
    }

    fn event(code: Code, time: Option<Instant>) -> Event {
        Event::new(code, time, Origin::derived("test"))
    }

    #[test]
    fn each_fault_is_told() {
        let lab = || Code::new("LOINC", "2160-0");
        let mut late = event(lab(), at(20));
        late.recorded_time = at(25);
        let mut early = event(lab(), at(20));
        early.recorded_time = at(15);
        let mut turned = event(lab(), at(20));
        turned.end_time = at(19);
        let events = vec![
            event(Code::birth(), at(10)),
            event(lab(), at(5)),
            event(lab(), at(10)),
            late,
            early,
            turned,
            event(Code::death(), at(30)),
            event(lab(), at(31)),
            event(lab(), at(32)),
            event(lab(), at(99)),
        ];
        let timeline = Timeline::new(SubjectId(1), events, Observation::UNKNOWN);
        let mut options = Options::standard();
        options.export_time = at(50);
        options.leak_after = Days(1.0);
        let life = Life::of(&timeline, &options);
        let mut found = Vec::new();
        for event in timeline.events() {
            life.faults(event, |fault| found.push(fault));
        }
        found.sort_unstable();
        let expected = [
            BeforeBirth,
            AfterDeath,
            AfterDeath,
            EndsBeforeStart,
            AfterExport,
            RecordedBefore,
            RecordedLate,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn repeats_are_told_apart() {
        let numbered = |value: f64, unit: &str| {
            let mut event = event(Code::new("LOINC", "2160-0"), at(1));
            event.numeric_value = Some(value);
            event.unit = Some(unit.into());
            event
        };
        let events = [
            numbered(1.0, "mg/dL"),
            numbered(2.0, "mg/dL"),
            numbered(1.0, "mg/dL"),
            numbered(1.0, "umol/L"),
            event(Code::new("LOINC", "2160-0"), at(2)),
        ];
        let codes = [0; 5];
        let mut found = Vec::new();
        for run in runs(&events) {
            repeats(&events, &codes, run, |at, exact| found.push((at, exact)));
        }
        assert_eq!(found, [(2, true), (3, false)]);
    }
}
