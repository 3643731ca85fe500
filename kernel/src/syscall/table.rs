//! The table of system calls. Each part of the kernel lists its own, one line a call.

use ostd::arch::cpu::context::UserContext;

use super::{Args, ContextHandler, Handler};
use crate::prelude::*;
use crate::process::Thread;

/// What becomes of a call that a signal interrupted (`EINTR`), as signal(7) lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Made again if the handler was installed with `SA_RESTART`, or there was none.
    Always,
    /// Made again only if there was no handler (stopping and continuing, for one).
    WithoutHandler,
    /// Never made again: the caller sees `EINTR`.
    Never,
}

#[derive(Clone, Copy)]
enum Entry {
    Plain(Handler),
    Context(ContextHandler),
}

/// One system call.
#[derive(Clone, Copy)]
pub struct Call {
    entry: Entry,
    restart: Restart,
}

impl Call {
    /// A call that restarts after signals.
    #[must_use]
    pub const fn new(handler: Handler) -> Self {
        Self { entry: Entry::Plain(handler), restart: Restart::Always }
    }

    /// A call that looks at or changes the caller's registers.
    #[must_use]
    pub const fn with_context(handler: ContextHandler) -> Self {
        Self { entry: Entry::Context(handler), restart: Restart::Always }
    }

    /// The same call, with another behaviour when interrupted.
    #[must_use]
    pub const fn restarting(self, restart: Restart) -> Self {
        Self { restart, ..self }
    }

    pub(super) fn perform(
        self,
        thread: &Arc<Thread>,
        args: Args,
        context: &mut UserContext,
    ) -> Result<usize> {
        match self.entry {
            Entry::Plain(handler) => handler(thread, args),
            Entry::Context(handler) => handler(thread, args, context),
        }
    }

    /// What becomes of the call if it is interrupted.
    #[must_use]
    pub fn restart(self) -> Restart {
        self.restart
    }
}

/// One more than the highest number in the table.
const COUNT: usize = 464;

/// The parts of the table: number and call, by the part of the kernel they belong to.
const PARTS: &[&[(u32, Call)]] = &[
    crate::fs::CALLS,
    crate::fs::readiness::CALLS,
    crate::fs::readiness::EPOLL_CALLS,
    crate::fs::readiness::EVENTFD_CALLS,
    crate::futex::CALLS,
    crate::mm::CALLS,
    crate::net::socket::CALLS,
    crate::process::CALLS,
    crate::process::NAMESPACE_CALLS,
    crate::signal::CALLS,
    crate::system::CALLS,
    crate::time::CALLS,
];

static TABLE: [Option<Call>; COUNT] = build();

const fn build() -> [Option<Call>; COUNT] {
    let mut table = [None; COUNT];
    let mut part = 0;
    while part < PARTS.len() {
        let mut index = 0;
        while index < PARTS[part].len() {
            let (number, call) = PARTS[part][index];
            assert!(table[number as usize].is_none(), "two parts list the same system call");
            table[number as usize] = Some(call);
            index += 1;
        }
        part += 1;
    }
    table
}

/// The call with this number.
#[must_use]
pub(super) fn lookup(number: usize) -> Option<Call> {
    *TABLE.get(number)?
}
