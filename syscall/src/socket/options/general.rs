//! SOL_SOCKET (Linux: `sk_setsockopt`, `sk_getsockopt`).

use alloc::vec::Vec;
use core::time::Duration;

use warren_netns::Ifindex;
use warren_netns::socket::SocketOptions;

use super::{int, show};
use crate::abi::{
    SO_ACCEPTCONN, SO_BINDTODEVICE, SO_BINDTOIFINDEX, SO_BROADCAST, SO_DOMAIN, SO_ERROR,
    SO_KEEPALIVE, SO_LINGER, SO_MARK, SO_PRIORITY, SO_PROTOCOL, SO_RCVBUF, SO_RCVBUFFORCE,
    SO_RCVLOWAT, SO_RCVTIMEO, SO_RCVTIMEO_NEW, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF,
    SO_SNDBUFFORCE, SO_SNDLOWAT, SO_SNDTIMEO, SO_SNDTIMEO_NEW, SO_TIMESTAMP, SO_TIMESTAMP_NEW,
    SO_TIMESTAMPNS, SO_TIMESTAMPNS_NEW, SO_TYPE, SOL_SOCKET,
};
use crate::cred::Capability;
use crate::errno::Errno;
use crate::socket::{Call, Socket};

/// IFNAMSIZ.
const NAME: usize = 16;
/// TC_PRIO_INTERACTIVE: the highest priority anybody may ask for.
const ANYBODYS_PRIORITY: i32 = 6;

pub(super) fn set(socket: &Socket, name: i32, value: &[u8], call: &Call<'_>) -> Result<(), Errno> {
    if name == SO_BINDTODEVICE {
        return bind_to_device(socket, value, call);
    }
    let number = int(value)?;
    let on = number != 0;
    let change = |set: &mut dyn FnMut(&mut SocketOptions)| {
        socket.protocol.change_options(
            &mut |options| {
                set(options);
                Ok(())
            },
            call,
        )
    };
    match name {
        SO_REUSEADDR => change(&mut |options| options.reuse_addr = on),
        SO_REUSEPORT => change(&mut |options| options.reuse_port = on),
        SO_BROADCAST => change(&mut |options| options.broadcast = on),
        SO_KEEPALIVE => change(&mut |options| options.keepalive = on),
        // Negative sizes are large ones to Linux's unsigned comparison.
        SO_SNDBUF => change(&mut |options| options.set_sndbuf(size(number))),
        SO_RCVBUF => change(&mut |options| options.set_rcvbuf(size(number))),
        SO_SNDBUFFORCE | SO_RCVBUFFORCE => {
            need(&[Capability::NetAdmin], socket, call)?;
            let size = usize::try_from(number).unwrap_or(0);
            change(&mut |options| match name {
                SO_SNDBUFFORCE => options.force_sndbuf(size),
                _ => options.force_rcvbuf(size),
            })
        }
        SO_PRIORITY => {
            if !(0..=ANYBODYS_PRIORITY).contains(&number) {
                need(&[Capability::NetRaw, Capability::NetAdmin], socket, call)?;
            }
            change(&mut |options| options.priority = number.cast_unsigned())
        }
        SO_MARK => {
            need(&[Capability::NetRaw, Capability::NetAdmin], socket, call)?;
            change(&mut |options| options.mark = number.cast_unsigned())
        }
        SO_LINGER => {
            let (_, [s0, s1, s2, s3]) = pair(value)?;
            let seconds = i32::from_ne_bytes([s0, s1, s2, s3]);
            let seconds = u64::try_from(seconds).unwrap_or(u64::from(u32::MAX));
            change(&mut |options| options.linger = on.then(|| Duration::from_secs(seconds)))
        }
        SO_RCVTIMEO | SO_RCVTIMEO_NEW => {
            socket.receive_wait.set(timeout(value)?);
            Ok(())
        }
        SO_SNDTIMEO | SO_SNDTIMEO_NEW => {
            socket.send_wait.set(timeout(value)?);
            Ok(())
        }
        SO_TIMESTAMP | SO_TIMESTAMPNS | SO_TIMESTAMP_NEW | SO_TIMESTAMPNS_NEW => {
            socket.stamps.set(name, on);
            Ok(())
        }
        SO_BINDTOIFINDEX => {
            let index = u32::try_from(number).map_err(|_| Errno::EINVAL)?;
            bind_to(socket, Ifindex::new(index), call)
        }
        SO_TYPE | SO_PROTOCOL | SO_DOMAIN | SO_ERROR | SO_ACCEPTCONN | SO_SNDLOWAT => {
            Err(Errno::ENOPROTOOPT)
        }
        _ => socket.protocol.set_own_option(SOL_SOCKET, name, value, call),
    }
}

pub(super) fn get(
    socket: &Socket,
    name: i32,
    room: usize,
    call: &Call<'_>,
) -> Result<Vec<u8>, Errno> {
    let options = socket.protocol.options();
    let identity = socket.identity;
    Ok(match name {
        SO_TYPE => show(identity.kind),
        SO_DOMAIN => show(identity.family),
        SO_PROTOCOL => show(identity.protocol),
        SO_ERROR => show(socket.take_error().map_or(0, Errno::get)),
        SO_ACCEPTCONN => show(i32::from(socket.protocol.is_listening())),
        SO_REUSEADDR => show(i32::from(options.reuse_addr)),
        SO_REUSEPORT => show(i32::from(options.reuse_port)),
        SO_BROADCAST => show(i32::from(options.broadcast)),
        SO_KEEPALIVE => show(i32::from(options.keepalive)),
        SO_SNDBUF => show(to_int(options.sndbuf())),
        SO_RCVBUF => show(to_int(options.rcvbuf())),
        SO_PRIORITY => show(options.priority),
        SO_MARK => show(options.mark),
        SO_RCVLOWAT | SO_SNDLOWAT => show(1),
        SO_LINGER => {
            let seconds = options.linger.map_or(0, |linger| linger.as_secs());
            let mut bytes = show(i32::from(options.linger.is_some()));
            bytes.extend(show(i32::try_from(seconds).unwrap_or(i32::MAX)));
            bytes
        }
        SO_RCVTIMEO | SO_RCVTIMEO_NEW => timeval(socket.receive_timeout()),
        SO_SNDTIMEO | SO_SNDTIMEO_NEW => timeval(socket.send_timeout()),
        SO_TIMESTAMP | SO_TIMESTAMPNS | SO_TIMESTAMP_NEW | SO_TIMESTAMPNS_NEW => {
            show(i32::from(socket.stamps.is_on(name)))
        }
        SO_BINDTOIFINDEX => show(options.bound_link.map_or(0, Ifindex::get)),
        SO_BINDTODEVICE => {
            let Some(bound) = options.bound_link else { return Ok(Vec::new()) };
            if room < NAME {
                return Err(Errno::EINVAL);
            }
            let link = socket.ns.link(bound).ok_or(Errno::ENODEV)?;
            let mut bytes = link.name().as_bytes().to_vec();
            bytes.push(0);
            bytes
        }
        _ => return socket.protocol.own_option(SOL_SOCKET, name, room, call),
    })
}

/// `sock_setbindtodevice`: by name, up to the first zero; none unbinds.
fn bind_to_device(socket: &Socket, value: &[u8], call: &Call<'_>) -> Result<(), Errno> {
    let name = &value[..value.len().min(NAME - 1)];
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let link = match &name[..end] {
        [] => None,
        name => Some(socket.ns.find_link(name).ok_or(Errno::ENODEV)?.ifindex()),
    };
    bind_to(socket, link, call)
}

/// Anybody may bind an unbound socket to a link; to change that takes CAP_NET_RAW.
fn bind_to(socket: &Socket, link: Option<Ifindex>, call: &Call<'_>) -> Result<(), Errno> {
    if socket.protocol.options().bound_link.is_some() {
        need(&[Capability::NetRaw], socket, call)?;
    }
    socket.protocol.change_options(
        &mut |options| {
            options.bound_link = link;
            Ok(())
        },
        call,
    )
}

/// One of the capabilities, or EPERM.
fn need(any: &[Capability], socket: &Socket, call: &Call<'_>) -> Result<(), Errno> {
    if any.iter().any(|capability| call.process.has(*capability, &socket.ns)) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

fn size(number: i32) -> usize {
    usize::try_from(number.cast_unsigned()).unwrap_or(usize::MAX)
}

fn to_int(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// `struct linger`: two ints.
fn pair(value: &[u8]) -> Result<([u8; 4], [u8; 4]), Errno> {
    let [a, b, c, d, e, f, g, h] = *value.first_chunk().ok_or(Errno::EINVAL)?;
    Ok(([a, b, c, d], [e, f, g, h]))
}

/// `struct timeval` as a wait: zero is for ever, negative not at all (`sock_set_timeout`).
fn timeout(value: &[u8]) -> Result<Option<Duration>, Errno> {
    let bytes: [u8; 16] = value.first_chunk().copied().ok_or(Errno::EINVAL)?;
    let [s0, s1, s2, s3, s4, s5, s6, s7, u0, u1, u2, u3, u4, u5, u6, u7] = bytes;
    let seconds = i64::from_ne_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
    let micros = i64::from_ne_bytes([u0, u1, u2, u3, u4, u5, u6, u7]);
    let micros = u32::try_from(micros).ok().filter(|micros| *micros < 1_000_000);
    let micros = micros.ok_or(Errno::EDOM)?;
    Ok(match u64::try_from(seconds) {
        Err(_) => Some(Duration::ZERO),
        Ok(0) if micros == 0 => None,
        Ok(seconds) => Some(Duration::new(seconds, micros * 1_000)),
    })
}

fn timeval(wait: Option<Duration>) -> Vec<u8> {
    let wait = wait.unwrap_or(Duration::ZERO);
    let mut bytes = wait.as_secs().to_ne_bytes().to_vec();
    bytes.extend(u64::from(wait.subsec_micros()).to_ne_bytes());
    bytes
}
