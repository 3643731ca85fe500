//! What the scheduler knows about a task, and how tasks are made.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use ostd::cpu::CpuId;
use ostd::task::{Task, TaskOptions};

use crate::prelude::*;
use crate::process::Thread;

/// No processor: the value of [`TaskData::last_cpu`] before the first run.
pub(super) const NO_CPU: u32 = u32::MAX;

/// The weight of nice 0.
pub(super) const NORMAL_WEIGHT: u32 = 1024;

/// What a task is.
pub(super) enum Role {
    Idle,
    Kernel(#[expect(dead_code, reason = "the name is for whoever debugs the kernel")] String),
    User(Arc<Thread>),
}

/// The data OSTD keeps for us with every task.
pub struct TaskData {
    pub(super) role: Role,
    /// The only processor this task may run on.
    pub(super) pinned: Option<CpuId>,
    /// The processor it ran on last.
    pub(super) last_cpu: AtomicU32,
    /// How much it has run, in nanoseconds over its weight.
    pub(super) virtual_runtime: AtomicU64,
    /// What `virtual_runtime` is to be compared with: the least of the queue it left.
    pub(super) left_floor: AtomicU64,
    pub(super) weight: AtomicU32,
    /// How long it has run, in nanoseconds.
    pub(super) runtime: AtomicU64,
    /// It has left its processor for good. A wake-up may come later still: who wakes notes it
    /// first and enqueues the task after, and the task need not wait for the second.
    pub(super) has_exited: AtomicBool,
}

impl TaskData {
    fn new(role: Role, pinned: Option<CpuId>) -> Self {
        Self {
            role,
            pinned,
            last_cpu: AtomicU32::new(NO_CPU),
            virtual_runtime: AtomicU64::new(0),
            left_floor: AtomicU64::new(0),
            weight: AtomicU32::new(NORMAL_WEIGHT),
            runtime: AtomicU64::new(0),
            has_exited: AtomicBool::new(false),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.role, Role::Idle)
    }

    /// The data of a task. Every task of this kernel is made in this file.
    pub(super) fn of(task: &Task) -> &Self {
        task.data().downcast_ref().expect("every task carries TaskData")
    }

    /// The user thread this task runs.
    pub(crate) fn thread(task: &Task) -> Option<&Arc<Thread>> {
        match &task.data().downcast_ref::<Self>()?.role {
            Role::User(thread) => Some(thread),
            Role::Idle | Role::Kernel(_) => None,
        }
    }

    /// Sets a task's share: each step of niceness is worth about a quarter.
    pub(crate) fn set_nice(task: &Task, nice: i32) {
        let step = |weight: u64| {
            if nice > 0 { weight * 4 / 5 } else { weight * 5 / 4 }
        };
        let weight =
            (0..nice.unsigned_abs()).fold(u64::from(NORMAL_WEIGHT), |weight, _| step(weight));
        Self::of(task).weight.store(weight.max(1) as u32, Ordering::Relaxed);
    }

    /// Processor time a task has used, in nanoseconds, up to its last switch or tick.
    pub(crate) fn runtime(task: &Task) -> u64 {
        Self::of(task).runtime.load(Ordering::Relaxed)
    }
}

/// Starts a kernel task, on one processor or wherever there is room.
///
/// # Panics
/// If there is no memory for its stack: kernel tasks are few and made at boot, or by
/// callers that keep within the frame reserve.
pub fn spawn_kernel(name: &str, pinned: Option<usize>, run: impl FnOnce() + Send + 'static) {
    let pinned = pinned.map(|cpu| CpuId::try_from(cpu).expect("the caller names a processor"));
    let data = TaskData::new(Role::Kernel(name.into()), pinned);
    TaskOptions::new(run).data(data).spawn().expect("memory is reserved for kernel tasks");
}

/// Starts a kernel task for a user's purposes, wherever there is room.
///
/// # Errors
/// `ENOMEM` if there is no memory for its stack.
pub fn try_spawn_kernel(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let data = TaskData::new(Role::Kernel(name.into()), None);
    TaskOptions::new(run).data(data).spawn().map(drop).map_err(|_| Errno::ENOMEM)
}

/// Makes the task of a user thread; it runs once [`Task::run`] is called.
///
/// # Errors
/// `ENOMEM` if there is no memory for its kernel stack.
pub fn spawn_user(thread: Arc<Thread>, run: impl FnOnce() + Send + 'static) -> Result<Arc<Task>> {
    let data = TaskData::new(Role::User(thread), None);
    TaskOptions::new(run).data(data).build().map(Arc::new).map_err(|_| Errno::ENOMEM)
}

pub(super) fn spawn_idle(cpu: CpuId, run: fn()) {
    let data = TaskData::new(Role::Idle, Some(cpu));
    TaskOptions::new(run).data(data).spawn().expect("memory is free at boot");
}
