//! Events a second of writing and reading: `store_speed MEDS_DIR TO_DIR [MEMORY_BYTES]`.
//!
//! It reads a data set, writes it to `TO_DIR`, and reads that. Seconds are of
//! the processor where Linux tells them, so that a busy machine does not show; it is no test.

use longitude_store::{Dataset, DatasetInfo, Describe, WriteOptions, write_timelines};
use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (from, to) = arguments
        .next()
        .zip(arguments.next())
        .ok_or("MEDS_DIR TO_DIR")?;
    let (from, to) = (Path::new(&from), Path::new(&to));
    let memory: usize = arguments
        .next()
        .map_or(Ok(1 << 30), |bytes| bytes.parse())?;
    report("read", from, || read(from))?;
    report("write", to, || {
        let options = WriteOptions {
            memory_bytes_max: memory,
            describe: Describe::nothing(),
            shard_events_max: 2_000_000,
            info: DatasetInfo::default(),
        };
        let timelines: Result<Vec<_>, _> = Dataset::open(from)?.timelines(None).collect();
        let timelines = timelines?;
        let start = seconds();
        let summary = write_timelines(to, options, timelines.into_iter())?;
        writeln!(stdout(), "write alone {:.2} s", (seconds() - start))?;
        Ok(summary.events)
    })?;
    report("read", to, || read(to))?;
    report("validate", to, || Ok(longitude_store::validate(to)?.rows))?;
    report("digest", to, || {
        Dataset::open(to)?.digest()?;
        Ok(0)
    })
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

fn read(dir: &Path) -> Result<u64, Box<dyn Error>> {
    let mut events = 0;
    for timeline in Dataset::open(dir)?.timelines(None) {
        events += timeline?.events().len() as u64;
    }
    Ok(events)
}

fn report(
    what: &str,
    dir: &Path,
    work: impl FnOnce() -> Result<u64, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let start = seconds();
    let events = work()?;
    let seconds = seconds() - start;
    let rate = events as f64 / seconds;
    writeln!(
        stdout(),
        "{what} {}: {events} events, {seconds:.2} s, {rate:.0}/s",
        dir.display()
    )?;
    Ok(())
}
