//! Events a CPU-second and peak memory of a quality report: `cargo xtask bench quality MEDS_DIR
//! [REPORT.json]`.
//!
//! It reads a data set, collects, and makes the report; reading alone is timed before, so that the
//! collector's own cost can be told. Seconds are of the processor where Linux tells them; it is no
//! test.

use longitude_quality::{Collector, Options};
use longitude_store::Dataset;
use longitude_units::Analytes;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let from = arguments.next().ok_or("MEDS_DIR")?;
    let data = Dataset::open(Path::new(&from))?;
    let start = seconds();
    let mut events = 0;
    for timeline in data.timelines(None) {
        events += timeline?.events().len();
    }
    let read = seconds() - start;
    let mut collector = Collector::new(Options::standard(), Analytes::shipped().clone());
    let start = seconds();
    for timeline in data.timelines(None) {
        collector.observe(&timeline?);
    }
    let collected = seconds() - start;
    let start = seconds();
    let report = collector.finish("bench", BTreeMap::new(), &BTreeMap::new());
    let finished = seconds() - start;
    let mut out = stdout();
    writeln!(
        out,
        "{events} events, {} subjects, {} codes",
        report.counts.subjects, report.codes_distinct
    )?;
    writeln!(
        out,
        "read alone {read:.2} s, read and collect {collected:.2} s, report {finished:.2} s"
    )?;
    let all = collected + finished;
    writeln!(
        out,
        "{:.0} events a CPU-second, peak memory {} kB",
        events as f64 / all,
        peak()
    )?;
    writeln!(
        out,
        "{} findings, {} mix-ups",
        report.findings.len(),
        report.mixups.len()
    )?;
    if let Some(path) = arguments.next() {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}

/// Seconds that this process has had the processor.
fn seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos: f64 = told
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(f64::NAN);
    nanos / 1e9
}

/// The largest memory that this process has had, in kB.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("?")
        .trim()
        .trim_end_matches(" kB")
        .to_owned()
}
