//! The 12 bytes in front of every frame (`struct virtio_net_hdr`, 5.1.6): how much of the
//! checksum is done, and whether the frame is a super-segment.
//!
//! What a device writes is not trusted: [`Header::parse`] proves that a header makes sense
//! for the frame it stands in front of.

use core::num::NonZeroU16;

use warren_packet::{Checksum, Gso};

/// Bytes of a header.
pub const LEN: usize = 12;

const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
/// Set beside the type of a super-segment that carries congestion marks.
const GSO_ECN: u8 = 0x80;

/// What a super-segment is cut into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GsoType {
    /// TCP over IPv4.
    Tcp4 = 1,
    /// TCP over IPv6.
    Tcp6 = 4,
}

/// A super-segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segments {
    /// What it is.
    pub kind: GsoType,
    /// Payload bytes of each segment but the last.
    pub size: NonZeroU16,
    /// Bytes of all headers, which are repeated in each segment.
    pub header_len: u16,
}

/// A checksum to be completed: over everything from `start`, stored at `start + offset`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partial {
    /// Where the transport header starts, from the start of the frame.
    pub start: u16,
    /// Where the checksum is in it.
    pub offset: u16,
}

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Present: the checksum is not complete.
    pub partial: Option<Partial>,
    /// The device has verified the checksum.
    pub verified: bool,
    /// Present on super-segments.
    pub segments: Option<Segments>,
    /// Buffers the frame is spread over (received frames with MRG_RXBUF), else 0 or 1.
    pub buffers: u16,
}

/// A header that contradicts itself or the frame behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum BadHeader {
    /// A type of super-segment that was not negotiated.
    UnknownGso,
    /// A super-segment with segments of no bytes, or whose checksum is complete.
    BadGso,
    /// A checksum outside the frame.
    BadPartial,
}

impl Header {
    /// Reads the header of a received frame of `frame_len` bytes.
    ///
    /// # Errors
    /// [`BadHeader`]: the frame is not to be believed.
    pub fn parse(bytes: &[u8; LEN], frame_len: usize) -> Result<Self, BadHeader> {
        let [flags, gso_type, h0, h1, g0, g1, s0, s1, o0, o1, n0, n1] = *bytes;
        let partial = (flags & NEEDS_CSUM != 0).then(|| Partial {
            start: u16::from_le_bytes([s0, s1]),
            offset: u16::from_le_bytes([o0, o1]),
        });
        if let Some(Partial { start, offset }) = partial
            && usize::from(start) + usize::from(offset) + 2 > frame_len
        {
            return Err(BadHeader::BadPartial);
        }
        let kind = match gso_type & !GSO_ECN {
            0 => None,
            1 => Some(GsoType::Tcp4),
            4 => Some(GsoType::Tcp6),
            _ => return Err(BadHeader::UnknownGso),
        };
        let segments = match kind {
            None => None,
            Some(kind) => {
                let size = NonZeroU16::new(u16::from_le_bytes([g0, g1]));
                let size = size.filter(|_| partial.is_some()).ok_or(BadHeader::BadGso)?;
                Some(Segments { kind, size, header_len: u16::from_le_bytes([h0, h1]) })
            }
        };
        let verified = flags & DATA_VALID != 0;
        Ok(Self { partial, verified, segments, buffers: u16::from_le_bytes([n0, n1]) })
    }

    /// The bytes for the device.
    #[must_use]
    pub fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let valid = if self.verified { DATA_VALID } else { 0 };
        bytes[0] = valid | if self.partial.is_some() { NEEDS_CSUM } else { 0 };
        if let Some(Segments { kind, size, header_len }) = self.segments {
            bytes[1] = kind as u8;
            bytes[2..4].copy_from_slice(&header_len.to_le_bytes());
            bytes[4..6].copy_from_slice(&size.get().to_le_bytes());
        }
        if let Some(Partial { start, offset }) = self.partial {
            bytes[6..8].copy_from_slice(&start.to_le_bytes());
            bytes[8..10].copy_from_slice(&offset.to_le_bytes());
        }
        bytes[10..12].copy_from_slice(&self.buffers.to_le_bytes());
        bytes
    }

    /// What a received frame's checksum is worth.
    #[must_use]
    pub const fn checksum(&self) -> Checksum {
        match (self.partial, self.verified) {
            // From a neighbour on the same machine, whose memory we trust as our own.
            (Some(_), _) => Checksum::NotComputed,
            (None, true) => Checksum::Verified,
            (None, false) => Checksum::Unverified,
        }
    }

    /// Whether a received frame is a super-segment.
    #[must_use]
    pub fn gso(&self) -> Option<Gso> {
        self.segments.map(|segments| Gso { size: segments.size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP4: Header = Header {
        partial: Some(Partial { start: 34, offset: 16 }),
        verified: false,
        segments: Some(Segments {
            kind: GsoType::Tcp4,
            size: NonZeroU16::new(1_448).expect("not zero"),
            header_len: 66,
        }),
        buffers: 1,
    };

    #[test]
    fn a_header_has_the_layout_of_the_specification() {
        let bytes = [1, 1, 66, 0, 0xa8, 0x05, 34, 0, 16, 0, 1, 0];
        assert_eq!(TCP4.to_bytes(), bytes);
        assert_eq!(Header::parse(&bytes, 4_000), Ok(TCP4));
        assert_eq!(Header::default().to_bytes(), [0; LEN]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let plain = Header { verified: true, buffers: 3, ..Header::default() };
        let partial = Header { partial: TCP4.partial, ..Header::default() };
        for header in [plain, partial, TCP4] {
            assert_eq!(Header::parse(&header.to_bytes(), 1_500), Ok(header));
        }
    }

    #[test]
    fn a_header_that_contradicts_its_frame_is_not_believed() {
        let mut bytes = TCP4.to_bytes();
        assert_eq!(Header::parse(&bytes, 51), Err(BadHeader::BadPartial));
        bytes[1] = 3;
        assert_eq!(Header::parse(&bytes, 1_500), Err(BadHeader::UnknownGso));
        bytes[1] = 1 | GSO_ECN;
        assert_eq!(Header::parse(&bytes, 1_500), Ok(TCP4));
        bytes[4..6].fill(0);
        assert_eq!(Header::parse(&bytes, 1_500), Err(BadHeader::BadGso));
        let complete = Header { partial: None, ..TCP4 };
        assert_eq!(Header::parse(&complete.to_bytes(), 1_500), Err(BadHeader::BadGso));
        for start in 0..=u8::MAX {
            let bytes = [start; LEN];
            if let Ok(header) = Header::parse(&bytes, 300) {
                assert!(header.gso().is_none() || header.partial.is_some());
            }
        }
    }

    #[test]
    fn a_received_checksum_is_worth_what_the_device_says() {
        let of = |flags: u8| {
            let mut bytes = [0; LEN];
            bytes[0] = flags;
            Header::parse(&bytes, 60).expect("a plain header").checksum()
        };
        assert_eq!(of(0), Checksum::Unverified);
        assert_eq!(of(DATA_VALID), Checksum::Verified);
        assert_eq!(of(NEEDS_CSUM), Checksum::NotComputed);
        assert_eq!(of(NEEDS_CSUM | DATA_VALID), Checksum::NotComputed);
    }
}
