//! Pseudo-terminals (pty(7)): a terminal whose wire is another file, the master.

use alloc::collections::{BTreeMap, VecDeque};
use core::sync::atomic::{AtomicBool, Ordering};

use ostd::mm::{VmReader, VmWriter};
use ostd::sync::SpinLock;

use super::{Tty, TtyFile, Wire, control};
use crate::fs::file::{copy_in, copy_out};
use crate::fs::mount::Path;
use crate::fs::stat::Device;
use crate::fs::{Events, File, OpenFile, OpenFlags, Pollee, Poller};
use crate::mm::user;
use crate::prelude::*;
use crate::process::current;

// include/uapi/asm-generic/ioctls.h
const TIOCGPTN: u32 = 0x8004_5430;
const TIOCSPTLCK: u32 = 0x4004_5431;
const TIOCGPTLCK: u32 = 0x8004_5439;
const TIOCPKT: u32 = 0x5420;
const FIONREAD: u32 = 0x541b;

/// How much output waits for the master's reader at most.
const CAPACITY: usize = 4096;
/// How many pseudo-terminals there are at most (kernel.pty.max).
const MAX_PTYS: u32 = 256;

/// The major number of pseudo-terminals.
pub const PTS_MAJOR: u32 = 136;

/// What the terminal wrote and the master has not read yet.
struct Channel {
    bytes: SpinLock<VecDeque<u8>>,
    pollee: Pollee,
    /// How many descriptions of the slave are open, and whether any ever was.
    slaves: SpinLock<(usize, bool)>,
    locked: AtomicBool,
}

struct PtyWire(Arc<Channel>);

impl Wire for PtyWire {
    fn send(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.0.bytes.lock().extend(bytes);
        self.0.pollee.notify(Events::READABLE);
    }

    fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.0.bytes.lock().len())
    }
}

struct Pair {
    tty: Arc<Tty>,
    channel: Arc<Channel>,
    uid: u32,
}

static PAIRS: SpinLock<BTreeMap<u32, Pair>> = SpinLock::new(BTreeMap::new());

/// The pseudo-terminals there are, with their owners: what /dev/pts lists.
#[must_use]
pub fn pairs() -> Vec<(u32, u32)> {
    PAIRS.lock().iter().map(|(number, pair)| (*number, pair.uid)).collect()
}

/// The open master of a pair. When it goes the terminal hangs up.
pub struct Master {
    number: u32,
    tty: Arc<Tty>,
    channel: Arc<Channel>,
}

/// Makes a new pair and opens its master.
///
/// # Errors
/// `ENOSPC` if there are too many.
pub fn open_ptmx(path: Path, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    let who = current().credentials();
    let channel = Arc::new(Channel {
        bytes: SpinLock::new(VecDeque::with_capacity(CAPACITY)),
        pollee: Pollee::new(),
        slaves: SpinLock::new((0, false)),
        locked: AtomicBool::new(true),
    });
    let mut pairs = PAIRS.lock();
    let number = (0..MAX_PTYS).find(|n| !pairs.contains_key(n)).ok_or(Errno::ENOSPC)?;
    let device = Device::new(PTS_MAJOR, number);
    let wire = Box::new(PtyWire(channel.clone()));
    let tty = Tty::new(device, wire);
    let uid = who.uid.fs;
    pairs.insert(number, Pair { tty: tty.clone(), channel: channel.clone(), uid });
    drop(pairs);
    Ok(OpenFile::new(path, Box::new(Master { number, tty, channel }), flags))
}

/// Opens the terminal of a pair.
///
/// # Errors
/// `ENXIO` if there is none; `EIO` while it is locked.
pub fn open_pts(number: u32, flags: OpenFlags) -> Result<impl File> {
    let pairs = PAIRS.lock();
    let pair = pairs.get(&number).ok_or(Errno::ENXIO)?;
    let (tty, channel) = (pair.tty.clone(), pair.channel.clone());
    drop(pairs);
    if channel.locked.load(Ordering::Acquire) {
        return Err(Errno::EIO);
    }
    let mut slaves = channel.slaves.lock();
    *slaves = (slaves.0 + 1, true);
    drop(slaves);
    Ok(Slave { file: TtyFile::open(tty, flags), channel })
}

/// An open terminal of a pair; the master sees when the last one closes.
struct Slave {
    file: TtyFile,
    channel: Arc<Channel>,
}

impl File for Slave {
    fn read(&self, offset: &mut u64, to: &mut VmWriter<'_>, flags: OpenFlags) -> Result<usize> {
        self.file.read(offset, to, flags)
    }

    fn write(&self, offset: &mut u64, from: &mut VmReader<'_>, flags: OpenFlags) -> Result<usize> {
        self.file.write(offset, from, flags)
    }

    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        self.file.poll(poller)
    }

    fn is_pollable(&self) -> bool {
        true
    }

    fn ioctl(&self, request: u32, arg: usize) -> Result<usize> {
        self.file.ioctl(request, arg)
    }
}

impl Drop for Slave {
    fn drop(&mut self) {
        let mut slaves = self.channel.slaves.lock();
        slaves.0 -= 1;
        drop(slaves);
        self.channel.pollee.notify(Events::READABLE | Events::HUP);
    }
}

impl Master {
    fn try_read(&self, to: &mut [u8]) -> Option<Result<usize>> {
        let mut bytes = self.channel.bytes.lock();
        if bytes.is_empty() {
            let (open, ever) = *self.channel.slaves.lock();
            return (ever && open == 0).then_some(Err(Errno::EIO));
        }
        let count = bytes.len().min(to.len());
        for (slot, byte) in to.iter_mut().zip(bytes.drain(..count)) {
            *slot = byte;
        }
        Some(Ok(count))
    }
}

impl File for Master {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, flags: OpenFlags) -> Result<usize> {
        let mut chunk = [0; 1024];
        let want = to.avail().min(chunk.len());
        if want == 0 {
            return Ok(0);
        }
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        let attempt = || self.try_read(&mut chunk[..want]);
        let count = self.channel.pollee.wait(Events::READABLE, nonblocking, None, attempt)??;
        self.tty.drained();
        copy_out(&chunk[..count], to)
    }

    fn write(
        &self,
        _offset: &mut u64,
        from: &mut VmReader<'_>,
        _flags: OpenFlags,
    ) -> Result<usize> {
        let mut chunk = [0; 256];
        let mut done = 0;
        while from.has_remain() {
            match copy_in(from, &mut chunk) {
                Ok(count) => {
                    self.tty.receive(&chunk[..count]);
                    done += count;
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        self.channel.pollee.register(poller);
        let mut events = Events::WRITABLE;
        if !self.channel.bytes.lock().is_empty() {
            events |= Events::READABLE;
        }
        let (open, ever) = *self.channel.slaves.lock();
        if ever && open == 0 {
            events |= Events::HUP;
        }
        events
    }

    fn is_pollable(&self) -> bool {
        true
    }

    fn ioctl(&self, request: u32, arg: usize) -> Result<usize> {
        match request {
            TIOCGPTN => user::write_val(arg, &self.number)?,
            TIOCSPTLCK => {
                let locked = user::read_val::<i32>(arg)? != 0;
                self.channel.locked.store(locked, Ordering::Release);
            }
            TIOCGPTLCK => {
                let locked = i32::from(self.channel.locked.load(Ordering::Acquire));
                user::write_val(arg, &locked)?;
            }
            FIONREAD => {
                let count = self.channel.bytes.lock().len() as i32;
                user::write_val(arg, &count)?;
            }
            // Packet mode can only be off.
            TIOCPKT if user::read_val::<i32>(arg)? == 0 => {}
            TIOCPKT => return Err(Errno::EINVAL),
            request => return control::ioctl(&self.tty, request, arg),
        }
        Ok(0)
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let pair = PAIRS.lock().remove(&self.number);
        drop(pair);
        self.tty.hang_up();
    }
}
