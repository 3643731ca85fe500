//! A process: threads that share an address space and are seen as one from outside.

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, Ordering};

use ostd::sync::{LocalIrqDisabled, Mutex, SpinLock};

use super::{Credentials, ExitStatus, Limits, Pid, Thread, Times};
use crate::mm::AddressSpace;
use crate::prelude::*;
use crate::signal::{ProcessSignals, Signal, Stop};
use crate::sync::WaitQueue;
use crate::time::{Instant, IntervalTimers, now};

/// A process.
pub struct Process {
    pid: Pid,
    space: SpinLock<Option<Arc<AddressSpace>>, LocalIrqDisabled>,
    threads: SpinLock<Vec<Arc<Thread>>, LocalIrqDisabled>,
    /// Signals to any of the threads, and what is done about each signal.
    pub signals: SpinLock<ProcessSignals, LocalIrqDisabled>,
    /// Woken when the process continues, or is to end.
    pub resumed: WaitQueue,
    /// Woken when a child ends, stops or continues.
    pub children_changed: WaitQueue,
    /// Woken when a thread leaves, for execve.
    pub thread_left: WaitQueue,
    /// Resource limits.
    pub limits: SpinLock<Limits, LocalIrqDisabled>,
    /// setitimer(2)'s timers.
    pub timers: IntervalTimers,
    /// The times of threads that have left.
    departed: SpinLock<Times, LocalIrqDisabled>,
    /// The times of children that were waited for.
    reaped: SpinLock<Times, LocalIrqDisabled>,
    /// Held by the thread that changes which threads there are (clone, execve).
    pub(super) forming: Mutex<()>,
    exit_signal: AtomicU32,
    death_signal: AtomicU32,
    has_execed: AtomicBool,
    /// What its first thread gave exit(2), if others outlived it.
    first_exit_code: AtomicU8,
    /// `PR_SET_DUMPABLE`.
    pub dumpable: AtomicI32,
    started: Instant,
    executable: SpinLock<Arc<[u8]>, LocalIrqDisabled>,
}

fn signal_from(number: &AtomicU32) -> Option<Signal> {
    Signal::from_number(number.load(Ordering::Relaxed) as usize)
}

fn signal_number(signal: Option<Signal>) -> u32 {
    signal.map_or(0, Signal::number)
}

impl Process {
    /// A process without threads yet. When it ends its parent gets `exit_signal`.
    #[must_use]
    pub fn new(
        pid: Pid,
        space: Arc<AddressSpace>,
        limits: Limits,
        signals: ProcessSignals,
        exit_signal: Option<Signal>,
        executable: Arc<[u8]>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|weak| Self {
            pid,
            space: SpinLock::new(Some(space)),
            threads: SpinLock::new(Vec::new()),
            signals: SpinLock::new(signals),
            resumed: WaitQueue::new(),
            children_changed: WaitQueue::new(),
            thread_left: WaitQueue::new(),
            limits: SpinLock::new(limits),
            timers: IntervalTimers::new(weak.clone()),
            departed: SpinLock::new(Times::default()),
            reaped: SpinLock::new(Times::default()),
            forming: Mutex::new(()),
            exit_signal: AtomicU32::new(signal_number(exit_signal)),
            death_signal: AtomicU32::new(0),
            has_execed: AtomicBool::new(false),
            first_exit_code: AtomicU8::new(0),
            dumpable: AtomicI32::new(1),
            started: now(),
            executable: SpinLock::new(executable),
        })
    }

    /// The process id, which is the thread id of its first thread.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether this is process 1, which no signal ends that it does not want.
    #[must_use]
    pub fn is_init(&self) -> bool {
        self.pid == 1
    }

    /// The address space; `None` once the process has exited.
    #[must_use]
    pub fn space(&self) -> Option<Arc<AddressSpace>> {
        self.space.lock().clone()
    }

    /// Gives the process another address space, or none.
    pub(super) fn set_space(&self, space: Option<Arc<AddressSpace>>) {
        let is_gone = space.is_none();
        let previous = core::mem::replace(&mut *self.space.lock(), space);
        if is_gone {
            AddressSpace::deactivate();
        }
        // Without another process in it, this frees the memory.
        drop(previous);
    }

    /// The threads that have not exited.
    #[must_use]
    pub fn threads(&self) -> Vec<Arc<Thread>> {
        self.threads.lock().clone()
    }

    /// How many threads have not exited.
    #[must_use]
    pub fn thread_count(&self) -> usize {
        self.threads.lock().len()
    }

    /// Adds a thread, unless the process is ending.
    ///
    /// # Errors
    /// `EINTR` if it is.
    pub(super) fn add_thread(&self, thread: Arc<Thread>) -> Result<()> {
        let signals = self.signals.lock();
        if signals.exiting.is_some() {
            return Err(Errno::EINTR);
        }
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Takes a thread out; true if it was the last.
    pub(super) fn remove_thread(&self, thread: &Arc<Thread>) -> bool {
        let times = thread.times();
        let mut departed = self.departed.lock();
        *departed = *departed + times;
        drop(departed);
        let mut threads = self.threads.lock();
        threads.retain(|other| !Arc::ptr_eq(other, thread));
        let is_last = threads.is_empty();
        drop(threads);
        self.thread_left.wake_all();
        is_last
    }

    /// Whom the process acts for: its first thread's credentials. `None` for a zombie.
    #[must_use]
    pub fn credentials(&self) -> Option<Arc<Credentials>> {
        self.threads.lock().first().map(|thread| thread.credentials())
    }

    /// The thread whose properties stand for the process; `None` for a zombie.
    #[must_use]
    pub fn main_thread(&self) -> Option<Arc<Thread>> {
        self.threads.lock().first().cloned()
    }

    /// Processor time of all threads, those that left included.
    #[must_use]
    pub fn times(&self) -> Times {
        let threads = self.threads();
        threads.iter().fold(*self.departed.lock(), |sum, thread| sum + thread.times())
    }

    /// Processor time of children that were waited for, and of theirs.
    #[must_use]
    pub fn children_times(&self) -> Times {
        *self.reaped.lock()
    }

    /// Adds the times of a child that was waited for.
    pub(super) fn add_children_times(&self, times: Times) {
        let mut reaped = self.reaped.lock();
        *reaped = *reaped + times;
    }

    /// When the process was made.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The path of the program it runs.
    #[must_use]
    pub fn executable(&self) -> Arc<[u8]> {
        self.executable.lock().clone()
    }

    /// Notes that the process runs another program.
    pub(super) fn set_executed(&self, path: Arc<[u8]>) {
        let previous = core::mem::replace(&mut *self.executable.lock(), path);
        drop(previous);
        self.has_execed.store(true, Ordering::Relaxed);
        self.exit_signal.store(Signal::CHLD.number(), Ordering::Relaxed);
    }

    /// Whether it has called execve: then its parent may not change its group any more.
    #[must_use]
    pub fn has_execed(&self) -> bool {
        self.has_execed.load(Ordering::Relaxed)
    }

    /// What the parent gets when the process ends.
    #[must_use]
    pub fn exit_signal(&self) -> Option<Signal> {
        signal_from(&self.exit_signal)
    }

    /// What the process gets when its parent ends (`PR_SET_PDEATHSIG`).
    #[must_use]
    pub fn parent_death_signal(&self) -> Option<Signal> {
        signal_from(&self.death_signal)
    }

    /// Sets what the process gets when its parent ends.
    pub fn set_parent_death_signal(&self, signal: Option<Signal>) {
        self.death_signal.store(signal_number(signal), Ordering::Relaxed);
    }

    /// Notes what the first thread gave exit(2) while others go on.
    pub(super) fn note_exit_code(&self, code: u8) {
        self.first_exit_code.store(code, Ordering::Relaxed);
    }

    /// How the process ends if all its threads leave one by one.
    pub(super) fn first_exit_status(&self) -> ExitStatus {
        ExitStatus::Exited(self.first_exit_code.load(Ordering::Relaxed))
    }

    /// Whether a signal has stopped it.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.signals.lock().stop != Stop::Running
    }

    /// Whether all its threads are about to leave.
    #[must_use]
    pub fn is_exiting(&self) -> bool {
        self.signals.lock().exiting.is_some()
    }
}
