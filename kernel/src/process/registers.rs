//! Registers that the kernel does not use but every thread has its own of: the floating
//! point state and the segment bases. Switched with the task.

use ostd::arch::cpu::context::{FpuContext, FsBase, GsBase};
use ostd::irq::{DisabledLocalIrqGuard, disable_local};
use ostd::task::Task;

use crate::sched::TaskData;

/// The saved floating point state and segment bases of a thread that is not running.
#[derive(Clone, Default)]
pub struct SavedRegisters {
    /// x87, SSE and AVX registers.
    pub fpu: FpuContext,
    /// The thread pointer.
    pub fs_base: FsBase,
    /// The other segment base, which programs hardly use.
    pub gs_base: GsBase,
}

impl SavedRegisters {
    /// Reads the processor's registers.
    pub fn save(&mut self, guard: &DisabledLocalIrqGuard) {
        self.fpu.save();
        self.fs_base.save();
        self.gs_base.save(guard);
    }

    /// Writes the processor's registers.
    pub fn load(&self, guard: &DisabledLocalIrqGuard) {
        self.fpu.load();
        self.fs_base.load();
        self.gs_base.load(guard);
    }
}

/// Before a switch: keeps the registers of the thread that is left.
pub(crate) fn before_switch(guard: &DisabledLocalIrqGuard) {
    if let Some(task) = Task::current()
        && let Some(thread) = TaskData::thread(&task)
    {
        thread.registers().lock().save(guard);
        thread.note_left(crate::time::now());
    }
}

/// After a switch: gives the new thread its registers and its memory.
pub(crate) fn after_switch() {
    crate::sched::finish_switch();
    if let Some(task) = Task::current()
        && let Some(thread) = TaskData::thread(&task)
    {
        thread.registers().lock().load(&disable_local());
        thread.note_entered(crate::time::now());
        if let Some(space) = thread.process().space() {
            space.activate();
        }
    }
}
