//! User bytes on their way through the core, in kernel memory.

use warren_syscall::socket::message::{Sink, Source};

use crate::mm::user::{self, IoVec};
use crate::prelude::*;

/// A zeroed buffer of `len` bytes.
///
/// # Errors
/// `ENOBUFS`.
pub(super) fn buffer(len: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Errno::ENOBUFS)?;
    bytes.resize(len, 0);
    Ok(bytes)
}

/// Bytes to send, and how far they were taken.
pub(super) struct Gathered {
    bytes: Vec<u8>,
    taken: usize,
}

impl Gathered {
    pub(super) const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, taken: 0 }
    }

    /// Copies `vectors` in, up to `most` bytes in all.
    ///
    /// # Errors
    /// `EFAULT`, `ENOBUFS`.
    pub(super) fn from_user(vectors: &[IoVec], most: usize) -> Result<Self> {
        let total = vectors.iter().map(|vector| vector.len).sum::<usize>().min(most);
        let mut bytes = buffer(total)?;
        let mut rest = &mut bytes[..];
        for vector in vectors {
            let (now, later) = rest.split_at_mut(vector.len.min(rest.len()));
            user::read_bytes(vector.addr, now)?;
            rest = later;
        }
        Ok(Self::new(bytes))
    }
}

impl Source for Gathered {
    fn remaining(&self) -> usize {
        self.bytes.len() - self.taken
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<()> {
        into.copy_from_slice(&self.bytes[self.taken..self.taken + into.len()]);
        self.taken += into.len();
        Ok(())
    }
}

/// Received bytes, not yet with the user.
pub(super) struct Scattered {
    bytes: Vec<u8>,
    most: usize,
}

impl Scattered {
    /// Room for `most` bytes, allocated as they come.
    pub(super) const fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Copies the bytes out over `vectors`.
    ///
    /// # Errors
    /// `EFAULT`.
    pub(super) fn to_user(&self, vectors: &[IoVec]) -> Result<()> {
        let mut rest = &self.bytes[..];
        for vector in vectors {
            let (now, later) = rest.split_at(vector.len.min(rest.len()));
            user::write_bytes(vector.addr, now)?;
            rest = later;
        }
        Ok(())
    }
}

impl Sink for Scattered {
    fn room(&self) -> usize {
        self.most - self.bytes.len()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.try_reserve(bytes.len()).map_err(|_| Errno::ENOBUFS)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}
