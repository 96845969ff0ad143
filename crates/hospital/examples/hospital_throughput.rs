//! Prints how many patients a CPU-second this machine makes: timelines and rollouts on one thread,
//! and the FHIR export on all that were asked for. Where the system does not tell CPU time (it is
//! read from Linux's `/proc`), wall time stands for it.
//!
//! `cargo run --release -p longitude-hospital --example hospital_throughput -- PATIENTS THREADS`

use longitude_hospital::{Options, patient, timeline, truth, write_fhir};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

struct Watch {
    wall: Instant,
    cpu: Option<f64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let patients = arguments.next().transpose()?.unwrap_or(20_000);
    let threads = usize::try_from(arguments.next().transpose()?.unwrap_or(2))?;
    let options = Options {
        patients,
        ..Options::standard()
    };
    let watch = Watch::start();
    let events: usize = (0..patients)
        .map(|index| timeline(&patient(&options, index)).events().len())
        .sum();
    let seconds = watch.seconds();
    say(&format!(
        "timelines: {:.0} patients a CPU-second, {:.1} events a patient",
        f64::from(patients) / seconds,
        events as f64 / f64::from(patients),
    ));
    let watch = Watch::start();
    let known = truth(&options, 1)?;
    let rolled = known
        .subjects
        .iter()
        .filter(|subject| !subject.risk.is_empty())
        .count();
    say(&format!(
        "truth: {:.1} CPU-seconds for {rolled} x {} rollouts, {:.1} MB of JSON",
        watch.seconds(),
        options.rollouts,
        serde_json::to_vec(&known)?.len() as f64 / 1e6,
    ));
    let dir = std::env::temp_dir().join(format!("longitude-hospital-{}", std::process::id()));
    let watch = Watch::start();
    let summary = write_fhir(&dir, &options, threads, &AtomicBool::new(false))?;
    say(&format!(
        "FHIR: {:.1} CPU-seconds on {threads} threads, {} resources, {:.2} GB",
        watch.seconds(),
        summary.resources,
        summary.bytes as f64 / 1e9,
    ));
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

impl Watch {
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu_seconds(),
        }
    }

    fn seconds(&self) -> f64 {
        match (self.cpu, cpu_seconds()) {
            (Some(before), Some(after)) => after - before,
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

/// User and system time of this process, in ticks of 1/100 s: fields 14 and 15 of proc(5)'s stat,
/// counted after the command's closing parenthesis.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after = stat.rsplit(')').next()?;
    let mut ticks = after
        .split_ascii_whitespace()
        .skip(11)
        .map(str::parse::<f64>);
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / 100.0)
}

fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard output is closed.
    drop(writeln!(std::io::stdout(), "{line}"));
}
