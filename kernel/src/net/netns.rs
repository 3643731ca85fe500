//! Network namespaces as processes, open files and mounts hold them.

use core::any::Any;

use warren_netns::Namespace;

use super::{enter, stack};
use crate::fs::nsfs::{NsKind, NsObject, next_namespace_ino};
use crate::prelude::*;

/// The host's one hold on a network namespace, shared by all processes, open files and
/// mounts that pin it. When the last of them lets go the hold is dropped, and unless a
/// socket still holds the namespace it is destroyed, before the exit, close or umount
/// returns.
pub struct NetNs {
    namespace: Arc<Namespace>,
    ino: u64,
}

impl NetNs {
    /// A new namespace with a loopback that is down.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn create() -> Result<Arc<Self>> {
        let namespace = stack().create_namespace(&enter()).map_err(|_| Errno::ENOMEM)?;
        namespace.hold();
        Ok(Arc::new(Self { namespace, ino: next_namespace_ino() }))
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        self.namespace.release(&enter());
    }
}

impl NsObject for NetNs {
    fn kind(&self) -> NsKind {
        NsKind::Net
    }

    fn ino(&self) -> u64 {
        self.ino
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn owner(&self) -> Result<Arc<dyn NsObject>> {
        Ok(crate::process::initial_namespace(NsKind::User))
    }
}
