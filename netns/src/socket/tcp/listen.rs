//! Control path of listeners: listen(2) and accept(2).

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use hashbrown::HashMap;

use super::owners::{Owner, Sharing};
use super::{Listening, MAX_BACKLOG, Phase, TcpSocket};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::socket::demux::Entry;
use crate::socket::ports::EphemeralPorts;

impl TcpSocket {
    /// listen(2): accepts connections, at most `backlog` (and one) waiting to be accepted.
    /// Takes an ephemeral port if the socket has none. Listening already, it changes the
    /// backlog.
    ///
    /// # Errors
    /// [`SocketError::Invalid`] unless idle or listening; [`SocketError::AddrInUse`] if
    /// another socket listens on the port.
    pub fn listen(self: &Arc<Self>, backlog: usize, cx: &Cx<'_>) -> Result<(), SocketError> {
        let backlog = backlog.min(MAX_BACKLOG);
        let ephemeral = EphemeralPorts::draw(cx);
        let mut demux = self.base.ns.sockets.demux.write();
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Listening(listening) => {
                listening.backlog = backlog;
                return Ok(());
            }
            Phase::Idle if self.base.is_attached() => {}
            Phase::Idle | Phase::Open(_) => return Err(SocketError::Invalid),
        }
        let tcp = &mut demux.tcp;
        let id = self.base.id;
        let plain = self.owner(&state);
        let owner = Owner { listening: true, ..plain };
        let port = match state.local.port() {
            0 => ephemeral
                .find(|port| tcp.owners.allows(port, id, &owner, Sharing::Never))
                .ok_or(SocketError::AddrInUse)?,
            // Sockets that shared the port while none listened may not any more.
            port if tcp.owners.allows(port, id, &owner, Sharing::Asked) => port,
            _ => return Err(SocketError::AddrInUse),
        };
        tcp.owners.set(port, id, owner)?;
        let entry = Entry {
            id,
            local: *state.local.ip(),
            peer: None,
            link: state.options.bound_link,
            reuse_addr: false,
            reuse_port: state.options.reuse_port,
            uid: self.base.uid(),
            socket: self.clone(),
        };
        if let Err(error) = tcp.listeners.insert(port, entry) {
            // As before: bound, or without a port.
            tcp.owners.remove(port, id);
            if state.local.port() != 0 {
                tcp.owners.set(port, id, plain)?;
            }
            return Err(error);
        }
        state.local.set_port(port);
        state.port_bound = true;
        state.error = None;
        (state.shut_read, state.shut_write) = (false, false);
        state.phase = Phase::Listening(Listening {
            backlog,
            ready: VecDeque::new(),
            half_open: HashMap::new(),
        });
        Ok(())
    }

    /// accept(2): the oldest connection. It holds the namespace from now on.
    ///
    /// # Errors
    /// [`SocketError::WouldBlock`] if none waits; [`SocketError::Invalid`] unless listening.
    pub fn accept(&self, _cx: &Cx<'_>) -> Result<Arc<Self>, SocketError> {
        let mut state = self.state.lock();
        let Phase::Listening(listening) = &mut state.phase else {
            return Err(SocketError::Invalid);
        };
        let child = listening.ready.pop_front().ok_or(SocketError::WouldBlock)?;
        child.base.attach();
        Ok(child)
    }
}
