//! /proc/net/route and arp.

use alloc::sync::Arc;

use warren_netns::ip::route::{Metrics, RouteKind, table};
use warren_netns::link::HardwareType;
use warren_netns::neighbour::NeighbourState;
use warren_netns::{Cx, MacAddr, Namespace};

use super::as_stored;
use crate::abi::{ATF_COM, ATF_PERM, RTF_GATEWAY, RTF_HOST, RTF_REJECT, RTF_UP};
use crate::errno::Errno;
use crate::ioctl::mask;
use crate::text::{Text, put};

/// RTAX_WINDOW and RTAX_RTT (include/uapi/linux/rtnetlink.h).
const METRIC_WINDOW: usize = 3;
const METRIC_RTT: usize = 4;
/// Lines are this wide.
const WIDTH: usize = 127;

/// `fib_route_seq_show` (net/ipv4/fib_trie.c): the main table.
pub(super) fn route(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    if !ns.has_route_tables() {
        return Ok(());
    }
    let start = text.mark();
    text.add("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
    text.pad(start, WIDTH);
    for route in ns.routes()? {
        let skipped = matches!(route.kind, RouteKind::Broadcast | RouteKind::Multicast);
        if route.table != table::MAIN || skipped {
            continue;
        }
        let first = route.nexthops.first();
        let gateway = first.and_then(|way| way.gateway);
        let mut flags = RTF_UP;
        if matches!(route.kind, RouteKind::Unreachable | RouteKind::Prohibit) {
            flags |= RTF_REJECT;
        }
        if gateway.is_some() {
            flags |= RTF_GATEWAY;
        }
        if route.prefix_len == 32 {
            flags |= RTF_HOST;
        }
        let start = text.mark();
        match first {
            Some(way) => text.bytes(way.link.name().as_bytes()),
            None => text.add("*"),
        }
        let advmss = route.metrics.get(Metrics::ADVMSS);
        put!(
            text,
            "\t{:08X}\t{:08X}\t{:04X}\t{}\t{}\t{}\t{:08X}\t{}\t{}\t{}",
            as_stored(route.dst),
            gateway.map_or(0, as_stored),
            flags,
            0,
            0,
            route.priority.cast_signed(),
            as_stored(mask(route.prefix_len)),
            if advmss == 0 { 0 } else { advmss + 40 },
            route.metrics.get(METRIC_WINDOW),
            route.metrics.get(METRIC_RTT) >> 3,
        );
        text.pad(start, WIDTH);
    }
    Ok(())
}

/// `arp_seq_show` (net/ipv4/arp.c). Entries that need no resolution are not shown.
pub(super) fn arp(text: &mut Text, ns: &Arc<Namespace>, _cx: &Cx<'_>) -> Result<(), Errno> {
    text.add("IP address       HW type     Flags       HW address            Mask     Device\n");
    for neighbour in ns.neighbours()? {
        if neighbour.state.contains(NeighbourState::NOARP) {
            continue;
        }
        let Some(link) = ns.link(neighbour.ifindex) else { continue };
        let flags = if neighbour.state.contains(NeighbourState::PERMANENT) {
            ATF_PERM | ATF_COM
        } else if neighbour.state.intersects(NeighbourState::VALID) {
            ATF_COM
        } else {
            0
        };
        let start = text.mark();
        put!(text, "{}", neighbour.addr);
        text.fill(start, 16);
        put!(text, " 0x{:<10x}0x{flags:<10x}", HardwareType::Ethernet as u16);
        put!(text, "{}     *        ", neighbour.mac.unwrap_or(MacAddr::ZERO));
        text.bytes(link.name().as_bytes());
        text.add("\n");
    }
    Ok(())
}
