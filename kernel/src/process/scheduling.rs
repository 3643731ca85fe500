//! What a thread says to the scheduler: nice values, and the rest of sched(7) as far as
//! a kernel with one scheduling class has it.

use linux_raw_sys::general as uapi;
use ostd::task::Task;

use super::{Capability, Pid, Thread, tree};
use crate::mm::user;
use crate::prelude::*;
use crate::sched;
use crate::syscall::Args;

fn named(thread: &Arc<Thread>, pid: usize) -> Result<Arc<Thread>> {
    match pid as Pid {
        0 => Ok(thread.clone()),
        pid if pid < 0 => Err(Errno::EINVAL),
        pid => tree::thread(pid).ok_or(Errno::ESRCH),
    }
}

pub(super) fn sched_yield(_thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    Task::yield_now();
    Ok(0)
}

pub(super) fn getcpu(_thread: &Arc<Thread>, [cpu, node, ..]: Args) -> Result<usize> {
    if cpu != 0 {
        user::write_val(cpu, &(sched::current_cpu() as u32))?;
    }
    if node != 0 {
        user::write_val(node, &0_u32)?;
    }
    Ok(0)
}

/// The set of all processors, as the ABI writes it.
fn all_processors() -> u64 {
    let count = ostd::cpu::num_cpus().min(64);
    u64::MAX >> (64 - count)
}

pub(super) fn sched_getaffinity(thread: &Arc<Thread>, [pid, len, to, ..]: Args) -> Result<usize> {
    named(thread, pid)?;
    if len < size_of::<u64>() || len % size_of::<u64>() != 0 {
        return Err(Errno::EINVAL);
    }
    user::write_val(to, &all_processors())?;
    Ok(size_of::<u64>())
}

/// Threads run wherever there is room: only a set that allows that can be had.
pub(super) fn sched_setaffinity(thread: &Arc<Thread>, [pid, len, from, ..]: Args) -> Result<usize> {
    named(thread, pid)?;
    let mut bytes = [0; 8];
    let len = len.min(bytes.len());
    user::read_bytes(from, &mut bytes[..len])?;
    let wanted = u64::from_le_bytes(bytes) & all_processors();
    if wanted == all_processors() { Ok(0) } else { Err(Errno::EINVAL) }
}

pub(super) fn sched_getscheduler(thread: &Arc<Thread>, [pid, ..]: Args) -> Result<usize> {
    named(thread, pid)?;
    Ok(uapi::SCHED_NORMAL as usize)
}

pub(super) fn sched_setscheduler(
    thread: &Arc<Thread>,
    [pid, policy, param, ..]: Args,
) -> Result<usize> {
    named(thread, pid)?;
    let priority = user::read_val::<i32>(param)?;
    match policy as u32 {
        uapi::SCHED_NORMAL if priority == 0 => Ok(0),
        // The real-time and batch classes do not exist here.
        _ => Err(Errno::EINVAL),
    }
}

pub(super) fn sched_getparam(thread: &Arc<Thread>, [pid, to, ..]: Args) -> Result<usize> {
    named(thread, pid)?;
    user::write_val(to, &0_i32)?;
    Ok(0)
}

pub(super) fn sched_setparam(thread: &Arc<Thread>, [pid, from, ..]: Args) -> Result<usize> {
    named(thread, pid)?;
    if user::read_val::<i32>(from)? == 0 { Ok(0) } else { Err(Errno::EINVAL) }
}

pub(super) fn sched_get_priority_max(_thread: &Arc<Thread>, [policy, ..]: Args) -> Result<usize> {
    priority_range(policy).map(|range| range[1])
}

pub(super) fn sched_get_priority_min(_thread: &Arc<Thread>, [policy, ..]: Args) -> Result<usize> {
    priority_range(policy).map(|range| range[0])
}

fn priority_range(policy: usize) -> Result<[usize; 2]> {
    match policy as u32 {
        uapi::SCHED_FIFO | uapi::SCHED_RR => Ok([1, 99]),
        uapi::SCHED_NORMAL | uapi::SCHED_BATCH | uapi::SCHED_IDLE => Ok([0, 0]),
        _ => Err(Errno::EINVAL),
    }
}

/// The threads getpriority(2) and setpriority(2) mean.
fn threads_of(thread: &Arc<Thread>, which: usize, who: usize) -> Result<Vec<Arc<Thread>>> {
    let who = who as Pid;
    let threads = match which as u32 {
        uapi::PRIO_PROCESS => alloc::vec![named(thread, who as usize)?],
        uapi::PRIO_PGRP => {
            let group = match who {
                0 => tree::group_of(thread.process().pid()).ok_or(Errno::ESRCH)?,
                group => group,
            };
            tree::group_members(group).iter().flat_map(|process| process.threads()).collect()
        }
        uapi::PRIO_USER => {
            let uid = match who {
                0 => thread.credentials().uid.real,
                uid => uid as u32,
            };
            let mut threads: Vec<Arc<Thread>> =
                tree::all_processes().iter().flat_map(|process| process.threads()).collect();
            threads.retain(|thread| thread.credentials().uid.real == uid);
            threads
        }
        _ => return Err(Errno::EINVAL),
    };
    if threads.is_empty() { Err(Errno::ESRCH) } else { Ok(threads) }
}

/// The raw call gives 20 less the nice value, so that no answer looks like an error.
pub(super) fn getpriority(thread: &Arc<Thread>, [which, who, ..]: Args) -> Result<usize> {
    let threads = threads_of(thread, which, who)?;
    let nice = threads.iter().map(|thread| thread.nice()).min().unwrap_or(0);
    Ok((20 - nice) as usize)
}

pub(super) fn setpriority(thread: &Arc<Thread>, [which, who, nice, ..]: Args) -> Result<usize> {
    let nice = (nice as i32).clamp(-20, 19);
    let own = thread.credentials();
    let threads = threads_of(thread, which, who)?;
    for target in &threads {
        let theirs = target.credentials();
        let is_own = [theirs.uid.real, theirs.uid.effective].contains(&own.uid.effective);
        if !is_own && !own.has(Capability::SysNice) {
            return Err(Errno::EPERM);
        }
        if nice < target.nice() && !own.has(Capability::SysNice) {
            return Err(Errno::EACCES);
        }
    }
    threads.iter().for_each(|target| target.set_nice(nice));
    Ok(0)
}
