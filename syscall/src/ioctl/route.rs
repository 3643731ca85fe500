//! SIOCADDRT and SIOCDELRT: routes as `route add` knows them (Linux: `ip_rt_ioctl`,
//! `rtentry_to_fib_config`).

use core::net::Ipv4Addr;

use warren_netns::ip::route::{
    Metrics, NexthopSpec, RouteKind, RouteMode, RouteSelector, RouteSpec, table,
};
use warren_netns::ip::scope::Scope;

use super::Call;
use super::address::prefix_len;
use super::ifreq::c_string;
use crate::abi::{
    AF_INET, RTF_GATEWAY, RTF_HOST, RTF_IRTT, RTF_MTU, RTF_REJECT, RTF_WINDOW, SIOCDELRT,
};
use crate::errno::Errno;

/// `sizeof(struct rtentry)` on x86-64 (include/uapi/linux/route.h).
const RTENTRY: usize = 120;
/// RTPROT_BOOT, which routes added this way carry.
const PROTOCOL_BOOT: u8 = 3;
/// RTAX_WINDOW and RTAX_RTT (include/uapi/linux/rtnetlink.h).
const METRIC_WINDOW: usize = 3;
const METRIC_RTT: usize = 4;

struct RtEntry([u8; RTENTRY]);

impl RtEntry {
    fn chunk<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..].first_chunk().copied().expect("every field lies within the struct")
    }

    fn sockaddr(&self, at: usize) -> (u16, Ipv4Addr) {
        (u16::from_ne_bytes(self.chunk(at)), Ipv4Addr::from(self.chunk::<4>(at + 4)))
    }

    fn destination(&self) -> (u16, Ipv4Addr) {
        self.sockaddr(8)
    }

    fn gateway(&self) -> (u16, Ipv4Addr) {
        self.sockaddr(24)
    }

    fn mask(&self) -> (u16, Ipv4Addr) {
        self.sockaddr(40)
    }

    fn flags(&self) -> u16 {
        u16::from_ne_bytes(self.chunk(56))
    }

    fn metric(&self) -> i16 {
        i16::from_ne_bytes(self.chunk(80))
    }

    fn device(&self) -> usize {
        usize::from_ne_bytes(self.chunk(88))
    }

    fn mtu(&self) -> u64 {
        u64::from_ne_bytes(self.chunk(96))
    }

    fn window(&self) -> u64 {
        u64::from_ne_bytes(self.chunk(104))
    }

    fn irtt(&self) -> u16 {
        u16::from_ne_bytes(self.chunk(112))
    }
}

pub(super) fn change(call: &Call<'_>) -> Result<i32, Errno> {
    let admin = call.caller.net_admin(call.ns)?;
    let entry = RtEntry(call.read()?);
    let spec = parse(call, &entry)?;
    if call.command == SIOCDELRT {
        let selector = RouteSelector {
            nexthops: spec.nexthops,
            scope: spec.scope,
            kind: Some(spec.kind),
            priority: spec.priority,
            ..RouteSelector::to(spec.dst, spec.prefix_len)
        };
        call.ns.delete_route(&admin, &selector, call.cx)?;
    } else {
        call.ns.add_route(&admin, &spec, RouteMode::CREATE, call.cx)?;
    }
    Ok(0)
}

fn parse(call: &Call<'_>, entry: &RtEntry) -> Result<RouteSpec, Errno> {
    let (family, dst) = entry.destination();
    if family != AF_INET {
        return Err(Errno::EAFNOSUPPORT);
    }
    let prefix_len = if entry.flags() & RTF_HOST != 0 { 32 } else { network(entry, dst)? };
    // The metric counts from one; zero leaves it out.
    let priority = match entry.metric() {
        0 => 0,
        metric => u32::try_from(i32::from(metric) - 1).unwrap_or(u32::MAX),
    };
    let mut spec = RouteSpec {
        dst,
        prefix_len,
        tos: 0,
        table: table::MAIN,
        protocol: PROTOCOL_BOOT,
        scope: Scope::HOST,
        kind: RouteKind::Unreachable,
        nexthops: alloc::vec::Vec::new(),
        prefsrc: None,
        priority,
        metrics: Metrics::default(),
    };
    if entry.flags() & RTF_REJECT != 0 {
        return Ok(spec);
    }
    spec.kind = RouteKind::Unicast;
    spec.scope = Scope::NOWHERE;
    let mut nexthop = NexthopSpec::new(None, None);
    if entry.device() != 0 {
        let mut name = [0; 15];
        call.memory.read(entry.device(), &mut name)?;
        let label = c_string(&name);
        let colon = label.iter().position(|byte| *byte == b':');
        let link = call.ns.find_link(&label[..colon.unwrap_or(label.len())]);
        let link = link.ok_or(Errno::ENODEV)?;
        nexthop.oif = Some(link.ifindex());
        if colon.is_some() {
            let own = call.ns.addresses()?;
            let own = own.iter().find(|a| a.label.as_bytes() == label).ok_or(Errno::ENODEV)?;
            spec.prefsrc = Some(own.local);
        }
    }
    let (family, gateway) = entry.gateway();
    if family == AF_INET && !gateway.is_unspecified() {
        nexthop.gateway = Some(gateway);
        let unicast = call.ns.address_kind(gateway) == RouteKind::Unicast;
        if entry.flags() & RTF_GATEWAY != 0 && unicast {
            spec.scope = Scope::UNIVERSE;
        }
    }
    spec.nexthops.push(nexthop);
    if call.command == SIOCDELRT {
        return Ok(spec);
    }
    if entry.flags() & RTF_GATEWAY != 0 && nexthop.gateway.is_none() {
        return Err(Errno::EINVAL);
    }
    if spec.scope == Scope::NOWHERE {
        spec.scope = Scope::LINK;
    }
    metrics(entry, &mut spec.metrics);
    Ok(spec)
}

/// The prefix length the netmask says.
fn network(entry: &RtEntry, dst: Ipv4Addr) -> Result<u8, Errno> {
    let (family, mask) = entry.mask();
    if family != AF_INET && (family != 0 || !mask.is_unspecified()) {
        return Err(Errno::EAFNOSUPPORT);
    }
    let len = prefix_len(mask).ok_or(Errno::EINVAL)?;
    // Bits beyond the mask (Linux: bad_mask).
    if dst.to_bits() & !mask.to_bits() != 0 { Err(Errno::EINVAL) } else { Ok(len) }
}

fn metrics(entry: &RtEntry, metrics: &mut Metrics) {
    let saturate = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let mut put = |flag: u16, number: usize, value: u32| {
        if entry.flags() & flag != 0 {
            // The numbers are constants below Metrics::COUNT.
            let _known = metrics.set(number, value);
        }
    };
    put(RTF_MTU, Metrics::ADVMSS, saturate(entry.mtu().saturating_sub(40)));
    put(RTF_WINDOW, METRIC_WINDOW, saturate(entry.window()));
    put(RTF_IRTT, METRIC_RTT, u32::from(entry.irtt()) << 3);
}
