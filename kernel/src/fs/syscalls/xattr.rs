//! Extended attributes: no file system here has any, as a Linux tmpfs without
//! CONFIG_TMPFS_XATTR: setting one is not supported, and none is there to be read.

use super::{AT_SYMLINK_NOFOLLOW, fd, resolve};
use crate::fs::walk::AT_FDCWD;
use crate::mm::user;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[
    (188, Call::new(|t, a| on_path(t, &a, 0, named))),
    (189, Call::new(|t, a| on_path(t, &a, AT_SYMLINK_NOFOLLOW, named))),
    (190, Call::new(|t, a| on_fd(t, &a, named))),
    (191, Call::new(|t, a| on_path(t, &a, 0, named))),
    (192, Call::new(|t, a| on_path(t, &a, AT_SYMLINK_NOFOLLOW, named))),
    (193, Call::new(|t, a| on_fd(t, &a, named))),
    (194, Call::new(|t, a| on_path(t, &a, 0, list))),
    (195, Call::new(|t, a| on_path(t, &a, AT_SYMLINK_NOFOLLOW, list))),
    (196, Call::new(|t, a| on_fd(t, &a, list))),
    (197, Call::new(|t, a| on_path(t, &a, 0, named))),
    (198, Call::new(|t, a| on_path(t, &a, AT_SYMLINK_NOFOLLOW, named))),
    (199, Call::new(|t, a| on_fd(t, &a, named))),
];

/// The longest name of an attribute (include/uapi/linux/limits.h XATTR_NAME_MAX).
const NAME_MAX: usize = 255;

fn on_path(
    thread: &Thread,
    args: &Args,
    flags: usize,
    act: fn(&Args) -> Result<usize>,
) -> Result<usize> {
    resolve(thread, AT_FDCWD as isize as usize, args[0], flags)?;
    act(args)
}

fn on_fd(thread: &Thread, args: &Args, act: fn(&Args) -> Result<usize>) -> Result<usize> {
    thread.files()?.get_opened(fd(args[0])?)?;
    act(args)
}

/// Reading, setting or removing an attribute by name.
fn named(args: &Args) -> Result<usize> {
    match user::read_cstr(args[1], NAME_MAX + 1) {
        Err(Errno::ENAMETOOLONG) => Err(Errno::ERANGE),
        Ok(name) if name.is_empty() => Err(Errno::ERANGE),
        Ok(_) => Err(Errno::EOPNOTSUPP),
        Err(error) => Err(error),
    }
}

fn list(_args: &Args) -> Result<usize> {
    Ok(0)
}
