//! Counters as tests state them: all of them, so that silence is tested too.

use warren_netns::link::StatsSnapshot;
use warren_netns::{DropReason, Link};

/// What a link counted, in frames and bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// Frames and bytes received.
    pub rx: (u64, u64),
    /// Frames and bytes sent.
    pub tx: (u64, u64),
    /// Frames dropped on receive and on transmit (what `ip -s link` shows).
    pub dropped: (u64, u64),
    /// Multicast frames received.
    pub multicast: u64,
    /// Every drop by name.
    pub drops: Vec<(DropReason, u64)>,
}

/// Everything `link` counted so far.
#[must_use]
pub fn counted(link: &Link) -> Counted {
    let StatsSnapshot {
        rx_packets,
        tx_packets,
        rx_bytes,
        tx_bytes,
        rx_dropped,
        tx_dropped,
        multicast,
    } = link.stats.snapshot();
    Counted {
        rx: (rx_packets, rx_bytes),
        tx: (tx_packets, tx_bytes),
        dropped: (rx_dropped, tx_dropped),
        multicast,
        drops: link.stats.drops.nonzero().collect(),
    }
}
