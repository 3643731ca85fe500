//! Open files by number: the table a process (or several, CLONE_FILES) has of them.
//!
//! Files are dropped only after the table's lock is released: closing may do a lot.

use ostd::sync::SpinLock;

use super::file::OpenFile;
use super::locks;
use crate::mm::frames;
use crate::prelude::*;
use crate::process::{Resource, try_current};

/// No table holds more descriptors, whatever the limits say (fs.nr_open would be a
/// million; a table of this size is 64 KiB).
pub const MAX_FILES: usize = 4096;

#[derive(Clone)]
struct Slot {
    file: Arc<OpenFile>,
    cloexec: bool,
}

/// Open files by number.
pub struct FdTable {
    slots: SpinLock<Vec<Option<Slot>>>,
}

impl FdTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { slots: SpinLock::new(Vec::new()) })
    }

    /// A copy, for fork.
    #[must_use]
    pub fn fork(&self) -> Arc<Self> {
        let slots = self.slots.lock().clone();
        Arc::new(Self { slots: SpinLock::new(slots) })
    }

    /// Closes what execve closes.
    pub fn close_on_exec(&self) {
        self.close_where(|_, cloexec| cloexec);
    }

    /// Closes every descriptor `choose` picks, given its number and whether it is
    /// marked close-on-exec.
    pub fn close_where(&self, choose: impl Fn(u32, bool) -> bool) {
        let mut closed = Vec::new();
        for (fd, slot) in self.slots.lock().iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|slot| choose(fd as u32, slot.cloexec)) {
                closed.extend(slot.take());
            }
        }
        for slot in closed {
            locks::release_process(self, &slot.file);
        }
    }

    /// Marks every descriptor `choose` picks close-on-exec.
    pub fn mark_where(&self, choose: impl Fn(u32) -> bool) {
        for (fd, slot) in self.slots.lock().iter_mut().enumerate() {
            if let Some(slot) = slot
                && choose(fd as u32)
            {
                slot.cloexec = true;
            }
        }
    }

    /// The file with number `fd`.
    ///
    /// # Errors
    /// `EBADF` if there is none.
    pub fn get(&self, fd: u32) -> Result<Arc<OpenFile>> {
        let slots = self.slots.lock();
        let slot = slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::EBADF)?;
        Ok(slot.file.clone())
    }

    /// The file with number `fd`, unless it only names a place (O_PATH).
    ///
    /// # Errors
    /// `EBADF` if there is none, or it does.
    pub fn get_opened(&self, fd: u32) -> Result<Arc<OpenFile>> {
        let file = self.get(fd)?;
        if file.is_place() { Err(Errno::EBADF) } else { Ok(file) }
    }

    /// Gives `file` the lowest free number.
    ///
    /// # Errors
    /// `EMFILE` if there is none below the process's limit.
    pub fn insert(&self, file: Arc<OpenFile>, cloexec: bool) -> Result<u32> {
        self.insert_from(0, file, cloexec)
    }

    /// Gives `file` the lowest free number that is not below `least` (F_DUPFD).
    ///
    /// # Errors
    /// `EINVAL` if `least` is not below the process's limit; `EMFILE` if all are taken.
    pub fn insert_from(&self, least: u32, file: Arc<OpenFile>, cloexec: bool) -> Result<u32> {
        let limit = limit();
        let least = least as usize;
        if least >= limit {
            return Err(if least == 0 { Errno::EMFILE } else { Errno::EINVAL });
        }
        let mut slots = self.slots.lock();
        let free = slots.iter().skip(least).position(Option::is_none);
        let fd = free.map_or(slots.len().max(least), |index| least + index);
        if fd >= limit {
            return Err(Errno::EMFILE);
        }
        place(&mut slots, fd, Slot { file, cloexec })?;
        Ok(fd as u32)
    }

    /// Gives `file` the number `fd`, closing what had it (dup2).
    ///
    /// # Errors
    /// `EBADF` if `fd` is not below the process's limit.
    pub fn replace(&self, fd: u32, file: Arc<OpenFile>, cloexec: bool) -> Result<()> {
        if fd as usize >= limit() {
            return Err(Errno::EBADF);
        }
        let previous = place(&mut self.slots.lock(), fd as usize, Slot { file, cloexec })?;
        if let Some(slot) = previous {
            locks::release_process(self, &slot.file);
        }
        Ok(())
    }

    /// Closes `fd` and hands out what it was.
    ///
    /// # Errors
    /// `EBADF` if it is not open.
    pub fn remove(&self, fd: u32) -> Result<Arc<OpenFile>> {
        let slot = self.slots.lock().get_mut(fd as usize).and_then(Option::take);
        let file = slot.ok_or(Errno::EBADF)?.file;
        locks::release_process(self, &file);
        Ok(file)
    }

    /// Whether `fd` closes on execve.
    ///
    /// # Errors
    /// `EBADF` if it is not open.
    pub fn cloexec(&self, fd: u32) -> Result<bool> {
        let slots = self.slots.lock();
        let slot = slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::EBADF)?;
        Ok(slot.cloexec)
    }

    /// Says whether `fd` closes on execve.
    ///
    /// # Errors
    /// `EBADF` if it is not open.
    pub fn set_cloexec(&self, fd: u32, cloexec: bool) -> Result<()> {
        let mut slots = self.slots.lock();
        let slot = slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::EBADF)?;
        slot.cloexec = cloexec;
        Ok(())
    }

    /// How many numbers the table has room for.
    #[must_use]
    pub fn size(&self) -> usize {
        self.slots.lock().len()
    }

    /// The numbers in use, in order.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        let slots = self.slots.lock();
        (0..).zip(slots.iter()).filter_map(|(fd, slot)| slot.as_ref().map(|_| fd)).collect()
    }
}

impl Drop for FdTable {
    fn drop(&mut self) {
        self.close_where(|_, _| true);
    }
}

/// How many descriptors the current process may have.
fn limit() -> usize {
    let limits = try_current().map(|thread| *thread.process().limits.lock());
    let soft = limits.map_or(u64::MAX, |limits| limits.get(Resource::OpenFiles).soft);
    usize::try_from(soft).unwrap_or(usize::MAX).min(MAX_FILES)
}

/// Puts a slot where it belongs and hands out what was there.
fn place(slots: &mut Vec<Option<Slot>>, fd: usize, slot: Slot) -> Result<Option<Slot>> {
    frames::admit_kernel_object()?;
    if fd >= slots.len() {
        slots.try_reserve(fd + 1 - slots.len()).map_err(|_| Errno::ENOMEM)?;
        slots.resize(fd + 1, None);
    }
    Ok(slots[fd].replace(slot))
}
