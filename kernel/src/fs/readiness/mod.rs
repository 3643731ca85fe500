//! Waiting for several files at once: poll(2), select(2), epoll(7), and the eventfd(2)
//! that programs wake themselves with.

mod epoll;
mod eventfd;
mod poll;
mod select;

use super::poll::Events;
use super::{FdTable, Poller};
use crate::prelude::*;
use crate::sync::Sleeper;
use crate::syscall::Call;
use crate::time::{Instant, now, read_timespec};

pub(crate) use epoll::CALLS as EPOLL_CALLS;
pub(crate) use eventfd::CALLS as EVENTFD_CALLS;

pub(crate) const CALLS: &[(u32, Call)] =
    &[(7, poll::POLL), (23, select::SELECT), (270, select::PSELECT6), (271, poll::PPOLL)];

/// A descriptor and what is wanted of it.
struct Interest {
    fd: u32,
    events: Events,
}

/// Waits until at least one of `wanted` is ready or the deadline passes, and says for each
/// what it is ready for: empty if nothing, `NVAL` if there is no such descriptor.
///
/// Each file is registered with before it is looked at, so that no change falls between
/// the look and the sleep.
fn wait_for_any(
    files: &FdTable,
    wanted: &[Interest],
    deadline: Option<Instant>,
) -> Result<Vec<Events>> {
    let sleeper = Sleeper::new();
    let mut poller = Poller::new(sleeper.waker(), Events::empty());
    let mut registering = deadline.is_none_or(|deadline| deadline > now());
    loop {
        let mut ready = Vec::new();
        ready.try_reserve_exact(wanted.len()).map_err(|_| Errno::ENOMEM)?;
        for interest in wanted {
            let events = interest.events | Events::ALWAYS;
            ready.push(match files.get_opened(interest.fd) {
                Err(_) => Events::NVAL,
                Ok(file) => {
                    poller.set_interest(events);
                    file.file().poll(registering.then_some(&mut poller)) & events
                }
            });
        }
        if ready.iter().any(|events| !events.is_empty()) {
            return Ok(ready);
        }
        registering = false;
        match sleeper.sleep(deadline) {
            Ok(()) => {}
            Err(Errno::ETIMEDOUT) => return Ok(ready),
            Err(error) => return Err(error),
        }
    }
}

/// The deadline of a timeout given as a `struct timespec`; a null pointer is none.
fn deadline_of(timeout: usize) -> Result<Option<Instant>> {
    if timeout == 0 { Ok(None) } else { Ok(Some(now() + read_timespec(timeout)?)) }
}
