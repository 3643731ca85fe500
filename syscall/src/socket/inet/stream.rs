//! TCP.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering};

use warren_netns::Cx;
use warren_netns::error::SocketError;
use warren_netns::socket::{SocketOptions, SocketState, TcpSocket};
use warren_platform::{Duration, Observer, Readiness};

use super::{Wants, check_port, default_ttl};
use crate::abi::{IP_MTU, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_TRUNC, SOL_IP, SOL_TCP};
use crate::errno::Errno;
use crate::sockaddr::{self, InetAddr, SockAddr};
use crate::socket::Call;
use crate::socket::message::{Incoming, Outgoing, Room, Shutdown};
use crate::socket::options::{ip, show, tcp};
use crate::socket::protocol::{Change, Protocol};
use crate::socket::stamp::Stamps;

/// See the module.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Arc<TcpSocket>,
    /// Kept and shown; a stream has no datagrams to describe.
    wants: AtomicU8,
}

impl Stream {
    pub(super) const fn new(socket: Arc<TcpSocket>) -> Self {
        Self { socket, wants: AtomicU8::new(0) }
    }

    fn wants(&self) -> Wants {
        Wants::from_bits_retain(self.wants.load(Ordering::Relaxed))
    }
}

impl Protocol for Stream {
    fn bind(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        let address = sockaddr::parse_bind(address)?;
        check_port(self.socket.namespace(), address.port(), call)?;
        Ok(self.socket.bind(address, call.cx)?)
    }

    fn connect(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        match sockaddr::parse_connect(address)? {
            InetAddr::Unspec => self.socket.disconnect(call.cx),
            InetAddr::Inet(peer) => self.socket.connect(peer, call.cx)?,
        }
        Ok(())
    }

    fn listen(&self, backlog: i32, call: &Call<'_>) -> Result<(), Errno> {
        // A negative backlog is a huge one to Linux's unsigned comparison.
        let backlog = usize::try_from(backlog).unwrap_or(usize::MAX);
        Ok(self.socket.listen(backlog, call.cx)?)
    }

    fn accept(&self, call: &Call<'_>) -> Result<Box<dyn Protocol>, Errno> {
        Ok(Box::new(Self::new(self.socket.accept(call.cx)?)))
    }

    fn send(&self, message: Outgoing<'_>, call: &Call<'_>) -> Result<usize, Errno> {
        if message.flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let len = message.payload.remaining();
        let mut failed = None;
        let fill = &mut |into: &mut [u8]| match message.payload.fill(into) {
            Ok(()) => into.len(),
            Err(errno) => {
                failed = Some(errno);
                0
            }
        };
        let sent = self.socket.send(len, fill, call.cx)?;
        match failed {
            Some(errno) if sent == 0 => Err(errno),
            _ => Ok(sent),
        }
    }

    fn receive(
        &self,
        room: Room<'_>,
        _stamps: &Stamps,
        call: &Call<'_>,
    ) -> Result<Incoming, Errno> {
        if room.flags & MSG_ERRQUEUE != 0 {
            // Nothing of a stream goes to its error queue.
            return Err(Errno::EAGAIN);
        }
        if room.flags & MSG_OOB != 0 {
            return Err(Errno::EINVAL);
        }
        // MSG_TRUNC: the bytes are taken and thrown away (tcp(7)).
        let discard = room.flags & MSG_TRUNC != 0;
        let peek = room.flags & MSG_PEEK != 0;
        let len = room.payload.room();
        let mut failed = None;
        let sink = &mut |bytes: &[u8]| {
            if discard {
                return bytes.len();
            }
            match room.payload.put(bytes) {
                Ok(()) => bytes.len(),
                Err(errno) => {
                    failed = Some(errno);
                    0
                }
            }
        };
        let outcome = self.socket.recv(len, peek, sink, call.cx);
        match (outcome, failed) {
            (Ok(0), Some(errno)) => Err(errno),
            (Ok(bytes), _) => Ok(Incoming::plain(bytes)),
            (Err(SocketError::Shutdown), _) => Ok(Incoming::plain(0)),
            (Err(error), _) => Err(error.into()),
        }
    }

    fn local(&self) -> SockAddr {
        SockAddr::inet(self.socket.local())
    }

    fn remote(&self) -> Result<SockAddr, Errno> {
        self.socket.peer().map(SockAddr::inet).ok_or(Errno::ENOTCONN)
    }

    fn shutdown(&self, how: Shutdown, call: &Call<'_>) -> Result<(), Errno> {
        Ok(self.socket.shutdown(how.into(), call.cx)?)
    }

    fn options(&self) -> SocketOptions {
        self.socket.options()
    }

    fn change_options(&self, change: Change<'_>, call: &Call<'_>) -> Result<(), Errno> {
        self.socket.change_options(call.cx, change)
    }

    fn set_own_option(
        &self,
        level: i32,
        name: i32,
        value: &[u8],
        call: &Call<'_>,
    ) -> Result<(), Errno> {
        match level {
            SOL_IP => {
                let mut wants = self.wants();
                match ip::want(&mut wants, name, value) {
                    Err(Errno::ENOPROTOOPT) => self.socket.change_options(call.cx, |options| {
                        ip::set(options, ip::Interface::default(), true, name, value)
                    }),
                    wanted => {
                        self.wants.store(wants.bits(), Ordering::Relaxed);
                        wanted
                    }
                }
            }
            SOL_TCP => {
                self.socket.change_options(call.cx, |options| tcp::set(options, name, value))
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn own_option(
        &self,
        level: i32,
        name: i32,
        room: usize,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, Errno> {
        match (level, name) {
            (SOL_IP, IP_MTU) => {
                self.socket.peer().ok_or(Errno::ENOTCONN)?;
                let mtu = self.socket.info(call.cx.now).path_mtu;
                Ok(show(i32::try_from(mtu).unwrap_or(i32::MAX)))
            }
            (SOL_IP, _) => {
                let ttl = default_ttl(self.socket.namespace());
                ip::get(&self.socket.options(), self.wants(), ttl, name, room)
            }
            (SOL_TCP, _) => tcp::get(&self.socket, name, call.cx),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn is_listening(&self) -> bool {
        self.socket.state() == SocketState::Listen
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        if self.is_listening() { Err(Errno::EINVAL) } else { Ok(self.socket.queued_in()) }
    }

    fn unsent_bytes(&self) -> Result<usize, Errno> {
        if self.is_listening() { Err(Errno::EINVAL) } else { Ok(self.socket.queued_out()) }
    }

    fn set_inode(&self, inode: u64) {
        self.socket.set_inode(inode);
    }

    fn readiness(&self) -> Readiness {
        self.socket.readiness()
    }

    fn set_observer(&self, observer: Arc<dyn Observer>) {
        self.socket.set_observer(observer);
    }

    fn take_error(&self) -> Option<Errno> {
        self.socket.take_error().map(Errno::from)
    }

    fn close(&self, cx: &Cx<'_>) {
        self.socket.close(cx);
    }

    fn linger(&self) -> Option<Duration> {
        self.socket.linger()
    }
}
