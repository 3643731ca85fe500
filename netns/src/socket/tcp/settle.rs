//! What a step of the engine means: called under the socket's lock after every step, it
//! compares the engine's state with the last one seen, says what became ready, whether the
//! engine wants to send, when it wants to be asked again, and whether the connection
//! leaves the table. What follows is done by [`After::apply`], without the lock.

use alloc::sync::Arc;

use smoltcp::socket::tcp::State;
use smoltcp::wire::TcpSeqNumber;
use warren_platform::{Instant, Readiness};

use super::segment::Segment;
use super::table::{Connection, FourTuple};
use super::time_wait::TimeWait;
use super::{Opening, Phase, Progress, Stream, TcpSocket, TcpState};
use crate::cx::Cx;
use crate::deadline::Key;
use crate::error::SocketError;
use crate::socket::base::{Base, Notice};
use crate::socket::counters::Counter;

/// What made the engine take its step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause<'a> {
    /// A segment came in.
    Segment(&'a Segment),
    /// The user did something.
    User,
    /// The engine was asked for packets until it had none.
    Drained,
}

/// How a connection leaves the table.
#[derive(Debug)]
enum Leave {
    /// Nothing of it is left.
    Gone,
    /// An entry in TIME-WAIT takes its place.
    TimeWait { sent: TcpSeqNumber, acknowledged: TcpSeqNumber },
}

/// What is to be done once the socket's lock is released.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct After {
    notice: Notice,
    kick: bool,
    leave: Option<(FourTuple, Leave, bool)>,
    /// A stream that is no longer needed: freed without the lock.
    spent: Option<Phase>,
}

impl TcpState {
    /// See the module. `before` is the readiness before the step.
    pub(super) fn settle(
        &mut self,
        base: &Base,
        before: Readiness,
        cause: Cause<'_>,
        cx: &Cx<'_>,
    ) -> After {
        let mut after = After::default();
        let mut arrived = false;
        let port_stays = self.port_bound && base.is_attached();
        let counters = &base.ns.sockets.counters;
        if let Phase::Open(stream) = &mut self.phase
            && !stream.detached
        {
            let state = stream.engine.state();
            let was = core::mem::replace(&mut stream.last, state);
            if was != state {
                self.error = reason(was, state, cause, stream.opening).or(self.error);
                if stream.opening == Opening::UnderWay && !is_handshake(state) {
                    stream.opening = Opening::Done;
                    stream.engine.clock.speed_up(cx.now);
                }
                if state == State::Closed {
                    count_closure(counters, was);
                }
            }
            let readable = stream.engine.socket().recv_queue();
            arrived = readable > stream.progress.readable;
            stream.progress.readable = readable;
            if stream.orphan.is_some() && readable > 0 && state != State::Closed {
                // RFC 2525, 2.17: data nobody will read is answered with a reset.
                counters.count(Counter::TcpAbortOnData);
                stream.engine.socket_mut().abort();
                stream.last = State::Closed;
            }
            stream.note_progress(cx.now);
            after = self.next_step(base, port_stays, cause, cx);
        }
        let mut news = self.readiness() - before;
        if arrived {
            news |= Readiness::IN;
        }
        after.notice = Notice::new(self.observer.as_ref(), news);
        after
    }

    /// Decides between leaving, sending and waiting.
    fn next_step(&mut self, base: &Base, port_stays: bool, cause: Cause<'_>, cx: &Cx<'_>) -> After {
        let Phase::Open(stream) = &mut self.phase else { return After::default() };
        let state = stream.last;
        let over = matches!(state, State::Closed | State::Listen);
        if over && stream.engine.socket().remote_endpoint().is_none() {
            return self.part(port_stays, Leave::Gone);
        }
        let next = stream.engine.next(cx.now);
        let due = next.is_some_and(|at| at <= cx.now);
        if state == State::TimeWait && !due && stream.stalled.is_none() {
            let Progress { sent, acknowledged, .. } = stream.progress;
            return self.part(port_stays, Leave::TimeWait { sent, acknowledged });
        }
        let drained = matches!(cause, Cause::Drained);
        let kick = due && !drained && stream.stalled.is_none() && stream.may_send(&self.options);
        if !kick {
            let at = stream.deadline(&self.options, next, cx.now);
            stream.arm(base, at, cx);
        }
        After { kick, ..After::default() }
    }

    /// The connection ends here and now, whatever the engine thinks.
    pub(super) fn end(&mut self, base: &Base, error: Option<SocketError>) -> After {
        let before = self.readiness();
        self.error = error.or(self.error);
        let port_stays = self.port_bound && base.is_attached();
        let mut after = self.part(port_stays, Leave::Gone);
        after.notice = Notice::new(self.observer.as_ref(), self.readiness() - before);
        after
    }

    /// Takes the stream out of the table's view. An opening that failed leaves the socket
    /// as it was before; anything else leaves what is still to be read.
    fn part(&mut self, port_stays: bool, leave: Leave) -> After {
        let Phase::Open(stream) = &mut self.phase else { return After::default() };
        if stream.detached {
            return After::default();
        }
        stream.detached = true;
        stream.stalled = None;
        let tuple = stream.tuple;
        let failed = stream.is_opening();
        let spent = if failed || stream.orphan.is_some() {
            self.connect_failed = failed;
            Some(core::mem::replace(&mut self.phase, Phase::Idle))
        } else {
            None
        };
        if failed && !port_stays {
            self.local.set_port(0);
            if !self.address_bound {
                self.local.set_ip(core::net::Ipv4Addr::UNSPECIFIED);
            }
        }
        After { leave: Some((tuple, leave, port_stays)), spent, ..After::default() }
    }
}

impl Stream {
    /// Notes since when something is unacknowledged, and when FIN-WAIT-2 must end.
    fn note_progress(&mut self, now: Instant) {
        let fin_sent = matches!(self.last, State::FinWait1 | State::Closing | State::LastAck);
        let waiting = self.engine.socket().send_queue() > 0 || fin_sent;
        match (waiting, self.progress.unacknowledged) {
            (false, _) => self.progress.unacknowledged = None,
            (true, None) => self.progress.unacknowledged = Some(now),
            (true, Some(_)) => {}
        }
        if !waiting {
            self.progress.retransmits = 0;
        }
        if let (State::FinWait2, Some(orphan), None) = (self.last, &self.orphan, self.fin_wait_ends)
        {
            self.fin_wait_ends = Some(now + orphan.fin_timeout);
        }
    }

    /// What the peer has yet to acknowledge: changes only if it does.
    pub(super) fn unacknowledged(&self) -> (usize, State) {
        (self.engine.socket().send_queue(), self.engine.state())
    }

    /// Sets the socket's deadline, unless an earlier one is set already.
    pub(super) fn arm(&mut self, base: &Base, at: Option<Instant>, cx: &Cx<'_>) {
        let Some(at) = at else { return };
        if self.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        self.armed = Some(at);
        base.ns.deadlines.set(Key::Socket(base.id.0), at, &base.ns, cx.stack.platform());
    }
}

impl After {
    /// Only frees what a socket no longer needs.
    pub(super) fn spent(phase: Phase) -> Self {
        Self { spent: Some(phase), ..Self::default() }
    }

    /// Also has the engine asked for packets.
    pub(super) fn and_kick(mut self) -> Self {
        self.kick |= self.leave.is_none();
        self
    }

    /// Does it. No lock may be held.
    pub(super) fn apply(self, socket: &Arc<TcpSocket>, cx: &Cx<'_>) {
        let Self { notice, kick, leave, spent } = self;
        if let Some((tuple, leave, port_stays)) = leave {
            socket.leave(&tuple, leave, port_stays, cx);
        }
        drop(spent);
        if kick {
            socket.kick(cx);
        }
        notice.tell();
    }
}

impl TcpSocket {
    /// Takes the connection out of the table, or has an entry in TIME-WAIT take its place.
    fn leave(&self, tuple: &FourTuple, leave: Leave, port_stays: bool, cx: &Cx<'_>) {
        let ns = &self.base.ns;
        ns.deadlines.clear(Key::Socket(self.base.id.0));
        let wait = match leave {
            Leave::Gone => None,
            Leave::TimeWait { sent, acknowledged } => {
                Some(TimeWait::new(ns, *tuple, sent, acknowledged))
            }
        };
        let mut demux = ns.sockets.demux.write();
        let gone = demux.tcp.remove(tuple, self.base.id);
        let port = tuple.local.port();
        let owner = if port_stays { None } else { demux.tcp.owners.remove(port, self.base.id) };
        let entered = match wait {
            Some(wait) if gone.is_some() => wait.enter(&mut demux.tcp, owner, &ns.sockets),
            _ => None,
        };
        drop(demux);
        if let Some(entered) = entered {
            entered.restart(ns, cx);
        }
        drop(gone);
    }

    /// Puts the socket on the run queue: the engine has something to send.
    pub(super) fn kick(self: &Arc<Self>, cx: &Cx<'_>) {
        self.base.ns.sockets.run_queue.push(self, cx);
    }
}

/// Whether the handshake is still under way.
const fn is_handshake(state: State) -> bool {
    matches!(state, State::SynSent | State::SynReceived | State::Closed)
}

/// Why a connection closed: told by the segment that closed it (Linux: `tcp_reset`).
fn reason(was: State, state: State, cause: Cause<'_>, opening: Opening) -> Option<SocketError> {
    let reset = matches!(cause, Cause::Segment(segment) if segment.rst);
    // A socket that was accepted goes back to Listen in the engine's eyes.
    let closed = matches!(state, State::Closed | State::Listen);
    if !closed || !reset {
        return None;
    }
    Some(match was {
        State::SynSent => SocketError::Refused,
        State::SynReceived if opening == Opening::UnderWay => SocketError::Refused,
        State::CloseWait => SocketError::Shutdown,
        _ => SocketError::Reset,
    })
}

fn count_closure(counters: &crate::socket::counters::Counters, was: State) {
    match was {
        State::SynSent | State::SynReceived => counters.count(Counter::TcpAttemptFails),
        State::Established | State::CloseWait => counters.count(Counter::TcpEstabResets),
        _ => {}
    }
}

impl Connection {
    /// The socket behind it, if there is one.
    pub(super) fn socket(&self) -> Option<&Arc<TcpSocket>> {
        match self {
            Self::Socket(socket) => Some(socket),
            _ => None,
        }
    }
}
