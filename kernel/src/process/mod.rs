//! Processes and threads: what they own, how they begin and how they end.

mod credentials;
mod limits;
mod namespace_calls;
mod namespaces;
mod process;
mod registers;

mod thread;

pub use credentials::{Capability, CapabilitySet, Credentials};
pub use limits::{Limit, Limits, Resource};
pub(crate) use namespace_calls::{CALLS as NAMESPACE_CALLS, with_new_namespaces};
pub use namespaces::{InitialNamespace, NsProxy, UTS_LEN, UtsNamespace, initial_namespace};
pub use process::Process;
pub use registers::SavedRegisters;
pub(crate) use registers::{after_switch, before_switch};
pub use thread::{Pid, Resources, Thread};

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
