//! Sockets as system calls see them: one [`Socket`] behind a descriptor, whatever its
//! family.
//!
//! | module | what it is |
//! |---|---|
//! | [`open`] | `socket(2)`: which family, type and protocol go together, and who may |
//! | [`inet`], [`unix`], [`netlink`] | the families, each a [`Protocol`] |
//! | [`options`] | what setsockopt(2) and getsockopt(2) know |
//! | [`message`] | payload, names and control messages on their way |
//! | [`stamp`] | SO_TIMESTAMP and SIOCGSTAMP |
//!
//! Nothing here waits. A call that would have to answers EAGAIN (or EINPROGRESS); the host
//! waits for the observer's news, as long as [`Socket::receive_timeout`] and
//! [`Socket::send_timeout`] say, and calls again.

mod inet;
pub mod message;
mod netlink;
pub mod open;
pub mod options;
mod protocol;
pub mod stamp;
#[cfg(test)]
mod tests;
mod unix;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use warren_netns::{Cx, Namespace};
use warren_platform::{Duration, Observer, Readiness};

use crate::abi::{FIONREAD, SIOCGSTAMP, SIOCGSTAMPNS, SIOCOUTQ};
use crate::errno::Errno;
use crate::ioctl::{self, UserMemory};
use crate::process::Process;
use crate::sockaddr::SockAddr;
use message::{Incoming, Outgoing, Room, Shutdown};
use protocol::Protocol;
use stamp::{LastStamp, Stamps};

/// The circumstances of one call on a socket.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Who calls.
    pub process: &'a dyn Process,
    /// When, where and in which stack.
    pub cx: &'a Cx<'a>,
}

/// What a descriptor of a socket leads to.
#[derive(Debug)]
pub struct Socket {
    ns: Arc<Namespace>,
    identity: Identity,
    protocol: Box<dyn Protocol>,
    receive_wait: Wait,
    send_wait: Wait,
    stamps: Stamps,
    last_stamp: LastStamp,
}

/// What socket(2) was asked for (SO_DOMAIN, SO_TYPE, SO_PROTOCOL).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The family.
    pub family: u16,
    /// SOCK_STREAM and so on.
    pub kind: u32,
    /// The protocol in use, never zero where the family has several.
    pub protocol: i32,
}

/// How long the host may wait, in nanoseconds; [`u64::MAX`] is for ever.
#[derive(Debug)]
struct Wait(AtomicU64);

impl Wait {
    const fn forever() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    fn get(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            u64::MAX => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    fn set(&self, wait: Option<Duration>) {
        let nanos =
            wait.map_or(u64::MAX, |wait| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        self.0.store(nanos, Ordering::Relaxed);
    }
}

impl Socket {
    fn new(ns: &Arc<Namespace>, identity: Identity, protocol: Box<dyn Protocol>) -> Self {
        Self {
            ns: ns.clone(),
            identity,
            protocol,
            receive_wait: Wait::forever(),
            send_wait: Wait::forever(),
            stamps: Stamps::default(),
            last_stamp: LastStamp::default(),
        }
    }

    /// The namespace it was opened in, where it stays.
    #[must_use]
    pub const fn namespace(&self) -> &Arc<Namespace> {
        &self.ns
    }

    /// What it was opened as.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// The inode number the host shows for it.
    pub fn set_inode(&self, inode: u64) {
        self.protocol.set_inode(inode);
    }

    /// SO_RCVTIMEO: how long to wait for something to read or accept; `None`: for ever.
    #[must_use]
    pub fn receive_timeout(&self) -> Option<Duration> {
        self.receive_wait.get()
    }

    /// SO_SNDTIMEO: how long to wait for room, or for a connection.
    #[must_use]
    pub fn send_timeout(&self) -> Option<Duration> {
        self.send_wait.get()
    }

    /// `bind`.
    ///
    /// # Errors
    /// See the family.
    pub fn bind(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        self.protocol.bind(address, call)
    }

    /// `connect`. A connection that takes time answers EINPROGRESS; when the socket is
    /// writable, [`Socket::take_error`] tells how it went.
    ///
    /// # Errors
    /// See the family.
    pub fn connect(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        self.protocol.connect(address, call)
    }

    /// `listen`.
    ///
    /// # Errors
    /// See the family.
    pub fn listen(&self, backlog: i32, call: &Call<'_>) -> Result<(), Errno> {
        self.protocol.listen(backlog, call)
    }

    /// `accept`: a new socket that inherits the timeouts. Its peer's address is
    /// [`Socket::remote`].
    ///
    /// # Errors
    /// See the family.
    pub fn accept(&self, call: &Call<'_>) -> Result<Self, Errno> {
        let accepted = Self::new(&self.ns, self.identity, self.protocol.accept(call)?);
        accepted.receive_wait.set(self.receive_wait.get());
        accepted.send_wait.set(self.send_wait.get());
        accepted.stamps.copy(&self.stamps);
        Ok(accepted)
    }

    /// `sendmsg` and its siblings. A stream may take less than was offered.
    ///
    /// # Errors
    /// See the family. The host sends SIGPIPE along with EPIPE from streams, unless
    /// MSG_NOSIGNAL forbids it ([`Socket::signals_broken_pipe`]).
    pub fn send(&self, message: Outgoing<'_>, call: &Call<'_>) -> Result<usize, Errno> {
        self.stamps.sent(call.cx.now);
        self.protocol.send(message, call)
    }

    /// Whether EPIPE comes with a signal: on streams and packets in sequence.
    #[must_use]
    pub const fn signals_broken_pipe(&self) -> bool {
        self.is_connection()
    }

    /// Whether it carries a stream or packets in sequence.
    const fn is_connection(&self) -> bool {
        matches!(self.identity.kind, crate::abi::SOCK_STREAM | crate::abi::SOCK_SEQPACKET)
    }

    /// Whether the host shall go on until all is sent or received (MSG_WAITALL).
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        self.identity.kind == crate::abi::SOCK_STREAM
    }

    /// `recvmsg` and its siblings.
    ///
    /// # Errors
    /// See the family.
    pub fn receive(&self, room: Room<'_>, call: &Call<'_>) -> Result<Incoming, Errno> {
        let incoming = self.protocol.receive(room, &self.stamps, call)?;
        if let Some(at) = incoming.stamp {
            self.last_stamp.set(at);
        }
        Ok(incoming)
    }

    /// `getsockname`.
    ///
    /// # Errors
    /// See the family.
    pub fn local(&self) -> Result<SockAddr, Errno> {
        Ok(self.protocol.local())
    }

    /// `getpeername`.
    ///
    /// # Errors
    /// ENOTCONN without a peer.
    pub fn remote(&self) -> Result<SockAddr, Errno> {
        self.protocol.remote()
    }

    /// `shutdown`.
    ///
    /// # Errors
    /// EINVAL for an unknown `how`, ENOTCONN without a peer.
    pub fn shutdown(&self, how: i32, call: &Call<'_>) -> Result<(), Errno> {
        self.protocol.shutdown(Shutdown::parse(how)?, call)
    }

    /// `setsockopt` with the option's bytes.
    ///
    /// # Errors
    /// ENOPROTOOPT for what is not known here, EINVAL, EPERM, EDOM.
    pub fn set_option(
        &self,
        level: i32,
        name: i32,
        value: &[u8],
        call: &Call<'_>,
    ) -> Result<(), Errno> {
        options::set(self, level, name, value, call)
    }

    /// `getsockopt`: the bytes to copy out, never more than `room`.
    ///
    /// # Errors
    /// ENOPROTOOPT for what is not known here, EINVAL.
    pub fn option(
        &self,
        level: i32,
        name: i32,
        room: usize,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, Errno> {
        let mut value = options::get(self, level, name, room, call)?;
        value.truncate(room);
        Ok(value)
    }

    /// `ioctl`. (FIONBIO and FIOASYNC are the host's.)
    ///
    /// # Errors
    /// ENOTTY for what is not known here, else what the request says.
    pub fn ioctl(
        &self,
        command: u32,
        argument: usize,
        memory: &dyn UserMemory,
        call: &Call<'_>,
    ) -> Result<i32, Errno> {
        let request = ioctl::Call {
            ns: &self.ns,
            command,
            argument,
            memory,
            caller: call.process,
            cx: call.cx,
        };
        match command {
            FIONREAD | SIOCOUTQ => {
                let waiting = match command {
                    FIONREAD => self.protocol.readable_bytes()?,
                    _ => self.protocol.unsent_bytes()?,
                };
                let waiting = i32::try_from(waiting).unwrap_or(i32::MAX);
                request.write(&waiting.to_ne_bytes())
            }
            SIOCGSTAMP | SIOCGSTAMPNS => {
                request.write(&self.last_stamp.show(command, call.process)?)
            }
            _ => ioctl::answer(&request, self.identity.family == crate::abi::AF_INET),
        }
    }

    /// What can be done without waiting.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.protocol.readiness()
    }

    /// Who hears when that changes.
    pub fn set_observer(&self, observer: Arc<dyn Observer>) {
        self.protocol.set_observer(observer);
    }

    /// SO_ERROR: takes the pending error.
    #[must_use]
    pub fn take_error(&self) -> Option<Errno> {
        self.protocol.take_error()
    }

    /// The last descriptor is gone. What TCP still has to say is said without us.
    pub fn close(&self, cx: &Cx<'_>) {
        self.protocol.close(cx);
    }

    /// After [`Socket::close`]: how long SO_LINGER has the host wait until this is `None`.
    #[must_use]
    pub fn linger(&self) -> Option<Duration> {
        self.protocol.linger()
    }
}
