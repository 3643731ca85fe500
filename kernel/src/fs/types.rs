//! The file system types mount(2) knows.

use super::devfs::{devpts, devtmpfs};
use super::inode::FileSystem;
use super::proc::new_proc;
use super::sysfs;
use super::tmpfs::Tmpfs;
use crate::prelude::*;
use crate::process::Thread;

/// The types, as /proc/filesystems lists them.
pub const TYPES: &[&str] = &["sysfs", "proc", "tmpfs", "ramfs", "devtmpfs", "devpts"];

/// Makes an instance of the type `kind` for a mount made by `thread`.
///
/// # Errors
/// `ENODEV` if there is no such type; `EINVAL` for options it does not know.
pub fn new_file_system(
    thread: &Thread,
    kind: &[u8],
    options: &[u8],
) -> Result<Arc<dyn FileSystem>> {
    match kind {
        b"tmpfs" => Ok(Tmpfs::new("tmpfs", options)?),
        b"ramfs" => Ok(Tmpfs::new("ramfs", options)?),
        b"devtmpfs" => devtmpfs(),
        b"devpts" => Ok(devpts()),
        b"proc" => new_proc(options),
        b"sysfs" => Ok(sysfs::new(thread.ns()?.net.clone())),
        _ => Err(Errno::ENODEV),
    }
}
