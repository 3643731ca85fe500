//! `struct sockaddr` in its three shapes: parsed once at the door with Linux's length
//! checks, encoded once on the way out.
//!
//! The host copies `addrlen` bytes in (refusing negative lengths and lengths above
//! [`STORAGE`] with EINVAL, as `move_addr_to_kernel` does) and hands over the slice.

use core::net::{Ipv4Addr, SocketAddrV4};

use crate::abi::{AF_INET, AF_NETLINK, AF_UNIX, AF_UNSPEC};
use crate::errno::Errno;

/// `sizeof(struct sockaddr_storage)`: no address is longer.
pub const STORAGE: usize = 128;
/// `sizeof(struct sockaddr_in)`.
pub const INET_LEN: usize = 16;
/// Where `sun_path` starts.
pub const UNIX_PATH_AT: usize = 2;
/// `sizeof(struct sockaddr_un)`.
pub const UNIX_LEN: usize = UNIX_PATH_AT + 108;

/// An encoded address: what `getsockname` and `recvmsg` hand out. Empty if there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SockAddr {
    bytes: [u8; STORAGE],
    len: u8,
}

impl SockAddr {
    /// No address: `msg_namelen` becomes zero.
    pub const NONE: Self = Self { bytes: [0; STORAGE], len: 0 };

    /// The bytes to copy out; the full length is reported even where the caller's buffer
    /// is shorter.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// A `struct sockaddr_in`.
    #[must_use]
    pub fn inet(address: SocketAddrV4) -> Self {
        let mut out = Self::NONE;
        out.bytes[0..2].copy_from_slice(&AF_INET.to_ne_bytes());
        out.bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        out.bytes[4..8].copy_from_slice(&address.ip().octets());
        out.len = 16;
        out
    }

    /// A `struct sockaddr_un` of `path` bytes (a leading zero byte marks an abstract name;
    /// none at all an unnamed socket, which is reported as the family alone).
    #[must_use]
    pub fn unix(path: &[u8]) -> Self {
        let mut out = Self::NONE;
        let path = &path[..path.len().min(UNIX_LEN - UNIX_PATH_AT + 1)];
        out.bytes[0..2].copy_from_slice(&AF_UNIX.to_ne_bytes());
        out.bytes[2..2 + path.len()].copy_from_slice(path);
        out.len = u8::try_from(2 + path.len()).expect("at most 111 bytes");
        out
    }

    /// A `struct sockaddr_nl`.
    #[must_use]
    pub fn netlink(port: u32, groups: u32) -> Self {
        let mut out = Self::NONE;
        out.bytes[0..2].copy_from_slice(&AF_NETLINK.to_ne_bytes());
        out.bytes[4..8].copy_from_slice(&port.to_ne_bytes());
        out.bytes[8..12].copy_from_slice(&groups.to_ne_bytes());
        out.len = 12;
        out
    }
}

/// The family of an address, if there are two bytes for one.
#[must_use]
pub fn family(address: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(*address.first_chunk::<2>()?))
}

/// What an `AF_INET` socket is to connect or send to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InetAddr {
    /// `AF_UNSPEC`: dissolve the association.
    Unspec,
    /// An address and port.
    Inet(SocketAddrV4),
}

/// Parses a `struct sockaddr_in` for connect (`inet_dgram_connect`, `tcp_v4_connect`).
///
/// # Errors
/// EINVAL if it is too short, EAFNOSUPPORT for another family.
pub fn parse_connect(address: &[u8]) -> Result<InetAddr, Errno> {
    match family(address) {
        None => Err(Errno::EINVAL),
        Some(AF_UNSPEC) => Ok(InetAddr::Unspec),
        Some(_) if address.len() < INET_LEN => Err(Errno::EINVAL),
        Some(AF_INET) => Ok(InetAddr::Inet(inet(address)?)),
        Some(_) => Err(Errno::EAFNOSUPPORT),
    }
}

/// Parses a `struct sockaddr_in` for bind (`__inet_bind`): for compatibility, `AF_UNSPEC`
/// is taken for `AF_INET` if the address is the wildcard.
///
/// # Errors
/// EINVAL if it is too short, EAFNOSUPPORT for another family.
pub fn parse_bind(address: &[u8]) -> Result<SocketAddrV4, Errno> {
    if address.len() < INET_LEN {
        return Err(Errno::EINVAL);
    }
    let parsed = inet(address)?;
    match family(address) {
        Some(AF_INET) => Ok(parsed),
        Some(AF_UNSPEC) if *parsed.ip() == Ipv4Addr::UNSPECIFIED => Ok(parsed),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// Parses a destination of sendto (`udp_sendmsg`, `raw_sendmsg`, `ping_v4_sendmsg`).
/// `unspec_is_inet`: UDP and raw sockets take `AF_UNSPEC` for `AF_INET`.
///
/// # Errors
/// EINVAL if it is too short, EAFNOSUPPORT for another family.
pub fn parse_destination(address: &[u8], unspec_is_inet: bool) -> Result<SocketAddrV4, Errno> {
    if address.len() < INET_LEN {
        return Err(Errno::EINVAL);
    }
    match family(address) {
        Some(AF_INET) => inet(address),
        Some(AF_UNSPEC) if unspec_is_inet => inet(address),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

fn inet(address: &[u8]) -> Result<SocketAddrV4, Errno> {
    let bytes = address.first_chunk::<8>().ok_or(Errno::EINVAL)?;
    let [_, _, p1, p2, a, b, c, d] = *bytes;
    Ok(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([p1, p2])))
}

/// What an `AF_UNIX` address says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnixAddr<'a> {
    /// The family alone: bind chooses an abstract name.
    Unnamed,
    /// A path in the file system, without the terminator.
    Path(&'a [u8]),
    /// A name in the namespace's own table, without the leading zero.
    Abstract(&'a [u8]),
}

/// Parses a `struct sockaddr_un` (`unix_validate_addr`, `unix_mkname_bsd`).
///
/// # Errors
/// EINVAL for another family or a length out of bounds.
pub fn parse_unix(address: &[u8]) -> Result<UnixAddr<'_>, Errno> {
    if address.len() < UNIX_PATH_AT || address.len() > UNIX_LEN {
        return Err(Errno::EINVAL);
    }
    if family(address) != Some(AF_UNIX) {
        return Err(Errno::EINVAL);
    }
    match &address[UNIX_PATH_AT..] {
        [] => Ok(UnixAddr::Unnamed),
        [0, name @ ..] => Ok(UnixAddr::Abstract(name)),
        path => {
            let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
            Ok(UnixAddr::Path(&path[..end]))
        }
    }
}

/// Parses a `struct sockaddr_nl`: port id and groups.
///
/// # Errors
/// EINVAL if it is too short or of another family.
pub fn parse_netlink(address: &[u8]) -> Result<(u32, u32), Errno> {
    let bytes = address.first_chunk::<12>().ok_or(Errno::EINVAL)?;
    if family(address) != Some(AF_NETLINK) {
        return Err(Errno::EINVAL);
    }
    let word =
        |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok((word(4), word(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockaddr_in(family: u16, ip: [u8; 4], port: u16) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&SockAddr::inet(SocketAddrV4::new(ip.into(), port)).as_bytes()[..16]);
        bytes[..2].copy_from_slice(&family.to_ne_bytes());
        bytes
    }

    #[test]
    fn an_inet_address_survives_the_round_trip() {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 9, 0, 1), 5201);
        let bytes = SockAddr::inet(address);
        assert_eq!(bytes.as_bytes(), [2, 0, 0x14, 0x51, 10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(parse_bind(bytes.as_bytes()), Ok(address));
        assert_eq!(parse_connect(bytes.as_bytes()), Ok(InetAddr::Inet(address)));
    }

    #[test]
    fn short_addresses_and_foreign_families_are_refused_as_linux_does() {
        let foreign = sockaddr_in(AF_NETLINK, [10, 0, 0, 1], 80);
        let unspec = sockaddr_in(AF_UNSPEC, [10, 0, 0, 1], 80);
        let any = sockaddr_in(AF_UNSPEC, [0, 0, 0, 0], 80);
        assert_eq!(parse_bind(&foreign[..15]), Err(Errno::EINVAL));
        assert_eq!(parse_bind(&foreign), Err(Errno::EAFNOSUPPORT));
        assert_eq!(parse_bind(&unspec), Err(Errno::EAFNOSUPPORT));
        assert!(parse_bind(&any).is_ok());
        assert_eq!(parse_connect(&[2]), Err(Errno::EINVAL));
        assert_eq!(parse_connect(&unspec[..2]), Ok(InetAddr::Unspec));
        assert_eq!(parse_connect(&foreign), Err(Errno::EAFNOSUPPORT));
        assert!(parse_destination(&unspec, true).is_ok());
        assert_eq!(parse_destination(&unspec, false), Err(Errno::EAFNOSUPPORT));
    }

    #[test]
    fn unix_paths_end_at_the_zero_and_abstract_names_keep_theirs() {
        let path = SockAddr::unix(b"/run/x\0\0junk");
        assert_eq!(parse_unix(path.as_bytes()), Ok(UnixAddr::Path(b"/run/x")));
        let name = SockAddr::unix(b"\0a\0b");
        assert_eq!(parse_unix(name.as_bytes()), Ok(UnixAddr::Abstract(b"a\0b")));
        assert_eq!(parse_unix(&AF_UNIX.to_ne_bytes()), Ok(UnixAddr::Unnamed));
        assert_eq!(parse_unix(&[0; 111]), Err(Errno::EINVAL));
        assert_eq!(parse_unix(&[2, 0, b'x']), Err(Errno::EINVAL));
    }
}
