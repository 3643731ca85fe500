//! Handling signals on the way back to user code.

use linux_raw_sys::general as uapi;
use ostd::arch::cpu::context::UserContext;
use warren_kernel_core::signals::DefaultAction;

use super::state::Stop;
use super::{Action, Code, Disposition, SigInfo, Signal, SignalSet, frame, kill_process};
use crate::prelude::*;
use crate::process::{ExitStatus, Thread, tree};
use crate::syscall::Restart;

/// A system call that a signal interrupted.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted {
    /// Its number, to make it again.
    pub number: usize,
    /// When it is made again.
    pub restart: Restart,
}

/// The length of the `syscall` instruction.
const SYSCALL_LEN: usize = 2;

impl Interrupted {
    fn make_again(self, context: &mut UserContext) {
        context.set_rax(self.number);
        context.set_rip(context.rip() - SYSCALL_LEN);
    }

    /// Settles what the handler that is about to run comes back to.
    fn settle_for_handler(self, context: &mut UserContext, action: &Action) {
        if self.restart == Restart::Always && action.has(uapi::SA_RESTART) {
            self.make_again(context);
        } else {
            context.set_rax((-Errno::EINTR.get()) as usize);
        }
    }

    fn settle_without_handler(self, context: &mut UserContext) {
        if self.restart == Restart::Never {
            context.set_rax((-Errno::EINTR.get()) as usize);
        } else {
            self.make_again(context);
        }
    }
}

/// What becomes of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It goes on in user code. True if a call is made again without a handler between.
    Resume(bool),
    /// It leaves, and its process with it or not.
    Exit,
}

enum Next {
    Nothing,
    Leave,
    WaitWhileStopped,
    Handle(SigInfo, Action),
    Default(SigInfo),
}

/// Handles every signal the thread has to handle before it goes on.
pub fn deliver(
    thread: &Arc<Thread>,
    context: &mut UserContext,
    mut interrupted: Option<Interrupted>,
) -> Outcome {
    loop {
        match next(thread) {
            Next::Leave => return Outcome::Exit,
            Next::WaitWhileStopped => wait_while_stopped(thread),
            Next::Nothing => break,
            Next::Default(info) => {
                act_by_default(thread, info.signal);
            }
            Next::Handle(info, action) => {
                if let Some(call) = interrupted.take() {
                    call.settle_for_handler(context, &action);
                }
                if frame::push(thread, context, &info, &action).is_err() {
                    // There is no room for the frame: that is a fault of its own.
                    super::force(thread, SigInfo::kernel(Signal::SEGV));
                }
            }
        }
    }
    let saved = thread.signals.lock().saved_mask.take();
    if let Some(mask) = saved {
        thread.set_signal_mask(mask);
    }
    let Some(call) = interrupted else { return Outcome::Resume(false) };
    call.settle_without_handler(context);
    Outcome::Resume(call.restart != Restart::Never)
}

/// Takes what is to be done next.
fn next(thread: &Arc<Thread>) -> Next {
    let process = thread.process();
    let mut signals = process.signals.lock();
    if signals.exiting.is_some() || thread.signals.lock().killed {
        return Next::Leave;
    }
    let taken = {
        let mut own = thread.signals.lock();
        // A stopped process handles nothing but its end.
        let open = if signals.stop == Stop::Running {
            SignalSet::from_bits(!own.mask.bits())
        } else {
            SignalSet::of(&[Signal::KILL])
        };
        own.pending.take(open).or_else(|| signals.pending.take(open))
    };
    let Some((signal, info)) = taken else {
        if signals.stop != Stop::Running {
            return Next::WaitWhileStopped;
        }
        thread.refresh_signal_pending(&signals);
        return Next::Nothing;
    };
    let action = *signals.actions.get(signal);
    if action.has(uapi::SA_RESETHAND) && matches!(action.disposition, Disposition::Handler(_)) {
        signals.actions.set(signal, Action::DEFAULT);
    }
    thread.refresh_signal_pending(&signals);
    match action.disposition {
        Disposition::Handler(_) => Next::Handle(info, action),
        Disposition::Default => Next::Default(info),
        Disposition::Ignore => Next::Default(SigInfo::kernel(Signal::URG)),
    }
}

fn act_by_default(thread: &Arc<Thread>, signal: Signal) {
    let process = thread.process();
    match signal.default_action() {
        DefaultAction::Ignore | DefaultAction::Continue => {}
        DefaultAction::Terminate => kill_process(process, ExitStatus::Killed(signal)),
        // There are no core dumps: the process ends as if the limit on them were zero.
        DefaultAction::Core => kill_process(process, ExitStatus::Killed(signal)),
        DefaultAction::Stop => stop(thread, signal),
    }
}

/// Stops the process, unless it is a terminal's stop signal and nobody could continue it.
fn stop(thread: &Arc<Thread>, signal: Signal) {
    let process = thread.process();
    if signal != Signal::STOP && tree::is_orphaned_group(process) {
        return;
    }
    let mut signals = process.signals.lock();
    if signals.exiting.is_some() {
        return;
    }
    signals.stop = Stop::Stopped(signal);
    signals.untold_stop = Some(signal);
    signals.untold_continue = false;
    for other in process.threads() {
        other.refresh_signal_pending(&signals);
        other.wake();
    }
    drop(signals);
    tree::tell_parent_of_change(process, Code::CHILD_STOPPED, signal);
}

/// Waits until the process continues or ends.
fn wait_while_stopped(thread: &Arc<Thread>) {
    let process = thread.process();
    process.resumed.wait_uninterruptible(|| {
        let signals = process.signals.lock();
        let own = thread.signals.lock();
        let is_over = signals.stop == Stop::Running || signals.exiting.is_some() || own.killed;
        let kill = SignalSet::of(&[Signal::KILL]);
        let pending = signals.pending.set().union(own.pending.set());
        (is_over || !pending.intersection(kill).is_empty()).then_some(())
    });
}
