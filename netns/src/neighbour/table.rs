//! A namespace's neighbour entries, within Linux's bounds.
//!
//! Invariant: `by_id` and `entries` name the same entries; an entry's id is never reused,
//! so a deadline of a removed entry finds nothing.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use hashbrown::HashMap;
use warren_platform::{Duration, Instant};

use super::conf::{NeighbourConf, Setting, Timing};
use super::entry::Entry;
use super::{Neighbour, NeighbourState};
use crate::error::NeighbourError;
use crate::ids::Ifindex;
use crate::link::Link;

/// How recently used an entry must be to survive a forced collection (Linux:
/// `neigh_forced_gc`).
const RECENT: Duration = Duration::from_secs(5);

type Key = (u32, Ipv4Addr);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: BTreeMap<Key, Entry>,
    by_id: HashMap<u64, Key>,
    last_id: u64,
    last_forced: Instant,
}

impl Table {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry for `addr` on `link`.
    pub(super) fn get(&mut self, link: Ifindex, addr: Ipv4Addr) -> Option<&mut Entry> {
        self.entries.get_mut(&(link.get(), addr))
    }

    /// The entry with this id.
    pub(super) fn by_id(&mut self, id: u64) -> Option<&mut Entry> {
        let key = self.by_id.get(&id)?;
        self.entries.get_mut(key)
    }

    /// The entry for `addr` on `link`, made if need be. Entries collected to make room are
    /// put into `collected`.
    pub(super) fn get_or_create(
        &mut self,
        link: &Arc<Link>,
        addr: Ipv4Addr,
        conf: &NeighbourConf,
        t: &Timing,
        now: Instant,
        collected: &mut Vec<Entry>,
    ) -> Result<&mut Entry, NeighbourError> {
        let key = (link.ifindex().get(), addr);
        if !self.entries.contains_key(&key) {
            self.make_room(conf, now, collected)?;
            self.last_id += 1;
            let entry = Entry::new(self.last_id, link, addr, t, now);
            self.by_id.insert(entry.id, key);
            self.entries.insert(key, entry);
        }
        self.entries.get_mut(&key).ok_or(NeighbourError::Full)
    }

    fn make_room(
        &mut self,
        conf: &NeighbourConf,
        now: Instant,
        collected: &mut Vec<Entry>,
    ) -> Result<(), NeighbourError> {
        let hard = conf.get(Setting::GcThresh3) as usize;
        let soft = conf.get(Setting::GcThresh2) as usize;
        let stale_collection = self.len() >= soft && now > self.last_forced + RECENT;
        if self.len() < hard && !stale_collection {
            return Ok(());
        }
        self.last_forced = now;
        let surplus = self.len().saturating_sub(soft).max(1);
        let goes = |entry: &Entry| {
            let idle = entry.state == NeighbourState::FAILED || entry.updated + RECENT < now;
            entry.is_collectable() && idle
        };
        let doomed: Vec<u64> =
            self.entries.values().filter(|e| goes(e)).take(surplus).map(|e| e.id).collect();
        collected.extend(doomed.into_iter().filter_map(|id| self.remove(id)));
        if self.len() >= hard { Err(NeighbourError::Full) } else { Ok(()) }
    }

    /// Takes out what nobody used for a while (Linux: `neigh_periodic_work`).
    pub(super) fn collect(&mut self, conf: &NeighbourConf, now: Instant) -> Vec<Entry> {
        if self.len() < conf.get(Setting::GcThresh1) as usize {
            return Vec::new();
        }
        let stale = Duration::from_secs(u64::from(conf.get(Setting::GcStale)));
        let goes = |entry: &Entry| {
            let used = entry.used.max(entry.confirmed);
            entry.is_collectable()
                && !entry.state.intersects(NeighbourState::IN_TIMER)
                && (entry.state == NeighbourState::FAILED || used + stale < now)
        };
        let doomed: Vec<u64> = self.entries.values().filter(|e| goes(e)).map(|e| e.id).collect();
        doomed.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes out an entry.
    pub(super) fn remove(&mut self, id: u64) -> Option<Entry> {
        let key = self.by_id.remove(&id)?;
        self.entries.remove(&key)
    }

    /// Takes out the entries of a link; the permanent ones stay if `keep_permanent`.
    pub(super) fn remove_of_link(&mut self, link: Ifindex, keep_permanent: bool) -> Vec<Entry> {
        let from = (link.get(), Ipv4Addr::UNSPECIFIED);
        let to = (link.get(), Ipv4Addr::BROADCAST);
        let stays = |e: &Entry| keep_permanent && e.state.contains(NeighbourState::PERMANENT);
        let of_link = self.entries.range(from..=to);
        let doomed: Vec<u64> = of_link.filter(|(_, e)| !stays(e)).map(|(_, e)| e.id).collect();
        doomed.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// All entries as they are, by link and address.
    pub(super) fn snapshot(&self) -> Result<Vec<Neighbour>, NeighbourError> {
        let mut all = Vec::new();
        all.try_reserve_exact(self.len()).map_err(|_| NeighbourError::Full)?;
        all.extend(self.entries.values().map(Entry::snapshot));
        Ok(all)
    }
}
