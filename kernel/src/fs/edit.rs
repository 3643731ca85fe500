//! Making, removing, linking and renaming entries of directories.
//!
//! Names are changed under the directory's lock (see [`super::dentry`]); what other mount
//! namespaces had mounted on a removed name is detached afterwards.

use super::access::{Access, check, check_sticky};
use super::dentry::{Children, Dentry, RENAMES};
use super::inode::{Creator, NewNode, OnExisting};
use super::mount::{Path, uncover};
use super::stat::{Kind, Stat};
use super::walk::{Last, Walker};
use crate::prelude::*;
use crate::process::Credentials;

const MAY_CHANGE: Access = Access::WRITE.union(Access::EXEC);

/// Makes a node called `name` in `parent`; the umask applies to `mode`.
///
/// # Errors
/// `EEXIST` if the name is taken; `EROFS`; `EACCES`; whatever the file system says.
pub fn create_at(
    walker: &Walker,
    parent: &Path,
    name: &[u8],
    node: NewNode<'_>,
    mode: u32,
) -> Result<Path> {
    let who = &walker.credentials;
    let creator = Creator {
        uid: who.uid.fs,
        gid: who.gid.fs,
        permissions: mode & 0o7777 & !walker.context.umask(),
    };
    let directory = parent.dentry();
    let dentry = directory.with_entry(name, |children, found| {
        if found.is_some() {
            return Err(Errno::EEXIST);
        }
        parent.mount().check_writable()?;
        check_alive(directory)?;
        check(who, &directory.inode().stat(), MAY_CHANGE)?;
        let inode = directory.inode().create(name, node, &creator)?;
        Ok(directory.add_locked(children, name, inode))
    })?;
    Ok(Path::new(parent.mount().clone(), dentry))
}

fn check_alive(directory: &Dentry) -> Result<()> {
    if directory.is_unlinked() { Err(Errno::ENOENT) } else { Ok(()) }
}

/// Makes a node at the path `text`.
///
/// # Errors
/// As mkdir(2), mknod(2), symlink(2).
pub fn create(
    walker: &Walker,
    start: &Path,
    text: &[u8],
    node: NewNode<'_>,
    mode: u32,
) -> Result<Path> {
    let walked = walker.walk(start, text, false)?;
    let (parent, name) = walked.entry(Errno::EEXIST)?;
    if walked.target.is_some() {
        return Err(Errno::EEXIST);
    }
    if walked.slash && !matches!(node, NewNode::Directory) {
        return Err(Errno::ENOENT);
    }
    create_at(walker, parent, name, node, mode)
}

/// Whether `who` may take `entry` out of `directory` (fs/namei.c `may_delete`).
fn may_remove(
    who: &Credentials,
    directory: &Stat,
    entry: &Stat,
    must_be_directory: bool,
) -> Result<()> {
    check(who, directory, MAY_CHANGE)?;
    check_sticky(who, directory, entry)?;
    match (must_be_directory, entry.kind == Kind::Directory) {
        (true, false) => Err(Errno::ENOTDIR),
        (false, true) => Err(Errno::EISDIR),
        _ => Ok(()),
    }
}

/// Removes the path `text`: an empty directory, or with `directory` unset anything else.
///
/// # Errors
/// As rmdir(2) and unlink(2).
pub fn remove(walker: &Walker, start: &Path, text: &[u8], directory: bool) -> Result<()> {
    let walked = walker.walk(start, text, false)?;
    let otherwise = match (&walked.last, directory) {
        (_, false) => Errno::EISDIR,
        (Last::Dot, true) => Errno::EINVAL,
        (Last::DotDot, true) => Errno::ENOTEMPTY,
        (_, true) => Errno::EBUSY,
    };
    let (parent, name) = walked.entry(otherwise)?;
    let mut removed = None;
    let outcome = parent.dentry().with_entry(name, |children, found| {
        let entry = found.ok_or(Errno::ENOENT)?;
        parent.mount().check_writable()?;
        let stat = entry.inode().stat();
        if walked.slash && !directory {
            let is_directory = stat.kind == Kind::Directory;
            return Err(if is_directory { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        let inode = parent.inode();
        may_remove(&walker.credentials, &inode.stat(), &stat, directory)?;
        walker.context.namespace().check_uncovered(entry)?;
        if directory {
            inode.rmdir(name)?
        } else {
            inode.unlink(name)?
        }
        entry.mark_unlinked(children);
        removed = Some(entry.clone());
        Ok(())
    });
    if let Some(dentry) = removed {
        uncover(&dentry);
    }
    outcome
}

/// Gives the file at `old` another name, `text`.
///
/// # Errors
/// As link(2).
pub fn link(walker: &Walker, old: &Path, start: &Path, text: &[u8]) -> Result<()> {
    let walked = walker.walk(start, text, false)?;
    let (parent, name) = walked.entry(Errno::EEXIST)?;
    if walked.target.is_some() {
        return Err(Errno::EEXIST);
    }
    if walked.slash {
        return Err(Errno::ENOENT);
    }
    if !Arc::ptr_eq(old.mount(), parent.mount()) {
        return Err(Errno::EXDEV);
    }
    if old.is_directory() {
        return Err(Errno::EPERM);
    }
    let directory = parent.dentry();
    directory
        .with_entry(name, |children, found| {
            if found.is_some() {
                return Err(Errno::EEXIST);
            }
            parent.mount().check_writable()?;
            check_alive(directory)?;
            check(&walker.credentials, &directory.inode().stat(), MAY_CHANGE)?;
            if old.inode().stat().nlink == 0 {
                return Err(Errno::ENOENT);
            }
            directory.inode().link(name, old.inode())?;
            Ok(directory.add_locked(children, name, old.inode().clone()))
        })
        // Dropped here: letting go of a dentry takes its directory's lock.
        .map(drop)
}

/// An end of a renaming: the directory and the name in it.
struct End<'a> {
    parent: &'a Path,
    name: &'a [u8],
    slash: bool,
}

/// Renames the path `from` to the path `to`.
///
/// # Errors
/// As renameat2(2).
pub fn rename(
    walker: &Walker,
    (from_start, from): (&Path, &[u8]),
    (to_start, to): (&Path, &[u8]),
    existing: OnExisting,
) -> Result<()> {
    let from = walker.walk(from_start, from, false)?;
    let to = walker.walk(to_start, to, false)?;
    let end = |walked: &'_ super::walk::Walked| -> Result<(Path, Vec<u8>, bool)> {
        let taken = existing == OnExisting::Fail && walked.target.is_some();
        let (parent, name) = walked.entry(if taken { Errno::EEXIST } else { Errno::EBUSY })?;
        Ok((parent.clone(), name.to_vec(), walked.slash))
    };
    let (from_parent, from_name, from_slash) = end(&from)?;
    let (to_parent, to_name, to_slash) = end(&to)?;
    if !Arc::ptr_eq(from_parent.mount(), to_parent.mount()) {
        return Err(Errno::EXDEV);
    }
    from_parent.mount().check_writable()?;
    let from = End { parent: &from_parent, name: &from_name, slash: from_slash };
    let to = End { parent: &to_parent, name: &to_name, slash: to_slash };
    let mut keep = Vec::new();
    let outcome = rename_locked(walker, &from, &to, existing, &mut keep);
    // The locks are free again: whatever lost its last name may go now.
    if let Ok(Some(replaced)) = &outcome {
        uncover(replaced);
    }
    drop(keep);
    outcome.map(|_| ())
}

/// Locks both directories and renames. Every reference that could be a last one is put
/// into `keep`. Answers the entry that was replaced.
fn rename_locked(
    walker: &Walker,
    from: &End<'_>,
    to: &End<'_>,
    existing: OnExisting,
    keep: &mut Vec<Arc<Dentry>>,
) -> Result<Option<Arc<Dentry>>> {
    let (from_dir, to_dir) = (from.parent.dentry(), to.parent.dentry());
    if Arc::ptr_eq(from_dir, to_dir) {
        let mut children = from_dir.lock();
        let source = look(from_dir, &mut children, from.name, keep)?;
        let target = look(to_dir, &mut children, to.name, keep)?;
        let done = rename_entry(walker, from, to, source, target.as_ref(), existing)?;
        if let Some(source) = done {
            children.remove(from.name);
            place(&source, to, &mut children, target.as_ref(), existing, keep);
            if let (OnExisting::Exchange, Some(target)) = (existing, &target) {
                place(target, from, &mut children, None, existing, keep);
            }
        }
        return Ok(target.filter(|_| existing == OnExisting::Replace));
    }
    let _shape = RENAMES.lock();
    let (mut from_children, mut to_children);
    if Arc::as_ptr(from_dir) < Arc::as_ptr(to_dir) {
        from_children = from_dir.lock();
        to_children = to_dir.lock();
    } else {
        to_children = to_dir.lock();
        from_children = from_dir.lock();
    }
    let source = look(from_dir, &mut from_children, from.name, keep)?;
    let target = look(to_dir, &mut to_children, to.name, keep)?;
    let done = rename_entry(walker, from, to, source, target.as_ref(), existing)?;
    if let Some(source) = done {
        from_children.remove(from.name);
        place(&source, to, &mut to_children, target.as_ref(), existing, keep);
        if let (OnExisting::Exchange, Some(target)) = (existing, &target) {
            place(target, from, &mut from_children, None, existing, keep);
        }
    }
    Ok(target.filter(|_| existing == OnExisting::Replace))
}

fn look(
    directory: &Arc<Dentry>,
    children: &mut Children,
    name: &[u8],
    keep: &mut Vec<Arc<Dentry>>,
) -> Result<Option<Arc<Dentry>>> {
    let (found, stale) = directory.lookup_locked(children, name);
    keep.extend(stale);
    if let Ok(Some(dentry)) = &found {
        keep.push(dentry.clone());
    }
    found
}

/// Puts a renamed dentry where it now is.
fn place(
    dentry: &Arc<Dentry>,
    end: &End<'_>,
    children: &mut Children,
    replaced: Option<&Arc<Dentry>>,
    existing: OnExisting,
    keep: &mut Vec<Arc<Dentry>>,
) {
    if let Some(replaced) = replaced.filter(|_| existing != OnExisting::Exchange) {
        replaced.mark_unlinked(children);
    }
    keep.extend(dentry.set_position(end.parent.dentry().clone(), end.name));
    children.insert(end.name.into(), Arc::downgrade(dentry));
}

/// Checks everything and has the file system rename. Answers the source, or nothing
/// if both names are the same file: then nothing happens.
fn rename_entry(
    walker: &Walker,
    from: &End<'_>,
    to: &End<'_>,
    source: Option<Arc<Dentry>>,
    target: Option<&Arc<Dentry>>,
    existing: OnExisting,
) -> Result<Option<Arc<Dentry>>> {
    let who = &walker.credentials;
    let source = source.ok_or(Errno::ENOENT)?;
    match (existing, target) {
        (OnExisting::Fail, Some(_)) => return Err(Errno::EEXIST),
        (OnExisting::Exchange, None) => return Err(Errno::ENOENT),
        _ => {}
    }
    let exchange = existing == OnExisting::Exchange;
    let source_stat = source.inode().stat();
    let is_directory = source_stat.kind == Kind::Directory;
    if !is_directory && (from.slash || !exchange && to.slash) {
        return Err(Errno::ENOTDIR);
    }
    if to.parent.dentry().is_within(&source) {
        return Err(Errno::EINVAL);
    }
    if target.is_some_and(|target| from.parent.dentry().is_within(target)) {
        return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
    }
    if target.is_some_and(|target| same_file(target, &source)) {
        return Ok(None);
    }
    let (from_stat, to_stat) = (from.parent.inode().stat(), to.parent.inode().stat());
    may_remove(who, &from_stat, &source_stat, is_directory)?;
    match target {
        None => {
            check_alive(to.parent.dentry())?;
            check(who, &to_stat, MAY_CHANGE)?;
        }
        Some(target) => {
            let stat = target.inode().stat();
            let kind = if exchange { stat.kind == Kind::Directory } else { is_directory };
            may_remove(who, &to_stat, &stat, kind)?;
        }
    }
    if is_directory && !Arc::ptr_eq(from.parent.dentry(), to.parent.dentry()) {
        // Its `..` changes.
        check(who, &source_stat, Access::WRITE)?;
    }
    let namespace = walker.context.namespace();
    namespace.check_uncovered(&source)?;
    if let Some(target) = target {
        namespace.check_uncovered(target)?;
    }
    from.parent.inode().rename(from.name, to.parent.inode(), to.name, existing)?;
    Ok(Some(source))
}

fn same_file(one: &Dentry, other: &Dentry) -> bool {
    Arc::ptr_eq(one.inode(), other.inode())
}
