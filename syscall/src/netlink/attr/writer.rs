//! Writing one message: a header of its family, then attributes.
//!
//! A writer never fails in the middle: what would exceed its limit, or a length field, sets
//! a mark, and whoever began the message takes it back whole (see
//! [`Datagram::message`](crate::netlink::message::Datagram::message)).

use alloc::vec::Vec;

use super::{HEADER, NESTED, align};

/// See the module.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    limit: usize,
    overflowed: bool,
}

impl<'a> Writer<'a> {
    pub(in crate::netlink) const fn new(bytes: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { bytes, limit, overflowed: false }
    }

    pub(in crate::netlink) const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Bytes as they are, padded: a message family's fixed header.
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.room_for(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
            self.pad();
        }
    }

    /// An attribute.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) {
        let Ok(len) = u16::try_from(HEADER + value.len()) else {
            self.overflowed = true;
            return;
        };
        if self.room_for(usize::from(len)) {
            self.bytes.extend_from_slice(&len.to_le_bytes());
            self.bytes.extend_from_slice(&kind.to_le_bytes());
            self.bytes.extend_from_slice(value);
            self.pad();
        }
    }

    /// A string, with its NUL.
    pub fn text(&mut self, kind: u16, value: &[u8]) {
        let mut terminated = Vec::with_capacity(value.len() + 1);
        terminated.extend_from_slice(value);
        terminated.push(0);
        self.bytes(kind, &terminated);
    }

    /// A number.
    pub fn u8(&mut self, kind: u16, value: u8) {
        self.bytes(kind, &[value]);
    }

    /// A number.
    pub fn u16(&mut self, kind: u16, value: u16) {
        self.bytes(kind, &value.to_le_bytes());
    }

    /// A number.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_le_bytes());
    }

    /// A number.
    pub fn i32(&mut self, kind: u16, value: i32) {
        self.bytes(kind, &value.to_le_bytes());
    }

    /// A number.
    pub fn u64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_le_bytes());
    }

    /// Attributes within an attribute, without the nest bit: Linux leaves it out on the
    /// messages older than the bit (`nla_nest_start_noflag`).
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        if !self.room_for(HEADER) {
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        fill(self);
        match u16::try_from(self.bytes.len() - start) {
            Ok(len) => self.bytes[start..start + 2].copy_from_slice(&len.to_le_bytes()),
            Err(_) => self.overflowed = true,
        }
    }

    /// Attributes within an attribute that says so.
    pub fn nest_flagged(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        self.nest(kind | NESTED, fill);
    }

    /// Like [`Self::nest`], but nothing at all is written if the nest stays empty
    /// (`nla_nest_cancel`).
    pub fn nest_unless_empty(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.nest(kind, fill);
        if self.bytes.len() == start + HEADER {
            self.bytes.truncate(start);
        }
    }

    fn room_for(&mut self, len: usize) -> bool {
        let end = self.bytes.len().saturating_add(align(len));
        let fits =
            !self.overflowed && end <= self.limit && self.bytes.try_reserve(align(len)).is_ok();
        self.overflowed |= !fits;
        fits
    }

    fn pad(&mut self) {
        self.bytes.resize(align(self.bytes.len()), 0);
    }
}
