//! What every socket has: an identity, a namespace it holds, an owner, and an observer who
//! is told what is new after the locks are released.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use warren_platform::{Observer, Readiness};

use crate::cx::Cx;
use crate::error::SocketError;
use crate::namespace::Namespace;

/// A socket's identity in its namespace. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketId(pub(crate) u64);

/// On whose behalf a socket was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SocketOwner {
    /// The user (`uid` in /proc/net/tcp; SO_REUSEPORT groups are per user).
    pub uid: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) id: SocketId,
    pub(super) ns: Arc<Namespace>,
    uid: AtomicU32,
    inode: AtomicU64,
    /// Whether a process still has the socket; the namespace is held exactly that long.
    attached: AtomicBool,
}

impl Base {
    /// A socket's base, holding `ns`, within the namespace's bound on sockets.
    pub(super) fn open(ns: &Arc<Namespace>, owner: SocketOwner) -> Result<Self, SocketError> {
        let id = ns.sockets.admit()?;
        ns.hold();
        Ok(Self {
            id,
            ns: ns.clone(),
            uid: AtomicU32::new(owner.uid),
            inode: AtomicU64::new(0),
            attached: AtomicBool::new(true),
        })
    }

    /// The base of a connection nobody accepted yet: it does not hold the namespace.
    pub(super) fn spawned(ns: &Arc<Namespace>, owner: SocketOwner) -> Result<Self, SocketError> {
        let id = ns.sockets.admit()?;
        Ok(Self {
            id,
            ns: ns.clone(),
            uid: AtomicU32::new(owner.uid),
            inode: AtomicU64::new(0),
            attached: AtomicBool::new(false),
        })
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid.load(Ordering::Relaxed)
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode.load(Ordering::Relaxed)
    }

    pub(super) fn set_inode(&self, inode: u64) {
        self.inode.store(inode, Ordering::Relaxed);
    }

    /// A process takes a spawned connection.
    pub(super) fn attach(&self) {
        if !self.attached.swap(true, Ordering::AcqRel) {
            self.ns.hold();
        }
    }

    /// The process lets go. `true` the first time: the caller owes a [`Self::release`]
    /// once it has done what closing means.
    pub(super) fn detach(&self) -> bool {
        self.attached.swap(false, Ordering::AcqRel)
    }

    /// Lets go of the namespace, after a successful [`Self::detach`]; may tear it down.
    pub(super) fn release(&self, cx: &Cx<'_>) {
        self.inode.store(0, Ordering::Relaxed);
        self.ns.release(cx);
    }

    pub(super) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Acquire)
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        self.ns.sockets.dismiss();
    }
}

/// News for one observer: made under a socket's lock, told after its release.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Notice {
    observer: Option<Arc<dyn Observer>>,
    news: Readiness,
}

impl Notice {
    /// `news` for `observer`; nothing if either is empty.
    pub(super) fn new(observer: Option<&Arc<dyn Observer>>, news: Readiness) -> Self {
        if news.is_empty() {
            return Self::default();
        }
        Self { observer: observer.cloned(), news }
    }

    /// Tells the observer. No lock may be held.
    pub(super) fn tell(self) {
        if let Some(observer) = self.observer {
            observer.notify(self.news);
        }
    }
}
