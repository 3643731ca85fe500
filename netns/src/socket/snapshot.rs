//! Sockets at one moment, as /proc/net/{tcp,udp,raw,icmp} and inet_diag show them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddrV4;

use warren_platform::Instant;

use super::datagram::DatagramSocket;
use super::table::SocketTable;
use super::tcp::Connection;
use crate::error::SocketError;

/// A socket's state in Linux's numbers (include/net/tcp_states.h).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SocketState {
    /// A connection, or a datagram socket with a peer.
    Established = 1,
    /// SYN-SENT.
    SynSent = 2,
    /// SYN-RECEIVED.
    SynReceived = 3,
    /// FIN-WAIT-1.
    FinWait1 = 4,
    /// FIN-WAIT-2.
    FinWait2 = 5,
    /// TIME-WAIT.
    TimeWait = 6,
    /// Nothing, or a datagram socket without a peer.
    Close = 7,
    /// CLOSE-WAIT.
    CloseWait = 8,
    /// LAST-ACK.
    LastAck = 9,
    /// LISTEN.
    Listen = 10,
    /// CLOSING.
    Closing = 11,
}

/// What a socket waits for (`tr` in /proc/net/tcp, `idiag_timer`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SocketTimer {
    /// Nothing.
    #[default]
    Off = 0,
    /// A retransmission.
    Retransmit = 1,
    /// A keepalive probe, or the end of an orphan.
    KeepAlive = 2,
    /// The end of TIME-WAIT.
    TimeWait = 3,
    /// A zero-window probe.
    Probe = 4,
}

/// One socket at one moment.
#[derive(Clone, Copy, Debug)]
pub struct SocketInfo {
    /// Its address and port (the protocol for raw sockets).
    pub local: SocketAddrV4,
    /// Its peer's, all zeros without one.
    pub peer: SocketAddrV4,
    /// Its state.
    pub state: SocketState,
    /// Bytes sent and not acknowledged; a listener's backlog.
    pub tx_queue: usize,
    /// Bytes not read yet; a listener's connections to accept.
    pub rx_queue: usize,
    /// What it waits for.
    pub timer: SocketTimer,
    /// When that is.
    pub expires: Option<Instant>,
    /// Retransmissions in a row.
    pub retransmits: u32,
    /// Its owner.
    pub uid: u32,
    /// The inode its host shows; zero once closed.
    pub inode: u64,
    /// Packets dropped because its queue was full.
    pub drops: u64,
    /// References to it.
    pub references: usize,
}

impl SocketTable {
    /// Listeners first, then connections, half-open ones and TIME-WAIT included
    /// (/proc/net/tcp).
    ///
    /// # Errors
    /// [`SocketError::NoBuffer`] if memory is short.
    pub fn tcp_sockets(&self) -> Result<Vec<SocketInfo>, SocketError> {
        let (listeners, connections) = {
            let demux = self.demux.read();
            let mut connections = Vec::new();
            for (_, connection) in demux.tcp.connections() {
                connections.try_reserve(1).map_err(|_| SocketError::NoBuffer)?;
                connections.push(connection.clone());
            }
            (gather(demux.tcp.listeners.iter())?, connections)
        };
        let mut lines = Vec::new();
        let len = listeners.len() + connections.len();
        lines.try_reserve_exact(len).map_err(|_| SocketError::NoBuffer)?;
        lines.extend(listeners.iter().map(|socket| socket.line(Arc::strong_count(socket) - 1)));
        lines.extend(connections.iter().map(Connection::line));
        Ok(lines)
    }

    /// The UDP sockets that have a port (/proc/net/udp).
    ///
    /// # Errors
    /// [`SocketError::NoBuffer`] if memory is short.
    pub fn udp_sockets(&self) -> Result<Vec<SocketInfo>, SocketError> {
        let sockets = gather(self.demux.read().udp.iter())?;
        Ok(sockets.iter().map(|socket| info(socket, Arc::strong_count(socket))).collect())
    }

    /// The ping sockets that have an identifier (/proc/net/icmp).
    ///
    /// # Errors
    /// [`SocketError::NoBuffer`] if memory is short.
    pub fn ping_sockets(&self) -> Result<Vec<SocketInfo>, SocketError> {
        let sockets = gather(self.demux.read().ping.iter())?;
        Ok(sockets.iter().map(|socket| info(socket, Arc::strong_count(socket))).collect())
    }

    /// The raw sockets (/proc/net/raw).
    ///
    /// # Errors
    /// [`SocketError::NoBuffer`] if memory is short.
    pub fn raw_sockets(&self) -> Result<Vec<SocketInfo>, SocketError> {
        let sockets = gather(self.demux.read().raw.iter())?;
        Ok(sockets.iter().map(|socket| info(socket, Arc::strong_count(socket))).collect())
    }
}

/// Collects references, so that nothing is asked of a socket under the table's lock.
pub(super) fn gather<'a, S: 'a>(
    sockets: impl Iterator<Item = &'a Arc<S>>,
) -> Result<Vec<Arc<S>>, SocketError> {
    let mut gathered = Vec::new();
    for socket in sockets {
        gathered.try_reserve(1).map_err(|_| SocketError::NoBuffer)?;
        gathered.push(socket.clone());
    }
    Ok(gathered)
}

fn info(socket: &DatagramSocket, references: usize) -> SocketInfo {
    let state = socket.state.lock();
    SocketInfo {
        local: state.local,
        peer: state.peer.unwrap_or(super::datagram::UNBOUND),
        state: if state.peer.is_some() { SocketState::Established } else { SocketState::Close },
        tx_queue: 0,
        rx_queue: state.queue.charged(),
        timer: SocketTimer::Off,
        expires: None,
        retransmits: 0,
        uid: socket.base.uid(),
        inode: socket.base.inode(),
        drops: state.queue.drops,
        // The snapshot's own reference is not the socket's.
        references: references.saturating_sub(1),
    }
}
