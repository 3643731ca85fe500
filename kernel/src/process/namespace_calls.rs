//! unshare(2), setns(2), and what the namespace flags of clone(2) do.

use super::{Capability, NsProxy, Resources, Thread};
use crate::fs::mount::MountNamespace;
use crate::fs::nsfs::{NsKind, namespace_of};
use crate::net::NetNs;
use crate::prelude::*;
use crate::syscall::{Args, Call};

pub(crate) const CALLS: &[(u32, Call)] = &[(272, Call::new(unshare)), (308, Call::new(setns))];

// include/uapi/linux/sched.h
const VM: usize = 0x100;
const FS: usize = 0x200;
const FILES: usize = 0x400;
const SIGHAND: usize = 0x800;
const THREAD: usize = 0x1_0000;
const NEWNS: usize = NsKind::Mount as usize;
const SYSVSEM: usize = 0x4_0000;
const NEWUTS: usize = NsKind::Uts as usize;
const NEWNET: usize = NsKind::Net as usize;
/// The namespaces that can be made.
const MADE: usize = NEWNS | NEWUTS | NEWNET;
/// Those that cannot: Linux without them configured answers EINVAL.
const NOT_MADE: usize =
    NsKind::Cgroup as usize | NsKind::Ipc as usize | NsKind::User as usize | NsKind::Pid as usize;

/// What a clone with these flags gets instead of its parent's namespaces. Other flags are
/// not looked at.
///
/// # Errors
/// `EINVAL` for kinds that cannot be made, `EPERM`, `ENOMEM`; nothing changed.
pub(crate) fn with_new_namespaces(
    thread: &Thread,
    mut resources: Resources,
    flags: usize,
) -> Result<Resources> {
    if flags & NOT_MADE != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & MADE == 0 {
        return Ok(resources);
    }
    thread.credentials().require(Capability::SysAdmin)?;
    if flags & NEWNS != 0 {
        resources.fs = resources.fs.fork_namespace(false)?;
    }
    let mut ns = NsProxy::clone(&resources.ns);
    if flags & NEWUTS != 0 {
        ns.uts = Arc::new(ns.uts.fork());
    }
    if flags & NEWNET != 0 {
        ns.net = NetNs::create()?;
    }
    resources.ns = Arc::new(ns);
    Ok(resources)
}

fn unshare(thread: &Arc<Thread>, [flags, ..]: Args) -> Result<usize> {
    let flags = flags & 0xffff_ffff;
    let known = VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | MADE;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    // unshare(2): what threads share cannot be taken apart while there are several.
    if flags & (THREAD | SIGHAND | VM) != 0 && thread.process().threads().len() > 1 {
        return Err(Errno::EINVAL);
    }
    let current = Resources { files: thread.files()?, fs: thread.fs()?, ns: thread.ns()? };
    let mut new = with_new_namespaces(thread, current, flags)?;
    // A new mount namespace comes with a context of its own already.
    if flags & FS != 0 && flags & NEWNS == 0 {
        new.fs = new.fs.fork();
    }
    if flags & FILES != 0 {
        new.files = new.files.fork();
    }
    thread.replace_resources(|resources| *resources = new)?;
    Ok(0)
}

fn setns(thread: &Arc<Thread>, [fd, kind, ..]: Args) -> Result<usize> {
    let file = thread.files()?.get(fd as u32)?;
    let object = namespace_of(&file).ok_or(Errno::EINVAL)?;
    let wanted = kind as u32;
    if wanted != 0 && wanted != object.kind() as u32 {
        return Err(Errno::EINVAL);
    }
    let credentials = thread.credentials();
    credentials.require(Capability::SysAdmin)?;
    let kind = object.kind();
    let object = object.into_any();
    match kind {
        NsKind::Net => {
            let net: Arc<NetNs> = object.downcast().map_err(|_| Errno::EINVAL)?;
            let uts = thread.ns()?.uts.clone();
            thread.replace_resources(|resources| resources.ns = Arc::new(NsProxy { uts, net }))?;
        }
        NsKind::Uts => {
            let uts = object.downcast().map_err(|_| Errno::EINVAL)?;
            let net = thread.ns()?.net.clone();
            thread.replace_resources(|resources| resources.ns = Arc::new(NsProxy { uts, net }))?;
        }
        NsKind::Mount => {
            credentials.require(Capability::SysChroot)?;
            let namespace: Arc<MountNamespace> = object.downcast().map_err(|_| Errno::EINVAL)?;
            let fs = thread.fs()?.enter(namespace)?;
            thread.replace_resources(|resources| resources.fs = fs)?;
        }
        // user_namespaces(7): a process cannot re-enter the one it is in.
        NsKind::User => return Err(Errno::EINVAL),
        // The only one of its kind, and the caller is in it.
        NsKind::Cgroup | NsKind::Ipc | NsKind::Pid => {}
    }
    Ok(0)
}
