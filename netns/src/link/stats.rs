//! A link's counters (`struct rtnl_link_stats64`).

use core::sync::atomic::{AtomicU64, Ordering};

use crate::drop_reason::{DropCounters, DropReason};

/// Frames and bytes each way, and drops by reason.
#[derive(Debug, Default)]
pub struct LinkStats {
    rx_packets: AtomicU64,
    tx_packets: AtomicU64,
    rx_bytes: AtomicU64,
    tx_bytes: AtomicU64,
    rx_dropped: AtomicU64,
    tx_dropped: AtomicU64,
    multicast: AtomicU64,
    /// Every drop of this link, either way, by name.
    pub drops: DropCounters,
}

/// The counters at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StatsSnapshot {
    /// Frames received.
    pub rx_packets: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes received, Ethernet headers as Linux counts them for the kind.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Frames received and dropped before the stack.
    pub rx_dropped: u64,
    /// Frames that could not be sent.
    pub tx_dropped: u64,
    /// Multicast frames received.
    pub multicast: u64,
}

impl LinkStats {
    /// Counts a received frame of `bytes`.
    pub fn count_rx(&self, bytes: usize) {
        self.rx_packets.fetch_add(1, Ordering::Relaxed);
        self.rx_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a received multicast frame, in addition to [`Self::count_rx`].
    pub fn count_multicast(&self) {
        self.multicast.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a sent frame of `bytes`.
    pub fn count_tx(&self, bytes: usize) {
        self.tx_packets.fetch_add(1, Ordering::Relaxed);
        self.tx_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a frame dropped on receive.
    pub fn drop_rx(&self, reason: DropReason) {
        self.rx_dropped.fetch_add(1, Ordering::Relaxed);
        self.drops.count(reason);
    }

    /// Counts a frame dropped on transmit.
    pub fn drop_tx(&self, reason: DropReason) {
        self.tx_dropped.fetch_add(1, Ordering::Relaxed);
        self.drops.count(reason);
    }

    /// All counters now.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatsSnapshot {
            rx_packets: read(&self.rx_packets),
            tx_packets: read(&self.tx_packets),
            rx_bytes: read(&self.rx_bytes),
            tx_bytes: read(&self.tx_bytes),
            rx_dropped: read(&self.rx_dropped),
            tx_dropped: read(&self.tx_dropped),
            multicast: read(&self.multicast),
        }
    }
}
