//! Pings: the whole way from a socket through L3, ARP and links to another namespace's
//! L3 and back.

use core::net::Ipv4Addr;
use std::sync::Arc;

use warren_netns::error::SocketError;
use warren_netns::namespace::change::LinkChange;
use warren_netns::{Link, Mtu, Namespace};
use warren_platform::Duration;
use warren_tests::counters::{Counted, counted};
use warren_tests::inet::{PAYLOAD, Ping, Reply, ip};
use warren_tests::world::ADMIN;
use warren_tests::{World, check, scenario};

/// Bytes of an ARP frame and of a ping's frame.
const ARP: u64 = 42;
const ECHO: u64 = 14 + 20 + 8 + PAYLOAD as u64;

/// Two namespaces joined by a pair, 10.0.0.1 and 10.0.0.2.
fn two(world: &mut World) -> [Station; 2] {
    let (a, b) = (world.namespace(), world.namespace());
    let (v0, v1) = world.veth((&a, "eth0"), (&b, "eth0"));
    world.address(&v0, "10.0.0.1/24");
    world.address(&v1, "10.0.0.2/24");
    world.up(&[&v0, &v1]);
    [(a, v0), (b, v1)]
}

/// A namespace and its link.
type Station = (Arc<Namespace>, Arc<Link>);

/// A bridge 10.0.0.254 in a namespace of its own, and `count` namespaces 10.0.0.1, ... on
/// its ports.
fn lan(world: &mut World, count: usize) -> (Arc<Link>, Vec<Station>) {
    let home = world.namespace();
    let bridge = world.bridge(&home, "br0");
    world.address(&bridge, "10.0.0.254/24");
    world.up(&[&bridge]);
    let stations = (1..=count)
        .map(|number| {
            let ns = world.namespace();
            let (station, port) = world.veth((&ns, "eth0"), (&home, &format!("p{number}")));
            world.join(&port, &bridge).expect("a port");
            world.address(&station, &format!("10.0.0.{number}/24"));
            world.up(&[&port, &station]);
            (ns, station)
        })
        .collect();
    (bridge, stations)
}

fn station(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, u8::try_from(number).expect("few stations"))
}

/// One ping that is answered; what came.
fn ping(world: &World, from: &Arc<Namespace>, to: Ipv4Addr) -> Reply {
    let mut ping = Ping::open(world, from);
    let reply = ping.once(world, to).expect("an answer");
    assert_eq!((reply.from, reply.sequence, reply.len), (to, 1, PAYLOAD));
    ping.close(world);
    reply
}

fn no_drops(world: &World) {
    for ns in world.namespaces() {
        assert_eq!(ns.drops.nonzero().collect::<Vec<_>>(), [], "{:?}", ns.id());
    }
}

#[test]
fn a_namespace_pings_another_over_a_pair() {
    scenario(|world| {
        let [(a, v0), (_, v1)] = two(world);
        assert_eq!(ping(world, &a, ip("10.0.0.2")).ttl, 64);
        // Each end sent and received one ARP frame and one echo.
        let both = (2, ARP + ECHO);
        let expected = Counted { rx: both, tx: both, ..Counted::default() };
        assert_eq!((counted(&v0), counted(&v1)), (expected.clone(), expected));
        no_drops(world);
    });
}

#[test]
fn an_own_address_answers_through_the_loopback_alone() {
    scenario(|world| {
        let [(a, v0), _] = two(world);
        let lo = a.find_link(b"lo").expect("always there");
        world.up(&[&lo]);
        ping(world, &a, ip("127.0.0.1"));
        ping(world, &a, ip("10.0.0.1"));
        // The loopback counts packets without their Ethernet header, as Linux does.
        let four = (4, 4 * (ECHO - 14));
        assert_eq!(counted(&lo), Counted { rx: four, tx: four, ..Counted::default() });
        assert_eq!(counted(&v0), Counted::default());
        no_drops(world);
    });
}

#[test]
fn three_on_a_bridge_ping_each_other_and_the_bridge_answers_too() {
    scenario(|world| {
        let (bridge, stations) = lan(world, 3);
        let everyone = [ip("10.0.0.254"), station(1), station(2), station(3)];
        for (number, (ns, _)) in (1..).zip(&stations) {
            for to in everyone.into_iter().filter(|to| *to != station(number)) {
                ping(world, ns, to);
            }
        }
        let home = bridge.namespace().expect("alive");
        for to in &everyone[1..] {
            ping(world, &home, *to);
        }
        for (_, link) in &stations {
            assert_eq!(counted(link).dropped, (0, 0));
        }
        assert_eq!(counted(&bridge).drops, []);
    });
}

#[test]
fn a_flood_of_a_thousand_pings_loses_none() {
    scenario(|world| {
        let (bridge, stations) = lan(world, 2);
        let mut flood = Ping::open(world, &stations[0].0);
        for sequence in 1..=1_000 {
            let reply = flood.once(world, station(2)).expect("an answer");
            assert_eq!(reply.sequence, sequence);
        }
        // One resolution each way at most, then a thousand echoes each way.
        let [from, to] = [0, 1].map(|n| counted(&stations[n].1));
        assert_eq!((from.tx.0, from.rx.0), (1_001, 1_001));
        assert_eq!((to.tx.0, to.rx.0), (1_001, 1_001));
        assert_eq!((from.drops, to.drops), (vec![], vec![]));
        assert_eq!(counted(&bridge).drops, []);
        flood.close(world);
    });
}

#[test]
fn a_burst_of_pings_is_answered_whatever_the_budget() {
    scenario(|world| {
        let [(a, v0), (_, v1)] = two(world);
        let mut burst = Ping::open(world, &a);
        burst.once(world, ip("10.0.0.2")).expect("an answer");
        let mut answered = 0;
        for _ in 0..20 {
            for _ in 0..50 {
                burst.send(world, ip("10.0.0.2"), PAYLOAD).expect("room");
            }
            world.settle();
            while burst.recv().is_ok() {
                answered += 1;
            }
        }
        assert_eq!(answered, 1_000);
        assert_eq!((counted(&v0).drops, counted(&v1).drops), (vec![], vec![]));
        burst.close(world);
    });
}

#[test]
fn the_same_addresses_in_other_namespaces_are_not_met() {
    scenario(|world| {
        let [(a, _), _] = two(world);
        let [(_, w0), (_, w1)] = two(world);
        ping(world, &a, ip("10.0.0.2"));
        assert_eq!((counted(&w0), counted(&w1)), (Counted::default(), Counted::default()));
    });
}

#[test]
fn a_large_ping_is_cut_to_the_mtu_and_put_together_again() {
    scenario(|world| {
        let [(a, v0), (_, v1)] = two(world);
        let mut large = Ping::open(world, &a);
        large.send(world, ip("10.0.0.2"), 4_000).expect("sent");
        world.settle();
        assert_eq!(large.recv().expect("an answer").len, 4_000);
        // ARP and three fragments each way.
        assert_eq!((counted(&v0).tx.0, counted(&v1).tx.0), (4, 4));
        let change = LinkChange { mtu: Some(Mtu(600)), ..LinkChange::default() };
        for link in [&v0, &v1] {
            world.change(link, &change).expect("a valid MTU");
        }
        large.send(world, ip("10.0.0.2"), 4_000).expect("sent");
        world.settle();
        assert_eq!(large.recv().expect("an answer").len, 4_000);
        assert_eq!((counted(&v0).drops, counted(&v1).drops), (vec![], vec![]));
        large.close(world);
    });
}

#[test]
fn nobody_at_the_address_is_told_after_three_seconds() {
    scenario(|world| {
        let [(a, v0), _] = two(world);
        // The news comes as an ICMP message to ourselves, by the loopback as on Linux.
        world.up(&[&a.find_link(b"lo").expect("always there")]);
        let mut lonely = Ping::open(world, &a);
        assert_eq!(lonely.once(world, ip("10.0.0.9")), Err(SocketError::WouldBlock));
        world.pass(Duration::from_millis(2_900));
        assert_eq!(lonely.recv(), Err(SocketError::WouldBlock));
        world.pass(Duration::from_millis(200));
        assert_eq!(lonely.recv(), Err(SocketError::HostUnreachable));
        // Three broadcasts and nothing else left the link.
        assert_eq!(counted(&v0).tx, (3, 3 * ARP));
        lonely.close(world);
    });
}

#[test]
fn pings_pass_two_routers() {
    scenario(|world| {
        let [a, r, s, b] = [(); 4].map(|()| world.namespace());
        let (a0, r0) = world.veth((&a, "eth0"), (&r, "west"));
        let (r1, s0) = world.veth((&r, "east"), (&s, "west"));
        let (s1, b0) = world.veth((&s, "east"), (&b, "eth0"));
        for (link, address) in [
            (&a0, "10.1.0.1/24"),
            (&r0, "10.1.0.254/24"),
            (&r1, "10.2.0.1/24"),
            (&s0, "10.2.0.2/24"),
            (&s1, "10.3.0.254/24"),
            (&b0, "10.3.0.1/24"),
        ] {
            world.address(link, address);
            world.up(&[link]);
        }
        world.route(&a, "0.0.0.0/0", "10.1.0.254", &a0);
        world.route(&b, "0.0.0.0/0", "10.3.0.254", &b0);
        world.route(&r, "10.3.0.0/24", "10.2.0.2", &r1);
        world.route(&s, "10.1.0.0/24", "10.2.0.1", &s0);
        let mut early = Ping::open(world, &a);
        assert_eq!(early.once(world, ip("10.3.0.1")), Err(SocketError::WouldBlock));
        early.close(world);
        for router in [&r, &s] {
            router.set_ip_forward(true);
        }
        assert_eq!(ping(world, &a, ip("10.3.0.1")).ttl, 62);
        assert_eq!(ping(world, &b, ip("10.1.0.1")).ttl, 62);
    });
}

#[test]
fn a_ping_works_again_after_a_flap_and_after_a_move() {
    scenario(|world| {
        let [(a, _), (b, v1)] = two(world);
        ping(world, &a, ip("10.0.0.2"));
        world.down(&[&v1]);
        let mut lost = Ping::open(world, &a);
        assert!(lost.once(world, ip("10.0.0.2")).is_err());
        lost.close(world);
        world.up(&[&v1]);
        // Without carrier the neighbour was forgotten; the next question for it comes a
        // second after the one that was lost.
        world.pass(Duration::from_secs(1));
        ping(world, &a, ip("10.0.0.2"));
        let c = world.namespace();
        b.move_link(&ADMIN, &v1, &c, None, None, &world.cx()).expect("it may move");
        world.address(&v1, "10.0.0.3/24");
        world.up(&[&v1]);
        ping(world, &a, ip("10.0.0.3"));
        ping(world, &c, ip("10.0.0.1"));
    });
}

#[test]
fn a_namespace_ends_with_packets_waiting_for_an_address() {
    scenario(|world| {
        let [(a, v0), (_, v1)] = two(world);
        let mut waiting = Ping::open(world, &a);
        for _ in 0..10 {
            waiting.send(world, ip("10.0.0.9"), PAYLOAD).expect("it waits");
        }
        waiting.close(world);
        assert!(world.stack.pool().stats().outstanding > 0, "packets wait for the neighbour");
        world.release(&a);
        assert_eq!(world.stack.pool().stats().outstanding, 0);
        world.pass(Duration::from_secs(5));
        check::is_freed(v0);
        check::is_freed(v1);
        let weak = Arc::downgrade(&a);
        drop(a);
        assert!(weak.upgrade().is_none(), "a destroyed namespace is still held");
    });
}

#[test]
fn a_socket_keeps_its_namespace_until_it_is_closed() {
    scenario(|world| {
        let [(a, _), (b, v1)] = two(world);
        let mut last = Ping::open(world, &a);
        world.release(&a);
        assert_eq!(world.stack.namespace_count(), 2);
        assert_eq!(last.once(world, ip("10.0.0.2")).expect("an answer").sequence, 1);
        last.close(world);
        assert_eq!(world.stack.namespace_count(), 1);
        assert_eq!(b.link_count(), 1, "the pair went along");
        check::is_freed(v1);
    });
}

#[test]
fn a_hundred_namespaces_on_one_bridge_ping_around() {
    scenario(|world| {
        let (bridge, stations) = lan(world, 100);
        for (number, (ns, _)) in (1..).zip(&stations) {
            ping(world, ns, station(number % 100 + 1));
        }
        for (_, link) in &stations {
            assert_eq!(counted(link).dropped, (0, 0));
        }
        assert_eq!(counted(&bridge).drops, []);
        // Everything learned ages; the network goes quiet by itself.
        world.pass(Duration::from_secs(1_000));
        assert_eq!(bridge.namespace().and_then(|home| home.deadlines.earliest()), None);
    });
}
