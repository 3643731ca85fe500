//! The system calls about sockets: each decodes its arguments and makes one call.

mod connections;
mod messages;
mod options;

use warren_syscall::sockaddr::{STORAGE, SockAddr};

use super::SocketFile;
use crate::fs::OpenFile;
use crate::mm::user;
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::{Args, Call};

/// This part of the table of system calls.
pub(crate) const CALLS: &[(u32, Call)] = &[
    (41, Call::new(connections::socket)),
    (42, Call::new(connections::connect)),
    (
        43,
        Call::new(|thread, [fd, name, len, ..]: Args| {
            connections::accept(thread, fd, name, len, 0)
        }),
    ),
    (44, Call::new(messages::sendto)),
    (45, Call::new(messages::recvfrom)),
    (46, Call::new(messages::sendmsg)),
    (47, Call::new(messages::recvmsg)),
    (48, Call::new(connections::shutdown)),
    (49, Call::new(connections::bind)),
    (50, Call::new(connections::listen)),
    (51, Call::new(connections::getsockname)),
    (52, Call::new(connections::getpeername)),
    (53, Call::new(connections::socketpair)),
    (54, Call::new(options::setsockopt)),
    (55, Call::new(options::getsockopt)),
    (
        288,
        Call::new(|thread, [fd, name, len, flags, ..]: Args| {
            connections::accept(thread, fd, name, len, flags)
        }),
    ),
    (299, Call::new(messages::recvmmsg)),
    (307, Call::new(messages::sendmmsg)),
];

/// An open file that is a socket.
struct Opened(Arc<OpenFile>);

impl Opened {
    /// The socket with descriptor `fd`.
    ///
    /// # Errors
    /// `EBADF` if it is not open, `ENOTSOCK` if it is something else.
    fn new(thread: &Thread, fd: usize) -> Result<Self> {
        // Negative numbers wrap to numbers no table has; only the low half counts.
        let file = thread.files()?.get_opened(fd as u32)?;
        if file.downcast::<SocketFile>().is_none() {
            return Err(Errno::ENOTSOCK);
        }
        Ok(Self(file))
    }

    fn socket(&self) -> &SocketFile {
        self.0.downcast().expect("checked when it was made")
    }
}

/// Copies an address argument in (`move_addr_to_kernel`).
fn read_name(addr: usize, len: usize) -> Result<Vec<u8>> {
    let len = usize::try_from(len as i32).ok().filter(|len| *len <= STORAGE);
    let mut name = alloc::vec![0; len.ok_or(Errno::EINVAL)?];
    user::read_bytes(addr, &mut name)?;
    Ok(name)
}

/// Copies an address out, as much as there is room for, and its full length
/// (`move_addr_to_user`).
fn write_name(name: &SockAddr, addr: usize, len_addr: usize) -> Result<()> {
    let room: i32 = user::read_val(len_addr)?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    let bytes = name.as_bytes();
    user::write_bytes(addr, &bytes[..bytes.len().min(room)])?;
    user::write_val(len_addr, &(bytes.len() as i32))
}
