//! File systems whose directories and texts are made when they are asked for: the common
//! half of /proc and /sys.
//!
//! A [`Directory`] says what is in it now; nothing is stored per file. An inode's number
//! is a hash of its path, so that the same file has the same number each time.

use ostd::mm::{VmReader, VmWriter};
use ostd::sync::Mutex;

use super::file::{File, OpenFlags, copy_in, read_text};
use super::inode::{Creator, DirEntry, FileSystem, Inode, NewNode};
use super::mount::Path;
use super::stat::{Device, Kind, Stat, StatFs};
use crate::prelude::*;

/// The magic number of /proc.
pub const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// The longest text one write may hand in (a page, as Linux takes at once).
const MAX_WRITE: usize = 4_096;

/// A directory that knows what is in it when asked.
pub trait Directory: Send + Sync + 'static {
    /// The names in it, each with what it is; the order is the order of readdir(3).
    fn names(&self) -> Vec<(Vec<u8>, Kind)>;

    /// The entry called `name`; also finds what [`names`](Self::names) keeps quiet about.
    fn entry(&self, name: &[u8]) -> Option<Node>;

    /// Whether it still exists: false once what it is about has gone.
    fn is_current(&self) -> bool {
        true
    }

    /// Owner and group of the directory.
    fn owner(&self) -> (u32, u32) {
        (0, 0)
    }

    /// Its permission bits.
    fn permissions(&self) -> u32 {
        0o555
    }
}

/// A file whose text is made when it is read.
pub trait Text: Send + Sync + 'static {
    /// The text as it is now.
    ///
    /// # Errors
    /// What read(2) shall say.
    fn read(&self) -> Result<Vec<u8>>;

    /// Takes what was written in one write(2).
    ///
    /// # Errors
    /// What write(2) shall say; nothing changed.
    fn write(&self, _text: &[u8]) -> Result<()> {
        Err(Errno::EIO)
    }

    /// Its permission bits.
    fn permissions(&self) -> u32 {
        0o444
    }

    /// Owner and group.
    fn owner(&self) -> (u32, u32) {
        (0, 0)
    }
}

/// A text that is only read, from a function.
impl<F: Fn() -> Result<Vec<u8>> + Send + Sync + 'static> Text for F {
    fn read(&self) -> Result<Vec<u8>> {
        self()
    }
}

/// What a symbolic link leads to.
pub trait Link: Send + Sync + 'static {
    /// What readlink(2) says.
    ///
    /// # Errors
    /// Its error.
    fn text(&self) -> Result<Vec<u8>>;

    /// Where a magic link leads without a walk.
    ///
    /// # Errors
    /// What opening it shall say.
    fn target(&self) -> Result<Option<Path>> {
        Ok(None)
    }
}

/// A link that is its text.
impl Link for Vec<u8> {
    fn text(&self) -> Result<Vec<u8>> {
        Ok(self.clone())
    }
}

/// One entry of a generated directory.
#[derive(Clone)]
pub enum Node {
    /// A directory.
    Directory(Arc<dyn Directory>),
    /// A text.
    Text(Arc<dyn Text>),
    /// A symbolic link.
    Link(Arc<dyn Link>),
}

impl Node {
    /// A read-only text made by `read`.
    pub fn text(read: impl Fn() -> Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::Text(Arc::new(read))
    }

    /// A symbolic link with a fixed text.
    #[must_use]
    pub fn link(text: &[u8]) -> Self {
        Self::Link(Arc::new(text.to_vec()))
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Directory(_) => Kind::Directory,
            Self::Text(_) => Kind::Regular,
            Self::Link(_) => Kind::Symlink,
        }
    }
}

/// A generated file system.
pub struct GeneratedFs {
    name: &'static str,
    magic: u64,
    device: Device,
    root: Arc<dyn Directory>,
}

impl GeneratedFs {
    /// The file system called `name` with `root` at its top.
    #[must_use]
    pub fn new(name: &'static str, magic: u64, root: Arc<dyn Directory>) -> Arc<Self> {
        Arc::new(Self { name, magic, device: Device::anonymous(), root })
    }
}

/// The number of a root directory, and what path hashes start from.
const ROOT_INO: u64 = 1;

impl FileSystem for GeneratedFs {
    fn name(&self) -> &'static str {
        self.name
    }

    fn root(&self) -> Arc<dyn Inode> {
        let node = Node::Directory(self.root.clone());
        // What Linux says when something is to be created: its /proc looks the name up and
        // finds nothing, its /sys finds room for a name and refuses it.
        let refusal = if self.magic == PROC_SUPER_MAGIC { Errno::ENOENT } else { Errno::EACCES };
        Arc::new(GeneratedInode { device: self.device, ino: ROOT_INO, node, refusal })
    }

    fn statfs(&self) -> StatFs {
        StatFs { magic: self.magic, ..StatFs::default() }
    }

    fn device(&self) -> Device {
        self.device
    }
}

struct GeneratedInode {
    device: Device,
    ino: u64,
    node: Node,
    /// Why nothing can be created.
    refusal: Errno,
}

/// The number of `name` in the directory with number `parent` (FNV-1a over the path).
fn child_ino(parent: u64, name: &[u8]) -> u64 {
    let start = parent ^ 0xcbf2_9ce4_8422_2325;
    let hash = name
        .iter()
        .chain(b"/")
        .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    // Numbers that fit 32 bits keep old programs happy.
    (hash ^ hash >> 32) & 0xffff_ffff | 2
}

impl GeneratedInode {
    fn directory(&self) -> Result<&Arc<dyn Directory>> {
        match &self.node {
            Node::Directory(directory) => Ok(directory),
            Node::Text(_) | Node::Link(_) => Err(Errno::ENOTDIR),
        }
    }
}

impl Inode for GeneratedInode {
    fn stat(&self) -> Stat {
        let (permissions, (uid, gid)) = match &self.node {
            Node::Directory(directory) => (directory.permissions(), directory.owner()),
            Node::Text(text) => (text.permissions(), text.owner()),
            Node::Link(_) => (0o777, (0, 0)),
        };
        Stat { uid, gid, ..Stat::new(self.device, self.ino, self.node.kind(), permissions) }
    }

    fn kind(&self) -> Kind {
        self.node.kind()
    }

    fn is_current(&self) -> bool {
        match &self.node {
            // A text or a link is found through its directory each time.
            Node::Directory(directory) => directory.is_current(),
            Node::Text(_) | Node::Link(_) => false,
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let node = self.directory()?.entry(name).ok_or(Errno::ENOENT)?;
        let ino = child_ino(self.ino, name);
        Ok(Arc::new(Self { device: self.device, ino, node, refusal: self.refusal }))
    }

    fn create(&self, _name: &[u8], _node: NewNode<'_>, _by: &Creator) -> Result<Arc<dyn Inode>> {
        Err(self.refusal)
    }

    fn readdir(&self, cursor: u64, each: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        let names = self.directory()?.names();
        let skip = usize::try_from(cursor.saturating_sub(2)).unwrap_or(usize::MAX);
        for ((name, kind), next) in names.iter().zip(3..).skip(skip) {
            let ino = child_ino(self.ino, name);
            if !each(DirEntry { name, ino, kind: *kind, next }) {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match &self.node {
            Node::Link(link) => link.text(),
            Node::Directory(_) | Node::Text(_) => Err(Errno::EINVAL),
        }
    }

    fn follow(&self) -> Result<Option<Path>> {
        match &self.node {
            Node::Link(link) => link.target(),
            Node::Directory(_) | Node::Text(_) => Ok(None),
        }
    }

    /// Opening with O_TRUNC is how shells write a setting: there is nothing to cut.
    fn truncate(&self, _len: u64) -> Result<()> {
        Ok(())
    }

    fn open(self: Arc<Self>) -> Result<Box<dyn File>> {
        match &self.node {
            Node::Text(text) => {
                Ok(Box::new(OpenText { text: text.clone(), shown: Mutex::new(Vec::new()) }))
            }
            Node::Directory(_) | Node::Link(_) => Err(Errno::ENXIO),
        }
    }
}

/// An open text: what it said when it was last read from its beginning.
struct OpenText {
    text: Arc<dyn Text>,
    shown: Mutex<Vec<u8>>,
}

impl File for OpenText {
    fn read(&self, offset: &mut u64, to: &mut VmWriter<'_>, _flags: OpenFlags) -> Result<usize> {
        let mut shown = self.shown.lock();
        if *offset == 0 {
            *shown = self.text.read()?;
        }
        read_text(&shown, offset, to)
    }

    fn write(&self, offset: &mut u64, from: &mut VmReader<'_>, _flags: OpenFlags) -> Result<usize> {
        let len = from.remain();
        if len > MAX_WRITE {
            return Err(Errno::EINVAL);
        }
        let mut text = alloc::vec![0; len];
        if copy_in(from, &mut text)? < len {
            return Err(Errno::EFAULT);
        }
        self.text.write(&text)?;
        *offset += len as u64;
        Ok(len)
    }

    fn has_offsets(&self) -> bool {
        true
    }

    fn len(&self) -> Result<u64> {
        Ok(0)
    }
}
