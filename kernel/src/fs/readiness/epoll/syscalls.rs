//! The epoll system calls.

use super::file::{EDGE, EXCLUSIVE, EpollFile, ONESHOT, WAKEUP, Wish};
use crate::fs::anon::open_anonymous;
use crate::fs::{Events, OpenFlags};
use crate::mm::user::{read_bytes, write_bytes};
use crate::prelude::*;
use crate::process::Thread;
use crate::signal::{read_set, with_mask};
use crate::syscall::{Args, Call, Restart};
use crate::time::{Duration, Instant, now, read_timespec};

pub(crate) const CALLS: &[(u32, Call)] = &[
    (213, Call::new(epoll_create)),
    (232, Call::new(epoll_wait).restarting(Restart::Never)),
    (233, Call::new(epoll_ctl)),
    (281, Call::new(epoll_pwait).restarting(Restart::Never)),
    (291, Call::new(|thread, [flags, ..]| create(thread, flags))),
    (441, Call::new(epoll_pwait2).restarting(Restart::Never)),
];

/// Bytes of `struct epoll_event`, which is packed on this architecture.
const EVENT: usize = 12;
/// Events one wait may ask for (EP_MAX_EVENTS).
const MAX_EVENTS: usize = i32::MAX as usize / EVENT;
/// Events one wait hands out at most, whatever it asks for: the rest stays ready.
const BATCH: usize = 1_024;

fn epoll_create(thread: &Arc<Thread>, [size, ..]: Args) -> Result<usize> {
    if size as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    create(thread, 0)
}

fn create(thread: &Arc<Thread>, flags: usize) -> Result<usize> {
    let flags = OpenFlags::from_bits_retain(flags as u32);
    if !OpenFlags::CLOEXEC.contains(flags) {
        return Err(Errno::EINVAL);
    }
    let file = open_anonymous("[eventpoll]", Box::new(EpollFile::new()), OpenFlags::empty());
    Ok(thread.files()?.insert(file, flags.contains(OpenFlags::CLOEXEC))? as usize)
}

fn epoll_ctl(thread: &Arc<Thread>, [epfd, operation, fd, event, ..]: Args) -> Result<usize> {
    const ADD: usize = 1;
    const DEL: usize = 2;
    const MOD: usize = 3;
    let wish = if operation == DEL {
        None
    } else {
        let mut bytes = [0; EVENT];
        read_bytes(event, &mut bytes)?;
        let [a, b, c, d, data @ ..] = bytes;
        Some(Wish { bits: u32::from_le_bytes([a, b, c, d]), data: u64::from_le_bytes(data) })
    };
    let files = thread.files()?;
    let fd = fd as u32;
    let (epoll, target) = (files.get_opened(epfd as u32)?, files.get_opened(fd)?);
    let epoll_file = epoll.downcast::<EpollFile>().ok_or(Errno::EINVAL)?;
    if Arc::ptr_eq(&epoll, &target) {
        return Err(Errno::EINVAL);
    }
    if let Some(wish) = wish
        && wish.bits & EXCLUSIVE != 0
    {
        let allowed =
            (Events::IN | Events::OUT | Events::ALWAYS).bits() | EDGE | WAKEUP | EXCLUSIVE;
        let nested = target.downcast::<EpollFile>().is_some();
        if operation == MOD || nested || wish.bits & !allowed != 0 || wish.bits & ONESHOT != 0 {
            return Err(Errno::EINVAL);
        }
    }
    match (operation, wish) {
        (ADD, Some(wish)) => epoll_file.add(fd, &target, wish)?,
        (MOD, Some(wish)) => epoll_file.modify(fd, &target, wish)?,
        (DEL, None) => epoll_file.remove(fd, &target)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn epoll_wait(thread: &Arc<Thread>, [epfd, events, max, timeout, ..]: Args) -> Result<usize> {
    wait(thread, epfd, events, max, millis(timeout))
}

fn epoll_pwait(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let [epfd, events, max, timeout, mask, len] = args;
    let mask = if mask == 0 { None } else { Some(read_set(mask, len)?) };
    with_mask(thread, mask, || wait(thread, epfd, events, max, millis(timeout)))
}

fn epoll_pwait2(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let [epfd, events, max, timeout, mask, len] = args;
    let deadline = if timeout == 0 { None } else { Some(now() + read_timespec(timeout)?) };
    let mask = if mask == 0 { None } else { Some(read_set(mask, len)?) };
    with_mask(thread, mask, || wait(thread, epfd, events, max, deadline))
}

/// The deadline of a timeout in milliseconds; negative is none.
fn millis(timeout: usize) -> Option<Instant> {
    u64::try_from(timeout as i32).ok().map(|millis| now() + Duration::from_millis(millis))
}

fn wait(
    thread: &Arc<Thread>,
    epfd: usize,
    events: usize,
    max: usize,
    deadline: Option<Instant>,
) -> Result<usize> {
    let max = usize::try_from(max as i32).map_err(|_| Errno::EINVAL)?;
    if max == 0 || max > MAX_EVENTS {
        return Err(Errno::EINVAL);
    }
    let file = thread.files()?.get_opened(epfd as u32)?;
    let epoll = file.downcast::<EpollFile>().ok_or(Errno::EINVAL)?;
    let found = epoll.wait(max.min(BATCH), deadline)?;
    let mut bytes = Vec::with_capacity(found.len() * EVENT);
    for (ready, data) in &found {
        bytes.extend_from_slice(&ready.to_le_bytes());
        bytes.extend_from_slice(&data.to_le_bytes());
    }
    write_bytes(events, &bytes)?;
    Ok(found.len())
}
