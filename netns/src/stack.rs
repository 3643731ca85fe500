//! A stack: the registry of namespaces and the NAPI manager. Nothing else is shared between
//! namespaces, and two stacks in one process share nothing at all.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use warren_packet::Pool;
use warren_platform::lock::{self, Mutex};
use warren_platform::{CpuId, Instant, Platform};

use crate::cx::Cx;
use crate::error::LinkError;
use crate::ids::{LinkId, NsId};
use crate::namespace::Namespace;
use crate::napi::{Budget, NapiManager, Outcome};

/// Bytes of packet buffers that may be in flight in one stack.
const POOL_LIMIT: usize = 64 << 20;

/// See the module.
#[derive(Debug)]
pub struct Stack {
    platform: Arc<dyn Platform>,
    napi: NapiManager,
    pool: Arc<Pool>,
    namespaces: Mutex<lock::Registry, BTreeMap<NsId, Arc<Namespace>>>,
    next_ns: AtomicU64,
    next_link: AtomicU64,
}

impl Stack {
    /// A stack without namespaces.
    #[must_use]
    pub fn new(platform: Arc<dyn Platform>) -> Arc<Self> {
        let napi = NapiManager::new(platform.cpu_count());
        Arc::new(Self {
            platform,
            napi,
            pool: Pool::new(POOL_LIMIT),
            namespaces: Mutex::default(),
            next_ns: AtomicU64::new(1),
            next_link: AtomicU64::new(1),
        })
    }

    /// The host.
    #[must_use]
    pub fn platform(&self) -> &dyn Platform {
        &*self.platform
    }

    /// The NAPI manager.
    #[must_use]
    pub const fn napi(&self) -> &NapiManager {
        &self.napi
    }

    /// Where packets come from.
    #[must_use]
    pub const fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The circumstances of an entry at `now` on the current CPU.
    #[must_use]
    pub fn enter(&self, now: Instant) -> Cx<'_> {
        Cx { now, cpu: self.platform.current_cpu(), stack: self, origin: None }
    }

    /// The body of a CPU's NAPI thread: polls within one budget. The host calls it when
    /// woken by `Platform::wake_napi`, again while it says [`Outcome::More`].
    pub fn run_napi(&self, cpu: CpuId, now: Instant) -> Outcome {
        self.napi.run(Budget::SOFTIRQ, &Cx { now, cpu, stack: self, origin: None })
    }

    /// The tail of every system call that may have sent something: polls what it scheduled
    /// here and now, within the softirq budget.
    pub fn run_tail(&self, cx: &Cx<'_>) {
        self.napi.run_tail(&*self.platform, cx);
    }

    /// A new namespace with its loopback, down, as Linux makes them.
    ///
    /// # Errors
    /// [`LinkError::NoMemory`] if memory is short.
    pub fn create_namespace(self: &Arc<Self>, cx: &Cx<'_>) -> Result<Arc<Namespace>, LinkError> {
        let id = NsId(self.next_ns.fetch_add(1, Ordering::Relaxed));
        let ns = Namespace::new(id, self);
        ns.create_loopback(cx)?;
        self.namespaces.lock().insert(id, ns.clone());
        Ok(ns)
    }

    /// The namespace with this identity.
    #[must_use]
    pub fn namespace(&self, id: NsId) -> Option<Arc<Namespace>> {
        self.namespaces.lock().get(&id).cloned()
    }

    /// The oldest namespace: where physical links start, and where they return to.
    #[must_use]
    pub fn first_namespace(&self) -> Option<Arc<Namespace>> {
        self.namespaces.lock().first_key_value().map(|(_, ns)| ns.clone())
    }

    /// How many namespaces live.
    #[must_use]
    pub fn namespace_count(&self) -> usize {
        self.namespaces.lock().len()
    }

    pub(crate) fn forget(&self, id: NsId) {
        self.namespaces.lock().remove(&id);
    }

    pub(crate) fn next_link_id(&self) -> LinkId {
        LinkId(self.next_link.fetch_add(1, Ordering::Relaxed))
    }
}
