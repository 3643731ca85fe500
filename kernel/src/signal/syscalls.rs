//! The system calls on signals.

use linux_raw_sys::general as uapi;
use ostd::arch::cpu::context::UserContext;
use warren_kernel_core::signals::SignalSet;

use super::info::SIGINFO_LEN;
use super::{
    Action, AltStack, Code, SigInfo, Signal, force, frame, send_to_process, send_to_thread,
    with_mask,
};
use crate::mm::user;
use crate::prelude::*;
use crate::process::{Capability, Credentials, Pid, Process, Thread, tree};
use crate::sync::Sleeper;
use crate::syscall::{Args, Call, Restart};
use crate::time::{self, now};

/// The part of the system call table this module answers.
pub const CALLS: &[(u32, Call)] = &[
    (uapi::__NR_rt_sigaction, Call::new(rt_sigaction)),
    (uapi::__NR_rt_sigprocmask, Call::new(rt_sigprocmask)),
    (uapi::__NR_rt_sigpending, Call::new(rt_sigpending)),
    (uapi::__NR_rt_sigtimedwait, Call::new(rt_sigtimedwait).restarting(Restart::Never)),
    (uapi::__NR_rt_sigsuspend, Call::new(rt_sigsuspend).restarting(Restart::WithoutHandler)),
    (uapi::__NR_pause, Call::new(pause).restarting(Restart::WithoutHandler)),
    (uapi::__NR_rt_sigreturn, Call::with_context(rt_sigreturn)),
    (uapi::__NR_sigaltstack, Call::with_context(sigaltstack)),
    (uapi::__NR_kill, Call::new(kill)),
    (uapi::__NR_tkill, Call::new(tkill)),
    (uapi::__NR_tgkill, Call::new(tgkill)),
    (uapi::__NR_rt_sigqueueinfo, Call::new(rt_sigqueueinfo)),
    (uapi::__NR_rt_tgsigqueueinfo, Call::new(rt_tgsigqueueinfo)),
];

/// The size of `sigset_t` in the kernel's ABI.
const SET_LEN: usize = 8;

/// Reads a signal set argument; KILL and STOP are never in one.
///
/// # Errors
/// `EINVAL` for another size, `EFAULT`.
pub fn read_set(addr: usize, len: usize) -> Result<SignalSet> {
    if len != SET_LEN {
        return Err(Errno::EINVAL);
    }
    let set = SignalSet::from_bits(user::read_val(addr)?);
    Ok(set.difference(SignalSet::UNSTOPPABLE))
}

fn signal(number: usize) -> Result<Signal> {
    Signal::from_number(number as u32 as usize).ok_or(Errno::EINVAL)
}

/// Signal zero asks only whether one could be sent.
fn optional_signal(number: usize) -> Result<Option<Signal>> {
    if number as u32 == 0 { Ok(None) } else { signal(number).map(Some) }
}

fn rt_sigaction(thread: &Arc<Thread>, [number, new, old, len, ..]: Args) -> Result<usize> {
    let signal = signal(number)?;
    if len != SET_LEN {
        return Err(Errno::EINVAL);
    }
    let action = match new {
        0 => None,
        addr => Some(Action::from_words(user::read_val(addr)?)),
    };
    if action.is_some() && SignalSet::UNSTOPPABLE.contains(signal) {
        return Err(Errno::EINVAL);
    }
    let process = thread.process();
    let previous = {
        let mut signals = process.signals.lock();
        let previous = *signals.actions.get(signal);
        if let Some(action) = action {
            signals.actions.set(signal, action);
            if action.ignores(signal) {
                let set = SignalSet::of(&[signal]);
                signals.pending.discard(set);
                for thread in process.threads() {
                    thread.signals.lock().pending.discard(set);
                    thread.refresh_signal_pending(&signals);
                }
            }
        }
        previous
    };
    if old != 0 {
        user::write_val(old, &previous.to_words())?;
    }
    Ok(0)
}

fn rt_sigprocmask(thread: &Arc<Thread>, [how, new, old, len, ..]: Args) -> Result<usize> {
    if len != SET_LEN {
        return Err(Errno::EINVAL);
    }
    let previous = thread.signals.lock().mask;
    if new != 0 {
        let set = read_set(new, len)?;
        let mask = match how as u32 {
            uapi::SIG_BLOCK => previous.union(set),
            uapi::SIG_UNBLOCK => previous.difference(set),
            uapi::SIG_SETMASK => set,
            _ => return Err(Errno::EINVAL),
        };
        thread.set_signal_mask(mask);
    }
    if old != 0 {
        user::write_val(old, &previous.bits())?;
    }
    Ok(0)
}

fn rt_sigpending(thread: &Arc<Thread>, [addr, len, ..]: Args) -> Result<usize> {
    if len > SET_LEN {
        return Err(Errno::EINVAL);
    }
    let set = {
        let signals = thread.process().signals.lock();
        let own = thread.signals.lock();
        signals.pending.set().union(own.pending.set()).intersection(own.mask)
    };
    user::write_bytes(addr, &set.bits().to_le_bytes()[..len])?;
    Ok(0)
}

fn rt_sigtimedwait(thread: &Arc<Thread>, [set, info, timeout, len, ..]: Args) -> Result<usize> {
    let set = read_set(set, len)?;
    let deadline = match timeout {
        0 => None,
        addr => Some(now() + time::read_timespec(addr)?),
    };
    let take = || {
        let mut signals = thread.process().signals.lock();
        let mut own = thread.signals.lock();
        let taken = own.pending.take(set).or_else(|| signals.pending.take(set));
        drop(own);
        thread.refresh_signal_pending(&signals);
        taken
    };
    let sleeper = Sleeper::new();
    thread.signals.lock().awaited = set;
    let taken = loop {
        if let Some((_, taken)) = take() {
            break Ok(taken);
        }
        match sleeper.sleep(deadline) {
            Ok(()) => {}
            Err(Errno::ETIMEDOUT) => break Err(Errno::EAGAIN),
            Err(error) => break Err(error),
        }
    };
    thread.signals.lock().awaited = SignalSet::EMPTY;
    let taken = taken?;
    if info != 0 {
        user::write_bytes(info, &taken.to_bytes())?;
    }
    Ok(taken.signal.number() as usize)
}

fn rt_sigsuspend(thread: &Arc<Thread>, [set, len, ..]: Args) -> Result<usize> {
    let set = read_set(set, len)?;
    with_mask(thread, Some(set), sleep_until_signal)
}

fn pause(_thread: &Arc<Thread>, _args: Args) -> Result<usize> {
    sleep_until_signal()
}

fn sleep_until_signal() -> Result<usize> {
    let sleeper = Sleeper::new();
    loop {
        sleeper.sleep(None)?;
    }
}

fn rt_sigreturn(thread: &Arc<Thread>, _args: Args, context: &mut UserContext) -> Result<usize> {
    if frame::pop(thread, context).is_err() {
        force(thread, SigInfo::kernel(Signal::SEGV));
    }
    // Whatever the interrupted code had there stays.
    Ok(context.rax())
}

fn sigaltstack(
    thread: &Arc<Thread>,
    [new, old, ..]: Args,
    context: &mut UserContext,
) -> Result<usize> {
    let sp = context.rsp();
    let previous = thread.signals.lock().alt_stack;
    if new != 0 {
        let [base, flags, size] = user::read_val::<[usize; 3]>(new)?;
        if previous.contains(sp) {
            return Err(Errno::EPERM);
        }
        let flags = flags as u32;
        let stack = match flags & !uapi::SS_AUTODISARM {
            uapi::SS_DISABLE => AltStack::default(),
            0 | uapi::SS_ONSTACK if size < uapi::MINSIGSTKSZ as usize => {
                return Err(Errno::ENOMEM);
            }
            0 | uapi::SS_ONSTACK => AltStack { base, flags: flags & uapi::SS_AUTODISARM, size },
            _ => return Err(Errno::EINVAL),
        };
        thread.signals.lock().alt_stack = stack;
    }
    if old != 0 {
        user::write_bytes(old, &frame::alt_stack_bytes(&previous, sp))?;
    }
    Ok(0)
}

/// Whether `sender` may signal `target` (kill(2)): the same user, or `CAP_KILL`; within a
/// session SIGCONT is free.
fn may_signal(sender: &Thread, target: &Process, signal: Option<Signal>) -> bool {
    let own = sender.credentials();
    let Some(theirs) = target.credentials() else { return own.has(Capability::Kill) };
    let is_same = |theirs: &Credentials| {
        let uids = [own.uid.effective, own.uid.real];
        uids.contains(&theirs.uid.saved) || uids.contains(&theirs.uid.real)
    };
    own.has(Capability::Kill)
        || is_same(&theirs)
        || (signal == Some(Signal::CONT)
            && tree::session_of(target.pid()) == tree::session_of(sender.process().pid()))
}

fn kill(thread: &Arc<Thread>, [pid, number, ..]: Args) -> Result<usize> {
    let pid = pid as Pid;
    let signal = optional_signal(number)?;
    let info = |signal| SigInfo::from_user(signal, Code::USER, thread);
    let own = thread.process();
    let targets = match pid {
        1.. => {
            let target = tree::process_of_thread(pid).ok_or(Errno::ESRCH)?;
            if !may_signal(thread, &target, signal) {
                return Err(Errno::EPERM);
            }
            signal.into_iter().for_each(|signal| send_to_process(&target, info(signal)));
            return Ok(0);
        }
        0 => tree::group_members(tree::group_of(own.pid()).ok_or(Errno::ESRCH)?),
        -1 => tree::all_processes()
            .into_iter()
            .filter(|process| !process.is_init() && !Arc::ptr_eq(process, own))
            .collect(),
        Pid::MIN => return Err(Errno::ESRCH),
        group => tree::group_members(-group),
    };
    if targets.is_empty() {
        return Err(Errno::ESRCH);
    }
    let mut allowed = false;
    for target in &targets {
        if may_signal(thread, target, signal) {
            allowed = true;
            signal.into_iter().for_each(|signal| send_to_process(target, info(signal)));
        }
    }
    if allowed { Ok(0) } else { Err(Errno::EPERM) }
}

fn tkill(thread: &Arc<Thread>, [tid, number, ..]: Args) -> Result<usize> {
    kill_thread(thread, None, tid as Pid, number)
}

fn tgkill(thread: &Arc<Thread>, [pid, tid, number, ..]: Args) -> Result<usize> {
    if pid as Pid <= 0 {
        return Err(Errno::EINVAL);
    }
    kill_thread(thread, Some(pid as Pid), tid as Pid, number)
}

fn find_thread(pid: Option<Pid>, tid: Pid) -> Result<Arc<Thread>> {
    if tid <= 0 {
        return Err(Errno::EINVAL);
    }
    let target = tree::thread(tid).ok_or(Errno::ESRCH)?;
    if pid.is_some_and(|pid| pid != target.process().pid()) {
        return Err(Errno::ESRCH);
    }
    Ok(target)
}

fn kill_thread(thread: &Arc<Thread>, pid: Option<Pid>, tid: Pid, number: usize) -> Result<usize> {
    let target = find_thread(pid, tid)?;
    let signal = optional_signal(number)?;
    if !may_signal(thread, target.process(), signal) {
        return Err(Errno::EPERM);
    }
    if let Some(signal) = signal {
        send_to_thread(&target, SigInfo::from_user(signal, Code::TKILL, thread))?;
    }
    Ok(0)
}

/// Reads what rt_sigqueueinfo(2) is to tell. Only to itself may a process claim what
/// only the kernel or kill(2) says.
fn read_info(thread: &Thread, pid: Pid, number: usize, addr: usize) -> Result<SigInfo> {
    let mut bytes = [0; SIGINFO_LEN];
    user::read_bytes(addr, &mut bytes)?;
    let info = SigInfo::from_bytes(signal(number)?, &bytes);
    let claims_kernel = info.code.0 >= 0 || info.code == Code::TKILL;
    if claims_kernel && pid != thread.process().pid() {
        return Err(Errno::EPERM);
    }
    Ok(info)
}

fn rt_sigqueueinfo(thread: &Arc<Thread>, [pid, number, info, ..]: Args) -> Result<usize> {
    let pid = pid as Pid;
    let info = read_info(thread, pid, number, info)?;
    let target = tree::process_of_thread(pid).ok_or(Errno::ESRCH)?;
    if !may_signal(thread, &target, Some(info.signal)) {
        return Err(Errno::EPERM);
    }
    send_to_process(&target, info);
    Ok(0)
}

fn rt_tgsigqueueinfo(thread: &Arc<Thread>, [pid, tid, number, info, ..]: Args) -> Result<usize> {
    let pid = pid as Pid;
    let info = read_info(thread, pid, number, info)?;
    let target = find_thread(Some(pid), tid as Pid)?;
    if !may_signal(thread, target.process(), Some(info.signal)) {
        return Err(Errno::EPERM);
    }
    send_to_thread(&target, info)?;
    Ok(0)
}
