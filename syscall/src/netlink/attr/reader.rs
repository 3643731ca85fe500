//! Reading attributes out of a message that user space wrote.
//!
//! Nothing here trusts a length: an attribute that does not fit what is left ends the
//! walk, and what remains is reported by [`Attrs::rest`].

use super::{HEADER, NESTED, TYPE_MASK, align};

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub struct Attr<'a> {
    /// Its type, without the flag bits.
    pub kind: u16,
    /// Whether `NLA_F_NESTED` was set.
    pub nested: bool,
    /// Where it begins, counted from the message header.
    pub offset: usize,
    /// Its value, without padding.
    pub payload: &'a [u8],
}

impl<'a> Attr<'a> {
    /// The first byte. Zero if there is none: policies demand the length before.
    #[must_use]
    pub fn u8(&self) -> u8 {
        self.payload.first().copied().unwrap_or(0)
    }

    /// A little-endian number; missing bytes count as zero.
    #[must_use]
    pub fn u16(&self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// A little-endian number; missing bytes count as zero.
    #[must_use]
    pub fn u32(&self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// A little-endian signed number; missing bytes count as zero.
    #[must_use]
    pub fn i32(&self) -> i32 {
        i32::from_le_bytes(self.array())
    }

    /// A little-endian number; missing bytes count as zero.
    #[must_use]
    pub fn u64(&self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// The first `N` bytes, zero where the value is shorter.
    #[must_use]
    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        let len = N.min(self.payload.len());
        bytes[..len].copy_from_slice(&self.payload[..len]);
        bytes
    }

    /// A string up to its first NUL (Linux: `nla_strscpy`).
    #[must_use]
    pub fn string(&self) -> &'a [u8] {
        let end = self.payload.iter().position(|b| *b == 0).unwrap_or(self.payload.len());
        &self.payload[..end]
    }

    /// The attributes inside, past a fixed header of `skip` bytes.
    #[must_use]
    pub fn attrs(&self, skip: usize) -> Attrs<'a> {
        Attrs::new(self.payload.get(skip..).unwrap_or(&[]), self.offset + HEADER + skip)
    }
}

/// A walk over attributes.
#[derive(Clone, Debug)]
pub struct Attrs<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Attrs<'a> {
    /// Walks `bytes`, which begin `offset` bytes into the message.
    #[must_use]
    pub const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    /// How many bytes are left: after the walk, those that are no attribute.
    #[must_use]
    pub const fn rest(&self) -> usize {
        self.bytes.len()
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Attr<'a>;

    fn next(&mut self) -> Option<Attr<'a>> {
        let header = self.bytes.first_chunk::<HEADER>()?;
        let len = usize::from(u16::from_le_bytes([header[0], header[1]]));
        if len < HEADER || len > self.bytes.len() {
            return None;
        }
        let kind = u16::from_le_bytes([header[2], header[3]]);
        let attr = Attr {
            kind: kind & TYPE_MASK,
            nested: kind & NESTED != 0,
            offset: self.offset,
            payload: &self.bytes[HEADER..len],
        };
        let step = align(len).min(self.bytes.len());
        self.bytes = &self.bytes[step..];
        self.offset += step;
        Some(attr)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_last_attribute_needs_no_padding() {
        let bytes = [7, 0, 3, 0, b'l', b'o', 0, 0, 5, 0, 16, 0, 2];
        let attrs: Vec<_> = Attrs::new(&bytes, 32).collect();
        assert_eq!(attrs.len(), 2);
        assert_eq!((attrs[0].kind, attrs[0].offset, attrs[0].string()), (3, 32, &b"lo"[..]));
        assert_eq!((attrs[1].kind, attrs[1].offset, attrs[1].u8()), (16, 40, 2));
    }

    #[test]
    fn a_length_beyond_the_end_ends_the_walk() {
        for len in [0u8, 3, 9, 255] {
            let bytes = [len, 0, 3, 0, 1, 2, 3, 4];
            let mut attrs = Attrs::new(&bytes, 0);
            assert!(attrs.next().is_none(), "{len}");
            assert_eq!(attrs.rest(), 8);
        }
    }

    #[test]
    fn the_nested_bit_is_no_part_of_the_type() {
        let bytes = [8, 0, 52, 0x80, 4, 0, 1, 0];
        let attr = Attrs::new(&bytes, 32).next().expect("an attribute");
        assert_eq!((attr.kind, attr.nested), (52, true));
        let inner = attr.attrs(0).next().expect("an inner attribute");
        assert_eq!((inner.kind, inner.offset), (1, 36));
    }
}
