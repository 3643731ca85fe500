//! Open files: what each kind of file does ([`File`]), and the open file description
//! that descriptors share ([`OpenFile`]).

use core::any::Any;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use bitflags::bitflags;
use ostd::mm::{FallibleVmRead, UFrame, VmReader, VmWriter};
use ostd::sync::Mutex;

use super::inode::{DirEntry, Inode};
use super::locks;
use super::mount::Path;
use super::poll::{Events, Poller};
use crate::mm::PageSource;
use crate::prelude::*;
use crate::process::try_current;

bitflags! {
    /// The flags of open(2) that stay with the description (F_GETFL), and those that
    /// act only while opening. Numbers from include/uapi/asm-generic/fcntl.h.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// Write access (without read access).
        const WRONLY = 0o1;
        /// Read and write access.
        const RDWR = 0o2;
        /// Create the file if it is missing.
        const CREAT = 0o100;
        /// Fail if it is not missing.
        const EXCL = 0o200;
        /// Do not become the controlling terminal.
        const NOCTTY = 0o400;
        /// Empty the file.
        const TRUNC = 0o1000;
        /// Every write goes to the end.
        const APPEND = 0o2000;
        /// Never wait.
        const NONBLOCK = 0o4000;
        /// Writes are done when they return.
        const DSYNC = 0o10000;
        /// Signal when there is news.
        const ASYNC = 0o20000;
        /// Bypass caches.
        const DIRECT = 0o40000;
        /// Offsets may need 64 bits; always true here.
        const LARGEFILE = 0o100_000;
        /// Fail unless it is a directory.
        const DIRECTORY = 0o200_000;
        /// Do not follow a symbolic link at the end.
        const NOFOLLOW = 0o400_000;
        /// Leave the access time alone.
        const NOATIME = 0o1_000_000;
        /// Close on execve; a property of the descriptor, not of the description.
        const CLOEXEC = 0o2_000_000;
        /// Name the file without opening it.
        const PATH = 0o10_000_000;
        /// Make a file without a name (with `DIRECTORY`).
        const TMPFILE = 0o20_000_000;
        /// What else a caller set.
        const _ = !0;
    }
}

impl OpenFlags {
    /// What fcntl(F_SETFL) can change.
    pub const SETTABLE: Self = Self::APPEND
        .union(Self::NONBLOCK)
        .union(Self::ASYNC)
        .union(Self::DIRECT)
        .union(Self::NOATIME);
    /// What does not stay after opening.
    const TRANSIENT: Self =
        Self::CREAT.union(Self::EXCL).union(Self::NOCTTY).union(Self::TRUNC).union(Self::CLOEXEC);

    /// Whether the access mode lets its holder read.
    #[must_use]
    pub fn readable(self) -> bool {
        !self.contains(Self::PATH) && matches!(self.bits() & 3, 0 | 2)
    }

    /// Whether the access mode lets its holder write.
    #[must_use]
    pub fn writable(self) -> bool {
        !self.contains(Self::PATH) && matches!(self.bits() & 3, 1 | 2)
    }
}

/// What an open file does. A kind of file implements what makes sense for it; the
/// defaults are Linux's answers for what does not.
///
/// User memory is reached only through the readers and writers passed in. Copying
/// may fault, sleep and ask a [`PageSource`] for pages: never copy under a spin lock.
pub trait File: Any + Send + Sync {
    /// Copies bytes to the reader and moves `offset` on, if this kind of file has
    /// offsets. Zero is the end of the file. May wait unless `flags` say NONBLOCK.
    fn read(&self, _offset: &mut u64, _to: &mut VmWriter<'_>, _flags: OpenFlags) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// Takes bytes from the writer and moves `offset` on. With APPEND, files with
    /// offsets write at their end.
    fn write(
        &self,
        _offset: &mut u64,
        _from: &mut VmReader<'_>,
        _flags: OpenFlags,
    ) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// Whether reads and writes happen at offsets: lseek, pread and pwrite work.
    fn has_offsets(&self) -> bool {
        false
    }

    /// The length lseek(SEEK_END) counts from.
    fn len(&self) -> Result<u64> {
        Err(Errno::EINVAL)
    }

    /// Entries of a directory, see [`Inode::readdir`].
    fn readdir(&self, _cursor: u64, _each: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        Err(Errno::ENOTDIR)
    }

    /// What the file is ready for now. Registers `poller` first, if there is one.
    fn poll(&self, _poller: Option<&mut Poller>) -> Events {
        Events::READY
    }

    /// Whether readiness ever changes: epoll refuses files where it does not.
    fn is_pollable(&self) -> bool {
        false
    }

    /// A device-specific request; `arg` may be a user pointer.
    fn ioctl(&self, _request: u32, _arg: usize) -> Result<usize> {
        Err(Errno::ENOTTY)
    }

    /// The pages mmap(2) shows.
    fn pages(&self) -> Result<Arc<dyn PageSource>> {
        Err(Errno::ENODEV)
    }

    /// Whether mmap(2) gives fresh zero pages instead (/dev/zero).
    fn maps_zeros(&self) -> bool {
        false
    }

    /// Changes the length, for ftruncate(2).
    fn truncate(&self, _len: u64) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// Reserves or punches memory, for fallocate(2).
    fn allocate(&self, _mode: u32, _offset: u64, _len: u64) -> Result<()> {
        Err(Errno::ENODEV)
    }

    /// Lines for /proc/PID/fdinfo, after the common ones.
    fn fdinfo(&self) -> String {
        String::new()
    }
}

/// A file opened with O_PATH: it only names a place.
struct PlaceOnly;

impl File for PlaceOnly {}

/// An open file description: a file, the flags it was opened with, and where the next
/// read or write happens.
pub struct OpenFile {
    path: Path,
    file: Box<dyn File>,
    access: OpenFlags,
    flags: AtomicU32,
    offset: Mutex<u64>,
    owner: AtomicI32,
}

impl OpenFile {
    /// Opens `file`, which was reached through `path`.
    #[must_use]
    pub fn new(path: Path, file: Box<dyn File>, flags: OpenFlags) -> Arc<Self> {
        let flags = flags.difference(OpenFlags::TRANSIENT);
        Arc::new(Self {
            path,
            file,
            access: flags,
            flags: AtomicU32::new(flags.bits()),
            offset: Mutex::new(0),
            owner: AtomicI32::new(0),
        })
    }

    /// Names a place without opening what is there (O_PATH).
    #[must_use]
    pub fn place(path: Path, flags: OpenFlags) -> Arc<Self> {
        let keep = OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW;
        Self::new(path, Box::new(PlaceOnly), flags.intersection(keep))
    }

    /// How it was reached.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The inode behind it.
    #[must_use]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.path.inode()
    }

    /// What it does.
    #[must_use]
    pub fn file(&self) -> &dyn File {
        &*self.file
    }

    /// The file as one of a given kind: how socket calls find their sockets.
    #[must_use]
    pub fn downcast<T: File>(&self) -> Option<&T> {
        let file: &dyn Any = &*self.file;
        file.downcast_ref()
    }

    /// The flags F_GETFL shows.
    #[must_use]
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// Changes the flags F_SETFL can change.
    pub fn set_flags(&self, flags: OpenFlags) {
        let settable = OpenFlags::SETTABLE;
        let flags = self.flags().difference(settable) | flags.intersection(settable);
        self.flags.store(flags.bits(), Ordering::Relaxed);
    }

    /// Whether it only names a place.
    #[must_use]
    pub fn is_place(&self) -> bool {
        self.access.contains(OpenFlags::PATH)
    }

    /// Whether it may be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.access.readable()
    }

    /// Whether it may be written.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.access.writable()
    }

    /// Whom F_SETOWN named.
    #[must_use]
    pub fn owner(&self) -> i32 {
        self.owner.load(Ordering::Relaxed)
    }

    /// Names who is to be signalled (F_SETOWN).
    pub fn set_owner(&self, owner: i32) {
        self.owner.store(owner, Ordering::Relaxed);
    }

    /// Reads where the last transfer ended.
    ///
    /// # Errors
    /// `EBADF` if it is not open for reading; whatever the file says.
    pub fn read(&self, to: &mut VmWriter<'_>) -> Result<usize> {
        self.check(self.is_readable())?;
        if self.file.has_offsets() {
            self.file.read(&mut self.offset.lock(), to, self.flags())
        } else {
            self.file.read(&mut 0, to, self.flags())
        }
    }

    /// Writes where the last transfer ended.
    ///
    /// # Errors
    /// `EBADF` if it is not open for writing; whatever the file says.
    pub fn write(&self, from: &mut VmReader<'_>) -> Result<usize> {
        self.check(self.is_writable())?;
        if self.file.has_offsets() {
            self.file.write(&mut self.offset.lock(), from, self.flags())
        } else {
            self.file.write(&mut 0, from, self.flags())
        }
    }

    /// Reads at `offset` and leaves the file's own offset alone.
    ///
    /// # Errors
    /// As [`read`](Self::read), and `ESPIPE` for files without offsets.
    pub fn read_at(&self, mut offset: u64, to: &mut VmWriter<'_>) -> Result<usize> {
        self.check(self.is_readable())?;
        self.check_offsets()?;
        self.file.read(&mut offset, to, self.flags())
    }

    /// Writes at `offset` and leaves the file's own offset alone.
    ///
    /// # Errors
    /// As [`write`](Self::write), and `ESPIPE` for files without offsets.
    pub fn write_at(&self, mut offset: u64, from: &mut VmReader<'_>) -> Result<usize> {
        self.check(self.is_writable())?;
        self.check_offsets()?;
        self.file.write(&mut offset, from, self.flags())
    }

    /// Fills `buffer` from `offset` and says how much there was, whatever the access
    /// mode: for execve, which was granted execution instead.
    ///
    /// # Errors
    /// Whatever the file says.
    pub fn read_exec(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let mut at = offset + done as u64;
            let mut to = VmWriter::from(&mut buffer[done..]).to_fallible();
            match self.file.read(&mut at, &mut to, self.flags())? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }

    /// The pages mmap(2) shows, under the name of this file.
    ///
    /// # Errors
    /// `ENODEV` if this kind of file cannot be mapped.
    pub fn pages(&self) -> Result<Arc<dyn PageSource>> {
        Ok(Arc::new(MappedFile { pages: self.file.pages()?, path: self.path.clone() }))
    }

    fn check(&self, granted: bool) -> Result<()> {
        if granted { Ok(()) } else { Err(Errno::EBADF) }
    }

    fn check_offsets(&self) -> Result<()> {
        if self.file.has_offsets() { Ok(()) } else { Err(Errno::ESPIPE) }
    }

    /// Where the next transfer happens.
    #[must_use]
    pub fn offset(&self) -> u64 {
        *self.offset.lock()
    }

    /// Moves the offset: `change` gets the old one and answers the new.
    ///
    /// # Errors
    /// `ESPIPE` for files without offsets; whatever `change` says.
    pub fn seek(&self, change: impl FnOnce(u64) -> Result<u64>) -> Result<u64> {
        self.check_offsets()?;
        let mut offset = self.offset.lock();
        *offset = change(*offset)?;
        Ok(*offset)
    }
}

/// The pages of a file as one open(2) found it: the mapping keeps the file's place.
struct MappedFile {
    pages: Arc<dyn PageSource>,
    path: Path,
}

impl PageSource for MappedFile {
    fn page(&self, index: usize) -> Result<UFrame> {
        self.pages.page(index)
    }

    fn name(&self) -> String {
        match try_current().and_then(|thread| thread.fs().ok()) {
            Some(context) => {
                String::from_utf8_lossy(&self.path.display(&context.root())).into_owned()
            }
            None => self.pages.name(),
        }
    }

    fn identity(&self) -> (u64, u64) {
        self.pages.identity()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        locks::release_description(self);
    }
}

/// Copies kernel bytes to a reader; how many fit.
///
/// # Errors
/// `EFAULT` if not even one byte could be copied, though there was one.
pub fn copy_out(bytes: &[u8], to: &mut VmWriter<'_>) -> Result<usize> {
    let mut from = VmReader::from(bytes);
    copied(from.read_fallible(to))
}

/// Copies from a writer to kernel bytes; how many there were.
///
/// # Errors
/// As [`copy_out`].
pub fn copy_in(from: &mut VmReader<'_>, bytes: &mut [u8]) -> Result<usize> {
    let mut to = VmWriter::from(bytes);
    copied(from.read_fallible(&mut to))
}

/// A partial copy counts as far as it went.
///
/// # Errors
/// `EFAULT` if it went nowhere.
pub fn copied(outcome: core::result::Result<usize, (ostd::Error, usize)>) -> Result<usize> {
    match outcome {
        Ok(count) => Ok(count),
        Err((_, 0)) => Err(Errno::EFAULT),
        Err((_, count)) => Ok(count),
    }
}

/// Reads text that the kernel made as a file: from `offset`, as much as fits.
///
/// # Errors
/// `EFAULT`.
pub fn read_text(text: &[u8], offset: &mut u64, to: &mut VmWriter<'_>) -> Result<usize> {
    let from = usize::try_from(*offset).unwrap_or(usize::MAX).min(text.len());
    let count = copy_out(&text[from..], to)?;
    *offset += count as u64;
    Ok(count)
}
