//! setsockopt(2) and getsockopt(2).
//!
//! SOL_SOCKET is [`general`]: the same code for every family, on the options the family
//! keeps. Other levels are the family's: [`ip`] and [`tcp`] for AF_INET. What is not known
//! answers ENOPROTOOPT, never success.

mod general;
pub(super) mod ip;
pub(super) mod tcp;

use alloc::vec::Vec;

use super::{Call, Socket};
use crate::abi::SOL_SOCKET;
use crate::errno::Errno;

pub(super) fn set(
    socket: &Socket,
    level: i32,
    name: i32,
    value: &[u8],
    call: &Call<'_>,
) -> Result<(), Errno> {
    if level == SOL_SOCKET {
        general::set(socket, name, value, call)
    } else {
        socket.protocol.set_own_option(level, name, value, call)
    }
}

pub(super) fn get(
    socket: &Socket,
    level: i32,
    name: i32,
    room: usize,
    call: &Call<'_>,
) -> Result<Vec<u8>, Errno> {
    if level == SOL_SOCKET {
        general::get(socket, name, room, call)
    } else {
        socket.protocol.own_option(level, name, room, call)
    }
}

/// An int, where the option must be at least that long.
pub(super) fn int(value: &[u8]) -> Result<i32, Errno> {
    value.first_chunk().copied().map(i32::from_ne_bytes).ok_or(Errno::EINVAL)
}

/// An int or, in its stead, one byte: what most of IPPROTO_IP takes.
pub(super) fn int_or_byte(value: &[u8]) -> Result<i32, Errno> {
    match (int(value), value) {
        (Ok(number), _) => Ok(number),
        (Err(_), [byte, ..]) => Ok(i32::from(*byte)),
        (Err(error), []) => Err(error),
    }
}

/// An int to copy out.
pub(super) fn show(number: impl Into<i64>) -> Vec<u8> {
    // Options are C ints: what is larger is shown as the same 32 bits, as Linux does.
    let number: i64 = number.into();
    (number as i32).to_ne_bytes().to_vec()
}

/// An int to copy out, as one byte where there is room for no more and it fits.
pub(super) fn show_or_byte(number: i32, room: usize) -> Vec<u8> {
    match u8::try_from(number) {
        Ok(byte) if room > 0 && room < 4 => alloc::vec![byte],
        _ => show(number),
    }
}
