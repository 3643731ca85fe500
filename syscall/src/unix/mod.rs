//! AF_UNIX: stream, datagram and seqpacket sockets within one machine.
//!
//! Each socket owns an inbox; sending puts a message into the peer's. Abstract names live in
//! the namespace, path names in the host's file system ([`crate::process::Process`]).
//!
//! Invariants: a socket refers to its peer weakly, so a closed one is gone at once; the
//! inbox is bounded by the sender's SO_SNDBUF (bytes) and, for datagrams, by
//! [`MAX_DATAGRAMS`]; one socket's lock is never held while another's is taken, and
//! observers and dropped files are dealt with after it is released.

mod bound;
mod connect;
mod names;
mod rights;
#[cfg(test)]
mod tests;
mod transfer;

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use warren_netns::Namespace;
use warren_platform::lock::{self, Mutex};
use warren_platform::{Observer, Readiness};

use crate::abi::{SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
use crate::cred::Caller;
use crate::errno::Errno;
use crate::socket::message::Shutdown;

pub use bound::Name;
pub use names::UnixTable;
pub use rights::Credentials;
use transfer::Message;

/// Datagrams that may wait in one inbox (`net.unix.max_dgram_qlen`, which Linux exceeds by
/// one before it refuses).
pub(crate) const MAX_DATAGRAMS: usize = 11;
/// `net.core.wmem_default`.
const SEND_BUFFER: usize = 212_992;

/// What kind of unix socket it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnixKind {
    /// SOCK_STREAM.
    Stream,
    /// SOCK_DGRAM (and SOCK_RAW, which Linux turns into it).
    Datagram,
    /// SOCK_SEQPACKET.
    SeqPacket,
}

impl UnixKind {
    /// The SOCK_* number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Stream => SOCK_STREAM,
            Self::Datagram => SOCK_DGRAM,
            Self::SeqPacket => SOCK_SEQPACKET,
        }
    }

    const fn is_connected_kind(self) -> bool {
        !matches!(self, Self::Datagram)
    }
}

/// What a unix socket is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnixState {
    /// Nothing.
    Unconnected,
    /// It waits for connections.
    Listening,
    /// It has a peer, or a destination.
    Connected,
}

/// One end. See the module.
#[derive(Debug)]
pub struct UnixSocket {
    ns: Arc<Namespace>,
    kind: UnixKind,
    table: Arc<UnixTable>,
    number: u64,
    inode: AtomicU64,
    credentials: Credentials,
    send_limit: AtomicUsize,
    state: Mutex<lock::Socket, State>,
}

#[derive(Debug, Default)]
struct State {
    name: Option<Name>,
    phase: Phase,
    peer: Weak<UnixSocket>,
    peer_credentials: Option<Credentials>,
    inbox: VecDeque<Message>,
    inbox_bytes: usize,
    receive_shut: bool,
    send_shut: bool,
    closed: bool,
    error: Option<Errno>,
    pass_credentials: bool,
    observer: Option<Arc<dyn Observer>>,
    /// Who waits for room here: in the backlog of a listener, in the inbox of a datagram
    /// socket. (A stream's only sender is its peer.)
    waiting: VecDeque<Weak<UnixSocket>>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Listening {
        backlog: usize,
        queue: VecDeque<Arc<UnixSocket>>,
    },
    Connected,
}

impl UnixSocket {
    /// A new, unbound socket of `ns`.
    #[must_use]
    pub fn open(ns: &Arc<Namespace>, kind: UnixKind, caller: &dyn Caller) -> Arc<Self> {
        Self::make(ns, kind, Credentials::of(caller))
    }

    fn make(ns: &Arc<Namespace>, kind: UnixKind, credentials: Credentials) -> Arc<Self> {
        let table = ns.extensions.get::<UnixTable>();
        let socket = Arc::new(Self {
            ns: ns.clone(),
            kind,
            number: table.next_number(),
            inode: AtomicU64::new(0),
            table,
            credentials,
            send_limit: AtomicUsize::new(SEND_BUFFER),
            state: Mutex::default(),
        });
        socket.table.register(&socket);
        socket
    }

    /// Two sockets connected to each other (`socketpair`).
    #[must_use]
    pub fn pair(
        ns: &Arc<Namespace>,
        kind: UnixKind,
        caller: &dyn Caller,
    ) -> (Arc<Self>, Arc<Self>) {
        let (one, other) = (Self::open(ns, kind, caller), Self::open(ns, kind, caller));
        for (end, peer) in [(&one, &other), (&other, &one)] {
            let mut state = end.state.lock();
            state.peer = Arc::downgrade(peer);
            state.peer_credentials = Some(peer.credentials);
            state.phase = Phase::Connected;
        }
        (one, other)
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> UnixKind {
        self.kind
    }

    /// The inode number its host shows for it.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode.load(Ordering::Relaxed)
    }

    /// See [`UnixSocket::inode`].
    pub fn set_inode(&self, inode: u64) {
        self.inode.store(inode, Ordering::Relaxed);
    }

    /// SO_PEERCRED: who connected, listened or made the pair.
    #[must_use]
    pub fn peer_credentials(&self) -> Option<Credentials> {
        self.state.lock().peer_credentials
    }

    /// SO_ACCEPTCONN.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Listening { .. })
    }

    /// Its state, as /proc/net/unix tells it.
    #[must_use]
    pub fn shown_state(&self) -> UnixState {
        match self.state.lock().phase {
            Phase::Listening { .. } => UnixState::Listening,
            Phase::Connected => UnixState::Connected,
            Phase::Idle => UnixState::Unconnected,
        }
    }

    /// SO_PASSCRED.
    pub fn set_pass_credentials(&self, on: bool) {
        self.state.lock().pass_credentials = on;
    }

    /// SO_PASSCRED.
    #[must_use]
    pub fn passes_credentials(&self) -> bool {
        self.state.lock().pass_credentials
    }

    /// SO_SNDBUF, in bytes that may wait in the peer's inbox.
    pub fn set_send_limit(&self, bytes: usize) {
        self.send_limit.store(bytes, Ordering::Relaxed);
    }

    /// SO_SNDBUF.
    #[must_use]
    pub fn send_limit(&self) -> usize {
        self.send_limit.load(Ordering::Relaxed)
    }

    /// SO_ERROR: takes the pending error.
    #[must_use]
    pub fn take_error(&self) -> Option<Errno> {
        self.state.lock().error.take()
    }

    /// Bytes waiting to be read (FIONREAD): all of a stream's, the first datagram's.
    #[must_use]
    pub fn readable_bytes(&self) -> usize {
        let state = self.state.lock();
        match self.kind {
            UnixKind::Stream => state.inbox_bytes,
            _ => state.inbox.front().map_or(0, Message::len),
        }
    }

    /// Who hears of news.
    pub fn set_observer(&self, observer: Arc<dyn Observer>) {
        self.state.lock().observer = Some(observer);
    }

    fn notify(&self, news: Readiness) {
        let observer = self.state.lock().observer.clone();
        if let Some(observer) = observer {
            observer.notify(news);
        }
    }

    /// What it can do without waiting (`unix_poll`, `unix_dgram_poll`).
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let (mut ready, peer, connected) = {
            let state = self.state.lock();
            let mut ready = Readiness::empty();
            ready.set(Readiness::ERR, state.error.is_some());
            ready.set(Readiness::HUP, state.receive_shut && state.send_shut);
            ready.set(Readiness::RDHUP, state.receive_shut);
            let news = match &state.phase {
                Phase::Listening { queue, .. } => !queue.is_empty(),
                Phase::Idle | Phase::Connected => !state.inbox.is_empty() || state.receive_shut,
            };
            ready.set(Readiness::IN, news);
            let idle = matches!(state.phase, Phase::Idle);
            ready.set(
                Readiness::HUP,
                ready.contains(Readiness::HUP) || idle && self.kind.is_connected_kind(),
            );
            if matches!(state.phase, Phase::Listening { .. }) {
                return ready;
            }
            (ready, state.peer.upgrade(), matches!(state.phase, Phase::Connected))
        };
        let room = match peer {
            Some(peer) if connected => peer.has_room_for_one(self.send_limit()),
            _ => true,
        };
        ready.set(Readiness::OUT, room);
        ready
    }

    /// Shuts one direction or both.
    ///
    /// # Errors
    /// ENOTCONN on a stream that is not connected.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        let peer = {
            let mut state = self.state.lock();
            state.receive_shut |= how.receive();
            state.send_shut |= how.send();
            state.peer.upgrade()
        };
        if let Some(peer) = peer.filter(|_| self.kind.is_connected_kind()) {
            {
                let mut state = peer.state.lock();
                state.receive_shut |= how.send();
                state.send_shut |= how.receive();
            }
            peer.notify(Readiness::all());
        }
        self.notify(Readiness::all());
        Ok(())
    }

    /// The last descriptor is gone. The peer reads what is left, then the end.
    pub fn close(&self) {
        self.table.forget(self);
        let (peer, state) = {
            let mut state = self.state.lock();
            let left = core::mem::replace(&mut *state, State { closed: true, ..State::default() });
            (left.peer.upgrade(), left)
        };
        if let Some(peer) = peer.filter(|_| self.kind.is_connected_kind()) {
            {
                let mut theirs = peer.state.lock();
                theirs.receive_shut = true;
                theirs.send_shut = true;
                if !state.inbox.is_empty() {
                    theirs.error = Some(Errno::ECONNRESET);
                }
            }
            peer.notify(Readiness::all());
        }
        for waiting in state.waiting {
            if let Some(waiting) = waiting.upgrade() {
                waiting.notify(Readiness::all());
            }
        }
        if let Phase::Listening { queue, .. } = state.phase {
            for embryo in queue {
                embryo.refuse();
            }
        }
    }

    /// A connection nobody accepted: its peer sees a reset.
    fn refuse(&self) {
        self.table.forget(self);
        let peer = {
            let mut state = self.state.lock();
            state.closed = true;
            state.peer.upgrade()
        };
        if let Some(peer) = peer {
            {
                let mut theirs = peer.state.lock();
                theirs.receive_shut = true;
                theirs.send_shut = true;
                theirs.error = Some(Errno::ECONNRESET);
            }
            peer.notify(Readiness::all());
        }
    }
}
