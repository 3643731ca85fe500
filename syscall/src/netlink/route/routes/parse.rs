//! A request as a route (Linux: `rtm_to_fib_config`, `fib_get_nhs`, `ip_metrics_convert`).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use warren_netns::Ifindex;
use warren_netns::ip::{Metrics, NexthopSpec, RouteKind, RouteSelector, RouteSpec, Scope};

use super::abi::*;
use crate::errno::Errno;
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Attr, Attrs, Strictness, Table, align};
use crate::netlink::route::Request;

/// `struct rtnexthop`.
const NEXTHOP: usize = 8;

/// What adding and deleting read alike.
pub(super) struct Parsed<'a> {
    header: RtMsg,
    table: Table<'a>,
}

impl<'a> Parsed<'a> {
    /// Reads and checks what does not depend on the tables.
    pub(super) fn of(request: &Request<'a>) -> Result<Self, Refusal> {
        let table = request.attributes(FIXED, &POLICY, Strictness::Liberal)?;
        let header = RtMsg::parse(request.fixed("Invalid header length")?);
        if header.tos & 3 != 0 {
            return Err(Refusal::invalid("Invalid dsfield (tos): ECN bits must be 0"));
        }
        if !header.has_known_kind() {
            return Err(Refusal::invalid("Invalid route type"));
        }
        if header.dst_len > 32 {
            return Err(Refusal::invalid("Invalid prefix length"));
        }
        let parsed = Self { header, table };
        let dst = parsed.dst().to_bits();
        if header.dst_len < 32 && dst << header.dst_len != 0 {
            return Err(Refusal::invalid("Invalid prefix for given prefix length"));
        }
        let get = |kind| parsed.table.get(kind);
        if get(RTA_GATEWAY).is_some() && get(RTA_VIA).is_some() {
            let text = "Nexthop configuration can not contain both GATEWAY and VIA";
            return Err(Refusal::invalid(text));
        }
        // Gateways of other families, tunnels, realms, nexthop objects: not here.
        for kind in [RTA_VIA, RTA_ENCAP, RTA_ENCAP_TYPE, RTA_FLOW, RTA_NH_ID] {
            if get(kind).is_some() {
                return Err(Errno::EOPNOTSUPP.into());
            }
        }
        Ok(parsed)
    }

    fn dst(&self) -> Ipv4Addr {
        self.table.get(RTA_DST).map_or(Ipv4Addr::UNSPECIFIED, address)
    }

    fn table_id(&self) -> u32 {
        self.table.get(RTA_TABLE).map_or(u32::from(self.header.table), Attr::u32)
    }

    fn prefsrc(&self) -> Option<Ipv4Addr> {
        self.table.get(RTA_PREFSRC).map(address).filter(|src| !src.is_unspecified())
    }

    fn priority(&self) -> u32 {
        self.table.get(RTA_PRIORITY).map_or(0, Attr::u32)
    }

    fn metrics(&self) -> Result<Metrics, Refusal> {
        let mut metrics = Metrics::default();
        for attr in self.table.get(RTA_METRICS).into_iter().flat_map(|attr| attr.attrs(0)) {
            if attr.kind == 0 {
                continue;
            }
            if attr.kind > RTAX_MAX {
                return Err(Refusal::invalid("Invalid metric type").at(&attr));
            }
            if attr.kind == RTAX_CC_ALGO {
                let text = "Unknown tcp congestion algorithm";
                return Err(Refusal::invalid(text).at(&attr));
            }
            if attr.payload.len() != 4 {
                return Err(Refusal::invalid("Invalid attribute in metrics").at(&attr));
            }
            let value = match attr.kind {
                RTAX_ADVMSS => attr.u32().min(65_535 - 40),
                RTAX_MTU => attr.u32().min(65_535 - 15),
                RTAX_HOPLIMIT => attr.u32().min(255),
                // ECN, SACK, timestamps, allfrag.
                RTAX_FEATURES if attr.u32() & !0xf != 0 => {
                    let text = "Unknown flag set in feature mask in metrics attribute";
                    return Err(Refusal::invalid(text).at(&attr));
                }
                _ => attr.u32(),
            };
            if !metrics.set(usize::from(attr.kind), value) {
                return Err(Refusal::invalid("Invalid metric type").at(&attr));
            }
        }
        Ok(metrics)
    }

    fn nexthops(&self) -> Result<Vec<NexthopSpec>, Refusal> {
        if self.header.flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) != 0 {
            let text = "Invalid rtm_flags - can not contain DEAD or LINKDOWN";
            return Err(Refusal::invalid(text));
        }
        if let Some(multipath) = self.table.get(RTA_MULTIPATH) {
            return multipath_nexthops(multipath);
        }
        let gateway = self.table.get(RTA_GATEWAY).map(address);
        let oif = self.table.get(RTA_OIF).map_or(0, Attr::u32);
        Ok(nexthop(gateway, oif, self.header.flags, 1)?.into_iter().collect())
    }

    /// The route to add.
    pub(super) fn spec(&self) -> Result<RouteSpec, Refusal> {
        let header = self.header;
        let kind = RouteKind::from_number(header.kind).ok_or(Errno::EINVAL)?;
        Ok(RouteSpec {
            dst: self.dst(),
            prefix_len: header.dst_len,
            tos: header.tos,
            table: self.table_id(),
            protocol: header.protocol,
            scope: Scope(header.scope),
            kind,
            nexthops: self.nexthops()?,
            prefsrc: self.prefsrc(),
            priority: self.priority(),
            metrics: self.metrics()?,
        })
    }

    /// The route to delete.
    pub(super) fn selector(&self) -> Result<RouteSelector, Refusal> {
        let header = self.header;
        let kind = match header.kind {
            0 => None,
            // A type nothing here has fits no route.
            number => Some(RouteKind::from_number(number).ok_or(Errno::ESRCH)?),
        };
        Ok(RouteSelector {
            dst: self.dst(),
            prefix_len: header.dst_len,
            tos: header.tos,
            table: self.table_id(),
            protocol: header.protocol,
            scope: Scope(header.scope),
            kind,
            nexthops: self.nexthops()?,
            prefsrc: self.prefsrc(),
            priority: self.priority(),
            metrics: self.metrics()?,
        })
    }
}

/// An address in network byte order.
pub(super) fn address(attr: &Attr<'_>) -> Ipv4Addr {
    Ipv4Addr::from(attr.array::<4>())
}

/// One way; `None` if nothing is said of it.
fn nexthop(
    gateway: Option<Ipv4Addr>,
    oif: u32,
    flags: u32,
    weight: u16,
) -> Result<Option<NexthopSpec>, Refusal> {
    let gateway = gateway.filter(|gateway| !gateway.is_unspecified());
    let oif = match oif {
        0 => None,
        index => Some(Ifindex::new(index).ok_or(Errno::ENODEV)?),
    };
    let onlink = flags & RTNH_F_ONLINK != 0;
    if gateway.is_none() && oif.is_none() && !onlink {
        return Ok(None);
    }
    Ok(Some(NexthopSpec { gateway, oif, weight, onlink }))
}

/// `RTA_MULTIPATH`: ways of eight bytes each, with attributes.
fn multipath_nexthops(multipath: &Attr<'_>) -> Result<Vec<NexthopSpec>, Refusal> {
    let trailing = "Invalid nexthop configuration - extra data after nexthop";
    let mut bytes = multipath.payload;
    let mut ways = Vec::new();
    while !bytes.is_empty() {
        let Some(&[l, m, flags, hops, a, b, c, d]) = bytes.first_chunk::<NEXTHOP>() else {
            return Err(Refusal::invalid(trailing));
        };
        let len = usize::from(u16::from_le_bytes([l, m]));
        if len < NEXTHOP || len > bytes.len() {
            return Err(Refusal::invalid(trailing));
        }
        let flags = u32::from(flags);
        if flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) != 0 {
            let text = "Invalid flags for nexthop - can not contain DEAD or LINKDOWN";
            return Err(Refusal::invalid(text));
        }
        let mut gateway = None;
        for attr in Attrs::new(&bytes[NEXTHOP..len], 0) {
            match attr.kind {
                RTA_GATEWAY if attr.payload.len() < 4 => {
                    return Err(Refusal::invalid("Invalid IPv4 address in RTA_GATEWAY"));
                }
                RTA_GATEWAY => gateway = Some(address(&attr)),
                RTA_VIA | RTA_FLOW | RTA_ENCAP | RTA_ENCAP_TYPE => {
                    return Err(Errno::EOPNOTSUPP.into());
                }
                _ => {}
            }
        }
        let oif = u32::from_le_bytes([a, b, c, d]);
        let way = nexthop(gateway, oif, flags, u16::from(hops) + 1)?;
        ways.push(way.unwrap_or(NexthopSpec::new(None, None)));
        bytes = &bytes[align(len).min(bytes.len())..];
    }
    Ok(ways)
}
