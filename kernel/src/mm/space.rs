//! The address space of a process.

use ostd::mm::VmSpace;

use crate::prelude::*;

/// An address space.
pub struct AddressSpace {
    vm: Arc<VmSpace>,
}

impl AddressSpace {
    /// An empty one.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { vm: Arc::new(VmSpace::new()) })
    }

    /// Makes it the one this processor sees.
    pub fn activate(&self) {
        self.vm.activate();
    }

    /// The page table.
    pub(super) fn vm(&self) -> &Arc<VmSpace> {
        &self.vm
    }
}
