//! Random topologies: whatever is made, moved, toggled and deleted in whatever order,
//! frames are neither lost without a name nor made up, and nothing is left behind.

use core::net::Ipv4Addr;
use std::collections::HashMap;
use std::sync::Arc;

use warren_bridge::Bridge;
use warren_netns::error::SocketError;
use warren_netns::link::{LinkFlags, OperState, TxVerdict};
use warren_netns::{DropReason, Link, LinkId, Namespace};
use warren_platform::Duration;
use warren_tests::frames::{frame, station};
use warren_tests::inet::Ping;
use warren_tests::random::Random;
use warren_tests::world::ADMIN;
use warren_tests::{World, scenarios};

/// Everything there is, seen from the namespaces.
fn links(world: &World) -> Vec<Arc<Link>> {
    let mut all = Vec::new();
    for ns in world.namespaces() {
        let mut from = 0;
        while let Some(link) = ns.link_at_or_after(from) {
            from = link.ifindex().get() + 1;
            all.push(link);
        }
    }
    all
}

/// Frames each kept link was given and took, over its whole life.
#[derive(Default)]
struct Ledger(HashMap<LinkId, Arc<Link>>);

impl Ledger {
    fn note(&mut self, world: &World) {
        for link in links(world) {
            self.0.insert(link.id(), link);
        }
    }
}

/// Whether `port` would close a loop of bridges and pairs: without a spanning tree a
/// broadcast would circle there for ever, here as on Linux.
fn closes_loop(port: &Arc<Link>, bridge: &Arc<Link>) -> bool {
    let far_bridge = |port: &Arc<Link>| port.kind().peer().and_then(|peer| peer.master());
    let Some(start) = far_bridge(port) else { return false };
    let mut seen = vec![start.id()];
    let mut waiting = vec![start];
    while let Some(next) = waiting.pop() {
        if next.id() == bridge.id() {
            return true;
        }
        let ports = next.kind().ports();
        for found in ports.iter().filter(|other| other.id() != port.id()).filter_map(far_bridge) {
            if !seen.contains(&found.id()) {
                seen.push(found.id());
                waiting.push(found);
            }
        }
    }
    false
}

/// What a run remembers between its steps.
#[derive(Default)]
struct Run {
    /// Counts links, so that names and addresses differ.
    serial: u32,
    /// Sockets that are open; each holds its namespace.
    pings: Vec<Ping>,
    /// Every address given to a link.
    addresses: Vec<Ipv4Addr>,
}

impl Run {
    /// Gives a link an address of the network all of them share.
    fn address(&mut self, world: &World, link: &Arc<Link>) {
        let [_, _, high, low] = self.serial.to_be_bytes();
        let last = u8::try_from(self.addresses.len() % 250).expect("below 250");
        let address = Ipv4Addr::new(10, high, low, last);
        world.address(link, &format!("{address}/8"));
        self.addresses.push(address);
    }

    /// Sends a ping from somewhere to somewhere; whether it is answered is chance.
    fn ping(&mut self, world: &World, random: &mut Random) {
        let ns = random.pick(world.namespaces());
        let (Some(ns), Some(to)) = (ns, random.pick(&self.addresses)) else { return };
        let mut ping = match self.pings.pop() {
            Some(ping) if random.below(2) == 0 => ping,
            Some(ping) => {
                ping.close(world);
                Ping::open(world, ns)
            }
            None => Ping::open(world, ns),
        };
        // Refused without a route, answered at once, answered later, or never.
        let _: Result<(), SocketError> = ping.send(world, *to, random.below(5_000));
        while ping.recv().is_ok() {}
        self.pings.push(ping);
        if self.pings.len() < 4 {
            self.pings.push(Ping::open(world, ns));
        }
    }
}

fn step(world: &mut World, random: &mut Random, run: &mut Run) {
    let namespaces: Vec<Arc<Namespace>> = world.namespaces().to_vec();
    let links = links(world);
    let veths: Vec<_> = links.iter().filter(|l| l.kind().name() == Some("veth")).cloned().collect();
    let bridges: Vec<_> =
        links.iter().filter(|l| l.kind_as::<Bridge>().is_some()).cloned().collect();
    run.serial += 1;
    let serial = run.serial;
    world.run_on(u16::try_from(random.below(2)).expect("two CPUs"));
    match random.below(100) {
        0..4 if namespaces.len() < 8 => drop(world.namespace()),
        0..4 => {
            let ns = random.pick(&namespaces).expect("there are eight").clone();
            world.release(&ns);
        }
        4..14 if veths.len() < 30 => {
            let (a, b) = (random.pick(&namespaces), random.pick(&namespaces));
            if let (Some(a), Some(b)) = (a, b) {
                let (one, other) = (format!("v{serial}"), format!("w{serial}"));
                let (one, other) = world.veth((a, &one), (b, &other));
                run.address(world, &one);
                run.address(world, &other);
            }
        }
        14..18 if bridges.len() < 6 => {
            if let Some(ns) = random.pick(&namespaces) {
                let bridge = world.bridge(ns, &format!("br{serial}"));
                run.address(world, &bridge);
            }
        }
        18..24 => {
            let all: Vec<_> = veths.iter().chain(&bridges).cloned().collect();
            if let Some(link) = random.pick(&all) {
                world.delete(link);
            }
        }
        24..34 => {
            let (port, bridge) = (random.pick(&veths), random.pick(&bridges));
            if let (Some(port), Some(bridge)) = (port, bridge)
                && !closes_loop(port, bridge)
            {
                // Refused if they are in different namespaces: no less worth trying.
                let joined = world.join(port, bridge).is_ok();
                assert_eq!(joined, port.ns_id() == bridge.ns_id());
            }
        }
        34..37 => {
            if let Some(port) = random.pick(&veths) {
                world.leave(port);
            }
        }
        37..42 => {
            if let (Some(link), Some(to)) = (random.pick(&veths), random.pick(&namespaces)) {
                let from = link.namespace().expect("it is somewhere");
                from.move_link(&ADMIN, link, to, None, None, &world.cx()).expect("names differ");
            }
        }
        42..55 => {
            if let Some(link) = random.pick(&links) {
                world.up(&[link]);
            }
        }
        55..59 => {
            if let Some(link) = random.pick(&links) {
                world.down(&[link]);
            }
        }
        59..75 => run.ping(world, random),
        75..77 => {
            if let Some(ns) = random.pick(&namespaces) {
                ns.set_ip_forward(random.below(2) == 0);
            }
        }
        77..95 => {
            if let Some(link) = random.pick(&veths) {
                let (from, to) = (random.below(12), random.below(14));
                let number = |n: usize| u16::try_from(n).expect("small");
                let to = match to {
                    12 => warren_netns::MacAddr::BROADCAST,
                    13 => random.pick(&veths).map_or(station(0), |link| link.mac()),
                    to => station(number(to)),
                };
                let frame = frame(&world.stack, station(number(from)), to);
                // Left on the CPU's list half the time: the next step meets it there.
                if random.below(2) == 0 {
                    drop(world.send(link, frame));
                } else if let TxVerdict::Sent = world.queue(link, frame) {
                    world.host_wakes();
                }
            }
        }
        _ => world.pass(Duration::from_millis(random.next() % 60_000)),
    }
}

/// What must hold between any two steps.
fn invariants(world: &World) {
    for link in links(world) {
        let info = link.info();
        let up = info.flags.contains(LinkFlags::UP);
        assert_eq!(info.flags.contains(LinkFlags::LOWER_UP), up && info.carrier);
        if let Some(peer) = link.kind().peer() {
            let both = up && peer.flags().contains(LinkFlags::UP);
            assert_eq!(info.carrier, both, "{} {}", info.name, peer.name());
            assert_eq!(info.oper_state == OperState::Up, both);
        }
        if let Some(master) = link.master() {
            let bridge = master.kind_as::<Bridge>().expect("bridges are the only masters");
            assert!(bridge.port_of(&link).is_some());
            assert_eq!(master.ns_id(), link.ns_id());
            assert_eq!(info.promiscuity, 1);
        }
        if let Some(bridge) = link.kind_as::<Bridge>() {
            for port in bridge.ports().iter() {
                let port = port.link().expect("a port is a link");
                assert_eq!(port.master().map(|master| master.id()), Some(link.id()));
            }
            for entry in bridge.fdb(world.now()) {
                let Some(port) = entry.port else { continue };
                let listed = bridge.ports().iter().any(|known| Arc::ptr_eq(known, &port));
                assert!(listed, "an entry names a port that is gone");
            }
        }
    }
}

/// Every frame a veth sent was received by its peer or dropped there by name.
fn balance(ledger: &Ledger, pairs: &HashMap<LinkId, LinkId>) {
    for (own, other) in pairs {
        let (Some(own), Some(other)) = (ledger.0.get(own), ledger.0.get(other)) else { continue };
        let sent = own.stats.snapshot().tx_packets;
        let there = other.stats.snapshot();
        // What the L3 dropped was counted as received first; the rest never was.
        let unheard = there.rx_dropped - other.stats.drops.get(DropReason::UnknownProtocol);
        let refused = own.stats.drops.get(DropReason::NoCarrier);
        assert_eq!(
            sent + refused,
            there.rx_packets + unheard,
            "{} to {}",
            own.name(),
            other.name()
        );
    }
}

#[test]
fn random_changes_under_traffic_keep_every_promise() {
    scenarios(40, |world, seed| {
        let mut random = Random::new(seed ^ 0x5eed);
        let mut ledger = Ledger::default();
        let mut pairs = HashMap::new();
        let mut run = Run::default();
        for _ in 0..3 {
            world.namespace();
        }
        for _ in 0..600 {
            step(world, &mut random, &mut run);
            ledger.note(world);
            for link in links(world) {
                if let Some(peer) = link.kind().peer() {
                    pairs.insert(link.id(), peer.id());
                }
            }
            invariants(world);
        }
        for cpu in 0..2 {
            world.run_on(cpu);
            world.stack.run_tail(&world.cx());
        }
        world.settle();
        balance(&ledger, &pairs);
        for ping in run.pings {
            ping.close(world);
        }
        assert!(!pairs.is_empty(), "the seed made nothing");
    });
}
