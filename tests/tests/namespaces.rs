//! Namespaces as wholes: isolation, teardown with frames under way, many of them.

use std::sync::Arc;

use warren_netns::link::TxVerdict;
use warren_netns::{DropReason, Link};
use warren_platform::Duration;
use warren_tests::counters::{Counted, counted};
use warren_tests::frames::{LEN, between, frame, station};
use warren_tests::{World, check, scenario};

const BYTES: u64 = LEN as u64;

#[test]
fn equal_addresses_in_two_namespaces_do_not_meet() {
    scenario(|world| {
        let ends: Vec<(Arc<Link>, Arc<Link>)> = (0..2)
            .map(|_| {
                let (a, b) = (world.namespace(), world.namespace());
                let (v0, v1) = world.veth((&a, "eth0"), (&b, "eth0"));
                world.set_mac(&v0, station(1));
                world.set_mac(&v1, station(2));
                world.up(&[&v0, &v1]);
                (v0, v1)
            })
            .collect();
        let frame = frame(&world.stack, station(1), station(2));
        assert!(matches!(world.send(&ends[0].0, frame), TxVerdict::Sent));
        assert_eq!(counted(&ends[0].1).rx, (1, BYTES));
        for untouched in [&ends[1].0, &ends[1].1] {
            assert_eq!(counted(untouched), Counted::default());
        }
    });
}

#[test]
fn two_machines_in_one_process_share_nothing() {
    scenario(|one| {
        scenario(|other| {
            let (a, b) = (one.namespace(), other.namespace());
            assert_eq!(a.id(), b.id());
            one.dummy(&a, "d0");
            assert_eq!((a.link_count(), b.link_count()), (2, 1));
            assert_eq!((one.stack.namespace_count(), other.stack.namespace_count()), (1, 1));
        });
    });
}

#[test]
fn a_namespace_ends_while_frames_for_it_are_queued() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
        world.up(&[&v0, &v1]);
        for _ in 0..100 {
            let frame = between(&world.stack, &v0, &v1);
            assert!(matches!(world.queue(&v0, frame), TxVerdict::Sent));
        }
        assert_eq!(world.stack.pool().stats().outstanding, 100);
        world.release(&b);
        assert_eq!(world.stack.pool().stats().outstanding, 0, "dropped before it returned");
        assert_eq!(world.stack.namespace_count(), 1);
        assert!(a.find_link(b"v0").is_none(), "the peer went along");
        let drops = vec![(DropReason::LinkDown, 100)];
        assert_eq!(counted(&v1), Counted { dropped: (100, 0), drops, ..Counted::default() });
        assert_eq!(counted(&v0), Counted { tx: (100, 100 * BYTES), ..Counted::default() });
        let weak = Arc::downgrade(&b);
        drop(b);
        assert!(weak.upgrade().is_none(), "a destroyed namespace is still held");
        check::is_freed(v1);
        check::is_freed(v0);
    });
}

#[test]
fn a_namespace_with_a_bridge_ends_with_stations_learned() {
    scenario(|world| {
        let (home, a, b) = (world.namespace(), world.namespace(), world.namespace());
        let bridge = world.bridge(&home, "br0");
        world.up(&[&bridge]);
        let stations: Vec<_> = [(&a, "p0"), (&b, "p1")]
            .map(|(ns, port)| {
                let (station, port) = world.veth((ns, "eth0"), (&home, port));
                world.join(&port, &bridge).expect("a port");
                world.up(&[&port, &station]);
                station
            })
            .into();
        let frame = between(&world.stack, &stations[0], &stations[1]);
        assert!(matches!(world.send(&stations[0], frame), TxVerdict::Sent));
        assert!(home.deadlines.earliest().is_some(), "an ageing deadline is pending");
        world.release(&home);
        assert_eq!((a.link_count(), b.link_count()), (1, 1));
        world.pass(Duration::from_secs(1));
        assert_eq!(world.host.keeper_count(), 0, "the keeper ended with its namespace");
        check::is_freed(bridge);
    });
}

/// `count` namespaces, each on one port of a bridge.
fn star(world: &mut World, count: usize) -> (Arc<Link>, Vec<Arc<Link>>) {
    let home = world.namespace();
    let bridge = world.bridge(&home, "br0");
    world.up(&[&bridge]);
    let stations = (0..count)
        .map(|number| {
            let ns = world.namespace();
            let (station, port) = world.veth((&ns, "eth0"), (&home, &format!("p{number}")));
            world.join(&port, &bridge).expect("a port");
            world.up(&[&port, &station]);
            station
        })
        .collect();
    (bridge, stations)
}

#[test]
fn two_hundred_namespaces_on_one_bridge_hear_each_other() {
    scenario(|world| {
        let count = 200;
        let (bridge, stations) = star(world, count);
        for (from, to) in stations.iter().zip(stations.iter().cycle().skip(1)) {
            assert!(matches!(world.send(from, between(&world.stack, from, to)), TxVerdict::Sent));
            world.settle();
        }
        // The first frames are flooded; each station that spoke is known from then on.
        for (from, to) in stations.iter().zip(stations.iter().cycle().skip(1)) {
            let before = counted(to).rx.0;
            let others: u64 = stations.iter().map(|link| counted(link).rx.0).sum();
            assert!(matches!(world.send(from, between(&world.stack, from, to)), TxVerdict::Sent));
            world.settle();
            assert_eq!(counted(to).rx.0, before + 1);
            let after: u64 = stations.iter().map(|link| counted(link).rx.0).sum();
            assert_eq!(after, others + 1);
        }
        assert_eq!(counted(&bridge), Counted::default());
        assert_eq!(world.stack.namespace_count(), count + 1);
    });
}

#[test]
fn a_thousand_frames_in_bursts_over_a_bridge_arrive_without_loss() {
    scenario(|world| {
        let (_, stations) = star(world, 3);
        let (from, to) = (&stations[0], &stations[1]);
        for (a, b) in [(from, to), (to, from)] {
            assert!(matches!(world.send(a, between(&world.stack, a, b)), TxVerdict::Sent));
        }
        let before = counted(to).rx.0;
        for burst in 0..10 {
            world.run_on(burst % 2);
            for _ in 0..100 {
                let frame = between(&world.stack, from, to);
                assert!(matches!(world.queue(from, frame), TxVerdict::Sent));
            }
            world.stack.run_tail(&world.cx());
        }
        world.run_on(0);
        world.stack.run_tail(&world.cx());
        world.settle();
        assert_eq!(counted(to).rx.0 - before, 1_000);
        assert_eq!(counted(from).dropped, (1, 0), "only the answer nobody understood");
    });
}

#[test]
fn creation_and_destruction_leave_no_trace_however_often() {
    scenario(|world| {
        for _ in 0..100 {
            let (a, b) = (world.namespace(), world.namespace());
            let (v0, v1) = world.veth((&a, "eth0"), (&b, "eth0"));
            world.up(&[&v0, &v1]);
            assert!(matches!(world.send(&v0, between(&world.stack, &v0, &v1)), TxVerdict::Sent));
            world.release(&a);
            world.release(&b);
            assert_eq!(world.stack.namespace_count(), 0);
            check::is_freed(v0);
            check::is_freed(v1);
        }
        check::nothing_is_left(world);
    });
}
