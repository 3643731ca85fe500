//! TCP headers as far as we read and write them ourselves; the rest is the engine's.

use core::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::wire::{TcpOption, TcpPacket, TcpSeqNumber};
use warren_packet::{Checksum, NoBuffer, Packet, Pool};

use super::table::FourTuple;
use crate::socket::deliver::{RxInfo, protocol};
use crate::socket::wire::{IPV4_HEADER, Ipv4Fields, TCP_HEADER, tcp_checksum_ok};

use alloc::sync::Arc;

/// What the layer around the engine reads of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Seen from us: local is the destination of what comes in.
    pub(super) tuple: FourTuple,
    pub(super) syn: bool,
    pub(super) ack: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) seq: TcpSeqNumber,
    pub(super) ack_number: TcpSeqNumber,
    /// It announces no window at all.
    pub(super) window_shut: bool,
    /// The MSS option.
    pub(super) mss: Option<u16>,
    /// Bytes of both headers.
    pub(super) headers: usize,
    pub(super) payload: usize,
}

/// A segment that is none, for the counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BadSegment {
    Malformed,
    Checksum,
}

impl Segment {
    /// Reads the segment of a packet that came in.
    pub(super) fn received(packet: &Packet, info: &RxInfo) -> Result<Self, BadSegment> {
        let bytes = packet.bytes().get(info.header_len..).ok_or(BadSegment::Malformed)?;
        let tcp = TcpPacket::new_checked(bytes).map_err(|_| BadSegment::Malformed)?;
        if tcp.src_port() == 0 || tcp.dst_port() == 0 {
            return Err(BadSegment::Malformed);
        }
        if !tcp_checksum_ok(packet.meta.checksum, info.src, info.dst, bytes) {
            return Err(BadSegment::Checksum);
        }
        let tuple = FourTuple {
            local: SocketAddrV4::new(info.dst, tcp.dst_port()),
            remote: SocketAddrV4::new(info.src, tcp.src_port()),
        };
        Ok(Self::read(&tcp, tuple, info.header_len))
    }

    /// Reads the segment of a packet the engine just built.
    pub(super) fn built(packet: &Packet) -> Option<Self> {
        let bytes = packet.bytes();
        let tcp = TcpPacket::new_checked(bytes.get(IPV4_HEADER..)?).ok()?;
        let address =
            |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        let tuple = FourTuple {
            local: SocketAddrV4::new(address(12), tcp.src_port()),
            remote: SocketAddrV4::new(address(16), tcp.dst_port()),
        };
        Some(Self::read(&tcp, tuple, IPV4_HEADER))
    }

    fn read(tcp: &TcpPacket<&[u8]>, tuple: FourTuple, ip_header: usize) -> Self {
        let mut mss = None;
        let mut options = tcp.options();
        while tcp.syn()
            && let Ok((rest, option)) = TcpOption::parse(options)
        {
            match option {
                TcpOption::EndOfList => break,
                TcpOption::MaxSegmentSize(size) => mss = Some(size),
                _ => {}
            }
            if rest.is_empty() {
                break;
            }
            options = rest;
        }
        Self {
            tuple,
            syn: tcp.syn(),
            ack: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            seq: tcp.seq_number(),
            ack_number: tcp.ack_number(),
            window_shut: tcp.window_len() == 0,
            mss,
            headers: ip_header + usize::from(tcp.header_len()),
            payload: tcp.payload().len(),
        }
    }

    /// The sequence number after all it carries.
    pub(super) fn end(&self) -> TcpSeqNumber {
        self.seq + self.payload + usize::from(self.syn) + usize::from(self.fin)
    }
}

/// What a SYN of ours shall say in place of what the engine believes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SynTerms {
    /// The route's MSS: the engine knows no MTU below 65 535.
    pub(super) mss: u16,
    /// The window and scale of the ring the connection will have.
    pub(super) window: Option<(u16, u8)>,
}

/// Rewrites a SYN's options in place. The packet begins with a bare IPv4 header.
pub(super) fn set_syn_terms(packet: &mut Packet, terms: &SynTerms) {
    let Some(bytes) = packet.bytes_mut().get_mut(IPV4_HEADER..) else { return };
    let mut tcp = TcpPacket::new_unchecked(&mut *bytes);
    if tcp.check_len().is_err() {
        return;
    }
    if let Some((window, _)) = terms.window {
        tcp.set_window_len(window);
    }
    let header = usize::from(tcp.header_len());
    let mut at = TCP_HEADER;
    while at < header {
        let len = match bytes[at] {
            0 => break,
            1 => 1,
            _ if at + 1 < header => usize::from(bytes[at + 1]).max(2),
            _ => break,
        };
        match (bytes[at], len) {
            (2, 4) if at + 4 <= header => {
                bytes[at + 2..at + 4].copy_from_slice(&terms.mss.to_be_bytes());
            }
            (3, 3) if at + 3 <= header => {
                if let Some((_, scale)) = terms.window {
                    bytes[at + 2] = scale;
                }
            }
            _ => {}
        }
        at += len;
    }
}

/// A segment without data or options, complete but for what L3 and the NIC add.
pub(super) fn bare_ack(
    pool: &Arc<Pool>,
    tuple: &FourTuple,
    seq: TcpSeqNumber,
    ack: TcpSeqNumber,
    ttl: u8,
) -> Result<Packet, NoBuffer> {
    const LEN: usize = IPV4_HEADER + TCP_HEADER;
    let mut packet = pool.take(LEN)?;
    let (ip, transport) = packet.bytes_mut().split_at_mut(IPV4_HEADER);
    let fields = Ipv4Fields {
        src: *tuple.local.ip(),
        dst: *tuple.remote.ip(),
        protocol: protocol::TCP,
        ttl,
        tos: 0,
        dont_fragment: true,
        total_len: LEN,
    };
    fields.write(ip).map_err(|_| NoBuffer)?;
    transport.fill(0);
    let mut tcp = TcpPacket::new_unchecked(transport);
    tcp.set_src_port(tuple.local.port());
    tcp.set_dst_port(tuple.remote.port());
    tcp.set_seq_number(seq);
    tcp.set_ack_number(ack);
    tcp.set_ack(true);
    tcp.set_header_len(20);
    tcp.set_window_len(0);
    packet.meta.checksum = Checksum::NotComputed;
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syn_with(options: &[u8]) -> Packet {
        let pool = Pool::new(1 << 20);
        let header = TCP_HEADER + options.len();
        let mut packet = pool.take(IPV4_HEADER + header).expect("memory");
        packet.bytes_mut().fill(0);
        packet.bytes_mut()[IPV4_HEADER + TCP_HEADER..].copy_from_slice(options);
        let mut tcp = TcpPacket::new_unchecked(&mut packet.bytes_mut()[IPV4_HEADER..]);
        tcp.set_header_len(u8::try_from(header).expect("short"));
        tcp.set_syn(true);
        // The pool may go; the packet keeps its buffer.
        packet
    }

    #[test]
    fn the_terms_of_a_syn_are_rewritten_in_place() {
        let mut packet = syn_with(&[1, 3, 3, 0, 2, 4, 0xff, 0xd7, 4, 2, 0, 0]);
        set_syn_terms(&mut packet, &SynTerms { mss: 1_460, window: Some((65_535, 2)) });
        let segment = Segment::built(&packet).expect("a segment");
        assert_eq!((segment.mss, segment.end()), (Some(1_460), TcpSeqNumber(1)));
        assert_eq!(packet.bytes()[IPV4_HEADER + 14..IPV4_HEADER + 16], [0xff, 0xff]);
        assert_eq!(packet.bytes()[IPV4_HEADER + 23], 2);
    }

    #[test]
    fn options_cut_short_are_left_alone() {
        for options in [[2, 4, 1, 1], [3, 0, 2, 9], [8, 200, 2, 4], [1, 1, 1, 2]] {
            let mut packet = syn_with(&options);
            let before = packet.bytes()[IPV4_HEADER + TCP_HEADER..].to_vec();
            set_syn_terms(&mut packet, &SynTerms { mss: 0x0101, window: Some((1, 1)) });
            assert_eq!(packet.bytes()[IPV4_HEADER + TCP_HEADER..], before);
            assert!(Segment::built(&packet).is_some());
        }
    }
}
