//! Data path: ICMP errors we send (Linux: `icmp_send`).

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_packet::{Checksum, Packet};

use super::{ICMP_HEADER, PROTOCOL, is_error, message};
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::ip::checksum;
use crate::ip::conf::Setting;
use crate::ip::header::{Header, MIN_HEADER};
use crate::ip::mib::Icmp;
use crate::ip::output::OutputError;
use crate::ip::prefix;
use crate::ip::route::RouteKind;
use crate::ip::route::lookup::{Flow, RouteDecision};
use crate::ip::scope::Scope;
use crate::link::Link;
use crate::namespace::Namespace;

/// The longest error, IP header included (RFC 1812, 4.3.2.3).
const MAX_ERROR: usize = 576;
/// Precedence of errors (IPTOS_PREC_INTERNETCONTROL; RFC 1812, 4.3.2.5).
const PRECEDENCE: u8 = 0xc0;
/// What is kept of the type of service (IPTOS_RT_MASK).
const TOS_MASK: u8 = 0x1c;

/// What is wrong with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ErrorKind {
    /// No route to its network.
    NetUnreachable,
    /// Its host does not answer, or the route says so.
    HostUnreachable,
    /// Nobody here speaks its protocol.
    ProtocolUnreachable,
    /// Nobody listens on its port.
    PortUnreachable,
    /// It is too long for the next link and may not be cut.
    FragmentationNeeded {
        /// What would fit.
        mtu: u32,
    },
    /// The route prohibits it.
    Filtered,
    /// Its time to live ran out.
    TimeExceeded,
    /// Its other fragments did not come in time.
    ReassemblyTimeout,
    /// An option makes no sense at this byte.
    ParameterProblem {
        /// Which byte of the header.
        pointer: u8,
    },
    /// There is a better gateway on the sender's own link.
    Redirect {
        /// That one.
        gateway: Ipv4Addr,
    },
}

impl ErrorKind {
    const fn numbers(self) -> (u8, u8) {
        match self {
            Self::NetUnreachable => (message::UNREACHABLE, 0),
            Self::HostUnreachable => (message::UNREACHABLE, 1),
            Self::ProtocolUnreachable => (message::UNREACHABLE, 2),
            Self::PortUnreachable => (message::UNREACHABLE, 3),
            Self::FragmentationNeeded { .. } => (message::UNREACHABLE, 4),
            Self::Filtered => (message::UNREACHABLE, 13),
            Self::TimeExceeded => (message::TIME_EXCEEDED, 0),
            Self::ReassemblyTimeout => (message::TIME_EXCEEDED, 1),
            Self::ParameterProblem { .. } => (message::PARAMETER_PROBLEM, 0),
            Self::Redirect { .. } => (message::REDIRECT, 1),
        }
    }

    /// The second word of the message.
    fn rest(self) -> [u8; 4] {
        match self {
            Self::FragmentationNeeded { mtu } => mtu.min(0xffff).to_be_bytes(),
            Self::ParameterProblem { pointer } => [pointer, 0, 0, 0],
            Self::Redirect { gateway } => gateway.octets(),
            _ => [0; 4],
        }
    }
}

impl Namespace {
    /// Tells the sender of `packet` (its head at the IP header) what is wrong with it,
    /// unless RFC 1122, 3.2.2 or the limits say not to. `came_by`: where it came in.
    pub(crate) fn send_icmp_error(
        self: &Arc<Self>,
        packet: &Packet,
        came_by: Option<&Arc<Link>>,
        kind: ErrorKind,
        cx: &Cx<'_>,
    ) {
        let Ok(original) = Header::parse(packet.bytes()) else { return };
        if !self.may_be_told(packet, &original) {
            return;
        }
        let Some(way) = self.way_back(&original, came_by) else {
            self.ip.mib.icmp(Icmp::OutErrors);
            return;
        };
        let (icmp_type, code) = kind.numbers();
        let limiter = &self.ip.limiter;
        let limited = !way.is_local()
            && !limiter.allows(&self.ip.conf, icmp_type, code, original.src, cx.now);
        if limited {
            return;
        }
        let room = (way.mtu as usize).min(MAX_ERROR).saturating_sub(MIN_HEADER + ICMP_HEADER);
        let quote = &packet.bytes()[..packet.len().min(room)];
        let total_len = MIN_HEADER + ICMP_HEADER + quote.len();
        let Ok(mut error) = cx.stack.pool().take(total_len) else {
            self.drops.count(DropReason::NoBuffer);
            return;
        };
        let header = Header {
            header_len: MIN_HEADER,
            total_len,
            tos: original.tos & TOS_MASK | PRECEDENCE,
            ident: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            ttl: u8::try_from(self.ip.conf.get(Setting::DefaultTtl)).unwrap_or(64),
            protocol: PROTOCOL,
            src: way.source,
            dst: original.src,
        };
        let bytes = error.bytes_mut();
        if let Some(front) = bytes.first_chunk_mut() {
            header.write(front);
        }
        let body = &mut bytes[MIN_HEADER..];
        body[..4].copy_from_slice(&[icmp_type, code, 0, 0]);
        body[4..8].copy_from_slice(&kind.rest());
        body[ICMP_HEADER..].copy_from_slice(quote);
        let sum = checksum::of(body);
        body[2..4].copy_from_slice(&sum.to_be_bytes());
        error.meta.checksum = Checksum::Verified;
        self.ip.mib.icmp_out(icmp_type);
        self.send_unattended(error, &way, cx);
    }

    /// Errors are sent about first fragments to one host from one host, and never about
    /// errors.
    fn may_be_told(&self, packet: &Packet, original: &Header) -> bool {
        if original.fragment_offset != 0 {
            return false;
        }
        let src = original.src;
        let nobody = prefix::is_zeronet(src) || src.is_multicast() || src.is_broadcast();
        if nobody || self.address_kind(src) == RouteKind::Broadcast {
            return false;
        }
        if matches!(self.address_kind(original.dst), RouteKind::Broadcast | RouteKind::Multicast) {
            return false;
        }
        let icmp_type = packet.bytes().get(original.header_len).copied();
        original.protocol != PROTOCOL || icmp_type.is_some_and(|kind| !is_error(kind))
    }

    /// The way back to a packet's sender, and the address to speak with: the one it spoke
    /// to, if that is ours.
    fn way_back(&self, original: &Header, came_by: Option<&Arc<Link>>) -> Option<RouteDecision> {
        let mut src = self.is_local_address(original.dst).then_some(original.dst);
        if src.is_none() && self.ip.conf.is_on(Setting::ErrorsUseInboundAddress) {
            src = came_by.and_then(|link| {
                let tables = self.ip.tables.read();
                tables.addresses.select_source(link.ifindex(), None, Scope::LINK)
            });
        }
        let tos = original.tos & TOS_MASK | PRECEDENCE;
        let flow = Flow { src, tos, ..Flow::to(original.src) };
        self.lookup_route(&flow).ok()
    }

    /// A packet that waits for its neighbour will wait in vain (Linux:
    /// `ipv4_link_failure`): its sender, here or elsewhere, hears "host unreachable".
    pub(crate) fn link_failure(self: &Arc<Self>, packet: &Packet, cx: &Cx<'_>) {
        self.send_icmp_error(packet, None, ErrorKind::HostUnreachable, cx);
    }

    /// Sends something no local sender waits for: what cannot go is dropped and counted.
    pub(crate) fn send_unattended(
        self: &Arc<Self>,
        packet: Packet,
        way: &RouteDecision,
        cx: &Cx<'_>,
    ) {
        match self.output(packet, way, cx) {
            Ok(()) | Err(OutputError::Dropped(_) | OutputError::NoBuffer) => {}
            Err(OutputError::TooBig { .. }) => self.drops.count(DropReason::FragmentationNeeded),
            Err(OutputError::Full(packet)) => {
                drop(packet);
                self.drops.count(DropReason::QueueFull);
            }
        }
    }
}
