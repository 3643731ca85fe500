//! Files that are in no directory: eventfd, epoll, sockets and their like.

use alloc::format;

use spin::Once;

use super::file::{File, OpenFile, OpenFlags};
use super::inode::Inode;
use super::mount::{InternalFs, Mount, anonymous_path, internal_mount};
use super::stat::{Kind, Stat, next_ino};
use crate::prelude::*;
use crate::process::current;

const ANON_INODE_FS_MAGIC: u64 = 0x0904_1934;
const SOCKFS_MAGIC: u64 = 0x534f_434b;

struct AnonInode {
    stat: Stat,
}

impl Inode for AnonInode {
    fn stat(&self) -> Stat {
        self.stat
    }
}

/// Opens `file`, which /proc/PID/fd shows as `anon_inode:NAME`.
#[must_use]
pub fn open_anonymous(name: &str, file: Box<dyn File>, flags: OpenFlags) -> Arc<OpenFile> {
    static MOUNT: Once<Arc<Mount>> = Once::new();
    let mount =
        MOUNT.call_once(|| internal_mount(InternalFs::new("anon_inodefs", ANON_INODE_FS_MAGIC)));
    let stat = Stat::new(mount.file_system().device(), next_ino(), Kind::Anonymous, 0o600);
    let name = format!("anon_inode:{name}");
    let path = anonymous_path(mount, Arc::new(AnonInode { stat }), name.as_bytes());
    OpenFile::new(path, file, flags | OpenFlags::RDWR)
}

/// Opens a socket with the given inode number, which /proc/PID/fd shows as
/// `socket:[INO]`. Take the number from [`next_ino`](super::stat::next_ino): sock_diag and
/// /proc/net show it too.
#[must_use]
pub fn open_socket(ino: u64, file: Box<dyn File>, flags: OpenFlags) -> Arc<OpenFile> {
    static MOUNT: Once<Arc<Mount>> = Once::new();
    let mount = MOUNT.call_once(|| internal_mount(InternalFs::new("sockfs", SOCKFS_MAGIC)));
    let credentials = current().credentials();
    let stat = Stat {
        uid: credentials.uid.fs,
        gid: credentials.gid.fs,
        ..Stat::new(mount.file_system().device(), ino, Kind::Socket, 0o777)
    };
    let name = format!("socket:[{ino}]");
    let path = anonymous_path(mount, Arc::new(AnonInode { stat }), name.as_bytes());
    OpenFile::new(path, file, flags | OpenFlags::RDWR)
}
