//! A crash at any byte: what was acknowledged is there, what was not leaves nothing behind.

use super::{ORIGIN, entry, log_of, open, signer};
use crate::disk::Disk;
use crate::journal::JOURNAL;
use crate::{Error, Log, Recovery, verify_log};
use std::fs;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

/// A process that is being started holds the files that are open here until it runs its own
/// program, and with them their locks. A test that closes and opens a log keeps others from
/// starting one meanwhile.
static STARTING: RwLock<()> = RwLock::new(());

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A log on a disk that fails after so many steps; bytes written, renames and syncs are steps.
fn open_for(dir: &Path, steps: usize) -> crate::Result<Log> {
    Log::open_on(Disk::failing_after(dir, steps), ORIGIN)
}

/// Whether the log is whole, holds `acknowledged` entries and perhaps one more, and goes on.
fn check_goes_on(dir: &Path, acknowledged: u64, tried: u64) {
    let mut log = open(dir).unwrap();
    assert!(
        (acknowledged..=tried).contains(&log.size()),
        "{} entries, {acknowledged} acknowledged",
        log.size()
    );
    for index in 0..log.size() {
        assert_eq!(log.entry(index).unwrap(), entry(index));
    }
    for index in log.size()..tried + 2 {
        log.append(&entry(index)).unwrap();
    }
    log.publish(&signer()).unwrap();
    let audit = verify_log(dir, &signer().verifying_key()).unwrap();
    assert!(audit.is_intact(), "{:?}", audit.findings);
}

#[test]
fn a_torn_append_is_taken_off_at_every_byte() {
    let _none_starts = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_of(dir.path(), 3);
    log.append(&entry(3)).unwrap();
    drop(log);
    let whole = fs::read(dir.path().join(JOURNAL)).unwrap();
    let record = 10 + entry(3).len() + 32;
    for kept in 0..=record {
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        let cut = &whole[..whole.len() - record + kept];
        fs::write(copied.path().join(JOURNAL), cut).unwrap();
        let log = Log::open(copied.path(), ORIGIN).unwrap();
        let (size, torn) = if kept == record { (4, 0) } else { (3, kept) };
        assert_eq!(log.size(), size, "{kept} bytes kept");
        let recovery = Recovery {
            torn_bytes: torn as u64,
        };
        assert_eq!(log.recovery(), recovery);
        drop(log);
        check_goes_on(copied.path(), size, 4);
    }
}

/// After a power cut the file may have its length but not its bytes.
#[test]
fn a_tail_of_zeros_is_taken_off() {
    let _none_starts = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    drop(log_of(dir.path(), 3));
    let path = dir.path().join(JOURNAL);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0; 5_000]);
    fs::write(&path, bytes).unwrap();
    check_goes_on(dir.path(), 3, 3);
}

/// Two appends and a publication over a full bundle's edge; gives how many were acknowledged and
/// whether all went well.
fn cross_the_edge(log: &mut Log) -> (u64, bool) {
    for index in 255..257 {
        if log.append(&entry(index)).is_err() {
            return (index, false);
        }
    }
    (257, log.publish(&signer()).is_ok())
}

/// The process dies before and after every sync, rename and removal, at every byte of the first
/// append, and at many bytes of the larger files.
#[test]
fn a_crash_at_any_step_loses_nothing_acknowledged() {
    let _none_starts = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    let before = tempfile::tempdir().unwrap();
    drop(log_of(before.path(), 255));
    let budget = 1_000_000;
    let whole = tempfile::tempdir().unwrap();
    copy(before.path(), whole.path());
    let mut log = open_for(whole.path(), budget).unwrap();
    assert_eq!(cross_the_edge(&mut log), (257, true));
    let spent = |left: &usize| budget - left;
    let marks = log
        .disk()
        .marks
        .lock()
        .unwrap()
        .iter()
        .map(spent)
        .collect::<Vec<_>>();
    let end = *marks.last().unwrap();
    let mut steps: Vec<usize> = marks
        .iter()
        .flat_map(|&at| [at.saturating_sub(1), at])
        .collect();
    steps.extend((0..60).chain((0..end).step_by(331)));
    steps.sort_unstable();
    steps.dedup();
    for steps in steps {
        let dir = tempfile::tempdir().unwrap();
        copy(before.path(), dir.path());
        let (acknowledged, finished) = match open_for(dir.path(), steps) {
            Ok(mut log) => cross_the_edge(&mut log),
            Err(_) => (255, false),
        };
        assert!(!finished, "{steps} of {end} steps were enough");
        check_goes_on(dir.path(), acknowledged, 257);
    }
}

/// A disk that is full for a while: the failed append leaves the log usable.
#[test]
fn a_refused_append_can_be_tried_again() {
    let _none_starts = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    drop(log_of(dir.path(), 2));
    let mut log = open_for(dir.path(), 21).unwrap();
    let refused = log.append(&entry(2));
    assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
    log.disk().steps_left = Some(usize::MAX.into());
    assert_eq!(log.append(&entry(2)).unwrap(), 2);
    drop(log);
    check_goes_on(dir.path(), 3, 3);
}

/// A real process is killed while it appends; it says what was acknowledged on its output.
#[test]
#[cfg(unix)]
fn a_killed_process_loses_nothing_acknowledged() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let dir = tempfile::tempdir().unwrap();
    if let Some(dir) = std::env::var_os("LONGITUDE_LEDGER_CRASH_CHILD") {
        let mut log = Log::open(Path::new(&dir), ORIGIN).unwrap();
        loop {
            let index = log.append(&entry(log.size())).unwrap();
            println!("\nacknowledged {index}");
            if index.is_multiple_of(3) {
                log.publish(&signer()).unwrap();
            }
        }
    }
    let mut acknowledged = 0;
    for round in 0..50_u64 {
        let alone = STARTING.write().unwrap_or_else(PoisonError::into_inner);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["a_killed_process_loses_nothing_acknowledged", "--nocapture"])
            .env("LONGITUDE_LEDGER_CRASH_CHILD", dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        drop(alone);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut read = 0;
        for line in lines.map_while(Result::ok) {
            if let Some(index) = line.strip_prefix("acknowledged ") {
                acknowledged = index.parse::<u64>().unwrap() + 1;
                read += 1;
            }
            if read == 6 + round % 7 * 5 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let log = Log::open(dir.path(), ORIGIN).unwrap();
        let size = log.size();
        assert!(size >= acknowledged, "{size} of {acknowledged} entries");
        assert!((0..size).all(|index| log.entry(index).unwrap() == entry(index)));
    }
    assert!(acknowledged > 256);
    let size = Log::open(dir.path(), ORIGIN).unwrap().size();
    check_goes_on(dir.path(), size, size);
}
