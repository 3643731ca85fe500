//! Who gets a packet: the tables L3's packets are looked up in, behind one lock per
//! namespace (rank `Sockets`).
//!
//! An entry repeats what a lookup must know of its socket (addresses, peer, bound link);
//! whoever changes those holds this lock first and the socket's second.

mod datagram;

use super::ping::PingSocket;
use super::raw::RawSocket;
use super::tcp::TcpTable;
use super::udp::UdpSocket;

pub(super) use datagram::{Binding, Entry, Flow, Registry};

/// Every table of one namespace.
#[derive(Debug, Default)]
pub(super) struct Demux {
    /// UDP sockets by local port.
    pub(super) udp: Registry<u16, UdpSocket>,
    /// TCP connections, listeners and port owners.
    pub(super) tcp: TcpTable,
    /// Ping sockets by ICMP identifier.
    pub(super) ping: Registry<u16, PingSocket>,
    /// Raw sockets by IP protocol.
    pub(super) raw: Registry<u8, RawSocket>,
}
