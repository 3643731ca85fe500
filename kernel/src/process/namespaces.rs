//! The namespaces of a thread that are not the file system's.

use ostd::sync::SpinLock;

use crate::net::NetNs;
use crate::prelude::*;

/// The longest host name, `__NEW_UTS_LEN`.
pub const UTS_LEN: usize = 64;

/// The machine's names as uname(2) tells them (uts_namespaces(7)).
pub struct UtsNamespace {
    names: SpinLock<(Vec<u8>, Vec<u8>)>,
}

impl UtsNamespace {
    /// The first one.
    #[must_use]
    pub fn new() -> Self {
        Self { names: SpinLock::new((b"warren".to_vec(), b"(none)".to_vec())) }
    }

    /// A copy, for `CLONE_NEWUTS`.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { names: SpinLock::new(self.names.lock().clone()) }
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

impl Default for UtsNamespace {
    fn default() -> Self {
        Self::new()
    }
}

/// The namespaces a thread lives in. Never changed in place: a thread gets a new set.
#[derive(Clone)]
pub struct NsProxy {
    /// Host and domain name.
    pub uts: Arc<UtsNamespace>,
    /// Links, addresses, routes and sockets.
    pub net: NetNs,
}

impl NsProxy {
    /// Those of process 1: made once, at boot.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn initial() -> Result<Self> {
        Ok(Self { uts: Arc::new(UtsNamespace::new()), net: NetNs::create()? })
    }
}
