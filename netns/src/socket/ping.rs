//! Ping sockets: SOCK_DGRAM with IPPROTO_ICMP. They send echo requests and hear the replies
//! to them; the local port is the ICMP identifier. Who may open one
//! (`net.ipv4.ping_group_range`) is the door's question.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::ops::Deref;

use smoltcp::wire::{Icmpv4Message, Icmpv4Packet};
use warren_packet::{Checksum, Packet};

use super::base::SocketOwner;
use super::counters::Counter;
use super::datagram::{
    DatagramSocket, DatagramState, ReceivedMeta, SendControl, SendError, UNBOUND,
};
use super::deliver::{IcmpError, Quoted, RxInfo, protocol};
use super::demux::{Binding, Demux, Entry, Flow};
use super::options::SocketOptions;
use super::path::{AddressKind, address_kind};
use super::wire::{IPV4_HEADER, internet_checksum, ttl_and_tos};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::namespace::Namespace;

/// Bytes of an ICMP echo header.
const ECHO_HEADER: usize = 8;
/// The longest message: 65 535 bytes less the IP header.
const MAX_MESSAGE: usize = 65_535 - IPV4_HEADER;

/// A ping socket. What it shares with UDP and raw sockets it derefs to.
#[derive(Debug)]
pub struct PingSocket {
    socket: DatagramSocket,
}

impl Deref for PingSocket {
    type Target = DatagramSocket;
    fn deref(&self) -> &DatagramSocket {
        &self.socket
    }
}

impl PingSocket {
    /// A new socket of `ns`, which it holds until [`Self::close`].
    ///
    /// # Errors
    /// [`SocketError::NoBuffer`] if the namespace has all the sockets it may have.
    pub fn open(
        ns: &Arc<Namespace>,
        owner: SocketOwner,
        _cx: &Cx<'_>,
    ) -> Result<Arc<Self>, SocketError> {
        Ok(Arc::new(Self { socket: DatagramSocket::open(ns, owner)? }))
    }

    /// bind(2): the port is the identifier; zero takes a free one.
    ///
    /// # Errors
    /// [`SocketError::AddrNotAvailable`] for an address that is not the namespace's,
    /// [`SocketError::AddrInUse`] for an identifier that is taken, [`SocketError::Invalid`]
    /// if the socket has one already.
    pub fn bind(self: &Arc<Self>, address: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        let ns = self.namespace();
        let local = address_kind(ns, *address.ip()) == AddressKind::Local;
        if !address.ip().is_unspecified() && !local {
            return Err(SocketError::AddrNotAvailable);
        }
        let start = draw_identifier(cx);
        let mut demux = ns.sockets.demux.write();
        let mut state = self.state.lock();
        if !self.base.is_attached() || state.local.port() != 0 {
            return Err(SocketError::Invalid);
        }
        let before = state.local;
        state.local = SocketAddrV4::new(*address.ip(), 0);
        let taken = self.take_identifier(&mut demux, &mut state, address.port(), start);
        if taken.is_err() {
            state.local = before;
        } else {
            state.address_bound = local;
            state.port_bound = address.port() != 0;
            state.source = *address.ip();
        }
        taken
    }

    fn take_identifier(
        self: &Arc<Self>,
        demux: &mut Demux,
        state: &mut DatagramState,
        wanted: u16,
        start: u16,
    ) -> Result<(), SocketError> {
        let binding = Binding {
            id: self.base.id,
            // Identifiers are taken for all addresses at once (Linux: ping_get_port).
            local: Ipv4Addr::UNSPECIFIED,
            link: None,
            reuse_addr: state.options.reuse_addr,
            reuse_port: false,
            uid: self.base.uid(),
        };
        let free = |identifier: &u16| demux.ping.is_free(*identifier, &binding);
        let identifier = match wanted {
            0 => (start..=u16::MAX).chain(1..start).find(free).ok_or(SocketError::AddrInUse)?,
            wanted if free(&wanted) => wanted,
            _ => return Err(SocketError::AddrInUse),
        };
        demux.ping.insert(
            identifier,
            Entry {
                id: binding.id,
                local: *state.local.ip(),
                peer: None,
                link: state.options.bound_link,
                reuse_addr: binding.reuse_addr,
                reuse_port: false,
                uid: binding.uid,
                socket: self.clone(),
            },
        )?;
        state.local.set_port(identifier);
        Ok(())
    }

    fn autobind(self: &Arc<Self>, cx: &Cx<'_>) -> Result<u16, SocketError> {
        let start = draw_identifier(cx);
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        if !self.base.is_attached() {
            return Err(SocketError::Invalid);
        }
        if state.local.port() == 0 {
            self.take_identifier(&mut demux, &mut state, 0, start)
                .map_err(|_| SocketError::WouldBlock)?;
        }
        Ok(state.local.port())
    }

    /// connect(2): fixes the destination, and the local address if that was open.
    ///
    /// # Errors
    /// Those of finding a route.
    pub fn connect(self: &Arc<Self>, peer: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        let outgoing =
            self.state.lock().outgoing(*peer.ip(), &SendControl::default(), self.base.uid())?;
        let path = self.path(&outgoing)?;
        let _: u16 = self.autobind(cx)?;
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        if state.local.ip().is_unspecified() {
            state.local.set_ip(path.source);
            state.source = path.source;
        }
        state.peer = Some(SocketAddrV4::new(path.destination, peer.port()));
        self.rekey(&mut demux, &state);
        Ok(())
    }

    /// connect(2) to AF_UNSPEC: forgets the peer.
    pub fn disconnect(&self) {
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        state.peer = None;
        if !state.address_bound {
            state.local.set_ip(Ipv4Addr::UNSPECIFIED);
            state.source = Ipv4Addr::UNSPECIFIED;
        }
        self.rekey(&mut demux, &state);
    }

    /// Changes options; what a lookup depends on takes effect with it.
    pub fn change_options<R>(&self, change: impl FnOnce(&mut SocketOptions) -> R) -> R {
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        let result = change(&mut state.options);
        self.rekey(&mut demux, &state);
        result
    }

    fn rekey(&self, demux: &mut Demux, state: &DatagramState) {
        if let Some(entry) = demux.ping.entry(state.local.port(), self.base.id) {
            entry.local = *state.local.ip();
            entry.link = state.options.bound_link;
            entry.reuse_addr = state.options.reuse_addr;
        }
    }

    /// Sends one ICMP message of `len` bytes, its header included: an echo request, whose
    /// identifier and checksum are written here.
    ///
    /// # Errors
    /// [`SocketError::Invalid`] for anything but an echo request; see [`SocketError`].
    pub fn send<F>(
        self: &Arc<Self>,
        to: Option<SocketAddrV4>,
        len: usize,
        control: &SendControl,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<(), F>,
        cx: &Cx<'_>,
    ) -> Result<usize, SendError<F>> {
        if len > MAX_MESSAGE {
            return Err(SocketError::MessageTooLong.into());
        }
        if len < ECHO_HEADER {
            return Err(SocketError::Invalid.into());
        }
        let (outgoing, bound) = {
            let mut state = self.state.lock();
            let to = to.or(state.peer).ok_or(SocketError::NoDestination)?;
            (state.outgoing(*to.ip(), control, self.base.uid())?, state.local.port())
        };
        let mut packet = cx.stack.pool().take(len).map_err(|_| SocketError::NoBuffer)?;
        fill(packet.bytes_mut()).map_err(SendError::Fill)?;
        let mut icmp = Icmpv4Packet::new_unchecked(packet.bytes_mut());
        if icmp.msg_type() != Icmpv4Message::EchoRequest || icmp.msg_code() != 0 {
            return Err(SocketError::Invalid.into());
        }
        let identifier = if bound == 0 { self.autobind(cx)? } else { bound };
        let path = self.path(&outgoing)?;
        icmp.set_echo_ident(identifier);
        icmp.set_checksum(0);
        let sum = internet_checksum(packet.bytes());
        Icmpv4Packet::new_unchecked(packet.bytes_mut()).set_checksum(sum);
        packet.meta.checksum = Checksum::Verified;
        let sent = self.transmit(packet, protocol::ICMP, &outgoing, &path, cx);
        cx.stack.run_tail(cx);
        sent.map(|()| len).map_err(SendError::Socket)
    }

    /// Lets go of the identifier, of what is queued and of the namespace. Idempotent.
    pub fn close(&self, cx: &Cx<'_>) {
        if !self.base.detach() {
            return;
        }
        let gone = {
            let mut demux = self.namespace().sockets.demux.write();
            let mut state = self.state.lock();
            let identifier = state.local.port();
            state.local = UNBOUND;
            state.peer = None;
            demux.ping.remove(identifier, self.base.id)
        };
        drop(gone);
        self.drain();
        self.base.release(cx);
    }
}

fn draw_identifier(cx: &Cx<'_>) -> u16 {
    let mut bytes = [0; 2];
    cx.stack.platform().fill_random(&mut bytes);
    u16::from_le_bytes(bytes).max(1)
}

/// An echo reply from L3, its head at the IP header. Comes back if nobody waits for it.
pub(super) fn deliver(
    ns: &Arc<Namespace>,
    mut packet: Packet,
    info: &RxInfo,
    cx: &Cx<'_>,
) -> Option<Packet> {
    let message = packet.bytes().get(info.header_len..).unwrap_or_default();
    let Ok(icmp) = Icmpv4Packet::new_checked(message) else { return Some(packet) };
    if icmp.msg_type() != Icmpv4Message::EchoReply || message.len() < ECHO_HEADER {
        return Some(packet);
    }
    let identifier = icmp.echo_ident();
    let link = info.link.ifindex();
    let flow = Flow { local: info.dst, remote: SocketAddrV4::new(info.src, 0), link };
    let socket = ns.sockets.demux.read().ping.find(identifier, &flow).cloned();
    let Some(socket) = socket else { return Some(packet) };
    let (ttl, tos) = ttl_and_tos(&packet);
    let meta = ReceivedMeta {
        from: flow.remote,
        to: SocketAddrV4::new(info.dst, identifier),
        link,
        ttl,
        tos,
        at: cx.now,
    };
    if packet.pop_front(info.header_len) && !socket.enqueue(packet, meta) {
        ns.sockets.counters.count(Counter::PingDrops);
    }
    None
}

/// An ICMP error about an echo request we sent.
pub(super) fn icmp_error(ns: &Arc<Namespace>, quoted: &Quoted<'_>, error: &IcmpError) {
    let Some(header) = quoted.transport.get(..ECHO_HEADER) else { return };
    let identifier = u16::from_be_bytes([header[4], header[5]]);
    let remote = SocketAddrV4::new(quoted.dst, 0);
    let socket = ns.sockets.demux.read().ping.find_sender(identifier, quoted.src, remote).cloned();
    let Some(socket) = socket else { return };
    // Unlike UDP, the quoted ICMP header is part of what the user sent.
    let notice = socket.state.lock().icmp_error(error, remote, quoted.transport);
    notice.tell();
}
