//! What the doors above the core keep per namespace (netlink's port ids, the names of unix
//! sockets): one value per type, made when first asked for, gone with the namespace.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::any::{Any, TypeId};

use warren_platform::lock::{self, Mutex};

/// See the module.
#[derive(Debug, Default)]
pub struct Extensions {
    by_type: Mutex<lock::Extensions, BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Extensions {
    /// The namespace's `T`, made if there is none yet.
    pub fn get<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut by_type = self.by_type.lock();
        let known = by_type.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        known.clone().downcast().expect("stored under its own TypeId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_one_value() {
        let extensions = Extensions::default();
        let one = extensions.get::<core::sync::atomic::AtomicU32>();
        let again = extensions.get::<core::sync::atomic::AtomicU32>();
        assert!(Arc::ptr_eq(&one, &again));
        let other = extensions.get::<core::sync::atomic::AtomicU64>();
        assert_eq!(other.load(core::sync::atomic::Ordering::Relaxed), 0);
    }
}
