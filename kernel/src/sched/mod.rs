//! The scheduler: a fair queue per processor, idle processors that halt, and tasks
//! that move to where there is room.
//!
//! User code is preempted at the tick; kernel code gives way only where it says so.
//! A sleeping task wakes on the processor it last ran on unless that one is busy and
//! another is idle; a processor with nothing to do takes a queued task of another.

mod placement;
mod runqueue;
mod task;

pub(crate) use placement::finish_switch;
pub use task::{TaskData, spawn_kernel, spawn_user, try_spawn_kernel};

use ostd::cpu::{CpuId, PinCurrentCpu};
use ostd::task::{Task, disable_preempt, halt_cpu};

/// Installs the scheduler. Called once, before the first task is made.
pub(crate) fn init() {
    placement::install();
}

/// Makes this processor ready to run tasks: its idle tasks, and preemption at its tick.
///
/// In this order: once the tick asks for another task, making one would switch to it
/// and never come back to the boot code.
pub(crate) fn init_on_cpu() {
    let cpu = disable_preempt().current_cpu();
    // Two, that take turns: OSTD ends RCU grace periods, and so frees unmapped pages,
    // when a processor switches tasks, and one idle task alone never would.
    for _ in 0..2 {
        task::spawn_idle(cpu, idle);
    }
    ostd::task::scheduler::enable_preemption_on_cpu();
}

fn idle() {
    loop {
        Task::yield_now();
        halt_cpu();
    }
}

/// The number a processor has in arrays.
#[must_use]
pub fn cpu_index(cpu: CpuId) -> usize {
    u32::from(cpu) as usize
}

/// The processor this code runs on at this moment.
#[must_use]
pub fn current_cpu() -> usize {
    cpu_index(CpuId::current_racy())
}

/// How many tasks are runnable or running, idle tasks apart.
#[must_use]
pub fn runnable() -> usize {
    placement::runnable()
}
