//! Sessions and the terminals that control them.

use core::any::Any;

use ostd::sync::{LocalIrqDisabled, SpinLock};

use super::Pid;
use crate::prelude::*;

/// A terminal, as far as process management is concerned.
pub trait Terminal: Any + Send + Sync {
    /// The leader of the session it controlled has ended: it tells the foreground group
    /// (SIGHUP, SIGCONT) and is free for another session.
    fn session_ended(&self);
}

/// A session: process groups that share a controlling terminal.
pub struct Session {
    id: Pid,
    terminal: SpinLock<Option<Arc<dyn Terminal>>, LocalIrqDisabled>,
}

impl Session {
    /// A session without a terminal; `id` is its leader's pid.
    #[must_use]
    pub fn new(id: Pid) -> Arc<Self> {
        Arc::new(Self { id, terminal: SpinLock::new(None) })
    }

    /// Its id, which is its leader's pid.
    #[must_use]
    pub fn id(&self) -> Pid {
        self.id
    }

    /// The controlling terminal.
    #[must_use]
    pub fn terminal(&self) -> Option<Arc<dyn Terminal>> {
        self.terminal.lock().clone()
    }

    /// Sets the controlling terminal and hands out the one before.
    pub fn set_terminal(&self, terminal: Option<Arc<dyn Terminal>>) -> Option<Arc<dyn Terminal>> {
        core::mem::replace(&mut *self.terminal.lock(), terminal)
    }
}
