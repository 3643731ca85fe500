//! Data path of ARP (RFC 826): requests out, requests and answers in, as Linux's
//! `arp_process` and `arp_solicit` decide.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use super::NeighbourState;
use super::entry::{News, Probe};
use crate::cx::Cx;
use crate::drop_reason::DropReason;
use crate::error::NeighbourError;
use crate::ids::MacAddr;
use crate::ip::conf::Devconf;
use crate::ip::route::RouteKind;
use crate::ip::scope::Scope;
use crate::ip::{Flow, RouteDecision, prefix};
use crate::link::datapath::ETHERNET_HEADER;
use crate::link::{Link, LinkFlags, TxVerdict};
use crate::namespace::Namespace;

/// EtherType of IPv4.
pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub(crate) const ETHERTYPE_ARP: u16 = 0x0806;

/// Bytes of an ARP packet for IPv4 on Ethernet.
const ARP_LEN: usize = 28;
/// Hardware type, protocol type, address lengths: Ethernet and IPv4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// The same behind an IEEE 802 hardware type, which Linux takes for Ethernet too.
const IEEE802_IPV4: [u8; 6] = [0, 6, 8, 0, 6, 4];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    Request = 1,
    Reply = 2,
}

/// The fields of an ARP packet, by their names in RFC 826.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ArpPacket {
    operation: Operation,
    sender_mac: MacAddr,
    sender: Ipv4Addr,
    target_mac: MacAddr,
    target: Ipv4Addr,
}

impl ArpPacket {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; ARP_LEN] = bytes.first_chunk()?;
        if bytes[..6] != ETHERNET_IPV4 && bytes[..6] != IEEE802_IPV4 {
            return None;
        }
        let operation = match bytes[6..8] {
            [0, 1] => Operation::Request,
            [0, 2] => Operation::Reply,
            _ => return None,
        };
        let mac = |at: usize| bytes[at..].first_chunk().map(|mac| MacAddr(*mac));
        let addr = |at: usize| bytes[at..].first_chunk::<4>().map(|addr| Ipv4Addr::from(*addr));
        Some(Self {
            operation,
            sender_mac: mac(8)?,
            sender: addr(14)?,
            target_mac: mac(18)?,
            target: addr(24)?,
        })
    }

    fn emit(&self, bytes: &mut [u8; ARP_LEN]) {
        bytes[..6].copy_from_slice(&ETHERNET_IPV4);
        bytes[6..8].copy_from_slice(&(self.operation as u16).to_be_bytes());
        bytes[8..14].copy_from_slice(&self.sender_mac.0);
        bytes[14..18].copy_from_slice(&self.sender.octets());
        bytes[18..24].copy_from_slice(&self.target_mac.0);
        bytes[24..].copy_from_slice(&self.target.octets());
    }

    /// Whether the sender announces itself rather than answers (Linux: `arp_is_garp`).
    fn is_gratuitous(&self, kind: RouteKind) -> bool {
        self.sender == self.target
            && kind == RouteKind::Unicast
            && (self.operation == Operation::Request || self.sender_mac == self.target_mac)
    }
}

/// Takes the ARP packet behind an Ethernet header. `to_us`: the frame was sent to our
/// station alone.
pub(crate) fn input(ns: &Arc<Namespace>, link: &Arc<Link>, bytes: &[u8], to_us: bool, cx: &Cx<'_>) {
    if link.flags().intersects(LinkFlags::NOARP | LinkFlags::LOOPBACK) {
        ns.drops.count(DropReason::BadArp);
        return;
    }
    let Some(packet) = ArpPacket::parse(bytes) else {
        ns.drops.count(DropReason::BadArp);
        return;
    };
    if let Err(reason) = process(ns, link, &packet, to_us, cx) {
        ns.drops.count(reason);
    }
}

fn process(
    ns: &Arc<Namespace>,
    link: &Arc<Link>,
    packet: &ArpPacket,
    to_us: bool,
    cx: &Cx<'_>,
) -> Result<(), DropReason> {
    let conf = &ns.ip.conf;
    let ArpPacket { operation, sender, target, .. } = *packet;
    let localnet = conf.either(&link.conf4, Devconf::RouteLocalnet);
    if target.is_multicast() || target.is_loopback() && !localnet {
        return Err(DropReason::BadArp);
    }
    if sender == target && conf.either(&link.conf4, Devconf::DropGratuitousArp) {
        return Err(DropReason::BadArp);
    }
    // Duplicate address detection (RFC 5227): the asker has no address yet.
    if sender.is_unspecified() {
        if operation == Operation::Request
            && ns.is_local_address(target)
            && !is_ignored(ns, link, packet)
        {
            reply(ns, link, packet, cx);
        }
        return Ok(());
    }
    if operation == Operation::Request {
        let flow = Flow { src: Some(sender), iif: Some(link.ifindex()), ..Flow::to(target) };
        let way = ns.route_input(&flow, link);
        if way.as_ref().is_ok_and(|way| way.kind == RouteKind::Local) {
            let wrong_link =
                || conf.either(&link.conf4, Devconf::ArpFilter) && !is_way_back(ns, link, packet);
            if !is_ignored(ns, link, packet) && !wrong_link() {
                learn_asker_and_reply(ns, link, packet, cx);
            }
            return Ok(());
        }
        // RFC 1027: a router answers for hosts beyond it. (At once: the random delay is for
        // networks with several such routers.)
        let beyond =
            |way: RouteDecision| way.kind == RouteKind::Unicast && way.link.id() != link.id();
        if conf.either(&link.conf4, Devconf::ProxyArp) && way.is_ok_and(beyond) {
            learn_asker_and_reply(ns, link, packet, cx);
            return Ok(());
        }
    }
    learn(ns, link, packet, to_us, cx);
    Ok(())
}

/// Who asks will be asked: learn it (RFC 826), then answer.
fn learn_asker_and_reply(ns: &Arc<Namespace>, link: &Arc<Link>, packet: &ArpPacket, cx: &Cx<'_>) {
    let news = |_: &_, _: &_| News {
        mac: Some(packet.sender_mac),
        state: NeighbourState::STALE,
        overrides: true,
        admin: false,
    };
    match ns.neighbour_heard(link, packet.sender, true, news, cx) {
        // An entry the user fixed is not learned anew, and is answered like any.
        Ok(()) | Err(NeighbourError::NotPermitted) => reply(ns, link, packet, cx),
        Err(_) => ns.drops.count(DropReason::NeighbourTableFull),
    }
}

/// Takes an answer, or what else a packet tells of a neighbour we know.
fn learn(ns: &Arc<Namespace>, link: &Arc<Link>, packet: &ArpPacket, to_us: bool, cx: &Cx<'_>) {
    let kind = ns.address_kind(packet.sender);
    let gratuitous = packet.is_gratuitous(kind);
    let accept = ns.ip.conf.either(&link.conf4, Devconf::ArpAccept);
    let unsolicited = packet.operation == Operation::Reply && kind == RouteKind::Unicast;
    let create = accept && (gratuitous || unsolicited);
    let news = |entry: &super::entry::Entry, t: &super::conf::Timing| News {
        mac: Some(packet.sender_mac),
        // Only an answer sent to us vouches that the neighbour can hear us.
        state: if packet.operation == Operation::Reply && to_us {
            NeighbourState::REACHABLE
        } else {
            NeighbourState::STALE
        },
        // Of several answers at once the first counts.
        overrides: gratuitous || entry.may_be_overridden(t, cx.now),
        admin: false,
    };
    // Not known, or set by the user: nothing to learn.
    let _unknown_or_fixed = ns.neighbour_heard(link, packet.sender, create, news, cx);
}

/// `arp_ignore`: whether the address asked for is none we tell on this link.
fn is_ignored(ns: &Namespace, link: &Link, packet: &ArpPacket) -> bool {
    let mode = ns.ip.conf.greater(&link.conf4, Devconf::ArpIgnore);
    let tables = ns.ip.tables.read();
    let here = || tables.addresses.of_link(link.ifindex()).iter();
    match mode {
        1 => !here().any(|known| known.local == packet.target && known.scope <= Scope::HOST),
        2 => !here().any(|known| {
            known.local == packet.target
                && prefix::same_network(packet.sender, known.address, known.prefix_len)
        }),
        3 => !tables
            .addresses
            .iter()
            .any(|known| known.local == packet.target && known.scope <= Scope::LINK),
        8 => true,
        _ => false,
    }
}

/// `arp_filter`: whether we would send to the asker through this link.
fn is_way_back(ns: &Namespace, link: &Link, packet: &ArpPacket) -> bool {
    let flow = Flow { src: Some(packet.target), ..Flow::to(packet.sender) };
    ns.lookup_route(&flow).is_ok_and(|way| way.link.id() == link.id())
}

fn reply(ns: &Namespace, link: &Arc<Link>, request: &ArpPacket, cx: &Cx<'_>) {
    let answer = ArpPacket {
        operation: Operation::Reply,
        sender_mac: link.mac(),
        sender: request.target,
        target_mac: request.sender_mac,
        target: request.sender,
    };
    send(ns, link, &answer, request.sender_mac, cx);
}

/// Asks for `target`'s hardware address.
pub(super) fn solicit(
    ns: &Arc<Namespace>,
    link: &Arc<Link>,
    target: Ipv4Addr,
    probe: Probe,
    cx: &Cx<'_>,
) {
    let mode = ns.ip.conf.greater(&link.conf4, Devconf::ArpAnnounce);
    let ours = |src: &Ipv4Addr| ns.is_local_address(*src);
    let near = |src: &Ipv4Addr| {
        let tables = ns.ip.tables.read();
        tables.addresses.of_link(link.ifindex()).iter().any(|known| {
            let same = |addr| prefix::same_network(addr, known.address, known.prefix_len);
            known.local == *src && same(target)
        })
    };
    let announced = match mode {
        0 => probe.on_behalf_of.filter(ours),
        1 => probe.on_behalf_of.filter(|src| ours(src) && near(src)),
        _ => None,
    };
    let sender = announced.or_else(|| {
        let tables = ns.ip.tables.read();
        tables.addresses.select_source(link.ifindex(), Some(target), Scope::LINK)
    });
    let request = ArpPacket {
        operation: Operation::Request,
        sender_mac: link.mac(),
        sender: sender.unwrap_or(Ipv4Addr::UNSPECIFIED),
        target_mac: probe.to.unwrap_or(MacAddr::ZERO),
        target,
    };
    send(ns, link, &request, probe.to.unwrap_or(MacAddr::BROADCAST), cx);
}

/// Announces `addr` to everybody on the link, unasked (Linux: `inetdev_send_gratuitous_arp`).
pub(crate) fn announce(ns: &Namespace, link: &Arc<Link>, addr: Ipv4Addr, cx: &Cx<'_>) {
    if link.flags().intersects(LinkFlags::NOARP | LinkFlags::LOOPBACK) {
        return;
    }
    let own = link.mac();
    let announcement = ArpPacket {
        operation: Operation::Request,
        sender_mac: own,
        sender: addr,
        target_mac: own,
        target: addr,
    };
    send(ns, link, &announcement, MacAddr::BROADCAST, cx);
}

fn send(ns: &Namespace, link: &Arc<Link>, packet: &ArpPacket, to: MacAddr, cx: &Cx<'_>) {
    let Ok(mut frame) = cx.stack.pool().take(ETHERNET_HEADER + ARP_LEN) else {
        ns.drops.count(DropReason::NoBuffer);
        return;
    };
    let (header, body) = frame.bytes_mut().split_at_mut(ETHERNET_HEADER);
    header[..6].copy_from_slice(&to.0);
    header[6..12].copy_from_slice(&link.mac().0);
    header[12..].copy_from_slice(&ETHERTYPE_ARP.to_be_bytes());
    if let Some(body) = body.first_chunk_mut() {
        packet.emit(body);
    }
    match link.send(frame, cx) {
        TxVerdict::Sent | TxVerdict::Dropped(_) => {}
        TxVerdict::Full(frame) => {
            drop(frame);
            ns.drops.count(DropReason::QueueFull);
        }
    }
}
