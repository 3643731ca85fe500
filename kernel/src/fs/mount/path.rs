//! A place as a process sees it: a dentry, seen through a mount.

use warren_kernel_core::names::NAME_MAX;

use super::{Mount, MountRef, forest};
use crate::fs::dentry::{Dentry, PlaceKey};
use crate::fs::inode::Inode;
use crate::fs::stat::Kind;
use crate::prelude::*;

/// A dentry and the mount it is seen through.
#[derive(Clone)]
pub struct Path {
    mount: Arc<Mount>,
    dentry: Arc<Dentry>,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mount, &other.mount) && Arc::ptr_eq(&self.dentry, &other.dentry)
    }
}

impl Path {
    /// The place `dentry` seen through `mount`.
    #[must_use]
    pub fn new(mount: Arc<Mount>, dentry: Arc<Dentry>) -> Self {
        Self { mount, dentry }
    }

    /// The top of a mount.
    #[must_use]
    pub fn root_of(mount: Arc<Mount>) -> Self {
        let dentry = mount.root.clone();
        Self { mount, dentry }
    }

    /// The mount.
    #[must_use]
    pub fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    /// The dentry.
    #[must_use]
    pub fn dentry(&self) -> &Arc<Dentry> {
        &self.dentry
    }

    /// The file.
    #[must_use]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.dentry.inode()
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.inode().kind() == Kind::Directory
    }

    /// Whether it is the top of its mount.
    #[must_use]
    pub fn is_mount_root(&self) -> bool {
        Arc::ptr_eq(&self.dentry, &self.mount.root)
    }

    /// The same place seen through whatever is mounted on it.
    #[must_use]
    pub fn topmost(mut self) -> Self {
        while self.dentry.is_covered() {
            let over = forest().covering(self.mount.id, &PlaceKey(self.dentry.clone())).cloned();
            match over {
                Some(MountRef(mount)) => self = Self::root_of(mount),
                None => break,
            }
        }
        self
    }

    /// The directory above, not leaving `root`; at a mount's top that is above the
    /// place the mount covers.
    #[must_use]
    pub fn parent(&self, root: &Self) -> Self {
        let mut at = self.clone();
        loop {
            if at == *root {
                return at;
            }
            if !at.is_mount_root() {
                let parent = at.dentry.parent().unwrap_or_else(|| at.dentry.clone());
                return Self::new(at.mount, parent).topmost();
            }
            match at.mount_point() {
                Some(below) => at = below,
                None => return at,
            }
        }
    }

    /// The place the mount covers.
    fn mount_point(&self) -> Option<Self> {
        let forest = forest();
        let (MountRef(mount), PlaceKey(dentry)) = forest.parent(self.mount.id)?;
        Some(Self::new(mount.clone(), dentry.clone()))
    }

    /// The absolute path as seen from `root`. The second value is false if the place
    /// cannot be reached from there.
    #[must_use]
    pub fn absolute(&self, root: &Self) -> (Vec<u8>, bool) {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut at = self.clone();
        let reachable = loop {
            if at == *root {
                break true;
            }
            if at.is_mount_root() {
                match at.mount_point() {
                    Some(below) => at = below,
                    None => break false,
                }
            } else if let Some(parent) = at.dentry.parent() {
                names.push(at.dentry.name());
                at.dentry = parent;
            } else {
                // A file in no directory, such as a pipe: its name is all there is.
                return (at.dentry.name(), true);
            }
        };
        (join(names), reachable)
    }

    /// What the links in /proc/PID show: the path, and ` (deleted)` if it is gone.
    #[must_use]
    pub fn display(&self, root: &Self) -> Vec<u8> {
        let (mut text, _) = self.absolute(root);
        if self.dentry.is_unlinked() {
            text.extend_from_slice(b" (deleted)");
        }
        text
    }
}

/// The path of a dentry inside its own file system.
pub(super) fn inside(dentry: &Arc<Dentry>) -> Vec<u8> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut at = dentry.clone();
    while let Some(parent) = at.parent() {
        names.push(at.name());
        at = parent;
    }
    if names.is_empty() && at.name() != b"/" {
        return at.name();
    }
    join(names)
}

/// An absolute path from its components, last first.
fn join(names: Vec<Vec<u8>>) -> Vec<u8> {
    if names.is_empty() {
        return b"/".to_vec();
    }
    let mut text = Vec::with_capacity(names.len() * NAME_MAX.min(16));
    for name in names.iter().rev() {
        text.push(b'/');
        text.extend_from_slice(name);
    }
    text
}
