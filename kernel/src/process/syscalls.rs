//! The table of this module's system calls, and those that make, end and find processes.

use linux_raw_sys::general as uapi;
use ostd::arch::cpu::context::UserContext;

use super::clone::{CloneArgs, clone};
use super::exec::{self, Arguments};
use super::wait::{Change, News, WaitOptions, Which, wait};
use super::{ExitStatus, Pid, Thread, control, exit, identity, scheduling, tree, usage};
use crate::fs::open::open_exec;
use crate::mm::user;
use crate::prelude::*;
use crate::signal::{self, SigInfo, Signal};
use crate::syscall::{Args, Call};

/// The part of the system call table this module answers.
pub const CALLS: &[(u32, Call)] = &[
    (uapi::__NR_clone, Call::with_context(sys_clone)),
    (uapi::__NR_fork, Call::with_context(fork)),
    (uapi::__NR_vfork, Call::with_context(vfork)),
    (uapi::__NR_execve, Call::with_context(execve)),
    (uapi::__NR_execveat, Call::with_context(execveat)),
    (uapi::__NR_exit, Call::new(sys_exit)),
    (uapi::__NR_exit_group, Call::new(exit_group)),
    (uapi::__NR_wait4, Call::new(wait4)),
    (uapi::__NR_waitid, Call::new(waitid)),
    (uapi::__NR_getpid, Call::new(getpid)),
    (uapi::__NR_gettid, Call::new(gettid)),
    (uapi::__NR_getppid, Call::new(getppid)),
    (uapi::__NR_getpgid, Call::new(getpgid)),
    (uapi::__NR_getpgrp, Call::new(getpgrp)),
    (uapi::__NR_setpgid, Call::new(setpgid)),
    (uapi::__NR_getsid, Call::new(getsid)),
    (uapi::__NR_setsid, Call::new(setsid)),
    (uapi::__NR_set_tid_address, Call::new(control::set_tid_address)),
    (uapi::__NR_arch_prctl, Call::new(control::arch_prctl)),
    (uapi::__NR_prctl, Call::new(control::prctl)),
    (uapi::__NR_personality, Call::new(control::personality)),
    (uapi::__NR_getuid, Call::new(identity::getuid)),
    (uapi::__NR_geteuid, Call::new(identity::geteuid)),
    (uapi::__NR_getgid, Call::new(identity::getgid)),
    (uapi::__NR_getegid, Call::new(identity::getegid)),
    (uapi::__NR_getresuid, Call::new(identity::getresuid)),
    (uapi::__NR_getresgid, Call::new(identity::getresgid)),
    (uapi::__NR_setuid, Call::new(identity::setuid)),
    (uapi::__NR_setgid, Call::new(identity::setgid)),
    (uapi::__NR_setreuid, Call::new(identity::setreuid)),
    (uapi::__NR_setregid, Call::new(identity::setregid)),
    (uapi::__NR_setresuid, Call::new(identity::setresuid)),
    (uapi::__NR_setresgid, Call::new(identity::setresgid)),
    (uapi::__NR_setfsuid, Call::new(identity::setfsuid)),
    (uapi::__NR_setfsgid, Call::new(identity::setfsgid)),
    (uapi::__NR_getgroups, Call::new(identity::getgroups)),
    (uapi::__NR_setgroups, Call::new(identity::setgroups)),
    (uapi::__NR_capget, Call::new(identity::capget)),
    (uapi::__NR_capset, Call::new(identity::capset)),
    (uapi::__NR_getrusage, Call::new(usage::getrusage)),
    (uapi::__NR_prlimit64, Call::new(usage::prlimit64)),
    (uapi::__NR_getrlimit, Call::new(usage::getrlimit)),
    (uapi::__NR_setrlimit, Call::new(usage::setrlimit)),
    (uapi::__NR_sched_yield, Call::new(scheduling::sched_yield)),
    (uapi::__NR_sched_getaffinity, Call::new(scheduling::sched_getaffinity)),
    (uapi::__NR_sched_setaffinity, Call::new(scheduling::sched_setaffinity)),
    (uapi::__NR_sched_getscheduler, Call::new(scheduling::sched_getscheduler)),
    (uapi::__NR_sched_setscheduler, Call::new(scheduling::sched_setscheduler)),
    (uapi::__NR_sched_getparam, Call::new(scheduling::sched_getparam)),
    (uapi::__NR_sched_setparam, Call::new(scheduling::sched_setparam)),
    (uapi::__NR_sched_get_priority_max, Call::new(scheduling::sched_get_priority_max)),
    (uapi::__NR_sched_get_priority_min, Call::new(scheduling::sched_get_priority_min)),
    (uapi::__NR_getpriority, Call::new(scheduling::getpriority)),
    (uapi::__NR_setpriority, Call::new(scheduling::setpriority)),
    (uapi::__NR_getcpu, Call::new(scheduling::getcpu)),
];

fn sys_clone(
    thread: &Arc<Thread>,
    [flags, stack, parent_tid, child_tid, tls, _]: Args,
    context: &mut UserContext,
) -> Result<usize> {
    let args = CloneArgs { flags: flags as u32, stack, parent_tid, child_tid, tls };
    clone(thread, args, context).map(|tid| tid as usize)
}

fn fork(thread: &Arc<Thread>, _args: Args, context: &mut UserContext) -> Result<usize> {
    sys_clone(thread, [Signal::CHLD.number() as usize, 0, 0, 0, 0, 0], context)
}

fn vfork(thread: &Arc<Thread>, _args: Args, context: &mut UserContext) -> Result<usize> {
    let flags = uapi::CLONE_VFORK | uapi::CLONE_VM | Signal::CHLD.number();
    sys_clone(thread, [flags as usize, 0, 0, 0, 0, 0], context)
}

fn execve(
    thread: &Arc<Thread>,
    [path, argv, envp, ..]: Args,
    context: &mut UserContext,
) -> Result<usize> {
    execveat(thread, [uapi::AT_FDCWD as usize, path, argv, envp, 0, 0], context)
}

fn execveat(
    thread: &Arc<Thread>,
    [dir, path, argv, envp, flags, _]: Args,
    context: &mut UserContext,
) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(uapi::AT_EMPTY_PATH | uapi::AT_SYMLINK_NOFOLLOW) != 0 {
        return Err(Errno::EINVAL);
    }
    let name = user::read_cstr(path, uapi::PATH_MAX as usize)?;
    if name.is_empty() && flags & uapi::AT_EMPTY_PATH == 0 {
        return Err(Errno::ENOENT);
    }
    let follow = flags & uapi::AT_SYMLINK_NOFOLLOW == 0;
    let file = open_exec(thread, dir as i32, &name, follow)?;
    let arguments = Arguments::read(thread, argv, envp)?;
    exec::execute(thread, file, &name, arguments, context)?;
    // The registers of a new program are all zero but for the two it needs.
    Ok(0)
}

fn sys_exit(thread: &Arc<Thread>, [code, ..]: Args) -> Result<usize> {
    exit::exit_thread(thread, code as u8);
    Ok(0)
}

fn exit_group(thread: &Arc<Thread>, [code, ..]: Args) -> Result<usize> {
    signal::kill_process(thread.process(), ExitStatus::Exited(code as u8));
    Ok(0)
}

fn wait4(thread: &Arc<Thread>, [pid, status, options, rusage, ..]: Args) -> Result<usize> {
    let allowed = WaitOptions::NOHANG
        | WaitOptions::STOPPED
        | WaitOptions::CONTINUED
        | WaitOptions::NOTHREAD
        | WaitOptions::ALL
        | WaitOptions::CLONE;
    let options = WaitOptions::from_bits(options as u32).ok_or(Errno::EINVAL)?;
    if !allowed.contains(options) {
        return Err(Errno::EINVAL);
    }
    let which = match pid as Pid {
        -1 => Which::Any,
        0 => Which::Group(own_group(thread)?),
        Pid::MIN => return Err(Errno::ESRCH),
        pid if pid < 0 => Which::Group(-pid),
        pid => Which::Process(pid),
    };
    let Some(news) = wait(thread, which, options | WaitOptions::EXITED)? else { return Ok(0) };
    if status != 0 {
        user::write_val(status, &news.change.to_wait())?;
    }
    if rusage != 0 {
        usage::write_rusage(rusage, news.times, 0)?;
    }
    Ok(news.pid as usize)
}

fn waitid(thread: &Arc<Thread>, [kind, id, info, options, rusage, _]: Args) -> Result<usize> {
    let options = WaitOptions::from_bits(options as u32).ok_or(Errno::EINVAL)?;
    let reports = WaitOptions::EXITED | WaitOptions::STOPPED | WaitOptions::CONTINUED;
    if !options.intersects(reports) {
        return Err(Errno::EINVAL);
    }
    let which = match (kind as u32, id as Pid) {
        (uapi::P_ALL, _) => Which::Any,
        (uapi::P_PID, pid) if pid > 0 => Which::Process(pid),
        (uapi::P_PGID, 0) => Which::Group(own_group(thread)?),
        (uapi::P_PGID, group) if group > 0 => Which::Group(group),
        _ => return Err(Errno::EINVAL),
    };
    let news = wait(thread, which, options)?;
    if rusage != 0
        && let Some(news) = &news
    {
        usage::write_rusage(rusage, news.times, 0)?;
    }
    if info != 0 {
        user::write_bytes(info, &child_info(news.as_ref()))?;
    }
    Ok(0)
}

/// What waitid(2) tells; all zeros if there is no news. Times are not told there.
fn child_info(news: Option<&News>) -> Vec<u8> {
    let Some(news) = news else { return alloc::vec![0; signal::SIGINFO_LEN] };
    let (code, status) = Change::to_info(news.change);
    SigInfo::child(Signal::CHLD, code, news.pid, news.uid, status, [0, 0]).to_bytes().to_vec()
}

fn own_group(thread: &Thread) -> Result<Pid> {
    tree::group_of(thread.process().pid()).ok_or(Errno::ESRCH)
}

fn getpid(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    Ok(thread.process().pid() as usize)
}

fn gettid(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    Ok(thread.tid() as usize)
}

fn getppid(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    Ok(tree::parent_of(thread.process().pid()).unwrap_or(0) as usize)
}

/// The process an argument names; zero is the caller's.
fn named(thread: &Thread, pid: usize) -> Result<Pid> {
    match pid as Pid {
        0 => Ok(thread.process().pid()),
        pid if pid < 0 => Err(Errno::ESRCH),
        pid => tree::process_of_thread(pid).map(|process| process.pid()).ok_or(Errno::ESRCH),
    }
}

fn getpgid(thread: &Arc<Thread>, [pid, ..]: Args) -> Result<usize> {
    let group = tree::group_of(named(thread, pid)?).ok_or(Errno::ESRCH)?;
    Ok(group as usize)
}

fn getpgrp(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    own_group(thread).map(|group| group as usize)
}

fn setpgid(thread: &Arc<Thread>, [pid, group, ..]: Args) -> Result<usize> {
    let group = group as Pid;
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    let pid = named(thread, pid)?;
    let group = if group == 0 { pid } else { group };
    tree::change_group(thread.process().pid(), pid, group)?;
    Ok(0)
}

fn getsid(thread: &Arc<Thread>, [pid, ..]: Args) -> Result<usize> {
    let session = tree::session_of(named(thread, pid)?).ok_or(Errno::ESRCH)?;
    Ok(session as usize)
}

fn setsid(thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    tree::start_session(thread.process().pid()).map(|session| session as usize)
}
