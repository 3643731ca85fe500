//! When a page is touched and only the reserve is left: the process with the most memory
//! ends, and whoever needs a page waits for what it frees.

use core::sync::atomic::{AtomicU64, Ordering};

use super::AddressSpace;
use crate::prelude::*;
use crate::process::{ExitStatus, Process, Thread, tree};
use crate::signal::{Signal, kill_process};
use crate::sync::Sleeper;
use crate::time::{Duration, Instant, now};

/// How long to wait before looking for memory again.
const PAUSE: Duration = Duration::from_millis(2);
/// How long after a victim's end its pages may take to become free: OSTD frees them when
/// every processor has switched tasks.
const GRACE: Duration = Duration::from_millis(40);

/// When the last victim was chosen, in nanoseconds since boot.
static LAST_VICTIM: AtomicU64 = AtomicU64::new(0);

/// Makes memory free, if there is a process to end for it; the access is then tried
/// again. False if `thread` itself is to end.
pub(super) fn relieve(thread: &Arc<Thread>) -> bool {
    if !is_relief_due()
        && let Some(victim) = largest()
    {
        LAST_VICTIM.store(now().as_nanos(), Ordering::Relaxed);
        log::warn!(
            "out of memory: process {} ends, {} KiB",
            victim.pid(),
            resident(&victim) / 1024
        );
        kill_process(&victim, ExitStatus::Killed(Signal::KILL));
    }
    if thread.is_killed() || thread.process().is_exiting() {
        return false;
    }
    // Ends early only if this thread is to end, which the next attempt notices.
    let _: Result<()> = Sleeper::killable().sleep(Some(now() + PAUSE));
    !thread.is_killed()
}

fn resident(process: &Process) -> usize {
    process.space().map_or(0, |space: Arc<AddressSpace>| space.resident_hint())
}

/// Whether memory is about to become free: a process is ending, or has just ended.
fn is_relief_due() -> bool {
    let last = Instant::from_nanos(LAST_VICTIM.load(Ordering::Relaxed));
    let recently = last != Instant::ZERO && now().since(last) < GRACE;
    recently || tree::all_processes().iter().any(|process| process.is_exiting())
}

/// The process that holds most. Process 1 only if there is no other.
fn largest() -> Option<Arc<Process>> {
    let candidates = tree::all_processes();
    let rank = |process: &&Arc<Process>| (!process.is_init(), resident(process));
    candidates.iter().max_by_key(rank).cloned()
}
