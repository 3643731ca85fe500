//! What passes between L3 and the sockets: packets up, ICMP errors up.
//!
//! L3 calls [`SocketTable::deliver`](super::SocketTable::deliver) and
//! [`SocketTable::icmp_error`](super::SocketTable::icmp_error) with no lock held.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_packet::Packet;

use super::error_queue::{ErrorOrigin, ExtendedError};
use crate::error::SocketError;
use crate::link::Link;

/// IP protocol numbers (RFC 790 and IANA's registry).
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// What a raw socket of this protocol sends brings its own IP header, and it receives
    /// nothing.
    pub const RAW: u8 = 255;
}

/// To whom a packet is addressed, as L3 decided by route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cast {
    /// One host: us.
    Unicast,
    /// Every host of a subnet.
    Broadcast,
    /// A group.
    Multicast,
}

/// What L3 knows of a packet it hands up. Addresses are in the order of the header.
#[derive(Clone, Debug)]
pub struct RxInfo {
    /// The link it came in by.
    pub link: Arc<Link>,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// IP protocol.
    pub protocol: u8,
    /// Bytes of the IP header, options included; the packet is at least this long.
    pub header_len: usize,
    /// To whom it is addressed.
    pub cast: Cast,
}

/// What became of a packet handed up.
#[derive(Debug)]
#[must_use]
pub enum Delivery {
    /// The sockets have it (or dropped it and counted why, or answered it).
    Taken,
    /// No socket wants it: L3 answers port or protocol unreachable where it may.
    NoSocket(Packet),
}

/// The headers an ICMP error quotes of a packet we sent.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a> {
    /// The quoted packet's protocol.
    pub protocol: u8,
    /// Its source: us.
    pub src: Ipv4Addr,
    /// Its destination.
    pub dst: Ipv4Addr,
    /// What follows its IP header, at least eight bytes (RFC 792).
    pub transport: &'a [u8],
}

/// An ICMP error, or the same news from our own L3 (a neighbour that does not answer).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// ICMP type: 3 unreachable, 4 source quench, 11 time exceeded, 12 parameter problem.
    pub icmp_type: u8,
    /// ICMP code.
    pub code: u8,
    /// Who says so.
    pub offender: Ipv4Addr,
    /// The next hop's MTU, for "fragmentation needed".
    pub mtu: u32,
}

impl IcmpError {
    /// The error a socket reports, and whether it ends a connection attempt at once
    /// (Linux's `icmp_err_convert`). `None`: nothing a socket hears of.
    #[must_use]
    pub fn meaning(&self) -> Option<(SocketError, bool)> {
        use SocketError as E;
        Some(match (self.icmp_type, self.code) {
            (3, 0) => (E::NetUnreachable, false),
            (3, 1) => (E::HostUnreachable, false),
            (3, 2) => (E::ProtocolUnreachable, true),
            (3, 3) => (E::Refused, true),
            (3, 4) => (E::MessageTooLong, false),
            (3, 5) => (E::NotSupported, false),
            (3, 6 | 9) => (E::NetUnreachable, true),
            (3, 7) => (E::HostDown, true),
            (3, 8) => (E::HostIsolated, true),
            (3, 10) => (E::HostUnreachable, true),
            (3, 11) => (E::NetUnreachable, false),
            (3, 12) => (E::HostUnreachable, false),
            (3, 13..=15) => (E::HostUnreachable, true),
            (11, _) => (E::HostUnreachable, false),
            (12, _) => (E::ProtocolError, true),
            _ => return None,
        })
    }

    /// The error as an IP_RECVERR socket reads it.
    pub(super) const fn extended(&self, error: SocketError) -> ExtendedError {
        ExtendedError {
            error,
            origin: ErrorOrigin::Icmp,
            icmp_type: self.icmp_type,
            code: self.code,
            info: if self.icmp_type == 3 && self.code == 4 { self.mtu } else { 0 },
            offender: Some(self.offender),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn icmp_errors_mean_what_they_mean_to_linux() {
        let error = |icmp_type, code| {
            IcmpError { icmp_type, code, offender: Ipv4Addr::LOCALHOST, mtu: 0 }.meaning()
        };
        assert_eq!(error(3, 3), Some((SocketError::Refused, true)));
        assert_eq!(error(3, 1), Some((SocketError::HostUnreachable, false)));
        assert_eq!(error(11, 0), Some((SocketError::HostUnreachable, false)));
        assert_eq!(error(4, 0), None);
    }
}
