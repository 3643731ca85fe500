//! User memory: address spaces, page faults, and the kernel's access to both.
//!
//! The control path ([`AddressSpace`]'s map, unmap, protect, remap, fork) changes which
//! areas there are; the fault path fills them with frames when they are touched. Both
//! hold the space's lock for what they do to areas and page table; neither holds
//! it while a file is asked for a page or user memory is copied.

mod allocator;
mod change;
mod fault;
mod fork;
pub mod frames;
mod mapping;
mod oom;
mod remap;
mod remote;
mod shared;
mod source;
mod space;
mod syscalls;
pub mod user;

pub use allocator::FrameAllocator;
pub(crate) use fault::on_kernel_access;
pub use fault::{Access, Fault};
pub use mapping::Mapping;
pub use ostd::mm::PAGE_SIZE;
pub use shared::SharedMemory;
pub use source::PageSource;
pub use space::{AddressSpace, Layout, Placement, USER_END};
pub use syscalls::CALLS;
pub use warren_kernel_core::vma::Protection;

/// `addr` rounded down to the start of its page.
#[must_use]
pub const fn page_floor(addr: usize) -> usize {
    addr & !(PAGE_SIZE - 1)
}

/// `addr` rounded up to the start of a page; `None` past the end of the address range.
#[must_use]
pub const fn page_ceil(addr: usize) -> Option<usize> {
    match addr.checked_add(PAGE_SIZE - 1) {
        Some(sum) => Some(page_floor(sum)),
        None => None,
    }
}
