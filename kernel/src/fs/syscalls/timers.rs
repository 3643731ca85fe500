//! timerfd_create(2), timerfd_settime(2), timerfd_gettime(2).

use super::{check_flags, fd};
use crate::fs::OpenFile;
use crate::fs::file::OpenFlags;
use crate::fs::timerfd::{TimerFd, new_timerfd};
use crate::mm::user;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};
use crate::time::{Duration, now, realtime};

pub(super) const CALLS: &[(u32, Call)] = &[
    (283, Call::new(sys_timerfd_create)),
    (286, Call::new(sys_timerfd_settime)),
    (287, Call::new(sys_timerfd_gettime)),
];

fn sys_timerfd_create(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const REALTIME: usize = 0;
    const MONOTONIC: usize = 1;
    const BOOTTIME: usize = 7;
    const CLOEXEC: usize = OpenFlags::CLOEXEC.bits() as usize;
    const NONBLOCK: usize = OpenFlags::NONBLOCK.bits() as usize;
    check_flags(args[1], CLOEXEC | NONBLOCK)?;
    // The system never sleeps, so the boot-time clock is the monotonic one.
    if !matches!(args[0], REALTIME | MONOTONIC | BOOTTIME) {
        return Err(Errno::EINVAL);
    }
    let flags = OpenFlags::from_bits_retain((args[1] & NONBLOCK) as u32);
    let file = new_timerfd(args[0] == REALTIME, flags);
    Ok(thread.files()?.insert(file, args[1] & CLOEXEC != 0)? as usize)
}

fn timer(thread: &Thread, number: usize) -> Result<Arc<OpenFile>> {
    let file = thread.files()?.get_opened(fd(number)?)?;
    if file.downcast::<TimerFd>().is_some() { Ok(file) } else { Err(Errno::EINVAL) }
}

fn span([secs, nanos]: [i64; 2]) -> Result<Duration> {
    let secs = u64::try_from(secs).map_err(|_| Errno::EINVAL)?;
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    Ok(Duration::new(secs, nanos.ok_or(Errno::EINVAL)?))
}

/// Writes `struct itimerspec`.
fn write_setting(addr: usize, (interval, left): (Duration, Duration)) -> Result<()> {
    let pair = |span: Duration| [span.as_secs(), u64::from(span.subsec_nanos())];
    user::write_val(addr, &[pair(interval), pair(left)])
}

fn sys_timerfd_settime(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const ABSTIME: usize = 1;
    check_flags(args[1], ABSTIME)?;
    let [interval, value] = user::read_val::<[[i64; 2]; 2]>(args[2])?;
    let (interval, value) = (span(interval)?, span(value)?);
    let file = timer(thread, args[0])?;
    let timer = file.downcast::<TimerFd>().ok_or(Errno::EINVAL)?;
    let delay = match (args[1] & ABSTIME != 0, timer.is_realtime()) {
        (false, _) => value,
        (true, true) => value.saturating_sub(realtime()),
        (true, false) => value.saturating_sub(now().since(crate::time::Instant::ZERO)),
    };
    let next = (!value.is_zero()).then(|| now() + delay);
    let previous = timer.set(next, interval);
    if args[3] != 0 {
        write_setting(args[3], previous)?;
    }
    Ok(0)
}

fn sys_timerfd_gettime(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let file = timer(thread, args[0])?;
    let timer = file.downcast::<TimerFd>().ok_or(Errno::EINVAL)?;
    write_setting(args[1], timer.get())?;
    Ok(0)
}
