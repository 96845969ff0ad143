//! A rank that waits too long for the others ends, and with it the training: one that hangs, or
//! whose end the launcher has not noticed, would otherwise hold all of them for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The exit code: the machine has failed.
const CODE: i32 = 6;
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks at the clock beside the training.
#[derive(Debug)]
pub(crate) struct Watch {
    started: Instant,
    /// Milliseconds from the start at which the wait began that is going on, and one; else 0.
    since: Arc<AtomicU64>,
    /// Its end ends the thread.
    _end: Sender<()>,
}

impl Watch {
    /// Starts to watch for waits of more than so many seconds; `who` names the rank.
    pub(crate) fn start(limit: Duration, who: String) -> std::io::Result<Self> {
        let (end, ended) = channel::<()>();
        let since = Arc::new(AtomicU64::new(0));
        let (started, waits) = (Instant::now(), Arc::clone(&since));
        let look = move || {
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let began = waits.load(Ordering::Acquire);
                let waited = started
                    .elapsed()
                    .saturating_sub(Duration::from_millis(began));
                if began > 0 && waited > limit {
                    give_up(&who, waited);
                }
            }
        };
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(look)?;
        Ok(Self {
            started,
            since,
            _end: end,
        })
    }

    /// Does something that waits for the other ranks.
    pub(crate) fn over<T>(&self, wait: impl FnOnce() -> T) -> T {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.since.store(now + 1, Ordering::Release);
        let done = wait();
        self.since.store(0, Ordering::Release);
        done
    }
}

#[expect(
    clippy::exit,
    reason = "the rank's main thread waits inside the library and cannot be called back"
)]
fn give_up(who: &str, waited: Duration) -> ! {
    eprintln!(
        "{who}: the other ranks have not come to the next sum for {} s: one of them has ended or \
         hangs\n  mend: see what its machine says, then go on from the last checkpoint with \
         --resume",
        waited.as_secs()
    );
    std::process::exit(CODE)
}
