//! poll(2) and ppoll(2).

use super::{Interest, deadline_of, wait_for_any};
use crate::fs::poll::Events;
use crate::mm::user::{read_bytes, write_val};
use crate::prelude::*;
use crate::process::{Resource, Thread};
use crate::signal::{read_set, with_mask};
use crate::syscall::{Args, Call, Restart};
use crate::time::{Duration, Instant, now, write_timespec};

pub(super) const POLL: Call = Call::new(poll).restarting(Restart::WithoutHandler);
pub(super) const PPOLL: Call = Call::new(ppoll).restarting(Restart::WithoutHandler);

/// Bytes of `struct pollfd`: descriptor, wanted events, events that happened.
const POLLFD: usize = 8;

fn poll(thread: &Arc<Thread>, [fds, count, timeout, ..]: Args) -> Result<usize> {
    let deadline = match u64::try_from(timeout as i32) {
        Ok(millis) => Some(now() + Duration::from_millis(millis)),
        Err(_) => None,
    };
    wait(thread, fds, count, deadline)
}

fn ppoll(thread: &Arc<Thread>, [fds, count, timeout, mask, len, ..]: Args) -> Result<usize> {
    let deadline = deadline_of(timeout)?;
    let mask = if mask == 0 { None } else { Some(read_set(mask, len)?) };
    let outcome = with_mask(thread, mask, || wait(thread, fds, count, deadline));
    // Linux tells how much of the timeout is left; what cannot be written is ignored.
    if let Some(deadline) = deadline {
        let _: Result<()> = write_timespec(timeout, deadline.since(now()));
    }
    outcome
}

fn wait(
    thread: &Arc<Thread>,
    fds: usize,
    count: usize,
    deadline: Option<Instant>,
) -> Result<usize> {
    let limit = thread.process().limits.lock().get(Resource::OpenFiles).soft;
    if count as u64 > limit {
        return Err(Errno::EINVAL);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(count * POLLFD).map_err(|_| Errno::ENOMEM)?;
    bytes.resize(count * POLLFD, 0);
    read_bytes(fds, &mut bytes)?;
    let (entries, _) = bytes.as_chunks::<POLLFD>();
    // A negative descriptor is skipped, and reported as nothing.
    let wanted: Vec<(usize, Interest)> = entries
        .iter()
        .enumerate()
        .filter_map(|(at, [a, b, c, d, low, high, ..])| {
            let fd = u32::try_from(i32::from_le_bytes([*a, *b, *c, *d])).ok()?;
            let events = u32::from(u16::from_le_bytes([*low, *high]));
            Some((at, Interest { fd, events: Events::from_bits_truncate(events) }))
        })
        .collect();
    let (places, wanted): (Vec<usize>, Vec<Interest>) = wanted.into_iter().unzip();
    let files = thread.files()?;
    let ready = wait_for_any(&files, &wanted, deadline)?;
    let mut answers = alloc::vec![0_u16; count];
    for (place, events) in places.iter().zip(&ready) {
        answers[*place] = events.bits() as u16;
    }
    for (at, answer) in answers.iter().enumerate() {
        write_val(fds + at * POLLFD + 6, answer)?;
    }
    Ok(ready.iter().filter(|events| !events.is_empty()).count())
}
