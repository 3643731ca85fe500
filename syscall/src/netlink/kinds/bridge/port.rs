//! `IFLA_INFO_SLAVE_DATA` of a bridge's port, which is `IFLA_PROTINFO` of `AF_BRIDGE` too
//! (Linux: `br_port_policy`, `br_setport`, `br_port_fill_attrs`).

use alloc::sync::Arc;

use warren_bridge::{PortFlags, PortSetting, PortState};
use warren_netns::Link;

use super::abi::*;
use super::{announce, of};
use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Policy, Rule, Table, Writer};
use crate::netlink::route::Request;

/// What a request may say about a port.
pub(in crate::netlink) static POLICY: Policy = Policy {
    max: PORT_LOCKED,
    strict_from: 0,
    rules: &[
        (PORT_STATE, Rule::U8),
        (PORT_COST, Rule::U32),
        (PORT_PRIORITY, Rule::U16),
        (PORT_MODE, Rule::U8),
        (PORT_GUARD, Rule::U8),
        (PORT_PROTECT, Rule::U8),
        (PORT_FAST_LEAVE, Rule::U8),
        (PORT_LEARNING, Rule::U8),
        (PORT_UNICAST_FLOOD, Rule::U8),
        (PORT_PROXYARP, Rule::U8),
        (PORT_PROXYARP_WIFI, Rule::U8),
        (PORT_MULTICAST_ROUTER, Rule::U8),
        (PORT_MCAST_TO_UCAST, Rule::U8),
        (PORT_MCAST_FLOOD, Rule::U8),
        (PORT_BCAST_FLOOD, Rule::U8),
        (PORT_VLAN_TUNNEL, Rule::U8),
        (PORT_GROUP_FWD_MASK, Rule::U16),
        (PORT_NEIGH_SUPPRESS, Rule::U8),
        (PORT_ISOLATED, Rule::U8),
        (PORT_BACKUP_PORT, Rule::U32),
        (PORT_LOCKED, Rule::U8),
        (PORT_MCAST_EHT_HOSTS_LIMIT, Rule::U32),
    ],
};

/// Switches a port here has only off.
const OFF: &[u16] = &[
    PORT_GUARD,
    PORT_PROTECT,
    PORT_FAST_LEAVE,
    PORT_MCAST_TO_UCAST,
    PORT_PROXYARP,
    PORT_PROXYARP_WIFI,
    PORT_VLAN_TUNNEL,
    PORT_NEIGH_SUPPRESS,
    PORT_LOCKED,
];
/// `IFLA_BRPORT_MULTICAST_ROUTER`: routers are learned; `..._MCAST_EHT_HOSTS_LIMIT`.
const MULTICAST_ROUTER: u8 = 1;
const EHT_HOSTS_LIMIT: u32 = 512;

/// Sets what `data` says of the port that `link` is.
///
/// # Errors
/// EOPNOTSUPP for what is not done here, checked first; then the first refusal.
pub(in crate::netlink) fn apply(
    request: &Request<'_>,
    master: &Arc<Link>,
    link: &Arc<Link>,
    data: &Table<'_>,
) -> Result<(), Refusal> {
    let bridge = of(master)?;
    let ns = master.namespace().ok_or(Errno::ENODEV)?;
    let admin = request.admin_of(&ns)?;
    for attr in data.iter() {
        let as_it_is = match attr.kind {
            kind if OFF.contains(&kind) => attr.u8() == 0,
            PORT_MULTICAST_ROUTER => attr.u8() == MULTICAST_ROUTER,
            PORT_MCAST_EHT_HOSTS_LIMIT => attr.u32() == EHT_HOSTS_LIMIT,
            PORT_BACKUP_PORT => attr.u32() == 0,
            PORT_FLUSH => false,
            // The rest only shows something.
            _ => true,
        };
        if !as_it_is {
            return Err(Refusal::new(Errno::EOPNOTSUPP).at(attr));
        }
    }
    for attr in data.iter() {
        if let Some(setting) = setting(attr)? {
            bridge.set_port(&admin, link, setting)?;
        }
    }
    announce(request, link)
}

fn setting(attr: &Attr<'_>) -> Result<Option<PortSetting>, Refusal> {
    let flag = |flag| PortSetting::Flag(flag, attr.u8() != 0);
    Ok(Some(match attr.kind {
        PORT_STATE => PortSetting::State(PortState::from_number(attr.u8()).ok_or(Errno::EINVAL)?),
        PORT_COST => PortSetting::PathCost(attr.u32()),
        // Too large a number is refused by the bridge, whichever it is.
        PORT_PRIORITY => PortSetting::Priority(u8::try_from(attr.u16()).unwrap_or(u8::MAX)),
        PORT_MODE => flag(PortFlags::HAIRPIN),
        PORT_LEARNING => flag(PortFlags::LEARNING),
        PORT_UNICAST_FLOOD => flag(PortFlags::FLOOD),
        PORT_MCAST_FLOOD => flag(PortFlags::MULTICAST_FLOOD),
        PORT_BCAST_FLOOD => flag(PortFlags::BROADCAST_FLOOD),
        PORT_ISOLATED => flag(PortFlags::ISOLATED),
        PORT_GROUP_FWD_MASK => PortSetting::GroupForwardMask(attr.u16()),
        _ => return Ok(None),
    }))
}

/// Writes the attributes in Linux's order.
pub(in crate::netlink) fn fill(master: &Arc<Link>, link: &Arc<Link>, out: &mut Writer<'_>) {
    let Ok(bridge) = of(master) else { return };
    let Some(port) = bridge.port_of(link) else { return };
    let id = bridge.settings().id.to_bytes();
    let flags = port.flags();
    let flag = |flag| u8::from(flags.contains(flag));
    out.u8(PORT_STATE, port.state() as u8);
    out.u16(PORT_PRIORITY, u16::from(port.priority()));
    out.u32(PORT_COST, port.path_cost());
    out.u8(PORT_MODE, flag(PortFlags::HAIRPIN));
    out.u8(PORT_GUARD, 0);
    out.u8(PORT_PROTECT, 0);
    out.u8(PORT_FAST_LEAVE, 0);
    out.u8(PORT_MCAST_TO_UCAST, 0);
    out.u8(PORT_LEARNING, flag(PortFlags::LEARNING));
    out.u8(PORT_UNICAST_FLOOD, flag(PortFlags::FLOOD));
    out.u8(PORT_MCAST_FLOOD, flag(PortFlags::MULTICAST_FLOOD));
    out.u8(PORT_BCAST_FLOOD, flag(PortFlags::BROADCAST_FLOOD));
    out.u8(PORT_PROXYARP, 0);
    out.u8(PORT_PROXYARP_WIFI, 0);
    // Without a spanning tree this bridge is the root and the designated one everywhere.
    out.bytes(PORT_ROOT_ID, &id);
    out.bytes(PORT_BRIDGE_ID, &id);
    out.u16(PORT_DESIGNATED_PORT, port.id());
    out.u16(PORT_DESIGNATED_COST, 0);
    out.u16(PORT_ID, port.id());
    out.u16(PORT_NO, port.number());
    out.u8(PORT_TOPOLOGY_CHANGE_ACK, 0);
    out.u8(PORT_CONFIG_PENDING, 0);
    out.u8(PORT_VLAN_TUNNEL, 0);
    out.u16(PORT_GROUP_FWD_MASK, port.group_fwd_mask());
    out.u8(PORT_NEIGH_SUPPRESS, 0);
    out.u8(PORT_MRP_RING_OPEN, 0);
    out.u8(PORT_MRP_IN_OPEN, 0);
    out.u8(PORT_ISOLATED, flag(PortFlags::ISOLATED));
    out.u8(PORT_LOCKED, 0);
    out.u64(PORT_MESSAGE_AGE_TIMER, 0);
    out.u64(PORT_FORWARD_DELAY_TIMER, 0);
    out.u64(PORT_HOLD_TIMER, 0);
    out.u8(PORT_MULTICAST_ROUTER, MULTICAST_ROUTER);
    out.u32(PORT_MCAST_EHT_HOSTS_LIMIT, EHT_HOSTS_LIMIT);
    out.u32(PORT_MCAST_EHT_HOSTS_CNT, 0);
}
