//! Sending and receiving.

use warren_syscall::abi::{MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_WAITFORONE};
use warren_syscall::socket::message::{Incoming, Source as _};

use super::{Opened, read_name, write_name};
use crate::mm::user::{self, IoVec, MAX_TRANSFER};
use crate::net::socket::payload::{Gathered, Scattered};
use crate::net::socket::{Sending, TURN};
use crate::prelude::*;
use crate::process::Thread;
use crate::syscall::Args;
use crate::time::now;

/// `sizeof(struct msghdr)` on x86-64, and of `struct mmsghdr` with the length behind it.
const MSGHDR: usize = 56;
const MMSGHDR: usize = 64;
/// The most messages one call moves (UIO_MAXIOV).
const MOST_MESSAGES: usize = 1_024;
/// The longest control messages sent (net.core.optmem_max).
const CONTROL_MAX: usize = 20_480;

/// `struct msghdr`, and where it was.
struct MsgHdr {
    at: usize,
    name: usize,
    name_len: i32,
    vectors: Vec<IoVec>,
    control: usize,
    control_len: usize,
}

impl MsgHdr {
    fn read(at: usize) -> Result<Self> {
        let [name, name_len, vectors, count, control, control_len, _flags] =
            user::read_val::<[usize; 7]>(at)?;
        // The type of msg_namelen is int; the upper half is padding.
        let name_len = if name == 0 { 0 } else { name_len as i32 };
        if name_len < 0 {
            return Err(Errno::EINVAL);
        }
        if count > user::IOV_MAX {
            return Err(Errno::EMSGSIZE);
        }
        let vectors = user::read_iovecs(vectors, count)?;
        Ok(Self { at, name, name_len, vectors, control, control_len })
    }

    fn payload_len(&self) -> usize {
        self.vectors.iter().map(|vector| vector.len).sum()
    }

    /// Writes what a receive changes: lengths and flags.
    fn write_back(&self, name_len: usize, control_len: usize, flags: u32) -> Result<()> {
        user::write_val(self.at + 8, &(name_len as i32))?;
        user::write_val(self.at + 40, &control_len)?;
        user::write_val(self.at + 48, &flags.cast_signed())
    }
}

/// Gathers one message and sends it.
fn send(
    file: &Opened,
    name: Option<&[u8]>,
    control: &[u8],
    vectors: &[IoVec],
    flags: u32,
) -> Result<usize> {
    let total: usize = vectors.iter().map(|vector| vector.len).sum();
    let socket = file.socket();
    let message = Sending { name, control, flags };
    if !socket.socket.is_stream() {
        // Longer than any datagram may be: the exact limit is the protocol's to apply.
        if total > TURN * 4 {
            return Err(Errno::EMSGSIZE);
        }
        let mut payload = Gathered::from_user(vectors, total)?;
        return socket.send(&message, &mut payload, file.0.flags());
    }
    let mut sent = 0;
    let mut rest = vectors.to_vec();
    loop {
        let mut payload = Gathered::from_user(&rest, TURN)?;
        let offered = payload.remaining();
        let first = Sending { control: if sent == 0 { control } else { &[] }, ..message };
        let turn = match socket.send(&first, &mut payload, file.0.flags()) {
            Ok(turn) => turn,
            Err(_) if sent > 0 => return Ok(sent),
            Err(error) => return Err(error),
        };
        sent += turn;
        if sent == total || turn < offered {
            return Ok(sent);
        }
        advance(&mut rest, turn);
    }
}

/// Drops the first `count` bytes of `vectors`.
fn advance(vectors: &mut Vec<IoVec>, mut count: usize) {
    vectors.retain_mut(|vector| {
        let step = count.min(vector.len);
        vector.addr += step;
        vector.len -= step;
        count -= step;
        vector.len > 0
    });
}

pub(super) fn sendto(
    thread: &Arc<Thread>,
    [fd, buffer, len, flags, name, name_len]: Args,
) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let name = if name == 0 { None } else { Some(read_name(name, name_len)?) };
    let vector = IoVec { addr: buffer, len: len.min(MAX_TRANSFER) };
    send(&file, name.as_deref(), &[], &[vector], flags as u32)
}

pub(super) fn sendmsg(thread: &Arc<Thread>, [fd, message, flags, ..]: Args) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    send_header(&file, &MsgHdr::read(message)?, flags as u32)
}

fn send_header(file: &Opened, header: &MsgHdr, flags: u32) -> Result<usize> {
    let name = match header.name_len {
        0 => None,
        len => Some(read_name(header.name, len as usize)?),
    };
    if header.control_len > CONTROL_MAX {
        return Err(Errno::ENOBUFS);
    }
    let mut control = alloc::vec![0; header.control_len];
    user::read_bytes(header.control, &mut control)?;
    send(file, name.as_deref(), &control, &header.vectors, flags)
}

pub(super) fn sendmmsg(
    thread: &Arc<Thread>,
    [fd, messages, count, flags, ..]: Args,
) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    each(messages, count, |at| {
        let sent = send_header(&file, &MsgHdr::read(at)?, flags as u32)?;
        user::write_val(at + MSGHDR, &(sent as u32))
    })
}

pub(super) fn recvfrom(
    thread: &Arc<Thread>,
    [fd, buffer, len, flags, name, name_len]: Args,
) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let vector = IoVec { addr: buffer, len: len.min(MAX_TRANSFER) };
    let (payload, incoming) = receive(&file, vector.len, 0, flags as u32)?;
    payload.to_user(&[vector])?;
    if name != 0 {
        write_name(&incoming.name, name, name_len)?;
    }
    Ok(incoming.bytes)
}

fn receive(file: &Opened, len: usize, control: usize, flags: u32) -> Result<(Scattered, Incoming)> {
    file.socket().receive(len, control, flags, file.0.flags())
}

pub(super) fn recvmsg(thread: &Arc<Thread>, [fd, message, flags, ..]: Args) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    receive_header(&file, &MsgHdr::read(message)?, flags as u32)
}

fn receive_header(file: &Opened, header: &MsgHdr, flags: u32) -> Result<usize> {
    let control = if header.control == 0 { 0 } else { header.control_len };
    let (payload, incoming) = receive(file, header.payload_len(), control, flags)?;
    payload.to_user(&header.vectors)?;
    let name = incoming.name.as_bytes();
    if header.name != 0 {
        let room = header.name_len as usize;
        user::write_bytes(header.name, &name[..name.len().min(room)])?;
    }
    user::write_bytes(header.control, &incoming.control)?;
    let name_len = if header.name == 0 { 0 } else { name.len() };
    // Linux repeats this one flag of the call among those of the message.
    let shown = incoming.flags | flags & MSG_CMSG_CLOEXEC;
    header.write_back(name_len, incoming.control.len(), shown)?;
    Ok(incoming.bytes)
}

pub(super) fn recvmmsg(
    thread: &Arc<Thread>,
    [fd, messages, count, flags, timeout, _]: Args,
) -> Result<usize> {
    let file = Opened::new(thread, fd)?;
    let deadline = match timeout {
        0 => None,
        at => {
            let [seconds, nanos] = user::read_val::<[i64; 2]>(at)?;
            let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
            let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
            let span = core::time::Duration::new(seconds, nanos.ok_or(Errno::EINVAL)?);
            Some(now() + span)
        }
    };
    let mut flags = flags as u32;
    each(messages, count, |at| {
        // recvmmsg(2), BUGS: the timeout is looked at after each datagram only.
        let late = deadline.is_some_and(|deadline| now() >= deadline);
        if late && at != messages {
            return Err(Errno::EAGAIN);
        }
        let received = receive_header(&file, &MsgHdr::read(at)?, flags & !MSG_WAITFORONE)?;
        user::write_val(at + MSGHDR, &(received as u32))?;
        if flags & MSG_WAITFORONE != 0 {
            flags |= MSG_DONTWAIT;
        }
        Ok(())
    })
}

/// Runs `one` for each `struct mmsghdr` until one fails; how many did not.
fn each(messages: usize, count: usize, mut one: impl FnMut(usize) -> Result<()>) -> Result<usize> {
    let count = (count as u32 as usize).min(MOST_MESSAGES);
    for index in 0..count {
        match one(messages + index * MMSGHDR) {
            Ok(()) => {}
            Err(error) if index == 0 => return Err(error),
            Err(_) => return Ok(index),
        }
    }
    Ok(count)
}
