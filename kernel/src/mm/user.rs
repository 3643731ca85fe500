//! The kernel's access to the memory of the process it works for.
//!
//! A user pointer is an allegation: nothing about it is known until bytes have been
//! copied. The readers and writers here touch user memory only through OSTD's
//! fallible copies, which may cause page faults and therefore sleep: use them with no
//! spin lock held (this is checked, and blamed on the caller), and with no lock held that [`PageSource::page`](super::PageSource) takes.

use core::mem::size_of;

use ostd::mm::{Fallible, FallibleVmRead, FallibleVmWrite, VmReader, VmSpace, VmWriter};
use ostd::task::atomic_mode::might_sleep;
use ostd_pod::Pod;

use crate::prelude::*;
use crate::process::try_current;

/// The most buffers one readv(2) or writev(2) takes.
pub const IOV_MAX: usize = 1024;

/// The longest transfer of one call, `MAX_RW_COUNT`.
pub const MAX_TRANSFER: usize = 0x7fff_f000;

/// The memory of the process the kernel works for.
///
/// While it exists the task must not switch to another address space; only execve does.
pub struct UserMemory(Arc<VmSpace>);

impl UserMemory {
    /// The current process's.
    ///
    /// # Errors
    /// `EFAULT` in a kernel task or a process that has let go of its memory.
    #[track_caller]
    pub fn current() -> Result<Self> {
        might_sleep();
        let space = try_current().and_then(|thread| thread.process().space());
        Ok(Self(space.ok_or(Errno::EFAULT)?.vm().clone()))
    }

    /// A reader of `len` bytes at `addr`.
    ///
    /// # Errors
    /// `EFAULT` if the range is not in user space; bad pages show when reading.
    pub fn reader(&self, addr: usize, len: usize) -> Result<VmReader<'_, Fallible>> {
        self.0.reader(addr, len).map_err(|_| Errno::EFAULT)
    }

    /// A writer of `len` bytes at `addr`.
    ///
    /// # Errors
    /// `EFAULT` if the range is not in user space; bad pages show when writing.
    pub fn writer(&self, addr: usize, len: usize) -> Result<VmWriter<'_, Fallible>> {
        self.0.writer(addr, len).map_err(|_| Errno::EFAULT)
    }
}

/// Fills `bytes` from user memory at `addr`.
///
/// # Errors
/// `EFAULT` if any of it cannot be read.
#[track_caller]
pub fn read_bytes(addr: usize, bytes: &mut [u8]) -> Result<()> {
    let memory = UserMemory::current()?;
    let mut reader = memory.reader(addr, bytes.len())?;
    reader.read_fallible(&mut VmWriter::from(bytes)).map_err(|_| Errno::EFAULT)?;
    Ok(())
}

/// Writes `bytes` to user memory at `addr`.
///
/// # Errors
/// `EFAULT` if any of it cannot be written; part of it may have been.
#[track_caller]
pub fn write_bytes(addr: usize, bytes: &[u8]) -> Result<()> {
    let memory = UserMemory::current()?;
    let mut writer = memory.writer(addr, bytes.len())?;
    writer.write_fallible(&mut VmReader::from(bytes)).map_err(|_| Errno::EFAULT)?;
    Ok(())
}

/// Reads as much as can be read of what `bytes` asks for, and says how much that was.
///
/// # Errors
/// `EFAULT` if that is nothing, unless nothing was asked for.
#[track_caller]
pub fn read_partial(addr: usize, bytes: &mut [u8]) -> Result<usize> {
    let memory = UserMemory::current()?;
    let mut reader = memory.reader(addr, bytes.len())?;
    match reader.read_fallible(&mut VmWriter::from(bytes)) {
        Ok(count) => Ok(count),
        Err((_, 0)) => Err(Errno::EFAULT),
        Err((_, count)) => Ok(count),
    }
}

/// Reads a plain value.
///
/// # Errors
/// `EFAULT`.
#[track_caller]
pub fn read_val<T: Pod>(addr: usize) -> Result<T> {
    let memory = UserMemory::current()?;
    memory.reader(addr, size_of::<T>())?.read_val().map_err(|_| Errno::EFAULT)
}

/// Writes a plain value.
///
/// # Errors
/// `EFAULT`.
#[track_caller]
pub fn write_val<T: Pod>(addr: usize, value: &T) -> Result<()> {
    let memory = UserMemory::current()?;
    memory.writer(addr, size_of::<T>())?.write_val(value).map_err(|_| Errno::EFAULT)
}

/// Reads a string that ends in a zero byte, without that byte.
///
/// # Errors
/// `EFAULT`; `ENAMETOOLONG` if there is no zero among the first `max` bytes.
#[track_caller]
pub fn read_cstr(addr: usize, max: usize) -> Result<Vec<u8>> {
    const CHUNK: usize = 256;
    let mut text = Vec::new();
    let mut chunk = [0; CHUNK];
    while text.len() < max {
        let at = addr.checked_add(text.len()).ok_or(Errno::EFAULT)?;
        // Not across a page boundary: the next page may be missing, and not needed.
        let in_page = super::PAGE_SIZE - at % super::PAGE_SIZE;
        let want = CHUNK.min(in_page).min(max - text.len());
        let got = read_partial(at, &mut chunk[..want])?;
        if let Some(end) = chunk[..got].iter().position(|&byte| byte == 0) {
            text.extend_from_slice(&chunk[..end]);
            return Ok(text);
        }
        text.extend_from_slice(&chunk[..got]);
    }
    Err(Errno::ENAMETOOLONG)
}

/// One buffer of a vectored transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoVec {
    /// Where it starts; an allegation like any user pointer.
    pub addr: usize,
    /// How long it is.
    pub len: usize,
}

/// Reads the `count` buffers of a vectored transfer from an array at `addr`.
///
/// # Errors
/// `EINVAL` if there are more than [`IOV_MAX`] or one is longer than a signed size;
/// `EFAULT`. Lengths beyond [`MAX_TRANSFER`] in total are cut off, as Linux does.
#[track_caller]
pub fn read_iovecs(addr: usize, count: usize) -> Result<Vec<IoVec>> {
    if count > IOV_MAX {
        return Err(Errno::EINVAL);
    }
    let mut left = MAX_TRANSFER;
    (0..count)
        .map(|index| {
            let [addr, len] = read_val::<[usize; 2]>(addr.wrapping_add(index * 16))?;
            if isize::try_from(len).is_err() {
                return Err(Errno::EINVAL);
            }
            let len = len.min(left);
            left -= len;
            Ok(IoVec { addr, len })
        })
        .collect()
}

/// Reads a word that other processors may be writing. `addr` must be aligned.
///
/// # Errors
/// `EFAULT`; `EINVAL` if it is not aligned.
#[track_caller]
pub fn load_u32(addr: usize) -> Result<u32> {
    if !addr.is_multiple_of(size_of::<u32>()) {
        return Err(Errno::EINVAL);
    }
    let memory = UserMemory::current()?;
    memory.reader(addr, size_of::<u32>())?.atomic_load().map_err(|_| Errno::EFAULT)
}

/// Writes `new` if the word is still `old`; says whether it was.
///
/// # Errors
/// `EFAULT`; `EINVAL` if it is not aligned.
#[track_caller]
pub fn compare_exchange(addr: usize, old: u32, new: u32) -> Result<bool> {
    if !addr.is_multiple_of(size_of::<u32>()) {
        return Err(Errno::EINVAL);
    }
    let memory = UserMemory::current()?;
    let writer = memory.writer(addr, size_of::<u32>())?;
    let reader = memory.reader(addr, size_of::<u32>())?;
    let (_, exchanged) =
        writer.atomic_compare_exchange(&reader, old, new).map_err(|_| Errno::EFAULT)?;
    Ok(exchanged)
}
