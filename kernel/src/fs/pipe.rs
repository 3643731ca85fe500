//! Pipes, with and without a name (pipe(7)): a bounded queue of bytes between two ends.

use alloc::format;
use core::cmp::min;

use ostd::mm::{VmReader, VmWriter};
use ostd::sync::Mutex;
use spin::Once;

use super::file::{File, OpenFile, OpenFlags, copy_in, copy_out};
use super::inode::Inode;
use super::mount::{InternalFs, Mount, Path, anonymous_path, internal_mount};
use super::poll::{Events, Pollee, Poller};
use super::stat::{Kind, Stat, next_ino};
use crate::mm::{frames, user};
use crate::prelude::*;
use crate::process::{Capability, current};

/// Writes up to this size arrive in one piece (include/uapi/linux/limits.h).
pub const PIPE_BUF: usize = 4096;
/// How much a new pipe holds.
const DEFAULT_CAPACITY: usize = 64 << 10;
/// How much a pipe may be made to hold without privilege (fs.pipe-max-size).
pub const MAX_CAPACITY: usize = 1 << 20;

const FIONREAD: u32 = 0x541b;
const PIPEFS_MAGIC: u64 = 0x5049_5045;

/// The bytes in a pipe; memory grows with what is in it, up to `capacity`.
struct Ring {
    data: Vec<u8>,
    head: usize,
    len: usize,
    capacity: usize,
}

impl Ring {
    fn free(&self) -> usize {
        self.capacity - self.len
    }

    /// Makes room for `count` more bytes, which are within the capacity.
    fn reserve(&mut self, count: usize) -> Result<()> {
        let needed = self.len + count;
        if needed <= self.data.len() {
            return Ok(());
        }
        let size = needed.next_power_of_two().max(PIPE_BUF).min(self.capacity.max(needed));
        self.resize(size)
    }

    fn resize(&mut self, size: usize) -> Result<()> {
        frames::admit_kernel_object()?;
        let mut data = Vec::new();
        data.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
        let first = min(self.len, self.data.len() - self.head);
        data.extend_from_slice(&self.data[self.head..self.head + first]);
        data.extend_from_slice(&self.data[..self.len - first]);
        data.resize(size, 0);
        (self.data, self.head) = (data, 0);
        Ok(())
    }

    /// Takes up to `count` bytes from the writer, for which there is room.
    fn fill(&mut self, from: &mut VmReader<'_>, count: usize) -> Result<usize> {
        self.reserve(count)?;
        let mut done = 0;
        while done < count {
            let at = (self.head + self.len) % self.data.len();
            let piece = min(count - done, self.data.len() - at);
            match copy_in(from, &mut self.data[at..at + piece]) {
                Ok(copied) => {
                    self.len += copied;
                    done += copied;
                    if copied < piece {
                        break;
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn drain(&mut self, to: &mut VmWriter<'_>) -> Result<usize> {
        let mut done = 0;
        while self.len > 0 && to.has_avail() {
            let piece = min(self.len, self.data.len() - self.head);
            match copy_out(&self.data[self.head..self.head + piece], to) {
                Ok(copied) => {
                    self.head = (self.head + copied) % self.data.len();
                    self.len -= copied;
                    done += copied;
                    if copied < piece {
                        break;
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if self.len == 0 && self.data.len() > PIPE_BUF {
            // An empty pipe keeps no more memory than a small one needs.
            (self.data, self.head) = (Vec::new(), 0);
        }
        Ok(done)
    }
}

struct State {
    ring: Ring,
    readers: usize,
    writers: usize,
    /// How many ends were ever opened: what opening a FIFO waits to see change.
    readers_seen: u64,
    writers_seen: u64,
}

/// A pipe.
pub struct Pipe {
    state: Mutex<State>,
    pollee: Pollee,
    /// Whether it is a FIFO: only then does opening wait for the other end.
    named: bool,
}

impl Pipe {
    /// A pipe nobody has opened.
    #[must_use]
    pub fn new(named: bool) -> Self {
        let ring = Ring { data: Vec::new(), head: 0, len: 0, capacity: DEFAULT_CAPACITY };
        let state = State { ring, readers: 0, writers: 0, readers_seen: 0, writers_seen: 0 };
        Self { state: Mutex::new(state), pollee: Pollee::new(), named }
    }
}

/// An end of a pipe; a FIFO opened for reading and writing is both at once.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
    /// How many writers there had been when a reader opened: no HUP before another came.
    writers_at_open: u64,
}

impl PipeEnd {
    fn open(pipe: &Arc<Pipe>, flags: OpenFlags) -> Self {
        let (reads, writes) = (flags.readable(), flags.writable());
        let mut state = pipe.state.lock();
        let writers_at_open = if state.writers == 0 { state.writers_seen } else { u64::MAX };
        if reads {
            state.readers += 1;
            state.readers_seen += 1;
        }
        if writes {
            state.writers += 1;
            state.writers_seen += 1;
        }
        drop(state);
        pipe.pollee.notify(Events::READY | Events::ALWAYS);
        Self { pipe: pipe.clone(), reads, writes, writers_at_open }
    }

    /// How many bytes the pipe holds at most (F_GETPIPE_SZ).
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.pipe.state.lock().ring.capacity
    }

    /// Changes how many bytes the pipe holds at most, and answers what it became
    /// (F_SETPIPE_SZ).
    ///
    /// # Errors
    /// `EBUSY` if it holds more now; `EPERM` above the limit; `EINVAL`; `ENOMEM`.
    pub fn set_capacity(&self, size: usize) -> Result<usize> {
        if size > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        let size = size.max(PIPE_BUF).next_power_of_two();
        if size > MAX_CAPACITY {
            current().credentials().require(Capability::SysResource)?;
            // Not even the privileged take all memory with one pipe.
            if size > MAX_CAPACITY << 4 {
                return Err(Errno::ENOMEM);
            }
        }
        let mut state = self.pipe.state.lock();
        if state.ring.len > size {
            return Err(Errno::EBUSY);
        }
        if state.ring.data.len() > size {
            state.ring.resize(size)?;
        }
        state.ring.capacity = size;
        drop(state);
        self.pipe.pollee.notify(Events::WRITABLE);
        Ok(size)
    }

    fn try_read(&self, to: &mut VmWriter<'_>) -> Option<Result<usize>> {
        let mut state = self.pipe.state.lock();
        if state.ring.len > 0 {
            return Some(state.ring.drain(to));
        }
        (state.writers == 0).then_some(Ok(0))
    }

    /// Writes what fits; small writes all or nothing.
    fn try_write(&self, from: &mut VmReader<'_>) -> Option<Result<usize>> {
        let mut state = self.pipe.state.lock();
        if state.readers == 0 {
            return Some(Err(Errno::EPIPE));
        }
        let free = state.ring.free();
        let wanted = from.remain();
        let enough = if wanted <= PIPE_BUF { free >= wanted } else { free > 0 };
        enough.then(|| state.ring.fill(from, min(wanted, free)))
    }
}

impl File for PipeEnd {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, flags: OpenFlags) -> Result<usize> {
        if !to.has_avail() {
            return Ok(0);
        }
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        let pollee = &self.pipe.pollee;
        let count = pollee.wait(Events::READABLE, nonblocking, None, || self.try_read(to))??;
        if count > 0 {
            pollee.notify(Events::WRITABLE);
        }
        Ok(count)
    }

    fn write(&self, _offset: &mut u64, from: &mut VmReader<'_>, flags: OpenFlags) -> Result<usize> {
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        let pollee = &self.pipe.pollee;
        let mut done = 0;
        while from.has_remain() {
            let attempt = || self.try_write(from);
            match pollee.wait(Events::WRITABLE, nonblocking, None, attempt).flatten() {
                Ok(count) => {
                    done += count;
                    pollee.notify(Events::READABLE);
                }
                Err(_) if done > 0 => break,
                Err(error) => {
                    if error == Errno::EPIPE {
                        super::signals::broken_pipe();
                    }
                    return Err(error);
                }
            }
        }
        Ok(done)
    }

    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        self.pipe.pollee.register(poller);
        let state = self.pipe.state.lock();
        let mut events = Events::empty();
        if self.reads {
            if state.ring.len > 0 {
                events |= Events::READABLE;
            }
            if state.writers == 0 && state.writers_seen != self.writers_at_open {
                events |= Events::HUP;
            }
        }
        if self.writes {
            if state.ring.free() >= PIPE_BUF {
                events |= Events::WRITABLE;
            }
            if state.readers == 0 {
                events |= Events::ERR;
            }
        }
        events
    }

    fn is_pollable(&self) -> bool {
        true
    }

    fn ioctl(&self, request: u32, arg: usize) -> Result<usize> {
        match request {
            FIONREAD => {
                let len = self.pipe.state.lock().ring.len as i32;
                user::write_val(arg, &len)?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        state.readers -= usize::from(self.reads);
        state.writers -= usize::from(self.writes);
        if state.readers == 0 && state.writers == 0 {
            // What is left in a FIFO nobody has open is lost.
            state.ring = Ring { data: Vec::new(), head: 0, len: 0, ..state.ring };
        }
        drop(state);
        self.pipe.pollee.notify(Events::READY | Events::ALWAYS | Events::RDHUP);
    }
}

/// Opens an end of a pipe by name, for FIFOs waiting for the other end as fifo(7) says.
///
/// # Errors
/// `ENXIO` if opened for writing without waiting and nobody reads; `EINTR`.
pub fn open_fifo(pipe: &Arc<Pipe>, flags: OpenFlags) -> Result<Box<dyn File>> {
    let nonblocking = flags.contains(OpenFlags::NONBLOCK);
    let (reads, writes) = (flags.readable(), flags.writable());
    if writes && !reads && nonblocking && pipe.state.lock().readers == 0 {
        return Err(Errno::ENXIO);
    }
    let end = PipeEnd::open(pipe, flags);
    if nonblocking || reads && writes || !pipe.named {
        return Ok(Box::new(end));
    }
    let (seen, present) = {
        let state = pipe.state.lock();
        if reads {
            (state.writers_seen, state.writers > 0)
        } else {
            (state.readers_seen, state.readers > 0)
        }
    };
    if !present {
        pipe.pollee.wait(Events::READY, false, None, || {
            let state = pipe.state.lock();
            let now = if reads { state.writers_seen } else { state.readers_seen };
            (now != seen).then_some(())
        })?;
    }
    Ok(Box::new(end))
}

/// The inode of a pipe without a name; opening it through /proc gives another end.
struct PipeInode {
    stat: Stat,
    pipe: Arc<Pipe>,
}

impl Inode for PipeInode {
    fn stat(&self) -> Stat {
        self.stat
    }

    fn fifo(&self) -> Result<Arc<Pipe>> {
        Ok(self.pipe.clone())
    }
}

/// Makes a pipe and opens both ends: first the one to read from.
#[must_use]
pub fn new_pipe(flags: OpenFlags) -> (Arc<OpenFile>, Arc<OpenFile>) {
    static MOUNT: Once<Arc<Mount>> = Once::new();
    let mount = MOUNT.call_once(|| internal_mount(InternalFs::new("pipefs", PIPEFS_MAGIC)));
    let pipe = Arc::new(Pipe::new(false));
    let ino = next_ino();
    let device = mount.file_system().device();
    let credentials = current().credentials();
    let stat = Stat {
        uid: credentials.uid.fs,
        gid: credentials.gid.fs,
        ..Stat::new(device, ino, Kind::Fifo, 0o600)
    };
    let inode = Arc::new(PipeInode { stat, pipe: pipe.clone() });
    let path: Path = anonymous_path(mount, inode, format!("pipe:[{ino}]").as_bytes());
    let open = |access: OpenFlags| {
        let end = PipeEnd::open(&pipe, access);
        OpenFile::new(path.clone(), Box::new(end), flags | access)
    };
    // Both ends exist before either could look hung up.
    (open(OpenFlags::empty()), open(OpenFlags::WRONLY))
}
