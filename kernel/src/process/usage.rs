//! How much a process may use and has used: prlimit64(2), getrusage(2).

use linux_raw_sys::general as uapi;

use super::{Capability, Limit, Pid, Process, Thread, Times, tree};
use crate::mm::user;
use crate::prelude::*;
use crate::syscall::Args;
use crate::time::Duration;

/// The most descriptors any limit may allow, `fs.nr_open`.
const MAX_OPEN_FILES: u64 = crate::fs::fdtable::MAX_FILES as u64;
const OPEN_FILES: usize = 7;
/// `struct rusage`: sixteen words of 64 bits plus the two times.
const RUSAGE_WORDS: usize = 18;

/// Writes a `struct rusage`; what is not counted here is zero, as it may be on Linux.
pub(super) fn write_rusage(addr: usize, times: Times, peak_resident: usize) -> Result<()> {
    let mut words = [0_i64; RUSAGE_WORDS];
    let timeval = |span: Duration| [span.as_secs() as i64, i64::from(span.subsec_micros())];
    words[..2].copy_from_slice(&timeval(times.user));
    words[2..4].copy_from_slice(&timeval(times.system));
    words[4] = (peak_resident / 1024) as i64;
    user::write_val(addr, &words)
}

pub(super) fn getrusage(thread: &Arc<Thread>, [who, addr, ..]: Args) -> Result<usize> {
    let process = thread.process();
    let times = match who as i32 {
        0 => process.times(),
        uapi::RUSAGE_CHILDREN => process.children_times(),
        1 => thread.times(),
        _ => return Err(Errno::EINVAL),
    };
    let peak = process.space().map_or(0, |space| space.usage().2);
    write_rusage(addr, times, peak)?;
    Ok(0)
}

/// The process whose limits are asked for, if the caller may.
fn target(thread: &Arc<Thread>, pid: Pid) -> Result<Arc<Process>> {
    if pid == 0 || pid == thread.process().pid() {
        return Ok(thread.process().clone());
    }
    let target = tree::process_of_thread(pid).ok_or(Errno::ESRCH)?;
    let (own, theirs) = (thread.credentials(), target.credentials().ok_or(Errno::ESRCH)?);
    let same_user = [theirs.uid.real, theirs.uid.effective, theirs.uid.saved]
        .iter()
        .all(|uid| *uid == own.uid.real);
    let same_group = [theirs.gid.real, theirs.gid.effective, theirs.gid.saved]
        .iter()
        .all(|gid| *gid == own.gid.real);
    if same_user && same_group || own.has(Capability::SysResource) {
        Ok(target)
    } else {
        Err(Errno::EPERM)
    }
}

fn get_and_set(
    thread: &Arc<Thread>,
    process: &Process,
    resource: usize,
    new: Option<Limit>,
) -> Result<Limit> {
    let own = thread.credentials();
    let mut limits = process.limits.lock();
    let limit = limits.by_number(resource).ok_or(Errno::EINVAL)?;
    let old = *limit;
    if let Some(new) = new {
        if new.soft > new.hard {
            return Err(Errno::EINVAL);
        }
        let beyond = resource == OPEN_FILES && new.hard > MAX_OPEN_FILES;
        if beyond || (new.hard > old.hard && !own.has(Capability::SysResource)) {
            return Err(Errno::EPERM);
        }
        *limit = new;
    }
    Ok(old)
}

fn read_limit(addr: usize) -> Result<Limit> {
    let [soft, hard] = user::read_val::<[u64; 2]>(addr)?;
    Ok(Limit { soft, hard })
}

pub(super) fn prlimit64(
    thread: &Arc<Thread>,
    [pid, resource, new, old, ..]: Args,
) -> Result<usize> {
    let new = if new == 0 { None } else { Some(read_limit(new)?) };
    let process = target(thread, pid as Pid)?;
    let previous = get_and_set(thread, &process, resource as u32 as usize, new)?;
    if old != 0 {
        user::write_val(old, &[previous.soft, previous.hard])?;
    }
    Ok(0)
}

pub(super) fn getrlimit(thread: &Arc<Thread>, [resource, to, ..]: Args) -> Result<usize> {
    let limit = get_and_set(thread, thread.process(), resource as u32 as usize, None)?;
    user::write_val(to, &[limit.soft, limit.hard])?;
    Ok(0)
}

pub(super) fn setrlimit(thread: &Arc<Thread>, [resource, from, ..]: Args) -> Result<usize> {
    let new = read_limit(from)?;
    get_and_set(thread, thread.process(), resource as u32 as usize, Some(new))?;
    Ok(0)
}
