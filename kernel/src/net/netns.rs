//! Network namespaces as processes, open files and mounts hold them.

use warren_netns::Namespace;

use super::{enter, stack};
use crate::prelude::*;

/// One hold on a network namespace. The last one dropped destroys the namespace, before
/// the drop returns: on exit, close or umount, never within a poll.
pub struct NetNs(Arc<Namespace>);

impl NetNs {
    /// A new namespace with a loopback that is down.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn create() -> Result<Self> {
        let namespace = stack().create_namespace(&enter()).map_err(|_| Errno::ENOMEM)?;
        Ok(Self::hold(&namespace))
    }

    /// One more hold on a namespace that somebody else holds.
    #[must_use]
    pub fn hold(namespace: &Arc<Namespace>) -> Self {
        namespace.hold();
        Self(namespace.clone())
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.0
    }
}

impl Clone for NetNs {
    fn clone(&self) -> Self {
        Self::hold(&self.0)
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        self.0.release(&enter());
    }
}
