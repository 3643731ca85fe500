//! `IFLA_INFO_DATA` of a bridge (Linux: `br_policy`, `br_changelink`, `br_fill_info`).

use alloc::sync::Arc;

use warren_bridge::Setting;
use warren_netns::Link;
use warren_netns::link::LinkInfo;
use warren_platform::Instant;

use super::abi::*;
use super::{from_ticks, of, ticks};
use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Policy, Rule, Table, Writer};
use crate::netlink::route::Request;

/// What a request may say about a bridge.
pub(super) static POLICY: Policy = Policy {
    max: MCAST_QUERIER_STATE,
    strict_from: 0,
    rules: &[
        (FORWARD_DELAY, Rule::U32),
        (HELLO_TIME, Rule::U32),
        (MAX_AGE, Rule::U32),
        (AGEING_TIME, Rule::U32),
        (STP_STATE, Rule::U32),
        (PRIORITY, Rule::U16),
        (VLAN_FILTERING, Rule::U8),
        (VLAN_PROTOCOL, Rule::U16),
        (GROUP_FWD_MASK, Rule::U16),
        (GROUP_ADDR, Rule::AtMost(6)),
        (MCAST_ROUTER, Rule::U8),
        (MCAST_SNOOPING, Rule::U8),
        (MCAST_QUERY_USE_IFADDR, Rule::U8),
        (MCAST_QUERIER, Rule::U8),
        (MCAST_HASH_ELASTICITY, Rule::U32),
        (MCAST_HASH_MAX, Rule::U32),
        (MCAST_LAST_MEMBER_CNT, Rule::U32),
        (MCAST_STARTUP_QUERY_CNT, Rule::U32),
        (MCAST_LAST_MEMBER_INTVL, Rule::U64),
        (MCAST_MEMBERSHIP_INTVL, Rule::U64),
        (MCAST_QUERIER_INTVL, Rule::U64),
        (MCAST_QUERY_INTVL, Rule::U64),
        (MCAST_QUERY_RESPONSE_INTVL, Rule::U64),
        (MCAST_STARTUP_QUERY_INTVL, Rule::U64),
        (NF_CALL_IPTABLES, Rule::U8),
        (NF_CALL_IP6TABLES, Rule::U8),
        (NF_CALL_ARPTABLES, Rule::U8),
        (VLAN_DEFAULT_PVID, Rule::U16),
        (VLAN_STATS_ENABLED, Rule::U8),
        (MCAST_STATS_ENABLED, Rule::U8),
        (MCAST_IGMP_VERSION, Rule::U8),
        (MCAST_MLD_VERSION, Rule::U8),
        (VLAN_STATS_PER_PORT, Rule::U8),
        (MULTI_BOOLOPT, Rule::Exactly(8)),
    ],
};

/// What no bridge here is set to otherwise, in Linux's order: shown as it is, and refused
/// where a request asks for anything else.
const FIXED: &[(u16, &[u8])] = &[
    (GROUP_ADDR, &[0x01, 0x80, 0xc2, 0, 0, 0]),
    // The options there are: their values, none set, then which of them are known.
    (MULTI_BOOLOPT, &[0, 0, 0, 0, 7, 0, 0, 0]),
    // 802.1Q, in network byte order.
    (VLAN_PROTOCOL, &[0x81, 0x00]),
    (VLAN_DEFAULT_PVID, &1_u16.to_le_bytes()),
    (VLAN_STATS_ENABLED, &[0]),
    (VLAN_STATS_PER_PORT, &[0]),
    (MCAST_ROUTER, &[1]),
    (MCAST_SNOOPING, &[1]),
    (MCAST_QUERY_USE_IFADDR, &[0]),
    (MCAST_QUERIER, &[0]),
    (MCAST_STATS_ENABLED, &[0]),
    (MCAST_HASH_ELASTICITY, &16_u32.to_le_bytes()),
    (MCAST_HASH_MAX, &4_096_u32.to_le_bytes()),
    (MCAST_LAST_MEMBER_CNT, &2_u32.to_le_bytes()),
    (MCAST_STARTUP_QUERY_CNT, &2_u32.to_le_bytes()),
    (MCAST_IGMP_VERSION, &[2]),
    (MCAST_MLD_VERSION, &[1]),
    (MCAST_LAST_MEMBER_INTVL, &100_u64.to_le_bytes()),
    (MCAST_MEMBERSHIP_INTVL, &26_000_u64.to_le_bytes()),
    (MCAST_QUERIER_INTVL, &25_500_u64.to_le_bytes()),
    (MCAST_QUERY_INTVL, &12_500_u64.to_le_bytes()),
    (MCAST_QUERY_RESPONSE_INTVL, &1_000_u64.to_le_bytes()),
    (MCAST_STARTUP_QUERY_INTVL, &3_124_u64.to_le_bytes()),
    (NF_CALL_IPTABLES, &[0]),
    (NF_CALL_IP6TABLES, &[0]),
    (NF_CALL_ARPTABLES, &[0]),
];

/// Attributes that only show something: a request may carry them, Linux does not look.
const SHOWN: &[u16] = &[
    ROOT_ID,
    BRIDGE_ID,
    ROOT_PORT,
    ROOT_PATH_COST,
    TOPOLOGY_CHANGE,
    TOPOLOGY_CHANGE_DETECTED,
    HELLO_TIMER,
    TCN_TIMER,
    TOPOLOGY_CHANGE_TIMER,
    GC_TIMER,
    MCAST_QUERIER_STATE,
];

/// Refuses what cannot be, before anything is made or changed.
///
/// # Errors
/// EPROTONOSUPPORT, EINVAL as `br_validate`; EOPNOTSUPP for what is not done here.
pub(super) fn check(data: &Table<'_>) -> Result<(), Refusal> {
    if let Some(protocol) = data.get(VLAN_PROTOCOL)
        && ![[0x81, 0x00], [0x88, 0xa8]].contains(&protocol.array())
    {
        return Err(Errno::EPROTONOSUPPORT.into());
    }
    // 4095 is reserved (IEEE 802.1Q 9.6).
    if data.get(VLAN_DEFAULT_PVID).is_some_and(|pvid| pvid.u16() >= 4_095) {
        return Err(Errno::EINVAL.into());
    }
    for attr in data.iter() {
        let fixed = FIXED.iter().find(|(kind, _)| *kind == attr.kind);
        let as_it_is = fixed.is_some_and(|(_, value)| attr.payload.starts_with(value));
        let is_setting = setting(attr).is_some();
        if !as_it_is && !is_setting && !SHOWN.contains(&attr.kind) {
            return Err(Refusal::new(Errno::EOPNOTSUPP).at(attr));
        }
    }
    Ok(())
}

/// Sets what `data` says, in the order of the attributes' numbers.
///
/// # Errors
/// The first refusal; what came before it stays.
pub(super) fn apply(
    request: &Request<'_>,
    link: &Arc<Link>,
    data: &Table<'_>,
) -> Result<(), Refusal> {
    let bridge = of(link)?;
    let ns = link.namespace().ok_or(Errno::ENODEV)?;
    let admin = request.admin_of(&ns)?;
    for setting in data.iter().filter_map(setting) {
        bridge.set(&admin, setting, request.cx)?;
    }
    Ok(())
}

fn setting(attr: &Attr<'_>) -> Option<Setting> {
    Some(match attr.kind {
        FORWARD_DELAY => Setting::ForwardDelay(from_ticks(attr.u32())),
        HELLO_TIME => Setting::HelloTime(from_ticks(attr.u32())),
        MAX_AGE => Setting::MaxAge(from_ticks(attr.u32())),
        AGEING_TIME => Setting::AgeingTime(from_ticks(attr.u32())),
        STP_STATE => Setting::SpanningTree(attr.u32() != 0),
        PRIORITY => Setting::Priority(attr.u16()),
        VLAN_FILTERING => Setting::VlanFiltering(attr.u8() != 0),
        GROUP_FWD_MASK => Setting::GroupForwardMask(attr.u16()),
        _ => return None,
    })
}

/// Writes the attributes in Linux's order.
pub(super) fn fill(info: &LinkInfo, now: Instant, out: &mut Writer<'_>) {
    let Ok(bridge) = of(&info.link) else { return };
    let settings = bridge.settings();
    let short = |time| u32::try_from(ticks(time)).unwrap_or(u32::MAX);
    let sweep = bridge.next_sweep().map_or(0, |at| ticks(at.since(now)));
    out.u64(HELLO_TIMER, 0);
    out.u64(TCN_TIMER, 0);
    out.u64(TOPOLOGY_CHANGE_TIMER, 0);
    out.u64(GC_TIMER, sweep);
    out.u32(FORWARD_DELAY, short(settings.forward_delay));
    out.u32(HELLO_TIME, short(settings.hello_time));
    out.u32(MAX_AGE, short(settings.max_age));
    out.u32(AGEING_TIME, short(settings.ageing_time));
    out.u32(STP_STATE, 0);
    out.u16(PRIORITY, settings.id.priority);
    out.u8(VLAN_FILTERING, 0);
    out.u16(GROUP_FWD_MASK, settings.group_fwd_mask);
    out.bytes(BRIDGE_ID, &settings.id.to_bytes());
    // Without a spanning tree every bridge is its own root.
    out.bytes(ROOT_ID, &settings.id.to_bytes());
    out.u16(ROOT_PORT, 0);
    out.u32(ROOT_PATH_COST, 0);
    out.u8(TOPOLOGY_CHANGE, 0);
    out.u8(TOPOLOGY_CHANGE_DETECTED, 0);
    for (kind, value) in FIXED {
        out.bytes(*kind, value);
    }
}
