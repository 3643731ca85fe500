//! Data path of datagram sockets, outwards: what one send may say, and how a packet leaves.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use warren_packet::Packet;
use warren_platform::Readiness;

use super::{DatagramSocket, DatagramState};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::ids::Ifindex;
use crate::socket::error_queue::{ErrorOrigin, ExtendedError, QueuedError};
use crate::socket::options::PathMtuDiscovery;
use crate::socket::path::{AddressKind, Path, PathQuery, SendFailure};
use crate::socket::wire::{IPV4_HEADER, Ipv4Fields};

/// What sendmsg(2)'s control messages may set for one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SendControl {
    /// IP_PKTINFO's `ipi_spec_dst`: the source address.
    pub source: Option<Ipv4Addr>,
    /// IP_PKTINFO's `ipi_ifindex`: the link to send by.
    pub link: Option<Ifindex>,
    /// IP_TTL.
    pub ttl: Option<u8>,
    /// IP_TOS.
    pub tos: Option<u8>,
}

/// A send that did not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum SendError<F> {
    /// The socket refused.
    Socket(SocketError),
    /// The user's bytes could not be had (EFAULT).
    Fill(F),
}

impl<F> From<SocketError> for SendError<F> {
    fn from(error: SocketError) -> Self {
        Self::Socket(error)
    }
}

/// What a state says about one packet to be sent: read under the lock, used without it.
#[derive(Clone, Copy, Debug)]
pub(in crate::socket) struct Outgoing {
    pub(in crate::socket) destination: Ipv4Addr,
    source: Option<Ipv4Addr>,
    link: Option<Ifindex>,
    ttl: Option<u8>,
    multicast_ttl: u8,
    tos: u8,
    mark: u32,
    priority: u32,
    broadcast: bool,
    discovery: PathMtuDiscovery,
    uid: u32,
    any_source: bool,
}

impl DatagramState {
    /// Gathers what one packet to `destination` needs, after the checks every send makes.
    pub(in crate::socket) fn outgoing(
        &mut self,
        destination: Ipv4Addr,
        control: &SendControl,
        uid: u32,
    ) -> Result<Outgoing, SocketError> {
        if self.shut_write {
            return Err(SocketError::Shutdown);
        }
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let options = &self.options;
        let multicast = destination.is_multicast();
        let chosen = |address: Ipv4Addr| (!address.is_unspecified()).then_some(address);
        let multicast_source = if multicast { options.multicast_source } else { None };
        let multicast_link = if multicast { options.multicast_link } else { None };
        Ok(Outgoing {
            destination,
            source: control.source.and_then(chosen).or(chosen(self.source)).or(multicast_source),
            link: control.link.or(options.bound_link).or(multicast_link),
            ttl: control.ttl.or(options.ttl),
            multicast_ttl: options.multicast_ttl,
            tos: control.tos.unwrap_or(options.tos),
            mark: options.mark,
            priority: options.priority,
            broadcast: options.broadcast,
            discovery: options.pmtu_discovery,
            uid,
            any_source: false,
        })
    }
}

impl Outgoing {
    /// The same with whatever source the user writes into the header.
    pub(in crate::socket) const fn with_any_source(self) -> Self {
        Self { any_source: true, ..self }
    }

    /// Writes what travels beside the bytes.
    pub(in crate::socket) fn mark_packet(&self, packet: &mut Packet) {
        packet.meta.mark = self.mark;
        packet.meta.priority = self.priority;
    }
}

impl DatagramSocket {
    /// The path of one packet, and whether the socket may use it.
    pub(in crate::socket) fn path(&self, outgoing: &Outgoing) -> Result<Path, SocketError> {
        let path = Path::find(
            &self.base.ns,
            &PathQuery {
                destination: outgoing.destination,
                source: outgoing.source,
                link: outgoing.link,
                tos: outgoing.tos,
                mark: outgoing.mark,
                uid: outgoing.uid,
                any_source: outgoing.any_source,
            },
        )?;
        if path.kind == AddressKind::Broadcast && !outgoing.broadcast {
            return Err(SocketError::Prohibited);
        }
        Ok(path)
    }

    /// Puts an IP header in front of `packet` (transport header first) and sends it.
    pub(in crate::socket) fn transmit(
        &self,
        mut packet: Packet,
        protocol: u8,
        outgoing: &Outgoing,
        path: &Path,
        cx: &Cx<'_>,
    ) -> Result<(), SocketError> {
        let total = packet.len() + IPV4_HEADER;
        let fits = total <= path.mtu;
        let dont_fragment = match outgoing.discovery {
            PathMtuDiscovery::Dont => false,
            PathMtuDiscovery::Want => fits,
            PathMtuDiscovery::Do if !fits => return Err(self.too_long(path)),
            PathMtuDiscovery::Do | PathMtuDiscovery::Probe => true,
        };
        let ttl = match path.kind {
            AddressKind::Multicast => outgoing.multicast_ttl,
            _ => outgoing.ttl.unwrap_or(path.default_ttl),
        };
        let header = packet.push_front(IPV4_HEADER).ok_or(SocketError::NoBuffer)?;
        Ipv4Fields {
            src: path.source,
            dst: path.destination,
            protocol,
            ttl,
            tos: outgoing.tos,
            dont_fragment,
            total_len: total,
        }
        .write(header)?;
        outgoing.mark_packet(&mut packet);
        self.push(packet, path, cx)
    }

    /// The path is too narrow: IP_RECVERR sockets read in their error queue by how much
    /// (Linux: `ip_local_error`).
    pub(in crate::socket) fn too_long(&self, path: &Path) -> SocketError {
        let error = SocketError::MessageTooLong;
        let notice = {
            let mut state = self.state.lock();
            let port = state.peer.map_or(0, |peer| peer.port());
            let what = ExtendedError {
                error,
                origin: ErrorOrigin::Local,
                icmp_type: 0,
                code: 0,
                info: u32::try_from(path.mtu).unwrap_or(u32::MAX),
                offender: None,
            };
            let queued = QueuedError {
                what,
                destination: SocketAddrV4::new(path.destination, port),
                payload: Vec::new(),
            };
            let kept = state.options.receive_errors && state.errors.push(queued);
            state.notice(if kept { Readiness::ERR } else { Readiness::empty() })
        };
        notice.tell();
        error
    }

    /// Sends a packet with a complete IP header; waits out one full queue by polling.
    pub(in crate::socket) fn push(
        &self,
        packet: Packet,
        path: &Path,
        cx: &Cx<'_>,
    ) -> Result<(), SocketError> {
        match path.send(&self.base.ns, packet, cx) {
            Ok(()) => Ok(()),
            Err(SendFailure::Full(packet)) => {
                // A queue on our own way is full: empty it here, as the sender's own
                // softirq would, and try once more.
                cx.stack.run_tail(cx);
                match path.send(&self.base.ns, packet, cx) {
                    Ok(()) => Ok(()),
                    Err(SendFailure::Full(_)) => Err(SocketError::NoBuffer),
                    Err(SendFailure::Refused(error)) => Err(error),
                }
            }
            Err(SendFailure::Refused(error)) => Err(error),
        }
    }
}
