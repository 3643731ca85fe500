//! `RTM_*NEIGH` of `AF_BRIDGE`: the forwarding databases of bridges (`bridge fdb`), and the
//! link-layer multicast addresses every link listens to (Linux: `rtnl_fdb_dump`).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_bridge::{Bridge, EntryKind, FdbEntry};
use warren_netns::link::{HardwareType, LinkFlags};
use warren_netns::{Ifindex, Link, MacAddr};
use warren_platform::Instant;

use crate::errno::Errno;
use crate::netlink::abi::{AF_BRIDGE, RTM_NEWNEIGH};
use crate::netlink::ack::Refusal;
use crate::netlink::attr::{Policy, Rule, Strictness, Writer};
use crate::netlink::dump::{Dump, ListDump};
use crate::netlink::route::Request;
use crate::netlink::route::neighbours::abi::{
    FIXED, NDA_CACHEINFO, NDA_IFINDEX, NDA_LLADDR, NDA_MASTER, NDA_VLAN, NTF_SELF, NUD_PERMANENT,
    NUD_REACHABLE,
};

/// What a strict dump may be narrowed by.
static FILTER: Policy =
    Policy { max: 15, strict_from: 0, rules: &[(NDA_IFINDEX, Rule::U32), (NDA_MASTER, Rule::U32)] };

/// Which entries are asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Filter {
    port: Option<u32>,
    bridge: Option<u32>,
}

/// The forwarding databases of all bridges, or of one bridge or port.
pub(in crate::netlink::route) fn dump(request: &Request<'_>) -> Result<Box<dyn Dump>, Refusal> {
    let filter = parse(request)?;
    let ns = request.ns;
    let check = |index: Option<u32>| match index {
        Some(index) => Ifindex::new(index)
            .and_then(|index| ns.link(index))
            .map(Some)
            .ok_or(Refusal::new(Errno::EINVAL)),
        None => Ok(None),
    };
    let bridge = check(filter.bridge)?;
    if bridge.as_ref().is_some_and(|link| link.kind_as::<Bridge>().is_none()) {
        return Err(Errno::EINVAL.into());
    }
    let mut entries = Vec::new();
    let mut from = 1;
    while let Some(link) = ns.link_at_or_after(from) {
        from = link.ifindex().get() + 1;
        let is_asked_for = filter.bridge.is_none_or(|wanted| wanted == link.ifindex().get());
        if let Some(own) = link.kind_as::<Bridge>().filter(|_| is_asked_for) {
            let stations = own.fdb(request.cx.now);
            entries.extend(stations.into_iter().filter_map(|entry| Entry::station(entry, &link)));
        }
        let master = link.master().map(|master| master.ifindex().get());
        if is_asked_for || filter.bridge == master {
            entries.extend(Entry::all_hosts(&link));
        }
    }
    entries.retain(|entry| filter.port.is_none_or(|port| port == entry.ifindex));
    // Linux goes link by link: a port's stations, then what it listens to itself; of a
    // bridge, the other way round.
    entries.sort_by_key(|entry| (entry.ifindex, entry.place));
    let now = request.cx.now;
    let messages: Vec<_> = entries.into_iter().map(|entry| (entry, now)).collect();
    Ok(Box::new(ListDump::new(messages, RTM_NEWNEIGH, 0, 0, write as fn(&_, &mut Writer<'_>))))
}

fn parse(request: &Request<'_>) -> Result<Filter, Refusal> {
    let payload = request.payload();
    let mut filter = Filter::default();
    if request.strict {
        let fixed: &[u8; FIXED] = request.fixed("Invalid header for fdb dump request")?;
        if fixed[1..4].iter().chain(&fixed[8..]).any(|byte| *byte != 0) {
            return Err(Refusal::invalid("Invalid values in header for fdb dump request"));
        }
        let table = request.attributes(FIXED, &FILTER, Strictness::Known)?;
        filter.port = Some(u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]));
        for attr in table.iter() {
            match attr.kind {
                NDA_IFINDEX => filter.port = Some(attr.u32()),
                NDA_MASTER => filter.bridge = Some(attr.u32()),
                _ => {
                    return Err(Refusal::invalid("Unsupported attribute in fdb dump request"));
                }
            }
        }
    } else if payload.len() >= FIXED {
        let table = request.attributes(FIXED, &FILTER, Strictness::Liberal)?;
        filter.bridge = table.get(NDA_MASTER).map(|attr| attr.u32());
        filter.port =
            payload.get(4..8).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b));
    }
    filter.port = filter.port.filter(|port| *port != 0);
    filter.bridge = filter.bridge.filter(|bridge| *bridge != 0);
    Ok(filter)
}

/// An entry as it is shown.
#[derive(Debug)]
struct Entry {
    ifindex: u32,
    mac: MacAddr,
    /// A bridge's entry; a link's own otherwise.
    station: Option<(Ifindex, FdbEntry)>,
    /// Its place among the entries of its link.
    place: u8,
}

impl Entry {
    fn station(entry: FdbEntry, bridge: &Arc<Link>) -> Option<Self> {
        let (ifindex, place) = match &entry.port {
            Some(port) => (port.link()?.ifindex(), 0),
            None => (bridge.ifindex(), 2),
        };
        let mac = entry.mac;
        Some(Self { ifindex: ifindex.get(), mac, station: Some((bridge.ifindex(), entry)), place })
    }

    /// 224.0.0.1, to which every Ethernet link that is up listens (RFC 1112).
    fn all_hosts(link: &Arc<Link>) -> Option<Self> {
        let listens = link.kind().hardware() == HardwareType::Ethernet
            && link.flags().contains(LinkFlags::UP | LinkFlags::MULTICAST);
        let mac = MacAddr([0x01, 0x00, 0x5e, 0, 0, 0x01]);
        listens.then(|| Self { ifindex: link.ifindex().get(), mac, station: None, place: 1 })
    }
}

fn write((entry, now): &(Entry, Instant), out: &mut Writer<'_>) {
    let (state, flags) = match &entry.station {
        None => (NUD_PERMANENT, NTF_SELF),
        Some((_, station)) => match station.kind {
            EntryKind::Local => (NUD_PERMANENT, 0),
            EntryKind::Learned => (NUD_REACHABLE, 0),
        },
    };
    let mut fixed = [0; FIXED];
    fixed[0] = AF_BRIDGE;
    fixed[4..8].copy_from_slice(&entry.ifindex.to_le_bytes());
    fixed[8..10].copy_from_slice(&state.to_le_bytes());
    fixed[10] = flags;
    out.raw(&fixed);
    out.bytes(NDA_LLADDR, &entry.mac.0);
    let Some((bridge, station)) = &entry.station else { return };
    out.u32(NDA_MASTER, bridge.get());
    // struct nda_cacheinfo: confirmed (unused), used, updated, references; in ticks.
    let ticks = |at: Instant| {
        u32::try_from(now.since(at).as_millis() / 10).unwrap_or(u32::MAX).to_le_bytes()
    };
    let mut cache = [0; 16];
    cache[4..8].copy_from_slice(&ticks(station.used));
    cache[8..12].copy_from_slice(&ticks(station.updated));
    out.bytes(NDA_CACHEINFO, &cache);
    if station.vlan != 0 {
        out.u16(NDA_VLAN, station.vlan);
    }
}
