//! A route as a message (Linux: `fib_dump_info`).

use core::net::Ipv4Addr;

use warren_netns::ip::{Metrics, Nexthop, Route};

use super::abi::*;
use crate::netlink::abi::AF_INET;
use crate::netlink::attr::Writer;

/// `struct rtmsg` and the attributes, in Linux's order.
pub(in crate::netlink::route) fn write(route: &Route, out: &mut Writer<'_>) {
    let header = RtMsg {
        dst_len: route.prefix_len,
        src_len: 0,
        tos: route.tos,
        table: table_byte(route.table),
        protocol: route.protocol,
        scope: route.scope.0,
        kind: route.kind as u8,
        flags: route.flags(),
    };
    out.raw(&encode(&header));
    out.u32(RTA_TABLE, route.table);
    if route.prefix_len != 0 {
        out.bytes(RTA_DST, &route.dst.octets());
    }
    if route.priority != 0 {
        out.u32(RTA_PRIORITY, route.priority);
    }
    write_metrics(&route.metrics, out);
    if let Some(prefsrc) = route.prefsrc {
        out.bytes(RTA_PREFSRC, &prefsrc.octets());
    }
    match &route.nexthops[..] {
        [] => {}
        [way] => {
            if let Some(gateway) = way.gateway {
                out.bytes(RTA_GATEWAY, &gateway.octets());
            }
            out.u32(RTA_OIF, way.oif.get());
        }
        ways => out.nest(RTA_MULTIPATH, |out| ways.iter().for_each(|way| write_way(way, out))),
    }
}

/// `rtm_table`: the number, or that it is larger.
pub(super) fn table_byte(table: u32) -> u8 {
    u8::try_from(table).unwrap_or(TABLE_COMPAT)
}

pub(super) fn encode(header: &RtMsg) -> [u8; FIXED] {
    let mut bytes = [0; FIXED];
    bytes[..8].copy_from_slice(&[
        AF_INET,
        header.dst_len,
        header.src_len,
        header.tos,
        header.table,
        header.protocol,
        header.scope,
        header.kind,
    ]);
    bytes[8..].copy_from_slice(&header.flags.to_le_bytes());
    bytes
}

pub(super) fn write_metrics(metrics: &Metrics, out: &mut Writer<'_>) {
    out.nest_unless_empty(RTA_METRICS, |out| {
        for (number, value) in metrics.iter() {
            out.u32(u16::try_from(number).unwrap_or(RTAX_MAX), value);
        }
    });
}

/// `struct rtnexthop` and its gateway.
fn write_way(way: &Nexthop, out: &mut Writer<'_>) {
    let gateway: Option<Ipv4Addr> = way.gateway;
    let len: u16 = if gateway.is_some() { 16 } else { 8 };
    let mut fixed = [0; 8];
    fixed[..2].copy_from_slice(&len.to_le_bytes());
    fixed[2] = way.flags().to_le_bytes()[0];
    fixed[3] = u8::try_from(way.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    fixed[4..].copy_from_slice(&way.oif.get().to_le_bytes());
    out.raw(&fixed);
    if let Some(gateway) = gateway {
        out.bytes(RTA_GATEWAY, &gateway.octets());
    }
}
