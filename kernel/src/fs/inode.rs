//! What a file system implements: inodes, and the file system itself.
//!
//! An inode is a file apart from its names. Path walking, permissions, mounts and the
//! cache of names are done once, above this trait; an inode only answers what it alone
//! knows. Every method has Linux's answer for "this kind of file can't" as its default.

use core::any::Any;
use core::time::Duration;

use super::file::File;
use super::mount::Path;
use super::pipe::Pipe;
use super::stat::{Device, Kind, Stat, StatFs};
use crate::prelude::*;

/// A file system instance.
pub trait FileSystem: Send + Sync {
    /// The name mount(2) knows it by.
    fn name(&self) -> &'static str;
    /// Its root directory (or, for a file system of one file, that file).
    fn root(&self) -> Arc<dyn Inode>;
    /// What statfs(2) tells.
    fn statfs(&self) -> StatFs;
    /// `st_dev` of its files.
    fn device(&self) -> Device;
    /// The options mountinfo shows after `rw`, each with a leading comma.
    fn options(&self) -> String {
        String::new()
    }
}

/// A node to be created: what it is and its first contents.
#[derive(Clone, Copy, Debug)]
pub enum NewNode<'a> {
    /// An empty file.
    Regular,
    /// An empty directory.
    Directory,
    /// A link to the given path.
    Symlink(&'a [u8]),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
}

/// With which owner and permissions a node is created.
#[derive(Clone, Copy, Debug)]
pub struct Creator {
    /// Owner.
    pub uid: u32,
    /// Group, unless the directory passes on its own (set-group-id).
    pub gid: u32,
    /// Permission bits, with the umask taken off.
    pub permissions: u32,
}

/// An entry of a directory on its way to a reader.
#[derive(Clone, Copy, Debug)]
pub struct DirEntry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The inode's number.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Where to go on behind this entry.
    pub next: u64,
}

/// Changes to a file's attributes; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    /// Permission bits.
    pub permissions: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Last access.
    pub atime: Option<Duration>,
    /// Last change of the contents.
    pub mtime: Option<Duration>,
}

/// What renameat2(2) does if the target exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// It is replaced.
    Replace,
    /// The call fails (RENAME_NOREPLACE).
    Fail,
    /// The two change places (RENAME_EXCHANGE).
    Exchange,
}

/// A file apart from its names.
///
/// Directory methods are called with the names already checked and permissions granted,
/// and with the directory's names locked by the caller, so that two of them never run
/// on the same directory at once.
pub trait Inode: Any + Send + Sync {
    /// What stat(2) tells.
    fn stat(&self) -> Stat;

    /// What the file is; it never changes.
    fn kind(&self) -> Kind {
        self.stat().kind
    }

    /// Whether a cached name may still lead here. Files that come and go by themselves
    /// (/proc) say no once they are gone.
    fn is_current(&self) -> bool {
        true
    }

    /// The file called `name` in this directory; `ENOENT` if there is none.
    fn lookup(&self, _name: &[u8]) -> Result<Arc<dyn Inode>> {
        Err(Errno::ENOTDIR)
    }

    /// Makes a node, whose name is free.
    fn create(&self, _name: &[u8], _node: NewNode<'_>, _by: &Creator) -> Result<Arc<dyn Inode>> {
        Err(Errno::EPERM)
    }

    /// Gives `target`, of the same file system, another name.
    fn link(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> Result<()> {
        Err(Errno::EPERM)
    }

    /// Takes away the name of something that is not a directory.
    fn unlink(&self, _name: &[u8]) -> Result<()> {
        Err(Errno::EPERM)
    }

    /// Takes away an empty directory; `ENOTEMPTY` if it isn't.
    fn rmdir(&self, _name: &[u8]) -> Result<()> {
        Err(Errno::EPERM)
    }

    /// Renames an entry into directory `to`, of the same file system (perhaps this one).
    /// Whether the kinds of source and target fit was checked.
    fn rename(
        &self,
        _name: &[u8],
        _to: &Arc<dyn Inode>,
        _to_name: &[u8],
        _existing: OnExisting,
    ) -> Result<()> {
        Err(Errno::EPERM)
    }

    /// Hands entries to `each`, from where `cursor` says, until it returns false. The
    /// entries `.` and `..` are not among them; cursors are 2 and up.
    fn readdir(&self, _cursor: u64, _each: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        Err(Errno::ENOTDIR)
    }

    /// The target of a symbolic link.
    fn read_link(&self) -> Result<Vec<u8>> {
        Err(Errno::EINVAL)
    }

    /// Where a magic link leads without a walk; `None` for links that are text.
    fn follow(&self) -> Result<Option<Path>> {
        Ok(None)
    }

    /// Changes attributes. Permission was granted.
    fn change(&self, _changes: &Changes) -> Result<()> {
        Err(Errno::EPERM)
    }

    /// Changes the length of a regular file.
    fn truncate(&self, _len: u64) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// Opens a regular file. Other kinds are opened by what they are.
    fn open(self: Arc<Self>) -> Result<Box<dyn File>> {
        Err(Errno::ENXIO)
    }

    /// The pipe behind a FIFO's name, made when first asked for.
    fn fifo(&self) -> Result<Arc<Pipe>> {
        Err(Errno::ENXIO)
    }
}
