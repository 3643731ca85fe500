//! Sending signals: queueing them and waking whoever must see them.

use warren_kernel_core::signals::{DefaultAction, Queued};

use super::state::Stop;
use super::{Action, Disposition, ProcessSignals, SigInfo, Signal, SignalSet};
use crate::prelude::*;
use crate::process::{ExitStatus, Pid, Process, Thread, tree};

/// How many real-time signals wait for one process or thread at most.
const QUEUE_LIMIT: usize = 1024;

const CONT: SignalSet = SignalSet::of(&[Signal::CONT]);

/// Sends a signal to a process: any thread that does not block it may take it.
pub fn send_to_process(process: &Arc<Process>, info: SigInfo) {
    let mut signals = process.signals.lock();
    let news = prepare(process, &mut signals, info.signal);
    if !is_dropped(process, &signals, info.signal, None)
        && signals.pending.add(info.signal, info, QUEUE_LIMIT) == Queued::Yes
    {
        wake_for(process, &signals, info.signal);
    }
    drop(signals);
    tell_parent(process, news);
}

/// Sends a signal to one thread.
///
/// # Errors
/// `EAGAIN` if too many wait.
pub fn send_to_thread(thread: &Arc<Thread>, info: SigInfo) -> Result<()> {
    let process = thread.process();
    let mut signals = process.signals.lock();
    let news = prepare(process, &mut signals, info.signal);
    let mut queued = Queued::Already;
    if !is_dropped(process, &signals, info.signal, Some(thread)) {
        queued = thread.signals.lock().pending.add(info.signal, info, QUEUE_LIMIT);
        if queued == Queued::Yes {
            if is_fatal(process, &signals, info.signal) {
                wake_for(process, &signals, info.signal);
            }
            thread.refresh_signal_pending(&signals);
            thread.wake();
        }
    }
    drop(signals);
    tell_parent(process, news);
    if queued == Queued::Full { Err(Errno::EAGAIN) } else { Ok(()) }
}

/// Sends a signal to every process of a group. False if there is none.
pub fn send_to_group(group: Pid, info: SigInfo) -> bool {
    let members = tree::group_members(group);
    members.iter().for_each(|process| send_to_process(process, info));
    !members.is_empty()
}

/// Raises a signal in the current thread that cannot be put off: if it is blocked or
/// ignored the process ends by it.
pub fn force(thread: &Arc<Thread>, info: SigInfo) {
    let process = thread.process();
    let mut signals = process.signals.lock();
    let mut own = thread.signals.lock();
    let is_blocked = own.mask.contains(info.signal);
    if is_blocked || signals.actions.get(info.signal).disposition == Disposition::Ignore {
        signals.actions.set(info.signal, Action::DEFAULT);
        own.mask = own.mask.difference(SignalSet::of(&[info.signal]));
    }
    own.pending.discard(SignalSet::of(&[info.signal]));
    let _: Queued = own.pending.add(info.signal, info, QUEUE_LIMIT);
    drop(own);
    thread.refresh_signal_pending(&signals);
}

/// Ends a process: all its threads leave, whatever they do.
pub fn kill_process(process: &Arc<Process>, status: ExitStatus) {
    let mut signals = process.signals.lock();
    signals.exiting.get_or_insert(status);
    signals.stop = Stop::Running;
    let threads = process.threads();
    for thread in &threads {
        thread.signals.lock().killed = true;
        thread.refresh_signal_pending(&signals);
        thread.wake();
    }
    drop(signals);
    process.resumed.wake_all();
}

/// What stopping and continuing signals do when sent, whether or not they are blocked:
/// each forgets the other kind, and SIGCONT and SIGKILL set a stopped process going.
/// True if the parent is to hear that it continued.
fn prepare(process: &Arc<Process>, signals: &mut ProcessSignals, signal: Signal) -> bool {
    let forget = |signals: &mut ProcessSignals, set: SignalSet| {
        signals.pending.discard(set);
        for thread in process.threads() {
            thread.signals.lock().pending.discard(set);
        }
    };
    if SignalSet::STOPPING.contains(signal) {
        forget(signals, CONT);
        return false;
    }
    if signal != Signal::CONT && signal != Signal::KILL {
        return false;
    }
    forget(signals, SignalSet::STOPPING);
    if signals.stop == Stop::Running {
        return false;
    }
    signals.stop = Stop::Running;
    signals.untold_stop = None;
    signals.untold_continue = signal == Signal::CONT;
    process.resumed.wake_all();
    signal == Signal::CONT
}

fn tell_parent(process: &Arc<Process>, continued: bool) {
    if continued {
        tree::tell_parent_of_change(process, super::Code::CHILD_CONTINUED, Signal::CONT);
    }
}

/// Whether a signal need not even be queued: it is ignored, and nobody who blocks it might
/// change that before taking it.
fn is_dropped(
    process: &Process,
    signals: &ProcessSignals,
    signal: Signal,
    target: Option<&Arc<Thread>>,
) -> bool {
    if process.is_init() && is_deadly_default(signals, signal) {
        return true;
    }
    let is_blocked = |thread: &Arc<Thread>| {
        let own = thread.signals.lock();
        own.mask.contains(signal) || own.awaited.contains(signal)
    };
    let blocked = match target {
        Some(thread) => is_blocked(thread),
        None => process.threads().iter().any(is_blocked),
    };
    signals.actions.get(signal).ignores(signal) && !blocked
}

/// Whether the default action would end or stop a process, and nothing else is set.
fn is_deadly_default(signals: &ProcessSignals, signal: Signal) -> bool {
    let harmless =
        matches!(signal.default_action(), DefaultAction::Ignore | DefaultAction::Continue);
    signals.actions.get(signal).disposition == Disposition::Default && !harmless
}

/// Whether the signal will end the process, so that all its threads must see it soon.
fn is_fatal(process: &Process, signals: &ProcessSignals, signal: Signal) -> bool {
    signal == Signal::KILL && !process.is_init() && signals.exiting.is_none()
}

/// Wakes a thread that will take `signal`; all of them for SIGKILL.
fn wake_for(process: &Process, signals: &ProcessSignals, signal: Signal) {
    let threads = process.threads();
    threads.iter().for_each(|thread| thread.refresh_signal_pending(signals));
    if signal == Signal::KILL {
        threads.iter().for_each(|thread| thread.wake());
        process.resumed.wake_all();
        return;
    }
    let wants = |thread: &&Arc<Thread>| {
        let own = thread.signals.lock();
        !own.mask.contains(signal) || own.awaited.contains(signal)
    };
    if let Some(thread) = threads.iter().find(wants) {
        thread.wake();
    }
}
