//! System calls: from the registers of a thread to a handler and back.

mod table;

pub use table::{Call, Restart};

use core::sync::atomic::{AtomicU64, Ordering};

use ostd::arch::cpu::context::UserContext;

use crate::prelude::*;
use crate::process::Thread;

/// The six arguments of a system call, as they came.
pub type Args = [usize; 6];

/// What most system calls need: the calling thread and its arguments.
pub type Handler = fn(&Arc<Thread>, Args) -> Result<usize>;

/// What those need that look at or change the caller's registers.
pub type ContextHandler = fn(&Arc<Thread>, Args, &mut UserContext) -> Result<usize>;

/// Performs the system call the registers ask for and says how it went. The caller puts
/// the result back into the registers, once it knows about signals.
pub(crate) fn dispatch(thread: &Arc<Thread>, context: &mut UserContext) -> Result<usize> {
    let number = context.rax();
    let args =
        [context.rdi(), context.rsi(), context.rdx(), context.r10(), context.r8(), context.r9()];
    match table::lookup(number) {
        Some(call) => call.perform(thread, args, context),
        None => {
            report_unknown(number);
            Err(Errno::ENOSYS)
        }
    }
}

/// What becomes of the call with this number if a signal interrupts it.
#[must_use]
pub(crate) fn restart_of(number: usize) -> Restart {
    table::lookup(number).map_or(Restart::Never, Call::restart)
}

/// Logs a system call that does not exist, the first time it is asked for.
fn report_unknown(number: usize) {
    static REPORTED: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
    let Some(word) = REPORTED.get(number / 64) else { return };
    let bit = 1 << (number % 64);
    if word.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
        log::warn!("system call {number} does not exist here");
    }
}
