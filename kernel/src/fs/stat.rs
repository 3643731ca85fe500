//! What stat(2) and statfs(2) tell: kinds of files, permissions, numbers, times.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use crate::time::realtime;

/// What a file is; the values are the type bits of `st_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Something without a kind: eventfd and its like.
    Anonymous = 0,
    /// A pipe with a name, or without.
    Fifo = 0o010_000,
    /// A character device.
    CharDevice = 0o020_000,
    /// A directory.
    Directory = 0o040_000,
    /// A block device.
    BlockDevice = 0o060_000,
    /// Bytes.
    Regular = 0o100_000,
    /// A symbolic link.
    Symlink = 0o120_000,
    /// A socket.
    Socket = 0o140_000,
}

impl Kind {
    /// The kind in the type bits of a mode, as mknod(2) takes it; no bits mean a
    /// regular file.
    #[must_use]
    pub fn of_mode(mode: u32) -> Option<Self> {
        Some(match mode & 0o170_000 {
            0 | 0o100_000 => Self::Regular,
            0o010_000 => Self::Fifo,
            0o020_000 => Self::CharDevice,
            0o040_000 => Self::Directory,
            0o060_000 => Self::BlockDevice,
            0o120_000 => Self::Symlink,
            0o140_000 => Self::Socket,
            _ => return None,
        })
    }

    /// `d_type` of a directory entry.
    #[must_use]
    pub fn dirent_type(self) -> u8 {
        (self as u32 >> 12) as u8
    }
}

/// The permission bits of a mode, with set-id and sticky bits.
pub const PERMISSIONS: u32 = 0o7777;
/// Set-user-id.
pub const S_ISUID: u32 = 0o4000;
/// Set-group-id.
pub const S_ISGID: u32 = 0o2000;
/// Sticky: only owners delete from the directory.
pub const S_ISVTX: u32 = 0o1000;

/// A device number as the kernel keeps it: twelve bits major, twenty bits minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Device {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

impl Device {
    /// A device number from its parts.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// `dev_t` as stat(2) and mknod(2) carry it (include/linux/kdev_t.h `new_encode_dev`).
    #[must_use]
    pub const fn encode(self) -> u64 {
        ((self.minor & 0xff) | self.major << 8 | (self.minor & !0xff) << 12) as u64
    }

    /// The reverse of [`encode`](Self::encode).
    #[must_use]
    pub const fn decode(dev: u64) -> Self {
        let dev = dev as u32;
        Self { major: (dev & 0xf_ff00) >> 8, minor: (dev & 0xff) | ((dev >> 12) & 0xf_ff00) }
    }

    /// A number for a file system without a device behind it.
    #[must_use]
    pub fn anonymous() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self { major: 0, minor: LAST.fetch_add(1, Ordering::Relaxed) as u32 + 1 }
    }
}

/// What stat(2) tells about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The file system's number.
    pub dev: Device,
    /// The file's number there.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub permissions: u32,
    /// How many names it has.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// For device nodes: the device.
    pub rdev: Device,
    /// Length in bytes.
    pub size: u64,
    /// Memory in use, in units of 512 bytes.
    pub blocks: u64,
    /// Last access, since the epoch.
    pub atime: Duration,
    /// Last change of the contents.
    pub mtime: Duration,
    /// Last change of anything.
    pub ctime: Duration,
}

impl Stat {
    /// A file of root's that came into being just now.
    #[must_use]
    pub fn new(dev: Device, ino: u64, kind: Kind, permissions: u32) -> Self {
        let now = realtime();
        Self {
            dev,
            ino,
            kind,
            permissions,
            nlink: if kind == Kind::Directory { 2 } else { 1 },
            uid: 0,
            gid: 0,
            rdev: Device::default(),
            size: 0,
            blocks: 0,
            atime: now,
            mtime: now,
            ctime: now,
        }
    }

    /// `st_mode`.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.kind as u32 | self.permissions
    }
}

/// The preferred size of transfers, the same for all our file systems.
pub const BLOCK_SIZE: u64 = 4096;

/// What statfs(2) tells about a file system; sizes in units of [`BLOCK_SIZE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StatFs {
    /// `f_type`: its magic number (include/uapi/linux/magic.h).
    pub magic: u64,
    /// How much it holds.
    pub blocks: u64,
    /// How much is free.
    pub free: u64,
    /// How many files it holds at most.
    pub files: u64,
    /// How many more there could be.
    pub files_free: u64,
}

/// Inode numbers for files that live in no file system's own numbering.
#[must_use]
pub fn next_ino() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0xf000_0000);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}
