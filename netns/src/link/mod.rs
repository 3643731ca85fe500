//! Links: network devices as rtnetlink sees them.
//!
//! A [`Link`] is what all kinds share: name, index, MTU, address, flags, counters, the
//! namespace it is in, the master it is a port of. What a link does with a frame, and what
//! happens when it is opened, stopped or deleted, is its [`LinkKind`].
//!
//! Control path: `namespace::links` (create, delete, change, move) is the only writer.
//! Data path: [`datapath`], which reads the atomics and never takes the configuration lock.

mod carrier;
pub mod datapath;
mod dummy;
mod flags;
mod info;
mod kind;
mod loopback;
mod stats;

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use warren_platform::lock::{self, RwLock};

use crate::ids::{IfName, Ifindex, LinkId, MacAddr, Mtu, NsId};
use crate::ip::LinkConf;
use crate::ip::conf::Devconf;
use crate::namespace::Namespace;

pub use datapath::{TxVerdict, Upper};
pub use dummy::Dummy;
pub use flags::LinkFlags;
pub use info::{LinkInfo, OperState, PeerInfo};
pub use kind::{HardwareType, LinkKind, MtuRange};
pub use loopback::Loopback;
pub use stats::{LinkStats, StatsSnapshot};

/// A device as rtnetlink sees it. See the module.
#[derive(Debug)]
pub struct Link {
    id: LinkId,
    kind: Box<dyn LinkKind>,
    hot: Hot,
    state: RwLock<lock::LinkState, LinkState>,
    /// Takes every received frame first: the bridge this link is a port of.
    upper: RwLock<lock::LinkState, Option<Arc<dyn Upper>>>,
    /// Frames and bytes each way, and drops by reason.
    pub stats: LinkStats,
    /// Its IPv4 settings in its namespace.
    pub conf4: LinkConf,
}

/// What the data path reads per frame.
#[derive(Debug)]
struct Hot {
    ifindex: AtomicU32,
    mtu: AtomicU32,
    mac: AtomicU64,
    flags: AtomicU32,
    ns: AtomicU64,
}

/// What changes seldom. Written only with the namespace's `Config` lock held.
#[derive(Debug)]
pub(crate) struct LinkState {
    pub(crate) ns: Weak<Namespace>,
    pub(crate) name: IfName,
    pub(crate) alt_names: Vec<Vec<u8>>,
    pub(crate) alias: Vec<u8>,
    pub(crate) broadcast: MacAddr,
    pub(crate) tx_queue_len: u32,
    pub(crate) group: u32,
    pub(crate) master: Option<Weak<Link>>,
    /// How many want promiscuous mode: the user, who shows as a flag, and a master.
    pub(crate) promiscuity: u32,
    /// The same for all multicast frames.
    pub(crate) allmulti: u32,
    /// The state while the link is up; down, every link shows `Down`.
    pub(crate) oper_state: OperState,
    pub(crate) carrier: bool,
    pub(crate) link_mode: u8,
    /// It was up since it came here: a qdisc was attached then, and stays.
    pub(crate) has_qdisc: bool,
    pub(crate) carrier_ups: u32,
    pub(crate) carrier_downs: u32,
    pub(crate) tx_queues: u32,
    pub(crate) rx_queues: u32,
}

impl Link {
    pub(crate) fn new(
        id: LinkId,
        kind: Box<dyn LinkKind>,
        ifindex: Ifindex,
        mtu: Mtu,
        mac: MacAddr,
        flags: LinkFlags,
        state: LinkState,
    ) -> Arc<Self> {
        let home = state.ns.upgrade();
        let conf4 = LinkConf::fresh();
        if let Some(home) = &home {
            conf4.copy_from(&home.ip.conf.default);
        }
        // Linux: `inetdev_event`. What never leaves the machine needs no IPsec.
        if flags.contains(LinkFlags::LOOPBACK) {
            conf4.set(Devconf::DisableXfrm, 1);
            conf4.set(Devconf::DisablePolicy, 1);
        }
        let ns = home.map_or(0, |home| home.id().0);
        Arc::new(Self {
            id,
            kind,
            hot: Hot {
                ifindex: AtomicU32::new(ifindex.get()),
                mtu: AtomicU32::new(mtu.0),
                mac: AtomicU64::new(mac.to_bits()),
                flags: AtomicU32::new(flags.bits()),
                ns: AtomicU64::new(ns),
            },
            state: RwLock::new(state),
            upper: RwLock::new(None),
            stats: LinkStats::default(),
            conf4,
        })
    }

    /// Its identity in the stack, across moves.
    #[must_use]
    pub const fn id(&self) -> LinkId {
        self.id
    }

    /// Its number in its namespace.
    #[must_use]
    pub fn ifindex(&self) -> Ifindex {
        Ifindex::new(self.hot.ifindex.load(Ordering::Acquire)).expect("only written from Ifindex")
    }

    /// Its name in its namespace.
    #[must_use]
    pub fn name(&self) -> IfName {
        self.state.read().name
    }

    /// Its IP MTU.
    #[must_use]
    pub fn mtu(&self) -> Mtu {
        Mtu(self.hot.mtu.load(Ordering::Acquire))
    }

    /// Its hardware address.
    #[must_use]
    pub fn mac(&self) -> MacAddr {
        MacAddr::from_bits(self.hot.mac.load(Ordering::Acquire))
    }

    /// Its flags (`ifi_flags`), the volatile ones (RUNNING, LOWER_UP) included.
    #[must_use]
    pub fn flags(&self) -> LinkFlags {
        LinkFlags::from_bits_retain(self.hot.flags.load(Ordering::Acquire))
    }

    /// Administratively up and with carrier: frames pass.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.flags().contains(LinkFlags::UP | LinkFlags::LOWER_UP)
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> &dyn LinkKind {
        &*self.kind
    }

    /// The kind as its own type, for those who know it.
    #[must_use]
    pub fn kind_as<K: LinkKind>(&self) -> Option<&K> {
        (&*self.kind as &dyn core::any::Any).downcast_ref()
    }

    /// The namespace it is in; `None` once that is being torn down.
    #[must_use]
    pub fn namespace(&self) -> Option<Arc<Namespace>> {
        self.state.read().ns.upgrade()
    }

    /// The identity of the namespace it is in: the data path's way to see whether a frame
    /// crosses into another.
    #[must_use]
    pub fn ns_id(&self) -> NsId {
        NsId(self.hot.ns.load(Ordering::Acquire))
    }

    /// The link it is a port of.
    #[must_use]
    pub fn master(&self) -> Option<Arc<Self>> {
        self.state.read().master.as_ref().and_then(Weak::upgrade)
    }

    pub(crate) const fn state(&self) -> &RwLock<lock::LinkState, LinkState> {
        &self.state
    }

    /// Gives a link an address its kind chose for it (a bridge that takes its lowest
    /// port's). The user's choice goes through `Namespace::change_link`.
    pub fn adopt_mac(&self, mac: MacAddr) {
        self.set_mac(mac);
    }

    /// Gives a link an MTU its kind chose for it (a bridge that follows its ports).
    pub fn adopt_mtu(&self, mtu: Mtu) {
        self.set_mtu(mtu);
    }

    /// A master wants every frame of its port (`IFLA_PROMISCUITY` and `IFLA_ALLMULTI` count
    /// it; `ifi_flags` shows only what the user wants), or no longer does.
    pub fn count_listener(&self, wants_all: bool) {
        let mut state = self.state.write();
        let count = |users: u32| {
            if wants_all { users.saturating_add(1) } else { users.saturating_sub(1) }
        };
        state.promiscuity = count(state.promiscuity);
        state.allmulti = count(state.allmulti);
    }

    /// Puts the link into a namespace. The tables are the caller's business.
    pub(crate) fn set_namespace(&self, ns: &Arc<Namespace>) {
        self.state.write().ns = Arc::downgrade(ns);
        self.hot.ns.store(ns.id().0, Ordering::Release);
        self.conf4.copy_from(&ns.ip.conf.default);
    }

    pub(crate) fn set_ifindex(&self, ifindex: Ifindex) {
        self.hot.ifindex.store(ifindex.get(), Ordering::Release);
    }

    pub(crate) fn set_mtu(&self, mtu: Mtu) {
        self.hot.mtu.store(mtu.0, Ordering::Release);
    }

    pub(crate) fn set_mac(&self, mac: MacAddr) {
        self.hot.mac.store(mac.to_bits(), Ordering::Release);
    }

    /// Sets `set` and clears `clear`; returns the flags as they were.
    pub(crate) fn update_flags(&self, set: LinkFlags, clear: LinkFlags) -> LinkFlags {
        let next = |bits: u32| Some(bits & !clear.bits() | set.bits());
        let before = self.hot.flags.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        LinkFlags::from_bits_retain(before.unwrap_or_else(|bits| bits))
    }

    /// Puts `upper` in front of the link's own L3, or removes it. A link kind calls this
    /// when it gains or loses a port.
    pub fn set_upper(&self, upper: Option<Arc<dyn Upper>>) {
        *self.upper.write() = upper;
    }
}
