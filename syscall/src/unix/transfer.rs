//! Sending and receiving.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use warren_platform::Readiness;

use super::bound::address;
use super::connect::{wait_here, wake};
use super::rights::{self, Attached, Files};
use super::{Credentials, MAX_DATAGRAMS, Name, Phase, State, UnixKind, UnixSocket};
use crate::abi::{
    MSG_CMSG_CLOEXEC, MSG_EOR, MSG_OOB, MSG_PEEK, MSG_TRUNC, SCM_CREDENTIALS, SOL_SOCKET,
};
use crate::cmsg::Writer;
use crate::errno::Errno;
use crate::process::{FileHandle, Process};
use crate::sockaddr::{SockAddr, parse_unix};
use crate::socket::message::{Incoming, Outgoing, Room};

/// The longest piece of a stream kept as one message.
const STREAM_CHUNK: usize = 32 * 1024;

/// One message in an inbox; a stream's may be read in part.
pub(super) struct Message {
    bytes: Vec<u8>,
    read: usize,
    from: Option<Name>,
    credentials: Credentials,
    files: Files,
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Message({} bytes, {} files)", self.len(), self.files.len())
    }
}

impl Message {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.read
    }
}

impl UnixSocket {
    /// `sendmsg`. A stream takes what fits, the others all or nothing.
    ///
    /// # Errors
    /// EAGAIN if nothing fits, EPIPE if the peer is gone, ENOTCONN, EMSGSIZE, EISCONN.
    pub fn send(
        self: &Arc<Self>,
        message: Outgoing<'_>,
        process: &dyn Process,
    ) -> Result<usize, Errno> {
        if message.flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let attached = rights::parse(message.control, &self.ns, &self.table, process)?;
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        if self.kind == UnixKind::Datagram {
            return self.send_datagram(message, attached, process);
        }
        // SOCK_SEQPACKET ignores a destination, SOCK_STREAM refuses one.
        if message.name.is_some() && self.kind == UnixKind::Stream {
            let connected = matches!(self.state.lock().phase, Phase::Connected);
            return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        let peer = {
            let state = self.state.lock();
            if !matches!(state.phase, Phase::Connected) {
                return Err(Errno::ENOTCONN);
            }
            if state.send_shut {
                return Err(Errno::EPIPE);
            }
            state.peer.upgrade().ok_or(Errno::EPIPE)?
        };
        match self.kind {
            UnixKind::Stream => self.send_stream(&peer, message, attached),
            _ => self.send_whole(&peer, message, attached),
        }
    }

    fn send_stream(
        &self,
        peer: &Arc<Self>,
        message: Outgoing<'_>,
        mut attached: Attached,
    ) -> Result<usize, Errno> {
        let mut sent = 0;
        while message.payload.remaining() > 0 {
            let room = self.send_limit().saturating_sub(peer.state.lock().inbox_bytes);
            let len = message.payload.remaining().min(STREAM_CHUNK).min(room);
            let outcome = if len == 0 {
                Err(Errno::EAGAIN)
            } else {
                read_payload(&mut *message.payload, len).and_then(|bytes| {
                    let files = core::mem::take(&mut attached.files);
                    peer.accept_message(
                        self.message(bytes, attached.credentials, files),
                        usize::MAX,
                    )
                })
            };
            match outcome {
                Ok(()) => sent += len,
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn send_whole(
        &self,
        peer: &Arc<Self>,
        message: Outgoing<'_>,
        attached: Attached,
    ) -> Result<usize, Errno> {
        let len = message.payload.remaining();
        if len > self.send_limit() {
            return Err(Errno::EMSGSIZE);
        }
        let bytes = read_payload(message.payload, len)?;
        let message = self.message(bytes, attached.credentials, attached.files);
        peer.accept_message(message, self.send_limit())?;
        Ok(len)
    }

    fn send_datagram(
        self: &Arc<Self>,
        message: Outgoing<'_>,
        attached: Attached,
        process: &dyn Process,
    ) -> Result<usize, Errno> {
        let target = match message.name {
            Some(name) => self.resolve(parse_unix(name)?, process)?,
            None => {
                let state = self.state.lock();
                if !matches!(state.phase, Phase::Connected) {
                    return Err(Errno::ENOTCONN);
                }
                let peer = state.peer.upgrade();
                drop(state);
                match peer.filter(|peer| !peer.state.lock().closed) {
                    Some(peer) => peer,
                    None => {
                        // The destination is gone: forget it, as unix_dgram_sendmsg does.
                        self.disconnect()?;
                        return Err(Errno::ECONNREFUSED);
                    }
                }
            }
        };
        if self.state.lock().send_shut {
            return Err(Errno::EPIPE);
        }
        if target.kind != self.kind {
            return Err(Errno::EPROTOTYPE);
        }
        if !target.may_hear(self) {
            return Err(Errno::EPERM);
        }
        let outcome = self.send_whole(&target, message, attached);
        if outcome == Err(Errno::EAGAIN) {
            wait_here(&mut target.state.lock().waiting, self);
        }
        outcome
    }

    /// A connected datagram socket hears its peer only (`unix_may_send`).
    fn may_hear(&self, sender: &Arc<Self>) -> bool {
        let state = self.state.lock();
        !matches!(state.phase, Phase::Connected)
            || Weak::ptr_eq(&state.peer, &Arc::downgrade(sender))
    }

    fn message(&self, bytes: Vec<u8>, credentials: Credentials, files: Files) -> Message {
        Message { bytes, read: 0, from: self.name(), credentials, files }
    }

    /// Puts a message into this socket's inbox if it fits within `limit` bytes.
    fn accept_message(&self, message: Message, limit: usize) -> Result<(), Errno> {
        {
            let mut state = self.state.lock();
            if state.closed || state.receive_shut {
                return Err(if self.kind == UnixKind::Datagram && state.closed {
                    Errno::ECONNREFUSED
                } else {
                    Errno::EPIPE
                });
            }
            let full = self.kind == UnixKind::Datagram && state.inbox.len() >= MAX_DATAGRAMS;
            let bytes = state.inbox_bytes.saturating_add(message.len());
            if full || bytes > limit && !state.inbox.is_empty() {
                return Err(Errno::EAGAIN);
            }
            state.inbox.try_reserve(1).map_err(|_| Errno::ENOBUFS)?;
            state.inbox_bytes = bytes;
            state.inbox.push_back(message);
        }
        self.notify(Readiness::IN);
        Ok(())
    }

    /// `recvmsg`.
    ///
    /// # Errors
    /// EAGAIN if nothing waits, ENOTCONN, EOPNOTSUPP for MSG_OOB, EFAULT.
    pub fn receive(&self, room: Room<'_>, process: &dyn Process) -> Result<Incoming, Errno> {
        if room.flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let connected = matches!(self.state.lock().phase, Phase::Connected);
        match self.kind {
            UnixKind::Stream if !connected => Err(Errno::EINVAL),
            UnixKind::SeqPacket if !connected => Err(Errno::ENOTCONN),
            UnixKind::Stream => self.receive_stream(room, process),
            _ => self.receive_whole(room, process),
        }
    }

    fn receive_stream(&self, room: Room<'_>, process: &dyn Process) -> Result<Incoming, Errno> {
        let peek = room.flags & MSG_PEEK != 0;
        let mut copied = 0;
        let mut files = Vec::new();
        let credentials;
        let (peer, observer_due) = {
            let mut state = self.state.lock();
            let was = state.inbox_bytes;
            let Some(first) = state.inbox.front() else { return nothing_waits(&mut state) };
            credentials = first.credentials;
            let mut skip = 0;
            while room.payload.room() > 0 {
                let Some(message) = state.inbox.get_mut(skip) else { break };
                // Bytes sent with other credentials, or with files of their own, are
                // another message to the reader.
                let boundary =
                    copied > 0 && (message.credentials != credentials || !message.files.is_empty());
                if boundary || !files.is_empty() {
                    break;
                }
                let len = message.len().min(room.payload.room());
                let outcome = room.payload.put(&message.bytes[message.read..message.read + len]);
                if let Err(error) = outcome {
                    if copied == 0 {
                        return Err(error);
                    }
                    break;
                }
                copied += len;
                if peek {
                    files = message.files.copies();
                    skip += 1;
                    continue;
                }
                files = message.files.take();
                message.read += len;
                if message.len() == 0 {
                    state.inbox.pop_front();
                }
                state.inbox_bytes -= len;
            }
            let freed = state.inbox_bytes < was;
            (state.peer.upgrade(), freed)
        };
        if let Some(peer) = peer.filter(|_| observer_due) {
            peer.notify(Readiness::OUT);
        }
        Ok(self.finish(room.control, room.flags, copied, None, credentials, files, process))
    }

    fn receive_whole(&self, room: Room<'_>, process: &dyn Process) -> Result<Incoming, Errno> {
        let peek = room.flags & MSG_PEEK != 0;
        let (message_len, copied, from, credentials, files, waiting, peer) = {
            let mut state = self.state.lock();
            let Some(first) = state.inbox.front_mut() else { return nothing_waits(&mut state) };
            let len = first.bytes.len();
            let copied = len.min(room.payload.room());
            room.payload.put(&first.bytes[..copied])?;
            let (from, credentials) = (first.from.clone(), first.credentials);
            let files = if peek { first.files.copies() } else { first.files.take() };
            let mut waiting = Default::default();
            if !peek {
                state.inbox.pop_front();
                state.inbox_bytes -= len;
                waiting = core::mem::take(&mut state.waiting);
            }
            (len, copied, from, credentials, files, waiting, state.peer.upgrade())
        };
        wake(waiting);
        if let Some(peer) = peer.filter(|_| !peek) {
            peer.notify(Readiness::OUT);
        }
        let mut incoming =
            self.finish(room.control, room.flags, copied, from, credentials, files, process);
        if copied < message_len {
            incoming.flags |= MSG_TRUNC;
        }
        if room.flags & MSG_TRUNC != 0 {
            incoming.bytes = message_len;
        }
        if self.kind == UnixKind::SeqPacket {
            incoming.flags |= MSG_EOR;
        }
        Ok(incoming)
    }

    #[expect(clippy::too_many_arguments, reason = "one call from each of two receivers")]
    fn finish(
        &self,
        control: usize,
        flags: u32,
        bytes: usize,
        from: Option<Name>,
        credentials: Credentials,
        files: Vec<FileHandle>,
        process: &dyn Process,
    ) -> Incoming {
        let mut out = Writer::new(control);
        if self.passes_credentials() {
            out.put(SOL_SOCKET, SCM_CREDENTIALS, &credentials.to_bytes());
        }
        rights::install(files, flags & MSG_CMSG_CLOEXEC != 0, &mut out, process);
        let (control, flags) = out.finish();
        let name = match from {
            Some(name) => address(Some(&name)),
            None => SockAddr::NONE,
        };
        Incoming { bytes, name, control, flags, stamp: None }
    }
}

/// An empty inbox: the pending error, the end, or nothing yet.
fn nothing_waits(state: &mut State) -> Result<Incoming, Errno> {
    match state.error.take() {
        Some(error) => Err(error),
        None if state.receive_shut => Ok(Incoming::plain(0)),
        None => Err(Errno::EAGAIN),
    }
}

fn read_payload(
    payload: &mut dyn crate::socket::message::Source,
    len: usize,
) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Errno::ENOBUFS)?;
    bytes.resize(len, 0);
    payload.fill(&mut bytes)?;
    Ok(bytes)
}
