//! UDP, ping and raw sockets behind one [`Protocol`]; [`Kind`] tells them apart.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering};

use warren_netns::Cx;
use warren_netns::error::SocketError;
use warren_netns::ip::Flow;
use warren_netns::socket::{self, SendError, SocketOptions};
use warren_platform::{Observer, Readiness};

use super::kinds::Kind;
use super::{Wants, check_port, control, default_ttl};
use crate::abi::{IP_MTU, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_TRUNC, SOL_IP};
use crate::cmsg::Writer;
use crate::errno::Errno;
use crate::sockaddr::{self, InetAddr, SockAddr};
use crate::socket::Call;
use crate::socket::message::{Incoming, Outgoing, Room, Shutdown};
use crate::socket::options::{ip, show};
use crate::socket::protocol::{Change, Protocol};
use crate::socket::stamp::Stamps;

/// See the module.
#[derive(Debug)]
pub(super) struct Datagrams<K> {
    socket: Arc<K>,
    wants: AtomicU8,
}

impl<K: Kind> Datagrams<K> {
    pub(super) const fn new(socket: Arc<K>) -> Self {
        Self { socket, wants: AtomicU8::new(0) }
    }

    fn wants(&self) -> Wants {
        Wants::from_bits_retain(self.wants.load(Ordering::Relaxed))
    }

    /// IP_MTU: of the path to the peer.
    fn path_mtu(&self) -> Result<Vec<u8>, Errno> {
        let peer = self.socket.peer().ok_or(Errno::ENOTCONN)?;
        let options = self.socket.options();
        let flow = Flow { oif: options.bound_link, tos: options.tos, ..Flow::to(*peer.ip()) };
        let route = self.socket.namespace().lookup_route(&flow)?;
        Ok(show(route.mtu))
    }
}

impl<K: Kind> Protocol for Datagrams<K> {
    fn bind(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        let address = sockaddr::parse_bind(address)?;
        if K::HAS_PORTS {
            check_port(self.socket.namespace(), address.port(), call)?;
        }
        Ok(self.socket.bind(address, call.cx)?)
    }

    fn connect(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        match sockaddr::parse_connect(address)? {
            InetAddr::Unspec => self.socket.disconnect(),
            InetAddr::Inet(peer) => self.socket.connect(peer, call.cx)?,
        }
        Ok(())
    }

    fn send(&self, message: Outgoing<'_>, call: &Call<'_>) -> Result<usize, Errno> {
        if message.flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let to = message.name.map(|name| sockaddr::parse_destination(name, K::UNSPEC_IS_INET));
        let to = to.transpose()?;
        let control = control::parse(message.control)?;
        let len = message.payload.remaining();
        let fill = &mut |into: &mut [u8]| message.payload.fill(into);
        self.socket.send(to, len, &control, fill, call.cx).map_err(|error| match error {
            SendError::Socket(error) => error.into(),
            SendError::Fill(errno) => errno,
        })
    }

    fn receive(&self, room: Room<'_>, stamps: &Stamps, call: &Call<'_>) -> Result<Incoming, Errno> {
        if room.flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if room.flags & MSG_ERRQUEUE != 0 {
            return control::report(&self.socket.recv_error()?, room);
        }
        let wants = self.wants();
        let outcome = self.socket.recv(room.flags & MSG_PEEK != 0, |datagram| {
            let copied = datagram.bytes.len().min(room.payload.room());
            room.payload.put(&datagram.bytes[..copied])?;
            let mut out = Writer::new(room.control);
            let at = stamps.received(datagram.at, call.cx.now);
            stamps.put(&mut out, at, call.process);
            control::describe(datagram, wants, &mut out);
            let (control, mut flags) = out.finish();
            if copied < datagram.bytes.len() {
                flags |= MSG_TRUNC;
            }
            let whole = room.flags & MSG_TRUNC != 0;
            Ok(Incoming {
                bytes: if whole { datagram.bytes.len() } else { copied },
                name: SockAddr::inet(datagram.from),
                control,
                flags,
                stamp: Some(at),
            })
        });
        match outcome {
            Ok(incoming) => incoming,
            Err(SocketError::Shutdown) => Ok(Incoming::plain(0)),
            Err(error) => Err(error.into()),
        }
    }

    fn local(&self) -> SockAddr {
        SockAddr::inet(self.socket.local())
    }

    fn remote(&self) -> Result<SockAddr, Errno> {
        self.socket.peer().map(SockAddr::inet).ok_or(Errno::ENOTCONN)
    }

    fn shutdown(&self, how: Shutdown, _call: &Call<'_>) -> Result<(), Errno> {
        Ok(self.socket.shutdown(how.into())?)
    }

    fn options(&self) -> SocketOptions {
        self.socket.options()
    }

    fn change_options(&self, change: Change<'_>, _call: &Call<'_>) -> Result<(), Errno> {
        self.socket.change(change)
    }

    fn set_own_option(
        &self,
        level: i32,
        name: i32,
        value: &[u8],
        _call: &Call<'_>,
    ) -> Result<(), Errno> {
        let known = match level {
            SOL_IP => {
                let mut wants = self.wants();
                let ns = self.socket.namespace();
                let wanted = ip::want(&mut wants, name, value);
                self.wants.store(wants.bits(), Ordering::Relaxed);
                match wanted {
                    Err(Errno::ENOPROTOOPT) => {
                        // Looked up before the socket is locked to be changed.
                        let interface = ip::interface(ns, name, value)?;
                        self.socket
                            .change(&mut |options| ip::set(options, interface, false, name, value))
                    }
                    wanted => wanted,
                }
            }
            _ => Err(Errno::ENOPROTOOPT),
        };
        match known {
            Err(Errno::ENOPROTOOPT) => self.socket.set_own(level, name, value),
            known => known,
        }
    }

    fn own_option(
        &self,
        level: i32,
        name: i32,
        room: usize,
        _call: &Call<'_>,
    ) -> Result<Vec<u8>, Errno> {
        let known = match (level, name) {
            (SOL_IP, IP_MTU) => self.path_mtu(),
            (SOL_IP, _) => {
                let ttl = default_ttl(self.socket.namespace());
                ip::get(&self.socket.options(), self.wants(), ttl, name, room)
            }
            _ => Err(Errno::ENOPROTOOPT),
        };
        match known {
            Err(Errno::ENOPROTOOPT) => self.socket.own(level, name),
            known => known,
        }
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        Ok(self.socket.next_len())
    }

    /// What is sent is on its way: nothing waits with the socket.
    fn unsent_bytes(&self) -> Result<usize, Errno> {
        Ok(0)
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
}

impl From<Shutdown> for socket::Shutdown {
    fn from(how: Shutdown) -> Self {
        match how {
            Shutdown::Receive => Self::Read,
            Shutdown::Send => Self::Write,
            Shutdown::Both => Self::Both,
        }
    }
}
