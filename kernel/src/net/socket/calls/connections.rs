//! Making sockets, naming them, connecting them.

use warren_syscall::abi::{SOCK_CLOEXEC, SOCK_NONBLOCK};
use warren_syscall::socket::Socket;

use super::{Opened, read_name, write_name};
use crate::mm::user;
use crate::net::socket::caller::UserProcess;
use crate::net::socket::{enter, install, open_file};
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::Args;

/// Runs `open` with the caller's namespace and the circumstances of the call.
fn opened<R>(
    thread: &Arc<Thread>,
    open: impl FnOnce(&Arc<warren_netns::Namespace>, &super::super::Call<'_>) -> Result<R>,
) -> Result<R> {
    let process = UserProcess::new(thread.clone());
    let cx = enter();
    let ns = thread.ns()?;
    open(ns.net.namespace(), &super::super::Call { process: &process, cx: &cx })
}

pub(super) fn socket(thread: &Arc<Thread>, [family, kind, protocol, ..]: Args) -> Result<usize> {
    let (family, kind, protocol) = (family as i32, kind as u32, protocol as i32);
    let socket = opened(thread, |ns, call| Socket::open(ns, family, kind, protocol, call))?;
    Ok(install(thread, socket, kind)? as usize)
}

pub(super) fn socketpair(
    thread: &Arc<Thread>,
    [family, kind, protocol, pair, ..]: Args,
) -> Result<usize> {
    let (family, kind, protocol) = (family as i32, kind as u32, protocol as i32);
    let (one, other) = opened(thread, |ns, call| Socket::pair(ns, family, kind, protocol, call))?;
    let files = thread.files()?;
    let cloexec = kind & SOCK_CLOEXEC != 0;
    let (one, other) = (open_file(one, kind), open_file(other, kind));
    let first = files.insert(one, cloexec)?;
    let numbers = files.insert(other, cloexec).map(|second| [first, second]);
    let written = numbers.and_then(|numbers| {
        user::write_val(pair, &numbers).inspect_err(|_| drop(files.remove(numbers[1])))
    });
    written.inspect_err(|_| drop(files.remove(first)))?;
    Ok(0)
}

pub(super) fn bind(thread: &Arc<Thread>, [fd, name, len, ..]: Args) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let name = read_name(name, len)?;
    let socket = file.socket();
    socket.with_call(|call| socket.socket.bind(&name, call))?;
    Ok(0)
}

pub(super) fn listen(thread: &Arc<Thread>, [fd, backlog, ..]: Args) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let socket = file.socket();
    socket.with_call(|call| socket.socket.listen(backlog as i32, call))?;
    Ok(0)
}

pub(super) fn connect(thread: &Arc<Thread>, [fd, name, len, ..]: Args) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let name = read_name(name, len)?;
    file.socket().connect(&name, file.0.flags())?;
    Ok(0)
}

pub(super) fn accept(
    thread: &Arc<Thread>,
    fd: usize,
    name: usize,
    len: usize,
    flags: usize,
) -> Result<usize> {
    let flags = flags as u32;
    if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = Opened::new(thread, fd)?;
    let accepted = file.socket().accept(file.0.flags())?;
    let remote = accepted.remote();
    let accepted = open_file(accepted, flags);
    if name != 0 {
        // The peer may have gone already (inet_accept: ECONNABORTED).
        write_name(&remote.map_err(|_| Errno::ECONNABORTED)?, name, len)?;
    }
    let fd = thread.files()?.insert(accepted, flags & SOCK_CLOEXEC != 0)?;
    Ok(fd as usize)
}

pub(super) fn getsockname(thread: &Arc<Thread>, [fd, name, len, ..]: Args) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    write_name(&file.socket().socket.local()?, name, len)?;
    Ok(0)
}

pub(super) fn getpeername(thread: &Arc<Thread>, [fd, name, len, ..]: Args) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    write_name(&file.socket().socket.remote()?, name, len)?;
    Ok(0)
}

pub(super) fn shutdown(thread: &Arc<Thread>, [fd, how, ..]: Args) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let socket = file.socket();
    socket.with_call(|call| socket.socket.shutdown(how as i32, call))?;
    Ok(0)
}
