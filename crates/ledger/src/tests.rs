//! The log against a second implementation, against crashes, and against people who alter it.
//!
//! [`oracle`] follows the recursive definitions of RFC 6962 word by word and shares no code with
//! the library but the type of a hash.

mod attacks;
mod commit;
mod crash;
mod layout;
mod oracle;
mod proofs;
mod second;
mod witness;

use crate::disk::Disk;
use crate::{Log, Signer};
use std::path::Path;

const ORIGIN: &str = "example.org/log";

fn signer() -> Signer {
    Signer::new(ORIGIN, &[42; 32]).unwrap()
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// A log that does not wait for the disk: most tests lose nothing by that but their time.
fn open(dir: &Path) -> crate::Result<Log> {
    Log::open_on(Disk::failing_after(dir, usize::MAX), ORIGIN)
}

/// A published log of so many entries.
fn log_of(dir: &Path, size: u64) -> Log {
    let mut log = open(dir).unwrap();
    for index in log.size()..size {
        assert_eq!(log.append(&entry(index)).unwrap(), index);
    }
    log.publish(&signer()).unwrap();
    log
}
