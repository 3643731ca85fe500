//! TCP sockets: Linux's stream sockets around smoltcp's protocol engine.
//!
//! | file | what it is |
//! |---|---|
//! | [`engine`], [`clock`], [`rings`], [`segment`] | the engine, its time, its memory, the headers we touch ourselves |
//! | [`table`], [`owners`] | connections by 4-tuple, ports by owner |
//! | [`control`], [`connect`], [`listen`], [`close`] | bind, connect, listen and accept, shutdown and close |
//! | [`stream`], [`readiness`] | bytes in and out, and when there are any |
//! | [`input`], [`output`] | data path: segments in, the run queue and segments out |
//! | [`request`], [`time_wait`] | connections that are no sockets yet, or no more |
//! | [`settle`], [`timers`] | what a step of the engine means, and what happens when nothing comes |
//!
//! A [`TcpSocket`] is Linux's one object for all of it: idle, listening, or one end of a
//! connection. A connection lives in the namespace's table until its last segment is
//! acknowledged, with or without a process behind it.

mod clock;
mod close;
mod connect;
mod control;
mod engine;
mod input;
mod listen;
mod output;
mod owners;
mod readiness;
mod request;
mod rings;
mod segment;
mod settle;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod time_wait;
mod timers;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::SocketAddrV4;
use core::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;
use smoltcp::wire::TcpSeqNumber;
use warren_packet::Packet;
use warren_platform::lock::{self, Mutex};
use warren_platform::{Duration, Instant, Observer};

use super::base::{Base, SocketId};
use super::options::SocketOptions;
use super::path::Path;
use crate::error::SocketError;
use crate::namespace::Namespace;
use engine::Engine;
use rings::RingCharge;
use table::FourTuple;

pub(super) use input::{deliver, icmp_error};
pub(super) use output::RunQueue;
pub use readiness::TcpInfo;
pub(super) use table::{Connection, TcpTable};
pub(super) use timers::on_deadline;

/// `net.core.somaxconn`: the longest backlog listen(2) grants.
pub const MAX_BACKLOG: usize = 4_096;

/// A TCP socket. See the module.
#[derive(Debug)]
pub struct TcpSocket {
    base: Base,
    /// Whether it is on the run queue.
    queued: AtomicBool,
    state: Mutex<lock::Socket, TcpState>,
}

#[derive(Debug)]
struct TcpState {
    local: SocketAddrV4,
    /// The user chose the local address.
    address_bound: bool,
    /// The user chose the local port: it stays when a connection ends.
    port_bound: bool,
    options: SocketOptions,
    observer: Option<Arc<dyn Observer>>,
    error: Option<SocketError>,
    shut_read: bool,
    shut_write: bool,
    /// A connect(2) failed and its caller was not told yet.
    connect_failed: bool,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Neither listening nor connected.
    Idle,
    Listening(Listening),
    Open(Box<Stream>),
}

/// A listener's queues.
#[derive(Debug)]
struct Listening {
    backlog: usize,
    /// Connections to accept, oldest first.
    ready: VecDeque<Arc<TcpSocket>>,
    /// SYNs answered and not yet acknowledged.
    half_open: HashMap<SocketId, FourTuple>,
}

/// How far connect(2) is in telling its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Opening {
    /// The handshake is under way.
    UnderWay,
    /// It succeeded; the next connect(2) says so once.
    Done,
    /// Said, or never asked (an accepted connection).
    Told,
}

/// One end of a connection.
#[derive(Debug)]
struct Stream {
    engine: Engine,
    tuple: FourTuple,
    peer: SocketAddrV4,
    /// The way of the last segment, for those that answer one at once.
    path: Path,
    /// The payload of a segment on the wire: what the peer and the route allow.
    peer_mss: u16,
    opening: Opening,
    /// The engine's state when it was last looked at.
    last: smoltcp::socket::tcp::State,
    /// A packet the next queue had no room for.
    stalled: Option<Packet>,
    /// What the deadline of this socket is set to.
    armed: Option<Instant>,
    /// The namespace's table does not have it (any more).
    detached: bool,
    /// An ICMP error's word on the largest packet the path carries.
    path_limit: usize,
    /// Present once its process let go.
    orphan: Option<Orphan>,
    /// When FIN-WAIT-2 ends for an orphan.
    fin_wait_ends: Option<Instant>,
    progress: Progress,
    /// Gives back the rings' bytes when the stream goes.
    _charge: RingCharge,
}

/// A connection without a process, counted while it lasts.
#[derive(Debug)]
struct Orphan {
    ns: Arc<Namespace>,
    /// How long it may stay in FIN-WAIT-2.
    fin_timeout: Duration,
}

impl Orphan {
    fn new(ns: &Arc<Namespace>, fin_timeout: Duration) -> Self {
        ns.sockets.orphans.fetch_add(1, Ordering::Relaxed);
        Self { ns: ns.clone(), fin_timeout }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        self.ns.sockets.orphans.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for TcpSocket {
    fn drop(&mut self) {
        self.base.ns.sockets.tcp_alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the timers ask about: when things last moved.
#[derive(Debug)]
struct Progress {
    started: Instant,
    /// SYNs sent.
    syns: u32,
    /// The last packet from the peer.
    heard: Instant,
    /// Since when something sent is unacknowledged.
    unacknowledged: Option<Instant>,
    /// The sequence number after the last one the receive ring has room for. The engine
    /// takes the window of its own SYN for a scaled one and would write beyond the ring.
    edge: Option<TcpSeqNumber>,
    /// When the peer last acknowledged something new.
    advanced: Instant,
    /// The peer's last segment announced no window.
    window_shut: bool,
    /// The engine was told to probe a silent peer.
    probing: bool,
    /// A deadline passed since the peer was heard: what is sent again is so by timeout.
    timed_out: bool,
    /// When a stuck window is probed.
    watchdog: Option<Instant>,
    /// Retransmissions since something was acknowledged.
    retransmits: u32,
    /// Our initial sequence number.
    first: TcpSeqNumber,
    /// After the highest sequence number sent.
    sent: TcpSeqNumber,
    /// The last acknowledgement sent.
    acknowledged: TcpSeqNumber,
    /// Bytes that were readable at the last look: more of them are news.
    readable: usize,
}

impl Progress {
    fn new(now: Instant) -> Self {
        Self {
            started: now,
            syns: 0,
            heard: now,
            unacknowledged: None,
            edge: None,
            advanced: now,
            window_shut: false,
            probing: false,
            timed_out: false,
            watchdog: None,
            retransmits: 0,
            first: TcpSeqNumber(0),
            sent: TcpSeqNumber(0),
            acknowledged: TcpSeqNumber(0),
            readable: 0,
        }
    }
}

impl TcpState {
    fn stream(&self) -> Option<&Stream> {
        match &self.phase {
            Phase::Open(stream) => Some(stream),
            _ => None,
        }
    }

    fn stream_mut(&mut self) -> Option<&mut Stream> {
        match &mut self.phase {
            Phase::Open(stream) => Some(stream),
            _ => None,
        }
    }
}
