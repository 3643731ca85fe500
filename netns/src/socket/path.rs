//! The one place where sockets meet L3: which way a packet goes, from which address, and
//! handing it over. No lock of the sockets is held here.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_packet::Packet;

use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::error::{RouteError, SocketError};
use crate::ids::Ifindex;
use crate::ip::OutputError;
use crate::ip::conf::Setting;
use crate::ip::route::RouteKind;
use crate::ip::route::lookup::{Flow, RouteDecision};
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
    /// The source need not be ours: a raw socket wrote the header.
    pub(super) any_source: bool,
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
    /// L3's own view of it; absent on a test's wire alone.
    pub(super) way: Option<RouteDecision>,
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
        let flow = Flow {
            src: query.source,
            oif: query.link,
            tos: query.tos,
            mark: query.mark,
            uid: query.uid,
            any_source: query.any_source,
            ..Flow::to(query.destination)
        };
        let way = ns.lookup_route(&flow)?;
        let default_ttl = ns.ip.conf.get(Setting::DefaultTtl);
        Ok(Self {
            source: way.source,
            destination: way.dst,
            kind: way.kind.into(),
            mtu: usize::try_from(way.mtu).unwrap_or(usize::MAX),
            default_ttl: u8::try_from(default_ttl).unwrap_or(64),
            way: Some(way),
        })
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
        let Some(way) = &self.way else {
            return Err(SendFailure::Refused(SocketError::NetUnreachable));
        };
        ns.output(packet, way, cx).or_else(|error| match error {
            OutputError::Full(packet) => Err(SendFailure::Full(packet)),
            OutputError::TooBig { .. } => Err(SendFailure::Refused(SocketError::MessageTooLong)),
            OutputError::NoBuffer => Err(SendFailure::Refused(SocketError::NoBuffer)),
            OutputError::Dropped(DropReason::LinkDown) => {
                Err(SendFailure::Refused(SocketError::NetDown))
            }
            // Lost further down: nothing a sender hears of.
            OutputError::Dropped(_) => Ok(()),
        })
    }
}

impl From<RouteKind> for AddressKind {
    fn from(kind: RouteKind) -> Self {
        match kind {
            RouteKind::Local => Self::Local,
            RouteKind::Broadcast => Self::Broadcast,
            RouteKind::Multicast => Self::Multicast,
            _ => Self::Unicast,
        }
    }
}

impl From<RouteError> for SocketError {
    /// A lookup's refusal as a send or connect reports it. Only the first few happen to
    /// lookups; the rest are refusals of changes.
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::HostUnreachable => Self::HostUnreachable,
            RouteError::Prohibited => Self::Prohibited,
            RouteError::Blackhole | RouteError::Invalid => Self::Invalid,
            RouteError::NoLink => Self::NoLink,
            RouteError::LinkDown => Self::NetDown,
            RouteError::NoMemory => Self::NoBuffer,
            _ => Self::NetUnreachable,
        }
    }
}

/// What `address` is to `ns`: who may bind to it, and whether a broadcast needs leave.
pub(super) fn address_kind(ns: &Arc<Namespace>, address: Ipv4Addr) -> AddressKind {
    #[cfg(test)]
    if let Some(wire) = ns.sockets.wire.get() {
        return wire.address_kind(ns, address);
    }
    ns.address_kind(address).into()
}

/// Whether a socket may bind to `address` (`net.ipv4.ip_nonlocal_bind` allows any).
pub(super) fn may_bind(ns: &Arc<Namespace>, address: Ipv4Addr) -> bool {
    address.is_unspecified()
        || address_kind(ns, address) != AddressKind::Unicast
        || ns.ip.conf.is_on(Setting::NonlocalBind)
}
