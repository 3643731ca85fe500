//! The system calls on memory: arguments checked and translated, nothing more.

use linux_raw_sys::general as uapi;

use super::change::user_range;
use super::remap::Move;
use super::{Mapping, PAGE_SIZE, Placement, Protection, SharedMemory};
use crate::fs::OpenFile;
use crate::fs::mount::MountFlags;
use crate::mm::AddressSpace;
use crate::prelude::*;
use crate::process::{Resource, Thread};
use crate::syscall::{Args, Call};

/// The part of the system call table this module answers.
pub const CALLS: &[(u32, Call)] = &[
    (uapi::__NR_mmap, Call::new(mmap)),
    (uapi::__NR_munmap, Call::new(munmap)),
    (uapi::__NR_mprotect, Call::new(mprotect)),
    (uapi::__NR_mremap, Call::new(mremap)),
    (uapi::__NR_brk, Call::new(brk)),
    (uapi::__NR_madvise, Call::new(madvise)),
    (uapi::__NR_msync, Call::new(msync)),
];

fn space(thread: &Thread) -> Result<Arc<AddressSpace>> {
    thread.process().space().ok_or(Errno::ESRCH)
}

fn soft_limit(thread: &Thread, resource: Resource) -> u64 {
    thread.process().limits.lock().get(resource).soft
}

fn protection(bits: usize) -> Result<Protection> {
    // PROT_SEM is accepted and means nothing, as on Linux.
    let known = u32::try_from(bits).map_err(|_| Errno::EINVAL)? & !uapi::PROT_SEM;
    Protection::from_bits(known).ok_or(Errno::EINVAL)
}

fn mmap(thread: &Arc<Thread>, [addr, len, prot, flags, fd, offset]: Args) -> Result<usize> {
    // mmap(2) ignores protection bits it does not know; mprotect(2) does not.
    let protection = Protection::from_bits_truncate(prot as u32);
    let flags = flags as u32;
    if len == 0 || !offset.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let shared = match flags & uapi::MAP_TYPE {
        uapi::MAP_SHARED | uapi::MAP_SHARED_VALIDATE => true,
        uapi::MAP_PRIVATE => false,
        _ => return Err(Errno::EINVAL),
    };
    offset.checked_add(len).filter(|&end| isize::try_from(end).is_ok()).ok_or(Errno::EOVERFLOW)?;
    let mut mapping = if flags & uapi::MAP_ANONYMOUS != 0 {
        if shared {
            Mapping { shared, ..Mapping::private(SharedMemory::new(), 0) }
        } else {
            Mapping::zeros()
        }
    } else {
        let file = thread.files()?.get(u32::try_from(fd).map_err(|_| Errno::EBADF)?)?;
        map_file(&file, offset, shared, protection)?
    };
    mapping.grows_down = flags & uapi::MAP_GROWSDOWN != 0 && mapping.source.is_none();
    let placement = if flags & uapi::MAP_FIXED_NOREPLACE != 0 {
        Placement::FixedFree(addr)
    } else if flags & uapi::MAP_FIXED != 0 {
        Placement::Fixed(addr)
    } else {
        Placement::Hint(addr)
    };
    let limit = soft_limit(thread, Resource::AddressSpace);
    let space = space(thread)?;
    let addr = space.map(placement, len, protection, mapping, limit)?;
    if flags & uapi::MAP_POPULATE != 0 {
        populate(&space, addr, len, protection);
    }
    Ok(addr)
}

/// What lies behind an area that shows `file` from `offset` on.
fn map_file(
    file: &OpenFile,
    offset: usize,
    shared: bool,
    protection: Protection,
) -> Result<Mapping> {
    if file.is_place() {
        return Err(Errno::EBADF);
    }
    let writes_file = shared && protection.contains(Protection::WRITE);
    if !file.is_readable() || (writes_file && !file.is_writable()) {
        return Err(Errno::EACCES);
    }
    if protection.contains(Protection::EXEC)
        && file.path().mount().flags().contains(MountFlags::NOEXEC)
    {
        return Err(Errno::EPERM);
    }
    if file.file().maps_zeros() {
        return Ok(if shared {
            Mapping { shared, ..Mapping::private(SharedMemory::new(), 0) }
        } else {
            Mapping::zeros()
        });
    }
    let may_write = !shared || file.is_writable();
    Ok(Mapping { shared, may_write, ..Mapping::private(file.pages()?, offset) })
}

/// Touches every page; what cannot be had now will fault later.
fn populate(space: &AddressSpace, addr: usize, len: usize, protection: Protection) {
    let access = if protection.contains(Protection::WRITE) {
        super::Access::Write
    } else {
        super::Access::Read
    };
    for page in (addr..addr + len).step_by(PAGE_SIZE) {
        if space.handle_fault(page, access).is_err() {
            return;
        }
    }
}

fn munmap(thread: &Arc<Thread>, [addr, len, ..]: Args) -> Result<usize> {
    space(thread)?.unmap(addr, len)?;
    Ok(0)
}

fn mprotect(thread: &Arc<Thread>, [addr, len, prot, ..]: Args) -> Result<usize> {
    let protection = protection(prot)?;
    let range = user_range(addr, len)?;
    if !range.is_empty() {
        space(thread)?.protect(range, protection)?;
    }
    Ok(0)
}

fn mremap(thread: &Arc<Thread>, [addr, old, new, flags, target, _]: Args) -> Result<usize> {
    let movement = match flags as u32 {
        0 => Move::Never,
        uapi::MREMAP_MAYMOVE => Move::IfNeeded,
        flags if flags == uapi::MREMAP_MAYMOVE | uapi::MREMAP_FIXED => Move::To(target),
        _ => return Err(Errno::EINVAL),
    };
    space(thread)?.remap(addr, old, new, movement, soft_limit(thread, Resource::AddressSpace))
}

fn brk(thread: &Arc<Thread>, [to, ..]: Args) -> Result<usize> {
    Ok(space(thread)?.set_break(to, soft_limit(thread, Resource::Data)))
}

fn madvise(thread: &Arc<Thread>, [addr, len, advice, ..]: Args) -> Result<usize> {
    let range = user_range(addr, len).map_err(|_| Errno::EINVAL)?;
    let space = space(thread)?;
    match advice as u32 {
        // What is freed lazily on Linux is freed at once: both are allowed.
        uapi::MADV_DONTNEED | uapi::MADV_FREE if !range.is_empty() => space.discard(&range)?,
        uapi::MADV_NORMAL
        | uapi::MADV_RANDOM
        | uapi::MADV_SEQUENTIAL
        | uapi::MADV_WILLNEED
        | uapi::MADV_DONTNEED
        | uapi::MADV_FREE => {
            if !space.is_mapped(&range) {
                return Err(Errno::ENOMEM);
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn msync(thread: &Arc<Thread>, [addr, len, flags, ..]: Args) -> Result<usize> {
    let flags = flags as u32;
    let known = uapi::MS_ASYNC | uapi::MS_INVALIDATE | uapi::MS_SYNC;
    let both = uapi::MS_ASYNC | uapi::MS_SYNC;
    if flags & !known != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    // Files live in memory: a shared mapping is the file, there is nothing to write back.
    let range = user_range(addr, len)?;
    if space(thread)?.is_mapped(&range) { Ok(0) } else { Err(Errno::ENOMEM) }
}
