//! Data path inwards: a segment's way to its connection, its listener, or a reset.

use alloc::sync::Arc;

use smoltcp::wire::TcpPacket;
use warren_packet::Packet;

use super::segment::{BadSegment, Segment};
use super::settle::{After, Cause};
use super::table::{Connection, FourTuple};
use super::{Phase, TcpSocket, engine, request, time_wait};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::counters::Counter;
use crate::socket::deliver::{Cast, IcmpError, Quoted, RxInfo};
use crate::socket::demux::Flow;
use crate::socket::options::SocketOptions;
use crate::socket::path::{Path, PathQuery, SendFailure};

/// A segment from L3, its head at the IP header. Nothing comes back: what no socket wants
/// is answered here.
pub(in crate::socket) fn deliver(ns: &Arc<Namespace>, packet: Packet, info: &RxInfo, cx: &Cx<'_>) {
    let counters = &ns.sockets.counters;
    counters.count(Counter::TcpInSegs);
    if info.cast != Cast::Unicast {
        return;
    }
    let segment = match Segment::received(&packet, info) {
        Ok(segment) => segment,
        Err(bad) => {
            counters.count(Counter::TcpInErrs);
            if bad == BadSegment::Checksum {
                counters.count(Counter::TcpCsumErrors);
            }
            return;
        }
    };
    let connection = ns.sockets.demux.read().tcp.connection(&segment.tuple).cloned();
    match connection {
        Some(Connection::Socket(socket)) => socket.input(&packet, &segment, cx),
        Some(Connection::Request(half_open)) => {
            request::input(ns, &half_open, &packet, &segment, cx);
        }
        Some(Connection::TimeWait(wait)) => {
            if time_wait::input(ns, &wait, &segment, cx) == time_wait::Verdict::Reopen {
                open(ns, &packet, &segment, info, cx);
            }
        }
        None => open(ns, &packet, &segment, info, cx),
    }
}

/// A segment of no connection: a SYN may open one, anything else is refused.
fn open(ns: &Arc<Namespace>, packet: &Packet, segment: &Segment, info: &RxInfo, cx: &Cx<'_>) {
    let FourTuple { local, remote } = segment.tuple;
    let flow = Flow { local: *local.ip(), remote, link: info.link.ifindex() };
    let listener = ns.sockets.demux.read().tcp.listeners.find(local.port(), &flow).cloned();
    match listener {
        Some(listener) if segment.syn && !segment.ack && !segment.rst => {
            request::open(ns, &listener, packet, segment, cx);
        }
        _ => refuse(ns, packet.bytes(), &segment.tuple, cx),
    }
}

/// Answers with a reset where one is due.
pub(super) fn refuse(ns: &Arc<Namespace>, bytes: &[u8], tuple: &FourTuple, cx: &Cx<'_>) {
    let Some(mut reset) = engine::refusal(bytes, cx.stack.pool()) else { return };
    reset.meta.checksum = warren_packet::Checksum::NotComputed;
    let Ok(path) = back(ns, tuple) else { return };
    ns.sockets.counters.count(Counter::TcpOutRsts);
    ns.sockets.counters.count(Counter::TcpOutSegs);
    match path.send(ns, reset, cx) {
        Ok(()) | Err(SendFailure::Refused(_) | SendFailure::Full(_)) => {}
    }
}

/// The way back to whoever sent from the far end of `tuple`, no options asked.
pub(super) fn back(ns: &Arc<Namespace>, tuple: &FourTuple) -> Result<Path, SocketError> {
    Path::find(ns, &query_back(tuple, &SocketOptions::stream()))
}

/// What to ask for the way back.
pub(super) fn query_back(tuple: &FourTuple, options: &SocketOptions) -> PathQuery {
    PathQuery {
        destination: *tuple.remote.ip(),
        source: Some(*tuple.local.ip()),
        link: options.bound_link,
        tos: options.tos,
        mark: options.mark,
        uid: 0,
        any_source: false,
    }
}

impl TcpSocket {
    /// A segment for this connection.
    pub(super) fn input(self: &Arc<Self>, packet: &Packet, segment: &Segment, cx: &Cx<'_>) {
        let (answer, after) = {
            let mut state = self.state.lock();
            let before = state.readiness();
            let Phase::Open(stream) = &mut state.phase else { return };
            if stream.detached {
                return;
            }
            if segment.syn && stream.progress.edge.is_none() {
                stream.progress.edge = Some(segment.seq + 1 + stream.receive_room());
            }
            let end = segment.seq + usize::from(segment.syn) + segment.payload;
            if segment.payload > 0 && stream.progress.edge.is_some_and(|edge| end > edge) {
                // Beyond any window we announced.
                self.base.ns.sockets.counters.count(Counter::TcpInErrs);
                return;
            }
            stream.heard(cx.now);
            if segment.syn
                && let Some(mss) = segment.mss
            {
                stream.peer_mss = mss;
            }
            stream.progress.window_shut = segment.window_shut;
            let unacknowledged = stream.unacknowledged();
            let pool = cx.stack.pool();
            // Without a buffer for an answer the segment counts as lost.
            let Ok(answer) = stream.engine.input(packet.bytes(), 0, cx.now, pool) else { return };
            if stream.unacknowledged() != unacknowledged {
                stream.progress.advanced = cx.now;
            }
            let path = stream.path.clone();
            let after = state.settle(&self.base, before, Cause::Segment(segment), cx);
            let answer = answer.map(|mut answer| {
                let super::TcpState { phase, options, .. } = &mut *state;
                if let Phase::Open(stream) = phase {
                    stream.dress(&mut answer, options, &self.base.ns);
                }
                (answer, path)
            });
            (answer, after)
        };
        if let Some((answer, path)) = answer {
            self.answer(answer, &path, cx);
        }
        after.apply(self, cx);
    }
}

/// An ICMP error about a segment we sent. It ends a handshake at once; to an established
/// connection it is a hint the retransmissions will bear out (RFC 1122, 4.2.3.9).
pub(in crate::socket) fn icmp_error(
    ns: &Arc<Namespace>,
    quoted: &Quoted<'_>,
    error: &IcmpError,
    cx: &Cx<'_>,
) {
    let Some(header) = quoted.transport.get(..8) else { return };
    // Eight bytes are all that is quoted for sure: ports and sequence number.
    let mut whole = [0; 20];
    whole[..8].copy_from_slice(header);
    let tcp = TcpPacket::new_unchecked(&whole[..]);
    let tuple = FourTuple {
        local: core::net::SocketAddrV4::new(quoted.src, tcp.src_port()),
        remote: core::net::SocketAddrV4::new(quoted.dst, tcp.dst_port()),
    };
    let found = ns.sockets.demux.read().tcp.connection(&tuple).cloned();
    let Some(socket) = found.as_ref().and_then(Connection::socket) else { return };
    let Some((meaning, _)) = error.meaning() else { return };
    let after = {
        let mut state = socket.state.lock();
        let Some(stream) = state.stream_mut() else { return };
        let sequence = tcp.seq_number();
        let ours = sequence >= stream.progress.first && sequence <= stream.progress.sent;
        if stream.detached || !ours {
            return;
        }
        if error.icmp_type == 3 && error.code == 4 {
            let mtu = usize::try_from(error.mtu).unwrap_or(usize::MAX);
            stream.path_limit = mtu.clamp(MIN_PATH_MTU, stream.path_limit.max(MIN_PATH_MTU));
            After::default()
        } else if stream.is_opening() {
            state.end(&socket.base, Some(meaning))
        } else {
            After::default()
        }
    };
    after.apply(socket, cx);
}

/// `net.ipv4.route.min_pmtu`: a smaller claim is not believed.
const MIN_PATH_MTU: usize = 552;
