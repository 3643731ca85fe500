//! Looking into the memory of a process that is not the current one.

use ostd::mm::io::util::HasVmReaderWriter;
use ostd::mm::vm_space::VmQueriedItem;
use ostd::mm::{UFrame, VmWriter};
use ostd::task::disable_preempt;

use super::{AddressSpace, PAGE_SIZE, page_floor};

impl AddressSpace {
    /// Copies what lies at `addr` into `bytes`, up to the first page that is not
    /// there; how much that was. Nothing is faulted in.
    #[must_use]
    pub fn peek(&self, addr: usize, bytes: &mut [u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            let Some(at) = addr.checked_add(done) else { break };
            let Some(frame) = self.frame_at(page_floor(at)) else { break };
            let offset = at % PAGE_SIZE;
            let mut reader = frame.reader();
            done += reader.skip(offset).read(&mut VmWriter::from(&mut bytes[done..]));
        }
        done
    }

    fn frame_at(&self, page: usize) -> Option<UFrame> {
        // The lock keeps the page from being unmapped while it is looked up.
        let _inner = self.lock();
        let guard = disable_preempt();
        let mut cursor = self.vm().cursor(&guard, &(page..page + PAGE_SIZE)).ok()?;
        match cursor.query().ok()?.1? {
            VmQueriedItem::MappedRam { frame, .. } => Some((*frame).clone()),
            VmQueriedItem::MappedIoMem { .. } => None,
        }
    }
}
