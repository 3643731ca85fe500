//! TCP's part of the demux tables: connections by 4-tuple, listeners and owners by port,
//! and who waits under which number.
//!
//! Invariant: every connection has an entry in `connections` and one in `waiting`; every
//! socket with a local port has one in `owners`.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddrV4};

use hashbrown::HashMap;

use super::TcpSocket;
use super::owners::Owners;
use super::request::Request;
use super::time_wait::TimeWait;
use crate::error::SocketError;
use crate::socket::base::SocketId;
use crate::socket::demux::Registry;

/// Both ends of a connection, seen from us.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::socket) struct FourTuple {
    pub(in crate::socket) local: SocketAddrV4,
    pub(in crate::socket) remote: SocketAddrV4,
}

impl FourTuple {
    /// Nothing and nobody.
    pub(super) const NONE: Self = Self {
        local: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
        remote: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
    };
}

/// What stands behind a 4-tuple.
#[derive(Clone, Debug)]
pub(in crate::socket) enum Connection {
    /// A socket, with or without a process.
    Socket(Arc<TcpSocket>),
    /// A SYN that was answered and not yet acknowledged.
    Request(Arc<Request>),
    /// A closed connection whose segments may still be under way.
    TimeWait(Arc<TimeWait>),
}

impl Connection {
    pub(super) fn id(&self) -> SocketId {
        match self {
            Self::Socket(socket) => socket.base.id,
            Self::Request(request) => request.id,
            Self::TimeWait(wait) => wait.id,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::socket) struct TcpTable {
    connections: HashMap<FourTuple, Connection>,
    pub(in crate::socket) listeners: Registry<u16, TcpSocket>,
    pub(super) owners: Owners,
    waiting: HashMap<SocketId, FourTuple>,
    time_waits: usize,
}

impl TcpTable {
    /// Who has this 4-tuple.
    pub(super) fn connection(&self, tuple: &FourTuple) -> Option<&Connection> {
        self.connections.get(tuple)
    }

    /// Who waits under this number.
    pub(super) fn waiting(&self, id: SocketId) -> Option<&Connection> {
        self.connections.get(self.waiting.get(&id)?).filter(|found| found.id() == id)
    }

    /// Enters a connection whose 4-tuple is free.
    pub(super) fn insert(
        &mut self,
        tuple: FourTuple,
        connection: Connection,
    ) -> Result<(), SocketError> {
        self.connections.try_reserve(1).map_err(|_| SocketError::NoBuffer)?;
        self.waiting.try_reserve(1).map_err(|_| SocketError::NoBuffer)?;
        self.time_waits += usize::from(matches!(connection, Connection::TimeWait(_)));
        self.waiting.insert(connection.id(), tuple);
        let before = self.connections.insert(tuple, connection);
        debug_assert!(before.is_none());
        Ok(())
    }

    /// Removes the connection of this number, if it is the one that has the 4-tuple.
    pub(super) fn remove(&mut self, tuple: &FourTuple, id: SocketId) -> Option<Connection> {
        if self.connections.get(tuple)?.id() != id {
            return None;
        }
        self.waiting.remove(&id);
        let gone = self.connections.remove(tuple);
        self.time_waits -= usize::from(matches!(gone, Some(Connection::TimeWait(_))));
        gone
    }

    /// Connections in TIME-WAIT.
    pub(in crate::socket) const fn time_waits(&self) -> usize {
        self.time_waits
    }

    /// Listeners and connections that are sockets.
    pub(in crate::socket) fn in_use(&self) -> usize {
        let sockets = self.connections.values().filter(|found| found.socket().is_some());
        self.listeners.len() + sockets.count()
    }

    /// All connections, in no order.
    pub(in crate::socket) fn connections(
        &self,
    ) -> impl Iterator<Item = (&FourTuple, &Connection)> + '_ {
        self.connections.iter()
    }

    /// Ends every connection without a word: the namespace goes.
    pub(in crate::socket) fn end(&self) {
        for socket in self.connections.values().filter_map(Connection::socket) {
            socket.discard();
        }
    }

    /// Takes everything out, for its owner to drop without the lock.
    pub(in crate::socket) fn take_all(&mut self) -> Self {
        core::mem::take(self)
    }
}
