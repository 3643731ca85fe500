//! Sockets: UDP, TCP, ping and raw, each one namespace's.
//!
//! The [`SocketTable`] is the namespace's collection of them: hash tables by address and
//! port ([`demux`]), bounds, counters, and the run queue of TCP sockets that have something
//! to send. L3 hands packets and ICMP errors up ([`deliver`]); sockets send through the one
//! place that knows L3 ([`path`]). TCP's protocol engine is smoltcp as published, fed one
//! packet for one socket at a time ([`tcp`]).
//!
//! Invariants:
//! * Nothing blocks. A call that would have to wait says `WouldBlock`; the socket's observer
//!   hears when that changes, once per change, with no lock held.
//! * Lock order: the table (`Sockets`), then a socket (`Socket`). L3 is never called with
//!   either held.
//! * A socket holds its namespace from `open` or `accept` to `close`. What outlives the
//!   close (a FIN on its way, TIME-WAIT, a half-open connection) holds nothing and dies
//!   with the namespace.
//! * What a user can grow is bounded: sockets, bytes queued, bytes of TCP rings, backlog,
//!   orphans, TIME-WAIT entries.

mod base;
pub mod counters;
mod datagram;
pub mod deliver;
mod demux;
mod dispatch;
mod error_queue;
pub mod options;
mod path;
pub mod ping;
mod ports;
pub mod raw;
pub mod snapshot;
mod table;
pub mod tcp;
#[cfg(test)]
mod testing;
pub mod udp;
mod wire;

pub use base::{SocketId, SocketOwner};
pub use counters::{Counter, SockStat};
pub use datagram::{Datagram, DatagramSocket, SendControl, SendError, Shutdown};
pub use deliver::{Cast, Delivery, IcmpError, Quoted, RxInfo};
pub use error_queue::{ErrorOrigin, ExtendedError, QueuedError};
pub use options::{PathMtuDiscovery, SocketOptions, TcpOptions};
pub use ping::PingSocket;
pub use raw::RawSocket;
pub use snapshot::{SocketInfo, SocketState, SocketTimer};
pub use table::SocketTable;
pub use tcp::{TcpInfo, TcpSocket};
pub use udp::UdpSocket;
