//! The clock, the home folder and the machine's memory: what only the command line may read.

use crate::failure::{Failure, Kind};
use anyhow::Result;
use longitude_core::Instant;
use std::path::PathBuf;

/// Now, in UTC, by the machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line reads the clock for all"
)]
pub(crate) fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Instant(since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
}

/// Where the institution's keys are kept unless another folder is named.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line reads the environment for all"
)]
pub(crate) fn institution_folder() -> Result<PathBuf> {
    let home = std::env::var("HOME").ok().filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| {
        Failure::new(
            Kind::Machine,
            "no home folder is set",
            "name the folder with --institution",
        )
    })?;
    Ok(PathBuf::from(home).join(".longitude").join("institution"))
}

/// The largest memory that this process has held, in bytes, where the system tells.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Seconds of the processor that this process has used, over all its threads, where the system
/// tells; else zero. Linux counts in hundredths for programs, whatever its own clock.
pub(crate) fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program stands in parentheses and may hold anything.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = after.split_whitespace().skip(11);
    let mut hundredths = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (hundredths(), hundredths());
    (user.unwrap_or(0) + system.unwrap_or(0)) as f64 / 100.0
}

/// Threads to use: the machine's, at most `limit`.
pub(crate) fn threads(limit: Option<usize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    limit.map_or(cores, |limit| limit.clamp(1, cores.max(1)))
}
