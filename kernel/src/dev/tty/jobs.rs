//! Job control: which session a terminal controls, and who may use it now
//! (credentials(7), setpgid(2), tcsetpgrp(3)).

use core::any::Any;

use ostd::sync::{LocalIrqDisabled, SpinLock};

use super::Tty;
use crate::prelude::*;
use crate::process::{Pid, Session, Terminal, Thread, current, tree};
use crate::signal::{SigInfo, Signal, send_to_group};

#[derive(Clone, Copy, Default)]
struct State {
    /// The session this terminal controls.
    session: Option<Pid>,
    /// The group that may read and that keys signal.
    foreground: Option<Pid>,
}

/// A terminal's part in job control.
pub(super) struct Jobs {
    state: SpinLock<State, LocalIrqDisabled>,
}

fn own_session(thread: &Thread) -> Result<Arc<Session>> {
    tree::session(thread.process().pid()).ok_or(Errno::ESRCH)
}

fn own_group(thread: &Thread) -> Result<Pid> {
    tree::group_of(thread.process().pid()).ok_or(Errno::ESRCH)
}

/// Whether the current thread ignores or blocks `signal`.
fn is_shut_out(thread: &Thread, signal: Signal) -> bool {
    thread.process().signals.lock().actions.get(signal).ignores(signal)
        || thread.signals.lock().mask.contains(signal)
}

impl Jobs {
    pub(super) fn new() -> Self {
        Self { state: SpinLock::new(State::default()) }
    }

    fn state(&self) -> State {
        *self.state.lock()
    }

    /// Sends what a key means to the foreground group.
    pub(super) fn signal_foreground(&self, signal: Signal) {
        if let Some(group) = self.state().foreground {
            send_to_group(group, SigInfo::kernel(signal));
        }
    }

    /// The line is gone: the session hears of it and is without a terminal.
    pub(super) fn hang_up(&self) {
        let state = core::mem::take(&mut *self.state.lock());
        let Some(session) = state.session else { return };
        if let Some(session) = tree::session(session) {
            drop(session.set_terminal(None));
        }
        // The leader's group has the leader's, that is the session's, number.
        for group in [Some(session), state.foreground].into_iter().flatten() {
            send_to_group(group, SigInfo::kernel(Signal::HUP));
            send_to_group(group, SigInfo::kernel(Signal::CONT));
        }
    }

    /// The session's leader has ended.
    pub(super) fn session_ended(&self) {
        let state = core::mem::take(&mut *self.state.lock());
        if let Some(group) = state.foreground {
            send_to_group(group, SigInfo::kernel(Signal::HUP));
            send_to_group(group, SigInfo::kernel(Signal::CONT));
        }
    }

    /// The caller's group, if the terminal controls the caller's session and another
    /// group is in the foreground.
    fn background_group(&self, tty: &Tty, thread: &Thread) -> Result<Option<Pid>> {
        let terminal = own_session(thread)?.terminal();
        let controls = terminal.is_some_and(|terminal| is_same(&*terminal, tty));
        let group = own_group(thread)?;
        let foreground = self.state().foreground;
        Ok(Some(group).filter(|own| controls && foreground.is_some_and(|group| group != *own)))
    }

    /// `EIO`, or SIGTTIN and `EINTR`, if the caller is in the background.
    pub(super) fn check_read(&self, tty: &Tty) -> Result<()> {
        let thread = current();
        let Some(group) = self.background_group(tty, &thread)? else { return Ok(()) };
        if is_shut_out(&thread, Signal::TTIN) || tree::is_orphaned_group(thread.process()) {
            return Err(Errno::EIO);
        }
        send_to_group(group, SigInfo::kernel(Signal::TTIN));
        Err(Errno::EINTR)
    }

    /// `EIO`, or SIGTTOU and `EINTR`, if the caller is in the background and changes
    /// the terminal.
    pub(super) fn check_change(&self, tty: &Tty) -> Result<()> {
        let thread = current();
        let Some(group) = self.background_group(tty, &thread)? else { return Ok(()) };
        if is_shut_out(&thread, Signal::TTOU) {
            return Ok(());
        }
        if tree::is_orphaned_group(thread.process()) {
            return Err(Errno::EIO);
        }
        send_to_group(group, SigInfo::kernel(Signal::TTOU));
        Err(Errno::EINTR)
    }

    /// `ENOTTY` unless the terminal controls the caller's session, whose id is answered.
    pub(super) fn check_controls_caller(&self, tty: &Tty) -> Result<Pid> {
        let session = own_session(&current())?;
        let controls = session.terminal().is_some_and(|terminal| is_same(&*terminal, tty));
        if controls { Ok(session.id()) } else { Err(Errno::ENOTTY) }
    }

    pub(super) fn foreground(&self) -> Option<Pid> {
        self.state().foreground
    }

    pub(super) fn session(&self) -> Option<Pid> {
        self.state().session
    }

    /// Puts `group` of the caller's session into the foreground.
    pub(super) fn set_foreground(&self, tty: &Tty, group: Pid) -> Result<()> {
        self.check_change(tty)?;
        let session = self.check_controls_caller(tty)?;
        if group < 0 {
            return Err(Errno::EINVAL);
        }
        if !tree::is_group_of_session(group, session) {
            return Err(if tree::group_members(group).is_empty() {
                Errno::ESRCH
            } else {
                Errno::EPERM
            });
        }
        self.state.lock().foreground = Some(group);
        Ok(())
    }
}

impl Terminal for Tty {
    fn session_ended(&self) {
        self.jobs.session_ended();
    }
}

fn is_same(terminal: &dyn Terminal, tty: &Tty) -> bool {
    core::ptr::addr_eq(terminal, tty)
}

/// Makes `tty` control the caller's session if nothing is in the way: the caller leads
/// it, it has no terminal, the terminal has no session. Otherwise nothing happens, nor for
/// process 1: on Linux it leads no session until it asks for one.
pub(super) fn acquire(tty: &Arc<Tty>) {
    let thread = current();
    if thread.process().is_init() {
        return;
    }
    let Ok(session) = own_session(&thread) else { return };
    if session.id() != thread.process().pid() || session.terminal().is_some() {
        return;
    }
    let Ok(group) = own_group(&thread) else { return };
    let mut state = tty.jobs.state.lock();
    if state.session.is_none() {
        *state = State { session: Some(session.id()), foreground: Some(group) };
        drop(state);
        drop(session.set_terminal(Some(tty.clone())));
    }
}

/// TIOCSCTTY: makes `tty` control the caller's session; with `steal` even if it controls
/// another one.
///
/// # Errors
/// `EPERM` unless the caller leads a session without a terminal, and the terminal is
/// free or may be stolen.
pub(super) fn take(tty: &Arc<Tty>, steal: bool) -> Result<()> {
    let thread = current();
    let session = own_session(&thread)?;
    if tty.jobs.session() == Some(session.id()) {
        return Ok(());
    }
    if session.id() != thread.process().pid() || session.terminal().is_some() {
        return Err(Errno::EPERM);
    }
    if let Some(owner) = tty.jobs.session() {
        if !steal {
            return Err(Errno::EPERM);
        }
        thread.credentials().require(crate::process::Capability::SysAdmin)?;
        if let Some(owner) = tree::session(owner) {
            drop(owner.set_terminal(None));
        }
    }
    let group = own_group(&thread)?;
    *tty.jobs.state.lock() = State { session: Some(session.id()), foreground: Some(group) };
    drop(session.set_terminal(Some(tty.clone())));
    Ok(())
}

/// TIOCNOTTY: the caller gives up its controlling terminal; if it leads the session, all
/// of the session does.
///
/// # Errors
/// `ENOTTY` if `tty` is not the caller's.
pub(super) fn give_up(tty: &Tty) -> Result<()> {
    let id = tty.jobs.check_controls_caller(tty)?;
    let thread = current();
    if id == thread.process().pid() {
        let session = own_session(&thread)?;
        drop(session.set_terminal(None));
        tty.jobs.session_ended();
    }
    Ok(())
}

/// The caller's controlling terminal, which /dev/tty opens.
///
/// # Errors
/// `ENXIO` if it has none.
pub fn controlling() -> Result<Arc<Tty>> {
    let terminal = own_session(&current())?.terminal().ok_or(Errno::ENXIO)?;
    let any: Arc<dyn Any + Send + Sync> = terminal;
    any.downcast().map_err(|_| Errno::ENXIO)
}
