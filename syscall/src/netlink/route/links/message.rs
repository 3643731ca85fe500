//! A link as a message, attribute by attribute in Linux 6.1's order (`rtnl_fill_ifinfo`).

use alloc::sync::{Arc, Weak};

use warren_netns::link::{LinkInfo, StatsSnapshot};
use warren_netns::{Cx, Ifindex, Namespace};
use warren_platform::Instant;

use super::abi::*;
use crate::netlink::abi::{AF_INET, AF_UNSPEC};
use crate::netlink::attr::Writer;
use crate::netlink::kinds::{self, TSO_MAX_SIZE};

/// What a link without segmentation limits of its own reports
/// (include/linux/netdevice.h: GSO_LEGACY_MAX_SIZE, GSO_MAX_SEGS).
const GSO_MAX_SIZE: u32 = 65_536;
const GSO_MAX_SEGS: u32 = 65_535;

/// A link, with what a message says beside the link itself.
#[derive(Clone, Debug)]
pub struct LinkMessage<'a> {
    info: &'a LinkInfo,
    /// The number of the peer's namespace, where that is another one.
    peer_nsid: Option<u32>,
    changed: u32,
    gone: bool,
    moved_to: Option<(Option<u32>, Ifindex)>,
    target_nsid: Option<i32>,
    observer: &'a Arc<Namespace>,
    cx: &'a Cx<'a>,
}

impl<'a> LinkMessage<'a> {
    /// `info` as seen from `observer`. Gives the peer's namespace a number there if it has
    /// none, as Linux does.
    #[must_use]
    pub fn of(info: &'a LinkInfo, observer: &'a Arc<Namespace>, cx: &'a Cx<'a>) -> Self {
        let peer_ns = info.peer.as_ref().and_then(|peer| peer.ns.upgrade());
        let own_ns = info.link.ns_id();
        let peer_nsid = peer_ns
            .filter(|ns| ns.id() != own_ns)
            .and_then(|ns| observer.nsid_or_assign(&ns, cx).ok());
        Self {
            info,
            peer_nsid,
            changed: 0,
            gone: false,
            moved_to: None,
            target_nsid: None,
            observer,
            cx,
        }
    }

    /// With these flags as `ifi_change`.
    #[must_use]
    pub const fn changed(self, changed: u32) -> Self {
        Self { changed, ..self }
    }

    /// As the farewell of a link that was deleted, or moved to a namespace and an index.
    #[must_use]
    pub fn gone(self, moved_to: &Option<(Weak<Namespace>, Ifindex)>) -> Self {
        let moved_to = moved_to.as_ref().map(|(ns, index)| {
            let nsid = ns.upgrade().and_then(|ns| self.observer.nsid_of(&ns));
            (nsid, *index)
        });
        Self { gone: true, moved_to, ..self }
    }

    /// As the answer to a request that named the namespace by this number.
    #[must_use]
    pub const fn target(self, target_nsid: Option<i32>) -> Self {
        Self { target_nsid, ..self }
    }

    /// `struct ifinfomsg` and the attributes.
    pub fn write(&self, out: &mut Writer<'_>) {
        let info = self.info;
        out.raw(&self.fixed());
        if let Some(nsid) = self.target_nsid {
            out.i32(IFLA_TARGET_NETNSID, nsid);
        }
        out.text(IFLA_IFNAME, info.name.as_bytes());
        out.u32(IFLA_TXQLEN, info.tx_queue_len);
        out.u8(IFLA_OPERSTATE, info.oper_state as u8);
        out.u8(IFLA_LINKMODE, info.link_mode);
        out.u32(IFLA_MTU, info.mtu.0);
        out.u32(IFLA_MIN_MTU, info.mtu_range.min.0);
        out.u32(IFLA_MAX_MTU, info.mtu_range.max.0);
        out.u32(IFLA_GROUP, info.group);
        out.u32(IFLA_PROMISCUITY, info.promiscuity);
        out.u32(IFLA_ALLMULTI, info.allmulti);
        out.u32(IFLA_NUM_TX_QUEUES, info.tx_queues);
        out.u32(IFLA_GSO_MAX_SEGS, GSO_MAX_SEGS);
        out.u32(IFLA_GSO_MAX_SIZE, GSO_MAX_SIZE);
        out.u32(IFLA_GRO_MAX_SIZE, GSO_MAX_SIZE);
        let kind = info.kind.and_then(kinds::by_name);
        let tso_max_size = kind.map_or(TSO_MAX_SIZE, |kind| kind.tso_max_size(&info.link));
        out.u32(IFLA_TSO_MAX_SIZE, tso_max_size);
        out.u32(IFLA_TSO_MAX_SEGS, GSO_MAX_SEGS);
        out.u32(IFLA_NUM_RX_QUEUES, info.rx_queues);
        if let Some(master) = &info.master {
            out.u32(IFLA_MASTER, master.ifindex().get());
        }
        out.u8(IFLA_CARRIER, u8::from(info.carrier));
        out.text(IFLA_QDISC, info.qdisc.as_bytes());
        if !info.alias.is_empty() {
            out.text(IFLA_IFALIAS, &info.alias);
        }
        out.u32(IFLA_CARRIER_CHANGES, info.carrier_ups.wrapping_add(info.carrier_downs));
        out.u32(IFLA_CARRIER_UP_COUNT, info.carrier_ups);
        out.u32(IFLA_CARRIER_DOWN_COUNT, info.carrier_downs);
        out.u8(IFLA_PROTO_DOWN, 0);
        // No link has memory or interrupts of its own to show.
        out.bytes(IFLA_MAP, &[0; 32]);
        out.bytes(IFLA_ADDRESS, &info.mac.0);
        out.bytes(IFLA_BROADCAST, &info.broadcast.0);
        write_stats(&info.stats, out);
        out.nest(IFLA_XDP, |out| out.u8(IFLA_XDP_ATTACHED, 0));
        self.write_kind(out);
        self.write_peer(out);
        if let Some((nsid, ifindex)) = self.moved_to {
            out.i32(IFLA_NEW_NETNSID, nsid.map_or(-1, u32::cast_signed));
            out.u32(IFLA_NEW_IFINDEX, ifindex.get());
        }
        out.nest(IFLA_AF_SPEC, |out| {
            // A link on its way out has no addresses and no IPv4 configuration any more.
            if !self.gone {
                out.nest(AF_INET.into(), |out| {
                    out.bytes(IFLA_INET_CONF, &ipv4_configuration(info));
                });
            }
        });
        if !info.alt_names.is_empty() {
            out.nest_flagged(IFLA_PROP_LIST, |out| {
                info.alt_names.iter().for_each(|name| out.text(IFLA_ALT_IFNAME, name));
            });
        }
    }

    fn fixed(&self) -> [u8; FIXED] {
        let mut fixed = [0; FIXED];
        fixed[0] = AF_UNSPEC;
        fixed[2..4].copy_from_slice(&(self.info.hardware as u16).to_le_bytes());
        fixed[4..8].copy_from_slice(&self.info.ifindex.get().to_le_bytes());
        fixed[8..12].copy_from_slice(&self.info.flags.bits().to_le_bytes());
        fixed[12..16].copy_from_slice(&self.changed.to_le_bytes());
        fixed
    }

    fn write_kind(&self, out: &mut Writer<'_>) {
        let kind = self.info.kind.and_then(kinds::by_name);
        let master = self.info.master.as_ref();
        let master_kind = master.and_then(|link| kinds::by_name(link.kind().name()?.as_bytes()));
        if kind.is_none() && master_kind.is_none() {
            return;
        }
        let now: Instant = self.cx.now;
        out.nest(IFLA_LINKINFO, |out| {
            if let Some(kind) = kind {
                out.text(IFLA_INFO_KIND, kind.name().as_bytes());
                if kind.has_data() {
                    out.nest(IFLA_INFO_DATA, |out| kind.fill_data(self.info, now, out));
                }
            }
            if let (Some(master), Some(kind)) = (master, master_kind) {
                out.text(IFLA_INFO_SLAVE_KIND, kind.name().as_bytes());
                if kind.port_policy().is_some() {
                    out.nest(IFLA_INFO_SLAVE_DATA, |out| {
                        kind.fill_port_data(master, &self.info.link, now, out);
                    });
                }
            }
        });
    }

    fn write_peer(&self, out: &mut Writer<'_>) {
        let has_lower =
            self.info.kind.and_then(kinds::by_name).is_some_and(|kind| kind.has_lower());
        if let Some(nsid) = self.peer_nsid {
            out.u32(IFLA_LINK_NETNSID, nsid);
        }
        if has_lower {
            // A link whose lower end is gone says 0.
            out.u32(IFLA_LINK, self.info.peer.as_ref().map_or(0, |peer| peer.ifindex.get()));
        }
    }
}

/// `struct rtnl_link_stats64`, then `struct rtnl_link_stats`: the same numbers in their
/// low halves. The last one, rx_otherhost_dropped, only the first has.
fn write_stats(stats: &StatsSnapshot, out: &mut Writer<'_>) {
    let mut counters = [0_u64; 25];
    counters[..9].copy_from_slice(&[
        stats.rx_packets,
        stats.tx_packets,
        stats.rx_bytes,
        stats.tx_bytes,
        0,
        0,
        stats.rx_dropped,
        stats.tx_dropped,
        stats.multicast,
    ]);
    let mut wide = [0; 200];
    let mut narrow = [0; 96];
    for (to, counter) in wide.chunks_exact_mut(8).zip(counters) {
        to.copy_from_slice(&counter.to_le_bytes());
    }
    for (to, counter) in narrow.chunks_exact_mut(4).zip(counters) {
        to.copy_from_slice(&counter.to_le_bytes()[..4]);
    }
    out.bytes(IFLA_STATS64, &wide);
    out.bytes(IFLA_STATS, &narrow);
}

/// `IPV4_DEVCONF_*` as an array from 1 on (include/uapi/linux/ip.h).
fn ipv4_configuration(info: &LinkInfo) -> [u8; 132] {
    let mut bytes = [0; 132];
    for (to, value) in bytes.chunks_exact_mut(4).zip(info.link.conf4.values()) {
        to.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}
