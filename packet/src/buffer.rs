//! [`Packet`]: bytes with room in front, and their way home to the pool.
//!
//! Invariant: `head <= tail <= buffer.len()`.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};

use crate::meta::Meta;
use crate::pool::{NoBuffer, Pool};

/// Bytes kept free in front of a new packet: Ethernet, a VLAN tag, an outer IP header and
/// the 12-byte virtio header fit. At least 128 also keeps source and destination of a
/// copy away from the same page offset, which costs some CPUs a factor of twenty.
pub const HEADROOM: usize = 128;

/// The longest frame: a 65 535-byte IP packet behind an Ethernet header and a VLAN tag.
pub const MAX_FRAME: usize = 65_535 + 18;

/// One frame or packet. Owned by whoever holds it; dropped, its buffer returns to the pool.
#[derive(Debug)]
pub struct Packet {
    buffer: Box<[u8]>,
    head: usize,
    tail: usize,
    home: Weak<Pool>,
    /// What travels beside the bytes.
    pub meta: Meta,
}

impl Packet {
    pub(crate) fn from_parts(buffer: Box<[u8]>, len: usize, home: &Arc<Pool>) -> Self {
        let tail = HEADROOM + len;
        debug_assert!(tail <= buffer.len());
        Self { buffer, head: HEADROOM, tail, home: Arc::downgrade(home), meta: Meta::default() }
    }

    /// Length in bytes from the current head.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tail - self.head
    }

    /// Whether no byte is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// The bytes from the current head.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.head..self.tail]
    }

    /// The bytes from the current head, to change in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.head..self.tail]
    }

    /// Free bytes in front of the head.
    #[must_use]
    pub const fn headroom(&self) -> usize {
        self.head
    }

    /// Prepends `count` bytes and returns them to be filled; `None` if the headroom is
    /// too small (nothing changes).
    pub fn push_front(&mut self, count: usize) -> Option<&mut [u8]> {
        self.head = self.head.checked_sub(count)?;
        Some(&mut self.buffer[self.head..self.head + count])
    }

    /// Drops `count` bytes from the front; `false` if there are fewer (nothing changes).
    /// They stay in the headroom: `push_front` of the same count brings them back.
    #[must_use]
    pub const fn pop_front(&mut self, count: usize) -> bool {
        if count > self.len() {
            return false;
        }
        self.head += count;
        true
    }

    /// Cuts the packet to `len` bytes from its head; longer is left alone.
    pub fn truncate(&mut self, len: usize) {
        self.tail = self.tail.min(self.head + len);
    }

    /// A copy in a buffer of its own, headroom and meta included.
    ///
    /// # Errors
    /// [`NoBuffer`] if the pool is at its bound or memory is short.
    pub fn try_clone(&self) -> Result<Self, NoBuffer> {
        let home = self.home.upgrade().ok_or(NoBuffer)?;
        let mut copy = home.take(self.len())?;
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy.meta = self.meta;
        Ok(copy)
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.give_back(core::mem::take(&mut self.buffer));
        }
    }
}
