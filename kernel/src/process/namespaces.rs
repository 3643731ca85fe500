//! The namespaces of a thread that are not the file system's (namespaces(7)).
//!
//! Network and UTS namespaces can be made; of the other kinds there is the first one,
//! which has a number and can be pinned and entered like any.

use core::any::Any;

use ostd::sync::SpinLock;
use spin::Once;

use crate::fs::nsfs::{NsKind, NsObject, next_namespace_ino};
use crate::net::NetNs;
use crate::prelude::*;

/// The longest host name, `__NEW_UTS_LEN`.
pub const UTS_LEN: usize = 64;

/// The machine's names as uname(2) tells them (uts_namespaces(7)).
pub struct UtsNamespace {
    names: SpinLock<(Vec<u8>, Vec<u8>)>,
    ino: u64,
}

impl UtsNamespace {
    /// The first one.
    #[must_use]
    pub fn first() -> Self {
        let names = SpinLock::new((b"warren".to_vec(), b"(none)".to_vec()));
        // PROC_UTS_INIT_INO, include/linux/proc_ns.h
        Self { names, ino: 0xefff_fffe }
    }

    /// A copy, for `CLONE_NEWUTS`.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { names: SpinLock::new(self.names.lock().clone()), ino: next_namespace_ino() }
    }

    /// The host name and the NIS domain name.
    #[must_use]
    pub fn names(&self) -> (Vec<u8>, Vec<u8>) {
        self.names.lock().clone()
    }

    /// Sets the host name.
    pub fn set_host(&self, name: Vec<u8>) {
        self.names.lock().0 = name;
    }

    /// Sets the NIS domain name.
    pub fn set_domain(&self, name: Vec<u8>) {
        self.names.lock().1 = name;
    }
}

impl NsObject for UtsNamespace {
    fn kind(&self) -> NsKind {
        NsKind::Uts
    }

    fn ino(&self) -> u64 {
        self.ino
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn owner(&self) -> Result<Arc<dyn NsObject>> {
        Ok(initial_namespace(NsKind::User))
    }
}

/// The first and only namespace of a kind that cannot be made here.
pub struct InitialNamespace {
    kind: NsKind,
    ino: u64,
}

impl NsObject for InitialNamespace {
    fn kind(&self) -> NsKind {
        self.kind
    }

    fn ino(&self) -> u64 {
        self.ino
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn owner(&self) -> Result<Arc<dyn NsObject>> {
        match self.kind {
            // Nothing owns the first user namespace.
            NsKind::User => Err(Errno::EPERM),
            _ => Ok(initial_namespace(NsKind::User)),
        }
    }

    fn parent(&self) -> Result<Arc<dyn NsObject>> {
        match self.kind {
            NsKind::User | NsKind::Pid => Err(Errno::EPERM),
            _ => Err(Errno::EINVAL),
        }
    }

    fn owner_uid(&self) -> Result<u32> {
        if self.kind == NsKind::User { Ok(0) } else { Err(Errno::EINVAL) }
    }
}

/// The first namespace of a kind of which there is no other.
///
/// # Panics
/// For the kinds of which there are others.
#[must_use]
pub fn initial_namespace(kind: NsKind) -> Arc<InitialNamespace> {
    // include/linux/proc_ns.h
    static ALL: Once<[Arc<InitialNamespace>; 4]> = Once::new();
    let all = ALL.call_once(|| {
        [
            (NsKind::Ipc, 0xefff_ffff),
            (NsKind::User, 0xefff_fffd),
            (NsKind::Pid, 0xefff_fffc),
            (NsKind::Cgroup, 0xefff_fffb),
        ]
        .map(|(kind, ino)| Arc::new(InitialNamespace { kind, ino }))
    });
    all.iter().find(|namespace| namespace.kind == kind).expect("only asked for these").clone()
}

/// The namespaces a thread lives in. Never changed in place: a thread gets a new set.
#[derive(Clone)]
pub struct NsProxy {
    /// Host and domain name.
    pub uts: Arc<UtsNamespace>,
    /// Links, addresses, routes and sockets.
    pub net: Arc<NetNs>,
}

impl NsProxy {
    /// Those of process 1: made once, at boot.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn initial() -> Result<Self> {
        Ok(Self { uts: Arc::new(UtsNamespace::first()), net: NetNs::create()? })
    }

    /// The namespace of this kind, as /proc/PID/ns leads to it. Mount namespaces belong to
    /// the file system context: `None`.
    #[must_use]
    pub fn object(&self, kind: NsKind) -> Option<Arc<dyn NsObject>> {
        match kind {
            NsKind::Mount => None,
            NsKind::Uts => Some(self.uts.clone()),
            NsKind::Net => Some(self.net.clone()),
            NsKind::Cgroup | NsKind::Ipc | NsKind::User | NsKind::Pid => {
                Some(initial_namespace(kind))
            }
        }
    }
}
