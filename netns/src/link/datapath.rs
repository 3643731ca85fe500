//! Data path of a link: frames in, frames out, counted. Nothing here takes the `Config`
//! lock or allocates, and no lock is held while a frame is handed on.

use alloc::sync::Arc;

use warren_packet::Packet;

use super::{HardwareType, Link, LinkFlags};
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::ids::MacAddr;

/// Bytes of an Ethernet header.
pub const ETHERNET_HEADER: usize = 14;

/// What became of a frame given to a link.
#[derive(Debug)]
#[must_use]
pub enum TxVerdict {
    /// The link has it.
    Sent,
    /// It is gone, for this reason.
    Dropped(DropReason),
    /// The link's queue is full: the frame comes back. A local sender waits or reports
    /// ENOBUFS, a forwarder drops it.
    Full(Packet),
}

/// Who takes a link's received frames before its own L3 does: a bridge.
pub trait Upper: Send + Sync + core::fmt::Debug + 'static {
    /// A whole Ethernet frame received by `port`. `Some`: the port's own L3 shall have it.
    fn ingress(&self, port: &Arc<Link>, frame: Packet, cx: &Cx<'_>) -> Option<Packet>;
}

impl Link {
    /// Sends a whole Ethernet frame. Counts it, or the reason it was dropped;
    /// [`TxVerdict::Full`] is counted by whoever gives up on the frame.
    pub fn send(self: &Arc<Self>, frame: Packet, cx: &Cx<'_>) -> TxVerdict {
        let bytes = self.counted_len(&frame);
        let verdict = if self.flags().contains(LinkFlags::UP) {
            self.kind.transmit(self, frame, cx)
        } else {
            TxVerdict::Dropped(DropReason::LinkDown)
        };
        match &verdict {
            TxVerdict::Sent => self.stats.count_tx(bytes),
            TxVerdict::Dropped(reason) => self.stats.drop_tx(*reason),
            TxVerdict::Full(_) => {}
        }
        verdict
    }

    /// The bytes a frame counts for. Linux's loopback counts packets without the Ethernet
    /// header it gives them.
    fn counted_len(&self, frame: &Packet) -> usize {
        match self.kind.hardware() {
            HardwareType::Ethernet => frame.len(),
            HardwareType::Loopback => frame.len().saturating_sub(ETHERNET_HEADER),
        }
    }

    /// Takes a whole Ethernet frame off the wire: the kind's poll function calls this.
    pub fn receive(self: &Arc<Self>, frame: Packet, cx: &Cx<'_>) {
        if !self.flags().contains(LinkFlags::UP) {
            self.stats.drop_rx(DropReason::LinkDown);
            return;
        }
        if frame.len() < ETHERNET_HEADER {
            self.stats.drop_rx(DropReason::FrameLength);
            return;
        }
        self.stats.count_rx(self.counted_len(&frame));
        let upper = self.upper.read().clone();
        let frame = match upper {
            Some(upper) => match upper.ingress(self, frame, cx) {
                Some(frame) => frame,
                None => return,
            },
            None => frame,
        };
        self.receive_as(self.mac(), frame, cx);
    }

    /// Hands a whole Ethernet frame to the L3 of the link's namespace, past any upper.
    /// Unicast frames to any station but `station` are another host's; a bridge is as many
    /// stations as it has ports.
    pub fn receive_as(self: &Arc<Self>, station: MacAddr, frame: Packet, cx: &Cx<'_>) {
        match self.namespace() {
            Some(ns) => ns.ingress(self, station, frame, cx),
            None => self.stats.drop_rx(DropReason::Dying),
        }
    }
}
