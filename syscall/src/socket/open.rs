//! `socket(2)` and `socketpair(2)`: which family, type and protocol go together, and who may
//! have which.

use alloc::boxed::Box;
use alloc::sync::Arc;

use warren_netns::Namespace;
use warren_netns::socket::{PingSocket, RawSocket, SocketOwner, TcpSocket, UdpSocket};

use super::protocol::Protocol;
use super::{Call, Identity, Socket, inet, netlink, unix};
use crate::abi::{
    AF_INET, AF_MAX, AF_NETLINK, AF_UNIX, IPPROTO_ICMP, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP,
    SOCK_CLOEXEC, SOCK_DGRAM, SOCK_MAX, SOCK_NONBLOCK, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM,
    SOCK_TYPE_MASK,
};
use crate::cred::Capability;
use crate::errno::Errno;
use crate::netlink::NetlinkSocket;
use crate::sysctl::DoorSysctls;
use crate::unix::{UnixKind, UnixSocket};

/// Protocol numbers of AF_INET (IPPROTO_MAX).
const INET_PROTOCOLS: i32 = 256;

impl Socket {
    /// `socket`. `kind` is the second argument as it came; SOCK_NONBLOCK and SOCK_CLOEXEC in
    /// it are the host's to act on.
    ///
    /// # Errors
    /// EAFNOSUPPORT, EINVAL, ESOCKTNOSUPPORT, EPROTONOSUPPORT for combinations that do not
    /// exist here; EPERM and EACCES for those the caller may not have; ENOBUFS.
    pub fn open(
        ns: &Arc<Namespace>,
        family: i32,
        kind: u32,
        protocol: i32,
        call: &Call<'_>,
    ) -> Result<Self, Errno> {
        let (family, kind) = check(family, kind)?;
        match family {
            AF_INET => open_inet(ns, kind, protocol, call),
            AF_UNIX => {
                let kind = unix_kind(kind, protocol)?;
                let socket = UnixSocket::open(ns, kind, call.process);
                Ok(unix_socket(ns, kind, socket))
            }
            AF_NETLINK => {
                let socket = NetlinkSocket::open(ns, kind, protocol)?;
                let identity = Identity { family, kind, protocol };
                Ok(Self::new(ns, identity, netlink::wrap(socket)))
            }
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// `socketpair`.
    ///
    /// # Errors
    /// As [`Socket::open`]; EOPNOTSUPP for families without pairs.
    pub fn pair(
        ns: &Arc<Namespace>,
        family: i32,
        kind: u32,
        protocol: i32,
        call: &Call<'_>,
    ) -> Result<(Self, Self), Errno> {
        let (number, checked) = check(family, kind)?;
        if number != AF_UNIX {
            Self::open(ns, family, kind, protocol, call)?.close(call.cx);
            return Err(Errno::EOPNOTSUPP);
        }
        let kind = unix_kind(checked, protocol)?;
        let (one, other) = UnixSocket::pair(ns, kind, call.process);
        Ok((unix_socket(ns, kind, one), unix_socket(ns, kind, other)))
    }
}

/// The checks that come before the family's own (`__sys_socket`, `__sock_create`).
fn check(family: i32, kind: u32) -> Result<(u16, u32), Errno> {
    if kind & !(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let family = u16::try_from(family).ok().filter(|family| *family < AF_MAX);
    let family = family.ok_or(Errno::EAFNOSUPPORT)?;
    let kind = kind & SOCK_TYPE_MASK;
    if kind >= SOCK_MAX { Err(Errno::EINVAL) } else { Ok((family, kind)) }
}

/// `inet_create`.
fn open_inet(
    ns: &Arc<Namespace>,
    kind: u32,
    protocol: i32,
    call: &Call<'_>,
) -> Result<Socket, Errno> {
    if !(0..INET_PROTOCOLS).contains(&protocol) {
        return Err(Errno::EINVAL);
    }
    let number = u8::try_from(protocol).map_err(|_| Errno::EINVAL)?;
    let owner = SocketOwner { uid: call.process.uid() };
    let (number, opened): (u8, Box<dyn Protocol>) = match (kind, number) {
        (SOCK_STREAM, IPPROTO_IP | IPPROTO_TCP) => {
            (IPPROTO_TCP, inet::stream(TcpSocket::open(ns, owner, call.cx)?))
        }
        (SOCK_DGRAM, IPPROTO_IP | IPPROTO_UDP) => {
            (IPPROTO_UDP, inet::datagram(UdpSocket::open(ns, owner, call.cx)?))
        }
        (SOCK_DGRAM, IPPROTO_ICMP) => {
            if !ns.extensions.get::<DoorSysctls>().may_ping(call.process) {
                return Err(Errno::EACCES);
            }
            (IPPROTO_ICMP, inet::datagram(PingSocket::open(ns, owner, call.cx)?))
        }
        (SOCK_RAW, IPPROTO_IP) | (SOCK_STREAM | SOCK_DGRAM, _) => {
            return Err(Errno::EPROTONOSUPPORT);
        }
        (SOCK_RAW, number) => {
            if !call.process.has(Capability::NetRaw, ns) {
                return Err(Errno::EPERM);
            }
            (number, inet::datagram(RawSocket::open(ns, number, owner, call.cx)?))
        }
        _ => return Err(Errno::ESOCKTNOSUPPORT),
    };
    let identity = Identity { family: AF_INET, kind, protocol: i32::from(number) };
    Ok(Socket::new(ns, identity, opened))
}

/// `unix_create`.
fn unix_kind(kind: u32, protocol: i32) -> Result<UnixKind, Errno> {
    if protocol != 0 && protocol != i32::from(AF_UNIX) {
        return Err(Errno::EPROTONOSUPPORT);
    }
    match kind {
        SOCK_STREAM => Ok(UnixKind::Stream),
        SOCK_DGRAM | SOCK_RAW => Ok(UnixKind::Datagram),
        SOCK_SEQPACKET => Ok(UnixKind::SeqPacket),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

fn unix_socket(ns: &Arc<Namespace>, kind: UnixKind, socket: Arc<UnixSocket>) -> Socket {
    let identity = Identity { family: AF_UNIX, kind: kind.number(), protocol: 0 };
    Socket::new(ns, identity, unix::wrap(ns, socket))
}
