//! select(2) and pselect6(2).

use super::{Interest, deadline_of, wait_for_any};
use crate::fs::poll::Events;
use crate::mm::user::{read_bytes, read_val, write_bytes, write_val};
use crate::prelude::*;
use crate::process::{Resource, Thread};
use crate::signal::{read_set, with_mask};
use crate::syscall::{Args, Call, Restart};
use crate::time::{Duration, Instant, now, write_timespec};

pub(super) const SELECT: Call = Call::new(select).restarting(Restart::WithoutHandler);
pub(super) const PSELECT6: Call = Call::new(pselect6).restarting(Restart::WithoutHandler);

/// What each of the three sets waits for, and what counts as that (fs/select.c of Linux:
/// POLLIN_SET, POLLOUT_SET, POLLEX_SET).
const MEANINGS: [(Events, Events); 3] = [
    (
        Events::READABLE.union(Events::RDBAND),
        Events::READABLE.union(Events::RDBAND).union(Events::HUP).union(Events::ERR),
    ),
    (
        Events::WRITABLE.union(Events::WRBAND),
        Events::WRITABLE.union(Events::WRBAND).union(Events::ERR),
    ),
    (Events::PRI, Events::PRI),
];

fn select(
    thread: &Arc<Thread>,
    [count, reads, writes, exceptions, timeout, _]: Args,
) -> Result<usize> {
    let deadline = if timeout == 0 {
        None
    } else {
        let [seconds, micros] = read_val::<[i64; 2]>(timeout)?;
        let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
        let micros = u64::try_from(micros).map_err(|_| Errno::EINVAL)?;
        Some(now() + Duration::from_secs(seconds) + Duration::from_micros(micros))
    };
    let outcome = wait(thread, count, [reads, writes, exceptions], deadline);
    if let Some(deadline) = deadline {
        let left = deadline.since(now());
        let left = [left.as_secs(), u64::from(left.subsec_micros())];
        let _: Result<()> = write_val(timeout, &left);
    }
    outcome
}

fn pselect6(
    thread: &Arc<Thread>,
    [count, reads, writes, exceptions, timeout, sigmask]: Args,
) -> Result<usize> {
    let deadline = deadline_of(timeout)?;
    let mask = if sigmask == 0 {
        None
    } else {
        let [set, len] = read_val::<[usize; 2]>(sigmask)?;
        if set == 0 { None } else { Some(read_set(set, len)?) }
    };
    let sets = [reads, writes, exceptions];
    let outcome = with_mask(thread, mask, || wait(thread, count, sets, deadline));
    if let Some(deadline) = deadline {
        let _: Result<()> = write_timespec(timeout, deadline.since(now()));
    }
    outcome
}

fn is_set(set: &[u8], fd: usize) -> bool {
    set.get(fd / 8).is_some_and(|byte| byte & (1 << (fd % 8)) != 0)
}

fn wait(
    thread: &Arc<Thread>,
    count: usize,
    addrs: [usize; 3],
    deadline: Option<Instant>,
) -> Result<usize> {
    let count = usize::try_from(count as i32).map_err(|_| Errno::EINVAL)?;
    // Linux cuts the sets off where the descriptor table ends; nothing is open beyond.
    let limit = thread.process().limits.lock().get(Resource::OpenFiles).soft;
    let count = count.min(usize::try_from(limit).unwrap_or(usize::MAX));
    let len = count.div_ceil(64) * 8;
    let mut sets = [const { Vec::new() }; 3];
    for (set, addr) in sets.iter_mut().zip(addrs) {
        if addr != 0 {
            *set = alloc::vec![0_u8; len];
            read_bytes(addr, set)?;
        }
    }
    let mut wanted = Vec::new();
    for fd in 0..count {
        let mut events = Events::empty();
        for (set, (asked, _)) in sets.iter().zip(MEANINGS) {
            if is_set(set, fd) {
                events |= asked;
            }
        }
        if !events.is_empty() {
            wanted.push(Interest { fd: u32::try_from(fd).map_err(|_| Errno::EINVAL)?, events });
        }
    }
    let ready = wait_for_any(&*thread.files()?, &wanted, deadline)?;
    if ready.contains(&Events::NVAL) {
        return Err(Errno::EBADF);
    }
    let mut found = 0;
    for ((set, (_, counts)), addr) in sets.iter().zip(MEANINGS).zip(addrs) {
        if addr == 0 {
            continue;
        }
        let mut answer = alloc::vec![0_u8; len];
        for (interest, events) in wanted.iter().zip(&ready) {
            let fd = interest.fd as usize;
            if is_set(set, fd) && events.intersects(counts) {
                answer[fd / 8] |= 1 << (fd % 8);
                found += 1;
            }
        }
        write_bytes(addr, &answer)?;
    }
    Ok(found)
}
