//! What routers told us of the MTU towards a destination (RFC 1191), for ten minutes, for a
//! bounded number of destinations.
//!
//! Invariant: `count` is the number of entries, so that a lookup costs nothing while no
//! router has told us anything.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::net::Ipv4Addr;
use core::sync::atomic::{AtomicUsize, Ordering};

use warren_platform::lock::{self, Mutex};
use warren_platform::{Duration, Instant};

use crate::cx::Cx;
use crate::deadline::Key;
use crate::namespace::Namespace;

/// Destinations remembered; beyond it the one that expires first makes room.
const MAX: usize = 1_024;
/// How long (`net.ipv4.route.mtu_expires`).
const EXPIRES: Duration = Duration::from_secs(600);
/// The least a router is believed (`net.ipv4.route.min_pmtu`).
const LEAST: u32 = 552;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct PathMtus {
    known: Mutex<lock::PathMtus, BTreeMap<Ipv4Addr, (u32, Instant)>>,
    count: AtomicUsize,
}

impl PathMtus {
    /// What is known of the path to `dst`.
    pub(crate) fn get(&self, dst: Ipv4Addr) -> Option<u32> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.known.lock().get(&dst).map(|(mtu, _)| *mtu)
    }

    fn learn(&self, dst: Ipv4Addr, mtu: u32, until: Instant) -> Option<Instant> {
        let mut known = self.known.lock();
        if known.len() >= MAX && !known.contains_key(&dst) {
            let first = known.iter().min_by_key(|(_, (_, at))| *at).map(|(dst, _)| *dst);
            if let Some(first) = first {
                known.remove(&first);
            }
        }
        known.insert(dst, (mtu, until));
        self.count.store(known.len(), Ordering::Relaxed);
        known.values().map(|(_, at)| *at).min()
    }

    fn expire(&self, now: Instant) -> Option<Instant> {
        let mut known = self.known.lock();
        known.retain(|_, (_, at)| *at > now);
        self.count.store(known.len(), Ordering::Relaxed);
        known.values().map(|(_, at)| *at).min()
    }
}

impl Namespace {
    /// A router says that no more than `mtu` bytes fit on the way to `dst`. It may only
    /// lower what we would use anyway.
    pub(crate) fn learn_path_mtu(self: &Arc<Self>, dst: Ipv4Addr, mtu: u32, cx: &Cx<'_>) {
        let mtu = mtu.max(LEAST);
        let Ok(way) = self.lookup_route(&super::Flow::to(dst)) else { return };
        if way.is_local() || way.mtu <= mtu || way.has_locked_mtu() {
            return;
        }
        if let Some(at) = self.ip.path_mtus.learn(dst, mtu, cx.now + EXPIRES) {
            self.deadlines.set(Key::PathMtu, at, self, cx.stack.platform());
        }
    }

    /// Old news is forgotten: the path may have become wider.
    pub(crate) fn path_mtus_due(self: &Arc<Self>, cx: &Cx<'_>) {
        if let Some(at) = self.ip.path_mtus.expire(cx.now) {
            self.deadlines.set(Key::PathMtu, at, self, cx.stack.platform());
        }
    }
}
