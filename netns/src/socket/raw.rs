//! Raw sockets: copies of every packet of one IP protocol, and packets with a header of
//! the user's own. Who may open one (CAP_NET_RAW) is the door's question.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::ops::Deref;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use smoltcp::wire::Ipv4Packet;
use warren_packet::Packet;

use super::base::SocketOwner;
use super::counters::Counter;
use super::datagram::{DatagramSocket, DatagramState, Outgoing, ReceivedMeta};
use super::datagram::{SendControl, SendError};
use super::deliver::{IcmpError, Quoted, RxInfo, protocol};
use super::demux::{Demux, Entry, Flow};
use super::options::SocketOptions;
use super::path::{AddressKind, Path, address_kind, may_bind};
use super::wire::{IPV4_HEADER, ttl_and_tos};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::namespace::Namespace;

/// A raw socket. What it shares with UDP and ping sockets it derefs to.
#[derive(Debug)]
pub struct RawSocket {
    socket: DatagramSocket,
    protocol: u8,
    /// IP_HDRINCL.
    header_included: AtomicBool,
    /// ICMP_FILTER: a one blocks the ICMP type of that number.
    icmp_filter: AtomicU32,
}

impl Deref for RawSocket {
    type Target = DatagramSocket;
    fn deref(&self) -> &DatagramSocket {
        &self.socket
    }
}

impl RawSocket {
    /// A new socket of `ns`, which it holds until [`Self::close`]. It hears at once.
    ///
    /// # Errors
    /// [`SocketError::NoBuffer`] if the namespace has all the sockets it may have.
    pub fn open(
        ns: &Arc<Namespace>,
        protocol: u8,
        owner: SocketOwner,
        cx: &Cx<'_>,
    ) -> Result<Arc<Self>, SocketError> {
        let socket = Arc::new(Self {
            socket: DatagramSocket::open(ns, owner)?,
            protocol,
            header_included: AtomicBool::new(protocol == protocol::RAW),
            icmp_filter: AtomicU32::new(0),
        });
        // The local port of a raw socket shows its protocol (Linux: inet_create).
        socket.state.lock().local.set_port(u16::from(protocol));
        let entry = Entry {
            id: socket.base.id,
            local: Ipv4Addr::UNSPECIFIED,
            peer: None,
            link: None,
            reuse_addr: false,
            reuse_port: false,
            uid: owner.uid,
            socket: socket.clone(),
        };
        let entered = ns.sockets.demux.write().raw.insert(protocol, entry);
        if let Err(error) = entered {
            socket.close(cx);
            return Err(error);
        }
        Ok(socket)
    }

    /// The IP protocol it was opened for.
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        self.protocol
    }

    /// IP_HDRINCL: whether what the user sends begins with an IP header.
    pub fn set_header_included(&self, included: bool) {
        self.header_included.store(included, Ordering::Relaxed);
    }

    /// IP_HDRINCL.
    #[must_use]
    pub fn header_included(&self) -> bool {
        self.header_included.load(Ordering::Relaxed)
    }

    /// ICMP_FILTER: a one blocks the ICMP type of that number.
    ///
    /// # Errors
    /// [`SocketError::NotSupported`] unless the protocol is ICMP.
    pub fn set_icmp_filter(&self, blocked: u32) -> Result<(), SocketError> {
        if self.protocol != protocol::ICMP {
            return Err(SocketError::NotSupported);
        }
        self.icmp_filter.store(blocked, Ordering::Relaxed);
        Ok(())
    }

    /// ICMP_FILTER.
    ///
    /// # Errors
    /// [`SocketError::NotSupported`] unless the protocol is ICMP.
    pub fn icmp_filter(&self) -> Result<u32, SocketError> {
        match self.protocol {
            protocol::ICMP => Ok(self.icmp_filter.load(Ordering::Relaxed)),
            _ => Err(SocketError::NotSupported),
        }
    }

    /// bind(2): hears only what is addressed to `address`, and sends from it.
    ///
    /// # Errors
    /// [`SocketError::AddrNotAvailable`] for an address that is not the namespace's.
    pub fn bind(&self, address: Ipv4Addr) -> Result<(), SocketError> {
        let kind = address_kind(self.namespace(), address);
        if !may_bind(self.namespace(), address) {
            return Err(SocketError::AddrNotAvailable);
        }
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        if state.peer.is_some() {
            return Err(SocketError::Invalid);
        }
        state.local.set_ip(address);
        state.address_bound = !address.is_unspecified();
        let many = matches!(kind, AddressKind::Broadcast | AddressKind::Multicast);
        state.source = if many { Ipv4Addr::UNSPECIFIED } else { address };
        self.rekey(&mut demux, &state);
        Ok(())
    }

    /// connect(2): hears only what comes from `peer`, and sends there.
    ///
    /// # Errors
    /// Those of finding a route.
    pub fn connect(&self, peer: Ipv4Addr) -> Result<(), SocketError> {
        let outgoing =
            self.state.lock().outgoing(peer, &SendControl::default(), self.base.uid())?;
        let path = self.path(&outgoing)?;
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        if state.local.ip().is_unspecified() {
            state.local.set_ip(path.source);
            state.source = path.source;
        }
        state.peer = Some(SocketAddrV4::new(path.destination, 0));
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
        if let Some(entry) = demux.raw.entry(self.protocol, self.base.id) {
            entry.local = *state.local.ip();
            entry.peer = state.peer;
            entry.link = state.options.bound_link;
        }
    }

    /// Sends one packet of `len` bytes, with its IP header if [`Self::header_included`].
    ///
    /// # Errors
    /// [`SocketError::Invalid`] for an IP header that is none; see [`SocketError`].
    pub fn send<F>(
        &self,
        to: Option<Ipv4Addr>,
        len: usize,
        control: &SendControl,
        fill: &mut dyn FnMut(&mut [u8]) -> Result<(), F>,
        cx: &Cx<'_>,
    ) -> Result<usize, SendError<F>> {
        let included = self.header_included();
        if len > 65_535 - if included { 0 } else { IPV4_HEADER } {
            return Err(SocketError::MessageTooLong.into());
        }
        let outgoing = {
            let mut state = self.state.lock();
            let peer = state.peer.map(|peer| *peer.ip());
            let to = to.or(peer).ok_or(SocketError::NoDestination)?;
            let outgoing = state.outgoing(to, control, self.base.uid())?;
            if included { outgoing.with_any_source() } else { outgoing }
        };
        let path = self.path(&outgoing)?;
        let mut packet = cx.stack.pool().take(len).map_err(|_| SocketError::NoBuffer)?;
        fill(packet.bytes_mut()).map_err(SendError::Fill)?;
        let sent = if included {
            self.send_included(packet, &outgoing, &path, cx)
        } else {
            self.transmit(packet, self.protocol, &outgoing, &path, cx)
        };
        cx.stack.run_tail(cx);
        sent.map(|()| len).map_err(SendError::Socket)
    }

    /// A packet whose IP header the user wrote: we set the length, the source if it is
    /// open, and leave identification and checksum to L3 (raw(7)). It is never fragmented.
    fn send_included(
        &self,
        mut packet: Packet,
        outgoing: &Outgoing,
        path: &Path,
        cx: &Cx<'_>,
    ) -> Result<(), SocketError> {
        let len = packet.len();
        if len > path.mtu {
            return Err(self.too_long(path));
        }
        let total = u16::try_from(len).map_err(|_| SocketError::MessageTooLong)?;
        if len < IPV4_HEADER {
            return Err(SocketError::Invalid);
        }
        let mut header = Ipv4Packet::new_unchecked(packet.bytes_mut());
        let header_len = usize::from(header.header_len());
        if header_len < IPV4_HEADER || header_len > len {
            return Err(SocketError::Invalid);
        }
        header.set_total_len(total);
        if header.src_addr().is_unspecified() {
            header.set_src_addr(path.source);
        }
        outgoing.mark_packet(&mut packet);
        self.push(packet, path, cx)
    }

    /// Stops hearing and lets go of what is queued and of the namespace. Idempotent.
    pub fn close(&self, cx: &Cx<'_>) {
        if !self.base.detach() {
            return;
        }
        let gone = self.namespace().sockets.demux.write().raw.remove(self.protocol, self.base.id);
        drop(gone);
        self.drain();
        self.base.release(cx);
    }
}

/// Copies a packet from L3, its head at the IP header, to every raw socket that wants it.
/// Says whether there was one.
pub(super) fn deliver(ns: &Arc<Namespace>, packet: &Packet, info: &RxInfo, cx: &Cx<'_>) -> bool {
    let link = info.link.ifindex();
    let flow = Flow { local: info.dst, remote: SocketAddrV4::new(info.src, 0), link };
    let mut sockets = Vec::new();
    {
        let demux = ns.sockets.demux.read();
        if !demux.raw.has(info.protocol) {
            return false;
        }
        for socket in demux.raw.matching(info.protocol, &flow) {
            if sockets.try_reserve(1).is_err() {
                break;
            }
            sockets.push(socket.clone());
        }
    }
    let heard = !sockets.is_empty();
    let icmp_type = packet.bytes().get(info.header_len).copied().unwrap_or(0);
    let (ttl, tos) = ttl_and_tos(packet);
    let meta = ReceivedMeta {
        from: flow.remote,
        to: SocketAddrV4::new(info.dst, 0),
        link,
        ttl,
        tos,
        at: cx.now,
    };
    for socket in sockets {
        let filter = socket.icmp_filter.load(Ordering::Relaxed);
        let blocked = icmp_type < 32 && filter & (1 << icmp_type) != 0;
        if info.protocol == protocol::ICMP && blocked {
            continue;
        }
        let copied = packet.try_clone().is_ok_and(|copy| socket.enqueue(copy, meta));
        if !copied {
            ns.sockets.counters.count(Counter::RawDrops);
        }
    }
    heard
}

/// An ICMP error about a packet of any protocol: the raw sockets that could have sent it
/// hear of it.
pub(super) fn icmp_error(ns: &Arc<Namespace>, quoted: &Quoted<'_>, error: &IcmpError) {
    let remote = SocketAddrV4::new(quoted.dst, 0);
    let sockets: Vec<Arc<RawSocket>> = {
        let demux = ns.sockets.demux.read();
        demux.raw.senders(quoted.protocol, quoted.src, remote).cloned().collect()
    };
    for socket in sockets {
        let notice = socket.state.lock().icmp_error(error, remote, quoted.transport);
        notice.tell();
    }
}
