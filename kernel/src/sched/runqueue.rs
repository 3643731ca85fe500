//! One processor's queue: the task that has run least, by weight, runs next.

use alloc::collections::BinaryHeap;
use core::cmp::Ordering as Order;
use core::sync::atomic::Ordering;

use ostd::cpu::CpuId;
use ostd::task::Task;
use ostd::task::scheduler::info::CommonSchedInfo;
use ostd::task::scheduler::{LocalRunQueue, UpdateFlags};

use super::placement;
use super::task::{NO_CPU, NORMAL_WEIGHT, TaskData};
use crate::prelude::*;
use crate::time::{Duration, Instant, now};

/// How far ahead of the least-run task the current one may get before the tick preempts it.
const SLICE: Duration = Duration::from_millis(3);
/// How much sooner than the current task a woken one must be due to preempt it.
const WAKEUP_GRANULARITY: Duration = Duration::from_micros(500);
/// How much a sleeper may gain on those that kept running.
const SLEEPER_CREDIT: Duration = Duration::from_millis(2);
/// A processor switches tasks at least this often, so that RCU grace periods end.
const QUIESCENT_INTERVAL: Duration = Duration::from_millis(8);

/// A waiting task; the heap's greatest is the one with the least virtual runtime, and
/// among equals the one that came first.
struct Entry {
    virtual_runtime: u64,
    sequence: u64,
    task: Arc<Task>,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Order {
        (other.virtual_runtime, other.sequence).cmp(&(self.virtual_runtime, self.sequence))
    }
}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Order::Equal
    }
}
impl Eq for Entry {}

/// The run queue of one processor.
pub(super) struct RunQueue {
    cpu: CpuId,
    current: Option<Arc<Task>>,
    /// When the current task's time was last accounted.
    accounted: Instant,
    /// When this processor last switched tasks.
    switched: Instant,
    waiting: BinaryHeap<Entry>,
    next_sequence: u64,
    /// Never decreases: where a task without a past starts.
    least_runtime: u64,
    idle: [Option<Arc<Task>>; 2],
    /// The task this processor is switching away from: its registers are not saved
    /// yet, so no other processor may take it, or two could wait for each other.
    leaving: Option<Arc<Task>>,
}

impl RunQueue {
    pub(super) fn new(cpu: CpuId) -> Self {
        Self {
            cpu,
            current: None,
            accounted: Instant::default(),
            switched: Instant::default(),
            waiting: BinaryHeap::with_capacity(64),
            next_sequence: 0,
            least_runtime: 0,
            idle: [None, None],
            leaving: None,
        }
    }

    /// Whether there is nothing to run but the idle task.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.current.as_ref().is_none_or(|task| TaskData::of(task).is_idle())
    }

    /// How many tasks wait or run here.
    pub(super) fn load(&self) -> usize {
        let running = self.current.as_ref().is_some_and(|task| !TaskData::of(task).is_idle());
        self.waiting.len() + usize::from(running)
    }

    pub(super) fn add_idle(&mut self, task: Arc<Task>) {
        let slot = usize::from(self.idle[0].is_some());
        self.idle[slot] = Some(task);
    }

    /// Adds a runnable task; true if it should preempt the current one.
    pub(super) fn add(&mut self, task: Arc<Task>) -> bool {
        self.account();
        let virtual_runtime = self.rebase(TaskData::of(&task));
        let preempts = self.current.as_ref().is_none_or(|current| {
            let current = TaskData::of(current);
            let ahead = current.virtual_runtime.load(Ordering::Relaxed);
            current.is_idle()
                || virtual_runtime.saturating_add(WAKEUP_GRANULARITY.as_nanos() as u64) < ahead
        });
        self.push(task);
        preempts
    }

    /// Makes a task's virtual runtime comparable with this queue's, and returns it.
    fn rebase(&self, data: &TaskData) -> u64 {
        let runtime = data.virtual_runtime.load(Ordering::Relaxed);
        let last_cpu = data.last_cpu.load(Ordering::Relaxed);
        let rebased = if last_cpu == NO_CPU {
            self.least_runtime
        } else {
            let here = if last_cpu == u32::from(self.cpu) {
                runtime
            } else {
                let left_floor = data.left_floor.load(Ordering::Relaxed);
                (self.least_runtime + runtime).saturating_sub(left_floor)
            };
            here.max(self.least_runtime.saturating_sub(SLEEPER_CREDIT.as_nanos() as u64))
        };
        data.virtual_runtime.store(rebased, Ordering::Relaxed);
        rebased
    }

    fn push(&mut self, task: Arc<Task>) {
        let virtual_runtime = TaskData::of(&task).virtual_runtime.load(Ordering::Relaxed);
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.waiting.push(Entry { virtual_runtime, sequence, task });
    }

    /// Gives away a waiting task that may run elsewhere, for an idle processor.
    pub(super) fn give(&mut self) -> Option<Arc<Task>> {
        let mut kept = Vec::new();
        let mut given = None;
        while let Some(entry) = self.waiting.pop() {
            if TaskData::of(&entry.task).pinned.is_some() || self.holds(&entry.task) {
                kept.push(entry);
            } else {
                let data = TaskData::of(&entry.task);
                data.left_floor.store(self.least_runtime, Ordering::Relaxed);
                given = Some(entry.task);
                break;
            }
        }
        self.waiting.extend(kept);
        given
    }

    /// Takes a task that another queue gave.
    fn adopt(&mut self, task: Arc<Task>) {
        self.rebase(TaskData::of(&task));
        task.cpu().set_anyway(self.cpu);
        self.push(task);
    }

    /// Whether this processor runs `task` or has not finished switching away from it.
    pub(super) fn holds(&self, task: &Arc<Task>) -> bool {
        let mut held = self.leaving.iter().chain(&self.current);
        held.any(|held| Arc::ptr_eq(held, task))
    }

    /// The switch that was under way is complete.
    pub(super) fn finish_switch(&mut self) -> Option<Arc<Task>> {
        self.leaving.take()
    }

    /// Charges the current task for the time since it was last charged.
    fn account(&mut self) {
        let now = now();
        let elapsed = now.since(self.accounted).as_nanos() as u64;
        self.accounted = now;
        let Some(current) = &self.current else { return };
        let data = TaskData::of(current);
        if data.is_idle() {
            return;
        }
        data.runtime.fetch_add(elapsed, Ordering::Relaxed);
        let weight = u64::from(data.weight.load(Ordering::Relaxed).max(1));
        let charge = elapsed.saturating_mul(u64::from(NORMAL_WEIGHT)) / weight;
        let runtime = data.virtual_runtime.fetch_add(charge, Ordering::Relaxed) + charge;
        let first = self.waiting.peek().map_or(runtime, |entry| entry.virtual_runtime);
        self.least_runtime = self.least_runtime.max(runtime.min(first));
    }

    /// Whether the tick should take the processor from the current task.
    fn is_slice_over(&self) -> bool {
        let Some(current) = &self.current else { return true };
        match self.waiting.peek() {
            Some(first) => {
                let data = TaskData::of(current);
                let allowed = first.virtual_runtime + SLICE.as_nanos() as u64;
                data.is_idle() || data.virtual_runtime.load(Ordering::Relaxed) > allowed
            }
            None => self.is_idle_turn(),
        }
    }

    /// The idle task that is not current.
    fn other_idle(&self) -> Option<Arc<Task>> {
        let is_current = |task: &Arc<Task>| {
            self.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, task))
        };
        self.idle.iter().flatten().find(|task| !is_current(task)).cloned()
    }

    /// Whether an idle task is to run although the current one could go on.
    fn is_idle_turn(&self) -> bool {
        now().since(self.switched) >= QUIESCENT_INTERVAL && self.other_idle().is_some()
    }

    /// Gets a task from elsewhere if there is nothing to do here.
    fn refill(&mut self) {
        if self.is_idle()
            && let Some(task) = placement::steal(self.cpu)
        {
            self.adopt(task);
        }
    }

    fn choose(&mut self) -> Option<Arc<Task>> {
        self.refill();
        match self.waiting.pop() {
            Some(entry) => Some(entry.task),
            None if self.current.is_none() || self.is_idle_turn() => self.other_idle(),
            None => None,
        }
    }
}

impl LocalRunQueue<Task> for RunQueue {
    fn current(&self) -> Option<&Arc<Task>> {
        self.current.as_ref()
    }

    fn update_current(&mut self, reason: UpdateFlags) -> bool {
        self.account();
        match reason {
            UpdateFlags::Tick => self.is_slice_over(),
            // OSTD would switch from the current task to itself if that were chosen.
            UpdateFlags::Yield => {
                self.refill();
                !self.waiting.is_empty() || self.current.is_none() || self.is_idle_turn()
            }
            UpdateFlags::Wait => true,
            UpdateFlags::Exit => {
                // Before `dequeue_current` lets others place the task.
                if let Some(current) = &self.current {
                    TaskData::of(current).has_exited.store(true, Ordering::Release);
                }
                true
            }
        }
    }

    fn try_pick_next(&mut self) -> Option<&Arc<Task>> {
        self.account();
        let next = self.choose()?;
        self.accounted = now();
        self.switched = self.accounted;
        TaskData::of(&next).last_cpu.store(self.cpu.into(), Ordering::Relaxed);
        if let Some(previous) = self.current.replace(next) {
            if !TaskData::of(&previous).is_idle() {
                self.push(previous.clone());
            }
            self.leaving = Some(previous);
        }
        self.current.as_ref()
    }

    fn dequeue_current(&mut self) -> Option<Arc<Task>> {
        let task = self.current.take()?;
        TaskData::of(&task).left_floor.store(self.least_runtime, Ordering::Relaxed);
        task.cpu().set_to_none();
        self.leaving = Some(task.clone());
        Some(task)
    }
}
