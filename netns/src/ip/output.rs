//! Data path out: a packet with its way goes to a link, in pieces if it must.

use alloc::sync::Arc;
use core::net::Ipv4Addr;
use core::sync::atomic::Ordering;

use warren_packet::Packet;

use super::fragment;
use super::header::{self, Header, MIN_HEADER};
use super::mib::{Ip, IpExt};
use super::route::RouteKind;
use super::route::lookup::RouteDecision;
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::ids::{Ifindex, MacAddr};
use crate::link::LinkFlags;
use crate::namespace::Namespace;
use crate::neighbour::{HandOver, transmit};

/// Why a packet was not sent.
#[derive(Debug)]
#[must_use]
pub enum OutputError {
    /// Longer than this, and it may not be fragmented (EMSGSIZE).
    TooBig {
        /// The largest packet that may go this way.
        mtu: u32,
    },
    /// A queue on the way is full: the packet comes back, its head at the IP header. A
    /// local sender waits or reports ENOBUFS.
    Full(Packet),
    /// No buffer for a fragment or a copy (ENOBUFS).
    NoBuffer,
    /// Gone, for this reason, which was counted.
    Dropped(DropReason),
}

impl Namespace {
    /// Sends a packet of a local sender the way it was routed. Its IP header is complete
    /// but for the checksum and, where zero, the identification.
    ///
    /// # Errors
    /// See [`OutputError`].
    pub fn output(
        self: &Arc<Self>,
        mut packet: Packet,
        way: &RouteDecision,
        cx: &Cx<'_>,
    ) -> Result<(), OutputError> {
        let mib = &self.ip.mib;
        let len = packet.len();
        let bytes = packet.bytes_mut();
        let header_len = bytes.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
        if header_len < MIN_HEADER || len < header_len || len > 0xffff {
            mib.ip(Ip::OutRequests);
            mib.ip(Ip::OutDiscards);
            self.drops.count(DropReason::BadIpHeader);
            return Err(OutputError::Dropped(DropReason::BadIpHeader));
        }
        bytes[2..4].copy_from_slice(&(len as u16).to_be_bytes());
        let dont_fragment = bytes[6] & 0x40 != 0;
        if bytes[4..6] == [0, 0] && !dont_fragment {
            bytes[4..6].copy_from_slice(&self.next_ident().to_be_bytes());
        }
        header::seal(&mut bytes[..header_len]);
        // Everybody includes us, a group perhaps.
        let loops_back = match way.kind {
            RouteKind::Multicast => self.ip.groups.has(&way.link, way.dst),
            RouteKind::Broadcast => true,
            _ => false,
        };
        let copy = if loops_back && !way.is_local() { packet.try_clone().ok() } else { None };
        // A group packet of TTL 0 stays on this host (RFC 1112, 6.1).
        let stays = way.kind == RouteKind::Multicast && packet.bytes()[8] == 0;
        let outcome = if stays { Ok(()) } else { self.finish_output(packet, way, cx) };
        if matches!(outcome, Err(OutputError::Full(_))) {
            // The sender has it back and may try again: nothing was sent, nothing counts.
            return outcome;
        }
        self.count_output(way.kind, len);
        if outcome.is_err() {
            mib.ip(Ip::OutDiscards);
        }
        if let Some(copy) = copy {
            self.loop_back(copy, way, cx);
        }
        outcome
    }

    fn count_output(&self, kind: RouteKind, len: usize) {
        let mib = &self.ip.mib;
        mib.ip(Ip::OutRequests);
        mib.ext_add(IpExt::OutOctets, len as u64);
        match kind {
            RouteKind::Multicast => {
                mib.ext(IpExt::OutMcastPkts);
                mib.ext_add(IpExt::OutMcastOctets, len as u64);
            }
            RouteKind::Broadcast => {
                mib.ext(IpExt::OutBcastPkts);
                mib.ext_add(IpExt::OutBcastOctets, len as u64);
            }
            _ => {}
        }
    }

    /// The common end of sending and forwarding: the header is final.
    pub(super) fn finish_output(
        self: &Arc<Self>,
        packet: Packet,
        way: &RouteDecision,
        cx: &Cx<'_>,
    ) -> Result<(), OutputError> {
        if fits(&packet, way.mtu) {
            return self.hand_over(packet, way, cx);
        }
        let Ok(header) = Header::parse(packet.bytes()) else {
            self.drops.count(DropReason::BadIpHeader);
            return Err(OutputError::Dropped(DropReason::BadIpHeader));
        };
        if header.dont_fragment {
            self.ip.mib.ip(Ip::FragFails);
            return Err(OutputError::TooBig { mtu: way.mtu });
        }
        let mut packet = packet;
        let Some(mut pieces) = fragment::Pieces::new(&mut packet, &header, way.mtu) else {
            self.ip.mib.ip(Ip::FragFails);
            return Err(OutputError::TooBig { mtu: way.mtu });
        };
        loop {
            match pieces.next(cx.stack.pool()) {
                None => break,
                Some(Ok(piece)) => {
                    self.ip.mib.ip(Ip::FragCreates);
                    match self.hand_over(piece, way, cx) {
                        Ok(()) => {}
                        Err(OutputError::Full(piece)) => {
                            // Part of the datagram is gone: there is nothing to give back.
                            drop(piece);
                            self.drops.count(DropReason::QueueFull);
                            self.ip.mib.ip(Ip::FragFails);
                            return Err(OutputError::NoBuffer);
                        }
                        Err(error) => {
                            self.ip.mib.ip(Ip::FragFails);
                            return Err(error);
                        }
                    }
                }
                Some(Err(warren_packet::NoBuffer)) => {
                    self.drops.count(DropReason::NoBuffer);
                    self.ip.mib.ip(Ip::FragFails);
                    return Err(OutputError::NoBuffer);
                }
            }
        }
        self.ip.mib.ip(Ip::FragOKs);
        Ok(())
    }

    fn hand_over(
        self: &Arc<Self>,
        packet: Packet,
        way: &RouteDecision,
        cx: &Cx<'_>,
    ) -> Result<(), OutputError> {
        let outcome = if way.is_local() {
            transmit(&way.link, MacAddr::ZERO, packet, cx)
        } else {
            let next_hop = match way.kind {
                RouteKind::Broadcast => Ipv4Addr::BROADCAST,
                _ => way.next_hop(),
            };
            self.send_to_neighbour(packet, &way.link, next_hop, cx)
        };
        match outcome {
            HandOver::Done | HandOver::Lost => Ok(()),
            HandOver::Full(packet) => Err(OutputError::Full(packet)),
            HandOver::Dropped(reason) => {
                self.drops.count(reason);
                Err(OutputError::Dropped(reason))
            }
        }
    }

    /// A copy of what is sent to everybody comes back through `lo`.
    fn loop_back(self: &Arc<Self>, copy: Packet, way: &RouteDecision, cx: &Cx<'_>) {
        let Some(lo) = self.link(Ifindex::LOOPBACK) else { return };
        if lo.flags().contains(LinkFlags::UP) && way.link.flags().contains(LinkFlags::UP) {
            let outcome = transmit(&lo, MacAddr::ZERO, copy, cx);
            self.account(outcome);
        }
    }

    /// The next identification. Each namespace walks all 65 536 of them in an order of its
    /// own before one comes again (RFC 6864 asks for no more where fragments are rare).
    pub(super) fn next_ident(&self) -> u16 {
        let count = self.ip.ident.fetch_add(1, Ordering::Relaxed) as u16;
        count.wrapping_mul(0x9e37).wrapping_add((self.id().0 as u16).wrapping_mul(0x79b9))
    }
}

/// Whether a packet, or every segment of a super-segment, is within the MTU.
pub(super) fn fits(packet: &Packet, mtu: u32) -> bool {
    let mtu = mtu as usize;
    match packet.meta.gso {
        _ if packet.len() <= mtu => true,
        Some(gso) => packet.len().min(transport_end(packet) + usize::from(gso.size.get())) <= mtu,
        None => false,
    }
}

/// Bytes of the IP and TCP headers.
fn transport_end(packet: &Packet) -> usize {
    let bytes = packet.bytes();
    let ip = bytes.first().map_or(MIN_HEADER, |first| usize::from(first & 0x0f) * 4);
    let tcp = bytes.get(ip + 12).map_or(20, |offset| usize::from(offset >> 4) * 4);
    ip + tcp
}
