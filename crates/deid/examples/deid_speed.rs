//! Events a CPU-second of de-identification and of the risk report: `speed [SUBJECTS]`.
//!
//! It makes subjects of 200 events each (codes, values, a coded result; with and without one note)
//! and measures this crate alone: no file is read or written. It is no test.

use longitude_core::{Code, Event, Instant, Observation, Origin, SubjectId, Timeline};
use longitude_deid::{CodeCensus, Deidentifier, Key, Options, Policy, RareCodes, RiskCollector};
use std::error::Error;
use std::io::{Write, stdout};

const EVENTS: i64 = 200;
const NOTE: &str = "Seen on 03/04/2019 by Dr. Vance. Mr. Quillfeather's creatinine was 1.4 mg/dL; \
    call 421-274-2180. Metoprolol 25 mg twice daily. Follow-up in two weeks at St. Brannoc \
    Hospital, sooner if the swelling returns. No fever, no chills, appetite good.\n";

fn main() -> Result<(), Box<dyn Error>> {
    let subjects: i64 = std::env::args().nth(1).map_or(Ok(20_000), |n| n.parse())?;
    let policy = Policy::standard(Options::expert_determination(365));
    let deidentifier = Deidentifier::new(&Key::from_bytes([7; 32]), &policy.options);
    for (what, note, count) in [
        ("without notes", false, subjects),
        ("one note", true, subjects / 20),
    ] {
        let start = seconds();
        let mut risk = RiskCollector::new(&policy.risk);
        for subject in 0..count {
            let (sealed, _) = deidentifier.timeline(timeline(subject, note));
            risk.add(&sealed);
        }
        let middle = seconds();
        let report = risk.report();
        tell(what, count, middle - start)?;
        writeln!(
            stdout(),
            "  the report of {} subjects: {:.2} s",
            report.subjects,
            seconds() - middle
        )?;
    }
    let start = seconds();
    let mut census = CodeCensus::new(policy.risk.k);
    for subject in 0..subjects {
        census.add(&deidentifier.codes(&timeline(subject, false), &[]));
    }
    let plan = census.plan(RareCodes::Generalise);
    tell("census of codes", subjects, seconds() - start)?;
    writeln!(stdout(), "  {} rare codes generalised", plan.generalised())?;
    Ok(())
}

fn tell(what: &str, subjects: i64, seconds: f64) -> std::io::Result<()> {
    let events = (subjects * EVENTS) as f64;
    writeln!(
        stdout(),
        "{what}: {events:.0} events, {seconds:.2} s, {:.0}/s",
        events / seconds
    )
}

/// A subject's record; the making is part of what is measured, and small beside the rest.
fn timeline(subject: i64, note: bool) -> Timeline {
    let day = 86_400_000_000;
    let mut events: Vec<Event> = (0..EVENTS)
        .map(|at| {
            let number = (subject * 7 + at * 13) % 4_000;
            let code = Code::new("LOINC", format!("{number}-{}", number % 10));
            let mut event = Event::new(code, Some(Instant(at * day)), Origin::derived("speed"));
            event.numeric_value = Some(1.5);
            event.unit = Some("mg/dL".into());
            if at % 10 == 0 {
                event.text_value = Some("not detected".into());
            }
            event.origin.record = format!("Observation/{at}").into();
            event
        })
        .collect();
    if note {
        events[0].code = Code::new("NOTE", "34117-2");
        events[0].text_value = Some(NOTE.repeat(10).into());
    }
    Timeline::new(SubjectId(subject), events, Observation::UNKNOWN)
}

/// Seconds that this process has had the processor.
fn seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|n| n.parse().ok());
    nanos.unwrap_or(f64::NAN) / 1e9
}
