//! Group commit: one wait for the disk for many, and no index before it is durable.

use super::{ORIGIN, entry, log_of, open, signer};
use crate::disk::Disk;
use crate::{Committer, ENTRY_BYTES_MAX, Error, Log, verify_log};
use std::collections::BTreeSet;

#[test]
fn a_group_is_the_same_log_as_its_entries_one_by_one() {
    let (one, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let single = log_of(one.path(), 700);
    let mut log = open(many.path()).unwrap();
    for size in [1_u64, 2, 200, 53, 256, 100, 88] {
        let group: Vec<Vec<u8>> = (log.size()..log.size() + size).map(entry).collect();
        let first = log.size();
        assert_eq!(log.append_group(group).unwrap(), first);
    }
    assert_eq!(log.head().unwrap(), single.head().unwrap());
    log.publish(&signer()).unwrap();
    let audit = verify_log(many.path(), &signer().verifying_key()).unwrap();
    assert!(audit.is_intact(), "{:?}", audit.findings);
}

#[test]
fn a_group_that_cannot_be_taken_leaves_the_log_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = log_of(dir.path(), 250);
    assert_eq!(log.room(), 6);
    let too_many = (0..7).map(entry).collect();
    assert!(matches!(
        log.append_group(too_many),
        Err(Error::GroupTooLarge { count: 7, room: 6 })
    ));
    let too_long = vec![entry(0), vec![0; ENTRY_BYTES_MAX + 1]];
    assert!(matches!(
        log.append_group(too_long),
        Err(Error::EntryTooLong(65_536))
    ));
    assert_eq!(log.size(), 250);
}

/// The disk fails at every step of a group's way; the group is then in the log whole or not at all
/// when it is opened again, and what came before is there.
#[test]
fn a_group_is_whole_or_torn_off_at_its_end() {
    for steps in (0..400).step_by(7) {
        let dir = tempfile::tempdir().unwrap();
        drop(log_of(dir.path(), 3));
        let Ok(mut log) = Log::open_on(Disk::failing_after(dir.path(), steps), ORIGIN) else {
            // Opening takes some steps of its own.
            assert!(steps < 20, "{steps}");
            continue;
        };
        let taken = log.append_group((3..10).map(entry).collect()).is_ok();
        drop(log);
        let log = open(dir.path()).unwrap();
        assert!((3..=10).contains(&log.size()), "{} entries", log.size());
        assert!(!taken || log.size() == 10, "acknowledged and lost");
        for index in 0..log.size() {
            assert_eq!(log.entry(index).unwrap(), entry(index));
        }
    }
}

#[test]
fn many_threads_get_every_index_once_and_what_they_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let committer = Committer::start(open(dir.path()).unwrap()).unwrap();
    let seen = std::thread::scope(|scope| {
        let work = |thread: u64| {
            let committer = &committer;
            scope.spawn(move || {
                let each = 0..200;
                let hand_in = |n: u64| (n, committer.append(entry(1_000 * thread + n)).unwrap());
                let pending: Vec<_> = each.map(hand_in).collect();
                let wait =
                    |(n, one): (u64, crate::Pending)| (one.durable().unwrap(), 1_000 * thread + n);
                pending.into_iter().map(wait).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..4).map(work).collect();
        let joined = threads.into_iter().flat_map(|one| one.join().unwrap());
        joined.collect::<Vec<_>>()
    });
    let published = committer.publish(&signer()).unwrap();
    assert_eq!(published.size, 800);
    let log = committer.finish().unwrap();
    let indices: BTreeSet<u64> = seen.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices.len(), 800);
    for (index, what) in &seen {
        assert_eq!(log.entry(*index).unwrap(), entry(*what));
    }
    let audit = verify_log(dir.path(), &signer().verifying_key()).unwrap();
    assert!(audit.is_intact(), "{:?}", audit.findings);
}

/// No acknowledgement when the disk is full: each entry of the group hears of it.
#[test]
fn a_full_disk_acknowledges_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(log_of(dir.path(), 3));
    let log = Log::open_on(Disk::failing_after(dir.path(), 5), ORIGIN).unwrap();
    let committer = Committer::start(log).unwrap();
    let pending: Vec<_> = (3..20)
        .map(|index| committer.append(entry(index)).unwrap())
        .collect();
    for one in pending {
        let error = one.durable().unwrap_err();
        assert!(matches!(error, Error::File { .. } | Error::GroupRefused(_)));
    }
    assert_eq!(committer.finish().unwrap().size(), 3);
    assert_eq!(open(dir.path()).unwrap().size(), 3);
}

#[test]
fn an_entry_that_is_too_long_is_refused_before_it_is_handed_in() {
    let dir = tempfile::tempdir().unwrap();
    let committer = Committer::start(open(dir.path()).unwrap()).unwrap();
    let refused = committer.append(vec![0; ENTRY_BYTES_MAX + 1]);
    assert!(matches!(refused, Err(Error::EntryTooLong(65_536))));
    assert_eq!(committer.append(entry(0)).unwrap().durable().unwrap(), 0);
}
