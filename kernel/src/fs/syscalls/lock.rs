//! Advisory locks: flock(2), and the lock requests of fcntl(2).

use warren_kernel_core::ranges::{Kind, Lock};

use super::fd;
use crate::fs::file::OpenFile;
use crate::fs::locks::{self, Owner};
use crate::mm::user;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[(73, Call::new(sys_flock))];

const F_RDLCK: u16 = 0;
const F_WRLCK: u16 = 1;
const F_UNLCK: u16 = 2;

/// `struct flock`, as four words: type and whence, start, length, pid.
type Flock = [u64; 4];

/// Takes a `struct flock` apart: its type and the bytes it means.
fn decode(file: &OpenFile, flock: &Flock) -> Result<(u16, u64, u64)> {
    let (kind, whence) = (flock[0] as u16, (flock[0] >> 16) as u16);
    let base = match whence {
        0 => 0,
        1 => file.offset(),
        2 => file.file().len()?,
        _ => return Err(Errno::EINVAL),
    };
    let (start, len) = (flock[1] as i64, flock[2] as i64);
    let start = base.checked_add_signed(start).ok_or(Errno::EINVAL)?;
    let overflow = Errno::EOVERFLOW;
    match len {
        0 => Ok((kind, start, u64::MAX)),
        1.. => Ok((kind, start, start.checked_add(len as u64).ok_or(overflow)?)),
        // A negative length means the bytes before.
        _ => Ok((kind, start.checked_add_signed(len).ok_or(Errno::EINVAL)?, start)),
    }
}

fn owner(thread: &Thread, file: &OpenFile, of_description: bool) -> Result<Owner> {
    if of_description {
        return Ok(Owner::description(file));
    }
    Ok(Owner::process(&*thread.files()?, thread.process().pid()))
}

fn kind(code: u16) -> Result<Kind> {
    match code {
        F_RDLCK => Ok(Kind::Shared),
        F_WRLCK => Ok(Kind::Exclusive),
        _ => Err(Errno::EINVAL),
    }
}

/// F_GETLK: what would be in the way.
pub(super) fn get(thread: &Thread, file: &OpenFile, addr: usize, ofd: bool) -> Result<usize> {
    let mut flock: Flock = user::read_val(addr)?;
    if ofd && flock[3] as u32 != 0 {
        return Err(Errno::EINVAL);
    }
    let (code, start, end) = decode(file, &flock)?;
    let wanted = Lock { owner: owner(thread, file, ofd)?, kind: kind(code)?, start, end };
    match locks::conflict(file, &wanted) {
        None => flock[0] = flock[0] & !0xffff | u64::from(F_UNLCK),
        Some(held) => {
            let code = if held.kind == Kind::Shared { F_RDLCK } else { F_WRLCK };
            let len = if held.end == u64::MAX { 0 } else { held.end - held.start };
            flock = [u64::from(code), held.start, len, u64::from(held.owner.pid() as u32)];
        }
    }
    user::write_val(addr, &flock)?;
    Ok(0)
}

/// F_SETLK and F_SETLKW.
pub(super) fn set(
    thread: &Thread,
    file: &OpenFile,
    addr: usize,
    ofd: bool,
    wait: bool,
) -> Result<usize> {
    let flock: Flock = user::read_val(addr)?;
    if ofd && flock[3] as u32 != 0 {
        return Err(Errno::EINVAL);
    }
    let (code, start, end) = decode(file, &flock)?;
    let owner = owner(thread, file, ofd)?;
    if code == F_UNLCK {
        return locks::unlock_range(file, owner, start, end).map(|()| 0);
    }
    let kind = kind(code)?;
    let granted = if kind == Kind::Shared { file.is_readable() } else { file.is_writable() };
    if !granted {
        return Err(Errno::EBADF);
    }
    locks::lock_range(file, Lock { owner, kind, start, end }, wait).map(|()| 0)
}

fn sys_flock(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const SHARED: usize = 1;
    const EXCLUSIVE: usize = 2;
    const NONBLOCK: usize = 4;
    const UNLOCK: usize = 8;
    let file = thread.files()?.get_opened(fd(args[0])?)?;
    let wait = args[1] & NONBLOCK == 0;
    match args[1] & !NONBLOCK {
        SHARED => locks::lock_whole(&file, Kind::Shared, wait)?,
        EXCLUSIVE => locks::lock_whole(&file, Kind::Exclusive, wait)?,
        UNLOCK => locks::unlock_whole(&file),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
