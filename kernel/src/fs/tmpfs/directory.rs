//! The entries of a directory, by name and in the order they came.

use alloc::collections::BTreeMap;

use hashbrown::HashMap;

use super::TmpInode;
use crate::prelude::*;

/// The cursor of the first entry; 0 and 1 are `.` and `..`.
const FIRST: u64 = 2;

/// Entries keep their cursor for as long as they exist, so that a reader who comes back
/// misses none that was there all the time.
#[derive(Default)]
pub(super) struct Entries {
    by_name: HashMap<Box<[u8]>, u64>,
    by_cursor: BTreeMap<u64, (Box<[u8]>, Arc<TmpInode>)>,
    last: u64,
}

impl Entries {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<TmpInode>> {
        self.by_name.get(name).and_then(|cursor| self.by_cursor.get(cursor)).map(|entry| &entry.1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Adds an entry or points an existing one to another inode, which is handed out.
    pub(super) fn set(&mut self, name: &[u8], inode: Arc<TmpInode>) -> Option<Arc<TmpInode>> {
        if let Some(entry) =
            self.by_name.get(name).and_then(|cursor| self.by_cursor.get_mut(cursor))
        {
            return Some(core::mem::replace(&mut entry.1, inode));
        }
        let cursor = self.last.max(FIRST - 1) + 1;
        self.last = cursor;
        self.by_name.insert(name.into(), cursor);
        self.by_cursor.insert(cursor, (name.into(), inode));
        None
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Arc<TmpInode>> {
        let cursor = self.by_name.remove(name)?;
        self.by_cursor.remove(&cursor).map(|(_, inode)| inode)
    }

    /// Entries from `cursor` on.
    pub(super) fn from(&self, cursor: u64) -> impl Iterator<Item = (u64, &[u8], &Arc<TmpInode>)> {
        self.by_cursor.range(cursor..).map(|(cursor, (name, inode))| (*cursor, &**name, inode))
    }

    /// Hands out all entries, when the directory ends.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Arc<TmpInode>> + use<> {
        self.by_name.clear();
        core::mem::take(&mut self.by_cursor).into_values().map(|(_, inode)| inode)
    }
}
