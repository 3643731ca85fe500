//! Resource limits (getrlimit(2)).

/// `RLIM_INFINITY`.
pub const INFINITY: u64 = u64::MAX;

/// A soft and a hard limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is enforced.
    pub soft: u64,
    /// How far the owner may raise the soft limit.
    pub hard: u64,
}

/// What is limited; numbers from include/uapi/asm-generic/resource.h.
#[allow(missing_docs, dead_code, reason = "the list is that of getrlimit(2)")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Resource {
    Cpu = 0,
    FileSize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    Rss = 5,
    Processes = 6,
    OpenFiles = 7,
    LockedMemory = 8,
    AddressSpace = 9,
    Locks = 10,
    PendingSignals = 11,
    MessageQueue = 12,
    Nice = 13,
    RealtimePriority = 14,
    RealtimeTime = 15,
}

const COUNT: usize = 16;

/// All limits of a process.
#[derive(Clone, Copy, Debug)]
pub struct Limits([Limit; COUNT]);

impl Default for Limits {
    /// Linux's defaults for init (include/asm-generic/resource.h), with the numbers of
    /// processes and signals that suit a small machine.
    fn default() -> Self {
        const NONE: Limit = Limit { soft: INFINITY, hard: INFINITY };
        let mut limits = [NONE; COUNT];
        limits[Resource::Stack as usize] = Limit { soft: 8 << 20, hard: INFINITY };
        limits[Resource::Core as usize] = Limit { soft: 0, hard: INFINITY };
        limits[Resource::Processes as usize] = Limit { soft: 3900, hard: 3900 };
        limits[Resource::OpenFiles as usize] = Limit { soft: 1024, hard: 4096 };
        limits[Resource::LockedMemory as usize] = Limit { soft: 8 << 20, hard: 8 << 20 };
        limits[Resource::PendingSignals as usize] = Limit { soft: 3900, hard: 3900 };
        limits[Resource::MessageQueue as usize] = Limit { soft: 819_200, hard: 819_200 };
        limits[Resource::Nice as usize] = Limit { soft: 0, hard: 0 };
        limits[Resource::RealtimePriority as usize] = Limit { soft: 0, hard: 0 };
        Self(limits)
    }
}

impl Limits {
    /// The limit on `resource`.
    #[must_use]
    pub fn get(&self, resource: Resource) -> Limit {
        self.0[resource as usize]
    }

    /// The limit with number `resource`, as system calls name it.
    pub fn by_number(&mut self, resource: usize) -> Option<&mut Limit> {
        self.0.get_mut(resource)
    }
}
