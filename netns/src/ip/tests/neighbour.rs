//! ARP on the wire, and a neighbour's states as the clock walks.

use alloc::vec::Vec;

use warren_packet::Packet;
use warren_platform::Duration;

use super::{Host, PEER_MAC, addr, arp, echo, ip};
use crate::drop_reason::DropReason;
use crate::error::NeighbourError;
use crate::ids::MacAddr;
use crate::ip::Flow;
use crate::ip::conf::{ConfTarget, Devconf};
use crate::ip::mib::Icmp;
use crate::neighbour::conf::Setting;
use crate::neighbour::{NeighbourFlags, NeighbourSpec, NeighbourState, NeighbourUpdate};

const SECOND: Duration = Duration::from_secs(1);

/// A host 10.0.0.1/24 on a tap.
fn host() -> (Host, alloc::sync::Arc<crate::Link>) {
    let host = Host::new();
    let v0 = host.tap("v0", "10.0.0.1", 24);
    (host, v0)
}

impl Host {
    /// Sends an echo request from here.
    fn ping(&self, dst: &str) {
        let way = self.ns.lookup_route(&Flow::to(addr(dst))).expect("a way");
        let src = alloc::format!("{}", way.source);
        let bytes = ip(&src, dst, 1, 64, &echo(8));
        let mut packet = self.stack.pool().take(bytes.len()).expect("a buffer");
        packet.bytes_mut().copy_from_slice(&bytes);
        self.ns.output(packet, &way, &self.cx()).expect("accepted");
        self.stack.run_tail(&self.cx());
    }

    fn state(&self, link: &crate::Link, dst: &str) -> Option<NeighbourState> {
        self.ns.neighbour(link.ifindex(), addr(dst)).map(|n| n.state)
    }
}

fn requests(frames: &[Packet]) -> Vec<MacAddr> {
    let is_request = |f: &&Packet| f.bytes()[12..14] == [8, 6] && f.bytes()[21] == 1;
    let to = |f: &Packet| MacAddr(*f.bytes().first_chunk().expect("a frame"));
    frames.iter().filter(is_request).map(to).collect()
}

#[test]
fn a_request_for_us_is_answered_and_its_sender_learned() {
    let (host, v0) = host();
    let ask = |target| arp(1, PEER_MAC, addr("10.0.0.2"), MacAddr::ZERO, addr(target));
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("10.0.0.3"));
    assert_eq!(host.sent(&v0).len(), 0, "not for us");
    assert_eq!(host.state(&v0, "10.0.0.2"), None, "and nothing to learn");
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("10.0.0.1"));
    let sent = host.sent(&v0);
    assert_eq!(sent.len(), 1);
    let answer = arp(2, v0.mac(), addr("10.0.0.1"), PEER_MAC, addr("10.0.0.2"));
    assert_eq!(sent[0].bytes()[14..], answer);
    assert_eq!(sent[0].bytes()[..6], PEER_MAC.0);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::STALE));
}

#[test]
fn a_probe_without_a_sender_address_is_answered_too() {
    let (host, v0) = host();
    let probe = arp(1, PEER_MAC, addr("0.0.0.0"), MacAddr::ZERO, addr("10.0.0.1"));
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &probe);
    assert_eq!(host.sent(&v0).len(), 1);
    assert_eq!(host.ns.neighbours().expect("memory").len(), 0);
}

#[test]
fn arp_ignore_and_martian_targets_go_unanswered() {
    let (host, v0) = host();
    let ask = |target| arp(1, PEER_MAC, addr("10.0.0.2"), MacAddr::ZERO, addr(target));
    v0.conf4.set(Devconf::ArpIgnore, 8);
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("10.0.0.1"));
    v0.conf4.set(Devconf::ArpIgnore, 1);
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("127.0.0.1"));
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("224.0.0.1"));
    assert_eq!(host.sent(&v0).len(), 0);
    assert_eq!(host.ns.drops.get(DropReason::BadArp), 2);
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("10.0.0.1"));
    assert_eq!(host.sent(&v0).len(), 1);
}

#[test]
fn packets_wait_for_the_answer_and_leave_in_order() {
    let (host, v0) = host();
    for _ in 0..3 {
        host.ping("10.0.0.2");
    }
    let sent = host.sent(&v0);
    assert_eq!(requests(&sent), [MacAddr::BROADCAST], "one request for all three");
    assert_eq!(sent.len(), 1);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::INCOMPLETE));
    host.arp_reply(&v0, addr("10.0.0.2"), addr("10.0.0.1"));
    let sent = host.sent(&v0);
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|frame| frame.bytes()[..6] == PEER_MAC.0));
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::REACHABLE));
}

#[test]
fn three_unanswered_requests_make_it_failed_and_the_sender_hears() {
    let (host, v0) = host();
    host.ping("10.0.0.2");
    let mut asked = requests(&host.sent(&v0)).len();
    for _ in 0..2 {
        host.pass(SECOND);
        asked += requests(&host.sent(&v0)).len();
    }
    assert_eq!(asked, 3);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::INCOMPLETE));
    assert_eq!(host.ns.ip.mib.get_icmp(Icmp::InDestUnreachs), 0);
    host.pass(SECOND);
    assert_eq!(requests(&host.sent(&v0)).len(), 0);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::FAILED));
    assert_eq!(host.ns.drops.get(DropReason::NeighbourFailed), 1);
    // "From 10.0.0.1 ... Destination Host Unreachable", through lo.
    assert_eq!(host.ns.ip.mib.get_icmp(Icmp::OutDestUnreachs), 1);
    assert_eq!(host.ns.ip.mib.get_icmp(Icmp::InDestUnreachs), 1);
    assert_eq!(host.ns.deadlines.earliest(), None, "nothing is left to wait for");
    host.ping("10.0.0.2");
    assert_eq!(requests(&host.sent(&v0)).len(), 1, "and it is tried anew");
}

#[test]
fn an_unused_neighbour_becomes_stale_and_a_used_one_is_probed() {
    let (host, v0) = host();
    host.ping("10.0.0.2");
    host.arp_reply(&v0, addr("10.0.0.2"), addr("10.0.0.1"));
    host.sent(&v0);
    // The reachable time is 15 to 45 s.
    host.pass(SECOND * 14);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::REACHABLE));
    host.pass(SECOND * 32);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::STALE));
    host.pass(SECOND * 600);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::STALE));
    host.ping("10.0.0.2");
    assert_eq!(host.sent_ip(&v0).len(), 1, "a stale address is used");
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::DELAY));
    host.pass(SECOND * 5);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::PROBE));
    assert_eq!(requests(&host.sent(&v0)), [PEER_MAC], "asked in person");
    host.arp_reply(&v0, addr("10.0.0.2"), addr("10.0.0.1"));
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::REACHABLE));
}

#[test]
fn a_probed_neighbour_that_is_silent_fails_after_three_more() {
    let (host, v0) = host();
    host.ping("10.0.0.2");
    host.arp_reply(&v0, addr("10.0.0.2"), addr("10.0.0.1"));
    host.pass(SECOND * 46);
    host.ping("10.0.0.2");
    host.sent(&v0);
    host.pass(SECOND * 7);
    assert_eq!(requests(&host.sent(&v0)), [PEER_MAC; 3]);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::PROBE));
    host.pass(SECOND);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::FAILED));
}

#[test]
fn somebody_who_vouches_spares_the_probe() {
    let (host, v0) = host();
    host.ping("10.0.0.2");
    host.arp_reply(&v0, addr("10.0.0.2"), addr("10.0.0.1"));
    host.pass(SECOND * 46);
    host.ping("10.0.0.2");
    host.sent(&v0);
    host.pass(SECOND * 2);
    host.ns.confirm_neighbour(&v0, addr("10.0.0.2"), &host.cx());
    host.pass(SECOND * 3);
    assert_eq!(host.state(&v0, "10.0.0.2"), Some(NeighbourState::REACHABLE));
    assert_eq!(requests(&host.sent(&v0)).len(), 0);
}

#[test]
fn a_gratuitous_announcement_moves_a_known_neighbour_only() {
    let (host, v0) = host();
    let other = MacAddr([2, 0, 0, 0, 0, 0x77]);
    let announce = arp(1, other, addr("10.0.0.2"), other, addr("10.0.0.2"));
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &announce);
    assert_eq!(host.state(&v0, "10.0.0.2"), None);
    host.ping("10.0.0.2");
    host.arp_reply(&v0, addr("10.0.0.2"), addr("10.0.0.1"));
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &announce);
    let moved = host.ns.neighbour(v0.ifindex(), addr("10.0.0.2")).expect("known");
    assert_eq!((moved.mac, moved.state), (Some(other), NeighbourState::STALE));
    // A second station that answers at once does not override the first.
    host.arp_reply(&v0, addr("10.0.0.2"), addr("10.0.0.1"));
    let kept = host.ns.neighbour(v0.ifindex(), addr("10.0.0.2")).expect("known");
    assert_eq!(kept.mac, Some(other));
}

#[test]
fn what_waits_is_bounded_and_the_oldest_makes_room() {
    let (host, v0) = host();
    host.ns.neighbours.conf.set(Setting::QueueBytes, 3_000);
    for _ in 0..10 {
        host.ping("10.0.0.2");
    }
    let left = host.ns.drops.get(DropReason::NeighbourQueueFull);
    assert!(left > 0 && left < 10);
    host.arp_reply(&v0, addr("10.0.0.2"), addr("10.0.0.1"));
    assert_eq!(host.sent_ip(&v0).len() as u64, 10 - left);
}

#[test]
fn the_table_is_bounded_and_fresh_entries_are_not_sacrificed() {
    let (host, _v0) = host();
    host.ns.neighbours.conf.set(Setting::GcThresh2, 4);
    host.ns.neighbours.conf.set(Setting::GcThresh3, 8);
    for last in 2..40 {
        let dst = alloc::format!("10.0.0.{last}");
        let way = host.ns.lookup_route(&Flow::to(addr(&dst))).expect("a way");
        let bytes = ip("10.0.0.1", &dst, 1, 64, &echo(8));
        let mut packet = host.stack.pool().take(bytes.len()).expect("a buffer");
        packet.bytes_mut().copy_from_slice(&bytes);
        let outcome = host.ns.output(packet, &way, &host.cx());
        assert_eq!(outcome.is_ok(), last < 10, "{dst}: {outcome:?}");
    }
    assert_eq!(host.ns.neighbours().expect("memory").len(), 8);
    assert_eq!(host.ns.drops.get(DropReason::NeighbourTableFull), 30);
    host.pass(SECOND * 10);
    host.ping("10.0.0.50");
    assert!(host.ns.neighbours().expect("memory").len() <= 8, "failed ones made room");
}

#[test]
fn the_user_sets_and_deletes_neighbours() {
    let (host, v0) = host();
    let spec = NeighbourSpec {
        addr: addr("10.0.0.77"),
        mac: Some(PEER_MAC),
        state: NeighbourState::PERMANENT,
        flags: NeighbourFlags::empty(),
        protocol: 0,
    };
    let set = |spec: &NeighbourSpec, mode| {
        host.ns.set_neighbour(&host.admin, &v0, spec, mode, &host.cx())
    };
    let create = NeighbourUpdate::CREATE;
    assert_eq!(set(&spec, NeighbourUpdate::REPLACE), Err(NeighbourError::NotFound));
    let bare = NeighbourSpec { mac: None, ..spec };
    assert_eq!(set(&bare, create), Err(NeighbourError::NoAddress));
    assert_eq!(host.ns.neighbours().expect("memory").len(), 0);
    assert_eq!(set(&spec, create | NeighbourUpdate::EXCL), Ok(()));
    assert_eq!(set(&spec, create | NeighbourUpdate::EXCL), Err(NeighbourError::Exists));
    host.ping("10.0.0.77");
    assert_eq!(host.sent_ip(&v0).len(), 1, "no question asked");
    host.arp_reply(&v0, addr("10.0.0.77"), addr("10.0.0.1"));
    assert_eq!(host.state(&v0, "10.0.0.77"), Some(NeighbourState::PERMANENT));
    let delete = || host.ns.delete_neighbour(&host.admin, &v0, spec.addr, &host.cx());
    assert_eq!(delete(), Ok(()));
    assert_eq!(delete(), Err(NeighbourError::NotFound));
}

#[test]
fn a_link_that_goes_down_forgets_its_neighbours_and_drops_what_waits() {
    let (host, v0) = host();
    host.ping("10.0.0.2");
    host.set_up(&v0, false);
    assert_eq!(host.ns.neighbours().expect("memory").len(), 0);
    assert_eq!(host.ns.deadlines.earliest(), None);
    host.sent(&v0);
    assert_eq!(host.stack.pool().stats().outstanding, 0);
}

#[test]
fn a_link_announces_its_addresses_when_told_to() {
    let (host, v0) = host();
    host.set_up(&v0, false);
    host.sent(&v0);
    assert!(host.ns.set_conf(ConfTarget::Link(&v0), Devconf::ArpNotify, 1));
    host.set_up(&v0, true);
    host.pass(SECOND);
    let sent = host.sent(&v0);
    let expected = arp(1, v0.mac(), addr("10.0.0.1"), v0.mac(), addr("10.0.0.1"));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].bytes()[14..], expected);
}

#[test]
fn a_router_answers_for_hosts_beyond_it_when_told_to() {
    let (host, v0) = host();
    let v1 = host.tap("v1", "10.1.0.1", 24);
    host.ns.set_ip_forward(true);
    let ask = |target| arp(1, PEER_MAC, addr("10.0.0.2"), MacAddr::ZERO, addr(target));
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("10.1.0.7"));
    assert_eq!(host.sent(&v0).len(), 0);
    assert!(host.ns.set_conf(ConfTarget::Link(&v0), Devconf::ProxyArp, 1));
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("10.0.0.7"));
    assert_eq!(host.sent(&v0).len(), 0, "that one is on the asker's own link");
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask("10.1.0.7"));
    let sent = host.sent(&v0);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].bytes()[22..32], [&v0.mac().0[..], &[10, 1, 0, 7]].concat());
    assert_eq!(host.sent(&v1).len(), 0);
}

#[test]
fn a_neighbour_the_user_fixed_is_answered_too() {
    let (host, v0) = host();
    host.know(&v0, "10.0.0.2");
    let ask = arp(1, PEER_MAC, addr("10.0.0.2"), MacAddr::ZERO, addr("10.0.0.1"));
    host.receive(&v0, MacAddr::BROADCAST, 0x0806, &ask);
    assert_eq!(host.sent(&v0).len(), 1);
}
