//! What processes and threads keep about signals.

use warren_kernel_core::signals::Pending;

use super::{ActionTable, SigInfo, Signal, SignalSet};
use crate::process::ExitStatus;

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Stop {
    /// It does.
    #[default]
    Running,
    /// This signal stopped it.
    Stopped(Signal),
}

/// The signal state all threads of a process share.
#[derive(Default)]
pub struct ProcessSignals {
    /// Signals for any thread.
    pub pending: Pending<SigInfo>,
    /// What is done about each.
    pub actions: ActionTable,
    /// Whether the process is stopped.
    pub stop: Stop,
    /// News for wait(2) that has not been told: stopped by this signal.
    pub untold_stop: Option<Signal>,
    /// News for wait(2) that has not been told: continued.
    pub untold_continue: bool,
    /// The process is to end, with this status: all its threads leave.
    pub exiting: Option<ExitStatus>,
}

/// `stack_t`: where handlers run that ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AltStack {
    /// Its lowest address.
    pub base: usize,
    /// `SS_*`.
    pub flags: u32,
    /// How long it is; zero if there is none.
    pub size: usize,
}

impl AltStack {
    /// Whether `sp` is on it.
    #[must_use]
    pub fn contains(&self, sp: usize) -> bool {
        self.size != 0 && sp > self.base && sp - self.base <= self.size
    }
}

/// The signal state of a thread.
#[derive(Default)]
pub struct ThreadSignals {
    /// Signals for this thread alone.
    pub pending: Pending<SigInfo>,
    /// What is not delivered now.
    pub mask: SignalSet,
    /// The mask to come back to, while a call like sigsuspend(2) waits with another.
    pub saved_mask: Option<SignalSet>,
    /// The signals sigtimedwait(2) waits for: they wake although they are blocked.
    pub awaited: SignalSet,
    /// The alternate stack.
    pub alt_stack: AltStack,
    /// The thread is to leave: its process does, or another thread of it execs.
    pub killed: bool,
}
