//! The epoll file: its interest list and its ready list.

use alloc::collections::{BTreeMap, VecDeque};
use core::sync::atomic::{AtomicBool, Ordering};

use ostd::sync::{LocalIrqDisabled, Mutex, SpinLock};

use crate::fs::{Events, File, OpenFile, Pollee, Poller};
use crate::prelude::*;
use crate::sync::Notify;
use crate::time::Instant;

/// How deep epoll files may watch each other (EP_MAX_NESTS).
const MAX_DEPTH: usize = 4;
/// Entries one list may have (/proc/sys/fs/epoll/max_user_watches is larger; this is per list).
const MAX_ENTRIES: usize = 65_536;

/// `EPOLLEXCLUSIVE`, `EPOLLWAKEUP`, `EPOLLONESHOT`, `EPOLLET`: how, not what for.
pub(super) const EXCLUSIVE: u32 = 1 << 28;
pub(super) const WAKEUP: u32 = 1 << 29;
pub(super) const ONESHOT: u32 = 1 << 30;
pub(super) const EDGE: u32 = 1 << 31;

/// What a program wants to know about a file, and what it calls it.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    /// Events and the flags above.
    pub(super) bits: u32,
    /// Handed back as it is.
    pub(super) data: u64,
}

impl Wish {
    fn events(self) -> Events {
        Events::from_bits_truncate(self.bits) | Events::ALWAYS
    }
}

/// The lists; entries reach them through a weak reference.
struct Ready {
    queue: SpinLock<VecDeque<Arc<Entry>>, LocalIrqDisabled>,
    pollee: Pollee,
}

impl Ready {
    fn push(&self, entry: Arc<Entry>) {
        if !entry.queued.swap(true, Ordering::AcqRel) {
            self.queue.lock().push_back(entry);
        }
    }

    fn pop(&self) -> Option<Arc<Entry>> {
        let entry = self.queue.lock().pop_front()?;
        // From here on news queue it again, so that none between this and the look is lost.
        entry.queued.store(false, Ordering::Release);
        Some(entry)
    }
}

struct Entry {
    file: Weak<OpenFile>,
    ready: Weak<Ready>,
    wish: SpinLock<Wish, LocalIrqDisabled>,
    /// Cleared by a one-shot that fired, until the entry is modified.
    armed: AtomicBool,
    queued: AtomicBool,
    this: Weak<Entry>,
}

impl Notify for Entry {
    fn notify(&self) -> bool {
        let (Some(ready), Some(this)) = (self.ready.upgrade(), self.this.upgrade()) else {
            return false;
        };
        if !self.armed.load(Ordering::Acquire) {
            return false;
        }
        ready.push(this);
        ready.pollee.notify(Events::READABLE);
        true
    }
}

impl Entry {
    /// What the file is ready for of what is wanted.
    fn look(&self) -> Events {
        let wish = *self.wish.lock();
        if !self.armed.load(Ordering::Acquire) {
            return Events::empty();
        }
        self.file.upgrade().map_or(Events::empty(), |file| file.file().poll(None) & wish.events())
    }
}

struct Watched {
    entry: Arc<Entry>,
    /// Ends the observation when dropped.
    _registrations: Poller,
}

type ListKey = (u32, usize);

/// An epoll instance.
pub(super) struct EpollFile {
    interest: Mutex<BTreeMap<ListKey, Watched>>,
    ready: Arc<Ready>,
}

fn key(fd: u32, file: &Arc<OpenFile>) -> ListKey {
    (fd, Arc::as_ptr(file) as usize)
}

impl EpollFile {
    pub(super) fn new() -> Self {
        let ready = Ready { queue: SpinLock::new(VecDeque::new()), pollee: Pollee::new() };
        Self { interest: Mutex::new(BTreeMap::new()), ready: Arc::new(ready) }
    }

    /// How many epoll files are below this one, itself included.
    fn depth(&self) -> usize {
        let interest = self.interest.lock();
        let below: Vec<Arc<OpenFile>> =
            interest.values().filter_map(|watched| watched.entry.file.upgrade()).collect();
        drop(interest);
        let depths = below.iter().filter_map(|file| file.downcast::<Self>().map(Self::depth));
        1 + depths.max().unwrap_or(0)
    }

    fn watches(&self, other: &Self) -> bool {
        if core::ptr::eq(self, other) {
            return true;
        }
        let interest = self.interest.lock();
        let below: Vec<Arc<OpenFile>> =
            interest.values().filter_map(|watched| watched.entry.file.upgrade()).collect();
        drop(interest);
        below.iter().filter_map(|file| file.downcast::<Self>()).any(|below| below.watches(other))
    }

    pub(super) fn add(&self, fd: u32, file: &Arc<OpenFile>, wish: Wish) -> Result<()> {
        if !file.file().is_pollable() {
            return Err(Errno::EPERM);
        }
        if let Some(inner) = file.downcast::<Self>()
            && (inner.watches(self) || inner.depth() > MAX_DEPTH)
        {
            return Err(Errno::ELOOP);
        }
        let mut interest = self.interest.lock();
        // What was closed for good has left the list already, as far as anybody can see.
        interest.retain(|_, watched| watched.entry.file.strong_count() > 0);
        if interest.contains_key(&key(fd, file)) {
            return Err(Errno::EEXIST);
        }
        if interest.len() >= MAX_ENTRIES {
            return Err(Errno::ENOSPC);
        }
        let entry = Arc::new_cyclic(|this| Entry {
            file: Arc::downgrade(file),
            ready: Arc::downgrade(&self.ready),
            wish: SpinLock::new(wish),
            armed: AtomicBool::new(true),
            queued: AtomicBool::new(false),
            this: this.clone(),
        });
        interest.insert(key(fd, file), Self::watch(entry, file, wish));
        Ok(())
    }

    /// Observes the file, then looks: what it is ready for already counts as news.
    fn watch(entry: Arc<Entry>, file: &Arc<OpenFile>, wish: Wish) -> Watched {
        let mut poller = Poller::new(entry.clone(), wish.events());
        let ready = file.file().poll(Some(&mut poller));
        if ready.intersects(wish.events()) {
            entry.notify();
        }
        Watched { entry, _registrations: poller }
    }

    pub(super) fn modify(&self, fd: u32, file: &Arc<OpenFile>, wish: Wish) -> Result<()> {
        let mut interest = self.interest.lock();
        let watched = interest.get_mut(&key(fd, file)).ok_or(Errno::ENOENT)?;
        if wish.bits & EXCLUSIVE != 0 || watched.entry.wish.lock().bits & EXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        let entry = watched.entry.clone();
        *entry.wish.lock() = wish;
        entry.armed.store(true, Ordering::Release);
        *watched = Self::watch(entry, file, wish);
        Ok(())
    }

    pub(super) fn remove(&self, fd: u32, file: &Arc<OpenFile>) -> Result<()> {
        let watched = self.interest.lock().remove(&key(fd, file)).ok_or(Errno::ENOENT)?;
        watched.entry.armed.store(false, Ordering::Release);
        Ok(())
    }

    /// Takes up to `max` events off the ready list.
    fn harvest(&self, max: usize) -> Vec<(u32, u64)> {
        let mut found = Vec::new();
        let mut again = Vec::new();
        // Entries that were queued when we began: one that goes back is not asked twice.
        let mut left = self.ready.queue.lock().len();
        while found.len() < max && left > 0 {
            let Some(entry) = self.ready.pop() else { break };
            left -= 1;
            let wish = *entry.wish.lock();
            let events = entry.look();
            if events.is_empty() {
                continue;
            }
            found.push((events.bits(), wish.data));
            if wish.bits & ONESHOT != 0 {
                entry.armed.store(false, Ordering::Release);
            } else if wish.bits & EDGE == 0 {
                again.push(entry);
            }
        }
        for entry in again {
            self.ready.push(entry);
        }
        found
    }

    /// Waits for events.
    pub(super) fn wait(&self, max: usize, deadline: Option<Instant>) -> Result<Vec<(u32, u64)>> {
        let harvest = || Some(self.harvest(max)).filter(|found| !found.is_empty());
        match self.ready.pollee.wait(Events::IN, false, deadline, harvest) {
            Err(Errno::ETIMEDOUT) => Ok(Vec::new()),
            other => other,
        }
    }
}

impl File for EpollFile {
    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        self.ready.pollee.register(poller);
        let queued: Vec<Arc<Entry>> = self.ready.queue.lock().iter().cloned().collect();
        if queued.iter().any(|entry| !entry.look().is_empty()) {
            Events::READABLE
        } else {
            Events::empty()
        }
    }

    fn is_pollable(&self) -> bool {
        true
    }
}
