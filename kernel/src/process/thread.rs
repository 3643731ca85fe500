//! A thread of a process, as Linux's ABI sees one.

use core::sync::atomic::{AtomicBool, Ordering};

use ostd::sync::{LocalIrqDisabled, SpinLock, Waker};

use super::{Credentials, NsProxy, Process, SavedRegisters};
use crate::fs::{FdTable, FsContext};
use crate::prelude::*;

/// A process or thread id.
pub type Pid = i32;

/// What a thread shares with those it was cloned with, piece by piece.
#[derive(Clone)]
pub struct Resources {
    /// Open files.
    pub files: Arc<FdTable>,
    /// Root, working directory, umask, mount namespace.
    pub fs: Arc<FsContext>,
    /// The other namespaces.
    pub ns: Arc<NsProxy>,
}

/// A user thread.
pub struct Thread {
    tid: Pid,
    process: Arc<Process>,
    credentials: SpinLock<Arc<Credentials>>,
    /// `None` once the thread has exited: then nothing is pinned by it any more.
    resources: SpinLock<Option<Resources>>,
    registers: SpinLock<SavedRegisters, LocalIrqDisabled>,
    /// Wakes the thread out of an interruptible sleep.
    sleeping: SpinLock<Option<Arc<Waker>>, LocalIrqDisabled>,
    /// Whether a signal waits that is to be handled before anything else.
    signal_pending: AtomicBool,
}

impl Thread {
    /// A thread of `process`, not yet part of it.
    #[must_use]
    pub fn new(
        tid: Pid,
        process: Arc<Process>,
        credentials: Arc<Credentials>,
        resources: Resources,
        registers: SavedRegisters,
    ) -> Arc<Self> {
        Arc::new(Self {
            tid,
            process,
            credentials: SpinLock::new(credentials),
            resources: SpinLock::new(Some(resources)),
            registers: SpinLock::new(registers),
            sleeping: SpinLock::new(None),
            signal_pending: AtomicBool::new(false),
        })
    }

    /// The thread id.
    #[must_use]
    pub fn tid(&self) -> Pid {
        self.tid
    }

    /// The process this is a thread of.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Whom the thread acts for.
    #[must_use]
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.lock().clone()
    }

    /// Changes whom the thread acts for.
    pub fn set_credentials(&self, credentials: Credentials) {
        let credentials = Arc::new(credentials);
        let previous = core::mem::replace(&mut *self.credentials.lock(), credentials);
        drop(previous);
    }

    /// The open files.
    ///
    /// # Errors
    /// `ESRCH` once the thread has exited.
    pub fn files(&self) -> Result<Arc<FdTable>> {
        Ok(self.resources.lock().as_ref().ok_or(Errno::ESRCH)?.files.clone())
    }

    /// Root, working directory, umask, mount namespace.
    ///
    /// # Errors
    /// `ESRCH` once the thread has exited.
    pub fn fs(&self) -> Result<Arc<FsContext>> {
        Ok(self.resources.lock().as_ref().ok_or(Errno::ESRCH)?.fs.clone())
    }

    /// The namespaces that are not the file system's.
    ///
    /// # Errors
    /// `ESRCH` once the thread has exited.
    pub fn ns(&self) -> Result<Arc<NsProxy>> {
        Ok(self.resources.lock().as_ref().ok_or(Errno::ESRCH)?.ns.clone())
    }

    /// Changes what the thread shares; the old pieces are let go after the lock.
    ///
    /// # Errors
    /// `ESRCH` once the thread has exited.
    pub fn replace_resources(&self, change: impl FnOnce(&mut Resources)) -> Result<()> {
        let mut slot = self.resources.lock();
        let previous = slot.clone().ok_or(Errno::ESRCH)?;
        slot.as_mut().map(change).ok_or(Errno::ESRCH)?;
        drop(slot);
        drop(previous);
        Ok(())
    }

    pub(super) fn registers(&self) -> &SpinLock<SavedRegisters, LocalIrqDisabled> {
        &self.registers
    }

    /// Whether a signal waits that is to be handled before anything else.
    #[must_use]
    pub fn has_signal(&self) -> bool {
        self.signal_pending.load(Ordering::Acquire)
    }

    /// Says how to wake the thread if a signal comes; `None` when it is awake again.
    pub(crate) fn set_sleeping(&self, waker: Option<Arc<Waker>>) {
        let previous = core::mem::replace(&mut *self.sleeping.lock(), waker);
        drop(previous);
    }
}
