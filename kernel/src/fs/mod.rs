//! Files. This placeholder gives the types their names until the file systems arrive.

use crate::prelude::*;

/// Open files by number.
pub struct FdTable;

impl FdTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self)
    }

    /// A copy, for fork.
    #[must_use]
    pub fn fork(&self) -> Arc<Self> {
        Self::new()
    }

    /// Closes what execve closes.
    pub fn close_on_exec(&self) {}
}

/// Root, working directory, umask and mount namespace.
pub struct FsContext;

impl FsContext {
    /// A copy, for fork.
    #[must_use]
    pub fn fork(&self) -> Arc<Self> {
        Arc::new(Self)
    }
}
