//! Warren's bootable kernel: the host that proves the network.
//!
//! | module | what it is |
//! |---|---|
//! | [`boot`] | from the boot loader to process 1, the log, the panic |
//! | [`sched`] | a fair queue per processor |
//! | [`time`] | the clocks and one ordered queue of timers |
//! | [`sync`] | wait queues |
//! | [`mm`] | address spaces, page faults, access to user memory |
//! | [`process`] | processes and threads, credentials, namespaces |
//! | [`futex`] | sleeping on a word of memory |
//! | [`signal`] | sending and handling signals |
//! | [`syscall`] | the table of system calls |
//! | [`fs`] | files, mounts, descriptors |
//! | [`dev`] | devices: the console, pseudo-terminals, null and its like |
//! | [`net`] | the core of Warren, hosted |
//! | [`random`] | random bytes |
//! | [`system`] | what the machine is called and how much it has; turning it off |
#![no_std]
#![no_main]

extern crate alloc;

mod boot;
mod dev;
mod fs;
mod futex;
mod mm;
mod net;
mod prelude;
mod process;
mod random;
mod sched;
mod signal;
mod sync;
mod syscall;
mod system;
mod time;

#[ostd::global_frame_allocator]
static FRAME_ALLOCATOR: mm::FrameAllocator = mm::FrameAllocator;

#[ostd::global_heap_allocator]
static HEAP_ALLOCATOR: osdk_heap_allocator::HeapAllocator = osdk_heap_allocator::HeapAllocator;

#[ostd::global_heap_allocator_slot_map]
const fn slot_map(layout: core::alloc::Layout) -> Option<ostd::mm::heap::SlotInfo> {
    osdk_heap_allocator::type_from_layout(layout)
}
