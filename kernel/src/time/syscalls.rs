//! The system calls on time.

use linux_raw_sys::general as uapi;

use super::itimer::{Clock, Setting};
use super::{Duration, Instant, now, realtime, set_realtime};
use crate::mm::user;
use crate::prelude::*;
use crate::process::{Capability, Thread, times};
use crate::sync::Sleeper;
use crate::syscall::{Args, Call, Restart};

/// The part of the system call table this module answers.
pub const CALLS: &[(u32, Call)] = &[
    (uapi::__NR_nanosleep, Call::new(nanosleep).restarting(Restart::WithoutHandler)),
    (uapi::__NR_clock_nanosleep, Call::new(clock_nanosleep).restarting(Restart::WithoutHandler)),
    (uapi::__NR_clock_gettime, Call::new(clock_gettime)),
    (uapi::__NR_clock_getres, Call::new(clock_getres)),
    (uapi::__NR_clock_settime, Call::new(clock_settime)),
    (uapi::__NR_gettimeofday, Call::new(gettimeofday)),
    (uapi::__NR_settimeofday, Call::new(settimeofday)),
    (uapi::__NR_time, Call::new(time)),
    (uapi::__NR_times, Call::new(process_times)),
    (uapi::__NR_setitimer, Call::new(setitimer)),
    (uapi::__NR_getitimer, Call::new(getitimer)),
    (uapi::__NR_alarm, Call::new(alarm)),
];

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// Reads a `struct timespec` that says how long or until when.
///
/// # Errors
/// `EFAULT`; `EINVAL` for negative or denormal values.
pub fn read_timespec(addr: usize) -> Result<Duration> {
    let [seconds, nanos] = user::read_val::<[i64; 2]>(addr)?;
    match (u64::try_from(seconds), u64::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < NANOS_PER_SECOND => {
            Ok(Duration::new(seconds, nanos as u32))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// Writes a `struct timespec`.
///
/// # Errors
/// `EFAULT`.
pub fn write_timespec(addr: usize, span: Duration) -> Result<()> {
    user::write_val(addr, &[span.as_secs() as i64, i64::from(span.subsec_nanos())])
}

/// Reads a `struct timeval` that says how long.
///
/// # Errors
/// `EFAULT`; `EINVAL` for negative or denormal values.
pub fn read_timeval(addr: usize) -> Result<Duration> {
    let [seconds, micros] = user::read_val::<[i64; 2]>(addr)?;
    match (u64::try_from(seconds), u64::try_from(micros)) {
        (Ok(seconds), Ok(micros)) if micros < MICROS_PER_SECOND => {
            Ok(Duration::new(seconds, micros as u32 * 1000))
        }
        _ => Err(Errno::EINVAL),
    }
}

fn timeval(span: Duration) -> [i64; 2] {
    [span.as_secs() as i64, i64::from(span.subsec_micros())]
}

/// The time on a clock that can be slept on.
fn read_clock(thread: &Thread, clock: u32) -> Result<Duration> {
    match clock {
        uapi::CLOCK_REALTIME | uapi::CLOCK_REALTIME_COARSE | uapi::CLOCK_TAI => Ok(realtime()),
        uapi::CLOCK_MONOTONIC
        | uapi::CLOCK_MONOTONIC_RAW
        | uapi::CLOCK_MONOTONIC_COARSE
        | uapi::CLOCK_BOOTTIME => Ok(now().since(Instant::ZERO)),
        uapi::CLOCK_PROCESS_CPUTIME_ID => {
            let times = thread.process().times();
            Ok(times.user + times.system)
        }
        uapi::CLOCK_THREAD_CPUTIME_ID => {
            let times = thread.times();
            Ok(times.user + times.system)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn nanosleep(thread: &Arc<Thread>, [request, remain, ..]: Args) -> Result<usize> {
    let span = read_timespec(request)?;
    sleep_for(thread, span, remain)
}

fn clock_nanosleep(
    thread: &Arc<Thread>,
    [clock, flags, request, remain, ..]: Args,
) -> Result<usize> {
    let span = read_timespec(request)?;
    match clock as u32 {
        uapi::CLOCK_REALTIME | uapi::CLOCK_MONOTONIC | uapi::CLOCK_BOOTTIME | uapi::CLOCK_TAI => {}
        uapi::CLOCK_THREAD_CPUTIME_ID => return Err(Errno::EINVAL),
        // Linux's answer for clocks that cannot be slept on.
        _ => return Err(read_clock(thread, clock as u32).err().unwrap_or(Errno::EOPNOTSUPP)),
    }
    if flags as u32 & uapi::TIMER_ABSTIME == 0 {
        return sleep_for(thread, span, remain);
    }
    let left = span.saturating_sub(read_clock(thread, clock as u32)?);
    sleep_until(now() + left)?;
    Ok(0)
}

/// Sleeps for `span` counted from the first attempt, and tells what is left of it if
/// interrupted.
fn sleep_for(thread: &Thread, span: Duration, remain: usize) -> Result<usize> {
    let deadline = thread.deadline_after(span);
    match sleep_until(deadline) {
        Err(Errno::EINTR) if remain != 0 => {
            write_timespec(remain, deadline.since(now()))?;
            Err(Errno::EINTR)
        }
        outcome => outcome.map(|()| 0),
    }
}

fn sleep_until(deadline: Instant) -> Result<()> {
    let sleeper = Sleeper::new();
    loop {
        match sleeper.sleep(Some(deadline)) {
            Ok(()) => {}
            Err(Errno::ETIMEDOUT) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn clock_gettime(thread: &Arc<Thread>, [clock, to, ..]: Args) -> Result<usize> {
    write_timespec(to, read_clock(thread, clock as u32)?)?;
    Ok(0)
}

fn clock_getres(thread: &Arc<Thread>, [clock, to, ..]: Args) -> Result<usize> {
    read_clock(thread, clock as u32)?;
    if to != 0 {
        let coarse =
            matches!(clock as u32, uapi::CLOCK_REALTIME_COARSE | uapi::CLOCK_MONOTONIC_COARSE);
        write_timespec(to, Duration::from_nanos(if coarse { 1_000_000 } else { 1 }))?;
    }
    Ok(0)
}

fn clock_settime(thread: &Arc<Thread>, [clock, from, ..]: Args) -> Result<usize> {
    let wall = read_timespec(from)?;
    if clock as u32 != uapi::CLOCK_REALTIME {
        return Err(Errno::EINVAL);
    }
    thread.credentials().require(Capability::SysTime)?;
    set_realtime(wall);
    Ok(0)
}

fn gettimeofday(_thread: &Arc<Thread>, [to, zone, ..]: Args) -> Result<usize> {
    if to != 0 {
        user::write_val(to, &timeval(realtime()))?;
    }
    if zone != 0 {
        user::write_val(zone, &[0_i32; 2])?;
    }
    Ok(0)
}

fn settimeofday(thread: &Arc<Thread>, [from, zone, ..]: Args) -> Result<usize> {
    let wall = if from == 0 { None } else { Some(read_timeval(from)?) };
    thread.credentials().require(Capability::SysTime)?;
    if zone != 0 {
        // The kernel's time zone is always UTC.
        if user::read_val::<[i32; 2]>(zone)? != [0, 0] {
            return Err(Errno::EINVAL);
        }
    }
    wall.into_iter().for_each(set_realtime);
    Ok(0)
}

fn time(_thread: &Arc<Thread>, [to, ..]: Args) -> Result<usize> {
    let seconds = realtime().as_secs();
    if to != 0 {
        user::write_val(to, &seconds)?;
    }
    Ok(seconds as usize)
}

fn process_times(thread: &Arc<Thread>, [to, ..]: Args) -> Result<usize> {
    if to != 0 {
        let process = thread.process();
        let [user_ticks, system] = process.times().to_ticks();
        let [children_user, children_system] = process.children_times().to_ticks();
        user::write_val(to, &[user_ticks, system, children_user, children_system])?;
    }
    Ok(times::ticks(now().since(Instant::ZERO)) as usize)
}

fn clock_of(which: usize) -> Result<Clock> {
    match which as u32 {
        uapi::ITIMER_REAL => Ok(Clock::Real),
        uapi::ITIMER_VIRTUAL => Ok(Clock::Virtual),
        uapi::ITIMER_PROF => Ok(Clock::Profiling),
        _ => Err(Errno::EINVAL),
    }
}

fn write_setting(addr: usize, setting: Setting) -> Result<()> {
    user::write_val(addr, &[timeval(setting.interval), timeval(setting.value)])
}

fn setitimer(thread: &Arc<Thread>, [which, new, old, ..]: Args) -> Result<usize> {
    let clock = clock_of(which)?;
    let setting = match new {
        0 => Setting::default(),
        addr => {
            Setting { interval: read_timeval(addr)?, value: read_timeval(addr.wrapping_add(16))? }
        }
    };
    let previous = thread.process().timers.set(clock, setting);
    if old != 0 {
        write_setting(old, previous)?;
    }
    Ok(0)
}

fn getitimer(thread: &Arc<Thread>, [which, to, ..]: Args) -> Result<usize> {
    write_setting(to, thread.process().timers.get(clock_of(which)?))?;
    Ok(0)
}

fn alarm(thread: &Arc<Thread>, [seconds, ..]: Args) -> Result<usize> {
    let value = Duration::from_secs(u64::from(seconds as u32));
    let setting = Setting { value, interval: Duration::ZERO };
    let previous = thread.process().timers.set(Clock::Real, setting).value;
    // Rounded to the nearest second, but never to zero while it was set.
    let rounded = (previous + Duration::from_millis(500)).as_secs();
    Ok(if previous.is_zero() { 0 } else { rounded.max(1) as usize })
}
