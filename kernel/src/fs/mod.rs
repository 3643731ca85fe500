//! Files: names, mounts, open files, and the file systems that live in memory.
//!
//! | module | what it is |
//! |---|---|
//! | [`stat`], [`inode`], [`file`] | what a file system and an open file are |
//! | [`dentry`], [`mount`], [`walk`], [`access`] | from a path to a file, and who may |
//! | [`open`], [`edit`], [`directory`] | opening, changing and reading directories |
//! | [`fdtable`], [`context`] | what a process has of all this |
//! | [`poll`], [`locks`] | readiness, advisory locks |
//! | [`pipe`], [`anon`], [`nsfs`] | files that are in no directory |
//! | [`tmpfs`], [`devfs`], [`types`] | files in memory, devices, what can be mounted |
//! | [`initramfs`] | the first files |
//! | [`proc`] | /proc |
//! | [`syscalls`] | the system calls |

pub mod access;
pub mod anon;
pub mod context;
pub mod dentry;
pub mod devfs;
pub mod directory;
pub mod edit;
pub mod fdtable;
pub mod file;
pub mod generated;
pub mod initramfs;
pub mod inode;
pub mod locks;
pub mod mount;
pub mod nsfs;
pub mod open;
pub mod pipe;
pub mod poll;
pub mod proc;
pub mod readiness;
pub mod signals;
pub mod stat;
pub mod syscalls;
pub mod sysfs;
pub mod timerfd;
pub mod tmpfs;
pub mod types;
pub mod walk;

pub use context::FsContext;
pub use fdtable::FdTable;
pub use file::{File, OpenFile, OpenFlags};
pub use poll::{Events, Pollee, Poller};
pub use syscalls::CALLS;

use inode::FileSystem;
use mount::{MountNamespace, Path};
use tmpfs::Tmpfs;

use crate::prelude::*;
use crate::process::{Thread, tree};

/// Makes the first mount namespace, its root filled from the boot loader's archive, and
/// the context process 1 starts in.
///
/// # Errors
/// `ENOSPC` or `ENOMEM` if there is no memory for a root directory.
pub fn init(archive: Option<&[u8]>) -> Result<Arc<FsContext>> {
    let root = Tmpfs::new("rootfs", b"mode=755")?;
    if let Some(archive) = archive {
        initramfs::unpack(&root.root(), archive);
    }
    FsContext::at_root(MountNamespace::first(root))
}

/// The standard input, output and error of process 1: the console, thrice.
///
/// # Errors
/// `EMFILE` if the table is not empty enough.
pub fn open_console(thread: &Thread) -> Result<()> {
    let files = thread.files()?;
    let console = open::open(thread, walk::AT_FDCWD, b"/dev/console", OpenFlags::RDWR, 0)
        .or_else(|_| crate::dev::open_console())?;
    for _ in 0..3 {
        files.insert(console.clone(), false)?;
    }
    Ok(())
}

/// Moves every process that has its root or working directory at `old` to `new`.
fn follow_pivot(thread: &Thread, old: &Path, new: &Path) -> Result<()> {
    thread.fs()?.follow_pivot(old, new);
    for thread in tree::all_processes().iter().flat_map(|process| process.threads()) {
        // A thread that has exited has nothing to move.
        if let Ok(context) = thread.fs() {
            context.follow_pivot(old, new);
        }
    }
    Ok(())
}
