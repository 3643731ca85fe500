//! eventfd(2): a counter as a file.

use ostd::mm::{VmReader, VmWriter};
use ostd::sync::SpinLock;

use crate::fs::anon::open_anonymous;
use crate::fs::file::{copy_in, copy_out};
use crate::fs::{Events, File, OpenFlags, Pollee, Poller};
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};

pub(crate) const CALLS: &[(u32, Call)] = &[
    (284, Call::new(|thread, [initial, ..]| eventfd2(thread, [initial, 0, 0, 0, 0, 0]))),
    (290, Call::new(eventfd2)),
];

/// `EFD_SEMAPHORE`: a read takes one, not all.
const SEMAPHORE: u32 = 1;
/// The counter never reaches the largest number.
const MAX: u64 = u64::MAX - 1;

struct EventFd {
    count: SpinLock<u64>,
    semaphore: bool,
    pollee: Pollee,
}

impl EventFd {
    fn readiness(&self) -> Events {
        let count = *self.count.lock();
        let mut events = Events::empty();
        if count > 0 {
            events |= Events::READABLE;
        }
        if count < MAX {
            events |= Events::WRITABLE;
        }
        events
    }

    fn take(&self) -> Option<u64> {
        let mut count = self.count.lock();
        let taken = if self.semaphore { (*count).min(1) } else { *count };
        *count -= taken;
        (taken > 0).then_some(taken)
    }

    fn add(&self, amount: u64) -> Option<()> {
        let mut count = self.count.lock();
        let sum = count.checked_add(amount).filter(|sum| *sum <= MAX)?;
        *count = sum;
        Some(())
    }
}

impl File for EventFd {
    fn read(&self, _offset: &mut u64, to: &mut VmWriter<'_>, flags: OpenFlags) -> Result<usize> {
        if to.avail() < 8 {
            return Err(Errno::EINVAL);
        }
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        let taken = self.pollee.wait(Events::IN, nonblocking, None, || self.take())?;
        self.pollee.notify(Events::WRITABLE);
        copy_out(&taken.to_le_bytes(), to)
    }

    fn write(&self, _offset: &mut u64, from: &mut VmReader<'_>, flags: OpenFlags) -> Result<usize> {
        if from.remain() < 8 {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; 8];
        if copy_in(from, &mut bytes)? < bytes.len() {
            return Err(Errno::EFAULT);
        }
        let amount = u64::from_le_bytes(bytes);
        if amount > MAX {
            return Err(Errno::EINVAL);
        }
        let nonblocking = flags.contains(OpenFlags::NONBLOCK);
        self.pollee.wait(Events::OUT, nonblocking, None, || self.add(amount))?;
        if amount > 0 {
            self.pollee.notify(Events::READABLE);
        }
        Ok(bytes.len())
    }

    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        self.pollee.register(poller);
        self.readiness()
    }

    fn is_pollable(&self) -> bool {
        true
    }

    fn fdinfo(&self) -> String {
        alloc::format!("eventfd-count: {:16x}\n", *self.count.lock())
    }
}

fn eventfd2(thread: &Arc<Thread>, [initial, flags, ..]: Args) -> Result<usize> {
    let raw = flags as u32;
    let open_flags = OpenFlags::from_bits_retain(raw & !SEMAPHORE);
    if !(OpenFlags::NONBLOCK | OpenFlags::CLOEXEC).contains(open_flags) {
        return Err(Errno::EINVAL);
    }
    let file = EventFd {
        count: SpinLock::new(u64::from(initial as u32)),
        semaphore: raw & SEMAPHORE != 0,
        pollee: Pollee::new(),
    };
    let file = open_anonymous("[eventfd]", Box::new(file), open_flags);
    Ok(thread.files()?.insert(file, open_flags.contains(OpenFlags::CLOEXEC))? as usize)
}
