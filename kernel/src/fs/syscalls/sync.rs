//! fsync(2) and its siblings: files in memory are as safe as they get at once.

use super::fd;
use crate::fs::stat::Kind;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] = &[
    (74, Call::new(sys_fsync)),
    (75, Call::new(sys_fsync)),
    (162, Call::new(|_, _| Ok(0))),
    (306, Call::new(sys_syncfs)),
];

fn sys_fsync(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let file = thread.files()?.get_opened(fd(args[0])?)?;
    match file.inode().kind() {
        Kind::Regular | Kind::Directory | Kind::BlockDevice => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

fn sys_syncfs(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    thread.files()?.get_opened(fd(args[0])?)?;
    Ok(0)
}
