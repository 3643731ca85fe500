//! What mount(2), umount2(2) and pivot_root(2) do, after paths were walked and
//! permission was granted.

use core::sync::atomic::Ordering;

use bitflags::bitflags;
use warren_kernel_core::mounts::{MountId, Propagation};

use super::{Mount, MountFlags, MountNamespace, MountRef, Path, errno, forest, new_mount};
use crate::fs::dentry::{Dentry, PlaceKey};
use crate::fs::inode::FileSystem;
use crate::fs::stat::Kind;
use crate::mm::frames;
use crate::prelude::*;

bitflags! {
    /// The flags of mount(2) that say what to do, beside [`MountFlags`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Request: u32 {
        const REMOUNT = 0x20;
        const BIND = 0x1000;
        const MOVE = 0x2000;
        const REC = 0x4000;
        const SILENT = 0x8000;
        const UNBINDABLE = 1 << 17;
        const PRIVATE = 1 << 18;
        const SLAVE = 1 << 19;
        const SHARED = 1 << 20;
        const STRICTATIME = 1 << 24;
        const _ = !0;
    }
}

/// What a call of mount(2) asks for.
pub enum MountRequest {
    /// Change the properties of the mount at the target.
    Remount(MountFlags),
    /// Show the source at the target too; `true` with everything mounted below it.
    Bind(bool),
    /// Change how the target propagates; `true` with everything mounted below it.
    Propagate(Propagation, bool),
    /// Move the mount at the source to the target.
    Move,
    /// Mount a new file system.
    New(MountFlags),
}

impl MountRequest {
    /// Decodes the flags of mount(2), in the order Linux looks at them
    /// (fs/namespace.c `path_mount`).
    ///
    /// # Errors
    /// `EINVAL` if more than one propagation is asked for, or other flags with one.
    pub fn decode(flags: u32) -> Result<Self> {
        // MS_MGC_VAL, a relic that may fill the upper half.
        let flags = if flags & 0xffff_0000 == 0xc0ed_0000 { flags & 0xffff } else { flags };
        let request = Request::from_bits_retain(flags);
        let mut properties = MountFlags::from_bits_truncate(flags);
        if !properties.contains(MountFlags::NOATIME) && !request.contains(Request::STRICTATIME) {
            properties |= MountFlags::RELATIME;
        }
        if request.contains(Request::REMOUNT) {
            return Ok(Self::Remount(properties));
        }
        let recursive = request.contains(Request::REC);
        if request.contains(Request::BIND) {
            return Ok(Self::Bind(recursive));
        }
        let kinds = [
            (Request::SHARED, Propagation::Shared),
            (Request::PRIVATE, Propagation::Private),
            (Request::SLAVE, Propagation::Slave),
            (Request::UNBINDABLE, Propagation::Unbindable),
        ];
        if kinds.iter().any(|(flag, _)| request.contains(*flag)) {
            let alone = request.difference(Request::REC | Request::SILENT);
            let kind = kinds.into_iter().find(|(flag, _)| alone == *flag).ok_or(Errno::EINVAL)?;
            return Ok(Self::Propagate(kind.1, recursive));
        }
        if request.contains(Request::MOVE) {
            return Ok(Self::Move);
        }
        Ok(Self::New(properties))
    }
}

/// What a request works with: the file system for a new mount, the source path for
/// binding and moving.
pub enum Source {
    /// Nothing: the target says it all.
    None,
    /// A place.
    Path(Path),
    /// A new file system, and what it is said to be mounted from.
    FileSystem(Arc<dyn FileSystem>, Vec<u8>),
}

/// Performs a request of mount(2) on `target` for a process of `namespace`.
///
/// # Errors
/// As mount(2).
pub fn mount(
    namespace: &MountNamespace,
    request: MountRequest,
    source: Source,
    target: &Path,
) -> Result<()> {
    if !namespace.contains(target) {
        return Err(Errno::EINVAL);
    }
    frames::admit_kernel_object()?;
    match (request, source) {
        (MountRequest::Remount(flags), _) => {
            check_mount_root(target)?;
            target.mount().flags.store(flags.bits(), Ordering::Relaxed);
            Ok(())
        }
        (MountRequest::Propagate(kind, recursive), _) => {
            check_mount_root(target)?;
            forest().set_propagation(target.mount().id, kind, recursive);
            Ok(())
        }
        (MountRequest::Bind(recursive), Source::Path(source)) => {
            bind(namespace, &source, target, recursive)
        }
        (MountRequest::Move, Source::Path(source)) => relocate(namespace, &source, target),
        (MountRequest::New(flags), Source::FileSystem(file_system, name)) => {
            let root = Dentry::root(file_system.root(), b"/");
            let add = |id: MountId| new_mount(id, root.clone(), file_system.clone(), &name, flags);
            attach_new(&root, add, target)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn check_mount_root(path: &Path) -> Result<()> {
    if path.is_mount_root() { Ok(()) } else { Err(Errno::EINVAL) }
}

/// A directory covers a directory, and anything else covers no directory.
fn check_kinds(root: &Dentry, target: &Path) -> Result<()> {
    let same = (root.inode().kind() == Kind::Directory) == target.is_directory();
    if same { Ok(()) } else { Err(Errno::ENOTDIR) }
}

fn attach_new(
    root: &Arc<Dentry>,
    mount: impl FnOnce(MountId) -> Arc<Mount>,
    target: &Path,
) -> Result<()> {
    check_kinds(root, target)?;
    let mut forest = forest();
    let id = forest.next_id();
    forest.add(id, PlaceKey(root.clone()), MountRef(mount(id)));
    attach(&mut forest, id, target)
}

/// Attaches a detached tree; if that fails it is gone.
fn attach(
    forest: &mut warren_kernel_core::mounts::Forest<MountRef>,
    tree: MountId,
    target: &Path,
) -> Result<()> {
    let place = PlaceKey(target.dentry().clone());
    let outcome = if target.dentry().is_unlinked() {
        Err(Errno::ENOENT)
    } else {
        forest.attach(tree, target.mount().id, &place).map_err(errno)
    };
    if outcome.is_err() {
        // The callers still hold what these mounts show.
        drop(forest.discard(tree));
    }
    outcome
}

fn bind(namespace: &MountNamespace, from: &Path, target: &Path, recursive: bool) -> Result<()> {
    if !namespace.contains(from) {
        // Only namespace files, which are mounted nowhere, can be bound from outside.
        if !from.mount().file_system().name().eq("nsfs") {
            return Err(Errno::EINVAL);
        }
        let mount = from.mount();
        let (root, flags) = (from.dentry().clone(), MountFlags::RELATIME);
        let add = |id| new_mount(id, root.clone(), mount.file_system.clone(), b"nsfs", flags);
        return attach_new(&root, add, target);
    }
    check_kinds(from.dentry(), target)?;
    let mut forest = forest();
    let place = PlaceKey(from.dentry().clone());
    let tree = forest.copy(from.mount().id, &place, recursive).map_err(errno)?;
    attach(&mut forest, tree, target)
}

fn relocate(namespace: &MountNamespace, from: &Path, target: &Path) -> Result<()> {
    if !namespace.contains(from) || !from.is_mount_root() {
        return Err(Errno::EINVAL);
    }
    check_kinds(from.dentry(), target).map_err(|_| Errno::EINVAL)?;
    let place = PlaceKey(target.dentry().clone());
    let moved = forest().relocate(from.mount().id, target.mount().id, &place);
    moved.map(drop).map_err(errno)
}

/// Unmounts what is mounted at `path`, which is given up: it counts as a user.
///
/// # Errors
/// `EINVAL` if nothing is mounted there, or the mount may not be taken away; `EBUSY` if it
/// is in use and `lazy` is not set.
pub fn unmount(namespace: &MountNamespace, path: Path, lazy: bool) -> Result<()> {
    check_mount_root(&path)?;
    if !namespace.contains(&path) {
        return Err(Errno::EINVAL);
    }
    if !lazy && namespace.root().is_some_and(|root| Arc::ptr_eq(root.mount(), path.mount())) {
        return Err(Errno::EBUSY);
    }
    let id = path.mount().id;
    let removed = forest().unmount(id, lazy, 1).map_err(errno)?;
    // After the lock: what the file systems pin ends here, before the call returns.
    drop(path);
    drop(removed);
    Ok(())
}

/// Detaches what other namespaces mounted on `dentry`, which is being removed.
pub fn uncover(dentry: &Arc<Dentry>) {
    if dentry.is_covered() {
        let removed = forest().uncover(&PlaceKey(dentry.clone()));
        drop(removed);
    }
}

/// Makes `new` the root mount in place of `old_root`'s, which moves to `put`.
///
/// # Errors
/// As pivot_root(2).
pub fn pivot_root(
    namespace: &MountNamespace,
    new: &Path,
    put: &Path,
    old_root: &Path,
) -> Result<()> {
    let all_here = [new, put, old_root].iter().all(|path| namespace.contains(path));
    if !all_here || !new.is_mount_root() || !old_root.is_mount_root() {
        return Err(Errno::EINVAL);
    }
    if Arc::ptr_eq(put.mount(), old_root.mount()) {
        return Err(Errno::EBUSY);
    }
    let place = PlaceKey(put.dentry().clone());
    let (new, old, put) = (new.mount().id, old_root.mount().id, put.mount().id);
    let swapped = forest().pivot(new, old, put, &place);
    swapped.map(drop).map_err(errno)
}
