//! [`SocketTable`]: a namespace's sockets, their bounds and their accounts.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use warren_platform::lock::{self, RwLock};

use super::base::SocketId;
use super::counters::{Counters, SockStat};
use super::demux::Demux;
use super::tcp::RunQueue;
use crate::error::SocketError;

/// Sockets a namespace may have, accepted or not.
const SOCKETS: usize = 65_536;
/// Bytes all receive queues of a namespace may be charged with (Linux: `udp_mem`).
const QUEUED_BYTES: usize = 24 << 20;

/// Bytes the rings of a namespace's TCP connections may take (Linux: `tcp_mem`).
const RING_BYTES: usize = 64 << 20;

/// A namespace's sockets. See the module above.
#[derive(Debug, Default)]
pub struct SocketTable {
    pub(super) demux: RwLock<lock::Sockets, Demux>,
    /// What was counted.
    pub counters: Counters,
    next_id: AtomicU64,
    alive: AtomicUsize,
    queued_bytes: AtomicUsize,
    /// TCP sockets with something to send.
    pub(super) run_queue: RunQueue,
    /// TCP connections without a process.
    pub(super) orphans: AtomicUsize,
    /// TCP sockets that exist.
    pub(super) tcp_alive: AtomicUsize,
    ring_bytes: AtomicUsize,
    #[cfg(test)]
    pub(super) wire: spin::Once<alloc::sync::Arc<super::testing::Wire>>,
}

impl SocketTable {
    /// Admits one more socket and numbers it.
    pub(super) fn admit(&self) -> Result<SocketId, SocketError> {
        if self.alive.fetch_add(1, Ordering::Relaxed) >= SOCKETS {
            self.alive.fetch_sub(1, Ordering::Relaxed);
            return Err(SocketError::NoBuffer);
        }
        Ok(self.fresh_id())
    }

    /// One socket less.
    pub(super) fn dismiss(&self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }

    /// A number for something that waits like a socket but is none.
    pub(super) fn fresh_id(&self) -> SocketId {
        SocketId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes `bytes` from the namespace's bound on queued bytes; `false` if too few are left.
    pub(super) fn charge(&self, bytes: usize) -> bool {
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before + bytes <= QUEUED_BYTES;
        if !fits {
            self.uncharge(bytes);
        }
        fits
    }

    /// Gives back what [`Self::charge`] took.
    pub(super) fn uncharge(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Takes `bytes` from the namespace's bound on TCP rings; `false` if too few are left.
    pub(super) fn take_rings(&self, bytes: usize) -> bool {
        let before = self.ring_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= RING_BYTES;
        if !fits {
            self.give_back_rings(bytes);
        }
        fits
    }

    /// Gives back what [`Self::take_rings`] took.
    pub(super) fn give_back_rings(&self, bytes: usize) {
        self.ring_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether half of the bound on TCP rings is used.
    pub(super) fn rings_under_pressure(&self) -> bool {
        self.ring_bytes.load(Ordering::Relaxed) > RING_BYTES / 2
    }

    /// How many sockets exist, the closed ones that still linger included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// /proc/net/sockstat.
    #[must_use]
    pub fn stat(&self) -> SockStat {
        let demux = self.demux.read();
        SockStat {
            tcp_inuse: demux.tcp.in_use(),
            tcp_orphans: self.orphans.load(Ordering::Relaxed),
            tcp_time_wait: demux.tcp.time_waits(),
            tcp_alloc: self.tcp_alive.load(Ordering::Relaxed),
            tcp_bytes: self.ring_bytes.load(Ordering::Relaxed),
            udp_inuse: demux.udp.len(),
            raw_inuse: demux.raw.len(),
            ping_inuse: demux.ping.len(),
            datagram_bytes: self.queued_bytes.load(Ordering::Relaxed),
        }
    }
}
