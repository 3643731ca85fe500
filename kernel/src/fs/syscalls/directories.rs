//! Directories: reading entries, working directory, root directory.

use super::{fd, read_path};
use crate::fs::access::{Access, check_inode};
use crate::fs::file::OpenFile;
use crate::fs::inode::DirEntry;
use crate::fs::mount::Path;
use crate::fs::walk::Walker;
use crate::mm::user;
use crate::prelude::*;
use crate::process::{Capability, Thread};
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[
    (78, Call::new(sys_getdents)),
    (79, Call::new(sys_getcwd)),
    (80, Call::new(sys_chdir)),
    (81, Call::new(sys_fchdir)),
    (95, Call::new(sys_umask)),
    (161, Call::new(sys_chroot)),
    (217, Call::new(sys_getdents64)),
];

/// How much one call reads at most.
const MAX_BUFFER: usize = 64 << 10;

/// Appends an entry in one of the two formats if it fits into `room`.
fn append(buffer: &mut Vec<u8>, room: usize, entry: &DirEntry<'_>, modern: bool) -> bool {
    // linux_dirent64 has its type before the name, linux_dirent behind it.
    let header = if modern { 19 } else { 18 };
    let len = (header + entry.name.len() + if modern { 1 } else { 2 }).next_multiple_of(8);
    if buffer.len() + len > room {
        return false;
    }
    let end = buffer.len() + len;
    buffer.extend_from_slice(&entry.ino.to_ne_bytes());
    buffer.extend_from_slice(&entry.next.to_ne_bytes());
    buffer.extend_from_slice(&(len as u16).to_ne_bytes());
    if modern {
        buffer.push(entry.kind.dirent_type());
    }
    buffer.extend_from_slice(entry.name);
    buffer.resize(end, 0);
    if !modern {
        buffer[end - 1] = entry.kind.dirent_type();
    }
    true
}

fn getdents(thread: &Thread, args: &Args, modern: bool) -> Result<usize> {
    let file = thread.files()?.get(fd(args[0])?)?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    if !file.path().is_directory() {
        return Err(Errno::ENOTDIR);
    }
    let room = (args[2] as u32 as usize).min(MAX_BUFFER);
    let mut buffer = Vec::new();
    buffer.try_reserve(room).map_err(|_| Errno::ENOMEM)?;
    fill(&file, &mut buffer, room, modern)?;
    user::write_bytes(args[1], &buffer)?;
    Ok(buffer.len())
}

fn fill(file: &OpenFile, buffer: &mut Vec<u8>, room: usize, modern: bool) -> Result<()> {
    let mut full = false;
    file.seek(|mut cursor| {
        file.file().readdir(cursor, &mut |entry| {
            full = !append(buffer, room, &entry, modern);
            if !full {
                cursor = entry.next;
            }
            !full
        })?;
        Ok(cursor)
    })?;
    if full && buffer.is_empty() { Err(Errno::EINVAL) } else { Ok(()) }
}

fn sys_getdents(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    getdents(thread, &args, false)
}

fn sys_getdents64(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    getdents(thread, &args, true)
}

fn sys_getcwd(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let context = thread.fs()?;
    let cwd = context.cwd();
    if cwd.dentry().is_unlinked() {
        return Err(Errno::ENOENT);
    }
    let (mut text, reachable) = cwd.absolute(&context.root());
    if !reachable {
        text.splice(..0, *b"(unreachable)");
    }
    text.push(0);
    if text.len() > args[1] {
        return Err(Errno::ERANGE);
    }
    user::write_bytes(args[0], &text)?;
    Ok(text.len())
}

/// The directory `path` names, which the caller may search.
fn enter(walker: &Walker, path: Path) -> Result<Path> {
    if !path.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    check_inode(&walker.credentials, &**path.inode(), Access::EXEC)?;
    Ok(path)
}

fn find(walker: &Walker, addr: usize) -> Result<Path> {
    let text = read_path(addr)?;
    enter(walker, walker.find(&walker.context.cwd(), &text, true)?)
}

fn sys_chdir(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let walker = Walker::new(thread)?;
    let path = find(&walker, args[0])?;
    walker.context.set_cwd(path);
    Ok(0)
}

fn sys_fchdir(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let file = thread.files()?.get(fd(args[0])?)?;
    let walker = Walker::new(thread)?;
    let path = enter(&walker, file.path().clone())?;
    walker.context.set_cwd(path);
    Ok(0)
}

fn sys_chroot(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let walker = Walker::new(thread)?;
    let path = find(&walker, args[0])?;
    walker.credentials.require(Capability::SysChroot)?;
    walker.context.set_root(path);
    Ok(0)
}

fn sys_umask(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    Ok(thread.fs()?.set_umask(args[0] as u32) as usize)
}
