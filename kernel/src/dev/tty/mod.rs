//! Terminals: a line discipline between a wire and the processes that read and write
//! (tty(4)), with job control.
//!
//! What bytes mean is decided by [`warren_kernel_core::ldisc`]; here are waiting, signals
//! and the settings.

mod control;
mod jobs;
mod pty;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use ostd::mm::{VmReader, VmWriter};
use ostd::sync::{Mutex, SpinLock};
use warren_kernel_core::ldisc::{CAPACITY, Line, Local, Signal as KeySignal, cc};

use crate::fs::file::{copy_in, copy_out};
use crate::fs::stat::Device;
use crate::fs::{Events, File, OpenFlags, Pollee, Poller};
use crate::prelude::*;
use crate::process::Pid;
use crate::signal::Signal;
use crate::time::now;

pub use jobs::controlling;
pub use pty::{PTS_MAJOR, open_ptmx, open_pts, pairs};

use jobs::Jobs;

/// Where a terminal's output goes.
pub trait Wire: Send + Sync {
    /// Sends bytes, of which there are at most [`room`](Self::room).
    fn send(&self, bytes: &[u8]);

    /// How many bytes can be sent without losing any.
    fn room(&self) -> usize {
        usize::MAX
    }
}

/// How much output is processed in one go.
const CHUNK: usize = 256;
/// The most bytes one byte of output becomes: a tab of eight spaces.
const EXPANSION: usize = 8;

/// A terminal.
pub struct Tty {
    device: Device,
    wire: Box<dyn Wire>,
    line: SpinLock<Line>,
    /// Held while bytes are on their way to the wire, so that writers take turns.
    output: Mutex<()>,
    /// Rows, columns, and two sizes in pixels (`struct winsize`).
    window: SpinLock<[u16; 4]>,
    jobs: Jobs,
    pollee: Pollee,
    hung_up: AtomicBool,
}

impl Tty {
    /// A terminal on `wire`.
    #[must_use]
    pub fn new(device: Device, wire: Box<dyn Wire>) -> Arc<Self> {
        Arc::new(Self {
            device,
            wire,
            line: SpinLock::new(Line::default()),
            output: Mutex::new(()),
            window: SpinLock::new([0; 4]),
            jobs: Jobs::new(),
            pollee: Pollee::new(),
            hung_up: AtomicBool::new(false),
        })
    }

    /// Its number, as /proc/PID/stat shows it.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// The process group in the foreground.
    #[must_use]
    pub fn foreground(&self) -> Option<Pid> {
        self.jobs.foreground()
    }

    /// Takes bytes from the wire.
    pub fn receive(&self, bytes: &[u8]) {
        let turn = self.output.lock();
        let mut echo = Vec::new();
        let mut signals = Vec::new();
        {
            let mut line = self.line.lock();
            for byte in bytes {
                signals.extend(line.receive(*byte, &mut echo));
            }
        }
        // An echo there is no room for is lost, as on Linux.
        echo.truncate(self.wire.room());
        self.wire.send(&echo);
        drop(turn);
        for signal in signals {
            self.jobs.signal_foreground(match signal {
                KeySignal::Interrupt => Signal::INT,
                KeySignal::Quit => Signal::QUIT,
                KeySignal::Stop => Signal::TSTP,
            });
        }
        // Output may go on as well, if one of the bytes was ctrl-Q.
        self.pollee.notify(Events::READABLE | Events::WRITABLE);
    }

    /// The other end is gone: readers see the end of the file, the session a SIGHUP.
    pub fn hang_up(&self) {
        if !self.hung_up.swap(true, Ordering::AcqRel) {
            self.jobs.hang_up();
            self.pollee.notify(Events::READY | Events::ALWAYS);
        }
    }

    /// Tells writers that the wire has room again.
    fn drained(&self) {
        self.pollee.notify(Events::WRITABLE);
    }

    fn is_hung_up(&self) -> bool {
        self.hung_up.load(Ordering::Acquire)
    }

    /// Takes what is there for a reader who wants at most `want` bytes. `least` is how
    /// many bytes a raw reader waits for.
    fn try_read(&self, want: usize, least: usize) -> Option<Vec<u8>> {
        let mut buffer = alloc::vec![0; want.min(CAPACITY)];
        let mut line = self.line.lock();
        let raw = !line.termios().local.contains(Local::ICANON);
        if raw && line.readable_bytes() < least.min(want) {
            return self.is_hung_up().then(Vec::new);
        }
        let count = match line.read(&mut buffer) {
            Some(count) => count,
            None if self.is_hung_up() || raw && least == 0 => 0,
            None => return None,
        };
        buffer.truncate(count);
        Some(buffer)
    }

    /// A raw read with a timer (termios(3), "VMIN and VTIME").
    fn read_timed(&self, want: usize, nonblocking: bool) -> Result<Vec<u8>> {
        let termios = *self.line.lock().termios();
        let least = usize::from(termios.chars[cc::VMIN]);
        let span = Duration::from_millis(100 * u64::from(termios.chars[cc::VTIME]));
        let raw = !termios.local.contains(Local::ICANON);
        if !raw || span.is_zero() {
            return self
                .pollee
                .wait(Events::READABLE, nonblocking, None, || self.try_read(want, least));
        }
        // With VMIN the timer starts at the first byte and again at each further one.
        let mut deadline = (least == 0).then(|| now() + span);
        let mut seen = 1;
        let enough = least.clamp(1, want.max(1));
        while seen <= enough {
            let arrived =
                || (self.line.lock().readable_bytes() >= seen || self.is_hung_up()).then_some(());
            match self.pollee.wait(Events::READABLE, nonblocking, deadline, arrived) {
                Ok(()) if self.is_hung_up() => break,
                Ok(()) => seen += 1,
                Err(Errno::ETIMEDOUT) => break,
                Err(error) => return Err(error),
            }
            deadline = Some(now() + span);
        }
        Ok(self.try_read(want, 0).unwrap_or_default())
    }

    /// Processes and sends a piece of output once the wire takes it.
    fn write_chunk(&self, bytes: &[u8], nonblocking: bool) -> Result<usize> {
        let mut wire = Vec::with_capacity(bytes.len() * 2);
        self.pollee.wait(Events::WRITABLE, nonblocking, None, || {
            if self.is_hung_up() {
                return Some(Err(Errno::EIO));
            }
            let _turn = self.output.lock();
            let count = bytes.len().min(self.wire.room() / EXPANSION);
            {
                let mut line = self.line.lock();
                if line.is_stopped() || count == 0 {
                    return None;
                }
                for byte in &bytes[..count] {
                    line.output(*byte, &mut wire);
                }
            }
            self.wire.send(&wire);
            Some(Ok(count))
        })?
    }
}

/// An open terminal.
pub struct TtyFile {
    tty: Arc<Tty>,
}

impl TtyFile {
    /// Opens a terminal, which becomes the caller's controlling one if it leads a session
    /// that has none and `flags` do not say NOCTTY.
    #[must_use]
    pub fn open(tty: Arc<Tty>, flags: OpenFlags) -> Self {
        if !flags.contains(OpenFlags::NOCTTY) && flags.readable() {
            jobs::acquire(&tty);
        }
        Self { tty }
    }
}

impl File for TtyFile {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, flags: OpenFlags) -> Result<usize> {
        if !to.has_avail() {
            return Ok(0);
        }
        self.tty.jobs.check_read(&self.tty)?;
        let bytes = self.tty.read_timed(to.avail(), flags.contains(OpenFlags::NONBLOCK))?;
        // The bytes are taken from the line; if the reader's memory is bad they are lost.
        copy_out(&bytes, to)
    }

    fn write(&self, _offset: &mut u64, from: &mut VmReader<'_>, flags: OpenFlags) -> Result<usize> {
        if self.tty.line.lock().termios().local.contains(Local::TOSTOP) {
            self.tty.jobs.check_change(&self.tty)?;
        }
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        let mut done = 0;
        let mut chunk = [0; CHUNK];
        while from.has_remain() {
            let count = match copy_in(from, &mut chunk) {
                Ok(count) => count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            };
            let mut rest = &chunk[..count];
            while !rest.is_empty() {
                match self.tty.write_chunk(rest, nonblocking) {
                    Ok(count) => {
                        done += count;
                        rest = &rest[count..];
                    }
                    Err(error) if done == 0 => return Err(error),
                    Err(_) => return Ok(done),
                }
            }
        }
        Ok(done)
    }

    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        let tty = &self.tty;
        tty.pollee.register(poller);
        if tty.is_hung_up() {
            return Events::READY | Events::HUP | Events::ERR;
        }
        let line = tty.line.lock();
        let mut events = Events::empty();
        if line.is_readable() {
            events |= Events::READABLE;
        }
        if !line.is_stopped() && tty.wire.room() >= EXPANSION {
            events |= Events::WRITABLE;
        }
        events
    }

    fn is_pollable(&self) -> bool {
        true
    }

    fn ioctl(&self, request: u32, arg: usize) -> Result<usize> {
        control::ioctl(&self.tty, request, arg)
    }
}
