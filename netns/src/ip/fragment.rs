//! Data path: cutting a packet into fragments (RFC 791, 3.2).

use core::net::Ipv4Addr;

use warren_packet::{Checksum, NoBuffer, Packet, Pool};

use super::checksum;
use super::header::{Header, MIN_HEADER};
use alloc::sync::Arc;

/// The longest header.
const MAX_HEADER: usize = 60;

/// A packet being cut up.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    packet: &'a Packet,
    header: Header,
    /// The header of every piece after the first: options not marked "copied" are gone.
    later: [u8; MAX_HEADER],
    later_len: usize,
    /// Payload bytes already cut off.
    done: usize,
    /// The most payload a piece may have.
    room: usize,
}

impl<'a> Pieces<'a> {
    /// Prepares the cut: pieces are to fit `mtu`. `None` if nothing useful fits. The
    /// transport checksum is completed first: nobody can do that to a fragment.
    pub(super) fn new(packet: &'a mut Packet, header: &Header, mtu: u32) -> Option<Self> {
        if packet.meta.gso.is_some() {
            return None;
        }
        let room = (mtu as usize).checked_sub(header.header_len)? & !7;
        if room == 0 {
            return None;
        }
        if packet.meta.checksum == Checksum::NotComputed && !header.is_fragment() {
            // Other protocols have no checksum of ours to complete.
            let _other_protocol = checksum::complete_transport(packet.bytes_mut());
            packet.meta.checksum = Checksum::Verified;
        }
        let mut later = [0; MAX_HEADER];
        let later_len = copied_header(&packet.bytes()[..header.header_len], &mut later);
        Some(Self { packet, header: *header, later, later_len, done: 0, room })
    }

    /// The next piece, in a buffer of its own.
    pub(super) fn next(&mut self, pool: &Arc<Pool>) -> Option<Result<Packet, NoBuffer>> {
        let payload = self.packet.bytes().get(self.header.header_len..self.header.total_len)?;
        let rest = &payload[self.done..];
        if rest.is_empty() {
            return None;
        }
        let own_header: &[u8] = if self.done == 0 {
            &self.packet.bytes()[..self.header.header_len]
        } else {
            &self.later[..self.later_len]
        };
        let chunk = rest.len().min(self.room);
        let total_len = own_header.len() + chunk;
        let mut piece = match pool.take(total_len) {
            Ok(piece) => piece,
            Err(error) => return Some(Err(error)),
        };
        let (head, body) = piece.bytes_mut().split_at_mut(own_header.len());
        head.copy_from_slice(own_header);
        body.copy_from_slice(&rest[..chunk]);
        let fields = Header {
            total_len,
            more_fragments: self.header.more_fragments || chunk < rest.len(),
            fragment_offset: self.header.fragment_offset + self.done,
            ..self.header
        };
        fields.write_fragment_fields(head);
        piece.meta = self.packet.meta;
        self.done += chunk;
        Some(Ok(piece))
    }
}

/// Copies a header keeping only the options whose "copied" flag is set; returns its length,
/// padded to words.
fn copied_header(header: &[u8], out: &mut [u8; MAX_HEADER]) -> usize {
    out[..MIN_HEADER].copy_from_slice(&header[..MIN_HEADER]);
    let mut len = MIN_HEADER;
    let mut options = &header[MIN_HEADER..];
    while let [kind, tail @ ..] = options {
        let size = match (*kind, tail.first()) {
            (0, _) => break,
            (1, _) => 1,
            (_, Some(size)) if *size >= 2 => usize::from(*size),
            _ => break,
        };
        let Some(option) = options.get(..size) else { break };
        if *kind & 0x80 != 0 {
            out[len..len + size].copy_from_slice(option);
            len += size;
        }
        options = &options[size..];
    }
    // Unused bytes are zero: end of options.
    len.next_multiple_of(4)
}

/// What identifies the datagram a fragment belongs to (RFC 791; the link is Linux's part).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct DatagramKey {
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) ident: u16,
    pub(super) protocol: u8,
}
