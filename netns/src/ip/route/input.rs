//! Data path: what becomes of a packet that came in (Linux: `ip_route_input_slow`): ours,
//! on its way elsewhere, or refused.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use super::RouteKind;
use super::fib::FibQuery;
use super::lookup::{Flow, RouteDecision, decide, flow_hash, local_decision};
use crate::error::RouteError;
use crate::ids::Ifindex;
use crate::ip::Tables;
use crate::ip::conf::Devconf;
use crate::ip::prefix;
use crate::ip::scope::Scope;
use crate::link::Link;
use crate::namespace::Namespace;

/// Why a received packet has no way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum InputRefusal {
    /// Its source cannot be: a group, a loopback, one of ours, or off the reverse path.
    MartianSource(RouteError),
    /// Its destination cannot be.
    MartianDestination,
    /// It is not for us and the link it came by does not forward.
    NotForwarding,
    /// The routes say no.
    NoRoute(RouteError),
}

impl InputRefusal {
    /// What `ip route get ... iif` reports.
    pub(crate) const fn error(self) -> RouteError {
        match self {
            Self::MartianSource(error) | Self::NoRoute(error) => error,
            Self::MartianDestination => RouteError::Invalid,
            Self::NotForwarding => RouteError::HostUnreachable,
        }
    }
}

impl Namespace {
    /// The way of a packet that came in by `link`. The decision's kind is LOCAL, BROADCAST
    /// or MULTICAST for what is delivered here, UNICAST for what is forwarded.
    pub(crate) fn route_input(
        &self,
        flow: &Flow,
        link: &Arc<Link>,
    ) -> Result<RouteDecision, InputRefusal> {
        let src = flow.src.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let dst = flow.dst;
        let conf = &self.ip.conf;
        let localnet = conf.either(&link.conf4, Devconf::RouteLocalnet);
        let lo = self.link(Ifindex::LOOPBACK).ok_or(InputRefusal::MartianDestination)?;
        let martian_source = InputRefusal::MartianSource(RouteError::Invalid);
        let tables = self.ip.tables.read();
        if dst.is_multicast() {
            if !self.ip.groups.has(link, dst) {
                return Err(InputRefusal::MartianDestination);
            }
            // Linux, ip_mc_validate_source.
            let link_local_unnumbered = src.is_unspecified() && prefix::is_local_multicast(dst);
            if src.is_multicast() || src.is_broadcast() || src.is_loopback() && !localnet {
                return Err(martian_source);
            }
            if prefix::is_zeronet(src) && !link_local_unnumbered {
                return Err(martian_source);
            }
            let decision = local_decision(lo, None, dst, src);
            return Ok(RouteDecision { kind: RouteKind::Multicast, ..decision });
        }
        if src.is_multicast() || src.is_broadcast() {
            return Err(martian_source);
        }
        let for_everybody = |found| RouteDecision {
            kind: RouteKind::Broadcast,
            ..local_decision(lo.clone(), found, dst, src)
        };
        if dst.is_broadcast() || src.is_unspecified() && dst.is_unspecified() {
            if !prefix::is_zeronet(src) {
                self.validate_source(&tables, link, flow, None)?;
            }
            return Ok(for_everybody(None));
        }
        if prefix::is_zeronet(src) || src.is_loopback() && !dst.is_loopback() && !localnet {
            return Err(martian_source);
        }
        if prefix::is_zeronet(dst) || dst.is_loopback() && !localnet {
            return Err(InputRefusal::MartianDestination);
        }
        let forwarding = link.conf4.is_on(Devconf::Forwarding);
        let query = FibQuery {
            tos: flow.tos & 0x1c,
            hash: flow_hash(flow),
            linkdown: self.ip.linkdown(),
            ..FibQuery::to(dst)
        };
        let found = match tables.fib.lookup(&query) {
            Ok(found) => found,
            Err(_) if !forwarding => return Err(InputRefusal::NotForwarding),
            Err(error) => return Err(InputRefusal::NoRoute(error)),
        };
        match found.route.kind {
            RouteKind::Broadcast => {
                self.validate_source(&tables, link, flow, None)?;
                Ok(for_everybody(Some(&found)))
            }
            RouteKind::Local => {
                self.validate_source(&tables, link, flow, None)?;
                Ok(local_decision(lo, Some(&found), dst, src))
            }
            _ if !forwarding => Err(InputRefusal::NotForwarding),
            RouteKind::Unicast => {
                let way = &found.route.nexthops[found.way];
                let near = self.validate_source(&tables, link, flow, Some(way.oif))?;
                let mut decision = decide(&found, way, dst, src);
                decision.redirect = near && way.oif == link.ifindex();
                Ok(decision)
            }
            _ => Err(InputRefusal::MartianDestination),
        }
    }

    /// Whether a packet from `flow.src` may come in by `link` (Linux:
    /// `fib_validate_source`). `Ok(true)`: the sender is on that very link.
    fn validate_source(
        &self,
        tables: &Tables,
        link: &Arc<Link>,
        flow: &Flow,
        oif: Option<Ifindex>,
    ) -> Result<bool, InputRefusal> {
        let src = flow.src.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let conf = &self.ip.conf;
        let filter = conf.greater(&link.conf4, Devconf::RpFilter);
        let accept_local = conf.either(&link.conf4, Devconf::AcceptLocal);
        let redirects =
            oif == Some(link.ifindex()) && conf.either(&link.conf4, Devconf::SendRedirects);
        if filter == 0 && !redirects {
            return if !accept_local && tables.addresses.is_local(src) {
                Err(InputRefusal::MartianSource(RouteError::Invalid))
            } else {
                Ok(false)
            };
        }
        let off_path = Err(InputRefusal::MartianSource(RouteError::CrossDevice));
        let query = FibQuery { tos: flow.tos & 0x1c, ..FibQuery::to(src) };
        let Ok(back) = tables.fib.lookup(&query) else {
            return if filter == 0 { Ok(false) } else { off_path };
        };
        let acceptable = back.route.kind == RouteKind::Unicast
            || back.route.kind == RouteKind::Local && accept_local;
        if !acceptable {
            return Err(InputRefusal::MartianSource(RouteError::Invalid));
        }
        if let Some(way) = back.route.nexthops.iter().find(|way| way.oif == link.ifindex()) {
            return Ok(way.scope >= Scope::HOST);
        }
        if filter == 1 {
            return off_path;
        }
        let by_link = FibQuery { oif: Some(link.ifindex()), ..query };
        match tables.fib.lookup(&by_link) {
            Ok(found) if found.route.kind == RouteKind::Unicast => {
                Ok(found.route.nexthops[found.way].scope >= Scope::HOST)
            }
            _ => Ok(false),
        }
    }
}
