//! A machine for one conversation: a stack, the namespaces its setup made, a caller whose
//! descriptors and children all lead to the namespace `a`.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

use warren_netns::{Cx, Namespace, Stack};
use warren_platform::{CpuId, Duration, Instant, Keeper, Platform, Wake};
use warren_syscall::cred::{Caller, Capability};
use warren_syscall::errno::Errno;

#[derive(Debug, Default)]
struct Host(AtomicU64);

#[derive(Debug)]
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

impl Platform for Host {
    // As the machine the recordings were made on.
    fn cpu_count(&self) -> u16 {
        2
    }
    fn current_cpu(&self) -> CpuId {
        CpuId(0)
    }
    fn fill_random(&self, buffer: &mut [u8]) {
        for byte in buffer {
            *byte = (self.0.fetch_add(97, Ordering::Relaxed) >> 3) as u8;
        }
    }
    fn wake_napi(&self, _cpu: CpuId) {}
    fn start_keeper(&self, _keeper: Box<dyn Keeper>) -> Option<Arc<dyn Wake>> {
        Some(Arc::new(NoWake))
    }
}

/// See the module.
pub struct World {
    pub stack: Arc<Stack>,
    pub root: Arc<Namespace>,
    pub named: BTreeMap<String, Arc<Namespace>>,
    pub now: Instant,
    pub uid: u32,
}

impl World {
    pub fn new() -> Self {
        let stack = Stack::new(Arc::<Host>::default());
        let now = Instant::from_millis(1_000);
        let root = stack.create_namespace(&stack.enter(now)).expect("memory");
        root.hold();
        Self { stack, root, named: BTreeMap::new(), now, uid: 0 }
    }

    pub fn cx(&self) -> Cx<'_> {
        self.stack.enter(self.now)
    }

    pub fn sleep(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    pub fn create(&mut self, name: &str) -> Arc<Namespace> {
        let ns = self.stack.create_namespace(&self.cx()).expect("memory");
        ns.hold();
        self.named.insert(name.into(), ns.clone());
        ns
    }

    /// Polls until nothing moves any more.
    pub fn settle(&self) {
        for _ in 0..100 {
            let _more = self.stack.run_napi(CpuId(0), self.now);
        }
    }
}

impl Caller for World {
    fn pid(&self) -> u32 {
        9
    }
    fn uid(&self) -> u32 {
        self.uid
    }
    fn gid(&self) -> u32 {
        self.uid
    }
    fn has(&self, _capability: Capability, _ns: &Arc<Namespace>) -> bool {
        self.uid == 0
    }
    fn namespace_by_fd(&self, fd: i32) -> Result<Arc<Namespace>, Errno> {
        if fd < 0 {
            return Err(Errno::EBADF);
        }
        self.named.get("a").cloned().ok_or(Errno::EBADF)
    }
    fn namespace_by_pid(&self, _pid: u32) -> Result<Arc<Namespace>, Errno> {
        self.named.get("a").cloned().ok_or(Errno::ESRCH)
    }
}
