//! execve(2): another program in the same process.
//!
//! Everything that can fail is done first, with the old memory in place: finding the
//! program (and a script's interpreter), copying the arguments, building the new address
//! space. Then the other threads leave, and the process changes over.

mod arguments;
mod credentials;
mod load;
mod program;
mod stack;

pub use arguments::{Arguments, Strings};

use ostd::arch::cpu::context::{FpuContext, FsBase, GsBase, UserContext};

use super::{Thread, cut_name, tree};
use crate::fs::OpenFile;
use crate::mm::AddressSpace;
use crate::prelude::*;
use program::Program;

/// Replaces the program of the current process by `file`, which was opened for execution
/// as `name`. On success `context` is the start of the
/// new program.
///
/// # Errors
/// Those of execve(2), as long as there is a program to return to.
pub fn execute(
    thread: &Arc<Thread>,
    file: Arc<OpenFile>,
    name: &[u8],
    mut arguments: Arguments,
    context: &mut UserContext,
) -> Result<()> {
    let program = Program::find(thread, file, name, &mut arguments)?;
    let space = AddressSpace::new();
    let loaded = load::load(&space, &program)?;
    let credentials = credentials::after_exec(thread, &program);
    end_other_threads(thread)?;
    // From here on there is no way back: the stack is written through the new memory.
    let process = thread.process();
    process.set_space(Some(space.clone()));
    space.activate();
    let start = stack::build(&space, &loaded, &arguments, &credentials);
    thread.release_parent();
    finish(thread, &program, credentials);
    match start {
        Ok(stack_pointer) => {
            *context = UserContext::default();
            context.set_rip(loaded.start);
            context.set_rsp(stack_pointer);
            Ok(())
        }
        // Like Linux: killed, as there is nothing to report to.
        Err(error) => {
            log::warn!("process {}: no stack for its program: {error:?}", process.pid());
            let status = super::ExitStatus::Killed(crate::signal::Signal::KILL);
            crate::signal::kill_process(process, status);
            Ok(())
        }
    }
}

/// Everything about the process that a new program resets.
fn finish(thread: &Arc<Thread>, program: &Program, credentials: super::Credentials) {
    use core::sync::atomic::Ordering;
    let process = thread.process();
    {
        let mut signals = process.signals.lock();
        signals.actions.reset_handlers();
        thread.signals.lock().alt_stack = Default::default();
    }
    thread.set_credentials(credentials);
    thread.clear_child_tid.store(0, Ordering::Relaxed);
    thread.robust_list.store(0, Ordering::Relaxed);
    let base = program.name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    thread.set_name(&cut_name(base));
    process.set_executed(program.path.as_slice().into());
    // A table shared with another process is not to lose its descriptors.
    if let Ok(files) = thread.files() {
        let files = if Arc::strong_count(&files) > 2 { files.fork() } else { files };
        files.close_on_exec();
        let _: Result<()> = thread.replace_resources(|resources| resources.files = files);
    }
    let registers = &mut *thread.registers().lock();
    registers.fpu = FpuContext::new();
    registers.fs_base = FsBase::default();
    registers.gs_base = GsBase::default();
    registers.load(&ostd::irq::disable_local());
}

/// Makes the other threads of the process leave, and gives this one the process's id.
fn end_other_threads(thread: &Arc<Thread>) -> Result<()> {
    let process = thread.process();
    {
        let _forming = process.forming.lock();
        let shared = process.signals.lock();
        // Another thread execs, or the process ends: this one leaves first.
        if shared.exiting.is_some() || thread.is_killed() {
            return Err(Errno::EINTR);
        }
        for other in process.threads() {
            if !Arc::ptr_eq(&other, thread) {
                other.signals.lock().killed = true;
                other.refresh_signal_pending(&shared);
                other.wake();
            }
        }
    }
    process.resumed.wake_all();
    process.thread_left.wait_killable(|| (process.thread_count() == 1).then_some(()))?;
    if thread.tid() != process.pid() {
        tree::remove_thread(thread.tid());
        thread.set_tid(process.pid());
        tree::add_thread(thread);
    }
    Ok(())
}
