//! Control path: which routes are acceptable, as Linux's `fib_create_info` and
//! `fib_check_nh` decide, and what their gateways resolve to.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::fib::{Fib, FibQuery};
use super::{Nexthop, NexthopSpec, Route, RouteKind, RouteSpec, table};
use crate::error::RouteError;
use crate::ids::Ifindex;
use crate::ip::prefix;
use crate::ip::scope::Scope;
use crate::link::{Link, LinkFlags};

/// Ways one route may have.
const MAX_NEXTHOPS: usize = 256;

/// What an address is to the host, from table `id` (Linux: `inet_addr_type`).
pub(crate) fn address_kind(fib: &Fib, id: u32, addr: Ipv4Addr) -> RouteKind {
    if prefix::is_zeronet(addr) || addr.is_broadcast() {
        return RouteKind::Broadcast;
    }
    if addr.is_multicast() {
        return RouteKind::Multicast;
    }
    fib.lookup_table(id, &FibQuery::to(addr)).map_or(RouteKind::Unicast, |found| found.route.kind)
}

/// Refuses a destination with bits beyond its prefix.
pub(crate) fn check_prefix(dst: Ipv4Addr, len: u8) -> Result<(), RouteError> {
    if len > 32 {
        return Err(RouteError::InvalidPrefixLength);
    }
    if prefix::network(dst, len) != dst {
        return Err(RouteError::InvalidPrefix);
    }
    Ok(())
}

/// Turns a wish into a route, or says why not. `links` finds a link by its number.
pub(crate) fn resolve(
    fib: &Fib,
    spec: &RouteSpec,
    links: &dyn Fn(Ifindex) -> Option<Arc<Link>>,
) -> Result<Route, RouteError> {
    check_prefix(spec.dst, spec.prefix_len)?;
    if spec.scope < spec.kind.widest_scope() {
        return Err(RouteError::InvalidScope);
    }
    let id = if spec.table == 0 { table::MAIN } else { spec.table };
    let nexthops = if spec.kind.is_refusal() {
        let names_a_way = |n: &NexthopSpec| n.gateway.is_some() || n.oif.is_some();
        if spec.nexthops.len() > 1 || spec.nexthops.iter().any(names_a_way) {
            return Err(RouteError::RefusalWithNexthop);
        }
        Vec::new()
    } else if spec.scope > Scope::HOST {
        return Err(RouteError::InvalidScope);
    } else if spec.scope == Scope::HOST {
        alloc::vec![host_way(&spec.nexthops, links)?]
    } else {
        ways(fib, spec, id, links)?
    };
    if let Some(prefsrc) = spec.prefsrc {
        check_prefsrc(fib, spec, id, prefsrc)?;
    }
    Ok(Route {
        dst: spec.dst,
        prefix_len: spec.prefix_len,
        tos: spec.tos,
        table: id,
        protocol: spec.protocol,
        scope: spec.scope,
        kind: spec.kind,
        nexthops,
        prefsrc: spec.prefsrc,
        priority: spec.priority,
        metrics: spec.metrics,
    })
}

fn host_way(
    wanted: &[NexthopSpec],
    links: &dyn Fn(Ifindex) -> Option<Arc<Link>>,
) -> Result<Nexthop, RouteError> {
    let [one] = wanted else {
        return Err(if wanted.is_empty() { RouteError::NoLink } else { RouteError::HostMultipath });
    };
    if one.gateway.is_some() {
        return Err(RouteError::HostGateway);
    }
    let link = one.oif.and_then(links).ok_or(RouteError::NoLink)?;
    Ok(Nexthop {
        oif: link.ifindex(),
        link,
        gateway: None,
        scope: Scope::NOWHERE,
        weight: one.weight,
        onlink: one.onlink,
    })
}

fn ways(
    fib: &Fib,
    spec: &RouteSpec,
    id: u32,
    links: &dyn Fn(Ifindex) -> Option<Arc<Link>>,
) -> Result<Vec<Nexthop>, RouteError> {
    if spec.nexthops.is_empty() {
        return Err(RouteError::NoLink);
    }
    if spec.nexthops.len() > MAX_NEXTHOPS {
        return Err(RouteError::Invalid);
    }
    let mut ways = Vec::new();
    ways.try_reserve_exact(spec.nexthops.len()).map_err(|_| RouteError::NoMemory)?;
    for wanted in &spec.nexthops {
        ways.push(match wanted.gateway {
            Some(gateway) if wanted.onlink => onlink_way(fib, spec, wanted, gateway, links)?,
            Some(gateway) => gateway_way(fib, spec, id, wanted, gateway)?,
            None => direct_way(wanted, links)?,
        });
    }
    Ok(ways)
}

fn onlink_way(
    fib: &Fib,
    spec: &RouteSpec,
    wanted: &NexthopSpec,
    gateway: Ipv4Addr,
    links: &dyn Fn(Ifindex) -> Option<Arc<Link>>,
) -> Result<Nexthop, RouteError> {
    if spec.scope >= Scope::LINK {
        return Err(RouteError::OnlinkScope);
    }
    let link = wanted.oif.and_then(links).ok_or(RouteError::OnlinkNeedsLink)?;
    if !link.flags().contains(LinkFlags::UP) {
        return Err(RouteError::OnlinkDown);
    }
    if address_kind(fib, table::LOCAL, gateway) != RouteKind::Unicast {
        return Err(RouteError::GatewayNotUnicast);
    }
    Ok(Nexthop {
        oif: link.ifindex(),
        link,
        gateway: Some(gateway),
        scope: Scope::LINK,
        weight: wanted.weight,
        onlink: true,
    })
}

/// A gateway must itself be reachable by a route of a narrower scope than the new one's,
/// at least one on the link.
fn gateway_way(
    fib: &Fib,
    spec: &RouteSpec,
    id: u32,
    wanted: &NexthopSpec,
    gateway: Ipv4Addr,
) -> Result<Nexthop, RouteError> {
    let scope = Scope(spec.scope.0.saturating_add(1)).max(Scope::LINK);
    let query = FibQuery { oif: wanted.oif, scope, ..FibQuery::to(gateway) };
    let own_table = match id {
        table::MAIN => None,
        id if fib.has_table(id) => fib.lookup_table(id, &query).ok(),
        _ => None,
    };
    let found = match own_table {
        Some(found) => found,
        None => fib.lookup(&query).map_err(|error| match error {
            RouteError::Unreachable => RouteError::BadGateway,
            other => other,
        })?,
    };
    if !matches!(found.route.kind, RouteKind::Unicast | RouteKind::Local) {
        return Err(RouteError::GatewayNotUnicast);
    }
    let through = &found.route.nexthops[found.way];
    if !through.link.flags().contains(LinkFlags::UP) {
        return Err(RouteError::GatewayDown);
    }
    Ok(Nexthop {
        link: through.link.clone(),
        oif: through.oif,
        gateway: Some(gateway),
        scope: found.route.scope,
        weight: wanted.weight,
        onlink: false,
    })
}

fn direct_way(
    wanted: &NexthopSpec,
    links: &dyn Fn(Ifindex) -> Option<Arc<Link>>,
) -> Result<Nexthop, RouteError> {
    if wanted.onlink {
        return Err(RouteError::OnlinkNeedsGateway);
    }
    let link = wanted.oif.and_then(links).ok_or(RouteError::NoLink)?;
    if !link.flags().contains(LinkFlags::UP) {
        return Err(RouteError::LinkDown);
    }
    Ok(Nexthop {
        oif: link.ifindex(),
        link,
        gateway: None,
        scope: Scope::HOST,
        weight: wanted.weight,
        onlink: false,
    })
}

fn check_prefsrc(
    fib: &Fib,
    spec: &RouteSpec,
    id: u32,
    prefsrc: Ipv4Addr,
) -> Result<(), RouteError> {
    if spec.kind == RouteKind::Local && spec.dst == prefsrc && !prefsrc.is_unspecified() {
        return Ok(());
    }
    let id = if id == table::MAIN { table::LOCAL } else { id };
    let local = |id| address_kind(fib, id, prefsrc) == RouteKind::Local;
    if local(id) || local(table::LOCAL) { Ok(()) } else { Err(RouteError::BadSource) }
}
