//! The forwarding database: which station is behind which port.
//!
//! Stations are learned from the frames they send and forgotten when they have been silent
//! for the ageing time. A lookup ignores an entry that is too old, so a sweep only returns
//! memory: it runs on a deadline, never per frame, and not more often than
//! [`Fdb::next_sweep`] says. Learned entries are bounded; beyond the bound frames to a
//! station are flooded, as they are to one nobody heard of.
//!
//! Invariants: a local entry (a port's or the bridge's own address) never moves and never
//! ages; no entry names a port that is gone.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry as Slot;
use warren_netns::MacAddr;
use warren_platform::{Duration, Instant};

use crate::port::Port;

/// Learned entries one bridge keeps.
pub const MAX_LEARNED: usize = 16_384;

/// The VLAN every port is an untagged member of while VLAN filtering is off
/// (`IFLA_BR_VLAN_DEFAULT_PVID`). Linux keeps local entries for it beside those of VLAN 0,
/// which the data path uses.
const DEFAULT_PVID: u16 = 1;

/// Sweeps are at least this far apart.
const SWEEP_GAP: Duration = Duration::from_secs(1);

/// A station's address in a VLAN (0: no VLAN).
pub(crate) type Key = (MacAddr, u16);

/// What sort of entry it is, and with it whether it ages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// An address of the bridge itself or of a port: frames to it go up (NUD_PERMANENT).
    Local,
    /// Learned (NUD_REACHABLE, NUD_STALE).
    Learned,
}

#[derive(Debug)]
pub(crate) struct Entry {
    /// `None`: the bridge itself.
    port: Option<Arc<Port>>,
    kind: EntryKind,
    updated: AtomicU64,
    used: AtomicU64,
    /// Counts up with each new entry: dumps show the newest first, as Linux's list does.
    order: u64,
}

/// An entry at one moment.
#[derive(Clone, Debug)]
pub struct FdbEntry {
    /// The station.
    pub mac: MacAddr,
    /// Its VLAN, 0 for none.
    pub vlan: u16,
    /// The port it is behind; `None` for the bridge itself.
    pub port: Option<Arc<Port>>,
    /// What sort of entry it is.
    pub kind: EntryKind,
    /// When it last sent a frame.
    pub updated: Instant,
    /// When it was last sent one.
    pub used: Instant,
}

/// What is known of a destination.
#[derive(Clone, Debug)]
#[must_use]
pub(crate) enum Lookup {
    /// The frame is for this machine: an address of this port, or (`None`) of the bridge.
    Local(Option<Arc<Port>>),
    /// Behind this port.
    Port(Arc<Port>),
    /// Nothing.
    Unknown,
}

/// What learning a source amounted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Seen {
    /// The entry is as it should be.
    Known,
    /// A new or moved station: learn it with the table locked for writing.
    News,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Fdb {
    entries: HashMap<Key, Entry>,
    learned: usize,
    next_order: u64,
    /// When the next sweep is due; `None` while nothing can age.
    pub(crate) next_sweep: Option<Instant>,
}

impl Fdb {
    /// Whether a frame from `mac` on `port` tells nothing new. Refreshes the entry.
    pub(crate) fn touch(&self, mac: MacAddr, port: &Arc<Port>, now: Instant) -> Seen {
        match self.entries.get(&(mac, 0)) {
            Some(entry) if entry.kind == EntryKind::Local => Seen::Known,
            Some(entry) if entry.is_behind(port) => {
                entry.updated.store(now.as_nanos(), Ordering::Relaxed);
                Seen::Known
            }
            _ => Seen::News,
        }
    }

    /// Learns that `mac` is behind `port`, moving it there if it was elsewhere. `Some`: the
    /// first entry that can age; have the table swept then.
    pub(crate) fn learn(
        &mut self,
        mac: MacAddr,
        port: &Arc<Port>,
        ageing: Duration,
        now: Instant,
    ) -> Option<Instant> {
        if let Some(entry) = self.entries.get_mut(&(mac, 0)) {
            if entry.kind == EntryKind::Learned {
                entry.port = Some(port.clone());
                *entry.updated.get_mut() = now.as_nanos();
            }
            return None;
        }
        if self.learned >= MAX_LEARNED || self.entries.try_reserve(1).is_err() {
            return None;
        }
        self.insert((mac, 0), Some(port.clone()), EntryKind::Learned, now);
        self.learned += 1;
        if self.next_sweep.is_some() {
            return None;
        }
        self.next_sweep = Some(now + ageing);
        self.next_sweep
    }

    /// Where a frame to `mac` goes. Refreshes the entry's time of use.
    pub(crate) fn lookup(&self, mac: MacAddr, ageing: Duration, now: Instant) -> Lookup {
        let Some(entry) = self.entries.get(&(mac, 0)) else { return Lookup::Unknown };
        match (&entry.port, entry.kind) {
            (port, EntryKind::Local) => Lookup::Local(port.clone()),
            (None, EntryKind::Learned) => Lookup::Unknown,
            (Some(_), _) if entry.is_expired(ageing, now) => Lookup::Unknown,
            (Some(port), _) => {
                entry.used.store(now.as_nanos(), Ordering::Relaxed);
                Lookup::Port(port.clone())
            }
        }
    }

    /// Adds an address of a port or of the bridge (`None`). The first of several ports
    /// with one address has it; a station that used it is forgotten.
    pub(crate) fn add_local(&mut self, mac: MacAddr, port: Option<&Arc<Port>>, now: Instant) {
        for vlan in [0, DEFAULT_PVID] {
            if self.entries.get(&(mac, vlan)).is_some_and(|entry| entry.kind == EntryKind::Local) {
                continue;
            }
            self.remove(&(mac, vlan));
            self.insert((mac, vlan), port.cloned(), EntryKind::Local, now);
        }
    }

    /// Removes an address of `port` (`None`: of the bridge), unless one of `others` or the
    /// bridge (`bridge_mac`) has the same: then the entry is theirs from now on.
    pub(crate) fn remove_local(
        &mut self,
        mac: MacAddr,
        port: Option<&Arc<Port>>,
        others: &[Arc<Port>],
        bridge_mac: Option<MacAddr>,
    ) {
        let heir = others
            .iter()
            .find(|other| !port.is_some_and(|port| Arc::ptr_eq(port, other)) && other.mac() == mac);
        for vlan in [0, DEFAULT_PVID] {
            let Some(entry) = self.entries.get_mut(&(mac, vlan)) else { continue };
            let is_own = match (port, &entry.port) {
                (Some(port), Some(owner)) => Arc::ptr_eq(port, owner),
                (None, None) => true,
                _ => false,
            };
            if entry.kind != EntryKind::Local || !is_own {
                continue;
            }
            if heir.is_some() || bridge_mac == Some(mac) {
                entry.port = heir.cloned();
            } else {
                self.remove(&(mac, vlan));
            }
        }
    }

    /// `port` has another address now.
    pub(crate) fn change_local(
        &mut self,
        port: &Arc<Port>,
        others: &[Arc<Port>],
        bridge_mac: MacAddr,
        now: Instant,
    ) {
        let is_own = |entry: &Entry| entry.kind == EntryKind::Local && entry.is_behind(port);
        let old = self.entries.iter().find(|(_, entry)| is_own(entry)).map(|((mac, _), _)| *mac);
        if let Some(old) = old {
            self.remove_local(old, Some(port), others, Some(bridge_mac));
        }
        self.add_local(port.mac(), Some(port), now);
    }

    /// Forgets what was learned behind `port`.
    pub(crate) fn flush_learned(&mut self, port: &Arc<Port>) {
        self.retain(|entry| entry.kind != EntryKind::Learned || !entry.is_behind(port));
    }

    /// Forgets everything about `port`, which is leaving.
    pub(crate) fn flush_port(&mut self, port: &Arc<Port>) {
        self.retain(|entry| !entry.is_behind(port));
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Forgets stations silent for `ageing`; returns when to come again.
    pub(crate) fn sweep(&mut self, ageing: Duration, now: Instant) -> Option<Instant> {
        let mut oldest = None;
        self.retain(|entry| {
            if entry.kind == EntryKind::Local {
                return true;
            }
            if entry.is_expired(ageing, now) {
                return false;
            }
            let updated = entry.updated.load(Ordering::Relaxed);
            oldest = Some(oldest.map_or(updated, |oldest: u64| oldest.min(updated)));
            true
        });
        self.next_sweep =
            oldest.map(|oldest| (Instant::from_nanos(oldest) + ageing).max(now + SWEEP_GAP));
        self.next_sweep
    }

    /// Every entry that has not expired, the newest first.
    pub(crate) fn snapshot(&self, ageing: Duration, now: Instant) -> Vec<FdbEntry> {
        let mut list: Vec<_> =
            self.entries.iter().filter(|(_, entry)| !entry.is_expired(ageing, now)).collect();
        list.sort_by_key(|(_, entry)| core::cmp::Reverse(entry.order));
        list.into_iter()
            .map(|((mac, vlan), entry)| FdbEntry {
                mac: *mac,
                vlan: *vlan,
                port: entry.port.clone(),
                kind: entry.kind,
                updated: Instant::from_nanos(entry.updated.load(Ordering::Relaxed)),
                used: Instant::from_nanos(entry.used.load(Ordering::Relaxed)),
            })
            .collect()
    }

    fn insert(&mut self, key: Key, port: Option<Arc<Port>>, kind: EntryKind, now: Instant) {
        let order = self.next_order;
        self.next_order += 1;
        let at = now.as_nanos();
        let entry =
            Entry { port, kind, updated: AtomicU64::new(at), used: AtomicU64::new(at), order };
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &Key) -> bool {
        let Slot::Occupied(slot) = self.entries.entry(*key) else { return false };
        if slot.remove().kind == EntryKind::Learned {
            self.learned -= 1;
        }
        true
    }

    fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        let learned = &mut self.learned;
        self.entries.retain(|_, entry| {
            let stays = keep(entry);
            if !stays && entry.kind == EntryKind::Learned {
                *learned -= 1;
            }
            stays
        });
    }
}

impl Entry {
    fn is_behind(&self, port: &Arc<Port>) -> bool {
        self.port.as_ref().is_some_and(|own| Arc::ptr_eq(own, port))
    }

    fn is_expired(&self, ageing: Duration, now: Instant) -> bool {
        let updated = Instant::from_nanos(self.updated.load(Ordering::Relaxed));
        self.kind == EntryKind::Learned && updated + ageing <= now
    }
}
