//! Data path of UDP: datagrams out, datagrams and ICMP errors in.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddrV4;

use smoltcp::wire::UdpPacket;
use warren_packet::{Checksum, Packet};

use super::UdpSocket;
use crate::cx::Cx;
use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::counters::Counter;
use crate::socket::datagram::{ReceivedMeta, SendControl, SendError};
use crate::socket::deliver::{Cast, Delivery, IcmpError, Quoted, RxInfo, protocol};
use crate::socket::demux::Flow;
use crate::socket::wire::{IPV4_HEADER, UDP_HEADER, ttl_and_tos, udp_checksum_ok};

/// The longest payload: 65 535 bytes less both headers.
const MAX_PAYLOAD: usize = 65_535 - IPV4_HEADER - UDP_HEADER;

impl UdpSocket {
    /// Sends one datagram of `len` bytes to `to`, or to the peer. `fill` writes the payload
    /// straight into the packet, with no lock held.
    ///
    /// # Errors
    /// See [`SocketError`]; a failed `fill` sends nothing.
    pub fn send<F>(
        self: &Arc<Self>,
        to: Option<SocketAddrV4>,
        len: usize,
        control: &SendControl,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<(), F>,
        cx: &Cx<'_>,
    ) -> Result<usize, SendError<F>> {
        if len > MAX_PAYLOAD {
            return Err(SocketError::MessageTooLong.into());
        }
        let (to, outgoing, bound) = {
            let mut state = self.state.lock();
            let to = to.or(state.peer).ok_or(SocketError::NoDestination)?;
            if to.port() == 0 {
                return Err(SocketError::Invalid.into());
            }
            let outgoing = state.outgoing(*to.ip(), control, self.base.uid())?;
            (to, outgoing, state.local.port())
        };
        let port = if bound == 0 { self.autobind(cx)? } else { bound };
        let path = self.path(&outgoing)?;
        let mut packet = cx.stack.pool().take(len).map_err(|_| SocketError::NoBuffer)?;
        fill(packet.bytes_mut()).map_err(SendError::Fill)?;
        let header = packet.push_front(UDP_HEADER).ok_or(SocketError::NoBuffer)?;
        let mut udp = UdpPacket::new_unchecked(header);
        udp.set_src_port(port);
        udp.set_dst_port(to.port());
        udp.set_len(u16::try_from(len + UDP_HEADER).map_err(|_| SocketError::MessageTooLong)?);
        udp.set_checksum(0);
        packet.meta.checksum = Checksum::NotComputed;
        let counters = &self.namespace().sockets.counters;
        let sent = self.transmit(packet, protocol::UDP, &outgoing, &path, cx);
        match sent {
            Ok(()) => counters.count(Counter::UdpOut),
            Err(SocketError::NoBuffer) => counters.count(Counter::UdpSndbufErrors),
            Err(_) => {}
        }
        cx.stack.run_tail(cx);
        sent.map(|()| len).map_err(SendError::Socket)
    }
}

/// A datagram from L3, its head at the IP header.
pub(in crate::socket) fn deliver(
    ns: &Arc<Namespace>,
    mut packet: Packet,
    info: &RxInfo,
    cx: &Cx<'_>,
) -> Delivery {
    let counters = &ns.sockets.counters;
    let bytes = packet.bytes().get(info.header_len..).unwrap_or_default();
    let Ok(udp) = UdpPacket::new_checked(bytes) else {
        counters.count(Counter::UdpInErrors);
        return Delivery::Taken;
    };
    let (from_port, to_port, len) = (udp.src_port(), udp.dst_port(), usize::from(udp.len()));
    if !udp_checksum_ok(packet.meta.checksum, info.src, info.dst, bytes) {
        counters.count(Counter::UdpCsumErrors);
        counters.count(Counter::UdpInErrors);
        return Delivery::Taken;
    }
    let from = SocketAddrV4::new(info.src, from_port);
    let flow = Flow { local: info.dst, remote: from, link: info.link.ifindex() };
    let (ttl, tos) = ttl_and_tos(&packet);
    let meta = ReceivedMeta {
        from,
        to: SocketAddrV4::new(info.dst, to_port),
        link: flow.link,
        ttl,
        tos,
        at: cx.now,
    };
    if info.cast != Cast::Unicast {
        to_many(ns, packet, info.header_len + UDP_HEADER, len - UDP_HEADER, &flow, meta);
        return Delivery::Taken;
    }
    let socket = ns.sockets.demux.read().udp.find(to_port, &flow).cloned();
    let Some(socket) = socket else {
        counters.count(Counter::UdpNoPorts);
        return Delivery::NoSocket(packet);
    };
    if packet.pop_front(info.header_len + UDP_HEADER) {
        packet.truncate(len - UDP_HEADER);
        take(&socket, packet, meta);
    }
    Delivery::Taken
}

/// A datagram for a group or a subnet: each matching socket gets one (Linux:
/// `__udp4_lib_mcast_deliver`).
fn to_many(
    ns: &Arc<Namespace>,
    mut packet: Packet,
    headers: usize,
    len: usize,
    flow: &Flow,
    meta: ReceivedMeta,
) {
    let mut sockets = Vec::new();
    {
        let demux = ns.sockets.demux.read();
        for socket in demux.udp.matching(meta.to.port(), flow) {
            if sockets.try_reserve(1).is_err() {
                break;
            }
            sockets.push(socket.clone());
        }
    }
    let Some(last) = sockets.pop() else { return };
    if !packet.pop_front(headers) {
        return;
    }
    packet.truncate(len);
    for socket in sockets {
        match packet.try_clone() {
            Ok(copy) => take(&socket, copy, meta),
            Err(_) => ns.sockets.counters.count(Counter::UdpInErrors),
        }
    }
    take(&last, packet, meta);
}

fn take(socket: &UdpSocket, payload: Packet, meta: ReceivedMeta) {
    let counters = &socket.namespace().sockets.counters;
    if socket.enqueue(payload, meta) {
        counters.count(Counter::UdpIn);
    } else {
        counters.count(Counter::UdpRcvbufErrors);
        counters.count(Counter::UdpInErrors);
    }
}

/// An ICMP error about a datagram we sent.
pub(in crate::socket) fn icmp_error(ns: &Arc<Namespace>, quoted: &Quoted<'_>, error: &IcmpError) {
    let Some((ports, payload)) = quoted.transport.split_at_checked(UDP_HEADER) else { return };
    let udp = UdpPacket::new_unchecked(ports);
    let (local, remote) = (udp.src_port(), SocketAddrV4::new(quoted.dst, udp.dst_port()));
    // The lookup is that of an answer coming back. Which link it would have used the quote
    // does not say, so the sockets bound to one are asked by the rest.
    let socket = {
        let demux = ns.sockets.demux.read();
        demux.udp.find_sender(local, quoted.src, remote).cloned()
    };
    let Some(socket) = socket else { return };
    let notice = socket.state.lock().icmp_error(error, remote, payload);
    notice.tell();
}
