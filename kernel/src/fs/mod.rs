//! Files: names, mounts, open files, and the file systems that live in memory.
//!
//! | module | what it is |
//! |---|---|
//! | [`stat`], [`inode`], [`file`] | what a file system and an open file are |
//! | [`dentry`], [`mount`], [`walk`], [`access`] | from a path to a file, and who may |
//! | [`fdtable`], [`context`] | what a process has of all this |
//! | [`poll`], [`locks`] | readiness, advisory locks |
//! | [`pipe`], [`anon`], [`nsfs`] | files that are in no directory |
//! | [`tmpfs`] | files in memory |
//! | [`syscalls`] | the system calls |

pub mod access;
pub mod anon;
pub mod context;
pub mod dentry;
pub mod fdtable;
pub mod file;
pub mod inode;
pub mod locks;
pub mod mount;
pub mod nsfs;
mod options;
pub mod pipe;
pub mod poll;
mod signals;
pub mod stat;
pub mod tmpfs;
pub mod walk;

pub use context::FsContext;
pub use fdtable::FdTable;
pub use file::{File, OpenFile, OpenFlags};
pub use poll::{Events, Pollee, Poller};
