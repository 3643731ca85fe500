//! [`Switch`]: what a bridge's link and its ports share.
//!
//! Three parts with three kinds of writers: [`Tables`] (stations and ports, one lock for
//! both so that a frame is decided on in one short section), [`Control`] (written only by
//! the control path) and a few words the data path reads alone.
//!
//! Lock order: `Kind` (control) before `Fdb` (tables). Frames are sent and links are
//! changed with neither held.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering};

use spin::Once;
use warren_netns::deadline::Key;
use warren_netns::{Cx, Link, MacAddr};
use warren_platform::lock::{self, Mutex, RwLock};
use warren_platform::{Duration, Instant};

use crate::fdb::{Fdb, FdbEntry};
use crate::port::{Port, PortState};

/// A bridge's identifier in the spanning tree: priority, then address (IEEE 802.1D 9.2.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BridgeId {
    /// `IFLA_BR_PRIORITY`.
    pub priority: u16,
    /// The lowest port's address, or the one the user set; zero while there is neither.
    pub mac: MacAddr,
}

impl BridgeId {
    /// The eight bytes of `IFLA_BR_BRIDGE_ID`.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        let [p, q] = self.priority.to_be_bytes();
        let [a, b, c, d, e, f] = self.mac.0;
        [p, q, a, b, c, d, e, f]
    }
}

/// What the data path looks up, under one lock.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) fdb: Fdb,
    /// The newest first, as Linux keeps and floods them.
    pub(crate) ports: Arc<[Arc<Port>]>,
}

/// What only the control path touches.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) id: BridgeId,
    pub(crate) mac_by_user: bool,
    pub(crate) mtu_by_user: bool,
    /// The bridge is being deleted: what its ports still change is not taken over.
    pub(crate) leaving: bool,
    pub(crate) forward_delay: Duration,
    pub(crate) hello_time: Duration,
    pub(crate) max_age: Duration,
}

/// What the bridge's carrier is known to be.
const UNTOLD: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

/// See the module.
#[derive(Debug)]
pub(crate) struct Switch {
    link: Once<Weak<Link>>,
    pub(crate) tables: RwLock<lock::Fdb, Tables>,
    pub(crate) control: Mutex<lock::Kind, Control>,
    ageing_nanos: AtomicU64,
    group_fwd_mask: AtomicU16,
    /// No bridge has lost its carrier before its ports were looked at for the first time
    /// (Linux: `br_port_state_selection`); until then its operational state is unknown.
    carrier: AtomicU8,
}

impl Switch {
    /// A bridge without ports and with IEEE 802.1D's recommended times.
    pub(crate) fn new(mac_by_user: Option<MacAddr>) -> Arc<Self> {
        let id = BridgeId { priority: 0x8000, mac: mac_by_user.unwrap_or(MacAddr::ZERO) };
        Arc::new(Self {
            link: Once::new(),
            tables: RwLock::new(Tables { fdb: Fdb::default(), ports: Arc::new([]) }),
            control: Mutex::new(Control {
                id,
                mac_by_user: mac_by_user.is_some(),
                mtu_by_user: false,
                leaving: false,
                forward_delay: Duration::from_secs(15),
                hello_time: Duration::from_secs(2),
                max_age: Duration::from_secs(20),
            }),
            ageing_nanos: AtomicU64::new(300_000_000_000),
            group_fwd_mask: AtomicU16::new(0),
            carrier: AtomicU8::new(if mac_by_user.is_some() { OFF } else { UNTOLD }),
        })
    }

    pub(crate) fn set_link(&self, link: &Arc<Link>) {
        self.link.call_once(|| Arc::downgrade(link));
    }

    /// The bridge's own link; `None` once it is gone.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.link.get()?.upgrade()
    }

    pub(crate) fn ageing_time(&self) -> Duration {
        Duration::from_nanos(self.ageing_nanos.load(Ordering::Relaxed))
    }

    pub(crate) fn set_ageing_time(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.ageing_nanos.store(nanos, Ordering::Relaxed);
    }

    pub(crate) fn group_fwd_mask(&self) -> u16 {
        self.group_fwd_mask.load(Ordering::Relaxed)
    }

    pub(crate) fn set_group_fwd_mask(&self, mask: u16) {
        self.group_fwd_mask.store(mask, Ordering::Relaxed);
    }

    /// `None` until the ports were looked at for the first time.
    pub(crate) fn carrier(&self) -> Option<bool> {
        match self.carrier.load(Ordering::Acquire) {
            UNTOLD => None,
            carrier => Some(carrier == ON),
        }
    }

    /// The bridge has carrier while a port forwards.
    pub(crate) fn select_carrier(&self) {
        let ports = self.ports();
        let live = ports.iter().any(|port| port.state() == PortState::Forwarding);
        self.carrier.store(if live { ON } else { OFF }, Ordering::Release);
    }

    pub(crate) fn ports(&self) -> Arc<[Arc<Port>]> {
        self.tables.read().ports.clone()
    }

    pub(crate) fn port_of(&self, link: &Arc<Link>) -> Option<Arc<Port>> {
        self.tables.read().ports.iter().find(|port| port.is_link(link)).cloned()
    }

    pub(crate) fn fdb_snapshot(&self, now: Instant) -> Vec<FdbEntry> {
        self.tables.read().fdb.snapshot(self.ageing_time(), now)
    }

    /// Has the table swept at `at`. No lock is held.
    pub(crate) fn sweep_at(&self, at: Instant, cx: &Cx<'_>) {
        let Some(link) = self.link() else { return };
        if let Some(ns) = link.namespace() {
            ns.deadlines.set(Key::Link(link.id()), at, &ns, cx.stack.platform());
        }
    }

    /// Forgets the silent stations, and comes again when the next may be.
    pub(crate) fn sweep(&self, cx: &Cx<'_>) {
        let next = self.tables.write().fdb.sweep(self.ageing_time(), cx.now);
        if let Some(next) = next {
            self.sweep_at(next, cx);
        }
    }
}
