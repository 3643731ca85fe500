//! Processes and threads: what they own, how they begin and how they end.

mod clone;
mod control;
mod credentials;
mod exec;
mod exit;
mod identity;
mod init;
mod limits;
mod namespace_calls;
mod namespaces;
#[expect(clippy::module_inception, reason = "a process is the noun of this module")]
mod process;
mod registers;
mod run;
mod scheduling;
mod status;
mod syscalls;
mod terminal;
mod thread;
pub mod times;
pub mod tree;
mod usage;
mod wait;

pub use credentials::{Capability, CapabilitySet, Credentials, Ids, LAST_CAPABILITY};
pub(crate) use init::start_init;
pub use limits::{Limit, Limits, Resource};
pub(crate) use namespace_calls::{CALLS as NAMESPACE_CALLS, with_new_namespaces};
pub use namespaces::{NsProxy, UTS_LEN, initial_namespace};
pub use process::Process;
pub use registers::SavedRegisters;
pub(crate) use registers::{after_switch, before_switch};
pub use status::ExitStatus;
pub use syscalls::CALLS;
pub use terminal::{Session, Terminal};
pub use thread::{NAME_LEN, Pid, Release, Resources, Thread, cut_name};
pub use times::Times;

use ostd::task::Task;

use crate::prelude::*;
use crate::sched::TaskData;

/// The user thread this code works for.
///
/// # Panics
/// In a kernel task, which works for none.
#[must_use]
pub fn current() -> Arc<Thread> {
    try_current().expect("only called on behalf of a user thread")
}

/// The user thread this code works for; `None` in kernel tasks and before the first task.
#[must_use]
pub fn try_current() -> Option<Arc<Thread>> {
    TaskData::thread(&*Task::current()?).cloned()
}
