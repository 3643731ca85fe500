//! Unpacking the boot loader's archive into the root file system.

use core::any::Any;

use hashbrown::HashMap;
use warren_kernel_core::cpio::{Entries, Entry};
use warren_kernel_core::names::{Component, NAME_MAX, step};

use super::inode::{Creator, Inode, NewNode};
use super::stat::{Device, Kind, PERMISSIONS};
use super::tmpfs::TmpInode;
use crate::prelude::*;

/// Hard links are found by the number their inode had in the archive.
type Seen = HashMap<((u32, u32), u32), Arc<dyn Inode>>;

/// Creates everything `image` holds below `root`. An entry that cannot be created is
/// logged and left out; reading stops where the image is damaged.
pub fn unpack(root: &Arc<dyn Inode>, image: &[u8]) {
    let mut seen = Seen::new();
    let mut count = 0;
    for entry in Entries::new(image) {
        match entry {
            Ok(entry) => match create(root, &entry, &mut seen) {
                Ok(()) => count += 1,
                Err(error) => {
                    let name = String::from_utf8_lossy(entry.name);
                    log::warn!("initramfs: {name}: {error}");
                }
            },
            Err(error) => log::warn!("initramfs: {error}"),
        }
    }
    log::info!("initramfs: {count} files, {} KiB", image.len() / 1024);
}

fn create(root: &Arc<dyn Inode>, entry: &Entry<'_>, seen: &mut Seen) -> Result<()> {
    let Some((parent, name)) = locate(root, entry.name)? else {
        // The archive's entry for the root itself.
        return Ok(());
    };
    let kind = Kind::of_mode(entry.mode).ok_or(Errno::EINVAL)?;
    let key = (entry.dev, entry.ino);
    if entry.nlink > 1
        && kind != Kind::Directory
        && let Some(inode) = seen.get(&key)
    {
        parent.link(name, inode)?;
        return fill(inode, kind, entry.data);
    }
    let rdev = Device::new(entry.rdev.0, entry.rdev.1);
    let node = match kind {
        Kind::Regular => NewNode::Regular,
        Kind::Directory => NewNode::Directory,
        Kind::Symlink => NewNode::Symlink(entry.data),
        Kind::Fifo => NewNode::Fifo,
        Kind::Socket => NewNode::Socket,
        Kind::CharDevice => NewNode::CharDevice(rdev),
        Kind::BlockDevice => NewNode::BlockDevice(rdev),
        Kind::Anonymous => return Err(Errno::EINVAL),
    };
    let creator = Creator { uid: entry.uid, gid: entry.gid, permissions: entry.mode & PERMISSIONS };
    match parent.lookup(name) {
        // A later archive's directory adds to an earlier one's; anything else replaces.
        Ok(old) if old.kind() == Kind::Directory && kind == Kind::Directory => return Ok(()),
        Ok(old) if old.kind() == Kind::Directory => parent.rmdir(name)?,
        Ok(_) => parent.unlink(name)?,
        Err(_) => {}
    }
    let inode = parent.create(name, node, &creator)?;
    if entry.nlink > 1 {
        seen.insert(key, inode.clone());
    }
    fill(&inode, kind, entry.data)
}

fn fill(inode: &Arc<dyn Inode>, kind: Kind, data: &[u8]) -> Result<()> {
    if kind != Kind::Regular || data.is_empty() {
        return Ok(());
    }
    let inode: &dyn Any = &**inode;
    inode.downcast_ref::<TmpInode>().ok_or(Errno::EINVAL)?.fill(data)
}

/// A directory, and a name in it.
type Place<'a> = (Arc<dyn Inode>, &'a [u8]);

/// The directory an entry belongs into and its name there. Directories the archive
/// does not list are made.
fn locate<'a>(root: &Arc<dyn Inode>, path: &'a [u8]) -> Result<Option<Place<'a>>> {
    let mut at = root.clone();
    let mut rest = path;
    while let Some(next) = step(rest) {
        rest = next.rest;
        let name = match next.component {
            Component::Here => continue,
            Component::Parent => return Err(Errno::EINVAL),
            Component::Name(name) if name.len() > NAME_MAX => return Err(Errno::ENAMETOOLONG),
            Component::Name(name) => name,
        };
        if rest.is_empty() {
            return Ok(Some((at, name)));
        }
        let creator = Creator { uid: 0, gid: 0, permissions: 0o755 };
        at = match at.lookup(name) {
            Err(Errno::ENOENT) => at.create(name, NewNode::Directory, &creator)?,
            found => found?,
        };
    }
    Ok(None)
}
