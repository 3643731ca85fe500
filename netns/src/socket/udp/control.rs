//! Control path of UDP sockets: open, bind, connect, options, close.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddrV4};

use super::UdpSocket;
use crate::cx::Cx;
use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::base::SocketOwner;
use crate::socket::datagram::{DatagramSocket, DatagramState, SendControl, UNBOUND};
use crate::socket::demux::{Binding, Demux, Entry};
use crate::socket::options::SocketOptions;
use crate::socket::path::{AddressKind, address_kind, may_bind};
use crate::socket::ports::EphemeralPorts;

impl UdpSocket {
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

    /// bind(2). Port zero takes a free one of the ephemeral range.
    ///
    /// # Errors
    /// [`SocketError::AddrNotAvailable`] for an address that is not the namespace's,
    /// [`SocketError::AddrInUse`] for a port that is taken, [`SocketError::Invalid`] if the
    /// socket has a port already.
    pub fn bind(self: &Arc<Self>, address: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        let ns = self.namespace();
        let kind = address_kind(ns, *address.ip());
        if !may_bind(ns, *address.ip()) {
            return Err(SocketError::AddrNotAvailable);
        }
        let ephemeral = EphemeralPorts::draw(cx);
        let mut demux = ns.sockets.demux.write();
        let mut state = self.state.lock();
        if !self.base.is_attached() || state.local.port() != 0 {
            return Err(SocketError::Invalid);
        }
        let before = state.local;
        state.local = SocketAddrV4::new(*address.ip(), 0);
        match self.take_port(&mut demux, &mut state, address.port(), &ephemeral) {
            Ok(()) => {
                state.address_bound = !address.ip().is_unspecified();
                state.port_bound = address.port() != 0;
                if !matches!(kind, AddressKind::Broadcast | AddressKind::Multicast) {
                    state.source = *address.ip();
                }
                Ok(())
            }
            Err(error) => {
                state.local = before;
                Err(error)
            }
        }
    }

    /// Enters the table under `port`, or under a free one if that is zero.
    fn take_port(
        self: &Arc<Self>,
        demux: &mut Demux,
        state: &mut DatagramState,
        port: u16,
        ephemeral: &EphemeralPorts,
    ) -> Result<(), SocketError> {
        let binding = Binding {
            id: self.base.id,
            local: *state.local.ip(),
            link: state.options.bound_link,
            reuse_addr: state.options.reuse_addr,
            reuse_port: state.options.reuse_port,
            uid: self.base.uid(),
        };
        let free = |port: u16| demux.udp.is_free(port, &binding);
        let port = match port {
            0 => ephemeral.find(free).ok_or(SocketError::AddrInUse)?,
            port if free(port) => port,
            _ => return Err(SocketError::AddrInUse),
        };
        demux.udp.insert(
            port,
            Entry {
                id: binding.id,
                local: binding.local,
                peer: state.peer,
                link: binding.link,
                reuse_addr: binding.reuse_addr,
                reuse_port: binding.reuse_port,
                uid: binding.uid,
                socket: self.clone(),
            },
        )?;
        state.local.set_port(port);
        Ok(())
    }

    /// Gives the socket a port before its first send, as Linux does (`inet_autobind`).
    pub(super) fn autobind(self: &Arc<Self>, cx: &Cx<'_>) -> Result<u16, SocketError> {
        let ephemeral = EphemeralPorts::draw(cx);
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        if !self.base.is_attached() {
            return Err(SocketError::Invalid);
        }
        if state.local.port() == 0 {
            self.take_port(&mut demux, &mut state, 0, &ephemeral)
                // Linux: no port left is EAGAIN here (inet_autobind).
                .map_err(|_| SocketError::WouldBlock)?;
        }
        Ok(state.local.port())
    }

    /// connect(2): fixes the peer, and the local address if that was open.
    ///
    /// # Errors
    /// Those of finding a route; [`SocketError::Prohibited`] for a broadcast address
    /// without SO_BROADCAST.
    pub fn connect(self: &Arc<Self>, peer: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        let outgoing = {
            let mut state = self.state.lock();
            // A pending error is send's to report, not connect's.
            let pending = state.error.take();
            let shut = core::mem::replace(&mut state.shut_write, false);
            let outgoing = state.outgoing(*peer.ip(), &SendControl::default(), self.base.uid());
            state.error = pending;
            state.shut_write = shut;
            outgoing?
        };
        let path = self.path(&outgoing)?;
        let _: u16 = self.autobind(cx)?;
        let peer = SocketAddrV4::new(path.destination, peer.port());
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        if state.local.ip().is_unspecified() {
            state.local.set_ip(path.source);
        }
        if state.source.is_unspecified() {
            state.source = path.source;
        }
        state.peer = Some(peer);
        self.rekey(&mut demux, &state);
        Ok(())
    }

    /// connect(2) to AF_UNSPEC: forgets the peer, and whatever the user did not bind.
    pub fn disconnect(&self) {
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        state.peer = None;
        if !state.address_bound {
            state.local.set_ip(Ipv4Addr::UNSPECIFIED);
            state.source = Ipv4Addr::UNSPECIFIED;
        }
        let gone = if state.port_bound {
            self.rekey(&mut demux, &state);
            None
        } else {
            let gone = demux.udp.remove(state.local.port(), self.base.id);
            state.local.set_port(0);
            gone
        };
        drop((state, demux));
        drop(gone);
    }

    /// Changes options; what a lookup depends on takes effect with it.
    pub fn change_options<R>(&self, change: impl FnOnce(&mut SocketOptions) -> R) -> R {
        let mut demux = self.namespace().sockets.demux.write();
        let mut state = self.state.lock();
        let result = change(&mut state.options);
        self.rekey(&mut demux, &state);
        result
    }

    /// Repeats in the table what lookups must know.
    fn rekey(&self, demux: &mut Demux, state: &DatagramState) {
        if let Some(entry) = demux.udp.entry(state.local.port(), self.base.id) {
            entry.local = *state.local.ip();
            entry.peer = state.peer;
            entry.link = state.options.bound_link;
            entry.reuse_addr = state.options.reuse_addr;
            entry.reuse_port = state.options.reuse_port;
        }
    }

    /// Lets go of the port, of what is queued and of the namespace. Idempotent.
    pub fn close(&self, cx: &Cx<'_>) {
        if !self.base.detach() {
            return;
        }
        let gone = {
            let mut demux = self.namespace().sockets.demux.write();
            let mut state = self.state.lock();
            let port = state.local.port();
            state.local = UNBOUND;
            state.peer = None;
            demux.udp.remove(port, self.base.id)
        };
        drop(gone);
        self.drain();
        self.base.release(cx);
    }
}
