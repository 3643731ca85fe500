//! Data path through: a packet for somebody else (Linux: `ip_forward`).

use alloc::sync::Arc;

use warren_packet::Packet;

use super::header::{self, Header};
use super::icmp::ErrorKind;
use super::mib::{Ip, IpExt};
use super::output::{OutputError, fits};
use super::route::lookup::RouteDecision;
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::link::Link;
use crate::namespace::Namespace;

impl Namespace {
    pub(super) fn forward(
        self: &Arc<Self>,
        link: &Arc<Link>,
        mut packet: Packet,
        header: &Header,
        way: &RouteDecision,
        cx: &Cx<'_>,
    ) {
        let mib = &self.ip.mib;
        // RFC 1812, 5.3.1: the time to live comes first.
        if header.ttl <= 1 {
            mib.ip(Ip::InHdrErrors);
            self.drops.count(DropReason::TtlExpired);
            return self.send_icmp_error(&packet, Some(link), ErrorKind::TimeExceeded, cx);
        }
        // A route's own MTU is for local senders; a forwarder obeys the link (Linux:
        // ip_forward_use_pmtu is off) unless the metric is locked.
        let mtu = way.forward_mtu();
        if header.dont_fragment && !fits(&packet, mtu) {
            mib.ip(Ip::FragFails);
            self.drops.count(DropReason::FragmentationNeeded);
            let kind = ErrorKind::FragmentationNeeded { mtu };
            return self.send_icmp_error(&packet, Some(link), kind, cx);
        }
        if way.redirect {
            let kind = ErrorKind::Redirect { gateway: way.next_hop() };
            self.send_icmp_error(&packet, Some(link), kind, cx);
        }
        header::decrement_ttl(&mut packet.bytes_mut()[..header.header_len]);
        packet.meta.priority = 0;
        mib.ip(Ip::ForwDatagrams);
        mib.ext_add(IpExt::OutOctets, packet.len() as u64);
        let way = RouteDecision { mtu, ..way.clone() };
        match self.finish_output(packet, &way, cx) {
            Ok(()) | Err(OutputError::Dropped(_) | OutputError::NoBuffer) => {}
            Err(OutputError::TooBig { .. }) => self.drops.count(DropReason::FragmentationNeeded),
            // Nobody waits to try again: a forwarder drops.
            Err(OutputError::Full(packet)) => {
                drop(packet);
                self.drops.count(DropReason::QueueFull);
            }
        }
    }
}
