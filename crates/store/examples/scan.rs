//! Events a core-second of one pass over a data set: `scan MEDS_DIR [ROUNDS]`. It adds up numbers
//! and counts codes, times and texts, so that every column is looked at. Opening is part of it.

use longitude_store::{Dataset, Error};
use std::io::{Write, stdout};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("MEDS_DIR [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    for _round in 0..rounds {
        let start = seconds();
        let (mut events, mut timed, mut deaths, mut sum, mut letters) =
            (0_u64, 0_u64, 0_u64, 0.0, 0);
        let data = Dataset::open(Path::new(&dir))?;
        data.scan(None, |event| {
            events += 1;
            timed += u64::from(event.time().is_some());
            deaths += u64::from(event.code().is_death());
            sum += event.numeric_value().unwrap_or(0.0);
            letters += event.text_value().map_or(0, str::len);
            Ok::<(), Error>(())
        })?;
        let seconds = seconds() - start;
        writeln!(
            stdout(),
            "{events} events ({timed} timed, {deaths} deaths, sum {sum:.1}, {letters} letters), \
             {seconds:.3} s, {:.0}/s",
            events as f64 / seconds
        )?;
    }
    Ok(())
}

/// Seconds that this process has had the processor.
fn seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.unwrap_or(f64::NAN) / 1e9
}
