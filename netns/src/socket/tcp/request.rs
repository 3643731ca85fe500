//! Half-open connections: a SYN that was answered and not yet acknowledged.
//!
//! A [`Request`] is a few hundred bytes, whatever the rings of the connection will be. It
//! keeps the SYN and the seed of the initial sequence number; a stand-in engine made of the
//! two writes the SYN-ACK (again), and the same seed gives the real engine, made when the
//! acknowledgement comes, the same sequence number.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering};

use smoltcp::socket::tcp::State;
use smoltcp::wire::{Ipv4Packet, TcpSeqNumber};
use warren_packet::{Checksum, Packet};
use warren_platform::{Duration, Readiness};

use super::engine::Engine;
use super::input::{query_back, refuse};
use super::owners::Owner;
use super::rings::{RingSizes, Rings};
use super::segment::{Segment, SynTerms, set_syn_terms};
use super::table::{Connection, FourTuple};
use super::{Opening, Phase, Progress, Stream, TcpSocket, TcpState};
use crate::cx::Cx;
use crate::deadline::Key;
use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::base::{Base, Notice, SocketId, SocketOwner};
use crate::socket::counters::Counter;
use crate::socket::options::SocketOptions;
use crate::socket::path::{Path, SendFailure};
use crate::socket::wire::{IPV4_HEADER, TCP_HEADER};

/// `net.ipv4.tcp_synack_retries`.
const RETRIES: u8 = 5;
/// Until the first retransmission (TCP_TIMEOUT_INIT); doubled for each.
const TIMEOUT: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(in crate::socket) struct Request {
    pub(super) id: SocketId,
    pub(super) listener: Arc<TcpSocket>,
    tuple: FourTuple,
    /// Both headers of the SYN, without data.
    syn: Vec<u8>,
    seed: u64,
    /// Our initial sequence number, and the peer's.
    ours: TcpSeqNumber,
    theirs: TcpSeqNumber,
    peer_mss: u16,
    sizes: RingSizes,
    options: SocketOptions,
    path: Path,
    retries: AtomicU8,
}

/// A SYN for `listener`: answers it if the queues have room (Linux drops it if not; the
/// client tries again).
pub(super) fn open(
    ns: &Arc<Namespace>,
    listener: &Arc<TcpSocket>,
    packet: &Packet,
    segment: &Segment,
    cx: &Cx<'_>,
) {
    let counters = &ns.sockets.counters;
    let options = {
        let state = listener.state.lock();
        let Phase::Listening(listening) = &state.phase else { return };
        if listening.ready.len() > listening.backlog {
            counters.count(Counter::ListenOverflows);
            counters.count(Counter::ListenDrops);
            return;
        }
        if listening.half_open.len() > listening.backlog {
            counters.count(Counter::ListenDrops);
            return;
        }
        state.options.clone()
    };
    let Some((request, answer)) = prepare(ns, listener, packet, segment, options, cx) else {
        counters.count(Counter::ListenDrops);
        return;
    };
    let request = Arc::new(request);
    if enter(ns, &request).is_err() {
        counters.count(Counter::ListenDrops);
        return;
    }
    let at = cx.now + TIMEOUT;
    ns.deadlines.set(Key::Socket(request.id.0), at, ns, cx.stack.platform());
    request.send(ns, answer, cx);
}

fn prepare(
    ns: &Arc<Namespace>,
    listener: &Arc<TcpSocket>,
    packet: &Packet,
    segment: &Segment,
    options: SocketOptions,
    cx: &Cx<'_>,
) -> Option<(Request, Packet)> {
    let path = Path::find(ns, &query_back(&segment.tuple, &options)).ok()?;
    let mut seed = [0; 8];
    cx.stack.platform().fill_random(&mut seed);
    let mut request = Request {
        id: ns.sockets.fresh_id(),
        listener: listener.clone(),
        tuple: segment.tuple,
        syn: headers_of(packet, segment)?,
        seed: u64::from_le_bytes(seed),
        ours: TcpSeqNumber(0),
        theirs: segment.seq,
        peer_mss: segment.mss.unwrap_or(536),
        sizes: RingSizes::choose(ns, &options),
        options,
        path,
        retries: AtomicU8::new(0),
    };
    let answer = request.answer(cx)?;
    request.ours = Segment::built(&answer)?.seq;
    Some((request, answer))
}

/// The SYN without data, which is not taken before the handshake is done.
fn headers_of(packet: &Packet, segment: &Segment) -> Option<Vec<u8>> {
    let bytes = packet.bytes().get(..segment.headers)?;
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).ok()?;
    copy.extend_from_slice(bytes);
    let total = u16::try_from(copy.len()).ok()?;
    Ipv4Packet::new_unchecked(&mut copy[..]).set_total_len(total);
    Some(copy)
}

/// Enters the request into the table and its listener's account.
fn enter(ns: &Arc<Namespace>, request: &Arc<Request>) -> Result<(), SocketError> {
    let mut demux = ns.sockets.demux.write();
    if demux.tcp.connection(&request.tuple).is_some() {
        return Err(SocketError::AddrInUse);
    }
    let mut state = request.listener.state.lock();
    let Phase::Listening(listening) = &mut state.phase else { return Err(SocketError::Invalid) };
    listening.half_open.try_reserve(1).map_err(|_| SocketError::NoBuffer)?;
    demux.tcp.insert(request.tuple, Connection::Request(request.clone()))?;
    listening.half_open.insert(request.id, request.tuple);
    Ok(())
}

/// Takes the request out again.
fn forget(ns: &Arc<Namespace>, request: &Request) {
    ns.deadlines.clear(Key::Socket(request.id.0));
    let gone = {
        let mut demux = ns.sockets.demux.write();
        if let Phase::Listening(listening) = &mut request.listener.state.lock().phase {
            listening.half_open.remove(&request.id);
        }
        demux.tcp.remove(&request.tuple, request.id)
    };
    drop(gone);
}

impl Request {
    /// The SYN-ACK, the same each time.
    fn answer(&self, cx: &Cx<'_>) -> Option<Packet> {
        let mut engine = Engine::new(Rings::token(), cx.now);
        let mut answer = self.handshake(&mut engine, cx)?;
        let terms = SynTerms { mss: self.own_mss(), window: Some(self.sizes.window()) };
        set_syn_terms(&mut answer, &terms);
        answer.meta.checksum = Checksum::NotComputed;
        answer.meta.mark = self.options.mark;
        answer.meta.priority = self.options.priority;
        answer.bytes_mut()[1] = self.options.tos;
        answer.bytes_mut()[8] = self.options.ttl.unwrap_or(self.path.default_ttl);
        Some(answer)
    }

    /// Whether a sequence number is in the window the SYN-ACK announced.
    fn window_holds(&self, seq: TcpSeqNumber) -> bool {
        let first = self.theirs + 1;
        seq >= first && seq < first + usize::from(self.sizes.window().0)
    }

    fn own_mss(&self) -> u16 {
        let route = self.path.mtu.saturating_sub(IPV4_HEADER + TCP_HEADER);
        let wanted = self.options.tcp.max_segment.map_or(route, usize::from);
        u16::try_from(route.min(wanted)).unwrap_or(u16::MAX)
    }

    /// Shows `engine` the SYN and takes its answer.
    fn handshake(&self, engine: &mut Engine, cx: &Cx<'_>) -> Option<Packet> {
        let pool = cx.stack.pool();
        let opened = engine.listen(&self.tuple)
            && engine.input(&self.syn, self.seed, cx.now, pool).ok()?.is_none()
            && engine.state() == State::SynReceived;
        if opened { engine.output(cx.now, pool).ok()? } else { None }
    }

    fn send(&self, ns: &Arc<Namespace>, packet: Packet, cx: &Cx<'_>) {
        ns.sockets.counters.count(Counter::TcpOutSegs);
        match self.path.send(ns, packet, cx) {
            // A SYN-ACK that finds no room is lost like any other.
            Ok(()) | Err(SendFailure::Refused(_) | SendFailure::Full(_)) => {}
        }
    }
}

/// A segment for a half-open connection.
pub(super) fn input(
    ns: &Arc<Namespace>,
    request: &Arc<Request>,
    packet: &Packet,
    segment: &Segment,
    cx: &Cx<'_>,
) {
    if segment.rst {
        // RFC 5961, 3.2: only the exact sequence number is believed.
        if segment.seq == request.theirs + 1 {
            ns.sockets.counters.count(Counter::TcpAttemptFails);
            forget(ns, request);
        }
    } else if segment.syn {
        if segment.seq == request.theirs
            && !segment.ack
            && let Some(answer) = request.answer(cx)
        {
            request.send(ns, answer, cx);
        }
    } else if segment.ack && segment.ack_number != request.ours + 1 {
        refuse(ns, packet.bytes(), &segment.tuple, cx);
    } else if segment.ack && request.window_holds(segment.seq) {
        establish(ns, request, packet, segment, cx);
    }
}

/// The acknowledgement came: a socket takes the request's place, if the accept queue has
/// room and there is memory. If not, the peer will try again.
fn establish(
    ns: &Arc<Namespace>,
    request: &Arc<Request>,
    packet: &Packet,
    segment: &Segment,
    cx: &Cx<'_>,
) {
    let counters = &ns.sockets.counters;
    let Some(child) = spawn(ns, request, cx) else {
        counters.count(Counter::ListenDrops);
        return;
    };
    match adopt(ns, request, &child) {
        Ok(notice) => {
            ns.deadlines.clear(Key::Socket(request.id.0));
            counters.count(Counter::TcpPassiveOpens);
            // The segment may carry data, or even the end of it.
            child.input(packet, segment, cx);
            notice.tell();
        }
        Err(error) => {
            if error == SocketError::WouldBlock {
                counters.count(Counter::ListenOverflows);
            }
            counters.count(Counter::ListenDrops);
        }
    }
}

/// The connection's socket, its handshake replayed up to the SYN-ACK.
fn spawn(ns: &Arc<Namespace>, request: &Request, cx: &Cx<'_>) -> Option<Arc<TcpSocket>> {
    let (rings, charge) = Rings::allocate(ns, request.sizes).ok()?;
    let mut engine = Engine::new(rings, cx.now);
    super::connect::configure(&mut engine, &request.options, &request.path);
    let answer = request.handshake(&mut engine, cx)?;
    drop(answer);
    engine.clock.speed_up(cx.now);
    let owner = SocketOwner { uid: request.listener.base.uid() };
    let base = Base::spawned(ns, owner).ok()?;
    let mut progress = Progress::new(cx.now);
    progress.syns = 1;
    progress.first = request.ours;
    progress.sent = request.ours + 1;
    progress.acknowledged = request.theirs + 1;
    progress.edge = Some(request.theirs + 1 + request.sizes.rx);
    let stream = Stream {
        last: engine.state(),
        engine,
        tuple: request.tuple,
        peer: request.tuple.remote,
        path: request.path.clone(),
        path_limit: usize::MAX,
        peer_mss: request.peer_mss,
        opening: Opening::Told,
        stalled: None,
        armed: None,
        detached: false,
        orphan: None,
        fin_wait_ends: None,
        progress,
        _charge: charge,
    };
    let state = TcpState {
        local: request.tuple.local,
        address_bound: true,
        port_bound: false,
        options: request.options.clone(),
        observer: None,
        error: None,
        shut_read: false,
        shut_write: false,
        connect_failed: false,
        phase: Phase::Open(alloc::boxed::Box::new(stream)),
    };
    Some(Arc::new(TcpSocket::around(base, state)))
}

/// Puts `child` where `request` was, and at the end of the accept queue.
/// [`SocketError::WouldBlock`]: the accept queue is full.
fn adopt(
    ns: &Arc<Namespace>,
    request: &Arc<Request>,
    child: &Arc<TcpSocket>,
) -> Result<Notice, SocketError> {
    let mut demux = ns.sockets.demux.write();
    let mut state = request.listener.state.lock();
    let before = state.readiness();
    let Phase::Listening(listening) = &mut state.phase else { return Err(SocketError::Invalid) };
    if listening.ready.len() > listening.backlog {
        return Err(SocketError::WouldBlock);
    }
    listening.ready.try_reserve(1).map_err(|_| SocketError::NoBuffer)?;
    let tcp = &mut demux.tcp;
    let Some(gone) = tcp.remove(&request.tuple, request.id) else {
        return Err(SocketError::Invalid);
    };
    listening.half_open.remove(&request.id);
    let owner = Owner {
        local: *request.tuple.local.ip(),
        link: request.options.bound_link,
        reuse_addr: request.options.reuse_addr,
        reuse_port: request.options.reuse_port,
        uid: child.base.uid(),
        listening: false,
        time_wait: false,
        chosen: false,
    };
    let port = request.tuple.local.port();
    tcp.owners.set(port, child.base.id, owner)?;
    if let Err(error) = tcp.insert(request.tuple, Connection::Socket(child.clone())) {
        tcp.owners.remove(port, child.base.id);
        return Err(error);
    }
    listening.ready.push_back(child.clone());
    let news = (state.readiness() - before) | Readiness::IN;
    let notice = Notice::new(state.observer.as_ref(), news);
    drop((state, demux));
    drop(gone);
    Ok(notice)
}

/// The acknowledgement did not come: the SYN-ACK is sent again, five times in all.
pub(super) fn on_deadline(ns: &Arc<Namespace>, request: &Arc<Request>, cx: &Cx<'_>) {
    let retries = request.retries.fetch_add(1, Ordering::Relaxed);
    if retries >= RETRIES {
        ns.sockets.counters.count(Counter::TcpAttemptFails);
        forget(ns, request);
        return;
    }
    let at = cx.now + TIMEOUT * (2 << retries);
    ns.deadlines.set(Key::Socket(request.id.0), at, ns, cx.stack.platform());
    if let Some(answer) = request.answer(cx) {
        ns.sockets.counters.count(Counter::TcpRetransSegs);
        request.send(ns, answer, cx);
    }
}

impl Request {
    /// Its line in /proc/net/tcp.
    pub(in crate::socket) const fn ends(&self) -> &FourTuple {
        &self.tuple
    }

    /// Retransmissions of the SYN-ACK.
    pub(in crate::socket) fn retries(&self) -> u32 {
        u32::from(self.retries.load(Ordering::Relaxed))
    }
}
