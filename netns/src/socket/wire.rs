//! The few header bytes the sockets write themselves, over `smoltcp::wire`.

use core::net::Ipv4Addr;

use smoltcp::wire::{IpAddress, IpProtocol, Ipv4Packet, TcpPacket, UdpPacket};
use warren_packet::{Checksum, Packet};

use crate::error::SocketError;

/// Bytes of an IPv4 header without options.
pub(super) const IPV4_HEADER: usize = 20;
/// Bytes of a UDP header.
pub(super) const UDP_HEADER: usize = 8;
/// Bytes of a TCP header without options.
pub(super) const TCP_HEADER: usize = 20;

/// An IPv4 header before L3 gives it an identification and a checksum.
pub(super) struct Ipv4Fields {
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) protocol: u8,
    pub(super) ttl: u8,
    pub(super) tos: u8,
    pub(super) dont_fragment: bool,
    pub(super) total_len: usize,
}

impl Ipv4Fields {
    /// Writes the header into its first twenty bytes.
    pub(super) fn write(&self, bytes: &mut [u8]) -> Result<(), SocketError> {
        let total = u16::try_from(self.total_len).map_err(|_| SocketError::MessageTooLong)?;
        bytes[..IPV4_HEADER].fill(0);
        let mut header = Ipv4Packet::new_unchecked(bytes);
        header.set_version(4);
        header.set_header_len(20);
        header.set_dscp(self.tos >> 2);
        header.set_ecn(self.tos & 3);
        header.set_total_len(total);
        header.set_dont_frag(self.dont_fragment);
        header.set_hop_limit(self.ttl);
        header.set_next_header(IpProtocol::from(self.protocol));
        header.set_src_addr(self.src);
        header.set_dst_addr(self.dst);
        Ok(())
    }
}

/// Time to live and type of service of the packet at whose head an IPv4 header is.
pub(super) fn ttl_and_tos(packet: &Packet) -> (u8, u8) {
    let bytes = packet.bytes();
    (bytes.get(8).copied().unwrap_or(0), bytes.get(1).copied().unwrap_or(0))
}

/// Whether a UDP datagram's checksum is right, or was checked, or never left the machine.
pub(super) fn udp_checksum_ok(state: Checksum, src: Ipv4Addr, dst: Ipv4Addr, bytes: &[u8]) -> bool {
    state != Checksum::Unverified
        || UdpPacket::new_unchecked(bytes)
            .verify_checksum(&IpAddress::Ipv4(src), &IpAddress::Ipv4(dst))
}

/// Whether a TCP segment's checksum is right, or was checked, or never left the machine.
pub(super) fn tcp_checksum_ok(state: Checksum, src: Ipv4Addr, dst: Ipv4Addr, bytes: &[u8]) -> bool {
    state != Checksum::Unverified
        || TcpPacket::new_unchecked(bytes)
            .verify_checksum(&IpAddress::Ipv4(src), &IpAddress::Ipv4(dst))
}

/// The Internet checksum (RFC 1071) of `bytes`, as it goes into a header.
pub(super) fn internet_checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
        // Fold early: 65 535 bytes of ones still fit, but only just.
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_block_with_its_checksum_in_place_is_zero() {
        let mut echo = [8, 0, 0, 0, 0x12, 0x34, 0, 1, b'x'];
        let sum = internet_checksum(&echo);
        echo[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(internet_checksum(&echo), 0);
        assert_eq!(internet_checksum(&[]), 0xffff);
    }

    #[test]
    fn an_ipv4_header_carries_its_fields() {
        let mut bytes = [0xff; 20];
        let fields = Ipv4Fields {
            src: Ipv4Addr::new(10, 0, 0, 1),
            dst: Ipv4Addr::new(10, 0, 0, 2),
            protocol: 17,
            ttl: 64,
            tos: 0xb9,
            dont_fragment: true,
            total_len: 28,
        };
        assert_eq!(fields.write(&mut bytes), Ok(()));
        assert_eq!(
            bytes,
            [0x45, 0xb9, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
        );
        let long = Ipv4Fields { total_len: 65_536, ..fields };
        assert_eq!(long.write(&mut bytes), Err(SocketError::MessageTooLong));
    }
}
