//! The one NAPI manager of a stack: a list per CPU, budgets, and who takes over when they
//! are spent.
//!
//! Invariants: an instance is on at most one list, exactly while it is scheduled and not
//! being polled; a CPU's list is polled by one thread at a time (`running`), others that
//! come by leave it to that one.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use warren_platform::lock::{self, Mutex};
use warren_platform::{CpuId, Platform};

use super::{Completion, Napi};
use crate::cx::Cx;

/// How much one run may do before it leaves the rest to the CPU's NAPI thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Frames.
    pub frames: usize,
    /// Polls, so that instances with little to do each cannot hold the CPU either.
    pub polls: usize,
}

impl Budget {
    /// Linux's netdev_budget for a softirq run.
    pub const SOFTIRQ: Self = Self { frames: 300, polls: 64 };
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Outcome {
    /// The list is empty, or another thread is polling it.
    Idle,
    /// The budget is spent and work is left.
    More,
}

#[derive(Debug, Default)]
struct PerCpu {
    list: Mutex<lock::Napi, VecDeque<Arc<Napi>>>,
    running: AtomicBool,
    polls: AtomicU64,
    frames: AtomicU64,
    squeezed: AtomicU64,
}

/// See the module.
#[derive(Debug)]
pub struct NapiManager {
    cpus: Vec<PerCpu>,
}

impl NapiManager {
    pub(crate) fn new(cpu_count: u16) -> Self {
        Self { cpus: (0..cpu_count.max(1)).map(|_| PerCpu::default()).collect() }
    }

    /// Announces news for `napi`: it will be polled on `cpu`, at the tail of the running
    /// entry or by the CPU's NAPI thread.
    pub fn schedule(&self, napi: &Arc<Napi>, cpu: CpuId) {
        if napi.state.schedule() {
            let cpu = usize::from(cpu.0) % self.cpus.len();
            self.append(napi.clone(), cpu);
        }
    }

    fn append(&self, napi: Arc<Napi>, cpu: usize) {
        let number = u16::try_from(cpu).expect("cpu_count is a u16");
        napi.cpu.store(number, Ordering::Release);
        self.cpus[cpu].list.lock().push_back(napi);
    }

    /// Polls `cx.cpu`'s list until it is empty or `budget` is spent. Bounded; the caller
    /// that gets [`Outcome::More`] leaves the rest to the NAPI thread
    /// (`Platform::wake_napi`) or, being that thread, comes again.
    pub fn run(&self, budget: Budget, cx: &Cx<'_>) -> Outcome {
        let number = usize::from(cx.cpu.0) % self.cpus.len();
        let cpu = &self.cpus[number];
        let mut left = budget;
        loop {
            if cpu.running.swap(true, Ordering::AcqRel) {
                // The poller that is inside looks at the list again before it leaves.
                return Outcome::Idle;
            }
            let outcome = self.drain(number, &mut left, cx);
            cpu.running.store(false, Ordering::Release);
            match outcome {
                Outcome::More => {
                    cpu.squeezed.fetch_add(1, Ordering::Relaxed);
                    return Outcome::More;
                }
                // Somebody may have appended between our last look and the store and
                // have been turned away by `running`: look once more.
                Outcome::Idle if cpu.list.lock().is_empty() => return Outcome::Idle,
                Outcome::Idle => {}
            }
        }
    }

    fn drain(&self, number: usize, left: &mut Budget, cx: &Cx<'_>) -> Outcome {
        let cpu = &self.cpus[number];
        loop {
            if left.frames == 0 || left.polls == 0 {
                return if cpu.list.lock().is_empty() { Outcome::Idle } else { Outcome::More };
            }
            let Some(napi) = cpu.list.lock().pop_front() else { return Outcome::Idle };
            let Some(target) = napi.target.upgrade() else {
                napi.state.abandon();
                continue;
            };
            let weight = usize::from(napi.weight).min(left.frames);
            napi.state.begin_poll();
            let done = target.poll(weight, cx);
            drop(target);
            left.frames = left.frames.saturating_sub(done);
            left.polls -= 1;
            cpu.polls.fetch_add(1, Ordering::Relaxed);
            cpu.frames.fetch_add(done as u64, Ordering::Relaxed);
            let again = done >= weight || napi.state.complete() == Completion::Again;
            if again {
                self.append(napi, number);
            }
        }
    }

    /// Takes `napi` out of service and returns when no poll of it runs or will run until
    /// [`NapiManager::enable`]. Must not be called from within a poll.
    pub fn disable(&self, napi: &Arc<Napi>) {
        while !napi.state.try_disable() {
            let mut list = self.cpus[napi.cpu() % self.cpus.len()].list.lock();
            if let Some(at) = list.iter().position(|listed| Arc::ptr_eq(listed, napi)) {
                list.remove(at);
                drop(list);
                napi.state.abandon();
            } else {
                drop(list);
                // It is being polled on another CPU, for a bounded time.
                hint::spin_loop();
            }
        }
    }

    /// Puts `napi` back into service and has it polled once, for what came meanwhile.
    pub fn enable(&self, napi: &Arc<Napi>, cpu: CpuId) {
        napi.state.enable();
        self.schedule(napi, cpu);
    }

    /// Whether `cpu` has anything scheduled.
    #[must_use]
    pub fn is_idle(&self, cpu: CpuId) -> bool {
        self.cpus[usize::from(cpu.0) % self.cpus.len()].list.lock().is_empty()
    }

    /// The tail of every entry that may have scheduled something: polls this CPU's list
    /// within the softirq budget and hands the rest to the CPU's NAPI thread.
    pub(crate) fn run_tail(&self, platform: &dyn Platform, cx: &Cx<'_>) {
        match self.run(Budget::SOFTIRQ, cx) {
            Outcome::Idle => {}
            Outcome::More => platform.wake_napi(cx.cpu),
        }
    }

    /// Per CPU: frames handled, polls made, runs that ended with work left
    /// (`/proc/net/softnet_stat` shows the first and the last).
    pub fn counters(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        self.cpus.iter().map(|cpu| {
            let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            (read(&cpu.frames), read(&cpu.polls), read(&cpu.squeezed))
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Weak;
    use core::sync::atomic::AtomicUsize;

    use warren_platform::Instant;

    use super::*;
    use crate::napi::Poll;
    use crate::testing;

    /// Has so many frames left.
    #[derive(Debug)]
    struct Source(AtomicUsize);

    impl Poll for Source {
        fn poll(&self, weight: usize, _cx: &Cx<'_>) -> usize {
            let left = self.0.load(Ordering::Relaxed);
            let done = left.min(weight);
            self.0.store(left - done, Ordering::Relaxed);
            done
        }
    }

    fn source(frames: usize) -> (Arc<Source>, Arc<Napi>) {
        let source = Arc::new(Source(AtomicUsize::new(frames)));
        let weak: Weak<Source> = Arc::downgrade(&source);
        (source, Napi::new(Napi::WEIGHT, weak))
    }

    #[test]
    fn a_busy_source_leaves_turns_to_the_others_and_the_rest_to_the_thread() {
        let (stack, platform) = testing::stack();
        let cx = stack.enter(Instant::ZERO);
        let (busy, busy_napi) = source(1_000);
        let (small, small_napi) = source(3);
        stack.napi().schedule(&busy_napi, cx.cpu);
        stack.napi().schedule(&busy_napi, cx.cpu);
        stack.napi().schedule(&small_napi, cx.cpu);
        stack.run_tail(&cx);
        assert_eq!(small.0.load(Ordering::Relaxed), 0);
        assert_eq!(busy.0.load(Ordering::Relaxed), 1_000 + 3 - 300);
        assert_eq!(platform.napi_wakes.load(Ordering::Relaxed), 1);
        while stack.run_napi(cx.cpu, cx.now) == Outcome::More {}
        assert_eq!(busy.0.load(Ordering::Relaxed), 0);
        assert!(stack.napi().is_idle(cx.cpu));
        assert!(!busy_napi.is_scheduled() && !small_napi.is_scheduled());
    }

    #[test]
    fn a_disabled_source_is_not_polled_until_enabled() {
        let (stack, _) = testing::stack();
        let cx = stack.enter(Instant::ZERO);
        let (target, napi) = source(5);
        stack.napi().schedule(&napi, cx.cpu);
        stack.napi().disable(&napi);
        stack.napi().schedule(&napi, cx.cpu);
        stack.run_tail(&cx);
        assert_eq!(target.0.load(Ordering::Relaxed), 5);
        stack.napi().enable(&napi, cx.cpu);
        stack.run_tail(&cx);
        assert_eq!(target.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_source_that_died_on_the_list_is_passed_over() {
        let (stack, _) = testing::stack();
        let cx = stack.enter(Instant::ZERO);
        let (target, napi) = source(5);
        stack.napi().schedule(&napi, cx.cpu);
        drop(target);
        stack.run_tail(&cx);
        assert!(stack.napi().is_idle(cx.cpu) && !napi.is_scheduled());
    }
}
