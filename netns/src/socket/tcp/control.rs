//! Control path of TCP sockets: open, bind, options, addresses.

use alloc::sync::Arc;
use core::net::SocketAddrV4;
use core::sync::atomic::{AtomicBool, Ordering};

use warren_platform::Observer;
use warren_platform::lock::Mutex;

use super::owners::{Owner, Sharing};
use super::{Phase, TcpSocket, TcpState};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::base::{Base, SocketId, SocketOwner};
use crate::socket::datagram::UNBOUND;
use crate::socket::options::SocketOptions;
use crate::socket::path::may_bind;
use crate::socket::ports::EphemeralPorts;

impl TcpSocket {
    /// A new socket of `ns`, which it holds until [`Self::close`].
    ///
    /// # Errors
    /// [`SocketError::NoBuffer`] if the namespace has all the sockets it may have.
    pub fn open(
        ns: &Arc<Namespace>,
        owner: SocketOwner,
        _cx: &Cx<'_>,
    ) -> Result<Arc<Self>, SocketError> {
        let state = TcpState {
            local: UNBOUND,
            address_bound: false,
            port_bound: false,
            options: SocketOptions::stream(),
            observer: None,
            error: None,
            shut_read: false,
            shut_write: false,
            connect_failed: false,
            phase: Phase::Idle,
        };
        Ok(Arc::new(Self::around(Base::open(ns, owner)?, state)))
    }

    pub(super) fn around(base: Base, state: TcpState) -> Self {
        base.ns.sockets.tcp_alive.fetch_add(1, Ordering::Relaxed);
        Self { base, queued: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// Its identity in its namespace.
    #[must_use]
    pub const fn id(&self) -> SocketId {
        self.base.id
    }

    /// The namespace it belongs to, whatever its process has moved to since.
    #[must_use]
    pub const fn namespace(&self) -> &Arc<Namespace> {
        &self.base.ns
    }

    /// The inode number the host shows for it in /proc.
    pub fn set_inode(&self, inode: u64) {
        self.base.set_inode(inode);
    }

    /// Who is told when readiness changes, from now on.
    pub fn set_observer(&self, observer: Arc<dyn Observer>) {
        let before = self.state.lock().observer.replace(observer);
        drop(before);
    }

    /// SO_ERROR: the pending error, which is thereby gone.
    pub fn take_error(&self) -> Option<SocketError> {
        self.state.lock().error.take()
    }

    /// getsockname(2).
    #[must_use]
    pub fn local(&self) -> SocketAddrV4 {
        self.state.lock().local
    }

    /// getpeername(2); `None` if not connected.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddrV4> {
        let state = self.state.lock();
        let stream = state.stream()?;
        let connected = !stream.is_opening() && !stream.detached;
        connected.then_some(stream.peer)
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> SocketOptions {
        self.state.lock().options.clone()
    }

    /// Changes options; what a lookup or the engine depends on takes effect with it.
    pub fn change_options<R>(
        &self,
        cx: &Cx<'_>,
        change: impl FnOnce(&mut SocketOptions) -> R,
    ) -> R {
        let mut demux = self.base.ns.sockets.demux.write();
        let mut state = self.state.lock();
        let result = change(&mut state.options);
        let options = state.options.clone();
        let port = state.local.port();
        demux.tcp.owners.update(port, self.base.id, |owner| {
            owner.link = options.bound_link;
            owner.reuse_addr = options.reuse_addr;
            owner.reuse_port = options.reuse_port;
        });
        if let Some(entry) = demux.tcp.listeners.entry(port, self.base.id) {
            entry.link = options.bound_link;
            entry.reuse_port = options.reuse_port;
        }
        if let Some(stream) = state.stream_mut()
            && !stream.detached
        {
            stream.engine.socket_mut().set_nagle_enabled(!options.tcp.nodelay);
            // Keepalive may be due earlier now.
            let next = stream.engine.next(cx.now);
            let at = stream.deadline(&options, next, cx.now);
            stream.arm(&self.base, at, cx);
        }
        result
    }

    /// bind(2). Port zero takes a free one of the ephemeral range.
    ///
    /// # Errors
    /// [`SocketError::AddrNotAvailable`] for an address that is not the namespace's,
    /// [`SocketError::AddrInUse`] for a port that is taken, [`SocketError::Invalid`] if the
    /// socket has a port already or is connected.
    pub fn bind(self: &Arc<Self>, address: SocketAddrV4, cx: &Cx<'_>) -> Result<(), SocketError> {
        let ns = &self.base.ns;
        if !may_bind(ns, *address.ip()) {
            return Err(SocketError::AddrNotAvailable);
        }
        let ephemeral = EphemeralPorts::draw(cx);
        let mut demux = ns.sockets.demux.write();
        let mut state = self.state.lock();
        let idle = matches!(state.phase, Phase::Idle);
        if !idle || state.local.port() != 0 || !self.base.is_attached() {
            return Err(SocketError::Invalid);
        }
        let owner = Owner { local: *address.ip(), ..self.owner(&state) };
        let owners = &mut demux.tcp.owners;
        let port = match address.port() {
            0 => ephemeral
                .find(|port| owners.allows(port, self.base.id, &owner, Sharing::Never))
                .ok_or(SocketError::AddrInUse)?,
            port if owners.allows(port, self.base.id, &owner, Sharing::Asked) => port,
            _ => return Err(SocketError::AddrInUse),
        };
        owners.set(port, self.base.id, owner)?;
        state.local = SocketAddrV4::new(*address.ip(), port);
        state.address_bound = !address.ip().is_unspecified();
        // Linux locks the port only if the user named it; either way it is kept until the
        // socket closes or a connection made with it ends.
        state.port_bound = true;
        Ok(())
    }

    /// The socket as an owner of its port.
    pub(super) fn owner(&self, state: &TcpState) -> Owner {
        Owner {
            local: *state.local.ip(),
            link: state.options.bound_link,
            reuse_addr: state.options.reuse_addr,
            reuse_port: state.options.reuse_port,
            uid: self.base.uid(),
            listening: false,
            time_wait: false,
            chosen: false,
        }
    }
}
