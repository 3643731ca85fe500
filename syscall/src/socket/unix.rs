//! AF_UNIX behind [`Protocol`]. A unix socket keeps the options every socket has, though only
//! the buffer size and SO_PASSCRED mean something to it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use warren_netns::socket::SocketOptions;
use warren_netns::{Cx, Namespace};
use warren_platform::lock::{self, Mutex};
use warren_platform::{Observer, Readiness};

use super::Call;
use super::message::{Incoming, Outgoing, Room, Shutdown};
use super::options::{int, show};
use super::protocol::{Change, Protocol};
use super::stamp::Stamps;
use crate::abi::{AF_UNSPEC, SO_PASSCRED, SO_PEERCRED, SOL_SOCKET};
use crate::errno::Errno;
use crate::sockaddr::{SockAddr, family, parse_unix};
use crate::unix::UnixSocket;

#[derive(Debug)]
struct Unix {
    socket: Arc<UnixSocket>,
    ns: Arc<Namespace>,
    options: Mutex<lock::Socket, SocketOptions>,
    closed: AtomicBool,
}

/// Takes `socket`, which holds its namespace from now to its close.
pub(super) fn wrap(ns: &Arc<Namespace>, socket: Arc<UnixSocket>) -> Box<dyn Protocol> {
    ns.hold();
    let options = Mutex::new(SocketOptions::datagram());
    Box::new(Unix { socket, ns: ns.clone(), options, closed: AtomicBool::new(false) })
}

impl Protocol for Unix {
    fn bind(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        self.socket.bind(parse_unix(address)?, call.process)
    }

    fn connect(&self, address: &[u8], call: &Call<'_>) -> Result<(), Errno> {
        if family(address) == Some(AF_UNSPEC) {
            return self.socket.disconnect();
        }
        self.socket.connect(parse_unix(address)?, call.process)
    }

    fn listen(&self, backlog: i32, call: &Call<'_>) -> Result<(), Errno> {
        self.socket.listen(backlog, call.process)
    }

    fn accept(&self, _call: &Call<'_>) -> Result<Box<dyn Protocol>, Errno> {
        Ok(wrap(&self.ns, self.socket.accept()?))
    }

    fn send(&self, message: Outgoing<'_>, call: &Call<'_>) -> Result<usize, Errno> {
        self.socket.send(message, call.process)
    }

    fn receive(
        &self,
        room: Room<'_>,
        _stamps: &Stamps,
        call: &Call<'_>,
    ) -> Result<Incoming, Errno> {
        self.socket.receive(room, call.process)
    }

    fn local(&self) -> SockAddr {
        self.socket.local()
    }

    fn remote(&self) -> Result<SockAddr, Errno> {
        self.socket.remote()
    }

    fn shutdown(&self, how: Shutdown, _call: &Call<'_>) -> Result<(), Errno> {
        self.socket.shutdown(how)
    }

    fn options(&self) -> SocketOptions {
        self.options.lock().clone()
    }

    fn change_options(&self, change: Change<'_>, _call: &Call<'_>) -> Result<(), Errno> {
        let send_buffer = {
            let mut options = self.options.lock();
            change(&mut options)?;
            options.sndbuf()
        };
        self.socket.set_send_limit(send_buffer);
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
            (SOL_SOCKET, SO_PASSCRED) => {
                self.socket.set_pass_credentials(int(value)? != 0);
                Ok(())
            }
            (SOL_SOCKET, _) => Err(Errno::ENOPROTOOPT),
            // There is no level but the general one (`sock_no_setsockopt`).
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn own_option(
        &self,
        level: i32,
        name: i32,
        _room: usize,
        _call: &Call<'_>,
    ) -> Result<Vec<u8>, Errno> {
        match (level, name) {
            (SOL_SOCKET, SO_PASSCRED) => Ok(show(i32::from(self.socket.passes_credentials()))),
            (SOL_SOCKET, SO_PEERCRED) => {
                // Without a peer: pid 0, and the ids that stand for nobody.
                let nobody = crate::unix::Credentials { pid: 0, uid: u32::MAX, gid: u32::MAX };
                Ok(self.socket.peer_credentials().unwrap_or(nobody).to_bytes().to_vec())
            }
            (SOL_SOCKET, _) => Err(Errno::ENOPROTOOPT),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn is_listening(&self) -> bool {
        self.socket.is_listening()
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        if self.socket.is_listening() {
            return Err(Errno::EINVAL);
        }
        Ok(self.socket.readable_bytes())
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
        self.socket.take_error()
    }

    fn close(&self, cx: &Cx<'_>) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.socket.close();
            self.ns.release(cx);
        }
    }
}
