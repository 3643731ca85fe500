//! AF_NETLINK behind [`Protocol`].

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use warren_netns::Cx;
use warren_netns::socket::SocketOptions;
use warren_platform::lock::{self, Mutex};
use warren_platform::{Observer, Readiness};

use super::Call;
use super::message::{Incoming, Outgoing, Room, Shutdown};
use super::options::{int, show};
use super::protocol::{Change, Protocol};
use super::stamp::Stamps;
use crate::abi::{
    MSG_OOB, MSG_PEEK, MSG_TRUNC, SCM_CREDENTIALS, SO_PASSCRED, SOL_NETLINK, SOL_SOCKET,
};
use crate::cmsg;
use crate::errno::Errno;
use crate::netlink::NetlinkSocket;
use crate::netlink::abi::NETLINK_PKTINFO;
use crate::sockaddr::SockAddr;

#[derive(Debug)]
struct Netlink {
    socket: Arc<NetlinkSocket>,
    options: Mutex<lock::Socket, SocketOptions>,
    pass_credentials: AtomicBool,
}

/// Takes `socket`, which holds its namespace until its close.
pub(super) fn wrap(socket: Arc<NetlinkSocket>) -> Box<dyn Protocol> {
    let options = Mutex::new(SocketOptions::datagram());
    Box::new(Netlink { socket, options, pass_credentials: AtomicBool::new(false) })
}

impl Protocol for Netlink {
    fn bind(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        self.socket.bind(address, call.process, call.cx)
    }

    fn connect(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        self.socket.connect(address, call.process, call.cx)
    }

    fn send(&self, message: Outgoing<'_>, call: &Call<'_>) -> Result<usize, Errno> {
        if message.flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let len = message.payload.remaining();
        // Refused before it is copied in, and before it costs memory.
        self.socket.check_length(len)?;
        let mut datagram = Vec::new();
        datagram.try_reserve_exact(len).map_err(|_| Errno::ENOBUFS)?;
        datagram.resize(len, 0);
        message.payload.fill(&mut datagram)?;
        self.socket.send(message.name, &datagram, call.process, call.cx)
    }

    fn receive(
        &self,
        room: Room<'_>,
        _stamps: &Stamps,
        call: &Call<'_>,
    ) -> Result<Incoming, Errno> {
        if room.flags & MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let peek = room.flags & MSG_PEEK != 0;
        let capacity = room.payload.room();
        let received = self.socket.receive(capacity, peek, call.cx)?;
        let copied = received.bytes.len().min(capacity);
        room.payload.put(&received.bytes[..copied])?;
        let truncated = copied < received.bytes.len();
        let mut control = cmsg::Writer::new(room.control);
        if let Some(group) = received.packet_info {
            control.put(SOL_NETLINK, NETLINK_PKTINFO, &group.to_ne_bytes());
        }
        if self.pass_credentials.load(Ordering::Relaxed) {
            let credentials = received.credentials.map(u32::to_ne_bytes);
            control.put(SOL_SOCKET, SCM_CREDENTIALS, credentials.as_flattened());
        }
        let (control, control_flags) = control.finish();
        let whole = room.flags & MSG_TRUNC != 0;
        Ok(Incoming {
            bytes: if whole { received.bytes.len() } else { copied },
            name: received.sender,
            control,
            flags: control_flags | if truncated { MSG_TRUNC } else { 0 },
            stamp: None,
        })
    }

    fn local(&self) -> SockAddr {
        self.socket.local_address()
    }

    fn remote(&self) -> Result<SockAddr, Errno> {
        Ok(self.socket.peer_address())
    }

    fn shutdown(&self, _how: Shutdown, _call: &Call<'_>) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn options(&self) -> SocketOptions {
        self.options.lock().clone()
    }

    fn change_options(&self, change: Change<'_>, _call: &Call<'_>) -> Result<(), Errno> {
        let (receive, send) = {
            let mut options = self.options.lock();
            change(&mut options)?;
            (options.rcvbuf(), options.sndbuf())
        };
        self.socket.with_options(|options| {
            options.receive_limit = receive;
            options.send_limit = send;
        });
        Ok(())
    }

    fn set_own_option(
        &self,
        level: i32,
        name: i32,
        value: &[u8],
        _call: &Call<'_>,
    ) -> Result<(), Errno> {
        match (level, name) {
            (SOL_NETLINK, _) => self.socket.set_option(name, value),
            (SOL_SOCKET, SO_PASSCRED) => {
                self.pass_credentials.store(int(value)? != 0, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn own_option(
        &self,
        level: i32,
        name: i32,
        room: usize,
        _call: &Call<'_>,
    ) -> Result<Vec<u8>, Errno> {
        match (level, name) {
            (SOL_NETLINK, _) => {
                let value = self.socket.option(name)?;
                // Flags are ints and want that much room.
                if room < 4 { Err(Errno::EINVAL) } else { Ok(value) }
            }
            (SOL_SOCKET, SO_PASSCRED) => {
                Ok(show(i32::from(self.pass_credentials.load(Ordering::Relaxed))))
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        // Linux's netlink has no ioctls of its own.
        Err(Errno::ENOTTY)
    }

    fn set_inode(&self, _inode: u64) {}

    fn readiness(&self) -> Readiness {
        self.socket.readiness()
    }

    fn set_observer(&self, observer: Arc<dyn Observer>) {
        self.socket.set_observer(Some(observer));
    }

    fn take_error(&self) -> Option<Errno> {
        self.socket.take_error()
    }

    fn close(&self, cx: &Cx<'_>) {
        self.socket.close(cx);
    }
}
