//! Memory without a file that processes share: `MAP_SHARED | MAP_ANONYMOUS`.

use alloc::collections::BTreeMap;
use core::sync::atomic::{AtomicU64, Ordering};

use ostd::mm::UFrame;
use ostd::sync::Mutex;

use super::{PageSource, frames};
use crate::prelude::*;

/// Shared memory: pages made when first touched, gone with the last mapping.
pub struct SharedMemory {
    pages: Mutex<BTreeMap<usize, UFrame>>,
    number: u64,
}

impl SharedMemory {
    /// Memory nobody has touched yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { pages: Mutex::new(BTreeMap::new()), number })
    }
}

impl PageSource for SharedMemory {
    fn page(&self, index: usize) -> Result<UFrame> {
        let mut pages = self.pages.lock();
        if let Some(frame) = pages.get(&index) {
            return Ok(frame.clone());
        }
        let frame = frames::zeroed()?;
        pages.insert(index, frame.clone());
        Ok(frame)
    }

    fn name(&self) -> String {
        String::from("/dev/zero (deleted)")
    }

    fn identity(&self) -> (u64, u64) {
        (1, self.number)
    }
}
