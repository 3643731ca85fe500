//! The contents of a regular file: page frames by index, with holes.
//!
//! The lock on the frames is held for look-ups only, never while bytes are copied to or
//! from user memory: such a copy can fault and ask for a page of this very file.

use alloc::collections::BTreeMap;
use core::cmp::min;

use ostd::mm::io::util::HasVmReaderWriter;
use ostd::mm::{FallibleVmRead, FallibleVmWrite, PAGE_SIZE, UFrame, VmIo, VmReader, VmWriter};
use ostd::sync::{Mutex, SpinLock};

use super::Instance;
use crate::fs::file::copied;
use crate::mm::frames;
use crate::prelude::*;

/// The longest file (`MAX_LFS_FILESIZE`).
pub(super) const MAX_SIZE: u64 = i64::MAX as u64;

struct Contents {
    frames: BTreeMap<usize, UFrame>,
    size: u64,
}

pub(super) struct Pages {
    instance: Arc<Instance>,
    contents: SpinLock<Contents>,
    /// Held while the size may change, so that appending writers take turns.
    resize: Mutex<()>,
}

/// The page an offset is in, and where in it.
fn split(offset: u64) -> (usize, usize) {
    ((offset / PAGE_SIZE as u64) as usize, (offset % PAGE_SIZE as u64) as usize)
}

impl Pages {
    pub(super) fn new(instance: Arc<Instance>) -> Self {
        let contents = Contents { frames: BTreeMap::new(), size: 0 };
        Self { instance, contents: SpinLock::new(contents), resize: Mutex::new(()) }
    }

    pub(super) fn size(&self) -> u64 {
        self.contents.lock().size
    }

    pub(super) fn frames(&self) -> usize {
        self.contents.lock().frames.len()
    }

    pub(super) fn read(&self, offset: &mut u64, to: &mut VmWriter<'_>) -> Result<usize> {
        let mut done = 0;
        while to.has_avail() {
            let (index, at) = split(*offset);
            let (size, frame) = {
                let contents = self.contents.lock();
                (contents.size, contents.frames.get(&index).cloned())
            };
            let Some(left) = size.checked_sub(*offset).filter(|left| *left > 0) else { break };
            let count = min(PAGE_SIZE - at, usize::try_from(left).unwrap_or(usize::MAX));
            let outcome = match frame {
                Some(frame) => {
                    let mut reader = frame.reader();
                    copied(reader.skip(at).limit(count).read_fallible(to))
                }
                None => copied(to.fill_zeros(min(count, to.avail()))),
            };
            match outcome {
                Ok(count) => {
                    *offset += count as u64;
                    done += count;
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    pub(super) fn write(
        &self,
        offset: &mut u64,
        from: &mut VmReader<'_>,
        append: bool,
    ) -> Result<usize> {
        let _turn = self.resize.lock();
        if append {
            *offset = self.size();
        }
        if from.has_remain() && *offset >= MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let mut done = 0;
        while from.has_remain() && *offset < MAX_SIZE {
            let (index, at) = split(*offset);
            let outcome = self.frame(index).and_then(|frame| {
                let mut writer = frame.writer();
                copied(writer.skip(at).write_fallible(from))
            });
            match outcome {
                Ok(count) => {
                    *offset += count as u64;
                    done += count;
                    let mut contents = self.contents.lock();
                    contents.size = contents.size.max(*offset);
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// The frame of page `index`, made of zeros if there is none.
    fn frame(&self, index: usize) -> Result<UFrame> {
        if let Some(frame) = self.contents.lock().frames.get(&index) {
            return Ok(frame.clone());
        }
        self.instance.take_page()?;
        // Like all memory of users, it leaves the kernel its reserve.
        let fresh = frames::zeroed().inspect_err(|_| self.instance.give_pages(1))?;
        let mut contents = self.contents.lock();
        if let Some(frame) = contents.frames.get(&index) {
            // Another thread was faster; the fresh frame is not needed.
            let frame = frame.clone();
            drop(contents);
            self.instance.give_pages(1);
            return Ok(frame);
        }
        contents.frames.insert(index, fresh.clone());
        Ok(fresh)
    }

    /// The frame of a page that is not beyond the end.
    pub(super) fn mapped_frame(&self, index: usize) -> Result<UFrame> {
        if (index as u64).saturating_mul(PAGE_SIZE as u64) >= self.size() {
            return Err(Errno::ENXIO);
        }
        self.frame(index)
    }

    pub(super) fn truncate(&self, size: u64) -> Result<()> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let _turn = self.resize.lock();
        let mut contents = self.contents.lock();
        let shrinks = size < contents.size;
        contents.size = size;
        if !shrinks {
            return Ok(());
        }
        let (index, at) = split(size);
        let gone = contents.frames.split_off(&(index + usize::from(at > 0)));
        let edge = contents.frames.get(&index).filter(|_| at > 0).cloned();
        drop(contents);
        if let Some(frame) = edge {
            zero(&frame, at, PAGE_SIZE);
        }
        self.instance.give_pages(gone.len());
        Ok(())
    }

    /// Makes sure that writing to a range will not run out of space.
    pub(super) fn reserve(&self, offset: u64, len: u64, keep_size: bool) -> Result<()> {
        let end = offset.checked_add(len).filter(|end| *end <= MAX_SIZE).ok_or(Errno::EFBIG)?;
        let _turn = self.resize.lock();
        let pages = offset / PAGE_SIZE as u64..end.div_ceil(PAGE_SIZE as u64);
        for index in pages {
            self.frame(usize::try_from(index).map_err(|_| Errno::EFBIG)?)?;
        }
        if !keep_size {
            let mut contents = self.contents.lock();
            contents.size = contents.size.max(end);
        }
        Ok(())
    }

    /// Fills a range with zeros and frees the pages that are in it as a whole.
    pub(super) fn punch(&self, offset: u64, len: u64) -> Result<()> {
        let end = offset.saturating_add(len).min(MAX_SIZE);
        let _turn = self.resize.lock();
        let (first, first_at) = split(offset);
        let (last, last_at) = split(end);
        let mut contents = self.contents.lock();
        let whole = first + usize::from(first_at > 0)..last;
        let indices: Vec<usize> = if whole.is_empty() {
            Vec::new()
        } else {
            contents.frames.range(whole).map(|(index, _)| *index).collect()
        };
        let gone: Vec<_> = indices.iter().filter_map(|i| contents.frames.remove(i)).collect();
        let head = contents.frames.get(&first).cloned();
        let tail = contents.frames.get(&last).cloned();
        drop(contents);
        if first == last {
            head.inspect(|frame| zero(frame, first_at, last_at));
        } else {
            head.filter(|_| first_at > 0).inspect(|frame| zero(frame, first_at, PAGE_SIZE));
            tail.inspect(|frame| zero(frame, 0, last_at));
        }
        self.instance.give_pages(gone.len());
        Ok(())
    }

    /// Sets the contents of an empty file, for the initramfs.
    pub(super) fn fill(&self, data: &[u8]) -> Result<()> {
        for (index, chunk) in data.chunks(PAGE_SIZE).enumerate() {
            let frame = self.frame(index)?;
            frame.write_bytes(0, chunk).map_err(|_| Errno::EIO)?;
        }
        self.contents.lock().size = data.len() as u64;
        Ok(())
    }
}

fn zero(frame: &UFrame, from: usize, to: usize) {
    let mut writer = frame.writer();
    writer.skip(from).fill_zeros(to - from);
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.instance.give_pages(self.frames());
    }
}
