//! mremap(2): changing the size or the place of an area, its pages included.

use core::ops::Range;

use ostd::mm::VmSpace;
use ostd::mm::vm_space::VmQueriedItem;
use ostd::task::disable_preempt;
use warren_kernel_core::vma::Area;

use super::change::{clear, user_range};
use super::space::Inner;
use super::{AddressSpace, Mapping, PAGE_SIZE, Placement, page_ceil};
use crate::prelude::*;

/// What mremap(2) may do with the area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Leave it where it is.
    Never,
    /// Move it if it does not fit (`MREMAP_MAYMOVE`).
    IfNeeded,
    /// Move it there (`MREMAP_FIXED`).
    To(usize),
}

impl AddressSpace {
    /// Gives the `old_len` bytes at `addr` a new length and perhaps a new place; says where
    /// they are.
    pub(super) fn remap(
        &self,
        addr: usize,
        old_len: usize,
        new_len: usize,
        movement: Move,
        limit: u64,
    ) -> Result<usize> {
        let new_len = page_ceil(new_len).filter(|&len| len > 0).ok_or(Errno::EINVAL)?;
        let old = user_range(addr, old_len).map_err(|_| Errno::EINVAL)?;
        let mut inner = self.lock();
        let area = inner.areas.find(addr).cloned().ok_or(Errno::EFAULT)?;
        if old.is_empty() {
            // Duplicating a shared area this way is an accident of Linux's history.
            return Err(Errno::EINVAL);
        }
        if old.end > area.range.end {
            return Err(Errno::EFAULT);
        }
        inner.admit_area()?;
        if let Move::To(target) = movement {
            let new = user_range(target, new_len).map_err(|_| Errno::EINVAL)?;
            if new.start < old.end && old.start < new.end {
                return Err(Errno::EINVAL);
            }
            let new = inner.place(Placement::Fixed(target), new.len())?;
            let _: Vec<_> = self.remove_locked(&mut inner, &new);
            return Ok(self.move_area(&mut inner, &area, &old, new));
        }
        if new_len <= old.len() {
            let _: Vec<_> = self.remove_locked(&mut inner, &(old.start + new_len..old.end));
            return Ok(addr);
        }
        let growth = new_len - old.len();
        if (inner.areas.bytes() + growth) as u64 > limit {
            return Err(Errno::ENOMEM);
        }
        let extension = old.end..old.end + growth;
        let fits = extension.end <= super::USER_END
            && old.end == area.range.end
            && inner.areas.is_free(&extension);
        if fits {
            let backing = advanced(&area, old.end);
            inner.areas.insert(Area { range: extension, protection: area.protection, backing });
            return Ok(addr);
        }
        if movement == Move::Never {
            return Err(Errno::ENOMEM);
        }
        let new = inner.place(Placement::Hint(0), new_len)?;
        Ok(self.move_area(&mut inner, &area, &old, new))
    }

    /// Moves the part `old` of `area` to `new`, which is free.
    fn move_area(
        &self,
        inner: &mut Inner,
        area: &Area<Mapping>,
        old: &Range<usize>,
        new: Range<usize>,
    ) -> usize {
        let kept = old.len().min(new.len());
        let moved = move_pages(self.vm(), old.start, new.start, kept);
        inner.add_resident(moved);
        inner.areas.remove(old);
        clear(self.vm(), inner, old);
        let (start, backing) = (new.start, advanced(area, old.start));
        inner.areas.insert(Area { range: new, protection: area.protection, backing });
        start
    }
}

fn advanced(area: &Area<Mapping>, addr: usize) -> Mapping {
    use warren_kernel_core::vma::Backing;
    area.backing.advanced(addr - area.range.start)
}

/// Maps at `to` what is mapped in the `len` bytes at `from`. The old pages stay mapped:
/// the caller removes them, which flushes them everywhere before the call returns.
fn move_pages(vm: &VmSpace, from: usize, to: usize, len: usize) -> usize {
    let guard = disable_preempt();
    let mut pages = 0;
    for distance in (0..len).step_by(PAGE_SIZE) {
        let found = {
            let range = from + distance..from + distance + PAGE_SIZE;
            let mut cursor = vm.cursor(&guard, &range).expect("the caller checked the range");
            match cursor.query() {
                Ok((_, Some(VmQueriedItem::MappedRam { frame, prop }))) => {
                    Some(((*frame).clone(), prop))
                }
                _ => None,
            }
        };
        let Some((frame, prop)) = found else { continue };
        let range = to + distance..to + distance + PAGE_SIZE;
        let mut cursor = vm.cursor_mut(&guard, &range).expect("the caller checked the range");
        cursor.map(frame, prop);
        pages += 1;
    }
    pages
}
