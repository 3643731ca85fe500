//! Open directories: reading their entries.

use ostd::mm::{VmReader, VmWriter};

use super::file::{File, OpenFlags};
use super::inode::DirEntry;
use super::mount::Path;
use super::stat::Kind;
use crate::prelude::*;

/// An open directory. Its offset is a cursor: 0 is `.`, 1 is `..`, then what the file
/// system counts.
pub struct DirectoryFile {
    path: Path,
}

impl DirectoryFile {
    /// Opens the directory at `path`.
    #[must_use]
    pub fn new(path: Path) -> Self {
        Self { path }
    }
}

impl File for DirectoryFile {
    fn read(&self, _offset: &mut u64, _to: &mut VmWriter<'_>, _flags: OpenFlags) -> Result<usize> {
        Err(Errno::EISDIR)
    }

    fn write(
        &self,
        _offset: &mut u64,
        _from: &mut VmReader<'_>,
        _flags: OpenFlags,
    ) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn has_offsets(&self) -> bool {
        true
    }

    fn readdir(&self, cursor: u64, each: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        if self.path.dentry().is_unlinked() {
            return Err(Errno::ENOENT);
        }
        let own = self.path.inode().stat().ino;
        let dots: [(&[u8], u64); 2] = [
            (b".", own),
            (b"..", self.path.dentry().parent().map_or(own, |parent| parent.inode().stat().ino)),
        ];
        for (next, (name, ino)) in (1..).zip(dots).skip(cursor.min(2) as usize) {
            if !each(DirEntry { name, ino, kind: Kind::Directory, next }) {
                return Ok(());
            }
        }
        self.path.inode().readdir(cursor.max(2), each)
    }
}
