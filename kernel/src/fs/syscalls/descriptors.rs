//! Descriptors: closing, duplicating, fcntl(2).

use super::{fd, lock};
use crate::fs::file::OpenFlags;
use crate::fs::pipe::PipeEnd;
use crate::mm::user;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[
    (3, Call::new(sys_close)),
    (32, Call::new(sys_dup)),
    (33, Call::new(sys_dup2)),
    (72, Call::new(sys_fcntl)),
    (292, Call::new(sys_dup3)),
    (436, Call::new(sys_close_range)),
];

fn sys_close(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    drop(thread.files()?.remove(fd(args[0])?)?);
    Ok(0)
}

fn sys_dup(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let files = thread.files()?;
    let file = files.get(fd(args[0])?)?;
    Ok(files.insert(file, false)? as usize)
}

fn sys_dup2(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let files = thread.files()?;
    let file = files.get(fd(args[0])?)?;
    let target = fd(args[1])?;
    if fd(args[0])? != target {
        files.replace(target, file, false)?;
    }
    Ok(target as usize)
}

fn sys_dup3(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let cloexec = OpenFlags::CLOEXEC.bits() as usize;
    super::check_flags(args[2], cloexec)?;
    let target = fd(args[1])?;
    if fd(args[0])? == target {
        return Err(Errno::EINVAL);
    }
    let files = thread.files()?;
    let file = files.get(fd(args[0])?)?;
    files.replace(target, file, args[2] & cloexec != 0)?;
    Ok(target as usize)
}

fn sys_close_range(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const UNSHARE: usize = 2;
    const CLOEXEC: usize = 4;
    super::check_flags(args[2], UNSHARE | CLOEXEC)?;
    let range = args[0] as u32..=args[1] as u32;
    if range.is_empty() {
        return Err(Errno::EINVAL);
    }
    if args[2] & UNSHARE != 0 {
        let copy = thread.files()?.fork();
        thread.replace_resources(|resources| resources.files = copy)?;
    }
    let files = thread.files()?;
    if args[2] & CLOEXEC != 0 {
        files.mark_where(|fd| range.contains(&fd));
    } else {
        files.close_where(|fd, _| range.contains(&fd));
    }
    Ok(0)
}

/// The requests of fcntl(2) (include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h).
mod request {
    pub(super) const DUPFD: usize = 0;
    pub(super) const GETFD: usize = 1;
    pub(super) const SETFD: usize = 2;
    pub(super) const GETFL: usize = 3;
    pub(super) const SETFL: usize = 4;
    pub(super) const GETLK: usize = 5;
    pub(super) const SETLK: usize = 6;
    pub(super) const SETLKW: usize = 7;
    pub(super) const SETOWN: usize = 8;
    pub(super) const GETOWN: usize = 9;
    pub(super) const SETOWN_EX: usize = 15;
    pub(super) const GETOWN_EX: usize = 16;
    pub(super) const OFD_GETLK: usize = 36;
    pub(super) const OFD_SETLK: usize = 37;
    pub(super) const OFD_SETLKW: usize = 38;
    pub(super) const DUPFD_CLOEXEC: usize = 1030;
    pub(super) const SETPIPE_SZ: usize = 1031;
    pub(super) const GETPIPE_SZ: usize = 1032;
}

/// `F_OWNER_PID` and `F_OWNER_PGRP` of `struct f_owner_ex`.
const OWNER_PID: i32 = 1;
const OWNER_PGRP: i32 = 2;

fn sys_fcntl(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let files = thread.files()?;
    let number = fd(args[0])?;
    let arg = args[2];
    let file = files.get(number)?;
    match args[1] {
        request::DUPFD | request::DUPFD_CLOEXEC => {
            let cloexec = args[1] == request::DUPFD_CLOEXEC;
            let least = u32::try_from(arg).map_err(|_| Errno::EINVAL)?;
            return Ok(files.insert_from(least, file, cloexec)? as usize);
        }
        request::GETFD => return Ok(usize::from(files.cloexec(number)?)),
        request::SETFD => {
            files.set_cloexec(number, arg & 1 != 0)?;
            return Ok(0);
        }
        request::GETFL => return Ok(file.flags().union(OpenFlags::LARGEFILE).bits() as usize),
        _ if file.is_place() => return Err(Errno::EBADF),
        _ => {}
    }
    match args[1] {
        request::SETFL => {
            file.set_flags(OpenFlags::from_bits_retain(arg as u32));
            Ok(0)
        }
        request::GETLK | request::OFD_GETLK => {
            lock::get(thread, &file, arg, args[1] == request::OFD_GETLK)
        }
        request::SETLK | request::SETLKW => {
            lock::set(thread, &file, arg, false, args[1] == request::SETLKW)
        }
        request::OFD_SETLK | request::OFD_SETLKW => {
            lock::set(thread, &file, arg, true, args[1] == request::OFD_SETLKW)
        }
        request::SETOWN => {
            file.set_owner(arg as i32);
            Ok(0)
        }
        request::GETOWN => Ok(file.owner() as isize as usize),
        request::SETOWN_EX => {
            let [kind, id] = user::read_val::<[i32; 2]>(arg)?;
            match kind {
                OWNER_PID => file.set_owner(id),
                OWNER_PGRP => file.set_owner(-id),
                _ => return Err(Errno::EINVAL),
            }
            Ok(0)
        }
        request::GETOWN_EX => {
            let owner = file.owner();
            let kind = if owner < 0 { OWNER_PGRP } else { OWNER_PID };
            user::write_val(arg, &[kind, owner.wrapping_abs()])?;
            Ok(0)
        }
        request::SETPIPE_SZ => file.downcast::<PipeEnd>().ok_or(Errno::EBADF)?.set_capacity(arg),
        request::GETPIPE_SZ => Ok(file.downcast::<PipeEnd>().ok_or(Errno::EBADF)?.capacity()),
        _ => Err(Errno::EINVAL),
    }
}
