//! What UDP, ping and raw sockets share: an address or two, options, a bounded queue of
//! received packets, errors, and who wants to know.
//!
//! A [`DatagramSocket`] is the common part each of them derefs to. Its state is behind one
//! lock (rank `Socket`); what a lookup must know without that lock (local and peer
//! address, bound link) is repeated in the namespace's [`demux`](super::demux) and changed
//! together with it, the table's lock first.

mod groups;
mod queue;
mod receive;
mod send;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use warren_platform::lock::{self, Mutex};
use warren_platform::{Observer, Readiness};

use super::base::{Base, Notice, SocketId, SocketOwner};
use super::error_queue::{ErrorQueue, QueuedError};
use super::options::SocketOptions;
use crate::error::SocketError;
use crate::namespace::Namespace;

pub use receive::Datagram;
pub use send::{SendControl, SendError};

use queue::ReceiveQueue;
pub(super) use queue::ReceivedMeta;
pub(super) use send::Outgoing;

/// No address, no port.
pub(super) const UNBOUND: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// Which half of a socket shutdown(2) shuts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// SHUT_RD.
    Read,
    /// SHUT_WR.
    Write,
    /// SHUT_RDWR.
    Both,
}

impl Shutdown {
    pub(super) const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Both)
    }

    pub(super) const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Both)
    }
}

/// See the module.
#[derive(Debug)]
pub struct DatagramSocket {
    pub(super) base: Base,
    pub(super) state: Mutex<lock::Socket, DatagramState>,
}

#[derive(Debug)]
pub(super) struct DatagramState {
    /// Local address and port; the address is what packets must be addressed to.
    pub(super) local: SocketAddrV4,
    /// The source of what is sent, where it differs: bound to a group, say.
    pub(super) source: Ipv4Addr,
    /// Whether the user chose the local address (a disconnect keeps it then).
    pub(super) address_bound: bool,
    /// Whether the user chose the port.
    pub(super) port_bound: bool,
    pub(super) peer: Option<SocketAddrV4>,
    pub(super) options: SocketOptions,
    pub(super) queue: ReceiveQueue,
    pub(super) errors: ErrorQueue,
    groups: Vec<groups::Membership>,
    pub(super) error: Option<SocketError>,
    pub(super) shut_read: bool,
    pub(super) shut_write: bool,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl DatagramState {
    pub(super) fn readiness(&self) -> Readiness {
        let mut ready = Readiness::OUT;
        ready.set(Readiness::IN, !self.queue.is_empty() || self.shut_read);
        ready.set(Readiness::RDHUP, self.shut_read);
        ready.set(Readiness::HUP, self.shut_read && self.shut_write);
        ready.set(Readiness::ERR, self.error.is_some() || !self.errors.is_empty());
        ready
    }

    pub(super) fn notice(&self, news: Readiness) -> Notice {
        Notice::new(self.observer.as_ref(), news)
    }

    /// Makes `error` pending.
    pub(super) fn fail(&mut self, error: SocketError) -> Notice {
        self.error = Some(error);
        self.notice(Readiness::ERR)
    }

    pub(super) fn take_error(&mut self) -> Option<SocketError> {
        self.error.take()
    }
}

impl DatagramSocket {
    pub(super) fn open(ns: &Arc<Namespace>, owner: SocketOwner) -> Result<Self, SocketError> {
        let state = DatagramState {
            local: UNBOUND,
            source: Ipv4Addr::UNSPECIFIED,
            address_bound: false,
            port_bound: false,
            peer: None,
            options: SocketOptions::datagram(),
            queue: ReceiveQueue::default(),
            errors: ErrorQueue::default(),
            groups: Vec::new(),
            error: None,
            shut_read: false,
            shut_write: false,
            observer: None,
        };
        Ok(Self { base: Base::open(ns, owner)?, state: Mutex::new(state) })
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

    /// What can be done without waiting.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.state.lock().readiness()
    }

    /// SO_ERROR: the pending error, which is thereby gone.
    pub fn take_error(&self) -> Option<SocketError> {
        self.state.lock().take_error()
    }

    /// MSG_ERRQUEUE: the oldest error kept for IP_RECVERR.
    ///
    /// # Errors
    /// [`SocketError::WouldBlock`] if there is none.
    pub fn recv_error(&self) -> Result<QueuedError, SocketError> {
        let mut state = self.state.lock();
        let error = state.errors.pop().ok_or(SocketError::WouldBlock)?;
        // Linux (sock_dequeue_err_skb): SO_ERROR goes on with the next one in the queue.
        state.error = state.errors.front().map(|next| next.what.error);
        Ok(error)
    }

    /// getsockname(2).
    #[must_use]
    pub fn local(&self) -> SocketAddrV4 {
        self.state.lock().local
    }

    /// getpeername(2); `None` if not connected.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddrV4> {
        self.state.lock().peer
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> SocketOptions {
        self.state.lock().options.clone()
    }

    /// Bytes charged to its receive queue, and packets dropped because that was full.
    #[must_use]
    pub fn queued(&self) -> (usize, u64) {
        let state = self.state.lock();
        (state.queue.charged(), state.queue.drops)
    }

    /// FIONREAD: the length of the next packet, zero if there is none.
    #[must_use]
    pub fn next_len(&self) -> usize {
        self.state.lock().queue.front().map_or(0, |received| received.packet.len())
    }

    /// Shuts one half or both.
    ///
    /// # Errors
    /// [`SocketError::NotConnected`] as Linux has it for a socket without a peer (the
    /// halves are shut all the same, and readers are woken).
    pub fn shutdown(&self, how: Shutdown) -> Result<(), SocketError> {
        let (notice, connected) = {
            let mut state = self.state.lock();
            let before = state.readiness();
            state.shut_read |= how.reads();
            state.shut_write |= how.writes();
            let news = state.readiness() - before;
            (state.notice(news), state.peer.is_some())
        };
        notice.tell();
        if connected { Ok(()) } else { Err(SocketError::NotConnected) }
    }

    /// Empties what is left when the process lets go.
    pub(super) fn drain(&self) {
        self.leave_all_groups();
        let left = {
            let mut state = self.state.lock();
            state.errors.clear();
            state.observer = None;
            let charged = state.queue.charged();
            self.base.ns.sockets.uncharge(charged);
            state.queue.take_all()
        };
        drop(left);
    }
}
