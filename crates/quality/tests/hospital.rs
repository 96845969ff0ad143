//! The report on the synthetic hospital: clean, messed with, and compared.

use longitude_core::{Code, Event, Instant, Label, Observation, Origin, SubjectId, Timeline};
use longitude_hospital::{Options as HospitalOptions, patient, timeline};
use longitude_quality::{
    ChangeKind, Collector, Fault, FindingKind, Options, Report, Severity, compare,
};
use longitude_units::Analytes;
use std::collections::BTreeMap;

const DAY: i64 = 86_400_000_000;

fn hospital(seed: u64, patients: u32) -> Vec<Timeline> {
    let options = HospitalOptions {
        patients,
        seed,
        truth_patients_max: 0,
        ..HospitalOptions::standard()
    };
    (0..patients)
        .map(|index| timeline(&patient(&options, index)))
        .collect()
}

fn report(timelines: &[Timeline]) -> Report {
    report_with(timelines, Options::standard())
}

fn report_with(timelines: &[Timeline], options: Options) -> Report {
    let mut collector = Collector::new(options, Analytes::shipped().clone());
    for one in timelines {
        collector.observe(one);
    }
    collector.finish("test", BTreeMap::new(), &BTreeMap::new())
}

fn changed(timelines: &[Timeline], change: impl Fn(usize, &mut Vec<Event>)) -> Vec<Timeline> {
    let each = timelines.iter().enumerate().map(|(number, one)| {
        let (subject, mut events, observation) = one.clone().into_parts();
        change(number, &mut events);
        Timeline::new(subject, events, observation)
    });
    each.collect()
}

#[test]
fn counts_are_those_of_a_second_way_of_counting() {
    let timelines = hospital(3, 60);
    let report = report(&timelines);
    let events: Vec<&Event> = timelines.iter().flat_map(Timeline::events).collect();
    let counts = report.counts;
    assert_eq!(counts.events, events.len() as u64);
    assert_eq!(counts.subjects, 60);
    let numeric = events.iter().filter(|e| e.numeric_value.is_some()).count();
    assert_eq!(counts.numeric, numeric as u64);
    for sum in [
        report
            .codes
            .iter()
            .map(|row| row.counts.events)
            .sum::<u64>(),
        report.systems.iter().map(|row| row.counts.events).sum(),
        report.sources.iter().map(|row| row.counts.events).sum(),
        report
            .years
            .iter()
            .map(|row| row.counts.events)
            .sum::<u64>()
            + counts.without_time,
    ] {
        assert_eq!(sum, counts.events);
    }
    let creatinine = report.code("LOINC//2160-0").unwrap();
    let has = |one: &&Timeline| one.events().iter().any(|e| &*e.code.value == "2160-0");
    assert_eq!(
        creatinine.counts.subjects,
        timelines.iter().filter(has).count() as u64
    );
    assert_eq!(report.population.age.total(), 60);
    assert_eq!(report.population.pyramid.total(), 60);
}

#[test]
fn a_clean_hospital_has_no_mix_up_and_order_changes_nothing() {
    let timelines = hospital(4, 150);
    let forward = report(&timelines);
    assert!(forward.mixups.is_empty(), "{:?}", forward.mixups);
    assert!(
        forward.findings.iter().all(|f| f.severity < Severity::Mend),
        "{:?}",
        forward.findings
    );
    let mut backward = timelines;
    backward.reverse();
    let backward = report_with(&backward, Options::standard());
    let json = |report: &Report| serde_json::to_string(report).unwrap();
    assert_eq!(json(&forward), json(&backward));
}

#[test]
fn the_88_fold_creatinine_is_found_in_all_rows_and_in_five_of_a_hundred() {
    let timelines = hospital(5, 200);
    for (every, share) in [(1, 1.0), (20, 0.05)] {
        let wrong = changed(&timelines, |number, events| {
            let ours = events
                .iter_mut()
                .filter(|e| &*e.code.value == "2160-0")
                .enumerate();
            for (at, event) in ours {
                if (number * 7 + at) % every == 0 {
                    event.numeric_value = event.numeric_value.map(|value| value * 88.4);
                }
            }
        });
        let report = report(&wrong);
        let found: Vec<_> = report
            .mixups
            .iter()
            .map(|m| (m.code.as_str(), m.looks_like.as_str()))
            .collect();
        assert_eq!(found, [("LOINC//2160-0", "umol/L")]);
        let one = &report.mixups[0];
        assert!(one.is_likely && (one.share - share).abs() < 0.02, "{one:?}");
        let first = &report.findings[0];
        assert_eq!(
            (first.severity, first.kind),
            (Severity::Mend, FindingKind::UnitMixUp)
        );
    }
}

#[test]
fn planted_faults_are_counted() {
    let timelines = hospital(6, 40);
    let before = report(&timelines);
    let export = Instant::from_civil((2024, 1, 1), (0, 0, 0, 0), 0).unwrap();
    let wrong = changed(&timelines, |number, events| {
        let timed = events
            .iter()
            .position(|e| e.numeric_value.is_some())
            .unwrap();
        let mut extra = events[timed].clone();
        match number {
            // Ten exact duplicates.
            0..10 => {}
            // Ten that differ in their unit.
            10..20 => extra.unit = Some("blobs".into()),
            20..25 => extra.time = Some(export.shifted(400 * DAY)),
            25..30 => extra.recorded_time = extra.time.map(|time| time.shifted(30 * DAY)),
            30..35 => extra.end_time = extra.time.map(|time| time.shifted(-DAY)),
            _ => extra.unit = None,
        }
        events.push(extra);
    });
    let mut options = Options::standard();
    options.export_time = Some(export);
    let after = report_with(&wrong, options);
    let (a, b) = (before.counts, after.counts);
    assert_eq!(b.exact_duplicates - a.exact_duplicates, 10);
    // Late, turned and without a unit all repeat code, time and value, and differ in something.
    assert!(b.same_value_duplicates - a.same_value_duplicates >= 10);
    let fault = |fault: Fault| after.faults.get(&fault).copied().unwrap_or(0);
    assert!(fault(Fault::AfterExport) >= 5);
    assert_eq!(fault(Fault::RecordedLate), 5);
    assert_eq!(fault(Fault::EndsBeforeStart), 5);
    assert!(
        after
            .units
            .iter()
            .any(|row| row.refusal.is_some() && row.unit.as_deref() == Some("blobs"))
    );
    assert!(b.without_unit > 0);
}

#[test]
fn a_second_load_is_compared() {
    let first = hospital(7, 150);
    let second = changed(&hospital(8, 150), |_, events| {
        events.retain(|e| &*e.code.value != "2345-7");
        for event in events.iter_mut().filter(|e| &*e.code.value == "718-7") {
            event.numeric_value = event.numeric_value.map(|value| value * 10.0);
        }
        events.push(Event::new(
            Code::new("HOUSE", "NEW"),
            None,
            Origin::derived("test"),
        ));
    });
    let (before, after) = (report(&first), report(&second));
    assert!(compare(&before, &before).changes.is_empty());
    let comparison = compare(&before, &after);
    let top: Vec<_> = comparison
        .changes
        .iter()
        .take(12)
        .map(|c| (c.kind, c.place.as_str()))
        .collect();
    for expected in [
        (ChangeKind::CodeVanished, "LOINC//2345-7"),
        (ChangeKind::CodeAppeared, "HOUSE//NEW"),
        (ChangeKind::Values, "LOINC//718-7"),
        (ChangeKind::FindingNew, "LOINC//718-7"),
    ] {
        assert!(top.contains(&expected), "{expected:?} not in {top:?}");
    }
}

#[test]
fn constant_labels_are_told() {
    let mut collector = Collector::new(Options::standard(), Analytes::shipped().clone());
    for number in 0..50 {
        collector.label("never", Label::No);
        collector.label(
            "both",
            if number % 2 == 0 {
                Label::Yes
            } else {
                Label::No
            },
        );
        collector.label("rare", if number == 0 { Label::Yes } else { Label::No });
        collector.label("never", Label::Censored);
    }
    let report = collector.finish("test", BTreeMap::new(), &BTreeMap::new());
    let told: Vec<_> = report
        .findings
        .iter()
        .map(|f| (f.severity, f.place.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Severity::Mend, "task never"),
            (Severity::Look, "task rare")
        ]
    );
}

#[test]
fn empty_and_odd_loads_make_a_report() {
    assert_eq!(report(&[]).counts.events, 0);
    let mut event = Event::new(Code::new("", ""), None, Origin::derived(""));
    event.numeric_value = Some(f64::NAN);
    let mut far = event.clone();
    far.time = Some(Instant(i64::MAX));
    far.numeric_value = Some(f64::INFINITY);
    let odd = Timeline::new(
        SubjectId(1),
        vec![event.clone(), event, far],
        Observation::UNKNOWN,
    );
    let report = report(&[odd]);
    assert_eq!((report.counts.events, report.counts.impossible), (3, 3));
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}
