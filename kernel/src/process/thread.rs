//! A thread of a process, as Linux's ABI sees one.

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};

use ostd::sync::{LocalIrqDisabled, SpinLock, Waker};
use ostd::task::Task;
use spin::Once;

use super::{Credentials, NsProxy, Process, SavedRegisters, Times};
use crate::fs::{FdTable, FsContext};
use crate::prelude::*;
use crate::sched::TaskData;
use crate::signal::{ProcessSignals, SignalSet, ThreadSignals};
use crate::sync::WaitQueue;
use crate::time::{Duration, Instant, now};

/// A process or thread id.
pub type Pid = i32;

/// The length of a thread's name with its final zero, `TASK_COMM_LEN`.
pub const NAME_LEN: usize = 16;

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

/// Told when a vforked child has a memory of its own, or none.
#[derive(Default)]
pub struct Release {
    done: AtomicBool,
    queue: WaitQueue,
}

impl Release {
    /// Lets the parent go on.
    pub(super) fn release(&self) {
        self.done.store(true, Ordering::Release);
        self.queue.wake_all();
    }

    /// Waits for [`release`](Self::release), or until the process is to end.
    pub(super) fn wait(&self) {
        // Cut short only by the waiter's own end, which it sees on its way out.
        let _: Result<()> =
            self.queue.wait_killable(|| self.done.load(Ordering::Acquire).then_some(()));
    }
}

/// A user thread.
pub struct Thread {
    tid: AtomicI32,
    process: Arc<Process>,
    task: Once<Weak<Task>>,
    name: SpinLock<[u8; NAME_LEN], LocalIrqDisabled>,
    credentials: SpinLock<Arc<Credentials>, LocalIrqDisabled>,
    /// `None` once the thread has exited: then nothing is pinned by it any more.
    resources: SpinLock<Option<Resources>, LocalIrqDisabled>,
    registers: SpinLock<SavedRegisters, LocalIrqDisabled>,
    /// Signals to this thread alone, and what it blocks.
    pub signals: SpinLock<ThreadSignals, LocalIrqDisabled>,
    /// Wakes the thread out of an interruptible sleep.
    sleeping: SpinLock<Option<Arc<Waker>>, LocalIrqDisabled>,
    /// Whether a signal waits that is to be handled before anything else.
    signal_pending: AtomicBool,
    /// Cleared and woken when the thread exits (set_tid_address(2)).
    pub clear_child_tid: AtomicUsize,
    /// Futexes held when it exits (set_robust_list(2)).
    pub robust_list: AtomicUsize,
    /// Told when the thread has no need of its parent's memory any more.
    release: SpinLock<Option<Arc<Release>>, LocalIrqDisabled>,
    /// The deadline of a call that is made again after an interruption; zero for none.
    resumed_deadline: AtomicU64,
    /// How nice it is to others: -20 to 19.
    nice: AtomicI32,
    /// Nanoseconds in user code.
    user_time: AtomicU64,
    /// Nanoseconds not on a processor; what user code is charged leaves them out.
    off_processor: AtomicU64,
    /// When it was taken off.
    left_processor: AtomicU64,
}

impl Thread {
    /// A thread of `process`, not yet part of it.
    #[must_use]
    pub fn new(
        tid: Pid,
        process: Arc<Process>,
        name: [u8; NAME_LEN],
        credentials: Arc<Credentials>,
        resources: Resources,
        registers: SavedRegisters,
        signals: ThreadSignals,
    ) -> Arc<Self> {
        Arc::new(Self {
            tid: AtomicI32::new(tid),
            process,
            task: Once::new(),
            name: SpinLock::new(name),
            credentials: SpinLock::new(credentials),
            resources: SpinLock::new(Some(resources)),
            registers: SpinLock::new(registers),
            signals: SpinLock::new(signals),
            sleeping: SpinLock::new(None),
            signal_pending: AtomicBool::new(false),
            clear_child_tid: AtomicUsize::new(0),
            robust_list: AtomicUsize::new(0),
            release: SpinLock::new(None),
            resumed_deadline: AtomicU64::new(0),
            nice: AtomicI32::new(0),
            user_time: AtomicU64::new(0),
            off_processor: AtomicU64::new(0),
            left_processor: AtomicU64::new(0),
        })
    }

    /// The thread id.
    #[must_use]
    pub fn tid(&self) -> Pid {
        self.tid.load(Ordering::Relaxed)
    }

    /// Gives the thread that execs the id of the process.
    pub(super) fn set_tid(&self, tid: Pid) {
        self.tid.store(tid, Ordering::Relaxed);
    }

    /// The process this is a thread of.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Says which task runs the thread.
    pub(super) fn set_task(&self, task: &Arc<Task>) {
        self.task.call_once(|| Arc::downgrade(task));
    }

    /// The task that runs the thread.
    #[must_use]
    pub fn task(&self) -> Option<Arc<Task>> {
        self.task.get()?.upgrade()
    }

    /// The name, up to its first zero.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        let name = *self.name.lock();
        name.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
    }

    /// The name as the ABI writes it.
    #[must_use]
    pub fn raw_name(&self) -> [u8; NAME_LEN] {
        *self.name.lock()
    }

    /// Sets the name, cut to fit.
    pub fn set_name(&self, name: &[u8]) {
        *self.name.lock() = cut_name(name);
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

    /// All that the thread shares with others.
    ///
    /// # Errors
    /// `ESRCH` once the thread has exited.
    pub fn resources(&self) -> Result<Resources> {
        self.resources.lock().clone().ok_or(Errno::ESRCH)
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

    /// Lets go of everything shared; closing the last descriptor of a file happens here.
    pub(super) fn drop_resources(&self) {
        let resources = self.resources.lock().take();
        drop(resources);
    }

    pub(super) fn registers(&self) -> &SpinLock<SavedRegisters, LocalIrqDisabled> {
        &self.registers
    }

    /// Whether a signal waits that is to be handled before anything else.
    #[must_use]
    pub fn has_signal(&self) -> bool {
        self.signal_pending.load(Ordering::Acquire)
    }

    /// Whether the thread is to leave.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.signals.lock().killed
    }

    /// Works out anew whether a signal waits; its process's signals are locked.
    pub(crate) fn refresh_signal_pending(&self, shared: &ProcessSignals) {
        let own = self.signals.lock();
        let waiting = own.pending.set().union(shared.pending.set()).difference(own.mask);
        let is_stopped = shared.stop != crate::signal::Stop::Running;
        let pending = !waiting.is_empty() || own.killed || is_stopped || shared.exiting.is_some();
        self.signal_pending.store(pending, Ordering::Release);
    }

    /// Sets which signals are blocked; gives the set before.
    pub fn set_signal_mask(&self, mask: SignalSet) -> SignalSet {
        let shared = self.process.signals.lock();
        let mask = mask.difference(SignalSet::UNSTOPPABLE);
        let previous = core::mem::replace(&mut self.signals.lock().mask, mask);
        self.refresh_signal_pending(&shared);
        // A signal for any thread may have waited for one that lets it through.
        let blocked_more = mask.difference(previous);
        if !shared.pending.set().intersection(blocked_more).is_empty() {
            for other in self.process.threads() {
                other.refresh_signal_pending(&shared);
                other.wake();
            }
        }
        previous
    }

    /// Says how to wake the thread if a signal comes; `None` when it is awake again.
    pub(crate) fn set_sleeping(&self, waker: Option<Arc<Waker>>) {
        let previous = core::mem::replace(&mut *self.sleeping.lock(), waker);
        drop(previous);
    }

    /// Wakes the thread if it sleeps where signals reach it.
    pub fn wake(&self) {
        let waker = self.sleeping.lock().clone();
        if let Some(waker) = waker {
            waker.wake_up();
        }
    }

    /// Says who waits for this thread to exec or exit (vfork).
    pub(super) fn set_release(&self, release: Option<Arc<Release>>) {
        *self.release.lock() = release;
    }

    /// The thread has its own memory now, or none: whoever waited goes on.
    pub(super) fn release_parent(&self) {
        let release = self.release.lock().take();
        if let Some(release) = release {
            release.release();
        }
    }

    /// How nice the thread is to others: -20 to 19.
    #[must_use]
    pub fn nice(&self) -> i32 {
        self.nice.load(Ordering::Relaxed)
    }

    /// Sets how nice it is, and so its share of the processors.
    pub fn set_nice(&self, nice: i32) {
        self.nice.store(nice, Ordering::Relaxed);
        if let Some(task) = self.task() {
            TaskData::set_nice(&task, nice);
        }
    }

    /// When the present call is to give up: `span` from now, unless it is made again after
    /// an interruption; then as it was the first time.
    pub fn deadline_after(&self, span: Duration) -> Instant {
        let resumed = self.resumed_deadline.load(Ordering::Relaxed);
        if resumed != 0 {
            return Instant::from_nanos(resumed);
        }
        let deadline = now() + span;
        self.resumed_deadline.store(deadline.as_nanos(), Ordering::Relaxed);
        deadline
    }

    /// The present call is over: the next one counts its time anew.
    pub(super) fn forget_deadline(&self) {
        self.resumed_deadline.store(0, Ordering::Relaxed);
    }

    /// Processor time used, to the last switch or tick.
    #[must_use]
    pub fn times(&self) -> Times {
        let total = self.task().map_or(0, |task| TaskData::runtime(&task));
        let user = self.user_time.load(Ordering::Relaxed).min(total);
        Times { user: Duration::from_nanos(user), system: Duration::from_nanos(total - user) }
    }

    /// Charges user code for the time from `start` to `end`, less what the thread was not
    /// running since it had been off the processor for `off_before`.
    pub(super) fn charge_user(&self, start: Instant, end: Instant, off_before: u64) {
        let span = end.since(start).as_nanos() as u64;
        let off = self.off_processor.load(Ordering::Relaxed) - off_before;
        self.user_time.fetch_add(span.saturating_sub(off), Ordering::Relaxed);
    }

    /// Nanoseconds the thread was not running so far.
    pub(super) fn off_processor(&self) -> u64 {
        self.off_processor.load(Ordering::Relaxed)
    }

    pub(super) fn note_left(&self, now: Instant) {
        self.left_processor.store(now.as_nanos(), Ordering::Relaxed);
    }

    pub(super) fn note_entered(&self, now: Instant) {
        let left = self.left_processor.swap(0, Ordering::Relaxed);
        if left != 0 {
            self.off_processor.fetch_add(now.as_nanos().saturating_sub(left), Ordering::Relaxed);
        }
    }
}

/// The part of `name` that fits, with a zero after it.
#[must_use]
pub fn cut_name(name: &[u8]) -> [u8; NAME_LEN] {
    let mut cut = [0; NAME_LEN];
    let text = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let len = text.len().min(NAME_LEN - 1);
    cut[..len].copy_from_slice(&text[..len]);
    cut
}
