//! Which routes follow from an address: `local` to itself, `broadcast` to its broadcast
//! addresses, and one to its network (Linux: `fib_add_ifaddr`, `fib_del_ifaddr`).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{NexthopSpec, PROTOCOL_KERNEL, RouteKind, RouteSelector, RouteSpec, table};
use crate::ids::Ifindex;
use crate::ip::address::{Address, AddressFlags};
use crate::ip::prefix;
use crate::ip::scope::Scope;

/// One route that follows from an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Derived {
    ifindex: Ifindex,
    pub(crate) kind: RouteKind,
    pub(crate) dst: Ipv4Addr,
    prefix_len: u8,
    prefsrc: Ipv4Addr,
    priority: u32,
    /// The route to the address's network, not to one address of it.
    is_network: bool,
}

/// Kind, destination, prefix length, preferred source.
pub(crate) type DerivedKey = (u8, Ipv4Addr, u8, Ipv4Addr);

/// The routes that follow from `address`, in the order Linux adds them. `primary` is the
/// primary address of its network (itself, if it is that).
pub(crate) fn routes_of(
    address: &Address,
    primary: &Address,
    link_up: bool,
    loopback: bool,
) -> Vec<Derived> {
    let mut routes = Vec::with_capacity(4);
    let route = |kind, dst, prefix_len, priority| Derived {
        ifindex: address.ifindex,
        kind,
        dst,
        prefix_len,
        prefsrc: primary.local,
        priority,
        is_network: false,
    };
    routes.push(route(RouteKind::Local, address.local, 32, 0));
    if !link_up {
        return routes;
    }
    if let Some(broadcast) = address.broadcast.filter(|addr| !addr.is_broadcast()) {
        routes.push(route(RouteKind::Broadcast, broadcast, 32, 0));
    }
    let network = address.network();
    let len = address.prefix_len;
    let is_host = network == address.local && len == 32;
    if prefix::is_zeronet(network) || address.is_secondary() || is_host {
        return routes;
    }
    if !address.flags.contains(AddressFlags::NOPREFIXROUTE) {
        let kind = if loopback { RouteKind::Local } else { RouteKind::Unicast };
        let route = route(kind, network, len, address.route_priority);
        routes.push(Derived { is_network: true, ..route });
    }
    if len < 31 {
        let broadcast = prefix::broadcast(network, len);
        if Some(broadcast) != address.broadcast {
            routes.push(route(RouteKind::Broadcast, broadcast, 32, 0));
        }
    }
    routes
}

impl Derived {
    /// What tells it from others as far as the FIB can tell; all of them are of one link.
    pub(crate) const fn key(&self) -> DerivedKey {
        (self.kind as u8, self.dst, self.prefix_len, self.prefsrc)
    }

    /// Its place among the routes of one address when they are deleted: the network, the
    /// broadcasts, the address itself.
    pub(crate) const fn deletion_order(&self) -> u8 {
        match self.kind {
            _ if self.is_network => 0,
            RouteKind::Broadcast => 1,
            _ => 2,
        }
    }

    const fn table(&self) -> u32 {
        if matches!(self.kind, RouteKind::Unicast) { table::MAIN } else { table::LOCAL }
    }

    const fn scope(&self) -> Scope {
        if matches!(self.kind, RouteKind::Local) { Scope::HOST } else { Scope::LINK }
    }

    /// The route to add.
    pub(crate) fn spec(&self) -> RouteSpec {
        RouteSpec {
            dst: self.dst,
            prefix_len: self.prefix_len,
            tos: 0,
            table: self.table(),
            protocol: PROTOCOL_KERNEL,
            scope: self.scope(),
            kind: self.kind,
            nexthops: alloc::vec![NexthopSpec::new(None, Some(self.ifindex))],
            prefsrc: Some(self.prefsrc),
            priority: self.priority,
            metrics: super::Metrics::default(),
        }
    }

    /// The route to delete.
    pub(crate) fn selector(&self) -> RouteSelector {
        RouteSelector {
            table: self.table(),
            protocol: PROTOCOL_KERNEL,
            scope: self.scope(),
            kind: Some(self.kind),
            nexthops: alloc::vec![NexthopSpec::new(None, Some(self.ifindex))],
            prefsrc: Some(self.prefsrc),
            ..RouteSelector::to(self.dst, self.prefix_len)
        }
    }
}
