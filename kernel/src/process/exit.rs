//! How threads and processes end.

use ostd::power::{ExitCode, poweroff};

use super::{ExitStatus, Process, Thread, tree};
use crate::futex;
use crate::mm::AddressSpace;
use crate::prelude::*;
use crate::signal::kill_process;

/// exit(2) of one thread: the process ends with the last of them.
pub(super) fn exit_thread(thread: &Arc<Thread>, code: u8) {
    let process = thread.process();
    if process.thread_count() == 1 {
        kill_process(process, ExitStatus::Exited(code));
        return;
    }
    if thread.tid() == process.pid() {
        process.note_exit_code(code);
    }
    let shared = process.signals.lock();
    thread.signals.lock().killed = true;
    thread.refresh_signal_pending(&shared);
}

/// The last thing a thread does.
pub(super) fn leave(thread: &Arc<Thread>) {
    let process = thread.process();
    futex::release_robust_list(thread);
    futex::clear_child_tid(thread);
    thread.release_parent();
    thread.drop_resources();
    tree::remove_thread(thread.tid());
    if process.remove_thread(thread) {
        end(process);
    } else {
        // A processor keeps the memory it saw last until it sees another.
        AddressSpace::deactivate();
    }
}

/// Ends a process whose threads have all left.
fn end(process: &Arc<Process>) {
    let status = process.signals.lock().exiting.unwrap_or_else(|| process.first_exit_status());
    if process.is_init() {
        end_of_init(status);
    }
    process.timers.cancel_all();
    process.set_space(None);
    if let Some(session) = tree::session(process.pid())
        && session.id() == process.pid()
        && let Some(terminal) = session.set_terminal(None)
    {
        terminal.session_ended();
    }
    tree::bury(process, status);
}

/// Process 1 is the reason the machine runs.
fn end_of_init(status: ExitStatus) -> ! {
    match status {
        ExitStatus::Exited(code) => {
            log::info!("process 1 exited with {code}");
            poweroff(ExitCode::Success)
        }
        ExitStatus::Killed(signal) => {
            panic!("process 1 was killed by signal {}", signal.number());
        }
    }
}
