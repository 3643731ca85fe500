//! What lies behind a mapped area: zeros, or a file's pages, private or shared.

use warren_kernel_core::vma::Backing;

use super::{PAGE_SIZE, PageSource};
use crate::prelude::*;

/// What lies behind an area.
#[derive(Clone)]
pub struct Mapping {
    /// The file, or shared memory; `None` for private zeros.
    pub source: Option<Arc<dyn PageSource>>,
    /// Where in the file the area starts, in bytes; zero without a file.
    pub offset: usize,
    /// Whether writes go to the file and are seen by all who map it.
    pub shared: bool,
    /// Whether the area may become writable (a file opened for reading cannot be
    /// written through a shared mapping).
    pub may_write: bool,
    /// Whether touching below the area extends it (`MAP_GROWSDOWN`).
    pub grows_down: bool,
}

impl Mapping {
    /// Private zeros.
    #[must_use]
    pub const fn zeros() -> Self {
        Self { source: None, offset: 0, shared: false, may_write: true, grows_down: false }
    }

    /// A private view of a file.
    #[must_use]
    pub fn private(source: Arc<dyn PageSource>, offset: usize) -> Self {
        Self { source: Some(source), offset, ..Self::zeros() }
    }

    /// The source's page that lies `bytes` into the area.
    pub(super) fn page_index(&self, bytes: usize) -> usize {
        (self.offset + bytes) / PAGE_SIZE
    }

    /// Whether both show the same bytes at the same distance.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same_source = match (&self.source, &other.source) {
            (None, None) => true,
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            _ => false,
        };
        same_source
            && self.shared == other.shared
            && self.may_write == other.may_write
            && self.grows_down == other.grows_down
            && self.offset == other.offset
    }
}

impl Backing for Mapping {
    fn advanced(&self, bytes: usize) -> Self {
        let offset = if self.source.is_some() { self.offset + bytes } else { 0 };
        Self { offset, ..self.clone() }
    }

    fn continues_as(&self, len: usize, next: &Self) -> bool {
        self.advanced(len).is_same(next)
    }
}
