//! Data path: ICMP for us (Linux: `icmp_rcv`).

use alloc::sync::Arc;

use warren_packet::{Checksum, Packet};

use super::{ICMP_HEADER, PROTOCOL, message};
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::ip::checksum;
use crate::ip::conf::Setting;
use crate::ip::header::{Header, MIN_HEADER};
use crate::ip::mib::Icmp;
use crate::ip::route::RouteKind;
use crate::ip::route::lookup::Flow;
use crate::link::Link;
use crate::namespace::Namespace;
use crate::socket::{Cast, IcmpError, Quoted};

impl Namespace {
    /// Checks and counts an ICMP packet before anybody has it. `false`: drop it.
    pub(crate) fn check_icmp(&self, packet: &mut Packet, header: &Header) -> bool {
        let mib = &self.ip.mib;
        mib.icmp(Icmp::InMsgs);
        if packet.meta.checksum == Checksum::Unverified {
            if checksum::of(&packet.bytes()[header.header_len..]) != 0 {
                mib.icmp(Icmp::InCsumErrors);
                mib.icmp(Icmp::InErrors);
                self.drops.count(DropReason::BadTransport);
                return false;
            }
            packet.meta.checksum = Checksum::Verified;
        }
        let body = &packet.bytes()[header.header_len..];
        if body.len() < ICMP_HEADER {
            mib.icmp(Icmp::InErrors);
            self.drops.count(DropReason::BadTransport);
            return false;
        }
        mib.icmp_in(body[0]);
        true
    }

    /// Does what an ICMP packet asks of the host itself.
    pub(crate) fn icmp_input(
        self: &Arc<Self>,
        packet: &Packet,
        header: &Header,
        link: &Arc<Link>,
        cast: Cast,
        cx: &Cx<'_>,
    ) {
        let body = &packet.bytes()[header.header_len..];
        match body[0] {
            message::ECHO => self.answer_echo(packet, header, link, cast, cx),
            message::UNREACHABLE
            | message::SOURCE_QUENCH
            | message::TIME_EXCEEDED
            | message::PARAMETER_PROBLEM => self.hand_up_error(body, header, cx),
            // A reply nobody waits for; requests Linux answers only if told to (address
            // masks) and redirects, which are not acted upon.
            _ => {}
        }
    }

    fn answer_echo(
        self: &Arc<Self>,
        packet: &Packet,
        header: &Header,
        link: &Arc<Link>,
        cast: Cast,
        cx: &Cx<'_>,
    ) {
        let conf = &self.ip.conf;
        let to_many = cast != Cast::Unicast;
        let ignored = conf.is_on(Setting::EchoIgnoreAll)
            || to_many && conf.is_on(Setting::EchoIgnoreBroadcasts);
        if ignored {
            return;
        }
        // RFC 1122, 3.2.2.6: answer from the address that was asked, or from one of the
        // link's where many were.
        let src =
            if to_many { self.select_source(header.src, link.ifindex()) } else { Some(header.dst) };
        let flow = Flow { src, tos: header.tos, ..Flow::to(header.src) };
        let Ok(way) = self.lookup_route(&flow) else {
            self.ip.mib.icmp(Icmp::OutErrors);
            return;
        };
        let body = &packet.bytes()[header.header_len..];
        let total_len = MIN_HEADER + body.len();
        let Ok(mut reply) = cx.stack.pool().take(total_len) else {
            self.ip.mib.icmp(Icmp::OutErrors);
            self.drops.count(DropReason::NoBuffer);
            return;
        };
        let answer = Header {
            header_len: MIN_HEADER,
            total_len,
            tos: header.tos,
            ident: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            ttl: u8::try_from(conf.get(Setting::DefaultTtl)).unwrap_or(64),
            protocol: PROTOCOL,
            src: way.source,
            dst: header.src,
        };
        let (front, back) = reply.bytes_mut().split_at_mut(MIN_HEADER);
        if let Some(front) = front.first_chunk_mut() {
            answer.write(front);
        }
        back.copy_from_slice(body);
        back[0] = message::ECHO_REPLY;
        back[2..4].fill(0);
        let sum = checksum::of(back);
        back[2..4].copy_from_slice(&sum.to_be_bytes());
        reply.meta.checksum = Checksum::Verified;
        self.ip.mib.icmp_out(message::ECHO_REPLY);
        self.send_unattended(reply, &way, cx);
    }

    /// An error about something we sent: the sockets know whose it was.
    fn hand_up_error(self: &Arc<Self>, body: &[u8], header: &Header, cx: &Cx<'_>) {
        let Some(quoted) = quoted_header(&body[ICMP_HEADER..]) else {
            self.ip.mib.icmp(Icmp::InErrors);
            self.drops.count(DropReason::BadTransport);
            return;
        };
        // RFC 1122, 3.2.2: an error about a broadcast is somebody's mistake.
        let bogus = self.address_kind(quoted.dst) == RouteKind::Broadcast;
        if bogus && !self.ip.conf.is_on(Setting::IgnoreBogusErrors) {
            self.ip.mib.icmp(Icmp::InErrors);
            self.drops.count(DropReason::BadTransport);
            return;
        }
        let mtu = if (body[0], body[1]) == (message::UNREACHABLE, 4) {
            u32::from(u16::from_be_bytes([body[6], body[7]]))
        } else {
            0
        };
        if mtu != 0 && self.is_local_address(quoted.src) {
            self.learn_path_mtu(quoted.dst, mtu, cx);
        }
        let error = IcmpError { icmp_type: body[0], code: body[1], offender: header.src, mtu };
        self.sockets.icmp_error(self, &quoted, &error, cx);
    }
}

/// The header a message quotes. It was ours and may have been changed on its way: only its
/// shape is checked, and that eight bytes follow (RFC 792).
fn quoted_header(bytes: &[u8]) -> Option<Quoted<'_>> {
    let fixed: &[u8; MIN_HEADER] = bytes.first_chunk()?;
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    if fixed[0] >> 4 != 4 || header_len < MIN_HEADER || bytes.len() < header_len + 8 {
        return None;
    }
    let addr = |at: usize| fixed[at..].first_chunk::<4>().map(|addr| (*addr).into());
    Some(Quoted {
        protocol: fixed[9],
        src: addr(12)?,
        dst: addr(16)?,
        transport: &bytes[header_len..],
    })
}
