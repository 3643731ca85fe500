//! Duplicating an address space: areas are copied, frames are shared until written.

use core::ops::Range;

use ostd::mm::tlb::TlbFlushOp;
use ostd::mm::vm_space::VmQueriedItem;
use ostd::mm::{PageFlags, VmSpace};
use ostd::task::disable_preempt;

use super::space::Inner;
use super::{AddressSpace, PAGE_SIZE, frames};
use crate::prelude::*;

/// How much is duplicated at a time: the kernel lets go of the page table between.
const CHUNK: usize = 512 * PAGE_SIZE;

impl AddressSpace {
    /// A copy for fork(2).
    ///
    /// # Errors
    /// `ENOMEM` if the copy's page tables would not leave the kernel its reserve.
    pub fn fork(&self) -> Result<Arc<Self>> {
        let mut inner = self.lock();
        frames::admit_kernel_object()?;
        let copy = Self::from_parts(inner.areas.clone(), inner.layout.clone());
        let mut resident = 0;
        for area in inner.areas.iter() {
            let mut start = area.range.start;
            while start < area.range.end {
                let end = (start + CHUNK).min(area.range.end);
                resident += share(self.vm(), copy.vm(), &(start..end), area.backing.shared);
                start = end;
                frames::admit_kernel_object()?;
            }
        }
        // The writes this space could do directly must fault now, on all processors.
        flush_all(self.vm(), &mut inner);
        {
            let mut copied = copy.lock();
            copied.add_resident(resident);
            copy.note_resident(&copied);
        }
        drop(inner);
        Ok(Arc::new(copy))
    }
}

/// Maps in `to` what is mapped in `range` of `from`. Writing stays possible only where
/// both are to see it.
fn share(from: &VmSpace, to: &VmSpace, range: &Range<usize>, shared: bool) -> usize {
    let guard = disable_preempt();
    let mut source = from.cursor_mut(&guard, range).expect("areas are whole pages of user memory");
    let mut target = to.cursor_mut(&guard, range).expect("areas are whole pages of user memory");
    let mut pages = 0;
    while source.virt_addr() < range.end {
        let Some(addr) = source.find_next(range.end - source.virt_addr()) else { break };
        let Ok((_, Some(VmQueriedItem::MappedRam { frame, mut prop }))) = source.query() else {
            break;
        };
        let frame = (*frame).clone();
        if !shared && prop.flags.contains(PageFlags::W) {
            prop.flags -= PageFlags::W;
            let _: Option<Range<usize>> =
                source.protect_next(PAGE_SIZE, |flags, _| *flags -= PageFlags::W);
        }
        target.jump(addr).expect("the address is in the range");
        target.map(frame, prop);
        pages += 1;
        let next = addr + PAGE_SIZE;
        if next >= range.end {
            break;
        }
        source.jump(next).expect("the address is in the range");
    }
    pages
}

fn flush_all(vm: &VmSpace, inner: &mut Inner) {
    let Some(first) = inner.areas.iter().next() else { return };
    let guard = disable_preempt();
    let range = first.range.start..first.range.start + PAGE_SIZE;
    let mut cursor = vm.cursor_mut(&guard, &range).expect("areas are whole pages of user memory");
    cursor.flusher().issue_tlb_flush(TlbFlushOp::for_all());
    cursor.flusher().dispatch_tlb_flush();
    cursor.flusher().sync_tlb_flush();
}
