//! A namespace's deadlines: one ordered set, one thread that keeps time for it.
//!
//! Who waits for a point in time (a neighbour probe, a TCP retransmission, a bridge's
//! ageing) sets a [`Key`]; there is one deadline per key. The namespace's keeper sleeps
//! until the earliest, then schedules the namespace's NAPI instance and goes back to
//! sleep; the poll takes the due keys ([`Deadlines::take_due`]) and does the work. An idle
//! namespace has no deadline, and until its first one no thread.
//!
//! Invariant: whoever makes the earliest deadline earlier wakes the keeper, after the
//! change is visible. The keeper holds only a weak reference.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::{Arc, Weak};

use hashbrown::HashMap;
use warren_platform::lock::{self, Mutex};
use warren_platform::{Instant, Keeper, KeeperStep, Platform, Wake};

use crate::ids::LinkId;
use crate::namespace::Namespace;

/// Who waits. The number tells the waiters of one sort apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// A neighbour entry, by its id in the table.
    Neighbour(u64),
    /// A socket, by its id in the table.
    Socket(u64),
    /// The oldest incomplete datagram.
    Reassembly,
    /// The address whose lifetime ends first.
    Address,
    /// The path MTU that is forgotten first.
    PathMtu,
    /// A link that came up and announces its addresses.
    Announce(LinkId),
    /// A link kind's own (a bridge's ageing, say).
    Link(LinkId),
}

#[derive(Debug, Default)]
struct Ordered {
    by_time: BTreeSet<(Instant, Key)>,
    by_key: HashMap<Key, Instant>,
    keeper: Option<Arc<dyn Wake>>,
    /// The keeper saw a due deadline, had the namespace polled, and waits to be resumed.
    handed: bool,
    closed: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Deadlines {
    ordered: Mutex<lock::Deadlines, Ordered>,
}

impl Deadlines {
    /// Sets the deadline of `key`, replacing the one it had.
    pub fn set(&self, key: Key, at: Instant, ns: &Arc<Namespace>, platform: &dyn Platform) {
        let mut ordered = self.ordered.lock();
        if ordered.closed {
            return;
        }
        let earliest = ordered.by_time.first().map(|(at, _)| *at);
        if let Some(old) = ordered.by_key.insert(key, at) {
            ordered.by_time.remove(&(old, key));
        }
        ordered.by_time.insert((at, key));
        if earliest.is_some_and(|earliest| earliest <= at) {
            return;
        }
        if ordered.keeper.is_none() {
            // The thread's first step comes after we release the lock: it sees this deadline.
            ordered.keeper = platform.start_keeper(Box::new(NsKeeper(Arc::downgrade(ns))));
            return;
        }
        let keeper = ordered.keeper.clone();
        drop(ordered);
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    /// Whether `key` has a deadline.
    #[must_use]
    pub fn is_set(&self, key: Key) -> bool {
        self.ordered.lock().by_key.contains_key(&key)
    }

    /// Forgets the deadline of `key`, if it has one.
    pub fn clear(&self, key: Key) {
        let mut ordered = self.ordered.lock();
        if let Some(at) = ordered.by_key.remove(&key) {
            ordered.by_time.remove(&(at, key));
        }
    }

    /// Takes one key whose deadline is at or before `now`.
    pub fn take_due(&self, now: Instant) -> Option<Key> {
        let mut ordered = self.ordered.lock();
        let (at, key) = *ordered.by_time.first()?;
        if at > now {
            return None;
        }
        ordered.by_time.remove(&(at, key));
        ordered.by_key.remove(&key);
        Some(key)
    }

    /// The earliest deadline.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        self.ordered.lock().by_time.first().map(|(at, _)| *at)
    }

    /// Wakes the keeper to look at the earliest deadline anew, if it waits for that: the
    /// poll that took the due ones calls this last. A poll that came for another reason
    /// wakes nobody.
    pub(crate) fn resume(&self) {
        let keeper = {
            let mut ordered = self.ordered.lock();
            if !core::mem::take(&mut ordered.handed) {
                return;
            }
            ordered.keeper.clone()
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    /// The keeper's look: the earliest deadline, noting that it waits if that is due.
    fn look(&self, now: Instant) -> Option<Instant> {
        let mut ordered = self.ordered.lock();
        let at = ordered.by_time.first().map(|(at, _)| *at);
        ordered.handed = at.is_some_and(|at| at <= now);
        at
    }

    /// Forgets everything and ends the keeper.
    pub(crate) fn close(&self) {
        let keeper = {
            let mut ordered = self.ordered.lock();
            ordered.closed = true;
            ordered.by_time.clear();
            ordered.by_key.clear();
            ordered.keeper.take()
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    fn is_closed(&self) -> bool {
        self.ordered.lock().closed
    }
}

struct NsKeeper(Weak<Namespace>);

impl Keeper for NsKeeper {
    fn step(&mut self, now: Instant) -> KeeperStep {
        let Some(ns) = self.0.upgrade() else { return KeeperStep::Exit };
        if ns.deadlines.is_closed() {
            return KeeperStep::Exit;
        }
        match ns.deadlines.look(now) {
            None => KeeperStep::Sleep,
            Some(at) if at > now => KeeperStep::SleepUntil(at),
            Some(_) => {
                ns.schedule_deadlines();
                // The poll wakes us when it has taken what is due.
                KeeperStep::Sleep
            }
        }
    }
}
