//! What this kernel lends the core: processors, randomness, NAPI threads and keepers.

use core::sync::atomic::{AtomicBool, Ordering};

use ostd::cpu::{CpuId as OstdCpuId, num_cpus};
use ostd::task::Task;
use warren_netns::Stack;
use warren_netns::napi::Outcome;
use warren_platform::{CpuId, Keeper, KeeperStep, Platform, Wake};

use crate::prelude::*;
use crate::sched;
use crate::sync::WaitQueue;
use crate::time::{Instant, now};

/// Wakes one thread. A wake that comes while the thread is awake ends its next sleep.
struct Bell {
    rung: AtomicBool,
    sleeper: WaitQueue,
}

impl Bell {
    const fn new() -> Self {
        Self { rung: AtomicBool::new(false), sleeper: WaitQueue::new() }
    }

    fn take(&self) -> Option<()> {
        self.rung.swap(false, Ordering::AcqRel).then_some(())
    }

    fn ring(&self) {
        // The store comes before the look at the queue (WaitQueue orders the two), the
        // sleeper enters the queue before it looks at `rung`: one of them sees the other.
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.sleeper.wake_one();
        }
    }

    fn wait(&self) {
        self.sleeper.wait_uninterruptible(|| self.take());
    }

    /// Waits until rung or until `deadline`.
    fn wait_until(&self, deadline: Instant) {
        match self.sleeper.wait_until(Some(deadline), || self.take()) {
            // A kernel task has no signals, so the only error is the deadline.
            Ok(()) | Err(_) => {}
        }
    }
}

/// A keeper's thread, as the core wakes it.
struct KeeperThread(Bell);

impl core::fmt::Debug for KeeperThread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("KeeperThread")
    }
}

impl Wake for KeeperThread {
    fn wake(&self) {
        self.0.ring();
    }
}

/// See the module.
pub(super) struct KernelPlatform {
    /// One per processor, for its NAPI thread.
    napi: Vec<Bell>,
}

impl core::fmt::Debug for KernelPlatform {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KernelPlatform({} processors)", self.napi.len())
    }
}

impl KernelPlatform {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { napi: (0..num_cpus()).map(|_| Bell::new()).collect() })
    }

    /// Starts a thread per processor that takes over what a system call's tail or a
    /// keeper left on the processor's NAPI list.
    pub(super) fn start_napi_threads(self: &Arc<Self>, stack: &Arc<Stack>) {
        for number in 0..self.napi.len() {
            let (platform, stack) = (self.clone(), stack.clone());
            let cpu = CpuId(u16::try_from(number).expect("OSTD counts processors in few bits"));
            sched::spawn_kernel("napi", Some(number), move || {
                loop {
                    platform.napi[number].wait();
                    while stack.run_napi(cpu, now()) == Outcome::More {
                        // User threads get their turn between two budgets.
                        Task::yield_now();
                    }
                }
            });
        }
    }
}

impl Platform for KernelPlatform {
    fn cpu_count(&self) -> u16 {
        u16::try_from(self.napi.len()).expect("OSTD counts processors in few bits")
    }

    fn current_cpu(&self) -> CpuId {
        let cpu: u32 = OstdCpuId::current_racy().into();
        CpuId(u16::try_from(cpu).expect("OSTD counts processors in few bits"))
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        crate::random::fill(buffer);
    }

    fn wake_napi(&self, cpu: CpuId) {
        self.napi[usize::from(cpu.0) % self.napi.len()].ring();
    }

    fn start_keeper(&self, mut keeper: Box<dyn Keeper>) -> Option<Arc<dyn Wake>> {
        let thread = Arc::new(KeeperThread(Bell::new()));
        let bell = thread.clone();
        let started = sched::try_spawn_kernel("keeper", move || {
            loop {
                match keeper.step(now()) {
                    KeeperStep::SleepUntil(at) => bell.0.wait_until(at),
                    KeeperStep::Sleep => bell.0.wait(),
                    KeeperStep::Exit => return,
                }
            }
        });
        match started {
            Ok(()) => Some(thread),
            Err(error) => {
                log::warn!("no thread to keep a namespace's time: {error:?}");
                None
            }
        }
    }
}
