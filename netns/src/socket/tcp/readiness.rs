//! What can be done with a TCP socket without waiting (Linux: `tcp_poll`), its state, and
//! what it tells about itself.

use alloc::sync::Arc;
use core::net::SocketAddrV4;
use core::sync::atomic::Ordering;

use smoltcp::socket::tcp::State;
use warren_platform::{Duration, Instant, Readiness};

use super::table::Connection;
use super::{Opening, Phase, Stream, TcpSocket, TcpState};
use crate::socket::snapshot::{SocketInfo, SocketState, SocketTimer};

/// What TCP_INFO tells beside the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpInfo {
    /// The state.
    pub state: SocketState,
    /// Retransmissions since something was acknowledged.
    pub retransmits: u32,
    /// The payload of a segment we send.
    pub send_mss: usize,
    /// The path's MTU.
    pub path_mtu: usize,
    /// Bytes sent or to be sent and not acknowledged.
    pub unacknowledged: usize,
    /// Bytes of the receive ring.
    pub receive_space: usize,
    /// How long ago the peer was heard.
    pub since_heard: Duration,
}

impl Stream {
    pub(super) fn is_opening(&self) -> bool {
        self.opening == Opening::UnderWay
    }

    /// Whether the peer will send no more.
    pub(super) fn has_ended(&self) -> bool {
        matches!(
            self.engine.state(),
            State::CloseWait | State::LastAck | State::Closing | State::TimeWait | State::Closed
        )
    }

    fn writable(&self) -> bool {
        let socket = self.engine.socket();
        // Linux (sk_stream_is_writeable): a third of the buffer is free.
        let free = socket.send_capacity() - socket.send_queue();
        free * 3 >= socket.send_capacity()
    }

    pub(super) fn state(&self) -> SocketState {
        if self.detached {
            return SocketState::Close;
        }
        match self.engine.state() {
            State::Closed => SocketState::Close,
            State::Listen | State::SynReceived => SocketState::SynReceived,
            State::SynSent => SocketState::SynSent,
            State::Established => SocketState::Established,
            State::FinWait1 => SocketState::FinWait1,
            State::FinWait2 => SocketState::FinWait2,
            State::CloseWait => SocketState::CloseWait,
            State::Closing => SocketState::Closing,
            State::LastAck => SocketState::LastAck,
            State::TimeWait => SocketState::TimeWait,
        }
    }
}

impl TcpState {
    pub(super) fn state(&self) -> SocketState {
        match &self.phase {
            Phase::Idle => SocketState::Close,
            Phase::Listening(_) => SocketState::Listen,
            Phase::Open(stream) => stream.state(),
        }
    }

    pub(super) fn readiness(&self) -> Readiness {
        let mut ready = Readiness::empty();
        ready.set(Readiness::ERR, self.error.is_some());
        match &self.phase {
            Phase::Listening(listening) => {
                ready.set(Readiness::IN, !listening.ready.is_empty());
                return ready;
            }
            Phase::Idle => return ready | Readiness::OUT | Readiness::HUP | self.ends(true),
            Phase::Open(stream) => {
                let closed = self.state() == SocketState::Close;
                let ended = stream.has_ended();
                ready |= self.ends(ended);
                let shut_both = self.shut_write && (self.shut_read || ended);
                ready.set(Readiness::HUP, closed || shut_both);
                if !stream.is_opening() {
                    let readable = stream.engine.socket().recv_queue() > 0;
                    ready.set(Readiness::IN, readable || self.shut_read || ended);
                    ready.set(Readiness::OUT, self.shut_write || closed || stream.writable());
                }
            }
        }
        ready
    }

    fn ends(&self, ended: bool) -> Readiness {
        let idle = matches!(self.phase, Phase::Idle);
        if self.shut_read || (ended && (!idle || self.connect_failed)) {
            Readiness::IN | Readiness::RDHUP
        } else {
            Readiness::empty()
        }
    }
}

impl TcpSocket {
    /// What can be done without waiting.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.state.lock().readiness()
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> SocketState {
        self.state.lock().state()
    }

    /// SIOCINQ: bytes to read.
    #[must_use]
    pub fn queued_in(&self) -> usize {
        self.state.lock().stream().map_or(0, |stream| stream.engine.socket().recv_queue())
    }

    /// SIOCOUTQ: bytes sent or to be sent and not acknowledged.
    #[must_use]
    pub fn queued_out(&self) -> usize {
        self.state.lock().stream().map_or(0, |stream| stream.engine.socket().send_queue())
    }

    /// TCP_INFO at `now`.
    #[must_use]
    pub fn info(&self, now: Instant) -> TcpInfo {
        let state = self.state.lock();
        let stream = state.stream();
        TcpInfo {
            state: state.state(),
            retransmits: stream.map_or(0, |stream| stream.progress.retransmits),
            send_mss: stream.map_or(536, |stream| stream.mss(&state.options)),
            path_mtu: stream.map_or(0, |stream| stream.path.mtu),
            unacknowledged: stream.map_or(0, |stream| stream.engine.socket().send_queue()),
            receive_space: stream.map_or(0, |stream| stream.engine.socket().recv_capacity()),
            since_heard: stream.map_or(Duration::ZERO, |stream| now.since(stream.progress.heard)),
        }
    }

    /// The socket's line in /proc/net/tcp; the caller counts references.
    pub(in crate::socket) fn line(&self, references: usize) -> SocketInfo {
        const NOBODY: SocketAddrV4 = super::table::FourTuple::NONE.remote;
        let state = self.state.lock();
        let mut info = SocketInfo {
            local: state.local,
            peer: state.stream().map_or(NOBODY, |stream| stream.peer),
            state: state.state(),
            tx_queue: 0,
            rx_queue: 0,
            timer: SocketTimer::Off,
            expires: None,
            retransmits: 0,
            uid: self.base.uid(),
            inode: self.base.inode(),
            drops: 0,
            references: references + usize::from(self.queued.load(Ordering::Relaxed)),
        };
        match &state.phase {
            Phase::Idle => {}
            Phase::Listening(listening) => {
                info.rx_queue = listening.ready.len();
                info.tx_queue = listening.backlog;
            }
            Phase::Open(stream) => {
                let socket = stream.engine.socket();
                (info.tx_queue, info.rx_queue) = (socket.send_queue(), socket.recv_queue());
                info.retransmits = stream.progress.retransmits;
                info.expires = stream.armed;
                info.timer = match stream.armed {
                    None => SocketTimer::Off,
                    Some(_) if stream.progress.watchdog.is_some() => SocketTimer::Probe,
                    Some(_) if stream.progress.unacknowledged.is_some() => SocketTimer::Retransmit,
                    Some(_) => SocketTimer::KeepAlive,
                };
            }
        }
        info
    }
}

impl Connection {
    /// Its line in /proc/net/tcp.
    pub(in crate::socket) fn line(&self) -> SocketInfo {
        let (ends, state, timer, retransmits) = match self {
            Self::Socket(socket) => return socket.line(Arc::strong_count(socket) - 1),
            Self::Request(request) => (
                request.ends(),
                SocketState::SynReceived,
                SocketTimer::Retransmit,
                request.retries(),
            ),
            Self::TimeWait(wait) => (wait.ends(), SocketState::TimeWait, SocketTimer::TimeWait, 0),
        };
        SocketInfo {
            local: ends.local,
            peer: ends.remote,
            state,
            tx_queue: 0,
            rx_queue: 0,
            timer,
            expires: None,
            retransmits,
            uid: 0,
            inode: 0,
            drops: 0,
            references: 1,
        }
    }
}
