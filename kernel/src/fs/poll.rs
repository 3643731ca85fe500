//! Readiness: who wants to know when a file can be read or written, and telling exactly
//! those.
//!
//! A file that can block owns a [`Pollee`]. The rules for it:
//! * [`File::poll`](super::File::poll) first registers the poller, then looks at the
//!   state, so that no change falls in between:
//!   `self.pollee.register(poller, Events::IN | Events::OUT); self.readiness()`
//! * whoever changes the state calls [`Pollee::notify`] with the events that
//!   became true, after releasing its own locks; it may do so in an interrupt.
//! * blocking reads and writes wait with [`Pollee::wait`], which poll and epoll never
//!   disturb.
//!
//! A registration belongs to whoever polls and ends with it: there are never more than
//! pollers times files.

use alloc::collections::BTreeMap;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use bitflags::bitflags;
use ostd::sync::{LocalIrqDisabled, SpinLock};

use crate::prelude::*;
use crate::sync::{Notify, Sleeper};
use crate::time::Instant;

bitflags! {
    /// Events of poll(2) and epoll(7), which share their numbers.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Events: u32 {
        /// There is something to read.
        const IN = 0x1;
        /// There is something urgent.
        const PRI = 0x2;
        /// There is room to write.
        const OUT = 0x4;
        /// An error waits. Always reported.
        const ERR = 0x8;
        /// The other end is gone. Always reported.
        const HUP = 0x10;
        /// The descriptor is not open. Only ever an answer of poll(2).
        const NVAL = 0x20;
        /// As `IN`.
        const RDNORM = 0x40;
        /// Priority data.
        const RDBAND = 0x80;
        /// As `OUT`.
        const WRNORM = 0x100;
        /// As `OUT`, for priority data.
        const WRBAND = 0x200;
        /// The other end will not write any more.
        const RDHUP = 0x2000;
    }
}

impl Events {
    /// Reported whether asked for or not.
    pub const ALWAYS: Self = Self::ERR.union(Self::HUP);
    /// What a file that never blocks is ready for.
    pub const READY: Self = Self::IN.union(Self::OUT).union(Self::RDNORM).union(Self::WRNORM);
    /// Readable, in both spellings.
    pub const READABLE: Self = Self::IN.union(Self::RDNORM);
    /// Writable, in both spellings.
    pub const WRITABLE: Self = Self::OUT.union(Self::WRNORM);
}

struct Observer {
    interest: Events,
    target: Arc<dyn Notify>,
}

#[derive(Default)]
struct Observers {
    by_key: BTreeMap<u64, Observer>,
    last_key: u64,
}

struct List {
    /// How many observe, so that telling nobody takes no lock.
    len: AtomicUsize,
    observers: SpinLock<Observers, LocalIrqDisabled>,
}

/// The part of a file that tells about changes of readiness.
pub struct Pollee {
    list: Arc<List>,
}

impl Default for Pollee {
    fn default() -> Self {
        Self::new()
    }
}

impl Pollee {
    /// A pollee nobody observes.
    #[must_use]
    pub fn new() -> Self {
        let observers = SpinLock::new(Observers::default());
        Self { list: Arc::new(List { len: AtomicUsize::new(0), observers }) }
    }

    /// Has `poller`, if there is one, told about events it wants. The caller must look
    /// at the state after this.
    pub fn register(&self, poller: Option<&mut Poller>) {
        if let Some(poller) = poller {
            let registration = self.observe(poller.interest, poller.target.clone());
            poller.registrations.push(registration);
        }
    }

    /// Has `target` notified when one of the events in `interest`, or of
    /// [`Events::ALWAYS`], happens, until the registration is dropped.
    #[must_use = "the registration ends when it is dropped"]
    pub fn observe(&self, interest: Events, target: Arc<dyn Notify>) -> Registration {
        let interest = interest | Events::ALWAYS;
        let mut observers = self.list.observers.lock();
        observers.last_key += 1;
        let key = observers.last_key;
        observers.by_key.insert(key, Observer { interest, target });
        self.list.len.store(observers.by_key.len(), Ordering::Relaxed);
        // Orders the entry before the caller's look at the state; pairs with `notify`.
        fence(Ordering::SeqCst);
        Registration { list: self.list.clone(), key }
    }

    /// Tells those who want one of `events`.
    pub fn notify(&self, events: Events) {
        fence(Ordering::SeqCst);
        if self.list.len.load(Ordering::Relaxed) == 0 {
            return;
        }
        let observers = self.list.observers.lock();
        for observer in observers.by_key.values() {
            if observer.interest.intersects(events) {
                observer.target.notify();
            }
        }
    }

    /// Waits until `attempt` gives a value; it is tried once before, and again after
    /// each notification of an event in `interest`.
    ///
    /// # Errors
    /// `EAGAIN` at once if `nonblocking`; `EINTR` if a signal is to be handled first;
    /// `ETIMEDOUT` at the deadline.
    pub fn wait<R>(
        &self,
        interest: Events,
        nonblocking: bool,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Result<R> {
        if let Some(value) = attempt() {
            return Ok(value);
        }
        if nonblocking {
            return Err(Errno::EAGAIN);
        }
        let sleeper = Sleeper::new();
        let _registration = self.observe(interest, sleeper.waker());
        loop {
            if let Some(value) = attempt() {
                return Ok(value);
            }
            sleeper.sleep(deadline)?;
        }
    }
}

/// Keeps a target registered with a [`Pollee`] for as long as it lives.
pub struct Registration {
    list: Arc<List>,
    key: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut observers = self.list.observers.lock();
        let gone = observers.by_key.remove(&self.key);
        self.list.len.store(observers.by_key.len(), Ordering::Relaxed);
        drop(observers);
        // After the lock: this may be the last reference to the target.
        drop(gone);
    }
}

/// What polls: a target, what it wants to know, and its registrations so far.
pub struct Poller {
    target: Arc<dyn Notify>,
    interest: Events,
    registrations: Vec<Registration>,
}

impl Poller {
    /// A poller that is registered nowhere yet.
    #[must_use]
    pub fn new(target: Arc<dyn Notify>, interest: Events) -> Self {
        Self { target, interest, registrations: Vec::new() }
    }

    /// What the next file is asked for.
    pub fn set_interest(&mut self, interest: Events) {
        self.interest = interest;
    }
}
