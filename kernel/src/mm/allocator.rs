//! Where all frames come from: one map of free pages for all processors.

use core::alloc::Layout;

use ostd::mm::frame::GlobalFrameAllocator;
use ostd::mm::{PAGE_SIZE, Paddr};
use ostd::sync::{LocalIrqDisabled, SpinLock};
use warren_kernel_core::freemap::FreeMap;

/// 16 GiB of memory, in a map of 520 KiB.
type Map = FreeMap<65_536, 1024>;

static FREE: SpinLock<Map, LocalIrqDisabled> = SpinLock::new(Map::new());

/// The allocator OSTD asks for frames.
pub struct FrameAllocator;

/// How many bytes of memory are free.
pub(super) fn free_bytes() -> usize {
    FREE.lock().free() * PAGE_SIZE
}

impl GlobalFrameAllocator for FrameAllocator {
    fn alloc(&self, layout: Layout) -> Option<Paddr> {
        let (count, align) = (layout.size() / PAGE_SIZE, layout.align().div_ceil(PAGE_SIZE));
        FREE.lock().take(count, align).map(|page| page * PAGE_SIZE)
    }

    fn dealloc(&self, addr: Paddr, size: usize) {
        FREE.lock().give(addr / PAGE_SIZE, size / PAGE_SIZE);
    }

    fn add_free_memory(&self, addr: Paddr, size: usize) {
        // What lies beyond the map stays unused.
        let first = addr.div_ceil(PAGE_SIZE);
        let end = ((addr + size) / PAGE_SIZE).min(Map::CAPACITY);
        if first < end {
            FREE.lock().give(first, end - first);
        }
    }
}
