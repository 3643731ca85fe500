//! Mounts: which file system shows up where, for whom.
//!
//! The shape of all mount trees is one [`Forest`], guarded by one lock that is held for
//! the time of a table look-up or of one mount operation, and never while a file
//! system is asked for anything. What leaves the forest is dropped after the lock.

mod internal;
mod namespace;
mod ops;
mod path;
mod show;

use core::sync::atomic::{AtomicU32, Ordering};

use bitflags::bitflags;
use ostd::sync::{Mutex, MutexGuard};
use spin::Once;
use warren_kernel_core::mounts::{Forest, MountError, MountId, Mounted};

pub use internal::{InternalFs, anonymous_path, internal_mount};
pub use namespace::MountNamespace;
pub use ops::{MountRequest, Source, mount, pivot_root, uncover, unmount};
pub use path::Path;
pub use show::{mountinfo, mounts};

use super::dentry::{Dentry, PlaceKey};
use super::inode::FileSystem;
use crate::prelude::*;

bitflags! {
    /// The properties of a mount (MNT_*, with the numbers of mount(2)'s MS_*).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MountFlags: u32 {
        /// Nothing can be changed through this mount.
        const RDONLY = 0x1;
        /// Set-id bits have no effect.
        const NOSUID = 0x2;
        /// Device nodes cannot be opened.
        const NODEV = 0x4;
        /// Nothing can be executed.
        const NOEXEC = 0x8;
        /// Access times are not updated.
        const NOATIME = 0x400;
        /// Directories' access times are not updated.
        const NODIRATIME = 0x800;
        /// Access times follow changes only.
        const RELATIME = 0x20_0000;
    }
}

/// A file system, or part of one, shown at some place.
pub struct Mount {
    id: MountId,
    root: Arc<Dentry>,
    file_system: Arc<dyn FileSystem>,
    source: Vec<u8>,
    flags: AtomicU32,
}

impl Mount {
    /// Its number, as mountinfo shows it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id.0
    }

    /// What it shows.
    #[must_use]
    pub fn file_system(&self) -> &Arc<dyn FileSystem> {
        &self.file_system
    }

    /// Its properties.
    #[must_use]
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// `EROFS` if nothing can be changed through it.
    ///
    /// # Errors
    /// `EROFS`.
    pub fn check_writable(&self) -> Result<()> {
        if self.flags().contains(MountFlags::RDONLY) { Err(Errno::EROFS) } else { Ok(()) }
    }
}

/// A mount as the forest carries it.
#[derive(Clone)]
pub struct MountRef(pub Arc<Mount>);

impl Mounted for MountRef {
    type Place = PlaceKey;

    fn duplicate(&self, id: MountId, root: &PlaceKey) -> Self {
        Self(Arc::new(Mount {
            id,
            root: root.0.clone(),
            file_system: self.0.file_system.clone(),
            source: self.0.source.clone(),
            flags: AtomicU32::new(self.0.flags.load(Ordering::Relaxed)),
        }))
    }

    fn users(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

/// How many mounts one namespace holds at most (fs.mount-max, scaled to the machine).
pub const MAX_MOUNTS: usize = 10_000;

/// Locks the mounts of all namespaces.
fn forest() -> MutexGuard<'static, Forest<MountRef>> {
    static FOREST: Once<Mutex<Forest<MountRef>>> = Once::new();
    FOREST.call_once(|| Mutex::new(Forest::new(MAX_MOUNTS))).lock()
}

fn new_mount(
    id: MountId,
    root: Arc<Dentry>,
    file_system: Arc<dyn FileSystem>,
    source: &[u8],
    flags: MountFlags,
) -> Arc<Mount> {
    let flags = AtomicU32::new(flags.bits());
    Arc::new(Mount { id, root, file_system, source: source.to_vec(), flags })
}

/// The forest's refusals as error numbers.
fn errno(error: MountError) -> Errno {
    match error {
        MountError::Invalid => Errno::EINVAL,
        MountError::Busy => Errno::EBUSY,
        MountError::Loop => Errno::ELOOP,
        MountError::TooMany => Errno::ENOSPC,
    }
}
