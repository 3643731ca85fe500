//! Lookup of datagram sockets: by port (or ICMP identifier, or IP protocol), then by
//! Linux's score: the entry that says most about the packet wins, the youngest among equals.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hash;
use core::net::{Ipv4Addr, SocketAddrV4};

use hashbrown::HashMap;

use crate::error::SocketError;
use crate::ids::Ifindex;
use crate::socket::base::SocketId;

/// A socket with what it accepts.
#[derive(Debug)]
pub(in crate::socket) struct Entry<S> {
    pub(in crate::socket) id: SocketId,
    /// Packets must be addressed to it; unspecified for any.
    pub(in crate::socket) local: Ipv4Addr,
    /// Packets must come from it. A zero port matches any.
    pub(in crate::socket) peer: Option<SocketAddrV4>,
    /// Packets must come in by it.
    pub(in crate::socket) link: Option<Ifindex>,
    pub(in crate::socket) reuse_addr: bool,
    pub(in crate::socket) reuse_port: bool,
    pub(in crate::socket) uid: u32,
    pub(in crate::socket) socket: Arc<S>,
}

/// The packet side of a lookup.
#[derive(Clone, Copy, Debug)]
pub(in crate::socket) struct Flow {
    pub(in crate::socket) local: Ipv4Addr,
    pub(in crate::socket) remote: SocketAddrV4,
    pub(in crate::socket) link: Ifindex,
}

impl Flow {
    /// A number that spreads flows over the members of a SO_REUSEPORT group and keeps each
    /// flow with one of them (Linux: `reciprocal_scale(inet_ehashfn())`).
    fn spread(&self) -> usize {
        let bits = (u64::from(self.remote.ip().to_bits()) << 16 | u64::from(self.remote.port()))
            ^ u64::from(self.local.to_bits()).rotate_left(29);
        (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize
    }
}

impl<S> Entry<S> {
    /// How well the packet fits; `None` if not at all (Linux: `compute_score`).
    fn score(&self, flow: &Flow) -> Option<u32> {
        let mut score = 0;
        if !self.local.is_unspecified() {
            if self.local != flow.local {
                return None;
            }
            // Linux looks the address's own hash chain up before the wildcard's.
            score += 16;
        }
        if let Some(peer) = self.peer {
            if *peer.ip() != *flow.remote.ip() {
                return None;
            }
            score += 4;
            if peer.port() != 0 {
                if peer.port() != flow.remote.port() {
                    return None;
                }
                score += 4;
            }
        }
        if let Some(link) = self.link {
            if link != flow.link {
                return None;
            }
            score += 4;
        }
        Some(score)
    }

    /// Whether the two may not both have one port (Linux: `udp_lib_lport_inuse`).
    fn conflicts(&self, other: &Binding) -> bool {
        if self.id == other.id || (self.reuse_addr && other.reuse_addr) {
            return false;
        }
        let links_meet = self.link.is_none() || other.link.is_none() || self.link == other.link;
        let addresses_meet = self.local.is_unspecified()
            || other.local.is_unspecified()
            || self.local == other.local;
        links_meet
            && addresses_meet
            && !(self.reuse_port && other.reuse_port && self.uid == other.uid)
    }
}

/// What a socket asks for that wants a port.
#[derive(Clone, Copy, Debug)]
pub(in crate::socket) struct Binding {
    pub(in crate::socket) id: SocketId,
    pub(in crate::socket) local: Ipv4Addr,
    pub(in crate::socket) link: Option<Ifindex>,
    pub(in crate::socket) reuse_addr: bool,
    pub(in crate::socket) reuse_port: bool,
    pub(in crate::socket) uid: u32,
}

/// Sockets by key.
#[derive(Debug)]
pub(in crate::socket) struct Registry<K, S> {
    buckets: HashMap<K, Vec<Entry<S>>>,
    len: usize,
}

impl<K, S> Default for Registry<K, S> {
    fn default() -> Self {
        Self { buckets: HashMap::new(), len: 0 }
    }
}

impl<K: Copy + Eq + Hash, S> Registry<K, S> {
    /// How many sockets are in it.
    pub(in crate::socket) const fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody who has `key` conflicts with `binding`.
    pub(in crate::socket) fn is_free(&self, key: K, binding: &Binding) -> bool {
        self.buckets
            .get(&key)
            .is_none_or(|bucket| !bucket.iter().any(|entry| entry.conflicts(binding)))
    }

    /// Adds a socket under `key`.
    pub(in crate::socket) fn insert(&mut self, key: K, entry: Entry<S>) -> Result<(), SocketError> {
        self.buckets.try_reserve(1).map_err(|_| SocketError::NoBuffer)?;
        let bucket = self.buckets.entry(key).or_default();
        if bucket.try_reserve(1).is_err() {
            if bucket.is_empty() {
                self.buckets.remove(&key);
            }
            return Err(SocketError::NoBuffer);
        }
        bucket.push(entry);
        self.len += 1;
        Ok(())
    }

    /// Removes a socket; its reference is returned, to be dropped without the lock.
    pub(in crate::socket) fn remove(&mut self, key: K, id: SocketId) -> Option<Arc<S>> {
        let bucket = self.buckets.get_mut(&key)?;
        let at = bucket.iter().position(|entry| entry.id == id)?;
        let entry = bucket.remove(at);
        if bucket.is_empty() {
            self.buckets.remove(&key);
        }
        self.len -= 1;
        Some(entry.socket)
    }

    /// The entry of a socket, to change what it accepts.
    pub(in crate::socket) fn entry(&mut self, key: K, id: SocketId) -> Option<&mut Entry<S>> {
        self.buckets.get_mut(&key)?.iter_mut().find(|entry| entry.id == id)
    }

    /// The one socket a packet for one host goes to.
    pub(in crate::socket) fn find(&self, key: K, flow: &Flow) -> Option<&Arc<S>> {
        let bucket = self.buckets.get(&key)?;
        let mut best: Option<(u32, &Entry<S>)> = None;
        for entry in bucket.iter().rev() {
            if let Some(score) = entry.score(flow)
                && best.is_none_or(|(known, _)| score > known)
            {
                best = Some((score, entry));
            }
        }
        let (score, entry) = best?;
        if !entry.reuse_port {
            return Some(&entry.socket);
        }
        let mut group =
            bucket.iter().filter(|other| other.reuse_port && other.score(flow) == Some(score));
        let members = group.clone().count();
        group.nth(flow.spread() % members.max(1)).map(|member| &member.socket)
    }

    /// The socket that sent from `local` to `remote`, whatever link it is bound to.
    pub(in crate::socket) fn find_sender(
        &self,
        key: K,
        local: Ipv4Addr,
        remote: SocketAddrV4,
    ) -> Option<&Arc<S>> {
        let bucket = self.buckets.get(&key)?;
        let scored = bucket.iter().rev().filter_map(|entry| {
            let link = entry.link.unwrap_or(Ifindex::LOOPBACK);
            Some((entry.score(&Flow { local, remote, link })?, entry))
        });
        let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, entry)| &entry.socket)
    }

    /// Every socket that may have sent from `local` to `remote`.
    pub(in crate::socket) fn senders(
        &self,
        key: K,
        local: Ipv4Addr,
        remote: SocketAddrV4,
    ) -> impl Iterator<Item = &Arc<S>> + '_ {
        let fits = move |entry: &&Entry<S>| {
            let link = entry.link.unwrap_or(Ifindex::LOOPBACK);
            entry.score(&Flow { local, remote, link }).is_some()
        };
        self.buckets.get(&key).into_iter().flatten().filter(fits).map(|entry| &entry.socket)
    }

    /// Every socket a packet for many goes to.
    pub(in crate::socket) fn matching<'a>(
        &'a self,
        key: K,
        flow: &'a Flow,
    ) -> impl Iterator<Item = &'a Arc<S>> + 'a {
        self.buckets
            .get(&key)
            .into_iter()
            .flatten()
            .filter(|entry| entry.score(flow).is_some())
            .map(|entry| &entry.socket)
    }

    /// Whether any socket has `key`.
    pub(in crate::socket) fn has(&self, key: K) -> bool {
        self.buckets.contains_key(&key)
    }

    /// All sockets, in no order.
    pub(in crate::socket) fn iter(&self) -> impl Iterator<Item = &Arc<S>> + '_ {
        self.buckets.values().flatten().map(|entry| &entry.socket)
    }

    /// Takes everything out, for its owner to drop without the lock.
    pub(in crate::socket) fn take_all(&mut self) -> impl Sized + use<K, S> {
        self.len = 0;
        core::mem::take(&mut self.buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const THERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 53);

    fn entry(id: u64, local: Ipv4Addr, peer: Option<SocketAddrV4>) -> Entry<u64> {
        Entry {
            id: SocketId(id),
            local,
            peer,
            link: None,
            reuse_addr: false,
            reuse_port: false,
            uid: 0,
            socket: Arc::new(id),
        }
    }

    fn flow(remote: SocketAddrV4) -> Flow {
        Flow { local: HERE, remote, link: Ifindex::LOOPBACK }
    }

    fn found(registry: &Registry<u16, u64>, remote: SocketAddrV4) -> Option<u64> {
        registry.find(7, &flow(remote)).map(|id| **id)
    }

    #[test]
    fn the_most_specific_socket_wins_and_the_youngest_among_equals() {
        let mut registry = Registry::default();
        for entry in [
            entry(1, ANY, None),
            entry(2, HERE, None),
            entry(3, HERE, Some(THERE)),
            entry(4, HERE, None),
        ] {
            registry.insert(7, entry).expect("memory");
        }
        assert_eq!(found(&registry, THERE), Some(3));
        let other = SocketAddrV4::new(*THERE.ip(), 54);
        assert_eq!(found(&registry, other), Some(4));
        assert!(registry.remove(7, SocketId(4)).is_some());
        assert!(registry.remove(7, SocketId(2)).is_some());
        assert_eq!(found(&registry, other), Some(1));
        assert_eq!(registry.len(), 2);
        assert!(registry.find(8, &flow(THERE)).is_none());
    }

    #[test]
    fn a_bound_link_excludes_the_others() {
        let mut registry = Registry::default();
        let bound = Entry { link: Ifindex::new(5), ..entry(1, ANY, None) };
        registry.insert(7, bound).expect("memory");
        assert_eq!(found(&registry, THERE), None);
        registry.entry(7, SocketId(1)).expect("there").link = Some(Ifindex::LOOPBACK);
        assert_eq!(found(&registry, THERE), Some(1));
    }

    #[test]
    fn a_reuse_port_group_shares_flows_and_keeps_each_with_one_member() {
        let mut registry = Registry::default();
        for id in 1..=4 {
            let member = Entry { reuse_port: true, ..entry(id, ANY, None) };
            registry.insert(7, member).expect("memory");
        }
        let mut hits = [0; 5];
        for port in 1000..1400 {
            let remote = SocketAddrV4::new(*THERE.ip(), port);
            let first = found(&registry, remote).expect("a member");
            assert_eq!(found(&registry, remote), Some(first));
            hits[first as usize] += 1;
        }
        assert!(hits[1..].iter().all(|count| *count > 50), "{hits:?}");
    }

    #[test]
    fn ports_conflict_as_on_linux() {
        let mut registry = Registry::default();
        registry.insert(7, entry(1, HERE, None)).expect("memory");
        let ask = |local, reuse_addr, reuse_port, uid| Binding {
            id: SocketId(9),
            local,
            link: None,
            reuse_addr,
            reuse_port,
            uid,
        };
        let elsewhere = Ipv4Addr::new(10, 0, 0, 9);
        assert!(!registry.is_free(7, &ask(ANY, false, false, 0)));
        assert!(!registry.is_free(7, &ask(HERE, true, true, 0)), "the other did not agree");
        assert!(registry.is_free(7, &ask(elsewhere, false, false, 0)));
        let agreed = registry.entry(7, SocketId(1)).expect("there");
        (agreed.reuse_addr, agreed.reuse_port) = (true, true);
        assert!(registry.is_free(7, &ask(HERE, true, false, 0)));
        assert!(registry.is_free(7, &ask(HERE, false, true, 0)));
        assert!(!registry.is_free(7, &ask(HERE, false, true, 1)), "another user");
    }
}
