//! Arithmetic on IPv4 prefixes. Lengths are 0 to 32; callers checked that at the edge.

use core::net::Ipv4Addr;

/// The netmask of a prefix length.
#[must_use]
pub const fn mask(len: u8) -> u32 {
    if len == 0 { 0 } else { u32::MAX << (32 - len as u32) }
}

/// The network `addr` is in, its host bits cleared.
#[must_use]
pub const fn network(addr: Ipv4Addr, len: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(addr.to_bits() & mask(len))
}

/// The directed broadcast address of the network `addr` is in.
#[must_use]
pub const fn broadcast(addr: Ipv4Addr, len: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(addr.to_bits() | !mask(len))
}

/// The broadcast address `ip addr add ... brd +` and `SIOCSIFADDR` choose: none where the
/// prefix leaves no room for one (RFC 3021).
#[must_use]
pub const fn usual_broadcast(local: Ipv4Addr, len: u8) -> Option<Ipv4Addr> {
    if len < 31 { Some(broadcast(local, len)) } else { None }
}

/// Whether both addresses are in one network of this length (Linux: `inet_ifa_match`).
#[must_use]
pub const fn same_network(a: Ipv4Addr, b: Ipv4Addr, len: u8) -> bool {
    (a.to_bits() ^ b.to_bits()) & mask(len) == 0
}

/// "This network", 0.0.0.0/8 (Linux: `ipv4_is_zeronet`).
#[must_use]
pub const fn is_zeronet(addr: Ipv4Addr) -> bool {
    addr.octets()[0] == 0
}

/// 224.0.0.0/24, never forwarded (Linux: `ipv4_is_local_multicast`).
#[must_use]
pub const fn is_local_multicast(addr: Ipv4Addr) -> bool {
    let [a, b, c, _] = addr.octets();
    a == 224 && b == 0 && c == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_length_range_do_not_overflow() {
        let addr = Ipv4Addr::new(10, 9, 8, 7);
        assert_eq!(mask(0), 0);
        assert_eq!(mask(32), u32::MAX);
        assert_eq!(network(addr, 0), Ipv4Addr::UNSPECIFIED);
        assert_eq!(broadcast(addr, 32), addr);
        assert_eq!(broadcast(addr, 24), Ipv4Addr::new(10, 9, 8, 255));
        assert!(same_network(addr, Ipv4Addr::BROADCAST, 0));
        assert!(!same_network(addr, Ipv4Addr::new(10, 9, 8, 6), 32));
    }
}
