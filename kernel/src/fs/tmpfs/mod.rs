//! The file system in memory (tmpfs(5)): the root, /tmp, /dev/shm, memfds.
//!
//! Contents live in page frames, so that they can be mapped and executed where they
//! are. Frames and inodes are counted against the bounds of the instance.

mod directory;
mod inode;
mod pages;

use alloc::format;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ostd::boot::boot_info;
use ostd::boot::memory_region::MemoryRegionType;
use ostd::mm::PAGE_SIZE;
use spin::Once;
use warren_kernel_core::options::{parse_size, split_options};

pub use inode::TmpInode;

use super::file::{OpenFile, OpenFlags};
use super::inode::{Creator, FileSystem, Inode};
use super::mount::{Mount, anonymous_path, internal_mount};
use super::stat::{Device, Kind, StatFs};
use crate::mm::frames;
use crate::prelude::*;

const TMPFS_MAGIC: u64 = 0x0102_1994;

/// What all inodes of one instance share: its number and its bounds.
pub(super) struct Instance {
    device: Device,
    max_pages: AtomicUsize,
    pages: AtomicUsize,
    max_inodes: AtomicUsize,
    inodes: AtomicUsize,
    last_ino: AtomicU64,
}

impl Instance {
    /// Counts one more page, if the bound allows.
    fn take_page(&self) -> Result<()> {
        take(&self.pages, self.max_pages.load(Ordering::Relaxed))
    }

    fn give_pages(&self, count: usize) {
        self.pages.fetch_sub(count, Ordering::Relaxed);
    }

    fn take_inode(&self) -> Result<u64> {
        frames::admit_kernel_object()?;
        take(&self.inodes, self.max_inodes.load(Ordering::Relaxed))?;
        Ok(self.last_ino.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn give_inode(&self) {
        self.inodes.fetch_sub(1, Ordering::Relaxed);
    }
}

fn take(counter: &AtomicUsize, bound: usize) -> Result<()> {
    let grow = |count: usize| (count < bound).then_some(count + 1);
    let taken = counter.try_update(Ordering::Relaxed, Ordering::Relaxed, grow);
    taken.map(|_| ()).map_err(|_| Errno::ENOSPC)
}

/// The machine's usable memory, in bytes.
#[must_use]
pub fn total_memory() -> u64 {
    let usable = |kind: MemoryRegionType| {
        matches!(kind, MemoryRegionType::Usable | MemoryRegionType::Reclaimable)
    };
    let regions = boot_info().memory_regions.iter();
    regions.filter(|region| usable(region.typ())).map(|region| region.len() as u64).sum()
}

/// A tmpfs instance.
pub struct Tmpfs {
    name: &'static str,
    instance: Arc<Instance>,
    root: Arc<TmpInode>,
    /// Options that differ from the defaults, as mount(8) shows them.
    shown: String,
}

impl Tmpfs {
    /// An instance as the options of mount(2) ask for; `name` is how it calls itself.
    ///
    /// # Errors
    /// `EINVAL` for options that do not exist or do not parse.
    pub fn new(name: &'static str, options: &[u8]) -> Result<Arc<Self>> {
        let half_of_memory = (total_memory() as usize / PAGE_SIZE / 2).max(1);
        let (mut pages, mut inodes) = (half_of_memory, half_of_memory);
        let mut creator = Creator { uid: 0, gid: 0, permissions: 0o1777 };
        let mut shown = String::new();
        for (key, value) in split_options(options) {
            match key {
                b"size" => pages = page_count(size(value, total_memory())?),
                b"nr_blocks" => pages = size(value, 0)? as usize,
                b"nr_inodes" => inodes = size(value, 0)? as usize,
                b"mode" => creator.permissions = parse_number(value, 8)? & 0o7777,
                b"uid" => creator.uid = parse_number(value, 10)?,
                b"gid" => creator.gid = parse_number(value, 10)?,
                _ => return Err(Errno::EINVAL),
            }
            if key == b"size" {
                shown.push_str(&format!(",size={}k", pages * PAGE_SIZE / 1024));
            }
        }
        if creator.permissions != 0o1777 {
            shown.push_str(&format!(",mode={:o}", creator.permissions));
        }
        // Zero means without a bound of its own: then memory is the bound.
        let bound = |count: usize| if count == 0 { half_of_memory * 2 } else { count };
        let instance = Arc::new(Instance {
            device: Device::anonymous(),
            max_pages: AtomicUsize::new(bound(pages)),
            pages: AtomicUsize::new(0),
            max_inodes: AtomicUsize::new(bound(inodes)),
            inodes: AtomicUsize::new(0),
            last_ino: AtomicU64::new(0),
        });
        let root = TmpInode::directory(&instance, &creator)?;
        Ok(Arc::new(Self { name, instance, root, shown }))
    }
}

fn size(text: &[u8], whole: u64) -> Result<u64> {
    parse_size(text, whole).ok_or(Errno::EINVAL)
}

fn page_count(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(PAGE_SIZE as u64)).unwrap_or(usize::MAX)
}

fn parse_number(text: &[u8], radix: u32) -> Result<u32> {
    let text = core::str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
    u32::from_str_radix(text, radix).map_err(|_| Errno::EINVAL)
}

impl FileSystem for Tmpfs {
    fn name(&self) -> &'static str {
        self.name
    }

    fn root(&self) -> Arc<dyn Inode> {
        self.root.clone()
    }

    fn statfs(&self) -> StatFs {
        let of = |bound: &AtomicUsize, used: &AtomicUsize| {
            let bound = bound.load(Ordering::Relaxed);
            (bound as u64, bound.saturating_sub(used.load(Ordering::Relaxed)) as u64)
        };
        let (blocks, free) = of(&self.instance.max_pages, &self.instance.pages);
        let (files, files_free) = of(&self.instance.max_inodes, &self.instance.inodes);
        StatFs { magic: TMPFS_MAGIC, blocks, free, files, files_free }
    }

    fn device(&self) -> Device {
        self.instance.device
    }

    fn options(&self) -> String {
        self.shown.clone()
    }
}

/// Makes a file without a name (memfd_create(2)).
///
/// # Errors
/// `ENOSPC`.
pub fn open_memfd(name: &[u8], by: &Creator) -> Result<Arc<OpenFile>> {
    static FILES: Once<(Arc<Tmpfs>, Arc<Mount>)> = Once::new();
    let (files, mount) = FILES.call_once(|| {
        let files = Tmpfs::new("tmpfs", b"").expect("no options are not wrong ones");
        let mount = internal_mount(files.clone());
        (files, mount)
    });
    let inode = TmpInode::unnamed(&files.instance, Kind::Regular, by)?;
    let label = [b"/memfd:", name, b" (deleted)"].concat();
    let file = inode.clone().open()?;
    Ok(OpenFile::new(anonymous_path(mount, inode, &label), file, OpenFlags::RDWR))
}
