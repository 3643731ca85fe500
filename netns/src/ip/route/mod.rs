//! Routes: what they are. [`fib`] keeps and finds them, [`check`] says which are acceptable,
//! [`control`] changes them, [`derived`] says which follow from an address; [`lookup`] and
//! [`input`] answer for a flow that starts here or came in.

pub(crate) mod check;
pub(crate) mod control;
pub(crate) mod derived;
pub(crate) mod fib;
pub(crate) mod input;
pub mod lookup;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::scope::Scope;
use crate::ids::Ifindex;
use crate::link::{Link, LinkFlags};

/// Table numbers with a meaning (`enum rt_class_t`, include/uapi/linux/rtnetlink.h).
pub mod table {
    /// RT_TABLE_DEFAULT.
    pub const DEFAULT: u32 = 253;
    /// RT_TABLE_MAIN.
    pub const MAIN: u32 = 254;
    /// RT_TABLE_LOCAL.
    pub const LOCAL: u32 = 255;
}

/// `rtm_protocol` of routes the kernel made itself (RTPROT_KERNEL).
pub const PROTOCOL_KERNEL: u8 = 2;

/// `rtm_type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteKind {
    /// A gateway or a direct route.
    Unicast = 1,
    /// Accept locally.
    Local = 2,
    /// Accept locally as broadcast, send as broadcast.
    Broadcast = 3,
    /// Accept locally as broadcast, send as unicast.
    Anycast = 4,
    /// A multicast route.
    Multicast = 5,
    /// Drop without a word.
    Blackhole = 6,
    /// The destination is unreachable.
    Unreachable = 7,
    /// Administratively prohibited.
    Prohibit = 8,
    /// Not in this table.
    Throw = 9,
}

impl RouteKind {
    /// The kind with this number; `None` for 0 and for what Linux refuses (NAT, XRESOLVE).
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Unicast,
            2 => Self::Local,
            3 => Self::Broadcast,
            4 => Self::Anycast,
            5 => Self::Multicast,
            6 => Self::Blackhole,
            7 => Self::Unreachable,
            8 => Self::Prohibit,
            9 => Self::Throw,
            _ => return None,
        })
    }

    /// Whether the route ends the search with a refusal (or, for THROW, this table's).
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::Throw)
    }

    /// The widest scope a route of this kind may have (Linux: `fib_props`).
    const fn widest_scope(self) -> Scope {
        match self {
            Self::Local => Scope::HOST,
            Self::Broadcast | Self::Anycast => Scope::LINK,
            _ => Scope::UNIVERSE,
        }
    }
}

/// `RTA_METRICS`: values by RTAX number (include/uapi/linux/rtnetlink.h), 0 where unset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Metrics([u32; Metrics::COUNT]);

impl Metrics {
    /// RTAX_MAX + 1.
    pub const COUNT: usize = 18;
    /// RTAX_LOCK: a bit per metric the path may not change.
    pub const LOCK: usize = 1;
    /// RTAX_MTU.
    pub const MTU: usize = 2;
    /// RTAX_ADVMSS.
    pub const ADVMSS: usize = 8;
    /// RTAX_HOPLIMIT.
    pub const HOPLIMIT: usize = 10;

    /// The metric with this RTAX number, 0 if unset or unknown.
    #[must_use]
    pub fn get(&self, number: usize) -> u32 {
        self.0.get(number).copied().unwrap_or(0)
    }

    /// Sets a metric; `false` for a number that is none.
    #[must_use]
    pub fn set(&mut self, number: usize, value: u32) -> bool {
        match self.0.get_mut(number) {
            Some(metric) if number != 0 => {
                *metric = value;
                true
            }
            _ => false,
        }
    }

    /// The metrics that are set, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.0.iter().copied().enumerate().filter(|(_, value)| *value != 0)
    }
}

/// One way a new route may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NexthopSpec {
    /// `RTA_GATEWAY`.
    pub gateway: Option<Ipv4Addr>,
    /// `RTA_OIF`.
    pub oif: Option<Ifindex>,
    /// `rtnh_hops` + 1.
    pub weight: u16,
    /// `RTNH_F_ONLINK`: pretend the gateway is on the link.
    pub onlink: bool,
}

impl NexthopSpec {
    /// Through a gateway, a link, or both.
    #[must_use]
    pub const fn new(gateway: Option<Ipv4Addr>, oif: Option<Ifindex>) -> Self {
        Self { gateway, oif, weight: 1, onlink: false }
    }
}

/// A route to be added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteSpec {
    /// `RTA_DST`.
    pub dst: Ipv4Addr,
    /// `rtm_dst_len`.
    pub prefix_len: u8,
    /// `rtm_tos`.
    pub tos: u8,
    /// `RTA_TABLE`; 0 means main.
    pub table: u32,
    /// `rtm_protocol`.
    pub protocol: u8,
    /// `rtm_scope`.
    pub scope: Scope,
    /// `rtm_type`.
    pub kind: RouteKind,
    /// The ways; empty for a route that refuses.
    pub nexthops: Vec<NexthopSpec>,
    /// `RTA_PREFSRC`.
    pub prefsrc: Option<Ipv4Addr>,
    /// `RTA_PRIORITY`: the metric; smaller wins.
    pub priority: u32,
    /// `RTA_METRICS`.
    pub metrics: Metrics,
}

impl RouteSpec {
    /// A unicast route in main, as `ip route add DST/LEN` asks for it.
    #[must_use]
    pub fn unicast(dst: Ipv4Addr, prefix_len: u8, nexthop: NexthopSpec) -> Self {
        let scope = if nexthop.gateway.is_some() { Scope::UNIVERSE } else { Scope::LINK };
        Self {
            dst,
            prefix_len,
            tos: 0,
            table: table::MAIN,
            protocol: 3,
            scope,
            kind: RouteKind::Unicast,
            nexthops: alloc::vec![nexthop],
            prefsrc: None,
            priority: 0,
            metrics: Metrics::default(),
        }
    }
}

/// Which route to delete. Destination, tos and table must be exact; what is `None`, zero,
/// empty or [`Scope::NOWHERE`] matches every route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteSelector {
    /// `RTA_DST`.
    pub dst: Ipv4Addr,
    /// `rtm_dst_len`.
    pub prefix_len: u8,
    /// `rtm_tos`.
    pub tos: u8,
    /// `RTA_TABLE`; 0 means main.
    pub table: u32,
    /// `rtm_protocol`.
    pub protocol: u8,
    /// `rtm_scope`.
    pub scope: Scope,
    /// `rtm_type`.
    pub kind: Option<RouteKind>,
    /// One way (gateway and link each optional) or all of a multipath route's.
    pub nexthops: Vec<NexthopSpec>,
    /// `RTA_PREFSRC`.
    pub prefsrc: Option<Ipv4Addr>,
    /// `RTA_PRIORITY`.
    pub priority: u32,
    /// `RTA_METRICS`: those set must be equal.
    pub metrics: Metrics,
}

impl RouteSelector {
    /// Any route of main to this destination.
    #[must_use]
    pub fn to(dst: Ipv4Addr, prefix_len: u8) -> Self {
        Self {
            dst,
            prefix_len,
            tos: 0,
            table: table::MAIN,
            protocol: 0,
            scope: Scope::NOWHERE,
            kind: None,
            nexthops: Vec::new(),
            prefsrc: None,
            priority: 0,
            metrics: Metrics::default(),
        }
    }
}

bitflags::bitflags! {
    /// How a route is to be put beside others of the same destination, tos, table and
    /// priority; in an event, how it was. The bits are rtnetlink's `nlmsg_flags`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct RouteMode: u16 {
        /// NLM_F_REPLACE: take the place of the first.
        const REPLACE = 0x100;
        /// NLM_F_EXCL: refuse if there is one.
        const EXCL = 0x200;
        /// NLM_F_CREATE: there need be none.
        const CREATE = 0x400;
        /// NLM_F_APPEND: go behind the others, not before.
        const APPEND = 0x800;
    }
}

/// `rtnh_flags` and `rtm_flags` bits (include/uapi/linux/rtnetlink.h).
pub mod nexthop_flags {
    /// RTNH_F_DEAD: the link is down.
    pub const DEAD: u32 = 1;
    /// RTNH_F_ONLINK.
    pub const ONLINK: u32 = 4;
    /// RTNH_F_LINKDOWN: the link has no carrier.
    pub const LINKDOWN: u32 = 16;
}

/// One way a route may take.
#[derive(Clone, Debug)]
pub struct Nexthop {
    /// Where it leaves.
    pub link: Arc<Link>,
    /// The link's number when the route was made; routes go before their link is renumbered.
    pub oif: Ifindex,
    /// `RTA_GATEWAY`.
    pub gateway: Option<Ipv4Addr>,
    /// What the nexthop itself needs of the link: LINK behind a gateway, HOST if direct,
    /// NOWHERE for local routes (these outlive their link's going down).
    pub scope: Scope,
    /// Share of the traffic among the nexthops of a route.
    pub weight: u16,
    /// `RTNH_F_ONLINK`.
    pub onlink: bool,
}

impl Nexthop {
    /// `rtnh_flags` as they are now.
    #[must_use]
    pub fn flags(&self) -> u32 {
        let link = self.link.flags();
        let mut flags = if self.onlink { nexthop_flags::ONLINK } else { 0 };
        if self.scope != Scope::NOWHERE {
            if !link.contains(LinkFlags::UP) {
                flags |= nexthop_flags::DEAD;
            }
            if !link.contains(LinkFlags::LOWER_UP) {
                flags |= nexthop_flags::LINKDOWN;
            }
        }
        flags
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.flags() & nexthop_flags::DEAD != 0
    }

    fn same_as(&self, other: &Self) -> bool {
        self.oif == other.oif
            && self.gateway == other.gateway
            && self.weight == other.weight
            && self.onlink == other.onlink
            && self.scope == other.scope
    }
}

/// A route, as `RTM_NEWROUTE` reports it. Immutable: a change is another route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Destination, host bits zero.
    pub dst: Ipv4Addr,
    /// `rtm_dst_len`.
    pub prefix_len: u8,
    /// `rtm_tos`.
    pub tos: u8,
    /// `RTA_TABLE`.
    pub table: u32,
    /// `rtm_protocol`.
    pub protocol: u8,
    /// `rtm_scope`.
    pub scope: Scope,
    /// `rtm_type`.
    pub kind: RouteKind,
    /// Its ways; more than one make a multipath route, none a refusal.
    pub nexthops: Vec<Nexthop>,
    /// `RTA_PREFSRC`.
    pub prefsrc: Option<Ipv4Addr>,
    /// `RTA_PRIORITY`.
    pub priority: u32,
    /// `RTA_METRICS`.
    pub metrics: Metrics,
}

impl Route {
    /// `rtm_flags`: of a route with one way, that way's; of a multipath route, LINKDOWN or
    /// DEAD if all its ways are.
    #[must_use]
    pub fn flags(&self) -> u32 {
        let onlink = |flags: u32| {
            if self.nexthops.len() == 1 { flags } else { flags & !nexthop_flags::ONLINK }
        };
        self.nexthops.iter().map(Nexthop::flags).reduce(|all, one| all & one).map_or(0, onlink)
    }

    /// Whether the two would do the same (Linux: they share one `fib_info`).
    fn same_as(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.protocol == other.protocol
            && self.scope == other.scope
            && self.prefsrc == other.prefsrc
            && self.priority == other.priority
            && self.metrics == other.metrics
            && self.nexthops.len() == other.nexthops.len()
            && self.nexthops.iter().zip(&other.nexthops).all(|(a, b)| a.same_as(b))
    }

    /// Whether `selector`, whose destination and tos are this route's, names it.
    fn matches(&self, selector: &RouteSelector) -> bool {
        selector.kind.is_none_or(|kind| kind == self.kind)
            && (selector.scope == Scope::NOWHERE || selector.scope == self.scope)
            && selector.prefsrc.is_none_or(|prefsrc| Some(prefsrc) == self.prefsrc)
            && (selector.protocol == 0 || selector.protocol == self.protocol)
            && (selector.priority == 0 || selector.priority == self.priority)
            && selector.metrics.iter().all(|(number, value)| self.metrics.get(number) == value)
            && self.matches_nexthops(&selector.nexthops)
    }

    fn matches_nexthops(&self, wanted: &[NexthopSpec]) -> bool {
        let fits = |wanted: &NexthopSpec, own: &Nexthop| {
            wanted.oif.is_none_or(|oif| oif == own.oif)
                && (wanted.gateway.is_none() || wanted.gateway == own.gateway)
        };
        match wanted {
            [] => true,
            [NexthopSpec { oif: None, gateway: None, .. }] => true,
            [one] => self.nexthops.first().is_some_and(|own| fits(one, own)),
            many => {
                many.len() == self.nexthops.len()
                    && many.iter().zip(&self.nexthops).all(|(wanted, own)| fits(wanted, own))
            }
        }
    }
}
