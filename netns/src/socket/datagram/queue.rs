//! A bounded queue of received packets, charged against SO_RCVBUF.

use alloc::collections::VecDeque;

use warren_packet::Packet;
use warren_platform::Instant;

use crate::ids::Ifindex;

/// Bytes charged per packet beside its own, about what Linux's `skb->truesize` adds.
const OVERHEAD: usize = 512;
/// Packet bytes are charged in steps of this many.
const STEP: usize = 256;

/// A received packet with what its reader may ask about.
#[derive(Debug)]
pub(in crate::socket) struct Received {
    /// The packet, its head where the user's bytes begin.
    pub(in crate::socket) packet: Packet,
    pub(in crate::socket) meta: ReceivedMeta,
}

/// What a reader may ask about a packet.
#[derive(Clone, Copy, Debug)]
pub(in crate::socket) struct ReceivedMeta {
    pub(in crate::socket) from: core::net::SocketAddrV4,
    pub(in crate::socket) to: core::net::SocketAddrV4,
    pub(in crate::socket) link: Ifindex,
    pub(in crate::socket) ttl: u8,
    pub(in crate::socket) tos: u8,
    pub(in crate::socket) at: Instant,
}

/// What a packet of `len` bytes is charged.
pub(in crate::socket) const fn charge(len: usize) -> usize {
    len.next_multiple_of(STEP) + OVERHEAD
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::socket) struct ReceiveQueue {
    packets: VecDeque<Received>,
    /// Sum of [`charge`] over `packets`.
    charged: usize,
    /// Packets refused because the queue was full (`drops` in /proc/net/udp).
    pub(in crate::socket) drops: u64,
}

impl ReceiveQueue {
    /// Appends a packet if it fits `limit`. As on Linux the queue may exceed the limit by
    /// the packet that crosses it.
    pub(in crate::socket) fn push(
        &mut self,
        received: Received,
        limit: usize,
    ) -> Result<(), Received> {
        if self.charged > limit || self.packets.try_reserve(1).is_err() {
            self.drops += 1;
            return Err(received);
        }
        self.charged += charge(received.packet.len());
        self.packets.push_back(received);
        Ok(())
    }

    pub(in crate::socket) fn pop(&mut self) -> Option<Received> {
        let received = self.packets.pop_front()?;
        self.charged -= charge(received.packet.len());
        Some(received)
    }

    pub(in crate::socket) fn front(&self) -> Option<&Received> {
        self.packets.front()
    }

    pub(in crate::socket) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(in crate::socket) const fn charged(&self) -> usize {
        self.charged
    }

    /// Empties the queue; returns what was in it, for its owner to drop without a lock.
    pub(in crate::socket) fn take_all(&mut self) -> VecDeque<Received> {
        self.charged = 0;
        core::mem::take(&mut self.packets)
    }
}
