//! A process: threads that share an address space and are seen as one from outside.

use ostd::sync::SpinLock;

use super::{Limits, Pid, Thread};
use crate::mm::AddressSpace;
use crate::prelude::*;

/// A process.
pub struct Process {
    pid: Pid,
    space: SpinLock<Option<Arc<AddressSpace>>>,
    threads: SpinLock<Vec<Arc<Thread>>>,
    /// Resource limits.
    pub limits: SpinLock<Limits>,
}

impl Process {
    /// A process without threads yet.
    #[must_use]
    pub fn new(pid: Pid, space: Arc<AddressSpace>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            pid,
            space: SpinLock::new(Some(space)),
            threads: SpinLock::new(Vec::new()),
            limits: SpinLock::new(limits),
        })
    }

    /// The process id, which is the thread id of its first thread.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The address space; `None` once the process has exited.
    #[must_use]
    pub fn space(&self) -> Option<Arc<AddressSpace>> {
        self.space.lock().clone()
    }

    /// The threads that have not exited.
    #[must_use]
    pub fn threads(&self) -> Vec<Arc<Thread>> {
        self.threads.lock().clone()
    }
}
