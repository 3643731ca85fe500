//! Message headers, and datagrams made of messages (`struct nlmsghdr`,
//! include/uapi/linux/netlink.h).

use alloc::vec::Vec;

use crate::netlink::abi::NLM_F_DUMP;
use crate::netlink::attr::{Attrs, Writer, align};

/// Bytes of a message header.
pub const HEADER: usize = 16;
/// No message we write is longer: an attribute's length is 16 bits.
const MESSAGE_LIMIT: usize = 128 << 10;

/// The header of a message that came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Bytes of the message, this header included.
    pub len: usize,
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub sequence: u32,
    /// `nlmsg_pid`, as the sender filled it in; means nothing.
    pub port: u32,
}

impl Header {
    /// Reads the header at the start of `bytes`; `None` if there is no whole one, or if it
    /// claims a length that is not there: Linux stops at such a message without a word.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEADER>()?;
        let u32_at =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let len = usize::try_from(u32_at(0)).ok()?;
        if len < HEADER || len > bytes.len() {
            return None;
        }
        Some(Self {
            len,
            kind: u16::from_le_bytes([head[4], head[5]]),
            flags: u16::from_le_bytes([head[6], head[7]]),
            sequence: u32_at(8),
            port: u32_at(12),
        })
    }

    /// Whether all of these flags are set.
    #[must_use]
    pub const fn has(&self, flags: u16) -> bool {
        self.flags & flags == flags
    }

    /// Whether a GET asks for everything (either of ROOT and MATCH, as Linux takes it).
    #[must_use]
    pub const fn is_dump(&self) -> bool {
        self.flags & NLM_F_DUMP != 0
    }
}

/// The attributes of `message` past its family's header of `fixed` bytes.
#[must_use]
pub fn attributes(message: &[u8], fixed: usize) -> Attrs<'_> {
    let start = align(HEADER + fixed);
    Attrs::new(message.get(start..).unwrap_or(&[]), start)
}

/// The header of a message that goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reply {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`: the request's, or zero.
    pub sequence: u32,
    /// `nlmsg_pid`: the asking socket's port, or zero.
    pub port: u32,
}

/// Whether a message went into the datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Fit {
    /// It is in.
    Fits,
    /// It would have exceeded the limit and is not in.
    Full,
}

/// Messages that travel together.
#[derive(Debug)]
pub struct Datagram {
    bytes: Vec<u8>,
    limit: usize,
}

impl Datagram {
    /// An empty datagram that takes messages up to `limit` bytes. The first message goes
    /// in whatever its size: Linux sizes the buffer by the largest.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    /// A datagram of one message; `None` if it is too large or memory is short.
    pub fn single(reply: &Reply, fill: impl FnOnce(&mut Writer<'_>)) -> Option<Self> {
        let mut datagram = Self::new(MESSAGE_LIMIT);
        match datagram.message(reply, fill) {
            Fit::Fits => Some(datagram),
            Fit::Full => None,
        }
    }

    /// Appends a message, whole or not at all.
    pub fn message(&mut self, reply: &Reply, fill: impl FnOnce(&mut Writer<'_>)) -> Fit {
        let start = self.bytes.len();
        let limit = if start == 0 { MESSAGE_LIMIT } else { self.limit };
        let mut writer = Writer::new(&mut self.bytes, limit);
        writer.raw(&[0; HEADER]);
        fill(&mut writer);
        let overflowed = writer.overflowed();
        let len = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        if overflowed {
            self.bytes.truncate(start);
            return Fit::Full;
        }
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&len.to_le_bytes());
        header.extend_from_slice(&reply.kind.to_le_bytes());
        header.extend_from_slice(&reply.flags.to_le_bytes());
        header.extend_from_slice(&reply.sequence.to_le_bytes());
        header.extend_from_slice(&reply.port.to_le_bytes());
        self.bytes[start..start + HEADER].copy_from_slice(&header);
        Fit::Fits
    }

    /// Whether it holds no message.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Its bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: Reply = Reply { kind: 3, flags: 2, sequence: 7, port: 9 };

    #[test]
    fn a_message_that_does_not_fit_leaves_no_trace() {
        let mut datagram = Datagram::new(40);
        assert_eq!(datagram.message(&REPLY, |out| out.u32(1, 5)), Fit::Fits);
        assert_eq!(datagram.message(&REPLY, |out| out.u32(1, 6)), Fit::Full);
        assert_eq!(datagram.message(&REPLY, |_| ()), Fit::Fits);
        let bytes = datagram.into_bytes();
        assert_eq!(bytes.len(), 24 + 16);
        assert_eq!(bytes[..8], [24, 0, 0, 0, 3, 0, 2, 0]);
        assert_eq!(Header::parse(&bytes[24..]).map(|h| (h.len, h.sequence)), Some((16, 7)));
    }

    #[test]
    fn the_first_message_goes_in_whatever_its_size() {
        let mut datagram = Datagram::new(20);
        assert_eq!(datagram.message(&REPLY, |out| out.bytes(1, &[0; 100])), Fit::Fits);
    }

    #[test]
    fn a_value_too_long_for_its_length_field_is_refused() {
        assert!(Datagram::single(&REPLY, |out| out.bytes(1, &[0; 70_000])).is_none());
        let nest = |out: &mut Writer<'_>| {
            out.nest(1, |out| (0..2).for_each(|kind| out.bytes(kind, &[0; 40_000])));
        };
        assert!(Datagram::single(&REPLY, nest).is_none());
    }
}
