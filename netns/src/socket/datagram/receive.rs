//! Data path of datagram sockets, inwards: from L3 into the queue, from the queue to the
//! reader.

use core::net::SocketAddrV4;

use warren_packet::Packet;
use warren_platform::{Instant, Readiness};

use super::queue::{Received, ReceivedMeta, charge};
use super::{DatagramSocket, DatagramState};
use crate::error::SocketError;
use crate::ids::Ifindex;
use crate::socket::base::Notice;
use crate::socket::deliver::IcmpError;
use crate::socket::error_queue::QueuedError;

/// A received packet as its reader sees it.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Who sent it (port zero for raw and ping sockets).
    pub from: SocketAddrV4,
    /// To whom it was addressed.
    pub to: SocketAddrV4,
    /// The link it came in by (IP_PKTINFO).
    pub link: Ifindex,
    /// Its time to live (IP_RECVTTL).
    pub ttl: u8,
    /// Its type of service (IP_RECVTOS).
    pub tos: u8,
    /// When it came (SO_TIMESTAMP), on the host's monotonic clock.
    pub at: Instant,
    /// All of it; the reader copies what it has room for.
    pub bytes: &'a [u8],
}

impl Received {
    fn view(&self) -> Datagram<'_> {
        let ReceivedMeta { from, to, link, ttl, tos, at } = self.meta;
        Datagram { from, to, link, ttl, tos, at, bytes: self.packet.bytes() }
    }
}

impl DatagramState {
    /// An ICMP error about something this socket sent to `destination`. Without IP_RECVERR
    /// only connected sockets hear of it, and only if it is final (RFC 1122, 4.1.3.3, as
    /// Linux reads it).
    pub(in crate::socket) fn icmp_error(
        &mut self,
        error: &IcmpError,
        destination: SocketAddrV4,
        payload: &[u8],
    ) -> Notice {
        let Some((meaning, is_final)) = error.meaning() else { return Notice::default() };
        if self.options.receive_errors {
            let mut copy = alloc::vec::Vec::new();
            if copy.try_reserve_exact(payload.len()).is_ok() {
                copy.extend_from_slice(payload);
            }
            let _: bool = self.errors.push(QueuedError {
                what: error.extended(meaning),
                destination,
                payload: copy,
            });
        } else if !is_final || self.peer.is_none() {
            return Notice::default();
        }
        self.fail(meaning)
    }
}

impl DatagramSocket {
    /// Queues a packet whose head is where the user's bytes begin. `false`: the queue is
    /// full, the packet is gone, the caller counts it.
    pub(in crate::socket) fn enqueue(&self, packet: Packet, meta: ReceivedMeta) -> bool {
        let cost = charge(packet.len());
        let sockets = &self.base.ns.sockets;
        if !sockets.charge(cost) {
            self.state.lock().queue.drops += 1;
            return false;
        }
        let (refused, notice) = {
            let mut state = self.state.lock();
            if !self.base.is_attached() {
                (Some(Received { packet, meta }), Notice::default())
            } else {
                let limit = state.options.rcvbuf();
                match state.queue.push(Received { packet, meta }, limit) {
                    Ok(()) => (None, state.notice(Readiness::IN)),
                    Err(received) => (Some(received), Notice::default()),
                }
            }
        };
        notice.tell();
        if refused.is_some() {
            sockets.uncharge(cost);
        }
        refused.is_none()
    }

    /// Receives one packet, or looks at it with `peek`. `sink` runs with no lock held,
    /// except to peek, then under the socket's own.
    ///
    /// # Errors
    /// The pending error; [`SocketError::WouldBlock`] if nothing is there;
    /// [`SocketError::Shutdown`] if reading is shut (read(2) answers zero then).
    pub fn recv<R>(
        &self,
        peek: bool,
        sink: impl FnOnce(&Datagram<'_>) -> R,
    ) -> Result<R, SocketError> {
        let received = {
            let mut state = self.state.lock();
            if let Some(error) = state.take_error() {
                return Err(error);
            }
            if peek && let Some(received) = state.queue.front() {
                return Ok(sink(&received.view()));
            }
            match state.queue.pop() {
                Some(received) => received,
                None if state.shut_read => return Err(SocketError::Shutdown),
                None => return Err(SocketError::WouldBlock),
            }
        };
        self.base.ns.sockets.uncharge(charge(received.packet.len()));
        Ok(sink(&received.view()))
    }
}
