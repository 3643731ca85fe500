//! The IPv4 header (RFC 791): parsed once, where a packet comes in; written field by field
//! where one goes out.

use core::net::Ipv4Addr;

use super::checksum;

/// Bytes of a header without options.
pub(crate) const MIN_HEADER: usize = 20;
/// Don't fragment.
const DF: u16 = 0x4000;
/// More fragments.
const MF: u16 = 0x2000;

/// A header that was checked: the packet has at least `total_len` bytes, of which
/// `header_len` are the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) header_len: usize,
    pub(crate) total_len: usize,
    pub(crate) tos: u8,
    pub(crate) ident: u16,
    pub(crate) dont_fragment: bool,
    pub(crate) more_fragments: bool,
    /// In bytes.
    pub(crate) fragment_offset: usize,
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) src: Ipv4Addr,
    pub(crate) dst: Ipv4Addr,
}

/// Why a header is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum BadHeader {
    /// Too short, another version, or lengths that contradict each other.
    Malformed,
    /// The checksum is wrong.
    Checksum,
    /// Fewer bytes came than the header says.
    Truncated,
}

impl Header {
    /// Parses and checks what is at the front of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BadHeader> {
        let fixed: &[u8; MIN_HEADER] = bytes.first_chunk().ok_or(BadHeader::Malformed)?;
        let header_len = usize::from(fixed[0] & 0x0f) * 4;
        if fixed[0] >> 4 != 4 || header_len < MIN_HEADER || bytes.len() < header_len {
            return Err(BadHeader::Malformed);
        }
        if checksum::of(&bytes[..header_len]) != 0 {
            return Err(BadHeader::Checksum);
        }
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let total_len = usize::from(word(2));
        if bytes.len() < total_len {
            return Err(BadHeader::Truncated);
        }
        if total_len < header_len {
            return Err(BadHeader::Malformed);
        }
        let flags = word(6);
        let addr =
            |at: usize| Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]);
        Ok(Self {
            header_len,
            total_len,
            tos: fixed[1],
            ident: word(4),
            dont_fragment: flags & DF != 0,
            more_fragments: flags & MF != 0,
            fragment_offset: usize::from(flags & 0x1fff) * 8,
            ttl: fixed[8],
            protocol: fixed[9],
            src: addr(12),
            dst: addr(16),
        })
    }

    /// Whether it is a piece of a datagram.
    pub(crate) const fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset != 0
    }

    /// Writes a header without options; the checksum is right.
    pub(crate) fn write(&self, bytes: &mut [u8; MIN_HEADER]) {
        bytes[0] = 0x45;
        bytes[1] = self.tos;
        bytes[2..4].copy_from_slice(&(self.total_len as u16).to_be_bytes());
        bytes[4..6].copy_from_slice(&self.ident.to_be_bytes());
        bytes[6..8].copy_from_slice(&self.flags_word().to_be_bytes());
        bytes[8] = self.ttl;
        bytes[9] = self.protocol;
        bytes[12..16].copy_from_slice(&self.src.octets());
        bytes[16..20].copy_from_slice(&self.dst.octets());
        seal(bytes);
    }

    fn flags_word(&self) -> u16 {
        let bit = |set: bool, bit: u16| if set { bit } else { 0 };
        bit(self.dont_fragment, DF)
            | bit(self.more_fragments, MF)
            | (self.fragment_offset / 8) as u16
    }

    /// Rewrites the length and the fragment fields of a header (options included).
    pub(crate) fn write_fragment_fields(&self, header: &mut [u8]) {
        header[0] = 0x40 | (header.len() / 4) as u8;
        header[2..4].copy_from_slice(&(self.total_len as u16).to_be_bytes());
        header[6..8].copy_from_slice(&self.flags_word().to_be_bytes());
        seal(header);
    }
}

/// Computes the header checksum.
pub(crate) fn seal(header: &mut [u8]) {
    header[10..12].fill(0);
    let sum = checksum::of(header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Takes one from the time to live, adjusting the checksum (RFC 1624).
pub(crate) fn decrement_ttl(header: &mut [u8]) {
    header[8] = header[8].wrapping_sub(1);
    seal_incremental(header);
}

/// The checksum after the TTL, the high byte of its word, fell by one: adding 0x0100 in
/// one's complement arithmetic (Linux: `ip_decrease_ttl`).
fn seal_incremental(header: &mut [u8]) {
    let old = u16::from_be_bytes([header[10], header[11]]);
    let (sum, carry) = old.overflowing_add(0x0100);
    let mut new = sum + u16::from(carry);
    if new == 0xffff {
        new = 0;
    }
    header[10..12].copy_from_slice(&new.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Header, [u8; MIN_HEADER]) {
        let header = Header {
            header_len: MIN_HEADER,
            total_len: MIN_HEADER,
            tos: 0,
            ident: 0x1234,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 64,
            protocol: 17,
            src: Ipv4Addr::new(10, 0, 0, 1),
            dst: Ipv4Addr::new(10, 0, 0, 2),
        };
        let mut bytes = [0; MIN_HEADER];
        header.write(&mut bytes);
        (header, bytes)
    }

    #[test]
    fn what_is_written_is_what_is_parsed() {
        let (header, bytes) = sample();
        assert_eq!(Header::parse(&bytes), Ok(header));
    }

    #[test]
    fn the_ttl_goes_down_and_the_checksum_stays_right() {
        let (_, mut bytes) = sample();
        for ttl in (0..64).rev() {
            decrement_ttl(&mut bytes);
            assert_eq!(Header::parse(&bytes).map(|header| header.ttl), Ok(ttl));
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let (_, good) = sample();
        let mut short = good;
        short[3] = 19;
        seal(&mut short);
        assert_eq!(Header::parse(&short), Err(BadHeader::Malformed));
        let mut long = good;
        long[3] = 21;
        seal(&mut long);
        assert_eq!(Header::parse(&long), Err(BadHeader::Truncated));
        let mut version = good;
        version[0] = 0x65;
        seal(&mut version);
        assert_eq!(Header::parse(&version), Err(BadHeader::Malformed));
        let mut noise = good;
        noise[15] ^= 1;
        assert_eq!(Header::parse(&noise), Err(BadHeader::Checksum));
        assert_eq!(Header::parse(&good[..19]), Err(BadHeader::Malformed));
    }
}
