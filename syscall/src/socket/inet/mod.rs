//! AF_INET: the core's sockets behind [`Protocol`](super::protocol::Protocol).
//!
//! | module | what it is |
//! |---|---|
//! | [`datagrams`], [`kinds`] | UDP, ping and raw sockets |
//! | [`stream`] | TCP |
//! | [`control`] | control messages both ways, MSG_ERRQUEUE |

mod control;
mod datagrams;
mod kinds;
mod stream;

use alloc::boxed::Box;
use alloc::sync::Arc;

use warren_netns::Namespace;
use warren_netns::ip::conf::Setting;
use warren_netns::socket::TcpSocket;

use super::Call;
use super::protocol::Protocol;
use crate::cred::Capability;
use crate::errno::Errno;
use crate::sysctl::DoorSysctls;

bitflags::bitflags! {
    /// Control messages the reader asked for.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Wants: u8 {
        /// IP_PKTINFO.
        const PKTINFO = 1;
        /// IP_RECVTTL.
        const TTL = 2;
        /// IP_RECVTOS.
        const TOS = 4;
    }
}

/// A datagram socket of one of the three kinds.
pub(super) fn datagram<K: kinds::Kind>(socket: Arc<K>) -> Box<dyn Protocol> {
    Box::new(datagrams::Datagrams::new(socket))
}

/// A TCP socket.
pub(super) fn stream(socket: Arc<TcpSocket>) -> Box<dyn Protocol> {
    Box::new(stream::Stream::new(socket))
}

/// Ports below `ip_unprivileged_port_start` are for the privileged (`__inet_bind`).
fn check_port(ns: &Arc<Namespace>, port: u16, call: &Call<'_>) -> Result<(), Errno> {
    let start = ns.extensions.get::<DoorSysctls>().unprivileged_port_start();
    let free = port == 0 || port >= start;
    if free || call.process.has(Capability::NetBindService, ns) {
        Ok(())
    } else {
        Err(Errno::EACCES)
    }
}

/// The TTL of packets nobody chose one for.
fn default_ttl(ns: &Namespace) -> u8 {
    u8::try_from(ns.ip.conf.get(Setting::DefaultTtl)).unwrap_or(64)
}
