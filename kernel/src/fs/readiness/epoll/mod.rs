//! epoll(7): an interest list that is told about news instead of asking for it.
//!
//! Each entry observes its file's pollee for as long as it is on the list. A notification
//! puts the entry on the ready list, once, and wakes whoever waits. epoll_wait takes entries
//! off the ready list and asks each file what it is ready for; a level-triggered entry that
//! is ready goes back to the list's end, so that it is asked again next time.
//!
//! An entry belongs to an open file description and a number: it leaves the list when it is
//! removed, or when the description is closed for good (the list holds it weakly).

mod file;
mod syscalls;

pub(crate) use syscalls::CALLS;
