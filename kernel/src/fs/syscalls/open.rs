//! open(2) and its variants, pipe(2), memfd_create(2).

use super::read_path;
use crate::fs::file::OpenFlags;
use crate::fs::inode::Creator;
use crate::fs::open::open;
use crate::fs::pipe::new_pipe;
use crate::fs::tmpfs::open_memfd;
use crate::fs::walk::AT_FDCWD;
use crate::mm::user;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[
    (2, Call::new(sys_open)),
    (22, Call::new(sys_pipe)),
    (85, Call::new(sys_creat)),
    (257, Call::new(sys_openat)),
    (293, Call::new(sys_pipe2)),
    // name_to_handle_at(2): no file system here can find a file by its handle.
    (303, Call::new(|_, _| Err(Errno::EOPNOTSUPP))),
    (319, Call::new(sys_memfd_create)),
];

fn open_at(thread: &Thread, at: i32, path: usize, flags: usize, mode: usize) -> Result<usize> {
    let flags = OpenFlags::from_bits_retain(flags as u32);
    let text = read_path(path)?;
    let file = open(thread, at, &text, flags, mode as u32)?;
    let cloexec = flags.contains(OpenFlags::CLOEXEC);
    Ok(thread.files()?.insert(file, cloexec)? as usize)
}

fn sys_open(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    open_at(thread, AT_FDCWD, args[0], args[1], args[2])
}

fn sys_creat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let flags = OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC;
    open_at(thread, AT_FDCWD, args[0], flags.bits() as usize, args[1])
}

fn sys_openat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    open_at(thread, args[0] as i32, args[1], args[2], args[3])
}

fn pipe(thread: &Thread, addr: usize, flags: usize) -> Result<usize> {
    let known = OpenFlags::CLOEXEC | OpenFlags::NONBLOCK | OpenFlags::DIRECT;
    let flags = OpenFlags::from_bits_retain(flags as u32);
    if !known.contains(flags) || flags.contains(OpenFlags::DIRECT) {
        // Packet mode is not supported.
        return Err(Errno::EINVAL);
    }
    let cloexec = flags.contains(OpenFlags::CLOEXEC);
    let (reader, writer) = new_pipe(flags.intersection(OpenFlags::NONBLOCK));
    let files = thread.files()?;
    let first = files.insert(reader, cloexec)?;
    let outcome = files.insert(writer, cloexec).and_then(|second| {
        user::write_val(addr, &[first, second]).inspect_err(|_| drop(files.remove(second)))
    });
    if outcome.is_err() {
        drop(files.remove(first));
    }
    outcome.map(|()| 0)
}

fn sys_pipe(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    pipe(thread, args[0], 0)
}

fn sys_pipe2(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    pipe(thread, args[0], args[1])
}

/// `MFD_CLOEXEC`.
const MFD_CLOEXEC: usize = 1;
/// The longest name of a memfd.
const MFD_NAME_MAX: usize = 249;

fn sys_memfd_create(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    super::check_flags(args[1], MFD_CLOEXEC)?;
    let name = match user::read_cstr(args[0], MFD_NAME_MAX + 1) {
        Err(Errno::ENAMETOOLONG) => return Err(Errno::EINVAL),
        name => name?,
    };
    let who = thread.credentials();
    let creator = Creator { uid: who.uid.fs, gid: who.gid.fs, permissions: 0o777 };
    let file = open_memfd(&name, &creator)?;
    Ok(thread.files()?.insert(file, args[1] & MFD_CLOEXEC != 0)? as usize)
}
