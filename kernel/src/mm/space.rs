//! The address space of a process: its areas, its page table, and the numbers that
//! place new areas.

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use ostd::mm::{MAX_USERSPACE_VADDR, VmSpace};
use ostd::sync::{Mutex, MutexGuard};
use spin::Once;
use warren_kernel_core::vma::{Area, AreaMap};

use super::{Mapping, PAGE_SIZE, Protection, frames};
use crate::prelude::*;

/// The end of user memory.
pub const USER_END: usize = MAX_USERSPACE_VADDR;

/// The lowest address a process may map (vm.mmap_min_addr).
pub(super) const USER_START: usize = 0x1_0000;

/// The most areas of one address space (vm.max_map_count).
const MAX_AREAS: usize = 65_530;

/// Where a new area is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// There if that is free, else wherever there is room.
    Hint(usize),
    /// There, replacing what is there (`MAP_FIXED`).
    Fixed(usize),
    /// There, if that is free (`MAP_FIXED_NOREPLACE`).
    FixedFree(usize),
}

/// What execve decided about the layout of an address space.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Below this new areas are placed, highest first.
    pub mmap_top: usize,
    /// The heap, from its start to the break.
    pub heap: Range<usize>,
    /// Where the arguments lie on the stack, for /proc/PID/cmdline.
    pub arguments: Range<usize>,
    /// Where the environment lies on the stack, for /proc/PID/environ.
    pub environment: Range<usize>,
    /// Where the stack began.
    pub stack_top: usize,
}

pub(super) struct Inner {
    pub(super) areas: AreaMap<Mapping>,
    pub(super) layout: Layout,
    /// How many pages the page table holds.
    pub(super) resident: usize,
    /// The most there ever were.
    pub(super) peak_resident: usize,
}

impl Inner {
    /// `ENOMEM` if there can be no more areas.
    pub(super) fn admit_area(&self) -> Result<()> {
        // One change splits at most one area in three.
        if self.areas.count() + 2 > MAX_AREAS {
            return Err(Errno::ENOMEM);
        }
        frames::admit_kernel_object()
    }

    pub(super) fn add_resident(&mut self, pages: usize) {
        self.resident += pages;
        self.peak_resident = self.peak_resident.max(self.resident);
    }
}

/// An address space.
pub struct AddressSpace {
    vm: Arc<VmSpace>,
    inner: Mutex<Inner>,
    /// `Inner::resident` in bytes, for those that cannot take the lock.
    resident_bytes: AtomicUsize,
}

/// An area as /proc/PID/maps shows it.
pub struct AreaInfo {
    /// Which addresses.
    pub range: Range<usize>,
    /// What may be done there.
    pub protection: Protection,
    /// What lies there.
    pub mapping: Mapping,
    /// `[heap]`, `[stack]` or the file's name.
    pub name: String,
}

impl AddressSpace {
    /// An empty one.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::from_parts(AreaMap::default(), Layout::default()))
    }

    pub(super) fn from_parts(areas: AreaMap<Mapping>, layout: Layout) -> Self {
        let inner = Inner { areas, layout, resident: 0, peak_resident: 0 };
        Self {
            vm: Arc::new(VmSpace::new()),
            inner: Mutex::new(inner),
            resident_bytes: AtomicUsize::new(0),
        }
    }

    /// Makes it the one this processor sees.
    pub fn activate(&self) {
        self.vm.activate();
    }

    /// Makes this processor see no process's memory, so that the last one's can be freed.
    pub fn deactivate() {
        static NOBODY: Once<Arc<VmSpace>> = Once::new();
        NOBODY.call_once(|| Arc::new(VmSpace::new())).activate();
    }

    /// The page table.
    pub(super) fn vm(&self) -> &Arc<VmSpace> {
        &self.vm
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// About how many bytes are resident, without waiting for whoever changes that.
    #[must_use]
    pub fn resident_hint(&self) -> usize {
        self.resident_bytes.load(Ordering::Relaxed)
    }

    /// Tells [`resident_hint`](Self::resident_hint).
    pub(super) fn note_resident(&self, inner: &Inner) {
        self.resident_bytes.store(inner.resident * PAGE_SIZE, Ordering::Relaxed);
    }

    /// The layout execve decided on.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.lock().layout.clone()
    }

    /// Changes the layout; for execve.
    pub fn set_layout(&self, change: impl FnOnce(&mut Layout)) {
        change(&mut self.lock().layout);
    }

    /// Bytes mapped, resident, and most ever resident.
    #[must_use]
    pub fn usage(&self) -> (usize, usize, usize) {
        let inner = self.lock();
        (inner.areas.bytes(), inner.resident * PAGE_SIZE, inner.peak_resident * PAGE_SIZE)
    }

    /// The area that contains `addr`.
    #[must_use]
    pub fn area_at(&self, addr: usize) -> Option<AreaInfo> {
        let inner = self.lock();
        inner.areas.find(addr).map(|area| inner.describe(area))
    }

    /// All areas, for /proc/PID/maps.
    #[must_use]
    pub fn areas(&self) -> Vec<AreaInfo> {
        let inner = self.lock();
        inner.areas.iter().map(|area| inner.describe(area)).collect()
    }
}

impl Inner {
    fn describe(&self, area: &Area<Mapping>) -> AreaInfo {
        AreaInfo {
            range: area.range.clone(),
            protection: area.protection,
            mapping: area.backing.clone(),
            name: self.name_of(area),
        }
    }

    fn name_of(&self, area: &Area<Mapping>) -> String {
        let heap = &self.layout.heap;
        match &area.backing.source {
            Some(source) => source.name(),
            None if area.backing.grows_down => String::from("[stack]"),
            None if area.range.start < heap.end && heap.start < area.range.end => {
                String::from("[heap]")
            }
            None => String::new(),
        }
    }
}
