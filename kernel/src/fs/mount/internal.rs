//! Mounts nobody can name: where pipes, sockets, eventfds and namespace files live, so
//! that every open file has a path, a file system and an inode.

use warren_kernel_core::mounts::MountId;

use super::{Mount, MountFlags, Path, new_mount};
use crate::fs::dentry::Dentry;
use crate::fs::inode::{FileSystem, Inode};
use crate::fs::stat::{Device, Kind, Stat, StatFs, next_ino};
use crate::prelude::*;

/// A file system that is never mounted by a user.
pub struct InternalFs {
    name: &'static str,
    magic: u64,
    device: Device,
}

impl InternalFs {
    /// One with its own device number.
    #[must_use]
    pub fn new(name: &'static str, magic: u64) -> Arc<Self> {
        Arc::new(Self { name, magic, device: Device::anonymous() })
    }
}

impl FileSystem for InternalFs {
    fn name(&self) -> &'static str {
        self.name
    }

    fn root(&self) -> Arc<dyn Inode> {
        let stat = Stat::new(self.device, next_ino(), Kind::Anonymous, 0o600);
        Arc::new(AnonymousInode { stat })
    }

    fn statfs(&self) -> StatFs {
        StatFs { magic: self.magic, ..StatFs::default() }
    }

    fn device(&self) -> Device {
        self.device
    }
}

/// Mounts an internal file system where nobody sees it.
#[must_use]
pub fn internal_mount(file_system: Arc<dyn FileSystem>) -> Arc<Mount> {
    let root = Dentry::root(file_system.root(), b"/");
    new_mount(MountId(0), root, file_system, b"none", MountFlags::empty())
}

/// A path to an inode that is in no directory; `name` is what /proc/PID/fd shows.
#[must_use]
pub fn anonymous_path(mount: &Arc<Mount>, inode: Arc<dyn Inode>, name: &[u8]) -> Path {
    Path::new(mount.clone(), Dentry::root(inode, name))
}

/// An inode that only carries attributes: opening it again fails, as for a socket.
struct AnonymousInode {
    stat: Stat,
}

impl Inode for AnonymousInode {
    fn stat(&self) -> Stat {
        self.stat
    }
}
