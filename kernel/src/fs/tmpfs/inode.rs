//! Inodes of the file system in memory.

use alloc::format;
use core::any::Any;
use core::time::Duration;

use ostd::mm::{PAGE_SIZE, UFrame, VmReader, VmWriter};
use ostd::sync::{Mutex, SpinLock};

use super::Instance;
use super::directory::Entries;
use super::pages::Pages;
use crate::fs::file::{File, OpenFlags};
use crate::fs::inode::{Changes, Creator, DirEntry, Inode, NewNode, OnExisting};
use crate::fs::pipe::Pipe;
use crate::fs::stat::{Device, Kind, S_ISGID, S_ISUID, Stat};
use crate::mm::PageSource;
use crate::prelude::*;
use crate::process::{Capability, try_current};
use crate::time::realtime;

struct Attributes {
    permissions: u32,
    uid: u32,
    gid: u32,
    nlink: u32,
    atime: Duration,
    mtime: Duration,
    ctime: Duration,
}

enum Body {
    Regular(Pages),
    Directory(Mutex<Entries>),
    Symlink(Box<[u8]>),
    Fifo(Mutex<Weak<Pipe>>),
    Device(Device),
    Socket,
}

/// A file, directory or other node in memory.
pub struct TmpInode {
    instance: Arc<Instance>,
    ino: u64,
    kind: Kind,
    attributes: SpinLock<Attributes>,
    body: Body,
}

/// How often the access time of a file that is only read is updated (relatime).
const RELATIME_SPAN: Duration = Duration::from_secs(24 * 60 * 60);

impl TmpInode {
    fn new(instance: &Arc<Instance>, kind: Kind, body: Body, by: &Creator) -> Result<Arc<Self>> {
        let ino = instance.take_inode()?;
        let now = realtime();
        let attributes = Attributes {
            permissions: by.permissions,
            uid: by.uid,
            gid: by.gid,
            nlink: if kind == Kind::Directory { 2 } else { 1 },
            atime: now,
            mtime: now,
            ctime: now,
        };
        let attributes = SpinLock::new(attributes);
        Ok(Arc::new(Self { instance: instance.clone(), ino, kind, attributes, body }))
    }

    /// An empty directory without a name yet.
    pub(super) fn directory(instance: &Arc<Instance>, by: &Creator) -> Result<Arc<Self>> {
        let body = Body::Directory(Mutex::new(Entries::default()));
        Self::new(instance, Kind::Directory, body, by)
    }

    /// An empty regular file that never gets a name.
    pub(super) fn unnamed(instance: &Arc<Instance>, kind: Kind, by: &Creator) -> Result<Arc<Self>> {
        let inode = Self::new(instance, kind, Body::Regular(Pages::new(instance.clone())), by)?;
        inode.attributes.lock().nlink = 0;
        Ok(inode)
    }

    /// Sets the contents of an empty regular file, for the initramfs.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`; `EINVAL` if it is not a regular file.
    pub fn fill(&self, data: &[u8]) -> Result<()> {
        self.pages()?.fill(data)
    }

    fn pages(&self) -> Result<&Pages> {
        match &self.body {
            Body::Regular(pages) => Ok(pages),
            Body::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    fn entries(&self) -> Result<&Mutex<Entries>> {
        match &self.body {
            Body::Directory(entries) => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Another inode of this instance.
    fn sibling(&self, inode: &Arc<dyn Inode>) -> Result<Arc<Self>> {
        let any: Arc<dyn Any + Send + Sync> = inode.clone();
        any.downcast().map_err(|_| Errno::EXDEV)
    }

    fn touch(&self) {
        let now = realtime();
        let mut attributes = self.attributes.lock();
        attributes.mtime = now;
        attributes.ctime = now;
    }

    fn touch_change(&self) {
        self.attributes.lock().ctime = realtime();
    }

    fn touch_access(&self) {
        let now = realtime();
        let mut attributes = self.attributes.lock();
        let changed = attributes.atime <= attributes.mtime.max(attributes.ctime);
        if changed || now.saturating_sub(attributes.atime) >= RELATIME_SPAN {
            attributes.atime = now;
        }
    }

    /// Notes a change by a writer, which costs the file its set-id bits.
    fn touch_written(&self) {
        self.touch();
        let privileged =
            try_current().is_none_or(|thread| thread.credentials().has(Capability::Fsetid));
        let mut attributes = self.attributes.lock();
        if !privileged && attributes.permissions & (S_ISUID | S_ISGID) != 0 {
            attributes.permissions &= !S_ISUID;
            if attributes.permissions & 0o010 != 0 {
                attributes.permissions &= !S_ISGID;
            }
        }
    }

    fn relink(&self, change: i32) {
        let mut attributes = self.attributes.lock();
        attributes.nlink = attributes.nlink.saturating_add_signed(change);
        attributes.ctime = realtime();
    }

    /// One of this directory's entries went: it has one name less, and if it was a
    /// directory, so has this one.
    fn dropped(&self, inode: &Self) {
        if inode.kind == Kind::Directory {
            inode.relink(-2);
            self.relink(-1);
        } else {
            inode.relink(-1);
        }
    }
}

impl Inode for TmpInode {
    fn stat(&self) -> Stat {
        let (size, blocks, rdev) = match &self.body {
            Body::Regular(pages) => (pages.size(), pages.frames() as u64 * 8, Device::default()),
            Body::Symlink(target) => (target.len() as u64, 0, Device::default()),
            Body::Device(device) => (0, 0, *device),
            Body::Directory(_) | Body::Fifo(_) | Body::Socket => (0, 0, Device::default()),
        };
        let attributes = self.attributes.lock();
        Stat {
            dev: self.instance.device,
            ino: self.ino,
            kind: self.kind,
            permissions: attributes.permissions,
            nlink: attributes.nlink,
            uid: attributes.uid,
            gid: attributes.gid,
            rdev,
            size,
            blocks,
            atime: attributes.atime,
            mtime: attributes.mtime,
            ctime: attributes.ctime,
        }
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        Ok(self.entries()?.lock().get(name).ok_or(Errno::ENOENT)?.clone())
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, by: &Creator) -> Result<Arc<dyn Inode>> {
        let entries = self.entries()?;
        let mut by = *by;
        {
            let own = self.attributes.lock();
            if own.nlink == 0 {
                return Err(Errno::ENOENT);
            }
            if own.permissions & S_ISGID != 0 {
                by.gid = own.gid;
                if matches!(node, NewNode::Directory) {
                    by.permissions |= S_ISGID;
                }
            }
        }
        let instance = &self.instance;
        let (kind, body) = match node {
            NewNode::Regular => (Kind::Regular, Body::Regular(Pages::new(instance.clone()))),
            NewNode::Directory => {
                (Kind::Directory, Body::Directory(Mutex::new(Entries::default())))
            }
            NewNode::Symlink(target) => {
                by.permissions = 0o777;
                (Kind::Symlink, Body::Symlink(target.into()))
            }
            NewNode::Fifo => (Kind::Fifo, Body::Fifo(Mutex::new(Weak::new()))),
            NewNode::Socket => (Kind::Socket, Body::Socket),
            NewNode::CharDevice(device) => (Kind::CharDevice, Body::Device(device)),
            NewNode::BlockDevice(device) => (Kind::BlockDevice, Body::Device(device)),
        };
        let inode = Self::new(instance, kind, body, &by)?;
        entries.lock().set(name, inode.clone());
        if kind == Kind::Directory {
            self.relink(1);
        }
        self.touch();
        Ok(inode)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target = self.sibling(target)?;
        if self.attributes.lock().nlink == 0 {
            return Err(Errno::ENOENT);
        }
        target.relink(1);
        self.entries()?.lock().set(name, target);
        self.touch();
        Ok(())
    }

    fn unlink(&self, name: &[u8]) -> Result<()> {
        let inode = self.entries()?.lock().remove(name).ok_or(Errno::ENOENT)?;
        self.dropped(&inode);
        self.touch();
        Ok(())
    }

    fn rmdir(&self, name: &[u8]) -> Result<()> {
        let inode = self.entries()?.lock().get(name).ok_or(Errno::ENOENT)?.clone();
        if !inode.entries()?.lock().is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        self.unlink(name)
    }

    fn rename(
        &self,
        name: &[u8],
        to: &Arc<dyn Inode>,
        to_name: &[u8],
        existing: OnExisting,
    ) -> Result<()> {
        let to = self.sibling(to)?;
        let source = self.entries()?.lock().get(name).ok_or(Errno::ENOENT)?.clone();
        let target = to.entries()?.lock().get(to_name).cloned();
        if to.attributes.lock().nlink == 0 {
            return Err(Errno::ENOENT);
        }
        let directories = |inode: &Self| i32::from(inode.kind == Kind::Directory);
        if existing == OnExisting::Exchange {
            let target = target.ok_or(Errno::ENOENT)?;
            self.entries()?.lock().set(name, target.clone());
            to.entries()?.lock().set(to_name, source.clone());
            self.relink(directories(&target) - directories(&source));
            to.relink(directories(&source) - directories(&target));
            target.touch_change();
        } else {
            if let Some(target) = &target {
                if let Body::Directory(entries) = &target.body
                    && !entries.lock().is_empty()
                {
                    return Err(Errno::ENOTEMPTY);
                }
                to.dropped(target);
            }
            self.entries()?.lock().remove(name);
            to.entries()?.lock().set(to_name, source.clone());
            self.relink(-directories(&source));
            to.relink(directories(&source));
        }
        source.touch_change();
        self.touch();
        to.touch();
        Ok(())
    }

    fn readdir(&self, cursor: u64, each: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        self.touch_access();
        let entries = self.entries()?.lock();
        for (at, name, inode) in entries.from(cursor) {
            let entry = DirEntry { name, ino: inode.ino, kind: inode.kind, next: at + 1 };
            if !each(entry) {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match &self.body {
            Body::Symlink(target) => {
                self.touch_access();
                Ok(target.to_vec())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn change(&self, changes: &Changes) -> Result<()> {
        let mut attributes = self.attributes.lock();
        let Changes { permissions, uid, gid, atime, mtime } = *changes;
        attributes.permissions = permissions.unwrap_or(attributes.permissions);
        attributes.uid = uid.unwrap_or(attributes.uid);
        attributes.gid = gid.unwrap_or(attributes.gid);
        attributes.atime = atime.unwrap_or(attributes.atime);
        attributes.mtime = mtime.unwrap_or(attributes.mtime);
        attributes.ctime = realtime();
        Ok(())
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.pages()?.truncate(len)?;
        self.touch_written();
        Ok(())
    }

    fn open(self: Arc<Self>) -> Result<Box<dyn File>> {
        match self.kind {
            Kind::Regular => Ok(Box::new(TmpFile { inode: self })),
            _ => Err(Errno::ENXIO),
        }
    }

    fn fifo(&self) -> Result<Arc<Pipe>> {
        let Body::Fifo(slot) = &self.body else { return Err(Errno::ENXIO) };
        let mut slot = slot.lock();
        if let Some(pipe) = slot.upgrade() {
            return Ok(pipe);
        }
        let pipe = Arc::new(Pipe::new(true));
        *slot = Arc::downgrade(&pipe);
        Ok(pipe)
    }
}

impl PageSource for TmpInode {
    fn page(&self, index: usize) -> Result<UFrame> {
        self.pages()?.mapped_frame(index)
    }

    fn name(&self) -> String {
        format!("[{}:{}]", self.instance.device.minor, self.ino)
    }

    fn identity(&self) -> (u64, u64) {
        (self.instance.device.encode(), self.ino)
    }
}

impl Drop for TmpInode {
    /// Lets go of a directory's tree entry by entry: it can be deeper than a stack.
    fn drop(&mut self) {
        self.instance.give_inode();
        let Body::Directory(entries) = &mut self.body else { return };
        let mut pending: Vec<Arc<Self>> = entries.get_mut().take_all().collect();
        while let Some(inode) = pending.pop() {
            let Some(mut inode) = Arc::into_inner(inode) else { continue };
            if let Body::Directory(entries) = &mut inode.body {
                pending.extend(entries.get_mut().take_all());
            }
        }
    }
}

/// An open regular file.
struct TmpFile {
    inode: Arc<TmpInode>,
}

/// fallocate(2): leave the size alone.
const KEEP_SIZE: u32 = 1;
/// fallocate(2): free the range.
const PUNCH_HOLE: u32 = 2;

impl File for TmpFile {
    fn read(&self, offset: &mut u64, to: &mut VmWriter<'_>, flags: OpenFlags) -> Result<usize> {
        let count = self.inode.pages()?.read(offset, to)?;
        if !flags.contains(OpenFlags::NOATIME) {
            self.inode.touch_access();
        }
        Ok(count)
    }

    fn write(&self, offset: &mut u64, from: &mut VmReader<'_>, flags: OpenFlags) -> Result<usize> {
        let append = flags.contains(OpenFlags::APPEND);
        let count = self.inode.pages()?.write(offset, from, append)?;
        if count > 0 {
            self.inode.touch_written();
        }
        Ok(count)
    }

    fn has_offsets(&self) -> bool {
        true
    }

    fn len(&self) -> Result<u64> {
        Ok(self.inode.pages()?.size())
    }

    fn pages(&self) -> Result<Arc<dyn PageSource>> {
        Ok(self.inode.clone())
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.inode.truncate(len)
    }

    fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result<()> {
        let pages = self.inode.pages()?;
        match mode {
            0 | KEEP_SIZE => {
                // What could never fit is refused before anything is reserved.
                let needed = len.div_ceil(PAGE_SIZE as u64);
                let bound =
                    self.inode.instance.max_pages.load(core::sync::atomic::Ordering::Relaxed);
                if needed > bound as u64 {
                    return Err(Errno::ENOSPC);
                }
                pages.reserve(offset, len, mode == KEEP_SIZE)?;
            }
            mode if mode == PUNCH_HOLE | KEEP_SIZE => pages.punch(offset, len)?,
            _ => return Err(Errno::EOPNOTSUPP),
        }
        self.inode.touch_written();
        Ok(())
    }
}
