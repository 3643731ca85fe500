//! Page faults: putting the right frame behind an address that was touched.
//!
//! A private page is shared until it is written: forked processes share frames, private
//! views share the file's. A frame nobody else references is made writable in place.

use core::ops::Range;

use ostd::arch::cpu::context::{CpuException, PageFaultErrorCode, RawPageFaultInfo};
use ostd::mm::tlb::TlbFlushOp;
use ostd::mm::vm_space::{CursorMut, VmQueriedItem};
use ostd::mm::{CachePolicy, PageFlags, PageProperty, UFrame};
use ostd::task::disable_preempt;
use warren_kernel_core::vma::Area;

use super::change::page_flags;
use super::space::Inner;
use super::{AddressSpace, Mapping, PAGE_SIZE, PageSource, Protection, frames, oom, page_floor};
use crate::prelude::*;
use crate::process::{Resource, try_current};

/// The gap that stays free below a stack (vm.stack_guard_gap).
const STACK_GUARD: usize = 256 * PAGE_SIZE;

/// What was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Fetching an instruction.
    Execute,
}

/// Why an address cannot be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fault {
    /// Nothing is mapped there: `SIGSEGV`, `SEGV_MAPERR`.
    Unmapped,
    /// Not in this way: `SIGSEGV`, `SEGV_ACCERR`.
    Forbidden,
    /// The file ends before: `SIGBUS`, `BUS_ADRERR`.
    PastEnd,
    /// Memory is short: the process is killed.
    OutOfMemory,
}

impl From<&RawPageFaultInfo> for Access {
    fn from(info: &RawPageFaultInfo) -> Self {
        if info.error_code.contains(PageFaultErrorCode::INSTRUCTION) {
            Self::Execute
        } else if info.error_code.contains(PageFaultErrorCode::WRITE) {
            Self::Write
        } else {
            Self::Read
        }
    }
}

impl Access {
    fn is_allowed(self, protection: Protection) -> bool {
        match self {
            Self::Read => !protection.is_empty(),
            Self::Write => protection.contains(Protection::WRITE),
            Self::Execute => protection.contains(Protection::EXEC),
        }
    }
}

/// What a fault needs that cannot be had under the space's lock.
struct Wanted {
    source: Arc<dyn PageSource>,
    index: usize,
}

/// How far handling a fault got.
enum Step {
    Done,
    Needs(Wanted),
}

/// The fault handler for the kernel's own accesses to user memory.
pub(crate) fn on_kernel_access(exception: &CpuException) -> core::result::Result<(), ()> {
    let CpuException::PageFault(info) = exception else { return Err(()) };
    let space = try_current().and_then(|thread| thread.process().space()).ok_or(())?;
    space.handle_fault(info.addr, info.into()).map_err(|_| ())
}

impl AddressSpace {
    /// Makes `addr` accessible, if it is to be.
    ///
    /// # Errors
    /// Why it is not.
    pub fn handle_fault(&self, addr: usize, access: Access) -> Result<(), Fault> {
        let page = page_floor(addr);
        match self.try_handle_fault(page, access) {
            Err(Fault::OutOfMemory) => {
                let thread = try_current().ok_or(Fault::OutOfMemory)?;
                // The access is made again, and finds the page missing again.
                if oom::relieve(&thread) { Ok(()) } else { Err(Fault::OutOfMemory) }
            }
            outcome => outcome,
        }
    }

    fn try_handle_fault(&self, page: usize, access: Access) -> Result<(), Fault> {
        let wanted = match self.fill(page, access, None)? {
            Step::Done => return Ok(()),
            Step::Needs(wanted) => wanted,
        };
        let frame = wanted.source.page(wanted.index).map_err(|error| match error {
            Errno::ENOMEM => Fault::OutOfMemory,
            _ => Fault::PastEnd,
        })?;
        // If the area changed meanwhile, the access faults again and finds the new one.
        self.fill(page, access, Some((&wanted, frame))).map(|_: Step| ())
    }

    fn fill(
        &self,
        page: usize,
        access: Access,
        given: Option<(&Wanted, UFrame)>,
    ) -> Result<Step, Fault> {
        let mut inner = self.lock();
        let step = inner.fill(self, page, access, given);
        self.note_resident(&inner);
        step
    }
}

impl Inner {
    /// Puts a frame behind `page`: at once if it can be made here, else with the frame
    /// `given` by the source.
    fn fill(
        &mut self,
        space: &AddressSpace,
        page: usize,
        access: Access,
        given: Option<(&Wanted, UFrame)>,
    ) -> Result<Step, Fault> {
        let area = self.area_for(page).ok_or(Fault::Unmapped)?;
        if !access.is_allowed(area.protection) {
            return Err(Fault::Forbidden);
        }
        let (protection, mapping) = (area.protection, area.backing.clone());
        let index = mapping.page_index(page - area.range.start);
        let guard = disable_preempt();
        let range = page..page + PAGE_SIZE;
        let mut cursor = space.vm().cursor_mut(&guard, &range).map_err(|_| Fault::Unmapped)?;
        if let Some((frame, flags)) = mapped_at(&mut cursor) {
            return upgrade(&mut cursor, &range, &mapping, protection, access, frame, flags)
                .map(|()| Step::Done);
        }
        let (frame, writable) = match (&mapping.source, given) {
            (None, _) => (frames::zeroed().map_err(|_| Fault::OutOfMemory)?, true),
            (Some(source), Some((wanted, frame)))
                if Arc::ptr_eq(source, &wanted.source) && index == wanted.index =>
            {
                if mapping.shared {
                    (frame, true)
                } else if access == Access::Write {
                    (frames::copy_of(&frame).map_err(|_| Fault::OutOfMemory)?, true)
                } else {
                    (frame, false)
                }
            }
            // The area is another one now.
            (Some(_), Some(_)) => return Ok(Step::Done),
            (Some(source), None) => {
                return Ok(Step::Needs(Wanted { source: source.clone(), index }));
            }
        };
        let mut flags = page_flags(protection) | PageFlags::ACCESSED;
        if writable && protection.contains(Protection::WRITE) {
            flags |= PageFlags::W;
        }
        cursor.map(frame, PageProperty::new_user(flags, CachePolicy::Writeback));
        drop(cursor);
        self.add_resident(1);
        Ok(Step::Done)
    }

    /// The area of `page`, grown down to it if it is a stack.
    fn area_for(&mut self, page: usize) -> Option<&Area<Mapping>> {
        if self.areas.find(page).is_none() {
            self.grow_stack(page)?;
        }
        self.areas.find(page)
    }

    /// Extends the stack above `page` down to it, within the stack limit.
    fn grow_stack(&mut self, page: usize) -> Option<()> {
        let above = self.areas.next_above(page)?;
        if !above.backing.grows_down {
            return None;
        }
        let limit = try_current()?.process().limits.lock().get(Resource::Stack).soft;
        let range = above.range.clone();
        let guarded = page.saturating_sub(STACK_GUARD)..range.start;
        if (range.end - page) as u64 > limit || !self.areas.is_free(&guarded) {
            return None;
        }
        self.areas.grow_down(range.start, page);
        Some(())
    }
}

/// The frame mapped at the cursor, and how.
fn mapped_at(cursor: &mut CursorMut<'_>) -> Option<(UFrame, PageFlags)> {
    match cursor.query().ok()?.1? {
        VmQueriedItem::MappedRam { frame, prop } => Some(((*frame).clone(), prop.flags)),
        VmQueriedItem::MappedIoMem { .. } => None,
    }
}

/// Gives a mapped page the access it lacks.
fn upgrade(
    cursor: &mut CursorMut<'_>,
    range: &Range<usize>,
    mapping: &Mapping,
    protection: Protection,
    access: Access,
    frame: UFrame,
    flags: PageFlags,
) -> Result<(), Fault> {
    let mut wanted = page_flags(protection) | PageFlags::ACCESSED;
    if access != Access::Write || flags.contains(PageFlags::W) {
        // Another processor was faster, or the page was out of reach and is not now.
        wanted |= flags & PageFlags::W;
        set_flags(cursor, range, wanted);
        return Ok(());
    }
    wanted |= PageFlags::W;
    // One reference is the page table's, one is `frame`.
    if mapping.shared || frame.reference_count() == 2 {
        set_flags(cursor, range, wanted);
        return Ok(());
    }
    let copy = frames::copy_of(&frame).map_err(|_| Fault::OutOfMemory)?;
    cursor.unmap(PAGE_SIZE);
    // No processor may see the old frame once this one writes to the new.
    cursor.flusher().sync_tlb_flush();
    cursor.jump(range.start).map_err(|_| Fault::Unmapped)?;
    cursor.map(copy, PageProperty::new_user(wanted, CachePolicy::Writeback));
    Ok(())
}

fn set_flags(cursor: &mut CursorMut<'_>, range: &Range<usize>, wanted: PageFlags) {
    let rights = PageFlags::R | PageFlags::W | PageFlags::X;
    let _: Option<Range<usize>> =
        cursor.protect_next(PAGE_SIZE, |flags, _| *flags = (*flags & !rights) | wanted);
    // Rights only grew: a processor that has the old entry faults and comes here.
    cursor.flusher().issue_tlb_flush(TlbFlushOp::for_single(range.start));
    cursor.flusher().dispatch_tlb_flush();
}
