//! Data path up: a packet for us goes to the sockets, ICMP to the host itself too (Linux:
//! `ip_local_deliver`).

use alloc::sync::Arc;

use warren_packet::Packet;

use super::header::Header;
use super::icmp::{self, ErrorKind};
use super::mib::Ip;
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::link::Link;
use crate::namespace::Namespace;
use crate::socket::deliver::protocol;
use crate::socket::{Cast, Delivery, RxInfo};

impl Namespace {
    pub(super) fn deliver_local(
        self: &Arc<Self>,
        link: &Arc<Link>,
        packet: Packet,
        header: &Header,
        cast: Cast,
        cx: &Cx<'_>,
    ) {
        if !header.is_fragment() {
            return self.deliver_whole(link, packet, header, cast, cx);
        }
        let Some(whole) = self.reassemble(packet, header, link, cx) else { return };
        match Header::parse(whole.bytes()) {
            Ok(header) => self.deliver_whole(link, whole, &header, cast, cx),
            Err(_) => self.drops.count(DropReason::BadFragment),
        }
    }

    fn deliver_whole(
        self: &Arc<Self>,
        link: &Arc<Link>,
        mut packet: Packet,
        header: &Header,
        cast: Cast,
        cx: &Cx<'_>,
    ) {
        if header.protocol == protocol::ICMP && !self.check_icmp(&mut packet, header) {
            return;
        }
        let info = RxInfo {
            link: link.clone(),
            src: header.src,
            dst: header.dst,
            protocol: header.protocol,
            header_len: header.header_len,
            cast,
        };
        match self.sockets.deliver(self, packet, &info, cx) {
            Delivery::Taken => self.ip.mib.ip(Ip::InDelivers),
            Delivery::NoSocket(packet) => self.deliver_to_nobody(link, &packet, header, cast, cx),
        }
    }

    /// No socket wants the packet: the host itself may, or its sender hears of it.
    fn deliver_to_nobody(
        self: &Arc<Self>,
        link: &Arc<Link>,
        packet: &Packet,
        header: &Header,
        cast: Cast,
        cx: &Cx<'_>,
    ) {
        let mib = &self.ip.mib;
        let answer = match header.protocol {
            icmp::PROTOCOL => {
                mib.ip(Ip::InDelivers);
                return self.icmp_input(packet, header, link, cast, cx);
            }
            protocol::UDP => {
                mib.ip(Ip::InDelivers);
                ErrorKind::PortUnreachable
            }
            // TCP's answer is a segment, and the sockets' business.
            protocol::TCP => {
                mib.ip(Ip::InDelivers);
                return self.drops.count(DropReason::NoSocket);
            }
            _ => {
                mib.ip(Ip::InUnknownProtos);
                ErrorKind::ProtocolUnreachable
            }
        };
        self.drops.count(DropReason::NoSocket);
        if cast == Cast::Unicast {
            self.send_icmp_error(packet, Some(link), answer, cx);
        }
    }
}
