//! Mount namespaces as objects: they live as long as a process or a file pins them.

use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

use warren_kernel_core::mounts::NsId;

use super::{MountFlags, MountRef, Path, errno, forest, new_mount};
use crate::fs::dentry::{Dentry, PlaceKey};
use crate::fs::inode::FileSystem;
use crate::fs::nsfs::{NsKind, NsObject, next_namespace_ino};
use crate::mm::frames;
use crate::prelude::*;

/// A mount namespace.
pub struct MountNamespace {
    id: NsId,
    ino: u64,
}

fn next_id() -> NsId {
    static LAST: AtomicU64 = AtomicU64::new(0);
    NsId(LAST.fetch_add(1, Ordering::Relaxed) + 1)
}

impl MountNamespace {
    /// The first one, with `file_system` at its root.
    #[must_use]
    pub fn first(file_system: Arc<dyn FileSystem>) -> Arc<Self> {
        let namespace = Arc::new(Self { id: next_id(), ino: next_namespace_ino() });
        let mut forest = forest();
        let id = forest.next_id();
        let root = Dentry::root(file_system.root(), b"/");
        let mount = new_mount(id, root.clone(), file_system, b"rootfs", MountFlags::empty());
        forest.add(id, PlaceKey(root), MountRef(mount));
        forest.found(namespace.id, id);
        drop(forest);
        namespace
    }

    /// A copy, for CLONE_NEWNS, and where the given paths are in it. A `lesser` one
    /// belongs to another user namespace.
    ///
    /// # Errors
    /// `EINVAL` if this namespace has ended.
    pub fn fork(&self, lesser: bool, paths: &mut [&mut Path]) -> Result<Arc<Self>> {
        frames::admit_kernel_object()?;
        let namespace = Arc::new(Self { id: next_id(), ino: next_namespace_ino() });
        let mut forest = forest();
        let renamed = forest.clone_namespace(self.id, namespace.id, lesser).map_err(errno)?;
        drop(forest);
        for path in paths {
            if let Some(MountRef(twin)) = renamed.get(&path.mount().id) {
                **path = Path::new(twin.clone(), path.dentry().clone());
            }
        }
        Ok(namespace)
    }

    /// What processes that enter see as `/`.
    #[must_use]
    pub fn root(&self) -> Option<Path> {
        let MountRef(mount) = forest().root_of(self.id)?.clone();
        Some(Path::root_of(mount).topmost())
    }

    /// Whether `path` is seen through a mount of this namespace.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        forest().namespace_of(path.mount().id) == Some(self.id)
    }

    /// `EBUSY` if a mount of this namespace covers `dentry`.
    ///
    /// # Errors
    /// `EBUSY`.
    pub fn check_uncovered(&self, dentry: &Arc<Dentry>) -> Result<()> {
        if dentry.is_covered() && forest().is_covered_in(self.id, &PlaceKey(dentry.clone())) {
            return Err(Errno::EBUSY);
        }
        Ok(())
    }

    pub(super) fn id(&self) -> NsId {
        self.id
    }
}

impl NsObject for MountNamespace {
    fn kind(&self) -> NsKind {
        NsKind::Mount
    }

    fn ino(&self) -> u64 {
        self.ino
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Drop for MountNamespace {
    fn drop(&mut self) {
        let removed = forest().end(self.id);
        // After the lock: this may end file systems and what they pin.
        drop(removed);
    }
}
