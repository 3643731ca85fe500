//! What happens to a connection when nothing comes: timeouts of the handshake, of what is
//! unacknowledged, of FIN-WAIT-2; keepalive; and the window nobody opens.

use alloc::sync::Arc;

use smoltcp::socket::tcp::State;
use warren_platform::{Duration, Instant};

use super::settle::{After, Cause};
use super::table::Connection;
use super::{Stream, TcpSocket, request, time_wait};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::namespace::Namespace;
use crate::socket::base::SocketId;
use crate::socket::counters::Counter;
use crate::socket::options::{SocketOptions, TcpOptions};

/// `net.ipv4.tcp_retries2` = 15 retransmissions from 200 ms on, doubled up to 120 s.
const UNACKNOWLEDGED: Duration = Duration::from_millis(924_600);
/// `net.ipv4.tcp_orphan_retries`: eight for an orphan.
const ORPHAN_UNACKNOWLEDGED: Duration = Duration::from_millis(102_200);
/// `net.ipv4.tcp_fin_timeout`.
pub(super) const FIN_TIMEOUT: Duration = Duration::from_secs(60);
/// TCP_RTO_MAX.
const RTO_MAX: Duration = Duration::from_secs(120);
/// How long a queue that is full is left alone.
pub(super) const STALL: Duration = Duration::from_millis(1);
/// How often a window that stays shut without a probe of the engine's own is probed.
const WATCHDOG: Duration = Duration::from_millis(200);
/// How long an engine that is due but silent is left alone.
const PATIENCE: Duration = Duration::from_millis(10);
/// How long an engine waits that has no route.
pub(super) const NO_ROUTE: Duration = Duration::from_millis(200);

/// How long connect(2) tries: one second, doubled for each retry (Linux: 127 s for six).
pub(super) fn handshake_limit(options: &TcpOptions) -> Duration {
    let mut limit = Duration::ZERO;
    let mut timeout = Duration::from_secs(1);
    for _ in 0..=options.syn_retries {
        limit += timeout;
        timeout = (timeout * 2).min(RTO_MAX);
    }
    limit
}

impl Stream {
    /// Whether another packet may be sent: the SYNs are numbered.
    pub(super) fn may_send(&self, options: &SocketOptions) -> bool {
        self.engine.state() != State::SynSent
            || self.progress.syns <= u32::from(options.tcp.syn_retries)
    }

    fn unacknowledged_limit(&self, options: &SocketOptions) -> Duration {
        match (options.tcp.user_timeout, &self.orphan) {
            (Some(limit), _) => limit,
            (None, Some(_)) => ORPHAN_UNACKNOWLEDGED,
            (None, None) => UNACKNOWLEDGED,
        }
    }

    /// When what is unacknowledged has been so for too long. A peer whose window is shut is
    /// waited for as long as it says so, but not by an orphan.
    fn gives_up_at(&self, options: &SocketOptions) -> Option<Instant> {
        let patient = self.progress.window_shut && self.orphan.is_none();
        let moved = if patient { self.progress.heard } else { self.progress.advanced };
        let since = self.progress.unacknowledged?.max(moved);
        Some(since + self.unacknowledged_limit(options))
    }

    fn handshake_ends(&self, options: &SocketOptions) -> Option<Instant> {
        let handshake = matches!(self.engine.state(), State::SynSent | State::SynReceived);
        handshake.then(|| self.progress.started + handshake_limit(&options.tcp))
    }

    /// When the first keepalive probe is due, and when the peer counts as gone.
    fn keepalive(&self, options: &SocketOptions) -> Option<(Instant, Instant)> {
        let quiet = self.progress.unacknowledged.is_none()
            && !matches!(self.engine.state(), State::SynSent | State::SynReceived);
        if !options.keepalive || !quiet {
            return None;
        }
        let tcp = &options.tcp;
        let first = self.progress.heard + tcp.keep_idle;
        Some((first, first + tcp.keep_interval * u32::from(tcp.keep_count)))
    }

    /// When the socket must be looked at next; `engine` is when the engine wants it.
    pub(super) fn deadline(
        &mut self,
        options: &SocketOptions,
        engine: Option<Instant>,
        now: Instant,
    ) -> Option<Instant> {
        // Data to send and no timer of the engine's: the window shut while data was in
        // flight, and nobody would ever ask whether it opened.
        let stuck = engine.is_none() && self.engine.socket().send_queue() > 0;
        self.progress.watchdog = match self.progress.watchdog {
            Some(at) if stuck => Some(at),
            _ => stuck.then(|| now + WATCHDOG),
        };
        let engine = match engine {
            _ if self.stalled.is_some() => Some(now + STALL),
            Some(_) if !self.may_send(options) => None,
            Some(at) => Some(if at > now { at } else { now + PATIENCE }),
            None => None,
        };
        let keepalive = self.keepalive(options);
        let keepalive = keepalive.map(|(first, last)| if first > now { first } else { last });
        [
            engine,
            self.progress.watchdog,
            self.handshake_ends(options),
            self.gives_up_at(options),
            self.fin_wait_ends,
            keepalive,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Has the engine send a keepalive probe now and every `interval` until the peer is
    /// heard. It acknowledges nothing new, so the answer shows the peer's window.
    fn probe(&mut self, interval: Duration, now: Instant) {
        let shown = self.engine.clock.show(now + interval) - self.engine.clock.show(now);
        self.engine.socket_mut().set_keep_alive(Some(shown));
        self.progress.probing = true;
    }

    /// The peer was heard: it need not be probed.
    pub(super) fn heard(&mut self, now: Instant) {
        self.progress.heard = now;
        self.progress.watchdog = None;
        self.progress.timed_out = false;
        if core::mem::take(&mut self.progress.probing) {
            self.engine.socket_mut().set_keep_alive(None);
        }
    }
}

impl TcpSocket {
    /// The socket's deadline is due.
    fn on_deadline(self: &Arc<Self>, cx: &Cx<'_>) {
        let counters = &self.base.ns.sockets.counters;
        let after = {
            let mut state = self.state.lock();
            let before = state.readiness();
            let options = state.options.clone();
            let Some(stream) = state.stream_mut() else { return };
            stream.armed = None;
            if stream.detached {
                return;
            }
            let passed = |at: Option<Instant>| at.is_some_and(|at| at <= cx.now);
            let given_up =
                passed(stream.handshake_ends(&options)) || passed(stream.gives_up_at(&options));
            let keepalive = stream.keepalive(&options);
            if given_up {
                counters.count(Counter::TcpAbortOnTimeout);
                state.end(&self.base, Some(SocketError::TimedOut))
            } else if passed(stream.fin_wait_ends) {
                state.end(&self.base, None)
            } else if passed(keepalive.map(|(_, last)| last)) {
                counters.count(Counter::TcpAbortOnTimeout);
                stream.engine.socket_mut().abort();
                stream.last = State::Closed;
                state.error = Some(SocketError::TimedOut);
                state.settle(&self.base, before, Cause::User, cx).and_kick()
            } else {
                if passed(keepalive.map(|(first, _)| first)) && !stream.progress.probing {
                    counters.count(Counter::TcpKeepAlive);
                    stream.probe(options.tcp.keep_interval, cx.now);
                }
                stream.progress.timed_out = stream.progress.unacknowledged.is_some()
                    || stream.engine.state() == State::SynSent;
                if passed(stream.progress.watchdog) {
                    stream.probe(WATCHDOG, cx.now);
                }
                After::default().and_kick()
            }
        };
        after.apply(self, cx);
    }
}

/// The deadline of `id` is due.
pub(in crate::socket) fn on_deadline(ns: &Arc<Namespace>, id: SocketId, cx: &Cx<'_>) {
    let waiting = ns.sockets.demux.read().tcp.waiting(id).cloned();
    match waiting {
        Some(Connection::Socket(socket)) => socket.on_deadline(cx),
        Some(Connection::Request(request)) => request::on_deadline(ns, &request, cx),
        Some(Connection::TimeWait(wait)) => time_wait::on_deadline(ns, &wait),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_is_given_up_after_127_seconds() {
        assert_eq!(handshake_limit(&TcpOptions::default()), Duration::from_secs(127));
        let eager = TcpOptions { syn_retries: 1, ..TcpOptions::default() };
        assert_eq!(handshake_limit(&eager), Duration::from_secs(3));
        let patient = TcpOptions { syn_retries: 8, ..TcpOptions::default() };
        assert_eq!(handshake_limit(&patient), Duration::from_secs(127 + 120 + 120));
    }
}
