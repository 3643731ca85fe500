//! Where the pages of a mapped file come from.

use ostd::mm::UFrame;

use crate::prelude::*;

/// Something whose pages can be mapped: a file that lives in memory.
///
/// Called with no lock held, from page faults, which copies to and from user memory can
/// cause: an implementation must not hold a lock this method takes while it copies.
pub trait PageSource: Send + Sync {
    /// The frame that holds page `index`, the same one for as long as the page exists; a
    /// hole is filled with zeros. Shared mappings write to it directly.
    ///
    /// # Errors
    /// `ENXIO` beyond the end of the file, which the toucher sees as `SIGBUS`; `ENOMEM`.
    fn page(&self, index: usize) -> Result<UFrame>;

    /// A name for /proc/PID/maps.
    fn name(&self) -> String;

    /// Device and inode numbers for /proc/PID/maps, and for shared futexes.
    fn identity(&self) -> (u64, u64);
}
