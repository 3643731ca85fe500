//! The forest of mounts of all mount namespaces: what covers what, and where a
//! mount made in one place appears as well (mount_namespaces(7), "SHARED SUBTREES").
//!
//! A [`Forest`] knows places only as keys (the kernel's are dentries) and carries a
//! payload per mount. It never drops a payload while it works: what an operation
//! removed is returned, so that the caller drops it after releasing its lock.
//!
//! Invariants:
//! * a mount is *attached* (has a namespace, and a parent unless it is the
//!   namespace's root) or *detached* (has neither, and belongs to one operation);
//! * at most one mount covers a given place of a given mount; a second one covers
//!   the root of the first;
//! * a peer group exists as long as it has a peer; its slaves follow it and move up
//!   to its master when it ends;
//! * an operation that fails changed nothing.

mod forest;
mod namespace;
mod propagation;
#[cfg(test)]
mod tests;

pub use forest::{Forest, GroupId, MountError, MountId, Mounted, NsId, Place, Removed};
pub use propagation::Propagation;
