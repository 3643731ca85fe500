//! `RTM_GETROUTE`: the tables (`ip route show`), or the way to one destination
//! (`ip route get`).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::Ipv4Addr;

use warren_netns::Ifindex;
use warren_netns::ip::route::table;
use warren_netns::ip::{Flow, Route, RouteDecision, RouteKind};

use super::abi::*;
use super::message::{self, encode, table_byte, write_metrics};
use super::parse::address;
use crate::errno::Errno;
use crate::netlink::abi::{AF_INET, NLM_F_DUMP_FILTERED, RTM_NEWROUTE};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Strictness, Table, Writer};
use crate::netlink::dump::{Dump, ListDump};
use crate::netlink::route::{Answer, Request};

/// Which routes a dump shows; zero and `None` fit all.
#[derive(Clone, Copy, Debug, Default)]
struct Filter {
    table: u32,
    protocol: u8,
    kind: u8,
    oif: Option<Ifindex>,
    flags: u32,
}

impl Filter {
    fn is_set(&self) -> bool {
        self.table != 0
            || self.protocol != 0
            || self.kind != 0
            || self.oif.is_some()
            || self.flags != 0
    }

    fn shows(&self, route: &Route) -> bool {
        let oif_fits = |oif| route.nexthops.iter().any(|way| way.oif == oif);
        (self.table == 0 || route.table == self.table)
            && (self.protocol == 0 || route.protocol == self.protocol)
            && (self.kind == 0 || route.kind as u8 == self.kind)
            && self.oif.is_none_or(oif_fits)
    }
}

/// The routes of all tables, or those a strict request asks for.
pub(in crate::netlink::route) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    let filter = filter(request)?;
    // Strict requests are always told that cached routes are left out.
    let flags = if request.strict { NLM_F_DUMP_FILTERED } else { 0 };
    let done_flags = if request.strict && filter.is_set() { NLM_F_DUMP_FILTERED } else { 0 };
    // There are no cached routes, and no prefixes as IPv6 has them.
    let mut routes = alloc::vec::Vec::new();
    if filter.flags & (RTM_F_CLONED | RTM_F_PREFIX) == 0 {
        routes = request.ns.routes()?;
    }
    let has_table = filter.table == 0 || request.ns.has_route_table(filter.table);
    if !has_table && request.family() == AF_INET {
        return Err(Refusal::new(Errno::ENOENT).text("ipv4: FIB table does not exist"));
    }
    routes.retain(|route| filter.shows(route));
    let write: fn(&Arc<Route>, &mut Writer<'_>) = |route, out| message::write(route, out);
    Ok(Box::new(ListDump::new(routes, RTM_NEWROUTE, flags, done_flags, write)))
}

/// Linux: `ip_valid_fib_dump_req`.
fn filter(request: &Request<'_>) -> Result<Filter, Refusal> {
    if !request.strict {
        let flags = request.payload().first_chunk().map_or(0, |bytes| RtMsg::parse(bytes).flags);
        return Ok(Filter { flags: flags & (RTM_F_PREFIX | RTM_F_CLONED), ..Filter::default() });
    }
    let header = RtMsg::parse(request.fixed("Invalid header for FIB dump request")?);
    if header.dst_len != 0 || header.src_len != 0 || header.tos != 0 || header.scope != 0 {
        return Err(Refusal::invalid("Invalid values in header for FIB dump request"));
    }
    if header.flags & !(RTM_F_CLONED | RTM_F_PREFIX) != 0 {
        return Err(Refusal::invalid("Invalid flags for FIB dump request"));
    }
    let mut filter = Filter {
        table: u32::from(header.table),
        protocol: header.protocol,
        kind: header.kind,
        oif: None,
        flags: header.flags,
    };
    for attr in request.attributes(FIXED, &POLICY, Strictness::Known)?.iter() {
        match attr.kind {
            RTA_TABLE => filter.table = attr.u32(),
            RTA_OIF => {
                let index = Ifindex::new(attr.u32()).ok_or(Errno::ENODEV)?;
                filter.oif = Some(request.ns.link(index).ok_or(Errno::ENODEV)?.ifindex());
            }
            _ => return Err(Refusal::invalid("Unsupported attribute in dump request")),
        }
    }
    Ok(filter)
}

/// The way to one destination (Linux: `inet_rtm_getroute`).
pub(in crate::netlink::route) fn get(request: &Request<'_>) -> Result<Answer, Refusal> {
    let header = RtMsg::parse(request.fixed("ipv4: Invalid header for route get request")?);
    if request.strict {
        check_get_header(&header)?;
    }
    let table = request.attributes(FIXED, &POLICY, request.get_strictness())?;
    if request.strict {
        check_get_attributes(&header, &table)?;
    }
    let number = |kind| table.get(kind).map(Attr::u32).filter(|number| *number != 0);
    let link = |kind| match number(kind) {
        None => Ok(None),
        Some(index) => Ifindex::new(index).map(Some).ok_or(Errno::ENODEV),
    };
    let source = table.get(RTA_SRC).map(address).filter(|src| !src.is_unspecified());
    let dst = table.get(RTA_DST).map_or(Ipv4Addr::UNSPECIFIED, address);
    let iif = link(RTA_IIF)?;
    // Nobody in particular sends what comes in.
    let uid = match (table.get(RTA_UID), iif) {
        (Some(attr), _) => Some(attr.u32()),
        (None, Some(_)) => None,
        (None, None) => Some(request.caller.uid()),
    };
    let flow = Flow {
        src: source,
        oif: link(RTA_OIF)?,
        iif,
        tos: header.tos,
        mark: number(RTA_MARK).unwrap_or(0),
        uid: uid.unwrap_or(u32::MAX),
        ..Flow::to(dst)
    };
    let decision = request.ns.lookup_route(&flow)?;
    if header.flags & RTM_F_FIB_MATCH != 0 {
        let route = decision.route.clone().ok_or(Errno::EHOSTUNREACH)?;
        return request.reply(RTM_NEWROUTE, |out| message::write(&route, out));
    }
    let lookup_table = header.flags & RTM_F_LOOKUP_TABLE != 0;
    let found = Found { flow, uid, decision, lookup_table };
    request.reply(RTM_NEWROUTE, |out| found.write(out))
}

fn check_get_header(header: &RtMsg) -> Result<(), Refusal> {
    let whole = |len| len == 0 || len == 32;
    if !whole(header.dst_len)
        || !whole(header.src_len)
        || header.table != 0
        || header.protocol != 0
        || header.scope != 0
        || header.kind != 0
    {
        return Err(Refusal::invalid("ipv4: Invalid values in header for route get request"));
    }
    if header.flags & !(RTM_F_NOTIFY | RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH) != 0 {
        return Err(Refusal::invalid("ipv4: Unsupported rtm_flags for route get request"));
    }
    Ok(())
}

fn check_get_attributes(header: &RtMsg, table: &Table<'_>) -> Result<(), Refusal> {
    let without_len = |kind, len| table.get(kind).is_some() && len == 0;
    if without_len(RTA_SRC, header.src_len) || without_len(RTA_DST, header.dst_len) {
        return Err(Refusal::invalid("ipv4: rtm_src_len and rtm_dst_len must be 32 for IPv4"));
    }
    let known =
        [RTA_IIF, RTA_OIF, RTA_SRC, RTA_DST, RTA_IP_PROTO, RTA_SPORT, RTA_DPORT, RTA_MARK, RTA_UID];
    if table.iter().any(|attr| !known.contains(&attr.kind)) {
        return Err(Refusal::invalid("ipv4: Unsupported attribute in route get request"));
    }
    Ok(())
}

/// The answer to `ip route get`.
struct Found {
    flow: Flow,
    uid: Option<u32>,
    decision: RouteDecision,
    lookup_table: bool,
}

impl Found {
    /// In the order of Linux's `rt_fill_info`.
    fn write(&self, out: &mut Writer<'_>) {
        let Self { flow, decision, .. } = self;
        // RT_TABLE_MAIN, unless the asker wants to know.
        // Without rules of its own a namespace looks up both tables in one trie, and Linux
        // names that "main" (fib_lookup, fib_trie_unmerge).
        let named = self.lookup_table && decision.table != table::LOCAL;
        let table = if named { decision.table } else { table::MAIN };
        let about = match decision.kind {
            RouteKind::Local => RTCF_LOCAL,
            RouteKind::Broadcast => RTCF_BROADCAST,
            RouteKind::Multicast => RTCF_MULTICAST,
            _ => 0,
        };
        let header = RtMsg {
            dst_len: 32,
            src_len: if flow.src.is_some() { 32 } else { 0 },
            tos: flow.tos,
            table: table_byte(table),
            protocol: 0,
            scope: 0,
            kind: decision.kind as u8,
            flags: about | RTM_F_CLONED,
        };
        out.raw(&encode(&header));
        out.u32(RTA_TABLE, table);
        out.bytes(RTA_DST, &decision.dst.octets());
        if let Some(src) = flow.src {
            out.bytes(RTA_SRC, &src.octets());
        }
        out.u32(RTA_OIF, decision.link.ifindex().get());
        if flow.iif.is_none() && flow.src != Some(decision.source) {
            out.bytes(RTA_PREFSRC, &decision.source.octets());
        }
        if let Some(gateway) = decision.gateway {
            out.bytes(RTA_GATEWAY, &gateway.octets());
        }
        write_metrics(&decision.metrics, out);
        if flow.mark != 0 {
            out.u32(RTA_MARK, flow.mark);
        }
        if let Some(uid) = self.uid {
            out.u32(RTA_UID, uid);
        }
        if let Some(iif) = flow.iif {
            out.u32(RTA_IIF, iif.get());
        }
        // struct rta_cacheinfo: the first word counts the users, us and the asker.
        let mut cache = [0; 32];
        cache[0] = 2;
        out.bytes(RTA_CACHEINFO, &cache);
    }
}
