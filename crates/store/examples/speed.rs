//! Events a second of writing and reading: `speed MEDS_DIR TO_DIR [MEMORY_BYTES]`.
//!
//! It reads a data set, writes it to `TO_DIR`, and reads that. Run it under `time` for CPU seconds;
//! it is no test.

use longitude_store::{Dataset, DatasetInfo, WriteOptions, write_timelines};
use std::error::Error;
use std::io::{Write, stdout};
use std::path::Path;
use std::time::Instant;

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
            shard_events_max: 2_000_000,
            info: DatasetInfo::default(),
        };
        let timelines: Result<Vec<_>, _> = Dataset::open(from)?.timelines(None).collect();
        let timelines = timelines?;
        let start = Instant::now();
        let summary = write_timelines(to, options, timelines.into_iter())?;
        writeln!(
            stdout(),
            "write alone {:.2} s",
            start.elapsed().as_secs_f64()
        )?;
        Ok(summary.events)
    })?;
    report("read", to, || read(to))?;
    report("validate", to, || Ok(longitude_store::validate(to)?.rows))?;
    report("digest", to, || {
        Dataset::open(to)?.digest()?;
        Ok(0)
    })
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
    let start = Instant::now();
    let events = work()?;
    let seconds = start.elapsed().as_secs_f64();
    let rate = events as f64 / seconds;
    writeln!(
        stdout(),
        "{what} {}: {events} events, {seconds:.2} s, {rate:.0}/s",
        dir.display()
    )?;
    Ok(())
}
