//! Opening files (open(2), execve(2)).

use super::access::{Access, check, is_owner};
use super::directory::DirectoryFile;
use super::edit::create_at;
use super::file::{File, OpenFile, OpenFlags};
use super::inode::NewNode;
use super::mount::{MountFlags, Path};
use super::pipe::open_fifo;
use super::stat::Kind;
use super::walk::{Walked, Walker};
use crate::dev;
use crate::prelude::*;
use crate::process::{Credentials, Thread};

/// Opens, and with CREAT makes, what `text` names from descriptor `at`.
///
/// # Errors
/// As open(2).
pub fn open(
    thread: &Thread,
    at: i32,
    text: &[u8],
    flags: OpenFlags,
    mode: u32,
) -> Result<Arc<OpenFile>> {
    let mut flags = flags;
    if flags.contains(OpenFlags::PATH) {
        let keep = OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW;
        flags = flags.intersection(keep);
    } else if flags.contains(OpenFlags::TMPFILE) {
        let complete = flags.contains(OpenFlags::DIRECTORY) && flags.writable();
        return Err(if complete { Errno::EOPNOTSUPP } else { Errno::EINVAL });
    } else if flags.contains(OpenFlags::CREAT | OpenFlags::DIRECTORY) {
        return Err(Errno::EINVAL);
    }
    let walker = Walker::new(thread)?;
    let start = walker.start(thread, at, text)?;
    let exclusive = flags.contains(OpenFlags::CREAT | OpenFlags::EXCL);
    let follow = !flags.contains(OpenFlags::NOFOLLOW) && !exclusive;
    loop {
        let walked = walker.walk(&start, text, follow)?;
        if walked.target.is_some() || !flags.contains(OpenFlags::CREAT) {
            if exclusive {
                return Err(Errno::EEXIST);
            }
            return open_found(&walker.credentials, walked, flags);
        }
        if walked.slash {
            return Err(Errno::EISDIR);
        }
        let (parent, name) = walked.entry(Errno::EISDIR)?;
        match create_at(&walker, parent, name, NewNode::Regular, mode) {
            // Whoever makes a file may open it, whatever its permissions say.
            Ok(path) => return open_granted(path, flags.difference(OpenFlags::TRUNC)),
            // Another thread made it in between: then it is opened like any other.
            Err(Errno::EEXIST) if !exclusive => {}
            Err(error) => return Err(error),
        }
    }
}

fn open_found(who: &Credentials, walked: Walked, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    let path = walked.found()?;
    let kind = path.inode().kind();
    if kind == Kind::Symlink && !flags.contains(OpenFlags::PATH) {
        return Err(Errno::ELOOP);
    }
    if flags.contains(OpenFlags::DIRECTORY) && kind != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    if flags.contains(OpenFlags::CREAT) && kind == Kind::Directory {
        return Err(Errno::EISDIR);
    }
    open_path(who, path, flags)
}

/// Opens what is at `path`, if `who` may.
///
/// # Errors
/// As open(2).
pub fn open_path(who: &Credentials, path: Path, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    if flags.contains(OpenFlags::PATH) {
        return Ok(OpenFile::place(path, flags));
    }
    let stat = path.inode().stat();
    let mut wanted = Access::empty();
    wanted.set(Access::READ, flags.readable());
    wanted.set(Access::WRITE, flags.writable() || flags.contains(OpenFlags::TRUNC));
    if stat.kind == Kind::Directory && wanted.contains(Access::WRITE) {
        return Err(Errno::EISDIR);
    }
    if wanted.contains(Access::WRITE) && stat.kind == Kind::Regular {
        path.mount().check_writable()?;
    }
    let device = matches!(stat.kind, Kind::CharDevice | Kind::BlockDevice);
    if device && path.mount().flags().contains(MountFlags::NODEV) {
        return Err(Errno::EACCES);
    }
    check(who, &stat, wanted)?;
    if flags.contains(OpenFlags::NOATIME) && !is_owner(who, &stat) {
        return Err(Errno::EPERM);
    }
    open_granted(path, flags)
}

fn open_granted(path: Path, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    let inode = path.inode();
    let stat = inode.stat();
    let file: Box<dyn File> = match stat.kind {
        Kind::Directory => Box::new(DirectoryFile::new(path.clone())),
        Kind::Regular => {
            let file = inode.clone().open()?;
            if flags.contains(OpenFlags::TRUNC) {
                inode.truncate(0)?;
            }
            file
        }
        Kind::Fifo => open_fifo(&inode.fifo()?, flags)?,
        Kind::CharDevice => return dev::open_char(stat.rdev, path, flags),
        Kind::Symlink => return Err(Errno::ELOOP),
        Kind::BlockDevice | Kind::Socket | Kind::Anonymous => return Err(Errno::ENXIO),
    };
    Ok(OpenFile::new(path, file, flags))
}

/// Opens what `text` names for execution.
///
/// # Errors
/// As execve(2): `EACCES` unless it is a regular file that may be executed.
pub fn open_exec(thread: &Thread, at: i32, text: &[u8], follow: bool) -> Result<Arc<OpenFile>> {
    let walker = Walker::new(thread)?;
    let start = walker.start(thread, at, text)?;
    let path = if text.is_empty() { start } else { walker.find(&start, text, follow)? };
    open_exec_path(&walker.credentials, path)
}

/// Opens what is at `path` for execution.
///
/// # Errors
/// As [`open_exec`].
pub fn open_exec_path(who: &Credentials, path: Path) -> Result<Arc<OpenFile>> {
    let stat = path.inode().stat();
    if stat.kind == Kind::Symlink {
        return Err(Errno::ELOOP);
    }
    if stat.kind != Kind::Regular || path.mount().flags().contains(MountFlags::NOEXEC) {
        return Err(Errno::EACCES);
    }
    check(who, &stat, Access::EXEC)?;
    open_granted(path, OpenFlags::empty())
}
