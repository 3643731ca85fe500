//! On which processor a task runs.
//!
//! Locks: a queue's lock is held while another queue is asked for a task only by
//! `try_lock`, so no two processors ever wait for each other.

use core::sync::atomic::Ordering;

use ostd::cpu::{CpuId, PinCurrentCpu, all_cpus};
use ostd::sync::{LocalIrqDisabled, SpinLock};
use ostd::task::scheduler::info::CommonSchedInfo;
use ostd::task::scheduler::{EnqueueFlags, LocalRunQueue, Scheduler};
use ostd::task::{Task, disable_preempt};
use spin::Once;

use super::cpu_index;
use super::runqueue::RunQueue;
use super::task::{NO_CPU, TaskData};
use crate::prelude::*;

struct PerCpuQueues {
    queues: Vec<SpinLock<RunQueue, LocalIrqDisabled>>,
}

static SCHEDULER: Once<PerCpuQueues> = Once::new();

/// The run queues become OSTD's scheduler.
pub(super) fn install() {
    let queues = all_cpus().map(|cpu| SpinLock::new(RunQueue::new(cpu))).collect();
    let scheduler = SCHEDULER.call_once(|| PerCpuQueues { queues });
    ostd::task::scheduler::inject_scheduler(scheduler);
}

/// Tells the run queue that the processor has left the previous task for good.
/// Called after each switch, with interrupts off.
pub(crate) fn finish_switch() {
    let Some(scheduler) = SCHEDULER.get() else { return };
    let guard = disable_preempt();
    let queue = &scheduler.queues[cpu_index(guard.current_cpu())];
    let left = queue.lock().finish_switch();
    // OSTD holds another reference until interrupts are back on, so this frees nothing.
    drop(left);
}

/// Takes a waiting task from another processor for `thief`, whose queue lock is held.
pub(super) fn steal(thief: CpuId) -> Option<Arc<Task>> {
    let scheduler = SCHEDULER.get()?;
    let count = scheduler.queues.len();
    let start = cpu_index(thief);
    (1..count)
        .map(|distance| &scheduler.queues[(start + distance) % count])
        .find_map(|queue| queue.try_lock()?.give())
}

pub(super) fn runnable() -> usize {
    let Some(scheduler) = SCHEDULER.get() else { return 0 };
    scheduler.queues.iter().map(|queue| queue.lock().load()).sum()
}

impl PerCpuQueues {
    fn queue(&self, cpu: CpuId) -> &SpinLock<RunQueue, LocalIrqDisabled> {
        &self.queues[cpu_index(cpu)]
    }

    /// Where a task that runs nowhere should run: where it ran, unless that processor is
    /// busy and another is idle.
    fn place(&self, task: &Arc<Task>) -> CpuId {
        let data = TaskData::of(task);
        if let Some(cpu) = data.pinned {
            return cpu;
        }
        let last = data.last_cpu.load(Ordering::Relaxed);
        let home = match last {
            NO_CPU => CpuId::current_racy(),
            cpu => CpuId::try_from(cpu as usize).unwrap_or(CpuId::bsp()),
        };
        {
            let queue = self.queue(home).lock();
            if queue.is_idle() || queue.holds(task) {
                return home;
            }
        }
        let idle = all_cpus().find(|&cpu| self.queue(cpu).lock().is_idle());
        idle.unwrap_or(home)
    }
}

impl Scheduler<Task> for PerCpuQueues {
    fn enqueue(&self, task: Arc<Task>, _flags: EnqueueFlags) -> Option<CpuId> {
        let chosen = self.place(&task);
        let (cpu, was_placed) = match task.cpu().set_if_is_none(chosen) {
            Ok(()) => (chosen, true),
            Err(present) => (present, false),
        };
        let mut queue = self.queue(cpu).lock();
        // A task that is still current is about to look at its wake-up again; one that
        // was taken off the queue meanwhile goes back on it here.
        if !was_placed && task.cpu().set_if_is_none(cpu).is_err() {
            return None;
        }
        // A wake-up that lost a race with the task's end: it must never run again.
        if TaskData::of(&task).has_exited.load(Ordering::Acquire) {
            return None;
        }
        if TaskData::of(&task).is_idle() {
            queue.add_idle(task);
            return None;
        }
        queue.add(task).then_some(cpu)
    }

    fn local_rq_with(&self, look: &mut dyn FnMut(&dyn LocalRunQueue<Task>)) {
        let guard = disable_preempt();
        look(&*self.queue(guard.current_cpu()).lock());
    }

    fn mut_local_rq_with(&self, change: &mut dyn FnMut(&mut dyn LocalRunQueue<Task>)) {
        let guard = disable_preempt();
        change(&mut *self.queue(guard.current_cpu()).lock());
    }
}
