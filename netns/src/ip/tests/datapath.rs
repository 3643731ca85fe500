//! A packet's way in, up, through and out.

use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_packet::{Checksum, Packet};
use warren_platform::Duration;

use super::{Host, PEER_MAC, addr, echo, ip};
use crate::drop_reason::DropReason;
use crate::ids::MacAddr;
use crate::ip::conf::{Devconf, Setting};
use crate::ip::header::Header;
use crate::ip::mib::{Icmp, Ip, IpExt};
use crate::ip::{Flow, NexthopSpec, OutputError, RouteKind, RouteMode, RouteSpec, checksum};
use crate::link::Link;
use crate::neighbour::{NeighbourFlags, NeighbourSpec, NeighbourState, NeighbourUpdate};

impl Host {
    /// Makes `dst` a neighbour on `link` that needs no asking.
    pub(super) fn know(&self, link: &Arc<Link>, dst: &str) {
        let spec = NeighbourSpec {
            addr: addr(dst),
            mac: Some(PEER_MAC),
            state: NeighbourState::PERMANENT,
            flags: NeighbourFlags::empty(),
            protocol: 0,
        };
        let mode = NeighbourUpdate::CREATE;
        self.ns.set_neighbour(&self.admin, link, &spec, mode, &self.cx()).expect("room");
    }

    /// Sends a UDP datagram of this many bytes from here.
    fn send_udp(&self, dst: &str, len: usize, dont_fragment: bool) -> Result<(), OutputError> {
        let way = self.ns.lookup_route(&Flow::to(addr(dst))).expect("a way");
        let mut body = alloc::vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0];
        body[4..6].copy_from_slice(&(len as u16 + 8).to_be_bytes());
        body.extend((0..len).map(|at| (at % 251) as u8));
        let mut bytes = ip(&alloc::format!("{}", way.source), dst, 17, 64, &body);
        if dont_fragment {
            bytes[6] |= 0x40;
        }
        bytes[4..6].fill(0);
        let mut packet = self.stack.pool().take(bytes.len()).expect("a buffer");
        packet.bytes_mut().copy_from_slice(&bytes);
        packet.meta.checksum = Checksum::NotComputed;
        let outcome = self.ns.output(packet, &way, &self.cx());
        self.stack.run_tail(&self.cx());
        outcome
    }
}

fn parse(bytes: &[u8]) -> Header {
    Header::parse(bytes).expect("a header")
}

#[test]
fn an_echo_request_is_answered_from_the_address_it_asked() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.add(&v0, "10.0.0.5", 24).expect("free");
    host.know(&v0, "10.0.0.2");
    host.receive_ip(&v0, &ip("10.0.0.2", "10.0.0.5", 1, 9, &echo(56)));
    let sent = host.sent_ip(&v0);
    assert_eq!(sent.len(), 1);
    let header = parse(&sent[0]);
    assert_eq!((header.src, header.dst, header.ttl), (addr("10.0.0.5"), addr("10.0.0.2"), 64));
    assert_eq!(sent[0][20], 0);
    assert_eq!(checksum::of(&sent[0][20..]), 0);
    assert_eq!(sent[0][24..], echo(56)[4..]);
    let mib = &host.ns.ip.mib;
    assert_eq!((mib.get_icmp(Icmp::InEchos), mib.get_icmp(Icmp::OutEchoReps)), (1, 1));
    assert_eq!((mib.get_ip(Ip::InReceives), mib.get_ip(Ip::InDelivers)), (1, 1));
    assert_eq!(host.ns.drops.nonzero().count(), 0);
}

#[test]
fn echo_to_a_broadcast_and_a_wrong_checksum_go_unanswered() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.know(&v0, "10.0.0.2");
    let all = ip("10.0.0.2", "10.0.0.255", 1, 9, &echo(8));
    host.receive(&v0, MacAddr::BROADCAST, 0x0800, &all);
    let mut bad = ip("10.0.0.2", "10.0.0.1", 1, 9, &echo(8));
    bad[27] ^= 1;
    host.receive_ip(&v0, &bad);
    assert_eq!(host.sent(&v0).len(), 0);
    assert_eq!(host.ns.drops.nonzero().collect::<Vec<_>>(), [(DropReason::BadTransport, 1)]);
    assert_eq!(host.ns.ip.mib.get_icmp(Icmp::InCsumErrors), 1);
    assert_eq!(host.ns.ip.mib.get_ext(IpExt::InBcastPkts), 1);
    host.ns.ip.conf.set(Setting::EchoIgnoreBroadcasts, 0);
    host.receive(&v0, MacAddr::BROADCAST, 0x0800, &all);
    assert_eq!(parse(&host.sent_ip(&v0)[0]).src, addr("10.0.0.1"));
}

#[test]
fn a_host_pings_itself_through_lo() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    let lo = host.ns.link(crate::Ifindex::LOOPBACK).expect("lo");
    for dst in ["127.0.0.1", "10.0.0.1", "127.9.9.9"] {
        let way = host.ns.lookup_route(&Flow::to(addr(dst))).expect("a way");
        let bytes = ip(&alloc::format!("{}", way.source), dst, 1, 64, &echo(8));
        let mut packet = host.stack.pool().take(bytes.len()).expect("a buffer");
        packet.bytes_mut().copy_from_slice(&bytes);
        host.ns.output(packet, &way, &host.cx()).expect("accepted");
        host.stack.run_tail(&host.cx());
    }
    let mib = &host.ns.ip.mib;
    assert_eq!((mib.get_icmp(Icmp::InEchos), mib.get_icmp(Icmp::InEchoReps)), (3, 3));
    assert_eq!(host.sent(&v0).len(), 0);
    let stats = lo.stats.snapshot();
    assert_eq!((stats.tx_packets, stats.rx_packets), (6, 6));
    assert_eq!(host.stack.pool().stats().outstanding, 0);
}

#[test]
fn martians_and_strangers_are_dropped_by_name() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    let drops = |src, dst| {
        host.receive_ip(&v0, &ip(src, dst, 1, 9, &echo(8)));
        let seen: Vec<_> = host.ns.drops.nonzero().collect();
        seen
    };
    let mut expected = alloc::collections::BTreeMap::new();
    for (src, dst, reason) in [
        ("10.0.0.1", "10.0.0.1", DropReason::MartianSource),
        ("224.0.0.5", "10.0.0.1", DropReason::MartianSource),
        ("255.255.255.255", "10.0.0.1", DropReason::MartianSource),
        ("127.0.0.1", "10.0.0.1", DropReason::MartianSource),
        ("0.1.2.3", "10.0.0.1", DropReason::MartianSource),
        ("10.0.0.2", "127.0.0.1", DropReason::NotForwarding),
        ("10.0.0.2", "0.0.0.1", DropReason::NotForwarding),
        ("10.0.0.2", "224.9.9.9", DropReason::NotForwarding),
        ("10.0.0.2", "10.0.0.9", DropReason::NotForwarding),
        ("10.0.0.2", "192.0.2.1", DropReason::NotForwarding),
    ] {
        *expected.entry(reason as usize).or_insert(0) += 1;
        let seen: Vec<_> =
            drops(src, dst).into_iter().map(|(reason, count)| (reason as usize, count)).collect();
        assert_eq!(seen, expected.clone().into_iter().collect::<Vec<_>>(), "{src} > {dst}");
    }
    assert_eq!(host.sent(&v0).len(), 0);
    host.receive(
        &v0,
        MacAddr([2, 9, 9, 9, 9, 9]),
        0x0800,
        &ip("10.0.0.2", "10.0.0.1", 1, 9, &echo(8)),
    );
    assert_eq!(host.ns.drops.get(DropReason::OtherHost), 1);
    v0.conf4.set(Devconf::RpFilter, 1);
    host.receive_ip(&v0, &ip("192.0.2.7", "10.0.0.1", 1, 9, &echo(8)));
    assert_eq!(host.ns.drops.get(DropReason::MartianSource), 6, "no way back");
}

#[test]
fn nobody_listens_so_the_sender_hears_port_or_protocol_unreachable() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.know(&v0, "10.0.0.2");
    let datagram = ip("10.0.0.2", "10.0.0.1", 17, 9, &[0, 9, 0, 9, 0, 8, 0, 0]);
    host.receive_ip(&v0, &datagram);
    host.receive_ip(&v0, &ip("10.0.0.2", "10.0.0.1", 99, 9, &[1; 600]));
    let sent = host.sent_ip(&v0);
    assert_eq!(sent.iter().map(|p| (p[20], p[21])).collect::<Vec<_>>(), [(3, 3), (3, 2)]);
    assert_eq!(sent[0][28..], datagram, "quoted whole");
    assert_eq!(sent[0][1], 0xc0, "with precedence");
    assert_eq!(sent[1].len(), 576, "but not more than this");
    assert!(sent.iter().all(|p| checksum::of(&p[20..]) == 0));
    let broadcast = ip("10.0.0.2", "10.0.0.255", 17, 9, &[0, 9, 0, 9, 0, 8, 0, 0]);
    host.receive(&v0, MacAddr::BROADCAST, 0x0800, &broadcast);
    let mut about_error = sent[0].clone();
    about_error[12..16].copy_from_slice(&[10, 0, 0, 2]);
    about_error[16..20].copy_from_slice(&[10, 0, 0, 1]);
    crate::ip::header::seal(&mut about_error[..20]);
    host.receive_ip(&v0, &about_error);
    assert_eq!(host.sent(&v0).len(), 0, "never about a broadcast or an error");
}

#[test]
fn errors_to_one_host_are_limited() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.know(&v0, "10.0.0.2");
    for _ in 0..20 {
        host.receive_ip(&v0, &ip("10.0.0.2", "10.0.0.1", 17, 9, &[0, 9, 0, 9, 0, 8, 0, 0]));
    }
    assert_eq!(host.sent(&v0).len(), 6);
    host.pass(Duration::from_secs(1));
    host.receive_ip(&v0, &ip("10.0.0.2", "10.0.0.1", 17, 9, &[0, 9, 0, 9, 0, 8, 0, 0]));
    assert_eq!(host.sent(&v0).len(), 1);
}

/// A router between 10.0.0.0/24 and 10.1.0.0/24.
fn router() -> (Host, Arc<Link>, Arc<Link>) {
    let host = Host::new();
    let left = host.tap("left", "10.0.0.1", 24);
    let right = host.tap("right", "10.1.0.1", 24);
    host.know(&left, "10.0.0.2");
    host.know(&right, "10.1.0.2");
    (host, left, right)
}

#[test]
fn packets_are_forwarded_only_when_asked_to_and_lose_one_hop() {
    let (host, left, right) = router();
    let packet = ip("10.0.0.2", "10.1.0.2", 1, 9, &echo(8));
    host.receive_ip(&left, &packet);
    assert_eq!(host.sent(&right).len(), 0);
    assert_eq!(host.ns.ip.mib.get_ip(Ip::InAddrErrors), 1);
    host.ns.set_ip_forward(true);
    host.receive_ip(&left, &packet);
    let sent = host.sent_ip(&right);
    assert_eq!(sent.len(), 1);
    assert_eq!(parse(&sent[0]).ttl, 8);
    assert_eq!(sent[0][20..], packet[20..]);
    assert_eq!(host.ns.ip.mib.get_ip(Ip::ForwDatagrams), 1);
    assert_eq!(host.ns.ip.mib.get_ip(Ip::InDelivers), 0);
    host.receive(&left, MacAddr::BROADCAST, 0x0800, &packet);
    assert_eq!(host.sent(&right).len(), 0, "a broadcast frame is not forwarded");
}

#[test]
fn a_router_says_why_it_does_not_forward() {
    let (host, left, right) = router();
    host.ns.set_ip_forward(true);
    let refuse = |dst: &str, kind| {
        let spec = RouteSpec {
            kind,
            nexthops: Vec::new(),
            ..RouteSpec::unicast(addr(dst), 32, NexthopSpec::new(None, None))
        };
        host.ns.add_route(&host.admin, &spec, RouteMode::CREATE, &host.cx()).expect("free");
    };
    refuse("192.0.2.1", RouteKind::Unreachable);
    refuse("192.0.2.2", RouteKind::Prohibit);
    refuse("192.0.2.3", RouteKind::Blackhole);
    let mut big = ip("10.0.0.2", "10.1.0.2", 17, 9, &[0; 1_400]);
    big[6] |= 0x40;
    crate::ip::header::seal(&mut big[..20]);
    let cases = [
        (ip("10.0.0.2", "10.1.0.2", 1, 1, &echo(8)), Some((11, 0))),
        (ip("10.0.0.2", "198.51.100.1", 1, 9, &echo(8)), Some((3, 0))),
        (ip("10.0.0.2", "192.0.2.1", 1, 9, &echo(8)), Some((3, 1))),
        (ip("10.0.0.2", "192.0.2.2", 1, 9, &echo(8)), Some((3, 13))),
        (ip("10.0.0.2", "192.0.2.3", 1, 9, &echo(8)), None),
        (big, Some((3, 4))),
    ];
    let change = crate::namespace::change::LinkChange {
        mtu: Some(crate::ids::Mtu(1_280)),
        ..Default::default()
    };
    host.ns.change_link(&host.admin, &right, &change, &host.cx()).expect("a good MTU");
    for (packet, answer) in cases {
        host.receive_ip(&left, &packet);
        let sent = host.sent_ip(&left);
        assert_eq!(sent.first().map(|p| (p[20], p[21])), answer);
        if let Some(error) = sent.first() {
            assert_eq!(parse(error).src, addr("10.0.0.1"));
            if answer == Some((3, 4)) {
                assert_eq!(error[26..28], 1_280_u16.to_be_bytes());
            }
        }
        assert_eq!(host.sent(&right).len(), 0);
    }
}

#[test]
fn a_router_points_at_a_better_gateway() {
    let (host, left, _right) = router();
    host.ns.set_ip_forward(true);
    host.via("192.0.2.0", 24, "10.0.0.3").expect("reachable");
    host.know(&left, "10.0.0.3");
    host.receive_ip(&left, &ip("10.0.0.2", "192.0.2.1", 1, 9, &echo(8)));
    let sent = host.sent_ip(&left);
    assert_eq!(sent.len(), 2);
    assert_eq!((sent[0][20], sent[0][21]), (5, 1));
    assert_eq!(sent[0][24..28], [10, 0, 0, 3]);
    assert_eq!(parse(&sent[1]).dst, addr("192.0.2.1"));
}

#[test]
fn a_long_packet_is_cut_and_put_together_again() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.know(&v0, "10.0.0.2");
    host.send_udp("10.0.0.2", 4_000, false).expect("it may be cut");
    let frames = host.sent(&v0);
    assert!(frames.iter().all(|f: &Packet| f.len() <= 1_514));
    let pieces: Vec<Vec<u8>> = frames.iter().map(|f| f.bytes()[14..].to_vec()).collect();
    drop(frames);
    let shapes: Vec<_> = pieces
        .iter()
        .map(|p| parse(p))
        .map(|h| (h.fragment_offset, h.total_len, h.more_fragments))
        .collect();
    assert_eq!(shapes, [(0, 1_500, true), (1_480, 1_500, true), (2_960, 1_068, false)]);
    assert_eq!(host.ns.ip.mib.get_ip(Ip::FragCreates), 3);

    // Another host puts them together, whatever the order, and finds nobody listening:
    // its answer quotes the whole datagram's front, checksum and all.
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let other = Host::new();
        let far = other.tap("v0", "10.0.0.2", 24);
        other.know(&far, "10.0.0.1");
        for at in order {
            other.receive_ip(&far, &pieces[at]);
            other.receive_ip(&far, &pieces[order[0]]);
        }
        let mib = &other.ns.ip.mib;
        assert_eq!(mib.get_ip(Ip::ReasmOKs), 1, "{order:?}");
        let errors = other.sent_ip(&far);
        assert_eq!(errors.len(), 1);
        assert_eq!((errors[0][20], errors[0][21]), (3, 3));
        assert_eq!(parse(&errors[0]).dst, addr("10.0.0.1"));
        assert_eq!(errors[0][30..32], 4_028_u16.to_be_bytes());
    }
}

#[test]
fn a_packet_that_may_not_be_cut_comes_back_with_the_mtu() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.know(&v0, "10.0.0.2");
    let refused = host.send_udp("10.0.0.2", 4_000, true);
    assert!(matches!(refused, Err(OutputError::TooBig { mtu: 1_500 })));
    assert_eq!(host.sent(&v0).len(), 0);
    host.send_udp("10.0.0.2", 1_472, true).expect("just fits");
    assert_eq!(host.sent(&v0).len(), 1);
}

fn fragment(ident: u8, offset: usize, len: usize, more: bool) -> Vec<u8> {
    let mut bytes = ip("10.0.0.2", "10.0.0.1", 17, 9, &alloc::vec![0; len]);
    bytes[5] = ident;
    let flags = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
    bytes[6..8].copy_from_slice(&flags.to_be_bytes());
    crate::ip::header::seal(&mut bytes[..20]);
    bytes
}

#[test]
fn fragments_that_overlap_contradict_or_overflow_are_dropped() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.know(&v0, "10.0.0.2");
    let fails = || host.ns.ip.mib.get_ip(Ip::ReasmFails);
    host.receive_ip(&v0, &fragment(1, 0, 64, true));
    host.receive_ip(&v0, &fragment(1, 56, 64, true));
    assert_eq!((fails(), host.ns.ip.mib.get_ext(IpExt::ReasmOverlaps)), (1, 1));
    host.receive_ip(&v0, &fragment(2, 0, 63, true));
    assert_eq!(fails(), 2, "not a multiple of eight");
    host.receive_ip(&v0, &fragment(3, 65_528, 64, false));
    assert_eq!(fails(), 3, "beyond the longest datagram");
    host.receive_ip(&v0, &fragment(4, 128, 64, false));
    host.receive_ip(&v0, &fragment(4, 64, 64, false));
    assert_eq!(fails(), 4, "two ends");
    assert_eq!(host.stack.pool().stats().outstanding, 0);
}

#[test]
fn incomplete_datagrams_are_bounded_in_bytes_and_time() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.know(&v0, "10.0.0.2");
    host.ns.ip.conf.set(Setting::FragmentHighThreshold, 16_384);
    for ident in 0..20 {
        host.receive_ip(&v0, &fragment(ident, 0, 64, true));
    }
    assert_eq!(host.stack.pool().stats().outstanding, 8);
    assert_eq!(host.ns.ip.mib.get_ip(Ip::ReasmFails), 12);
    host.pass(Duration::from_secs(29));
    assert_eq!(host.ns.ip.mib.get_ip(Ip::ReasmTimeout), 0);
    host.pass(Duration::from_secs(1));
    assert_eq!(host.ns.ip.mib.get_ip(Ip::ReasmTimeout), 8);
    let sent = host.sent_ip(&v0);
    assert_eq!(sent.len(), 6, "as many errors as the limit allows");
    assert!(sent.iter().all(|p| (p[20], p[21]) == (11, 1)));
    assert_eq!(host.stack.pool().stats().outstanding, 0);
    assert_eq!(host.ns.deadlines.earliest(), None);
}

#[test]
fn a_broadcast_is_sent_to_everybody_and_heard_here() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.send_udp("10.0.0.255", 8, false).expect("accepted");
    let sent = host.sent(&v0);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].bytes()[..6], MacAddr::BROADCAST.0);
    assert_eq!(host.ns.ip.mib.get_ext(IpExt::InBcastPkts), 1);
    assert_eq!(host.ns.ip.mib.get_ip(Ip::InDelivers), 1);
}

#[test]
fn a_router_s_word_on_the_mtu_is_kept_for_ten_minutes() {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    host.via("0.0.0.0", 0, "10.0.0.2").expect("reachable");
    let mtu = || host.ns.lookup_route(&Flow::to(addr("192.0.2.1"))).expect("a way").mtu;
    let told = |src: &str, mtu: u16| {
        let mut body = alloc::vec![3, 4, 0, 0, 0, 0];
        body.extend(mtu.to_be_bytes());
        body.extend(&ip(src, "192.0.2.1", 17, 9, &[0; 16])[..28]);
        host.receive_ip(&v0, &ip("10.0.0.2", "10.0.0.1", 1, 9, &body));
    };
    told("10.0.0.9", 1_000);
    assert_eq!(mtu(), 1_500, "that was not our packet");
    told("10.0.0.1", 9_000);
    assert_eq!(mtu(), 1_500, "it can only shrink");
    told("10.0.0.1", 1_000);
    assert_eq!(mtu(), 1_000);
    told("10.0.0.1", 100);
    assert_eq!(mtu(), 552, "no less than this is believed");
    host.pass(Duration::from_secs(601));
    assert_eq!(mtu(), 1_500);
    assert_eq!(host.ns.deadlines.earliest(), None);
}

#[test]
fn a_packet_that_comes_back_from_a_full_queue_was_not_sent() {
    let host = Host::new();
    let lo = host.ns.link(crate::Ifindex::LOOPBACK).expect("lo");
    let way = host.ns.lookup_route(&Flow::to(addr("127.0.0.1"))).expect("a way");
    let bytes = ip("127.0.0.1", "127.0.0.1", 17, 64, &[0, 9, 0, 9, 0, 8, 0, 0]);
    let (mut sent, mut refused) = (0, None);
    // Nobody polls meanwhile: the queue of lo fills up.
    while refused.is_none() {
        let mut packet = host.stack.pool().take(bytes.len()).expect("a buffer");
        packet.bytes_mut().copy_from_slice(&bytes);
        match host.ns.output(packet, &way, &host.cx()) {
            Ok(()) => sent += 1,
            Err(OutputError::Full(packet)) => refused = Some(packet),
            Err(other) => panic!("{other:?}"),
        }
    }
    let packet = refused.expect("the loop ended");
    assert_eq!(packet.bytes()[16..20], [127, 0, 0, 1], "its head is the IP header again");
    assert_eq!(host.ns.ip.mib.get_ip(Ip::OutRequests), sent);
    assert_eq!(lo.stats.snapshot().tx_packets, sent);
    assert_eq!(host.ns.drops.nonzero().count(), 0);
}
