//! Frames for user memory, and the reserve that user memory cannot touch.
//!
//! The kernel's own allocations abort when memory runs out, so users are stopped
//! earlier: pages they touch and objects they create are refused once only the reserve
//! is left.

use core::sync::atomic::{AtomicUsize, Ordering};

use ostd::mm::io::util::HasVmReaderWriter;
use ostd::mm::{FrameAllocOptions, UFrame};

use super::allocator;
use crate::prelude::*;

/// Bytes that stay free for the kernel.
static RESERVE: AtomicUsize = AtomicUsize::new(0);
/// Bytes that were free when the first process started.
static TOTAL: AtomicUsize = AtomicUsize::new(0);

/// Sets the reserve aside: a sixteenth of the memory, at least 8 MiB.
pub(crate) fn init() {
    let free = allocator::free_bytes();
    TOTAL.store(free, Ordering::Relaxed);
    RESERVE.store((free / 16).max(8 << 20), Ordering::Relaxed);
}

/// All memory there is for processes and the kernel's data, in bytes.
#[must_use]
pub fn total_bytes() -> usize {
    TOTAL.load(Ordering::Relaxed)
}

/// Memory that is free, the reserve included.
#[must_use]
pub fn free_bytes() -> usize {
    allocator::free_bytes()
}

/// Says whether a user may make the kernel allocate something small now.
///
/// # Errors
/// `ENOMEM` if half of the reserve is gone.
pub fn admit_kernel_object() -> Result<()> {
    if free_bytes() > RESERVE.load(Ordering::Relaxed) / 2 { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// Says whether there is room for another thread or process: its stack, its page
/// tables, and the first pages it touches.
///
/// # Errors
/// `ENOMEM` if only the reserve is left.
pub fn admit_thread() -> Result<()> {
    const NEEDS: usize = 1 << 20;
    let reserve = RESERVE.load(Ordering::Relaxed);
    if free_bytes() > reserve + NEEDS { Ok(()) } else { Err(Errno::ENOMEM) }
}

fn admit_user_page() -> Result<()> {
    if free_bytes() > RESERVE.load(Ordering::Relaxed) { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// A frame full of zeros for user memory.
///
/// # Errors
/// `ENOMEM` if only the reserve is left.
pub fn zeroed() -> Result<UFrame> {
    admit_user_page()?;
    let frame = FrameAllocOptions::new().alloc_frame().map_err(|_| Errno::ENOMEM)?;
    Ok(frame.into())
}

/// A copy of a frame, for user memory.
///
/// # Errors
/// `ENOMEM` if only the reserve is left.
pub fn copy_of(frame: &UFrame) -> Result<UFrame> {
    admit_user_page()?;
    let copy = FrameAllocOptions::new().zeroed(false).alloc_frame().map_err(|_| Errno::ENOMEM)?;
    let copy = UFrame::from(copy);
    copy.writer().write(&mut frame.reader());
    Ok(copy)
}
