//! Control messages of AF_INET: what a send may say, what a receive is told, and the error
//! queue.

use core::net::Ipv4Addr;

use warren_netns::Ifindex;
use warren_netns::socket::{Datagram, QueuedError, SendControl};

use super::Wants;
use crate::abi::{
    IP_PKTINFO, IP_RECVERR, IP_TOS, IP_TTL, MSG_ERRQUEUE, MSG_TRUNC, SOL_IP, SOL_SOCKET,
};
use crate::cmsg::{self, Writer};
use crate::errno::Errno;
use crate::sockaddr::SockAddr;
use crate::socket::message::{Incoming, Room};

/// Reads the control messages of a send (`ip_cmsg_send`). Levels that are not IP's are
/// passed over.
pub(super) fn parse(control: &[u8]) -> Result<SendControl, Errno> {
    let mut parsed = SendControl::default();
    for message in cmsg::parse(control) {
        let message = message?;
        match (message.level, message.kind) {
            (SOL_IP, IP_PKTINFO) => {
                let info: &[u8; 12] = message.data.try_into().map_err(|_| Errno::EINVAL)?;
                let [i0, i1, i2, i3, a, b, c, d, ..] = *info;
                let index = u32::from_ne_bytes([i0, i1, i2, i3]);
                if index != 0 {
                    parsed.link = Some(Ifindex::new(index).ok_or(Errno::EINVAL)?);
                }
                let source = Ipv4Addr::new(a, b, c, d);
                if !source.is_unspecified() {
                    parsed.source = Some(source);
                }
            }
            (SOL_IP, IP_TTL) => {
                let ttl: [u8; 4] = message.data.try_into().map_err(|_| Errno::EINVAL)?;
                match u8::try_from(i32::from_ne_bytes(ttl)) {
                    Ok(0) | Err(_) => return Err(Errno::EINVAL),
                    Ok(ttl) => parsed.ttl = Some(ttl),
                }
            }
            (SOL_IP, IP_TOS) => {
                let tos = match *message.data {
                    [tos] => i32::from(tos),
                    [a, b, c, d] => i32::from_ne_bytes([a, b, c, d]),
                    _ => return Err(Errno::EINVAL),
                };
                parsed.tos = Some(u8::try_from(tos).map_err(|_| Errno::EINVAL)?);
            }
            // SO_MARK and SO_TXTIME as control messages are not known here.
            (SOL_IP | SOL_SOCKET, _) => return Err(Errno::EINVAL),
            _ => {}
        }
    }
    Ok(parsed)
}

/// What the reader of a datagram is told besides its bytes (`ip_cmsg_recv`).
pub(super) fn describe(datagram: &Datagram<'_>, wants: Wants, out: &mut Writer) {
    if wants.contains(Wants::PKTINFO) {
        let mut info = [0; 12];
        info[..4].copy_from_slice(&datagram.link.get().to_ne_bytes());
        info[4..8].copy_from_slice(&datagram.to.ip().octets());
        info[8..].copy_from_slice(&datagram.to.ip().octets());
        out.put(SOL_IP, IP_PKTINFO, &info);
    }
    if wants.contains(Wants::TTL) {
        out.put(SOL_IP, IP_TTL, &i32::from(datagram.ttl).to_ne_bytes());
    }
    if wants.contains(Wants::TOS) {
        out.put(SOL_IP, IP_TOS, &[datagram.tos]);
    }
}

/// `ip_recv_error`: the datagram that went wrong, where it was going, and a
/// `struct sock_extended_err` with the address of who said so.
pub(super) fn report(error: &QueuedError, room: Room<'_>) -> Result<Incoming, Errno> {
    let copied = error.payload.len().min(room.payload.room());
    room.payload.put(&error.payload[..copied])?;
    let mut extended = [0; 16 + 16];
    let errno = Errno::from(error.what.error).get().cast_unsigned();
    extended[0..4].copy_from_slice(&errno.to_ne_bytes());
    extended[4] = error.what.origin as u8;
    extended[5] = error.what.icmp_type;
    extended[6] = error.what.code;
    extended[8..12].copy_from_slice(&error.what.info.to_ne_bytes());
    if let Some(offender) = error.what.offender {
        let address = SockAddr::inet(core::net::SocketAddrV4::new(offender, 0));
        extended[16..].copy_from_slice(address.as_bytes());
    }
    let mut out = Writer::new(room.control);
    out.put(SOL_IP, IP_RECVERR, &extended);
    let (control, flags) = out.finish();
    let truncated = if copied < error.payload.len() { MSG_TRUNC } else { 0 };
    Ok(Incoming {
        bytes: copied,
        name: SockAddr::inet(error.destination),
        control,
        flags: flags | truncated | MSG_ERRQUEUE,
        stamp: None,
    })
}
