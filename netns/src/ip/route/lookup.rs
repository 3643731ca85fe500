//! Data path: the way for a flow that starts here (Linux: `ip_route_output_key`), and what
//! `ip route get` answers. (The way in: [`input`](super::input).)

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use super::fib::{FibQuery, Found};
use super::{Metrics, Nexthop, Route, RouteKind, table};
use crate::error::RouteError;
use crate::ids::Ifindex;
use crate::ip::prefix;
use crate::ip::scope::Scope;
use crate::link::{Link, LinkFlags};
use crate::namespace::Namespace;

/// What is to be sent, or was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// Destination.
    pub dst: Ipv4Addr,
    /// Source, if the sender chose one.
    pub src: Option<Ipv4Addr>,
    /// The link it shall leave by (`SO_BINDTODEVICE`).
    pub oif: Option<Ifindex>,
    /// The link it came in by; `None` for what is sent here.
    pub iif: Option<Ifindex>,
    /// Type of service.
    pub tos: u8,
    /// Firewall mark.
    pub mark: u32,
    /// Who sends.
    pub uid: u32,
    /// Only routes of at least this scope (`MSG_DONTROUTE` asks for LINK).
    pub scope: Scope,
    /// The sender may use a source address that is not ours (transparent proxies, raw
    /// sockets with their own header).
    pub any_source: bool,
}

impl Flow {
    /// Something sent here to `dst`, everything else left open.
    #[must_use]
    pub const fn to(dst: Ipv4Addr) -> Self {
        Self {
            dst,
            src: None,
            oif: None,
            iif: None,
            tos: 0,
            mark: 0,
            uid: 0,
            scope: Scope::UNIVERSE,
            any_source: false,
        }
    }
}

/// The way a flow takes.
#[derive(Clone, Debug)]
pub struct RouteDecision {
    /// LOCAL: it is for us. BROADCAST, MULTICAST: for us too, maybe. UNICAST: for one host.
    pub kind: RouteKind,
    /// Where it leaves: `lo` for what is local.
    pub link: Arc<Link>,
    /// The link the address belongs to, where `link` is `lo` on its behalf.
    pub original_oif: Option<Ifindex>,
    /// The destination looked up (a flow to 0.0.0.0 goes to ourselves).
    pub dst: Ipv4Addr,
    /// The source address: the flow's, or the one chosen for it.
    pub source: Ipv4Addr,
    /// The gateway, if one is passed.
    pub gateway: Option<Ipv4Addr>,
    /// `RTA_TABLE` of an answer: the table the route was found in.
    pub table: u32,
    /// The route found; `None` where none was needed.
    pub route: Option<Arc<Route>>,
    /// The largest packet: the route's MTU metric or the link's MTU.
    pub mtu: u32,
    /// Its metrics.
    pub metrics: Metrics,
    /// A forwarded packet leaves by the link it came in by, its sender beside us: the sender
    /// is told of the better way (RTCF_DOREDIRECT).
    pub redirect: bool,
}

impl RouteDecision {
    /// Whose link-layer address is needed: the gateway's or the destination's.
    #[must_use]
    pub fn next_hop(&self) -> Ipv4Addr {
        self.gateway.unwrap_or(self.dst)
    }

    /// The MTU a forwarder obeys: the link's, or a locked metric.
    #[must_use]
    pub(crate) fn forward_mtu(&self) -> u32 {
        if self.has_locked_mtu() { self.mtu } else { self.link.mtu().0 }
    }

    /// Whether the route's MTU metric is not to be lowered by what routers say.
    pub(crate) fn has_locked_mtu(&self) -> bool {
        self.metrics.get(Metrics::LOCK) & (1 << Metrics::MTU) != 0
    }

    /// Whether the packet comes back to this namespace.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.link.flags().contains(LinkFlags::LOOPBACK)
    }
}

impl Namespace {
    /// The way out for a flow that starts here; with `iif` set, what would become of it
    /// had it come in there.
    ///
    /// # Errors
    /// [`RouteError::Unreachable`] and the other refusals of a lookup;
    /// [`RouteError::Invalid`] for a source or destination no packet may have;
    /// [`RouteError::NoLink`] for an unknown link.
    pub fn lookup_route(&self, flow: &Flow) -> Result<RouteDecision, RouteError> {
        match flow.iif {
            None => {
                let mut way = self.route_output(flow)?;
                let known = self.ip.path_mtus.get(way.dst);
                if let Some(mtu) = known.filter(|_| !way.is_local() && !way.has_locked_mtu()) {
                    way.mtu = way.mtu.min(mtu);
                }
                Ok(way)
            }
            Some(iif) => {
                let link = self.link(iif).ok_or(RouteError::NoLink)?;
                self.route_input(flow, &link).map_err(|refusal| refusal.error())
            }
        }
    }

    /// The source address for what goes to `dst` through `oif`.
    #[must_use]
    pub fn select_source(&self, dst: Ipv4Addr, oif: Ifindex) -> Option<Ipv4Addr> {
        let tables = self.ip.tables.read();
        tables.addresses.select_source(oif, Some(dst), Scope::UNIVERSE)
    }

    fn route_output(&self, flow: &Flow) -> Result<RouteDecision, RouteError> {
        // Locks: the link table comes before the routes.
        let lo = self.link(Ifindex::LOOPBACK).ok_or(RouteError::Unreachable)?;
        let oif = match flow.oif {
            Some(index) => Some(self.link(index).ok_or(RouteError::NoLink)?),
            None => None,
        };
        if let Some(src) = flow.src {
            if src.is_multicast() || src.is_broadcast() || prefix::is_zeronet(src) {
                return Err(RouteError::Invalid);
            }
            let to_all = flow.dst.is_multicast() || flow.dst.is_broadcast();
            if oif.is_none() && to_all {
                let owner = self.ip.tables.read().addresses.owner(src);
                let link = owner.and_then(|index| self.link(index)).ok_or(RouteError::Invalid)?;
                return self.direct(flow, flow.dst, src, link);
            }
            if !flow.any_source && !self.is_local_address(src) {
                return Err(RouteError::Unreachable);
            }
        }
        let tables = self.ip.tables.read();
        let select = |link: &Link, scope| {
            let chosen = tables.addresses.select_source(link.ifindex(), None, scope);
            chosen.unwrap_or(Ipv4Addr::UNSPECIFIED)
        };
        let mut src = flow.src;
        if let Some(link) = &oif {
            if !link.flags().contains(LinkFlags::UP) {
                return Err(RouteError::Unreachable);
            }
            if prefix::is_local_multicast(flow.dst) || flow.dst.is_broadcast() {
                let src = src.unwrap_or_else(|| select(link, Scope::LINK));
                return self.direct(flow, flow.dst, src, link.clone());
            }
            if src.is_none() && flow.dst.is_multicast() {
                src = Some(select(link, flow.scope));
            } else if src.is_none() && flow.dst.is_unspecified() {
                src = Some(select(link, Scope::HOST));
            }
        }
        if flow.dst.is_unspecified() {
            let own = src.filter(|src| !src.is_unspecified()).unwrap_or(Ipv4Addr::LOCALHOST);
            return Ok(local_decision(lo, None, own, src.unwrap_or(own)));
        }
        let query = FibQuery {
            tos: flow.tos & 0x1c,
            oif: flow.oif,
            scope: flow.scope,
            hash: flow_hash(flow),
            linkdown: self.ip.linkdown(),
            ..FibQuery::to(flow.dst)
        };
        let found = match (tables.fib.lookup(&query), &oif) {
            (Ok(found), _) => found,
            // The user knows better than the table: the destination is on that link.
            (Err(_), Some(link)) => {
                let src = src.unwrap_or_else(|| select(link, Scope::LINK));
                return self.direct(flow, flow.dst, src, link.clone());
            }
            (Err(error), None) => return Err(error),
        };
        let way = &found.route.nexthops[found.way];
        if found.route.kind == RouteKind::Local {
            let src = src.or(found.route.prefsrc).unwrap_or(flow.dst);
            let decision = local_decision(lo, Some(&found), flow.dst, src);
            return check_output(self, flow, decision);
        }
        let src = src.or(found.route.prefsrc).or_else(|| {
            let near = way.gateway.or(Some(flow.dst));
            tables.addresses.select_source(way.oif, near, found.route.scope)
        });
        let decision = decide(&found, way, flow.dst, src.unwrap_or(Ipv4Addr::UNSPECIFIED));
        check_output(self, flow, decision)
    }

    /// Straight out of `link`, no route asked.
    fn direct(
        &self,
        flow: &Flow,
        dst: Ipv4Addr,
        source: Ipv4Addr,
        link: Arc<Link>,
    ) -> Result<RouteDecision, RouteError> {
        let decision = RouteDecision {
            kind: RouteKind::Unicast,
            mtu: link.mtu().0,
            link,
            original_oif: None,
            dst,
            source,
            gateway: None,
            table: table::MAIN,
            route: None,
            metrics: Metrics::default(),
            redirect: false,
        };
        check_output(self, flow, decision)
    }
}

/// What Linux's `__mkroute_output` checks last.
fn check_output(
    ns: &Namespace,
    flow: &Flow,
    mut decision: RouteDecision,
) -> Result<RouteDecision, RouteError> {
    let loops = decision.link.flags().contains(LinkFlags::LOOPBACK);
    let localnet = ns.ip.conf.either(&decision.link.conf4, crate::ip::conf::Devconf::RouteLocalnet);
    if decision.source.is_loopback() && !loops && !localnet {
        return Err(RouteError::Invalid);
    }
    if flow.dst.is_broadcast() {
        decision.kind = RouteKind::Broadcast;
    } else if flow.dst.is_multicast() {
        decision.kind = RouteKind::Multicast;
    } else if prefix::is_zeronet(flow.dst) {
        return Err(RouteError::Invalid);
    }
    Ok(decision)
}

pub(super) fn local_decision(
    lo: Arc<Link>,
    found: Option<&Found>,
    dst: Ipv4Addr,
    source: Ipv4Addr,
) -> RouteDecision {
    RouteDecision {
        kind: RouteKind::Local,
        mtu: lo.mtu().0,
        link: lo,
        original_oif: found.map(|found| found.route.nexthops[found.way].oif),
        dst,
        source,
        gateway: None,
        table: found.map_or(table::LOCAL, |found| found.route.table),
        route: found.map(|found| found.route.clone()),
        metrics: Metrics::default(),
        redirect: false,
    }
}

pub(super) fn decide(
    found: &Found,
    way: &Nexthop,
    dst: Ipv4Addr,
    source: Ipv4Addr,
) -> RouteDecision {
    let link_mtu = way.link.mtu().0;
    RouteDecision {
        kind: found.route.kind,
        link: way.link.clone(),
        original_oif: None,
        dst,
        source,
        gateway: way.gateway,
        table: found.route.table,
        route: Some(found.route.clone()),
        mtu: match found.route.metrics.get(Metrics::MTU) {
            0 => link_mtu,
            metric => metric.min(65_535),
        },
        metrics: found.route.metrics,
        redirect: false,
    }
}

/// Spreads flows over the ways of a multipath route (`fib_multipath_hash_policy` 0: source
/// and destination).
pub(super) const fn flow_hash(flow: &Flow) -> u32 {
    let src = match flow.src {
        Some(src) => src.to_bits(),
        None => 0,
    };
    let mixed = (flow.dst.to_bits() as u64) << 32 | src as u64;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as u32
}
