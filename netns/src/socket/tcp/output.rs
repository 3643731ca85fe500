//! Data path outwards: the run queue, and segments on their way to L3.
//!
//! Whoever gives the engine something to do puts the socket on its namespace's run queue;
//! the namespace's NAPI poll takes it off, asks the engine for a few packets, and hands
//! them to L3 with no lock held. A socket is on the queue once at most.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use core::num::NonZeroU16;
use warren_packet::{Checksum, Gso, Packet};
use warren_platform::lock::{self, Mutex};

use super::segment::{Segment, SynTerms, set_syn_terms};
use super::settle::{After, Cause};
use super::timers::{NO_ROUTE, STALL};
use super::{Stream, TcpSocket, TcpState};
use crate::cx::Cx;
use crate::deadline::Key;
use crate::namespace::Namespace;
use crate::socket::counters::Counter;
use crate::socket::options::SocketOptions;
use crate::socket::path::{Path, PathQuery, SendFailure};
use crate::socket::table::SocketTable;
use crate::socket::wire::{IPV4_HEADER, TCP_HEADER};

/// Packets a socket may send before the next one has its turn.
const TURN: usize = 16;
/// The least payload a segment carries, whatever a peer or a route says (TCP_MIN_SND_MSS).
const MIN_MSS: usize = 48;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::socket) struct RunQueue(Mutex<lock::Queue, VecDeque<Arc<TcpSocket>>>);

impl RunQueue {
    /// Puts a socket on the queue and has the namespace polled.
    pub(super) fn push(&self, socket: &Arc<TcpSocket>, cx: &Cx<'_>) {
        if socket.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        {
            let mut queue = self.0.lock();
            if queue.try_reserve(1).is_err() {
                socket.queued.store(false, Ordering::Release);
                drop(queue);
                let (base, key) = (&socket.base, Key::Socket(socket.base.id.0));
                let platform = cx.stack.platform();
                base.ns.deadlines.set(key, cx.now + STALL, &base.ns, platform);
                return;
            }
            queue.push_back(socket.clone());
        }
        socket.base.ns.schedule_poll(cx);
    }

    fn pop(&self) -> Option<Arc<TcpSocket>> {
        let socket = self.0.lock().pop_front()?;
        // What happens from here on is seen by this turn or puts the socket back.
        socket.queued.store(false, Ordering::Release);
        Some(socket)
    }

    /// Forgets everything: the namespace goes.
    pub(in crate::socket) fn clear(&self) {
        let left = core::mem::take(&mut *self.0.lock());
        drop(left);
    }
}

impl SocketTable {
    /// Lets sockets that have something to send do so, at most `weight` packets in all.
    /// Returns how many were sent; less than `weight` means that none is left waiting.
    pub(crate) fn run(&self, weight: usize, cx: &Cx<'_>) -> usize {
        let mut done = 0;
        while done < weight {
            let Some(socket) = self.run_queue.pop() else { return done };
            done += socket.transmit((weight - done).min(TURN), cx).max(1);
        }
        done
    }
}

impl Stream {
    /// Free bytes of the receive ring.
    pub(super) fn receive_room(&self) -> usize {
        let socket = self.engine.socket();
        socket.recv_capacity() - socket.recv_queue()
    }

    /// The payload of a segment on the wire.
    pub(super) fn mss(&self, options: &SocketOptions) -> usize {
        self.own_mss(options).min(usize::from(self.peer_mss)).max(MIN_MSS)
    }

    /// The payload of a segment this end can receive and the route can carry.
    pub(super) fn own_mss(&self, options: &SocketOptions) -> usize {
        let mtu = self.path.mtu.min(self.path_limit);
        let route = mtu.saturating_sub(IPV4_HEADER + TCP_HEADER);
        options.tcp.max_segment.map_or(route, |wanted| route.min(usize::from(wanted)))
    }

    pub(super) fn query(&self, options: &SocketOptions, uid: u32) -> PathQuery {
        PathQuery {
            destination: *self.tuple.remote.ip(),
            source: Some(*self.tuple.local.ip()),
            link: options.bound_link,
            tos: options.tos,
            mark: options.mark,
            uid,
            any_source: false,
        }
    }

    /// Gives a packet of the engine's what the engine does not know, and takes note of it.
    pub(super) fn dress(&mut self, packet: &mut Packet, options: &SocketOptions, ns: &Namespace) {
        let Some(segment) = Segment::built(packet) else { return };
        packet.meta.checksum = Checksum::NotComputed;
        packet.meta.mark = options.mark;
        packet.meta.priority = options.priority;
        packet.bytes_mut()[1] = options.tos;
        packet.bytes_mut()[8] = options.ttl.unwrap_or(self.path.default_ttl);
        if segment.syn {
            let mss = u16::try_from(self.own_mss(options)).unwrap_or(u16::MAX);
            set_syn_terms(packet, &SynTerms { mss, window: None });
            self.progress.syns += 1;
            self.progress.first = segment.seq;
            if self.progress.syns == 1 {
                self.progress.sent = segment.seq;
            }
        }
        let mss = self.mss(options);
        if segment.payload > mss {
            let size = u16::try_from(mss).ok().and_then(NonZeroU16::new);
            packet.meta.gso = size.map(|size| Gso { size });
        }
        let counters = &ns.sockets.counters;
        counters.add(Counter::TcpOutSegs, segment.payload.div_ceil(mss).max(1) as u64);
        if segment.rst {
            counters.count(Counter::TcpOutRsts);
        } else if segment.end() > self.progress.sent {
            self.progress.sent = segment.end();
        } else if segment.end() != segment.seq {
            counters.count(Counter::TcpRetransSegs);
            if core::mem::take(&mut self.progress.timed_out) {
                counters.count(Counter::TcpTimeouts);
            }
            self.progress.retransmits = self.progress.retransmits.saturating_add(1);
        }
        if segment.ack {
            self.progress.acknowledged = segment.ack_number;
            self.progress.edge = Some(segment.ack_number + self.receive_room());
        }
    }
}

/// What a turn found.
enum Step {
    Send(Packet),
    Over(After),
}

impl TcpSocket {
    /// Sends up to `weight` packets; returns how many.
    fn transmit(self: &Arc<Self>, weight: usize, cx: &Cx<'_>) -> usize {
        let query = {
            let state = self.state.lock();
            match state.stream() {
                Some(stream) if !stream.detached => stream.query(&state.options, self.base.uid()),
                _ => return 0,
            }
        };
        let path = match Path::find(&self.base.ns, &query) {
            Ok(path) => path,
            Err(_) => {
                self.no_route(cx);
                return 0;
            }
        };
        for sent in 0..weight {
            let step = self.state.lock().take_packet(self, &path, cx);
            match step {
                Step::Over(after) => {
                    after.apply(self, cx);
                    return sent;
                }
                Step::Send(packet) => match path.send(&self.base.ns, packet, cx) {
                    Ok(()) | Err(SendFailure::Refused(_)) => {}
                    Err(SendFailure::Full(packet)) => {
                        self.stall(packet, cx);
                        return sent;
                    }
                },
            }
        }
        self.kick(cx);
        weight
    }

    /// There is no way to the peer now: try again later. A reset that cannot be sent is
    /// not waited for.
    fn no_route(self: &Arc<Self>, cx: &Cx<'_>) {
        let after = {
            let mut state = self.state.lock();
            match state.stream_mut() {
                None => return,
                Some(stream) if stream.last == smoltcp::socket::tcp::State::Closed => {
                    state.end(&self.base, None)
                }
                Some(stream) => {
                    stream.arm(&self.base, Some(cx.now + NO_ROUTE), cx);
                    After::default()
                }
            }
        };
        after.apply(self, cx);
    }

    /// Keeps a packet the next queue had no room for: the engine believes it sent.
    fn stall(&self, packet: Packet, cx: &Cx<'_>) {
        let mut state = self.state.lock();
        if let Some(stream) = state.stream_mut()
            && !stream.detached
        {
            stream.stalled = Some(packet);
            stream.arm(&self.base, Some(cx.now + STALL), cx);
        }
    }

    /// Sends a packet the engine answered with at once; lost if there is no room.
    pub(super) fn answer(&self, packet: Packet, path: &Path, cx: &Cx<'_>) {
        match path.send(&self.base.ns, packet, cx) {
            Ok(()) | Err(SendFailure::Refused(_) | SendFailure::Full(_)) => {}
        }
    }
}

impl TcpState {
    fn take_packet(&mut self, socket: &TcpSocket, path: &Path, cx: &Cx<'_>) -> Step {
        let before = self.readiness();
        let Self { phase: super::Phase::Open(stream), options, .. } = self else {
            return Step::Over(After::default());
        };
        if stream.detached {
            return Step::Over(After::default());
        }
        if let Some(packet) = stream.stalled.take() {
            return Step::Send(packet);
        }
        stream.path = path.clone();
        if stream.may_send(options) {
            match stream.engine.output(cx.now, cx.stack.pool()) {
                Ok(Some(mut packet)) => {
                    stream.dress(&mut packet, options, &socket.base.ns);
                    return Step::Send(packet);
                }
                Ok(None) => {}
                Err(warren_packet::NoBuffer) => {
                    stream.arm(&socket.base, Some(cx.now + STALL), cx);
                    return Step::Over(After::default());
                }
            }
        }
        Step::Over(self.settle(&socket.base, before, Cause::Drained, cx))
    }
}
