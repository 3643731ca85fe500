//! What the door may ask of the calling process.

use core::time::Duration;

use warren_netns::Namespace;
use warren_platform::Instant;
use warren_syscall::cred::{Caller, Capability as NetCapability};
use warren_syscall::ioctl::UserMemory;
use warren_syscall::process::{FileHandle, Process};
use warren_syscall::unix::UnixSocket;

use super::nodes;
use crate::fs::OpenFile;
use crate::fs::nsfs::{NsKind, namespace_of};
use crate::mm::user;
use crate::net::NetNs;
use crate::prelude::*;
use crate::process::{Capability, Credentials, Thread};
use crate::time::{now, realtime};

/// The calling thread, with the credentials it has now.
pub(crate) struct UserProcess {
    thread: Arc<Thread>,
    credentials: Arc<Credentials>,
}

impl UserProcess {
    /// The given thread.
    pub(crate) fn new(thread: Arc<Thread>) -> Self {
        let credentials = thread.credentials();
        Self { thread, credentials }
    }
}

/// A descriptor as the file table counts them.
fn number(fd: i32) -> Result<u32> {
    u32::try_from(fd).map_err(|_| Errno::EBADF)
}

impl Caller for UserProcess {
    fn pid(&self) -> u32 {
        self.thread.process().pid().cast_unsigned()
    }

    fn uid(&self) -> u32 {
        self.credentials.uid.effective
    }

    fn gid(&self) -> u32 {
        self.credentials.gid.effective
    }

    fn in_groups(&self, first: u32, last: u32) -> bool {
        let range = first..=last;
        range.contains(&self.gid()) || self.credentials.groups.iter().any(|g| range.contains(g))
    }

    /// There is one user namespace, which owns every network namespace.
    fn has(&self, capability: NetCapability, _ns: &Arc<Namespace>) -> bool {
        self.credentials.has(match capability {
            NetCapability::NetBindService => Capability::NetBindService,
            NetCapability::NetAdmin => Capability::NetAdmin,
            NetCapability::NetRaw => Capability::NetRaw,
            NetCapability::SysAdmin => Capability::SysAdmin,
        })
    }

    fn namespace_by_fd(&self, fd: i32) -> Result<Arc<Namespace>> {
        let file = self.thread.files()?.get(number(fd)?)?;
        let object = namespace_of(&file).filter(|object| object.kind() == NsKind::Net);
        let net = object.ok_or(Errno::EINVAL)?.into_any().downcast::<NetNs>();
        Ok(net.map_err(|_| Errno::EINVAL)?.namespace().clone())
    }

    fn namespace_by_pid(&self, pid: u32) -> Result<Arc<Namespace>> {
        let process = crate::process::tree::process(pid.cast_signed()).ok_or(Errno::ESRCH)?;
        let thread = process.threads().first().cloned().ok_or(Errno::ESRCH)?;
        Ok(thread.ns()?.net.namespace().clone())
    }
}

impl Process for UserProcess {
    fn file(&self, fd: i32) -> Result<FileHandle> {
        Ok(self.thread.files()?.get(number(fd)?)?)
    }

    fn install_file(&self, file: FileHandle, close_on_exec: bool) -> Result<i32> {
        let file = file.downcast::<OpenFile>().map_err(|_| Errno::EBADF)?;
        let fd = self.thread.files()?.insert(file, close_on_exec)?;
        i32::try_from(fd).map_err(|_| Errno::EMFILE)
    }

    fn make_socket_node(&self, path: &[u8], socket: &Arc<UnixSocket>) -> Result<()> {
        nodes::make(&self.thread, path, socket)
    }

    fn socket_at_node(&self, path: &[u8]) -> Result<Arc<UnixSocket>> {
        nodes::find(&self.thread, path)
    }

    fn wall_clock(&self, at: Instant) -> Duration {
        realtime().saturating_sub(now().since(at))
    }
}

/// The memory of the calling process.
pub(super) struct ProcessMemory;

impl UserMemory for ProcessMemory {
    fn read(&self, address: usize, into: &mut [u8]) -> Result<()> {
        user::read_bytes(address, into)
    }

    fn write(&self, address: usize, bytes: &[u8]) -> Result<()> {
        user::write_bytes(address, bytes)
    }
}
