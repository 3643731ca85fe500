//! Settings the door itself obeys.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::cred::Caller;

/// One per namespace, in its extensions.
#[derive(Debug)]
pub struct DoorSysctls {
    ping_first: AtomicU32,
    ping_last: AtomicU32,
    port_start: AtomicU32,
}

impl Default for DoorSysctls {
    /// Linux's: nobody may open ping sockets, and ports below 1024 are privileged.
    fn default() -> Self {
        Self {
            ping_first: AtomicU32::new(1),
            ping_last: AtomicU32::new(0),
            port_start: AtomicU32::new(1_024),
        }
    }
}

impl DoorSysctls {
    /// `net.ipv4.ping_group_range`: groups that may open ping sockets.
    #[must_use]
    pub fn ping_groups(&self) -> (u32, u32) {
        (self.ping_first.load(Ordering::Relaxed), self.ping_last.load(Ordering::Relaxed))
    }

    /// See [`DoorSysctls::ping_groups`].
    pub fn set_ping_groups(&self, first: u32, last: u32) {
        self.ping_first.store(first, Ordering::Relaxed);
        self.ping_last.store(last, Ordering::Relaxed);
    }

    /// Whether the caller's group, or one of its supplementary groups, is in the range.
    #[must_use]
    pub fn may_ping(&self, caller: &dyn Caller) -> bool {
        let (first, last) = self.ping_groups();
        first <= last && caller.in_groups(first, last)
    }

    /// `net.ipv4.ip_unprivileged_port_start`.
    #[must_use]
    pub fn unprivileged_port_start(&self) -> u16 {
        u16::try_from(self.port_start.load(Ordering::Relaxed)).unwrap_or(u16::MAX)
    }

    /// See [`DoorSysctls::unprivileged_port_start`].
    pub fn set_unprivileged_port_start(&self, port: u16) {
        self.port_start.store(u32::from(port), Ordering::Relaxed);
    }
}
