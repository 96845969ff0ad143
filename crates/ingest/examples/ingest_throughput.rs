//! Reads a path of FHIR and prints the account as JSON; the events are counted and dropped. For
//! measuring ingest alone: `time cargo xtask bench ingest PATH [THREADS]`. Not a part of the
//! product.
use longitude_core::{Event, Issue, SubjectId};
use longitude_ingest::{Options, Sink, ingest};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

struct Count(u64);

impl Sink for Count {
    fn event(&mut self, _subject: SubjectId, _event: Event) -> io::Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn issue(&mut self, _issue: Issue) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: ingest_throughput PATH [THREADS]")?;
    let threads = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let mut sink = Count(0);
    let options = Options::standard(threads);
    let report = ingest(
        &[Path::new(&path)],
        &options,
        &AtomicBool::new(false),
        &mut sink,
    )?;
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &report)?;
    writeln!(out)?;
    Ok(())
}
