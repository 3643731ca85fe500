//! Who may do what with a file: permission bits, owners, capabilities
//! (path_resolution(7), capabilities(7)).

use bitflags::bitflags;

use super::inode::Inode;
use super::stat::{Kind, S_ISVTX, Stat};
use crate::prelude::*;
use crate::process::{Capability, Credentials};

bitflags! {
    /// What is asked for; the numbers of access(2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Access: u32 {
        /// Execute, or search a directory.
        const EXEC = 1;
        /// Write.
        const WRITE = 2;
        /// Read.
        const READ = 4;
    }
}

/// `EACCES` unless `who` may do all of `wanted` with the file.
///
/// # Errors
/// `EACCES`.
pub fn check(who: &Credentials, stat: &Stat, wanted: Access) -> Result<()> {
    let shift = if who.uid.fs == stat.uid {
        6
    } else if who.in_group(stat.gid) {
        3
    } else {
        0
    };
    let granted = Access::from_bits_truncate(stat.permissions >> shift & 7);
    if granted.contains(wanted) {
        return Ok(());
    }
    let directory = stat.kind == Kind::Directory;
    let executable = directory || stat.permissions & 0o111 != 0;
    if who.has(Capability::DacOverride) && (executable || !wanted.contains(Access::EXEC)) {
        return Ok(());
    }
    let only_reads = wanted == Access::READ || directory && !wanted.contains(Access::WRITE);
    if only_reads && who.has(Capability::DacReadSearch) {
        return Ok(());
    }
    Err(Errno::EACCES)
}

/// As [`check`], for an inode.
///
/// # Errors
/// `EACCES`.
pub fn check_inode(who: &Credentials, inode: &dyn Inode, wanted: Access) -> Result<()> {
    check(who, &inode.stat(), wanted)
}

/// Whether `who` owns the file, or acts as if.
#[must_use]
pub fn is_owner(who: &Credentials, stat: &Stat) -> bool {
    who.uid.fs == stat.uid || who.has(Capability::Fowner)
}

/// Whether `who` may remove or rename `entry` in `directory`, as far as the sticky bit
/// is concerned; write permission on the directory is another matter.
///
/// # Errors
/// `EPERM`.
pub fn check_sticky(who: &Credentials, directory: &Stat, entry: &Stat) -> Result<()> {
    let sticky = directory.permissions & S_ISVTX != 0;
    if sticky && who.uid.fs != entry.uid && who.uid.fs != directory.uid {
        return who.require(Capability::Fowner);
    }
    Ok(())
}
