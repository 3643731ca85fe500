//! The Internet checksum (RFC 1071), and completing the transport checksum of a packet that
//! was born in this machine and now leaves it, or is cut into fragments.

use core::net::Ipv4Addr;

use super::header::Header;

/// Adds up `bytes` as big-endian words, the last one padded with zero.
fn sum(bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(4);
    let mut total: u64 = 0;
    for chunk in chunks.by_ref() {
        total += u64::from(u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    }
    let mut last = [0; 4];
    let rest = chunks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    total + u64::from(u32::from_be_bytes(last))
}

const fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// The checksum of `bytes`; zero over bytes that contain their right checksum.
#[must_use]
pub fn of(bytes: &[u8]) -> u16 {
    !fold(sum(bytes))
}

/// The checksum of a transport segment with its pseudo header (RFC 793, RFC 768).
#[must_use]
pub fn of_transport(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, segment: &[u8]) -> u16 {
    let pseudo = u64::from(src.to_bits())
        + u64::from(dst.to_bits())
        + u64::from(protocol)
        + segment.len() as u64;
    !fold(sum(segment) + pseudo)
}

/// Where the checksum is in a segment of this protocol.
const fn place(protocol: u8) -> Option<usize> {
    match protocol {
        1 => Some(2),
        6 => Some(16),
        17 => Some(6),
        _ => None,
    }
}

/// Writes the transport checksum of a whole, unfragmented IP packet: TCP, UDP or ICMP.
/// `false`: the packet is none of these, or too short for one; it is left alone.
#[must_use]
pub fn complete_transport(packet: &mut [u8]) -> bool {
    let Ok(header) = Header::parse(packet) else { return false };
    let Some(place) = place(header.protocol) else { return false };
    let segment = &mut packet[header.header_len..header.total_len];
    let Some(field) = segment.get_mut(place..place + 2) else { return false };
    field.fill(0);
    let value = match header.protocol {
        1 => of(segment),
        protocol => match of_transport(header.src, header.dst, protocol, segment) {
            // RFC 768: a UDP checksum of zero means "none".
            0 if protocol == 17 => 0xffff,
            value => value,
        },
    };
    segment[place..place + 2].copy_from_slice(&value.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_adds_up() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(of(&bytes), !0xddf2);
        assert_eq!(of(&bytes[..7]), !(0xddf2_u16.wrapping_sub(0xf7)));
        assert_eq!(of(&[]), 0xffff);
    }

    #[test]
    fn a_completed_segment_verifies() {
        for (protocol, len) in [(1, 8), (6, 20), (17, 8), (17, 9)] {
            let mut packet = alloc::vec![7; 20 + len];
            let header = Header {
                header_len: 20,
                total_len: 20 + len,
                tos: 0,
                ident: 0,
                dont_fragment: false,
                more_fragments: false,
                fragment_offset: 0,
                ttl: 64,
                protocol,
                src: Ipv4Addr::new(10, 0, 0, 1),
                dst: Ipv4Addr::new(10, 0, 0, 2),
            };
            header.write(packet.first_chunk_mut().expect("twenty bytes"));
            assert!(complete_transport(&mut packet));
            let segment = &packet[20..];
            let rest = match protocol {
                1 => of(segment),
                protocol => of_transport(header.src, header.dst, protocol, segment),
            };
            assert_eq!(rest, 0, "protocol {protocol}");
        }
    }
}
