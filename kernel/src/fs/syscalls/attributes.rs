//! Changing attributes: length, permissions, owners, times.

use core::time::Duration;

use super::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, check_flags, fd, resolve};
use crate::fs::access::{Access, check, is_owner};
use crate::fs::inode::Changes;
use crate::fs::mount::Path;
use crate::fs::stat::{Kind, PERMISSIONS, S_ISGID, S_ISUID};
use crate::fs::walk::AT_FDCWD;
use crate::mm::user;
use crate::prelude::*;
use crate::process::{Capability, Credentials, Thread};
use crate::syscall::{Args, Call};
use crate::time::realtime;

pub(super) const CALLS: &[(u32, Call)] = &[
    (76, Call::new(sys_truncate)),
    (77, Call::new(sys_ftruncate)),
    (90, Call::new(|t, a| chmod(t, CWD, a[0], a[1], 0))),
    (91, Call::new(sys_fchmod)),
    (92, Call::new(|t, a| chown(t, CWD, a[0], a[1], a[2], 0))),
    (93, Call::new(sys_fchown)),
    (94, Call::new(|t, a| chown(t, CWD, a[0], a[1], a[2], AT_SYMLINK_NOFOLLOW))),
    (132, Call::new(sys_utime)),
    (235, Call::new(|t, a| futimesat(t, CWD, a[0], a[1]))),
    (260, Call::new(|t, a| chown(t, a[0], a[1], a[2], a[3], a[4]))),
    (261, Call::new(|t, a| futimesat(t, a[0], a[1], a[2]))),
    (268, Call::new(|t, a| chmod(t, a[0], a[1], a[2], 0))),
    (280, Call::new(sys_utimensat)),
    (285, Call::new(sys_fallocate)),
    (452, Call::new(|t, a| chmod(t, a[0], a[1], a[2], a[3]))),
];

const CWD: usize = AT_FDCWD as isize as usize;

fn length(arg: usize) -> Result<u64> {
    u64::try_from(arg as i64).map_err(|_| Errno::EINVAL)
}

fn sys_truncate(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let len = length(args[1])?;
    let (walker, path) = resolve(thread, CWD, args[0], 0)?;
    let stat = path.inode().stat();
    match stat.kind {
        Kind::Regular => {}
        Kind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    path.mount().check_writable()?;
    check(&walker.credentials, &stat, Access::WRITE)?;
    path.inode().truncate(len)?;
    Ok(0)
}

fn sys_ftruncate(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let len = length(args[1])?;
    let file = thread.files()?.get_opened(fd(args[0])?)?;
    if !file.is_writable() {
        return Err(Errno::EINVAL);
    }
    file.file().truncate(len)?;
    Ok(0)
}

fn sys_fallocate(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let file = thread.files()?.get_opened(fd(args[0])?)?;
    let (offset, len) = (length(args[2])?, length(args[3])?);
    if len == 0 {
        return Err(Errno::EINVAL);
    }
    if !file.is_writable() {
        return Err(Errno::EBADF);
    }
    match file.inode().kind() {
        Kind::Fifo => return Err(Errno::ESPIPE),
        Kind::Regular => {}
        _ => return Err(Errno::ENODEV),
    }
    file.file().allocate(args[1] as u32, offset, len)?;
    Ok(0)
}

fn change_mode(who: &Credentials, path: &Path, mode: usize) -> Result<usize> {
    path.mount().check_writable()?;
    let stat = path.inode().stat();
    if !is_owner(who, &stat) {
        return Err(Errno::EPERM);
    }
    let mut permissions = mode as u32 & PERMISSIONS;
    if !who.in_group(stat.gid) && !who.has(Capability::Fsetid) {
        permissions &= !S_ISGID;
    }
    path.inode().change(&Changes { permissions: Some(permissions), ..Changes::default() })?;
    Ok(0)
}

fn chmod(thread: &Thread, at: usize, path: usize, mode: usize, flags: usize) -> Result<usize> {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let (walker, path) = resolve(thread, at, path, flags)?;
    if path.inode().kind() == Kind::Symlink {
        return Err(Errno::EOPNOTSUPP);
    }
    change_mode(&walker.credentials, &path, mode)
}

fn sys_fchmod(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let file = thread.files()?.get_opened(fd(args[0])?)?;
    change_mode(&thread.credentials(), file.path(), args[1])
}

fn change_owner(who: &Credentials, path: &Path, uid: usize, gid: usize) -> Result<usize> {
    // An id of -1 stays as it is.
    let id = |arg: usize| (arg as u32 != u32::MAX).then_some(arg as u32);
    let (uid, gid) = (id(uid), id(gid));
    path.mount().check_writable()?;
    let stat = path.inode().stat();
    let owner = who.uid.fs == stat.uid;
    let uid_free = uid.is_none_or(|uid| owner && uid == stat.uid);
    let gid_free = gid.is_none_or(|gid| owner && (gid == stat.gid || who.in_group(gid)));
    if !(uid_free && gid_free) {
        who.require(Capability::Chown)?;
    }
    let mut changes = Changes { uid, gid, ..Changes::default() };
    if stat.kind != Kind::Directory && (uid.is_some() || gid.is_some()) {
        let group_bit = if stat.permissions & 0o010 != 0 { S_ISGID } else { 0 };
        changes.permissions = Some(stat.permissions & !S_ISUID & !group_bit);
    }
    path.inode().change(&changes)?;
    Ok(0)
}

fn chown(
    thread: &Thread,
    at: usize,
    path: usize,
    uid: usize,
    gid: usize,
    flags: usize,
) -> Result<usize> {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let (walker, path) = resolve(thread, at, path, flags)?;
    change_owner(&walker.credentials, &path, uid, gid)
}

fn sys_fchown(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let file = thread.files()?.get_opened(fd(args[0])?)?;
    change_owner(&thread.credentials(), file.path(), args[1], args[2])
}

/// A time to set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Now,
    Omit,
    At(Duration),
}

impl Time {
    fn resolve(self, now: Duration) -> Option<Duration> {
        match self {
            Self::Now => Some(now),
            Self::Omit => None,
            Self::At(time) => Some(time),
        }
    }
}

fn set_times(who: &Credentials, path: &Path, times: [Time; 2]) -> Result<usize> {
    if times == [Time::Omit; 2] {
        return Ok(0);
    }
    path.mount().check_writable()?;
    let stat = path.inode().stat();
    if !is_owner(who, &stat) {
        if times != [Time::Now; 2] {
            return Err(Errno::EPERM);
        }
        check(who, &stat, Access::WRITE)?;
    }
    let now = realtime();
    let [atime, mtime] = times.map(|time| time.resolve(now));
    path.inode().change(&Changes { atime, mtime, ..Changes::default() })?;
    Ok(0)
}

fn seconds(value: i64) -> Result<u64> {
    // Times before the epoch are not kept.
    u64::try_from(value).map_err(|_| Errno::EINVAL)
}

fn sys_utimensat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const UTIME_NOW: i64 = 0x3fff_ffff;
    const UTIME_OMIT: i64 = 0x3fff_fffe;
    check_flags(args[3], AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let mut times = [Time::Now; 2];
    if args[2] != 0 {
        let given: [[i64; 2]; 2] = user::read_val(args[2])?;
        for (time, [secs, nanos]) in times.iter_mut().zip(given) {
            *time = match nanos {
                UTIME_NOW => Time::Now,
                UTIME_OMIT => Time::Omit,
                0..1_000_000_000 => Time::At(Duration::new(seconds(secs)?, nanos as u32)),
                _ => return Err(Errno::EINVAL),
            };
        }
    }
    if args[1] == 0 {
        let file = thread.files()?.get(fd(args[0])?)?;
        return set_times(&thread.credentials(), file.path(), times);
    }
    let (walker, path) = resolve(thread, args[0], args[1], args[3])?;
    set_times(&walker.credentials, &path, times)
}

/// utimes(2) and futimesat(2): microseconds.
fn futimesat(thread: &Thread, at: usize, path: usize, addr: usize) -> Result<usize> {
    let mut times = [Time::Now; 2];
    if addr != 0 {
        let given: [[i64; 2]; 2] = user::read_val(addr)?;
        for (time, [secs, micros]) in times.iter_mut().zip(given) {
            if !(0..1_000_000).contains(&micros) {
                return Err(Errno::EINVAL);
            }
            *time = Time::At(Duration::new(seconds(secs)?, micros as u32 * 1000));
        }
    }
    let (walker, path) = resolve(thread, at, path, 0)?;
    set_times(&walker.credentials, &path, times)
}

fn sys_utime(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let mut times = [Time::Now; 2];
    if args[1] != 0 {
        let given: [i64; 2] = user::read_val(args[1])?;
        for (time, secs) in times.iter_mut().zip(given) {
            *time = Time::At(Duration::from_secs(seconds(secs)?));
        }
    }
    let (walker, path) = resolve(thread, CWD, args[0], 0)?;
    set_times(&walker.credentials, &path, times)
}
