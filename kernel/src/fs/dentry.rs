//! Names of files: the part of a directory tree that somebody holds.
//!
//! A dentry keeps its parents alive; a parent knows its children weakly. So the tree
//! holds exactly what open files, working directories and mounts reach, and two lookups
//! of one name meet in the same dentry for as long as one of them is held: mounts
//! can be attached to it.
//!
//! The lock on a dentry's children is also the lock on the directory's names: creating,
//! removing and renaming entries happens under it. Two directories are locked in
//! address order, and only under [`RENAMES`].

use core::hash::{Hash, Hasher};
use core::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashMap;
use ostd::sync::{Mutex, MutexGuard, SpinLock};
use warren_kernel_core::mounts::Place;

use super::inode::Inode;
use crate::prelude::*;

/// Held while an entry moves from one directory to another, so that the shape of the
/// tree stands still for whoever moves something.
pub static RENAMES: Mutex<()> = Mutex::new(());

/// The children of a dentry that somebody holds.
pub type Children = HashMap<Box<[u8]>, Weak<Dentry>>;

struct Position {
    parent: Option<Arc<Dentry>>,
    name: Box<[u8]>,
    unlinked: bool,
}

/// A name of a file.
pub struct Dentry {
    inode: Arc<dyn Inode>,
    position: SpinLock<Position>,
    children: Mutex<Children>,
    covered: AtomicUsize,
}

impl Dentry {
    /// The root of a file system, or a file that is in no directory; `name` is what a
    /// file without a directory is called.
    #[must_use]
    pub fn root(inode: Arc<dyn Inode>, name: &[u8]) -> Arc<Self> {
        Arc::new(Self::new(inode, None, name))
    }

    fn new(inode: Arc<dyn Inode>, parent: Option<Arc<Self>>, name: &[u8]) -> Self {
        let position = Position { parent, name: name.into(), unlinked: false };
        Self {
            inode,
            position: SpinLock::new(position),
            children: Mutex::new(HashMap::new()),
            covered: AtomicUsize::new(0),
        }
    }

    /// The file.
    #[must_use]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.inode
    }

    /// The directory it is in; `None` for a root.
    #[must_use]
    pub fn parent(&self) -> Option<Arc<Self>> {
        self.position.lock().parent.clone()
    }

    /// Its name there.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        self.position.lock().name.to_vec()
    }

    /// Whether the name was taken away.
    #[must_use]
    pub fn is_unlinked(&self) -> bool {
        self.position.lock().unlinked
    }

    /// Whether a mount of some namespace covers it.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.covered.load(Ordering::Acquire) > 0
    }

    /// Locks the directory's names.
    pub fn lock(&self) -> MutexGuard<'_, Children> {
        self.children.lock()
    }

    /// The entry called `name`; `None` if there is none.
    ///
    /// # Errors
    /// Whatever the file system says but `ENOENT`.
    pub fn lookup(self: &Arc<Self>, name: &[u8]) -> Result<Option<Arc<Self>>> {
        let mut children = self.lock();
        let (found, stale) = self.lookup_locked(&mut children, name);
        drop(children);
        drop(stale);
        found
    }

    /// As [`lookup`](Self::lookup), for who holds the lock. The second value must be
    /// dropped after the lock: it may be the last reference to a dentry.
    pub fn lookup_locked(
        self: &Arc<Self>,
        children: &mut Children,
        name: &[u8],
    ) -> (Result<Option<Arc<Self>>>, Option<Arc<Self>>) {
        let cached = children.get(name).and_then(Weak::upgrade);
        let stale = match cached {
            // What something is mounted on stays where it is, whatever its file system says.
            Some(dentry) if dentry.is_covered() || dentry.inode.is_current() => {
                return (Ok(Some(dentry)), None);
            }
            stale => stale,
        };
        match self.inode.lookup(name) {
            Ok(inode) => {
                let dentry = Arc::new(Self::new(inode, Some(self.clone()), name));
                children.insert(name.into(), Arc::downgrade(&dentry));
                (Ok(Some(dentry)), stale)
            }
            Err(Errno::ENOENT) => {
                children.remove(name);
                (Ok(None), stale)
            }
            Err(error) => (Err(error), stale),
        }
    }

    /// Locks the directory's names, looks `name` up and lets `act` work on what is there.
    ///
    /// # Errors
    /// Whatever the file system or `act` says.
    pub fn with_entry<R>(
        self: &Arc<Self>,
        name: &[u8],
        act: impl FnOnce(&mut Children, Option<&Arc<Self>>) -> Result<R>,
    ) -> Result<R> {
        let mut children = self.lock();
        let (found, stale) = self.lookup_locked(&mut children, name);
        let outcome = match &found {
            Ok(entry) => act(&mut children, entry.as_ref()),
            Err(error) => Err(*error),
        };
        // What was found may go with its last reference, which takes this very lock.
        drop(children);
        drop((found, stale));
        outcome
    }

    /// Enters the name of an inode just created in this directory. What comes back must be
    /// dropped after the lock.
    #[must_use]
    pub fn add_locked(
        self: &Arc<Self>,
        children: &mut Children,
        name: &[u8],
        inode: Arc<dyn Inode>,
    ) -> Arc<Self> {
        let dentry = Arc::new(Self::new(inode, Some(self.clone()), name));
        children.insert(name.into(), Arc::downgrade(&dentry));
        dentry
    }

    /// Notes that this entry of a locked directory is no more.
    pub fn mark_unlinked(&self, siblings: &mut Children) {
        let mut position = self.position.lock();
        position.unlinked = true;
        siblings.remove(&position.name);
    }

    /// Notes that this entry has moved to `name` of `parent`; both directories are
    /// locked by the caller, who keeps their children in step. Hands out the old parent,
    /// to be dropped after the locks.
    pub fn set_position(&self, parent: Arc<Self>, name: &[u8]) -> Option<Arc<Self>> {
        let mut position = self.position.lock();
        position.name = name.into();
        position.parent.replace(parent)
    }

    /// Whether this is `ancestor` or lies below it.
    #[must_use]
    pub fn is_within(self: &Arc<Self>, ancestor: &Arc<Self>) -> bool {
        let mut at = self.clone();
        loop {
            if Arc::ptr_eq(&at, ancestor) {
                return true;
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }
}

impl Drop for Dentry {
    /// Lets go of the parents one by one: a chain of them can be longer than a stack.
    fn drop(&mut self) {
        let position = self.position.get_mut();
        let mut name = core::mem::take(&mut position.name);
        let mut parent = position.parent.take();
        while let Some(directory) = parent {
            let mut siblings = directory.children.lock();
            if siblings.get(&name).is_some_and(|entry| entry.strong_count() == 0) {
                siblings.remove(&name);
            }
            drop(siblings);
            let Some(mut directory) = Arc::into_inner(directory) else { return };
            let position = directory.position.get_mut();
            name = core::mem::take(&mut position.name);
            parent = position.parent.take();
        }
    }
}

/// A dentry as the mount forest's key: the same place is the same dentry.
#[derive(Clone)]
pub struct PlaceKey(pub Arc<Dentry>);

impl PartialEq for PlaceKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for PlaceKey {}

impl Hash for PlaceKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl Place for PlaceKey {
    fn is_within(&self, ancestor: &Self) -> bool {
        self.0.is_within(&ancestor.0)
    }

    fn covered(&self, mounts: usize) {
        self.0.covered.store(mounts, Ordering::Release);
    }
}
