//! Control path of the end: shutdown(2), close(2), SO_LINGER, orphans.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use smoltcp::socket::tcp::State;
use warren_platform::Duration;

use super::settle::{After, Cause};
use super::timers::FIN_TIMEOUT;
use super::{Orphan, Phase, TcpSocket, TcpState};
use crate::cx::Cx;
use crate::deadline::Key;
use crate::error::SocketError;
use crate::socket::counters::Counter;
use crate::socket::datagram::{Shutdown, UNBOUND};

/// `net.ipv4.tcp_max_orphans`, per namespace: more are reset rather than closed.
const ORPHANS: usize = 4_096;

impl TcpSocket {
    /// shutdown(2). Shutting the write half sends a FIN after what is queued; shutting the
    /// read half of a listener ends it.
    ///
    /// # Errors
    /// [`SocketError::NotConnected`] without a connection.
    pub fn shutdown(self: &Arc<Self>, how: Shutdown, cx: &Cx<'_>) -> Result<(), SocketError> {
        let after = {
            let mut state = self.state.lock();
            let before = state.readiness();
            match &mut state.phase {
                Phase::Idle => return Err(SocketError::NotConnected),
                Phase::Listening(_) => {
                    drop(state);
                    if how.reads() {
                        self.disconnect(cx);
                    }
                    return Ok(());
                }
                Phase::Open(stream) if stream.detached => return Err(SocketError::NotConnected),
                Phase::Open(stream) if stream.is_opening() => {
                    drop(state);
                    self.disconnect(cx);
                    return Ok(());
                }
                Phase::Open(stream) => {
                    if how.writes() {
                        stream.engine.socket_mut().close();
                    }
                }
            }
            state.shut_read |= how.reads();
            state.shut_write |= how.writes();
            state.settle(&self.base, before, Cause::User, cx)
        };
        after.apply(self, cx);
        cx.stack.run_tail(cx);
        Ok(())
    }

    /// close(2): lets go of the socket and of the namespace. What was sent is still
    /// delivered, unless something received was not read or SO_LINGER is zero: then the
    /// connection is reset. Idempotent.
    pub fn close(self: &Arc<Self>, cx: &Cx<'_>) {
        if !self.base.detach() {
            return;
        }
        self.stop_listening(cx);
        self.abandon(cx);
        cx.stack.run_tail(cx);
        self.base.release(cx);
    }

    /// How long close(2) has yet to wait for what it sent (SO_LINGER above zero): the host
    /// asks after [`Self::close`] and waits no longer than this.
    #[must_use]
    pub fn linger(&self) -> Option<Duration> {
        let state = self.state.lock();
        let linger = state.options.linger.filter(|span| !span.is_zero())?;
        let stream = state.stream()?;
        let unsent =
            matches!(stream.engine.state(), State::FinWait1 | State::Closing | State::LastAck);
        (unsent && !stream.detached).then_some(linger)
    }

    /// Nobody reads or writes any more: the connection closes by itself.
    pub(super) fn abandon(self: &Arc<Self>, cx: &Cx<'_>) {
        let (after, port) = {
            let mut state = self.state.lock();
            state.observer = None;
            let after = self.orphan(&mut state, cx);
            let port = match state.phase {
                Phase::Idle => Some(core::mem::replace(&mut state.local, UNBOUND).port()),
                _ => None,
            };
            (after, port)
        };
        after.apply(self, cx);
        if let Some(port) = port {
            self.base.ns.sockets.demux.write().tcp.owners.remove(port, self.base.id);
        }
    }

    fn orphan(&self, state: &mut TcpState, cx: &Cx<'_>) -> After {
        let sockets = &self.base.ns.sockets;
        let before = state.readiness();
        let linger = state.options.linger;
        let fin_timeout = state.options.tcp.fin_timeout.unwrap_or(FIN_TIMEOUT);
        let Phase::Open(stream) = &mut state.phase else { return After::default() };
        if stream.detached {
            let spent = core::mem::replace(&mut state.phase, Phase::Idle);
            return After::spent(spent);
        }
        if stream.engine.state() == State::SynSent {
            let after = state.end(&self.base, None);
            state.connect_failed = false;
            return after;
        }
        let unread = stream.engine.socket().recv_queue() > 0;
        let crowded = sockets.orphans.load(Ordering::Relaxed) >= ORPHANS;
        let reset = if unread {
            Some(Counter::TcpAbortOnClose)
        } else if linger.is_some_and(|span| span.is_zero()) {
            Some(Counter::TcpAbortOnLinger)
        } else if crowded {
            Some(Counter::TcpAbortOnMemory)
        } else {
            None
        };
        let socket = stream.engine.socket_mut();
        match reset {
            Some(why) => {
                sockets.counters.count(why);
                socket.abort();
                stream.last = State::Closed;
            }
            None => socket.close(),
        }
        stream.orphan = Some(Orphan::new(&self.base.ns, fin_timeout));
        state.settle(&self.base, before, Cause::User, cx).and_kick()
    }

    /// Stops listening: connections nobody accepted are reset, half-open ones forgotten.
    pub(super) fn stop_listening(self: &Arc<Self>, cx: &Cx<'_>) {
        let ns = &self.base.ns;
        let mut demux = ns.sockets.demux.write();
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Listening(_)) {
            return;
        }
        let phase = core::mem::replace(&mut state.phase, Phase::Idle);
        let port = state.local.port();
        let entry = demux.tcp.listeners.remove(port, self.base.id);
        demux.tcp.owners.update(port, self.base.id, |owner| owner.listening = false);
        let Phase::Listening(listening) = phase else { return };
        drop(state);
        let mut gone = alloc::vec::Vec::new();
        for (id, tuple) in &listening.half_open {
            ns.deadlines.clear(Key::Socket(id.0));
            gone.extend(demux.tcp.remove(tuple, *id));
        }
        drop(demux);
        drop((entry, gone));
        for child in listening.ready {
            child.reset(cx);
        }
    }

    /// The namespace goes: nothing is left of the connection, nobody is told.
    pub(super) fn discard(&self) {
        let spent = core::mem::replace(&mut self.state.lock().phase, Phase::Idle);
        drop(spent);
    }

    /// Ends a connection nobody accepted.
    fn reset(self: &Arc<Self>, cx: &Cx<'_>) {
        {
            let mut state = self.state.lock();
            state.options.linger = Some(Duration::ZERO);
        }
        self.abandon(cx);
    }
}
