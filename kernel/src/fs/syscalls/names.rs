//! Making, removing, linking and renaming.

use super::{AT_EMPTY_PATH, AT_SYMLINK_FOLLOW, check_flags, read_path};
use crate::fs::edit;
use crate::fs::inode::{NewNode, OnExisting};
use crate::fs::mount::Path;
use crate::fs::stat::{Device, Kind};
use crate::fs::walk::{AT_FDCWD, Walker};
use crate::prelude::*;
use crate::process::{Capability, Thread};
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[
    (82, Call::new(|t, a| rename(t, CWD, a[0], CWD, a[1], 0))),
    (83, Call::new(|t, a| mkdir(t, CWD, a[0], a[1]))),
    (84, Call::new(|t, a| remove(t, CWD, a[0], true))),
    (86, Call::new(|t, a| link(t, CWD, a[0], CWD, a[1], 0))),
    (87, Call::new(|t, a| remove(t, CWD, a[0], false))),
    (88, Call::new(|t, a| symlink(t, a[0], CWD, a[1]))),
    (133, Call::new(|t, a| mknod(t, CWD, a[0], a[1], a[2]))),
    (258, Call::new(|t, a| mkdir(t, a[0], a[1], a[2]))),
    (259, Call::new(|t, a| mknod(t, a[0], a[1], a[2], a[3]))),
    (263, Call::new(sys_unlinkat)),
    (264, Call::new(|t, a| rename(t, a[0], a[1], a[2], a[3], 0))),
    (265, Call::new(|t, a| link(t, a[0], a[1], a[2], a[3], a[4]))),
    (266, Call::new(|t, a| symlink(t, a[0], a[1], a[2]))),
    (316, Call::new(|t, a| rename(t, a[0], a[1], a[2], a[3], a[4]))),
];

const CWD: usize = AT_FDCWD as isize as usize;

/// A walker, where the walk starts, and the path.
fn locate(thread: &Thread, at: usize, path: usize) -> Result<(Walker, Path, Vec<u8>)> {
    let text = read_path(path)?;
    let walker = Walker::new(thread)?;
    let start = walker.start(thread, at as i32, &text)?;
    Ok((walker, start, text))
}

fn mkdir(thread: &Thread, at: usize, path: usize, mode: usize) -> Result<usize> {
    let (walker, start, text) = locate(thread, at, path)?;
    // mkdir(2): permissions and the sticky bit.
    edit::create(&walker, &start, &text, NewNode::Directory, mode as u32 & 0o1777)?;
    Ok(0)
}

fn symlink(thread: &Thread, target: usize, at: usize, path: usize) -> Result<usize> {
    let target = read_path(target)?;
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    let (walker, start, text) = locate(thread, at, path)?;
    edit::create(&walker, &start, &text, NewNode::Symlink(&target), 0o777)?;
    Ok(0)
}

fn mknod(thread: &Thread, at: usize, path: usize, mode: usize, device: usize) -> Result<usize> {
    let device = Device::decode(device as u64);
    let node = match Kind::of_mode(mode as u32).ok_or(Errno::EINVAL)? {
        Kind::Regular => NewNode::Regular,
        Kind::Fifo => NewNode::Fifo,
        Kind::Socket => NewNode::Socket,
        Kind::CharDevice => NewNode::CharDevice(device),
        Kind::BlockDevice => NewNode::BlockDevice(device),
        Kind::Directory => return Err(Errno::EPERM),
        Kind::Symlink | Kind::Anonymous => return Err(Errno::EINVAL),
    };
    let (walker, start, text) = locate(thread, at, path)?;
    if matches!(node, NewNode::CharDevice(_) | NewNode::BlockDevice(_)) {
        walker.credentials.require(Capability::Mknod)?;
    }
    edit::create(&walker, &start, &text, node, mode as u32)?;
    Ok(0)
}

fn remove(thread: &Thread, at: usize, path: usize, directory: bool) -> Result<usize> {
    let (walker, start, text) = locate(thread, at, path)?;
    edit::remove(&walker, &start, &text, directory).map(|()| 0)
}

fn sys_unlinkat(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const REMOVEDIR: usize = 0x200;
    check_flags(args[2], REMOVEDIR)?;
    remove(thread, args[0], args[1], args[2] & REMOVEDIR != 0)
}

fn link(
    thread: &Thread,
    old_at: usize,
    old: usize,
    at: usize,
    path: usize,
    flags: usize,
) -> Result<usize> {
    check_flags(flags, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)?;
    let (walker, old_start, old_text) = locate(thread, old_at, old)?;
    let old = if old_text.is_empty() && flags & AT_EMPTY_PATH != 0 {
        if walker.credentials.require(Capability::DacReadSearch).is_err() {
            return Err(Errno::ENOENT);
        }
        old_start
    } else {
        walker.find(&old_start, &old_text, flags & AT_SYMLINK_FOLLOW != 0)?
    };
    let text = read_path(path)?;
    let start = walker.start(thread, at as i32, &text)?;
    edit::link(&walker, &old, &start, &text).map(|()| 0)
}

fn rename(
    thread: &Thread,
    from_at: usize,
    from: usize,
    to_at: usize,
    to: usize,
    flags: usize,
) -> Result<usize> {
    let existing = match flags {
        0 => OnExisting::Replace,
        1 => OnExisting::Fail,
        2 => OnExisting::Exchange,
        // RENAME_WHITEOUT needs a file system with whiteouts.
        _ => return Err(Errno::EINVAL),
    };
    let (walker, from_start, from) = locate(thread, from_at, from)?;
    let to = read_path(to)?;
    let to_start = walker.start(thread, to_at as i32, &to)?;
    edit::rename(&walker, (&from_start, &from), (&to_start, &to), existing).map(|()| 0)
}
