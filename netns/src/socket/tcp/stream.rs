//! Bytes: from the user into the send ring, from the receive ring to the user, with no copy
//! between. The user's copies run under the socket's own lock and no other.

use alloc::sync::Arc;
use alloc::vec::Vec;

use smoltcp::socket::tcp::State;

use super::settle::Cause;
use super::{Phase, Stream, TcpSocket, TcpState};
use crate::cx::Cx;
use crate::error::SocketError;

impl TcpSocket {
    /// Sends up to `len` bytes. `fill` is handed parts of the send ring and says how many
    /// bytes it wrote, from the front; less than it was handed ends the call. Returns how
    /// many were taken.
    ///
    /// # Errors
    /// [`SocketError::WouldBlock`] if the ring is full or the handshake under way,
    /// [`SocketError::Shutdown`] if nothing can be sent (any more), or the pending error.
    pub fn send(
        self: &Arc<Self>,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]) -> usize,
        cx: &Cx<'_>,
    ) -> Result<usize, SocketError> {
        let (sent, after) = {
            let mut state = self.state.lock();
            let before = state.readiness();
            let stream = state.sending()?;
            let sent = put(stream, len, fill);
            if sent == 0 && len > 0 {
                let full =
                    stream.engine.socket().send_queue() == stream.engine.socket().send_capacity();
                return if full { Err(SocketError::WouldBlock) } else { Ok(0) };
            }
            (sent, state.settle(&self.base, before, Cause::User, cx))
        };
        after.apply(self, cx);
        cx.stack.run_tail(cx);
        Ok(sent)
    }

    /// Receives up to `len` bytes, or looks at them with `peek`. `sink` is handed parts of
    /// the receive ring and says how many bytes it took, from the front; less than it was
    /// handed ends the call. Zero is the end of the stream.
    ///
    /// # Errors
    /// [`SocketError::WouldBlock`] if nothing is there, [`SocketError::NotConnected`]
    /// without a connection, or the pending error, after what came before it.
    pub fn recv(
        self: &Arc<Self>,
        len: usize,
        peek: bool,
        sink: &mut dyn FnMut(&[u8]) -> usize,
        cx: &Cx<'_>,
    ) -> Result<usize, SocketError> {
        let (received, after) = {
            let mut state = self.state.lock();
            let before = state.readiness();
            let stream = state.stream_mut().ok_or(SocketError::NotConnected);
            let readable = stream.as_ref().map_or(0, |stream| stream.engine.socket().recv_queue());
            if readable == 0 {
                return state.at_the_end();
            }
            let stream = stream?;
            if peek {
                return look(stream, len, sink);
            }
            let received = take(stream, len, sink);
            stream.progress.readable = stream.engine.socket().recv_queue();
            (received, state.settle(&self.base, before, Cause::User, cx))
        };
        after.apply(self, cx);
        // A window that opened is announced at once.
        cx.stack.run_tail(cx);
        Ok(received)
    }
}

impl TcpState {
    /// The stream, if something may be sent on it now.
    fn sending(&mut self) -> Result<&mut Stream, SocketError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let shut = self.shut_write;
        let Phase::Open(stream) = &mut self.phase else { return Err(SocketError::Shutdown) };
        match stream.engine.state() {
            _ if shut || stream.detached => Err(SocketError::Shutdown),
            State::Established | State::CloseWait => Ok(stream),
            State::SynSent | State::SynReceived => Err(SocketError::WouldBlock),
            _ => Err(SocketError::Shutdown),
        }
    }

    /// What a read says that finds nothing in the ring.
    fn at_the_end(&mut self) -> Result<usize, SocketError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        match &self.phase {
            Phase::Idle | Phase::Listening(_) if self.shut_read => Ok(0),
            Phase::Idle | Phase::Listening(_) => Err(SocketError::NotConnected),
            Phase::Open(stream) if stream.has_ended() || stream.detached => Ok(0),
            Phase::Open(_) if self.shut_read => Ok(0),
            Phase::Open(_) => Err(SocketError::WouldBlock),
        }
    }
}

/// Lets `fill` write into the ring, in two parts where the ring wraps.
fn put(stream: &mut Stream, len: usize, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> usize {
    let mut done = 0;
    for _ in 0..2 {
        let left = len - done;
        let put = stream.engine.socket_mut().send(|ring| {
            let part = ring.len().min(left);
            let wrote = if part > 0 { fill(&mut ring[..part]).min(part) } else { 0 };
            (wrote, (wrote, part))
        });
        let Ok((wrote, part)) = put else { break };
        done += wrote;
        if wrote < part || done == len {
            break;
        }
    }
    done
}

/// Lets `sink` take from the ring, in two parts where the ring wraps.
fn take(stream: &mut Stream, len: usize, sink: &mut dyn FnMut(&[u8]) -> usize) -> usize {
    let mut done = 0;
    for _ in 0..2 {
        let left = len - done;
        let taken = stream.engine.socket_mut().recv(|ring| {
            let part = ring.len().min(left);
            let took = if part > 0 { sink(&ring[..part]).min(part) } else { 0 };
            (took, (took, part))
        });
        let Ok((took, part)) = taken else { break };
        done += took;
        if took < part || done == len {
            break;
        }
    }
    done
}

/// Lets `sink` see what is in the ring, as one piece: who peeks may wait for more, and the
/// ring's wrap must not look like less.
fn look(
    stream: &mut Stream,
    len: usize,
    sink: &mut dyn FnMut(&[u8]) -> usize,
) -> Result<usize, SocketError> {
    let socket = stream.engine.socket_mut();
    let wanted = len.min(socket.recv_queue());
    if let Ok(first) = socket.peek(wanted)
        && first.len() == wanted
    {
        return Ok(sink(first).min(wanted));
    }
    let mut copy = Vec::new();
    copy.try_reserve_exact(wanted).map_err(|_| SocketError::NoBuffer)?;
    copy.resize(wanted, 0);
    let seen = socket.peek_slice(&mut copy).unwrap_or(0);
    Ok(sink(&copy[..seen]).min(seen))
}
