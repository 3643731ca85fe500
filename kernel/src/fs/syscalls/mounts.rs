//! mount(2), umount2(2), pivot_root(2).

use super::{check_flags, read_path};
use crate::fs::mount::{self, MountRequest, Source};
use crate::fs::types::new_file_system;
use crate::fs::walk::Walker;
use crate::mm::PAGE_SIZE;
use crate::mm::user;
use crate::prelude::*;
use crate::process::{Capability, Thread};
use crate::syscall::{Args, Call};

pub(super) const CALLS: &[(u32, Call)] =
    &[(155, Call::new(sys_pivot_root)), (165, Call::new(sys_mount)), (166, Call::new(sys_umount2))];

fn sys_mount(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let walker = Walker::new(thread)?;
    let optional = |addr: usize, max: usize| match addr {
        0 => Ok(Vec::new()),
        addr => user::read_cstr(addr, max),
    };
    let kind = optional(args[2], PAGE_SIZE)?;
    let source = optional(args[0], PAGE_SIZE)?;
    let options = optional(args[4], PAGE_SIZE)?;
    let cwd = walker.context.cwd();
    let target = walker.find(&cwd, &read_path(args[1])?, true)?;
    walker.credentials.require(Capability::SysAdmin)?;
    let request = MountRequest::decode(args[3] as u32)?;
    let source = match &request {
        MountRequest::Remount(_) | MountRequest::Propagate(..) => Source::None,
        MountRequest::Bind(_) | MountRequest::Move => {
            if source.is_empty() {
                return Err(Errno::EINVAL);
            }
            Source::Path(walker.find(&cwd, &source, true)?)
        }
        MountRequest::New(_) => {
            if args[2] == 0 {
                return Err(Errno::EINVAL);
            }
            let file_system = new_file_system(thread, &kind, &options)?;
            let source = if source.is_empty() { b"none".to_vec() } else { source };
            Source::FileSystem(file_system, source)
        }
    };
    mount::mount(&walker.context.namespace(), request, source, &target)?;
    Ok(0)
}

fn sys_umount2(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    const FORCE: usize = 1;
    const DETACH: usize = 2;
    const NOFOLLOW: usize = 8;
    check_flags(args[1], FORCE | DETACH | NOFOLLOW)?;
    let walker = Walker::new(thread)?;
    walker.credentials.require(Capability::SysAdmin)?;
    let text = read_path(args[0])?;
    let follow = args[1] & NOFOLLOW == 0;
    let walked = walker.walk(&walker.context.cwd(), &text, follow)?;
    // Only the target is kept: whatever else was looked at must not count as a user.
    let target = walked.found()?;
    mount::unmount(&walker.context.namespace(), target, args[1] & DETACH != 0)?;
    Ok(0)
}

fn sys_pivot_root(thread: &Arc<Thread>, args: Args) -> Result<usize> {
    let walker = Walker::new(thread)?;
    walker.credentials.require(Capability::SysAdmin)?;
    let cwd = walker.context.cwd();
    let new = walker.find(&cwd, &read_path(args[0])?, true)?;
    let put = walker.find(&cwd, &read_path(args[1])?, true)?;
    if !new.is_directory() || !put.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    let old = walker.root().clone();
    mount::pivot_root(&walker.context.namespace(), &new, &put, &old)?;
    crate::fs::follow_pivot(thread, &old, &new)?;
    Ok(0)
}
