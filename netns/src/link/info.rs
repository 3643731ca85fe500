//! A link at one moment, as `RTM_NEWLINK` reports it.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use super::{HardwareType, Link, LinkFlags, MtuRange, StatsSnapshot};
use crate::ids::{IfName, Ifindex, MacAddr, Mtu};
use crate::namespace::Namespace;

/// RFC 2863 operational state (`IFLA_OPERSTATE`, include/uapi/linux/if.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OperState {
    /// The kind has no notion of carrier, or nothing happened yet.
    #[default]
    Unknown = 0,
    /// Down.
    Down = 2,
    /// Down because the link below (a veth's peer) is.
    LowerLayerDown = 3,
    /// Up.
    Up = 6,
}

/// The other end of a link.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Its index in its own namespace.
    pub ifindex: Ifindex,
    /// Its namespace.
    pub ns: Weak<Namespace>,
}

/// A link at one moment.
#[derive(Clone, Debug)]
pub struct LinkInfo {
    /// The link itself, for what only its kind knows.
    pub link: Arc<Link>,
    /// Its number.
    pub ifindex: Ifindex,
    /// Its name.
    pub name: IfName,
    /// Other names it answers to.
    pub alt_names: Vec<Vec<u8>>,
    /// The user's description (`IFLA_IFALIAS`).
    pub alias: Vec<u8>,
    /// `ifi_type`.
    pub hardware: HardwareType,
    /// `ifi_flags`.
    pub flags: LinkFlags,
    /// IP MTU.
    pub mtu: Mtu,
    /// The MTUs it accepts.
    pub mtu_range: MtuRange,
    /// Hardware address.
    pub mac: MacAddr,
    /// Hardware broadcast address.
    pub broadcast: MacAddr,
    /// `IFLA_TXQLEN`.
    pub tx_queue_len: u32,
    /// `IFLA_GROUP`.
    pub group: u32,
    /// `IFLA_PROMISCUITY`.
    pub promiscuity: u32,
    /// `IFLA_ALLMULTI`.
    pub allmulti: u32,
    /// `IFLA_LINKMODE`.
    pub link_mode: u8,
    /// `IFLA_QDISC`.
    pub qdisc: &'static str,
    /// `IFLA_OPERSTATE`.
    pub oper_state: OperState,
    /// `IFLA_CARRIER`.
    pub carrier: bool,
    /// `IFLA_CARRIER_UP_COUNT`.
    pub carrier_ups: u32,
    /// `IFLA_CARRIER_DOWN_COUNT`.
    pub carrier_downs: u32,
    /// `IFLA_NUM_TX_QUEUES`.
    pub tx_queues: u32,
    /// `IFLA_NUM_RX_QUEUES`.
    pub rx_queues: u32,
    /// `IFLA_INFO_KIND`.
    pub kind: Option<&'static str>,
    /// `IFLA_LINK` and `IFLA_LINK_NETNSID`.
    pub peer: Option<PeerInfo>,
    /// `IFLA_MASTER`.
    pub master: Option<Arc<Link>>,
    /// The counters.
    pub stats: StatsSnapshot,
}

impl Link {
    /// The link as it is now.
    #[must_use]
    pub fn info(self: &Arc<Self>) -> LinkInfo {
        let peer = self
            .kind
            .peer()
            .map(|peer| PeerInfo { ifindex: peer.ifindex(), ns: peer.state.read().ns.clone() });
        let flags = self.flags();
        let state = self.state.read();
        LinkInfo {
            link: self.clone(),
            ifindex: self.ifindex(),
            name: state.name,
            alt_names: state.alt_names.clone(),
            alias: state.alias.clone(),
            hardware: self.kind.hardware(),
            flags,
            mtu: self.mtu(),
            mtu_range: self.kind.mtu_range(),
            mac: self.mac(),
            broadcast: state.broadcast,
            tx_queue_len: state.tx_queue_len,
            group: state.group,
            promiscuity: state.promiscuity,
            qdisc: self.kind.qdisc(state.has_qdisc),
            allmulti: state.allmulti,
            link_mode: state.link_mode,
            oper_state: if flags.contains(LinkFlags::UP) {
                state.oper_state
            } else {
                OperState::Down
            },
            carrier: state.carrier,
            carrier_ups: state.carrier_ups,
            carrier_downs: state.carrier_downs,
            tx_queues: state.tx_queues,
            rx_queues: state.rx_queues,
            kind: self.kind.name(),
            peer,
            master: state.master.as_ref().and_then(Weak::upgrade),
            stats: self.stats.snapshot(),
        }
    }
}
