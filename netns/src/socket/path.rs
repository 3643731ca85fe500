//! The one place where sockets meet L3: which way a packet goes, from which address, and
//! handing it over. No lock of the sockets is held here.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_packet::Packet;

use crate::cx::Cx;
use crate::error::SocketError;
use crate::ids::Ifindex;
use crate::namespace::Namespace;

/// What an address is to a namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AddressKind {
    /// One of its own.
    Local,
    /// Every host of a subnet it is in.
    Broadcast,
    /// A group.
    Multicast,
    /// Somebody else's, or nobody's.
    Unicast,
}

/// What a socket wants to reach, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathQuery {
    pub(super) destination: Ipv4Addr,
    pub(super) source: Option<Ipv4Addr>,
    pub(super) link: Option<Ifindex>,
    pub(super) tos: u8,
    pub(super) mark: u32,
    pub(super) uid: u32,
}

/// A way to a destination.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) source: Ipv4Addr,
    /// The destination; an unspecified one has become this host, as on Linux.
    pub(super) destination: Ipv4Addr,
    pub(super) kind: AddressKind,
    /// Bytes an IP packet may have without being fragmented.
    pub(super) mtu: usize,
    /// `net.ipv4.ip_default_ttl`.
    pub(super) default_ttl: u8,
}

/// A packet that was not sent.
#[derive(Debug)]
pub(super) enum SendFailure {
    /// A queue on the way is full; the packet comes back with its IP header.
    Full(Packet),
    /// It is gone, for this reason.
    Refused(SocketError),
}

impl Path {
    /// Finds the way, or the error Linux has for there being none.
    pub(super) fn find(ns: &Arc<Namespace>, query: &PathQuery) -> Result<Self, SocketError> {
        #[cfg(test)]
        if let Some(wire) = ns.sockets.wire.get() {
            return wire.find(ns, query);
        }
        let _ = (ns, query);
        Err(SocketError::NetUnreachable)
    }

    /// Hands over a packet with a complete IP header but for identification and checksum.
    pub(super) fn send(
        &self,
        ns: &Arc<Namespace>,
        packet: Packet,
        cx: &Cx<'_>,
    ) -> Result<(), SendFailure> {
        #[cfg(test)]
        if let Some(wire) = ns.sockets.wire.get() {
            return wire.send(ns, packet, cx);
        }
        let _ = (ns, packet, cx);
        Err(SendFailure::Refused(SocketError::NetUnreachable))
    }
}

/// What `address` is to `ns`: who may bind to it, and whether a broadcast needs leave.
pub(super) fn address_kind(ns: &Arc<Namespace>, address: Ipv4Addr) -> AddressKind {
    #[cfg(test)]
    if let Some(wire) = ns.sockets.wire.get() {
        return wire.address_kind(ns, address);
    }
    let _ = ns;
    if address.is_multicast() {
        AddressKind::Multicast
    } else if address.is_broadcast() {
        AddressKind::Broadcast
    } else {
        AddressKind::Unicast
    }
}
