//! Data path in: a frame for this namespace's L3 is checked, routed, and goes up or on.

use alloc::sync::Arc;

use warren_packet::Packet;

use super::conf::Devconf;
use super::header::{BadHeader, Header, MIN_HEADER};
use super::icmp::ErrorKind;
use super::mib::{Ip, IpExt};
use super::options;
use super::route::lookup::{Flow, RouteDecision};
use super::route::{RouteKind, input::InputRefusal};
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::error::RouteError;
use crate::ids::MacAddr;
use crate::link::datapath::ETHERNET_HEADER;
use crate::link::{Link, LinkFlags};
use crate::namespace::Namespace;
use crate::neighbour::arp;
use crate::socket::Cast;

/// To whom the frame around a packet was addressed (Linux: `pkt_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FrameCast {
    /// This station.
    Host,
    /// All stations.
    Broadcast,
    /// A group of stations.
    Multicast,
    /// Another station: seen because the link is promiscuous or unswitched.
    OtherHost,
}

impl FrameCast {
    fn of(frame: &[u8], station: MacAddr) -> Self {
        let Some(to) = frame.first_chunk::<6>().map(|to| MacAddr(*to)) else {
            return Self::OtherHost;
        };
        if to == station {
            Self::Host
        } else if to == MacAddr::BROADCAST {
            Self::Broadcast
        } else if to.is_multicast() {
            Self::Multicast
        } else {
            Self::OtherHost
        }
    }
}

impl Namespace {
    /// A whole Ethernet frame for this namespace's L3, received as `station`. No lock is
    /// held.
    pub(crate) fn ingress(
        self: &Arc<Self>,
        link: &Arc<Link>,
        station: MacAddr,
        mut frame: Packet,
        cx: &Cx<'_>,
    ) {
        let bytes = frame.bytes();
        if bytes.len() < ETHERNET_HEADER {
            link.stats.drop_rx(DropReason::FrameLength);
            return;
        }
        let cast = FrameCast::of(bytes, station);
        let ethertype = u16::from_be_bytes([bytes[12], bytes[13]]);
        match ethertype {
            _ if cast == FrameCast::OtherHost => self.drops.count(DropReason::OtherHost),
            arp::ETHERTYPE_IPV4 => {
                if frame.pop_front(ETHERNET_HEADER) {
                    self.ip_input(link, frame, cast, cx);
                }
            }
            arp::ETHERTYPE_ARP => {
                let to_us = cast == FrameCast::Host;
                arp::input(self, link, &bytes[ETHERNET_HEADER..], to_us, cx);
            }
            _ => link.stats.drop_rx(DropReason::UnknownProtocol),
        }
    }

    fn ip_input(
        self: &Arc<Self>,
        link: &Arc<Link>,
        mut packet: Packet,
        cast: FrameCast,
        cx: &Cx<'_>,
    ) {
        let mib = &self.ip.mib;
        mib.ip(Ip::InReceives);
        mib.ext_add(IpExt::InOctets, packet.len() as u64);
        let header = match Header::parse(packet.bytes()) {
            Ok(header) => header,
            Err(error) => return self.count_bad_header(error),
        };
        // Ethernet pads short frames.
        packet.truncate(header.total_len);
        mib.ext(match header.tos & 3 {
            0 => IpExt::InNoECTPkts,
            1 => IpExt::InECT1Pkts,
            2 => IpExt::InECT0Pkts,
            _ => IpExt::InCEPkts,
        });
        if header.header_len > MIN_HEADER {
            let options = &packet.bytes()[MIN_HEADER..header.header_len];
            match options::check(options) {
                Ok(options::Routing::None) => {}
                // accept_source_route is off for `all`, so for every link.
                Ok(options::Routing::Source) => {
                    mib.ip(Ip::InHdrErrors);
                    self.drops.count(DropReason::BadIpHeader);
                    return;
                }
                Err(pointer) => {
                    mib.ip(Ip::InHdrErrors);
                    self.drops.count(DropReason::BadIpHeader);
                    let kind = ErrorKind::ParameterProblem { pointer };
                    if cast == FrameCast::Host {
                        self.send_icmp_error(&packet, Some(link), kind, cx);
                    }
                    return;
                }
            }
        }
        if link.flags().contains(LinkFlags::LOOPBACK) {
            // What comes back was routed on its way out: it is for us.
            let kind = if header.dst.is_multicast() {
                Cast::Multicast
            } else if self.address_kind(header.dst) == RouteKind::Broadcast {
                Cast::Broadcast
            } else {
                Cast::Unicast
            };
            return self.count_and_deliver(link, packet, &header, kind, cx);
        }
        let flow = Flow {
            src: Some(header.src),
            iif: Some(link.ifindex()),
            tos: header.tos,
            mark: packet.meta.mark,
            ..Flow::to(header.dst)
        };
        match self.route_input(&flow, link) {
            Ok(way) => self.go_on(link, packet, &header, cast, &way, cx),
            Err(refusal) => self.refuse(link, &packet, cast, refusal, cx),
        }
    }

    fn go_on(
        self: &Arc<Self>,
        link: &Arc<Link>,
        packet: Packet,
        header: &Header,
        cast: FrameCast,
        way: &RouteDecision,
        cx: &Cx<'_>,
    ) {
        let kind = match way.kind {
            RouteKind::Unicast if cast == FrameCast::Host => {
                return self.forward(link, packet, header, way, cx);
            }
            RouteKind::Unicast => return self.drops.count(DropReason::NotForwarding),
            RouteKind::Multicast => Cast::Multicast,
            RouteKind::Broadcast => Cast::Broadcast,
            _ => Cast::Unicast,
        };
        let conf = &self.ip.conf;
        let in_group_frame = cast != FrameCast::Host && kind == Cast::Unicast;
        if in_group_frame && conf.either(&link.conf4, Devconf::DropUnicastInL2Multicast) {
            return self.drops.count(DropReason::OtherHost);
        }
        self.count_and_deliver(link, packet, header, kind, cx);
    }

    fn count_and_deliver(
        self: &Arc<Self>,
        link: &Arc<Link>,
        packet: Packet,
        header: &Header,
        cast: Cast,
        cx: &Cx<'_>,
    ) {
        let mib = &self.ip.mib;
        match cast {
            Cast::Unicast => {}
            Cast::Broadcast => {
                mib.ext(IpExt::InBcastPkts);
                mib.ext_add(IpExt::InBcastOctets, packet.len() as u64);
            }
            Cast::Multicast => {
                mib.ext(IpExt::InMcastPkts);
                mib.ext_add(IpExt::InMcastOctets, packet.len() as u64);
            }
        }
        self.deliver_local(link, packet, header, cast, cx);
    }

    fn count_bad_header(&self, error: BadHeader) {
        let mib = &self.ip.mib;
        match error {
            BadHeader::Malformed => {
                mib.ip(Ip::InHdrErrors);
                self.drops.count(DropReason::BadIpHeader);
            }
            BadHeader::Checksum => {
                mib.ext(IpExt::InCsumErrors);
                mib.ip(Ip::InHdrErrors);
                self.drops.count(DropReason::BadIpChecksum);
            }
            BadHeader::Truncated => {
                mib.ext(IpExt::InTruncatedPkts);
                self.drops.count(DropReason::BadIpHeader);
            }
        }
    }

    /// A packet without a way: counted, and answered where Linux answers (`ip_error`).
    fn refuse(
        self: &Arc<Self>,
        link: &Arc<Link>,
        packet: &Packet,
        cast: FrameCast,
        refusal: InputRefusal,
        cx: &Cx<'_>,
    ) {
        let mib = &self.ip.mib;
        let (reason, answer) = match refusal {
            InputRefusal::MartianSource(_) => (DropReason::MartianSource, None),
            InputRefusal::MartianDestination => (DropReason::NotForwarding, None),
            InputRefusal::NotForwarding => {
                mib.ip(Ip::InAddrErrors);
                (DropReason::NotForwarding, None)
            }
            InputRefusal::NoRoute(error) => match error {
                RouteError::HostUnreachable => {
                    (DropReason::RouteRefuses, Some(ErrorKind::HostUnreachable))
                }
                RouteError::Prohibited => (DropReason::RouteRefuses, Some(ErrorKind::Filtered)),
                RouteError::Blackhole => (DropReason::RouteRefuses, None),
                _ => {
                    mib.ext(IpExt::InNoRoutes);
                    (DropReason::NoRoute, Some(ErrorKind::NetUnreachable))
                }
            },
        };
        self.drops.count(reason);
        if let Some(kind) = answer.filter(|_| cast == FrameCast::Host) {
            self.send_icmp_error(packet, Some(link), kind, cx);
        }
    }
}
