//! Prints how many patients a second this machine makes: timelines on one thread, rollouts on one
//! thread, and the FHIR export on all that were asked for.
//!
//! `cargo run --release -p longitude-hospital --example throughput -- PATIENTS THREADS`

use longitude_hospital::{Options, patient, timeline, truth, write_fhir};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let patients = arguments.next().transpose()?.unwrap_or(20_000);
    let threads = usize::try_from(arguments.next().transpose()?.unwrap_or(2))?;
    let options = Options {
        patients,
        ..Options::standard()
    };
    let start = Instant::now();
    let events: usize = (0..patients)
        .map(|index| timeline(&patient(&options, index)).events().len())
        .sum();
    let seconds = start.elapsed().as_secs_f64();
    say(&format!(
        "timelines: {:.0} patients/s on one thread, {:.1} events a patient",
        f64::from(patients) / seconds,
        events as f64 / f64::from(patients),
    ));
    let start = Instant::now();
    let known = truth(&options, 1)?;
    let rolled = known
        .subjects
        .iter()
        .filter(|subject| !subject.risk.is_empty())
        .count();
    say(&format!(
        "truth: {:.1} s on one thread for {rolled} x {} rollouts",
        start.elapsed().as_secs_f64(),
        options.rollouts,
    ));
    let dir = std::env::temp_dir().join(format!("longitude-hospital-{}", std::process::id()));
    let start = Instant::now();
    let summary = write_fhir(&dir, &options, threads, &AtomicBool::new(false))?;
    say(&format!(
        "FHIR: {:.1} s on {threads} threads, {} resources, {:.2} GB",
        start.elapsed().as_secs_f64(),
        summary.resources,
        summary.bytes as f64 / 1e9,
    ));
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard output is closed.
    drop(writeln!(std::io::stdout(), "{line}"));
}
