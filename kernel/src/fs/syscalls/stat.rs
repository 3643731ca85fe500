//! stat(2), statx(2), statfs(2), access(2), readlink(2).

use core::time::Duration;

use super::{AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, check_flags, fd, resolve};
use crate::fs::access::{Access, check};
use crate::fs::mount::{MountFlags, Path};
use crate::fs::stat::{BLOCK_SIZE, Kind, Stat};
use crate::fs::walk::AT_FDCWD;
use crate::mm::user;
use crate::prelude::*;
use crate::process::{CapabilitySet, Thread};
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[
    (4, Call::new(sys_stat)),
    (5, Call::new(sys_fstat)),
    (6, Call::new(sys_lstat)),
    (21, Call::new(sys_access)),
    (89, Call::new(sys_readlink)),
    (137, Call::new(sys_statfs)),
    (138, Call::new(sys_fstatfs)),
    (262, Call::new(sys_newfstatat)),
    (267, Call::new(sys_readlinkat)),
    (269, Call::new(sys_faccessat)),
    (332, Call::new(sys_statx)),
    (439, Call::new(sys_faccessat2)),
];

const CWD: usize = AT_FDCWD as isize as usize;

fn split(time: Duration) -> [u64; 2] {
    [time.as_secs(), u64::from(time.subsec_nanos())]
}

/// Writes `struct stat` of x86-64: eighteen words.
fn write_stat(addr: usize, stat: &Stat) -> Result<usize> {
    let mut words = [0u64; 18];
    words[0] = stat.dev.encode();
    words[1] = stat.ino;
    words[2] = u64::from(stat.nlink);
    words[3] = u64::from(stat.mode()) | u64::from(stat.uid) << 32;
    words[4] = u64::from(stat.gid);
    words[5] = stat.rdev.encode();
    words[6] = stat.size;
    words[7] = BLOCK_SIZE;
    words[8] = stat.blocks;
    words[9..11].copy_from_slice(&split(stat.atime));
    words[11..13].copy_from_slice(&split(stat.mtime));
    words[13..15].copy_from_slice(&split(stat.ctime));
    user::write_val(addr, &words)?;
    Ok(0)
}

fn sys_stat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let (_, path) = resolve(thread, CWD, args[0], 0)?;
    write_stat(args[1], &path.inode().stat())
}

fn sys_lstat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let (_, path) = resolve(thread, CWD, args[0], AT_SYMLINK_NOFOLLOW)?;
    write_stat(args[1], &path.inode().stat())
}

fn sys_fstat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let file = thread.files()?.get(fd(args[0])?)?;
    write_stat(args[1], &file.inode().stat())
}

fn sys_newfstatat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    check_flags(args[3], AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)?;
    let (_, path) = resolve(thread, args[0], args[1], args[3])?;
    write_stat(args[2], &path.inode().stat())
}

fn sys_statx(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    /// AT_STATX_FORCE_SYNC and AT_STATX_DONT_SYNC.
    const SYNC: usize = 0x6000;
    /// STATX_BASIC_STATS and STATX_MNT_ID.
    const MASK: u64 = 0x7ff | 0x1000;
    /// STATX__RESERVED.
    const RESERVED: usize = 0x8000_0000;
    /// STATX_ATTR_MOUNT_ROOT.
    const MOUNT_ROOT: u64 = 0x2000;
    check_flags(args[2], AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | SYNC)?;
    if args[2] & SYNC == SYNC || args[3] & RESERVED != 0 {
        return Err(Errno::EINVAL);
    }
    let (_, path) = resolve(thread, args[0], args[1], args[2])?;
    let stat = path.inode().stat();
    let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let mut words = [0u64; 32];
    words[0] = MASK | BLOCK_SIZE << 32;
    words[1] = if path.is_mount_root() { MOUNT_ROOT } else { 0 };
    words[2] = pair(stat.nlink, stat.uid);
    words[3] = pair(stat.gid, stat.mode());
    words[4] = stat.ino;
    words[5] = stat.size;
    words[6] = stat.blocks;
    words[7] = MOUNT_ROOT;
    words[8..10].copy_from_slice(&split(stat.atime));
    // Words 10 and 11 would be the time of birth, which is not kept.
    words[12..14].copy_from_slice(&split(stat.ctime));
    words[14..16].copy_from_slice(&split(stat.mtime));
    words[16] = pair(stat.rdev.major, stat.rdev.minor);
    words[17] = pair(stat.dev.major, stat.dev.minor);
    words[18] = path.mount().number();
    user::write_val(args[4], &words)?;
    Ok(0)
}

/// Writes `struct statfs` of x86-64: fifteen words.
fn write_statfs(addr: usize, path: &Path) -> Result<usize> {
    /// ST_VALID: the flags word means something.
    const VALID: u64 = 0x20;
    const RELATIME: u64 = 0x1000;
    let file_system = path.mount().file_system();
    let stat = file_system.statfs();
    let flags = path.mount().flags();
    // RDONLY to NOEXEC have the numbers of their ST_ counterparts.
    let mut shown = u64::from(flags.bits() & 0xf | flags.bits() & 0xc00) | VALID;
    if flags.contains(MountFlags::RELATIME) {
        shown |= RELATIME;
    }
    let words = [
        stat.magic,
        BLOCK_SIZE,
        stat.blocks,
        stat.free,
        stat.free,
        stat.files,
        stat.files_free,
        file_system.device().encode(),
        warren_kernel_core::names::NAME_MAX as u64,
        BLOCK_SIZE,
        shown,
        0,
        0,
        0,
        0,
    ];
    user::write_val(addr, &words)?;
    Ok(0)
}

fn sys_statfs(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let (_, path) = resolve(thread, CWD, args[0], 0)?;
    write_statfs(args[1], &path)
}

fn sys_fstatfs(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let file = thread.files()?.get(fd(args[0])?)?;
    write_statfs(args[1], file.path())
}

/// `AT_EACCESS`: judge by the effective ids, not the real ones.
const AT_EACCESS: usize = 0x200;

fn access(thread: &Thread, at: usize, path: usize, mode: usize, flags: usize) -> Result<usize> {
    let wanted = u32::try_from(mode).ok().and_then(Access::from_bits).ok_or(Errno::EINVAL)?;
    let (walker, path) = resolve(thread, at, path, flags)?;
    let mut who = (*walker.credentials).clone();
    if flags & AT_EACCESS == 0 {
        (who.uid.fs, who.gid.fs) = (who.uid.real, who.gid.real);
        // As if the process were what its real user is (fs/open.c).
        who.effective = if who.uid.real == 0 { who.permitted } else { CapabilitySet::empty() };
    }
    let stat = path.inode().stat();
    if wanted.contains(Access::EXEC)
        && stat.kind == Kind::Regular
        && path.mount().flags().contains(MountFlags::NOEXEC)
    {
        return Err(Errno::EACCES);
    }
    check(&who, &stat, wanted)?;
    let changes_files = matches!(stat.kind, Kind::Regular | Kind::Directory | Kind::Symlink);
    if wanted.contains(Access::WRITE) && changes_files {
        path.mount().check_writable()?;
    }
    Ok(0)
}

fn sys_access(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    access(thread, CWD, args[0], args[1], 0)
}

fn sys_faccessat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    access(thread, args[0], args[1], args[2], 0)
}

fn sys_faccessat2(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    check_flags(args[3], AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    access(thread, args[0], args[1], args[2], args[3])
}

fn readlink(thread: &Thread, at: usize, path: usize, buffer: usize, len: usize) -> Result<usize> {
    let len = i32::try_from(len).ok().filter(|len| *len > 0).ok_or(Errno::EINVAL)? as usize;
    let (_, path) = resolve(thread, at, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let target = path.inode().read_link()?;
    let count = target.len().min(len);
    user::write_bytes(buffer, &target[..count])?;
    Ok(count)
}

fn sys_readlink(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    readlink(thread, CWD, args[0], args[1], args[2])
}

fn sys_readlinkat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    readlink(thread, args[0], args[1], args[2], args[3])
}
