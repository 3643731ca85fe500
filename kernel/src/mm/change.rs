//! Changing which areas there are: the control path of an address space.

use core::ops::Range;

use ostd::mm::tlb::TlbFlushOp;
use ostd::mm::{PageFlags, VmSpace};
use ostd::task::disable_preempt;
use warren_kernel_core::vma::Area;

use super::space::{Inner, USER_START};
use super::{AddressSpace, Mapping, PAGE_SIZE, Placement, Protection, USER_END, frames, page_ceil};
use crate::prelude::*;

/// `EINVAL` or `ENOMEM` unless `len` bytes at `addr` are whole pages of user memory.
pub(super) fn user_range(addr: usize, len: usize) -> Result<Range<usize>> {
    if !addr.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let len = page_ceil(len).ok_or(Errno::ENOMEM)?;
    let end = addr.checked_add(len).filter(|&end| end <= USER_END).ok_or(Errno::ENOMEM)?;
    Ok(addr..end)
}

impl AddressSpace {
    /// Maps `len` bytes and says where. `limit` bounds the bytes mapped in all
    /// (`RLIMIT_AS`).
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn map(
        &self,
        placement: Placement,
        len: usize,
        protection: Protection,
        mapping: Mapping,
        limit: u64,
    ) -> Result<usize> {
        let len = page_ceil(len).filter(|&len| len <= USER_END).ok_or(Errno::ENOMEM)?;
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        // Linux's heuristic: what could never be filled is refused at once.
        let is_private_write = !mapping.shared && protection.contains(Protection::WRITE);
        if is_private_write && len > frames::total_bytes() {
            return Err(Errno::ENOMEM);
        }
        let mut inner = self.lock();
        if (inner.areas.bytes() + len) as u64 > limit {
            return Err(Errno::ENOMEM);
        }
        inner.admit_area()?;
        let range = inner.place(placement, len)?;
        if let Placement::Fixed(_) = placement {
            let _: Vec<_> = self.remove_locked(&mut inner, &range);
        }
        let start = range.start;
        inner.areas.insert(Area { range, protection, backing: mapping });
        Ok(start)
    }

    /// Unmaps whatever lies in `len` bytes at `addr`.
    ///
    /// # Errors
    /// `EINVAL` for a bad range, `ENOMEM` if an area cannot be split.
    pub fn unmap(&self, addr: usize, len: usize) -> Result<()> {
        let range = user_range(addr, len).map_err(|_| Errno::EINVAL)?;
        if range.is_empty() {
            return Err(Errno::EINVAL);
        }
        let removed = {
            let mut inner = self.lock();
            inner.admit_area()?;
            self.remove_locked(&mut inner, &range)
        };
        // What lay there may be the last of a file: let go of it with the lock released.
        drop(removed);
        Ok(())
    }

    /// Changes what may be done in a range.
    ///
    /// # Errors
    /// `ENOMEM` if part of it is not mapped, `EACCES` if it may not become writable.
    pub fn protect(&self, range: Range<usize>, protection: Protection) -> Result<()> {
        let mut inner = self.lock();
        if !inner.areas.is_covered(&range) {
            return Err(Errno::ENOMEM);
        }
        let writes = protection.contains(Protection::WRITE);
        if writes && inner.areas.overlapping(range.clone()).any(|area| !area.backing.may_write) {
            return Err(Errno::EACCES);
        }
        inner.admit_area()?;
        inner.areas.protect(&range, protection);
        // Write access comes back by faults, which know whether a page is shared.
        restrict(self.vm(), &range, protection);
        Ok(())
    }

    /// Sets the break, if it can be set there; gives the break that is.
    pub fn set_break(&self, to: usize, limit: u64) -> usize {
        let mut inner = self.lock();
        let heap = inner.layout.heap.clone();
        let (Some(old_end), Some(new_end)) = (page_ceil(heap.end), page_ceil(to)) else {
            return heap.end;
        };
        if to < heap.start || new_end > USER_END || (to - heap.start) as u64 > limit {
            return heap.end;
        }
        if new_end > old_end {
            // A page stays free below the next area, so that overruns fault.
            let wanted = old_end..new_end + PAGE_SIZE;
            if inner.admit_area().is_err()
                || !inner.areas.is_free(&wanted)
                || new_end - old_end > frames::total_bytes()
            {
                return heap.end;
            }
            inner.areas.insert(Area {
                range: old_end..new_end,
                protection: Protection::READ | Protection::WRITE,
                backing: Mapping::zeros(),
            });
        } else if new_end < old_end {
            let _: Vec<_> = self.remove_locked(&mut inner, &(new_end..old_end));
        }
        inner.layout.heap.end = to;
        to
    }

    /// Drops the pages of a range, which are made anew when touched (`MADV_DONTNEED`).
    ///
    /// # Errors
    /// `ENOMEM` if part of it is not mapped.
    pub fn discard(&self, range: &Range<usize>) -> Result<()> {
        let mut inner = self.lock();
        clear(self.vm(), &mut inner, range);
        if inner.areas.is_covered(range) { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// Whether all of a range is mapped.
    #[must_use]
    pub fn is_mapped(&self, range: &Range<usize>) -> bool {
        self.lock().areas.is_covered(range)
    }

    pub(super) fn remove_locked(
        &self,
        inner: &mut Inner,
        range: &Range<usize>,
    ) -> Vec<Area<Mapping>> {
        let removed = inner.areas.remove(range);
        for area in &removed {
            clear(self.vm(), inner, &area.range);
        }
        self.note_resident(inner);
        removed
    }
}

impl Inner {
    /// Chooses where an area of `len` bytes goes.
    pub(super) fn place(&self, placement: Placement, len: usize) -> Result<Range<usize>> {
        let user = USER_START..USER_END;
        match placement {
            Placement::Fixed(addr) | Placement::FixedFree(addr) => {
                let range = user_range(addr, len)?;
                if range.start < user.start {
                    return Err(Errno::EPERM);
                }
                let must_be_free = matches!(placement, Placement::FixedFree(_));
                if must_be_free && !self.areas.is_free(&range) {
                    return Err(Errno::EEXIST);
                }
                Ok(range)
            }
            Placement::Hint(hint) => {
                let hinted = user_range(super::page_floor(hint), len)
                    .ok()
                    .filter(|range| range.start >= user.start && self.areas.is_free(range));
                if let Some(range) = hinted {
                    return Ok(range);
                }
                let low = user.start..self.layout.mmap_top.clamp(user.start, user.end);
                let start = self
                    .areas
                    .highest_gap(len, &low)
                    .or_else(|| self.areas.highest_gap(len, &user))
                    .ok_or(Errno::ENOMEM)?;
                Ok(start..start + len)
            }
        }
    }
}

/// Takes the pages of a range out of the page table, on all processors.
pub(super) fn clear(vm: &VmSpace, inner: &mut Inner, range: &Range<usize>) {
    let guard = disable_preempt();
    let mut cursor = vm.cursor_mut(&guard, range).expect("areas are whole pages of user memory");
    let pages = cursor.unmap(range.len());
    cursor.flusher().sync_tlb_flush();
    inner.resident -= pages;
}

/// The page table's flags for a protection, but for writing.
pub(super) fn page_flags(protection: Protection) -> PageFlags {
    let mut flags = PageFlags::empty();
    // x86 cannot forbid reading what may be written or executed.
    if !protection.is_empty() {
        flags |= PageFlags::R;
    }
    if protection.contains(Protection::EXEC) {
        flags |= PageFlags::X;
    }
    flags
}

/// Takes from the pages of a range what `protection` does not allow, on all processors;
/// pages that may not even be read stay in the page table, but out of reach.
fn restrict(vm: &VmSpace, range: &Range<usize>, protection: Protection) {
    let allowed = page_flags(protection);
    let guard = disable_preempt();
    let mut cursor = vm.cursor_mut(&guard, range).expect("areas are whole pages of user memory");
    let mut changed = false;
    while cursor.virt_addr() < range.end {
        let left = range.end - cursor.virt_addr();
        let found = cursor.protect_next(left, |flags, _| {
            let rights = PageFlags::R | PageFlags::W | PageFlags::X;
            let mut kept = *flags & !rights;
            if protection.contains(Protection::WRITE) {
                kept |= *flags & PageFlags::W;
            }
            *flags = kept | allowed;
        });
        if found.is_none() {
            break;
        }
        changed = true;
    }
    if changed {
        cursor.flusher().issue_tlb_flush(TlbFlushOp::for_all());
        cursor.flusher().dispatch_tlb_flush();
        cursor.flusher().sync_tlb_flush();
    }
}
