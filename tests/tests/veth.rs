//! veth pairs: frames, carrier, moves, deletion.

use std::sync::Arc;

use warren_netns::error::LinkError;
use warren_netns::event::{Event, EventSink};
use warren_netns::link::{LinkFlags, OperState, TxVerdict};
use warren_netns::namespace::change::LinkChange;
use warren_netns::{Cx, DropReason, Link, Mtu, Namespace};
use warren_tests::counters::{Counted, counted};
use warren_tests::frames::{LEN, between, frame, sized, station};
use warren_tests::world::{ADMIN, name};
use warren_tests::{check, scenario};

const BYTES: u64 = LEN as u64;

/// `count` test frames received: nobody speaks their protocol.
fn received(count: u64) -> Counted {
    Counted {
        rx: (count, count * BYTES),
        dropped: (count, 0),
        drops: vec![(DropReason::UnknownProtocol, count)],
        ..Counted::default()
    }
}

fn sent(count: u64) -> Counted {
    Counted { tx: (count, count * BYTES), ..Counted::default() }
}

fn state(link: &Arc<Link>) -> (OperState, bool, u32, u32) {
    let info = link.info();
    (info.oper_state, info.carrier, info.carrier_ups, info.carrier_downs)
}

#[test]
fn what_one_end_sends_the_other_receives() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
        world.up(&[&v0, &v1]);
        for _ in 0..3 {
            let verdict = world.send(&v0, between(&world.stack, &v0, &v1));
            assert!(matches!(verdict, TxVerdict::Sent));
        }
        assert_eq!(counted(&v0), sent(3));
        assert_eq!(counted(&v1), received(3));
    });
}

#[test]
fn a_new_pair_looks_as_linux_shows_it() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&a, "v1"));
        let info = v0.info();
        // The peer is registered first.
        assert_eq!((v1.ifindex().get(), v0.ifindex().get()), (2, 3));
        assert_eq!(info.kind, Some("veth"));
        assert_eq!(info.flags, LinkFlags::BROADCAST | LinkFlags::MULTICAST);
        assert_eq!((info.mtu, info.tx_queue_len, info.qdisc), (Mtu(1_500), 1_000, "noop"));
        assert_eq!((info.mtu_range.min, info.mtu_range.max), (Mtu(68), Mtu(65_535)));
        assert_eq!((info.tx_queues, info.rx_queues), (2, 2));
        assert_eq!(state(&v0), (OperState::Down, false, 0, 1));
        assert_eq!(info.peer.expect("a peer").ifindex, v1.ifindex());
        assert_ne!(v0.mac(), v1.mac());
        assert!(v0.mac().is_valid_unicast());
        let (w0, w1) = world.veth((&a, "veth%d"), (&b, "veth%d"));
        assert_eq!((w0.name(), w1.name()), (name("veth0"), name("veth0")));
    });
}

#[test]
fn an_end_has_carrier_while_both_are_up() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&a, "v1"));
        world.up(&[&v0]);
        assert_eq!(state(&v0), (OperState::LowerLayerDown, false, 0, 1));
        assert_eq!(v0.flags() & LinkFlags::LOWER_UP, LinkFlags::empty());
        world.up(&[&v1]);
        for end in [&v0, &v1] {
            assert_eq!(state(end), (OperState::Up, true, 1, 1));
            assert!(end.flags().contains(LinkFlags::LOWER_UP | LinkFlags::RUNNING));
        }
        world.down(&[&v1]);
        assert_eq!(state(&v0), (OperState::LowerLayerDown, false, 1, 2));
        assert_eq!(state(&v1), (OperState::Down, false, 1, 2));
        // Linux tells a lower layer by its number alone: 2 here, 2 there.
        let (c, d) = (world.namespace(), world.namespace());
        let (w0, _) = world.veth((&c, "w0"), (&d, "w1"));
        world.up(&[&w0]);
        assert_eq!(state(&w0).0, OperState::Down);
        drop(b);
    });
}

#[test]
fn a_frame_to_a_peer_that_is_down_is_dropped_at_both_ends() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
        world.up(&[&v0]);
        let verdict = world.send(&v0, between(&world.stack, &v0, &v1));
        assert!(matches!(verdict, TxVerdict::Dropped(DropReason::NoCarrier)));
        let drops = vec![(DropReason::NoCarrier, 1)];
        assert_eq!(counted(&v0), Counted { dropped: (0, 1), drops, ..Counted::default() });
        let drops = vec![(DropReason::LinkDown, 1)];
        assert_eq!(counted(&v1), Counted { dropped: (1, 0), drops, ..Counted::default() });
        // And one that is down itself sends nothing.
        let verdict = world.send(&v1, between(&world.stack, &v1, &v0));
        assert!(matches!(verdict, TxVerdict::Dropped(DropReason::LinkDown)));
    });
}

#[test]
fn a_full_queue_gives_the_frame_back_to_the_sender() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
        world.up(&[&v0, &v1]);
        for _ in 0..1_000 {
            let frame = between(&world.stack, &v0, &v1);
            assert!(matches!(world.queue(&v0, frame), TxVerdict::Sent));
        }
        let TxVerdict::Full(frame) = world.queue(&v0, between(&world.stack, &v0, &v1)) else {
            panic!("the queue takes a thousand frames");
        };
        // The tail of the system call polls 300; the NAPI thread does the rest.
        world.stack.run_tail(&world.cx());
        assert_eq!(counted(&v1).rx.0, 300);
        assert!(matches!(world.queue(&v0, frame), TxVerdict::Sent));
        world.settle();
        assert_eq!(counted(&v0), sent(1_001));
        assert_eq!(counted(&v1), received(1_001));
    });
}

#[test]
fn a_frame_longer_than_the_receiver_takes_is_dropped_at_both_ends() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
        world.up(&[&v0, &v1]);
        let change = LinkChange { mtu: Some(Mtu(1_000)), ..LinkChange::default() };
        world.change(&v1, &change).expect("a valid MTU");
        // Room for a VLAN tag beside the Ethernet header.
        for (len, fits) in [(1_018, true), (1_019, false)] {
            let frame = sized(&world.stack, v0.mac(), v1.mac(), len);
            assert_eq!(matches!(world.send(&v0, frame), TxVerdict::Sent), fits, "{len}");
        }
        assert_eq!(counted(&v0).drops, [(DropReason::FrameLength, 1)]);
        assert_eq!(counted(&v1).dropped, (2, 0));
        for bad in [67, 65_536] {
            let change = LinkChange { mtu: Some(Mtu(bad)), ..LinkChange::default() };
            assert!(world.change(&v1, &change).is_err(), "{bad}");
        }
        assert_eq!(v1.mtu(), Mtu(1_000));
    });
}

#[test]
fn what_marks_a_packet_stays_in_its_namespace() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let near = world.veth((&a, "n0"), (&a, "n1"));
        let far = world.veth((&a, "f0"), (&b, "f1"));
        for ((from, to), mark) in [(near, 7), (far, 0)] {
            let tap = Arc::new(Tap::default());
            to.set_upper(Some(tap.clone()));
            world.up(&[&from, &to]);
            let mut frame = between(&world.stack, &from, &to);
            frame.meta.mark = 7;
            frame.meta.priority = 3;
            assert!(matches!(world.send(&from, frame), TxVerdict::Sent));
            assert_eq!(*tap.0.lock().expect("one thread"), [(mark, 0)]);
        }
    });
}

/// Writes down mark and priority of what arrives.
#[derive(Debug, Default)]
struct Tap(std::sync::Mutex<Vec<(u32, u32)>>);

impl warren_netns::link::Upper for Tap {
    fn ingress(
        &self,
        _port: &Arc<Link>,
        frame: warren_packet::Packet,
        _cx: &warren_netns::Cx<'_>,
    ) -> Option<warren_packet::Packet> {
        self.0.lock().expect("one thread").push((frame.meta.mark, frame.meta.priority));
        None
    }
}

#[test]
fn deleting_one_end_takes_the_other_along() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
        world.up(&[&v0, &v1]);
        for _ in 0..5 {
            let frame = between(&world.stack, &v0, &v1);
            assert!(matches!(world.queue(&v0, frame), TxVerdict::Sent));
        }
        world.delete(&v1);
        assert_eq!((a.link_count(), b.link_count()), (1, 1));
        assert!(a.find_link(b"v0").is_none() && b.find_link(b"v1").is_none());
        assert!(v0.kind().peer().is_none() && v1.kind().peer().is_none());
        let drops = vec![(DropReason::LinkDown, 5)];
        assert_eq!(counted(&v1), Counted { dropped: (5, 0), drops, ..Counted::default() });
        assert_eq!(counted(&v0), sent(5));
        // The names are free at once, and whoever still held an end holds nothing alive.
        world.veth((&a, "v0"), (&b, "v1"));
        let verdict = world.send(&v0, frame(&world.stack, station(1), station(2)));
        assert!(matches!(verdict, TxVerdict::Dropped(DropReason::LinkDown)));
        check::is_freed(v0);
        check::is_freed(v1);
    });
}

#[test]
fn a_refused_end_leaves_no_other() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        world.dummy(&a, "taken");
        assert_eq!(world.try_veth((&a, "taken"), (&b, "v1")).err(), Some(LinkError::Exists));
        assert_eq!(world.try_veth((&b, "v1"), (&a, "taken")).err(), Some(LinkError::Exists));
        assert_eq!(world.try_veth((&a, "v0"), (&a, "v0")).err(), Some(LinkError::Exists));
        assert_eq!((a.link_count(), b.link_count()), (2, 1));
        world.veth((&a, "v0"), (&b, "v1"));
    });
}

#[test]
fn an_end_moves_and_comes_up_again_with_its_peer() {
    scenario(|world| {
        let (a, b, c) = (world.namespace(), world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
        world.up(&[&v0, &v1]);
        let frame = between(&world.stack, &v1, &v0);
        assert!(matches!(world.queue(&v1, frame), TxVerdict::Sent));
        a.move_link(&ADMIN, &v0, &c, None, None, &world.cx()).expect("it may move");
        assert!(!v0.flags().contains(LinkFlags::UP));
        assert_eq!(v0.ns_id(), c.id());
        assert_eq!(state(&v1), (OperState::Down, false, 1, 2));
        assert_eq!(counted(&v0).drops, [(DropReason::LinkDown, 1)]);
        world.up(&[&v0]);
        assert!(matches!(world.send(&v1, between(&world.stack, &v1, &v0)), TxVerdict::Sent));
        assert_eq!(counted(&v0).rx, (1, BYTES));
        world.release(&c);
        assert!(b.find_link(b"v1").is_none(), "the peer went along with the namespace");
    });
}

#[test]
fn an_interface_toggled_under_load_loses_no_wake_up() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (v0, v1) = world.veth((&a, "v0"), (&b, "v1"));
        world.up(&[&v0, &v1]);
        let mut accepted = 0;
        for round in 0..50 {
            world.run_on(round % 2);
            for _ in 0..20 {
                let frame = between(&world.stack, &v0, &v1);
                accepted += u64::from(matches!(world.queue(&v0, frame), TxVerdict::Sent));
            }
            if round % 5 == 0 {
                world.down(&[&v1]);
                world.up(&[&v1]);
            }
            world.stack.run_tail(&world.cx());
        }
        world.run_on(0);
        world.stack.run_tail(&world.cx());
        world.run_on(1);
        world.stack.run_tail(&world.cx());
        let end = counted(&v1);
        let drained = end.drops.iter().find(|(reason, _)| *reason == DropReason::LinkDown);
        assert_eq!(accepted, 1_000);
        assert_eq!(end.rx.0 + drained.map_or(0, |(_, count)| *count), accepted);
        assert!(end.rx.0 > 0 && drained.is_some());
    });
}

/// Writes down which links it hears of, and whether they had a peer.
#[derive(Debug, Default)]
struct Ear(std::sync::Mutex<Vec<(String, bool)>>);

impl EventSink for Ear {
    fn event(&self, _ns: &Arc<Namespace>, event: &Event, _cx: &Cx<'_>) {
        if let Event::LinkNew { info, .. } | Event::LinkGone { info, .. } = event {
            let heard = (info.name.to_string(), info.peer.is_some());
            self.0.lock().expect("one thread").push(heard);
        }
    }
}

#[test]
fn listeners_hear_of_a_pair_as_linux_tells_them() {
    scenario(|world| {
        let ns = world.namespace();
        let ear = Arc::new(Ear::default());
        ns.events.subscribe(ear.clone());
        world.veth((&ns, "v0"), (&ns, "v1"));
        let heard = core::mem::take(&mut *ear.0.lock().expect("one thread"));
        // monitor.sh on Linux: v1@NONE, then v0@v1.
        assert_eq!(heard, [("v1".to_owned(), false), ("v0".to_owned(), true)]);
        assert!(world.try_veth((&ns, "w0"), (&ns, "v1")).is_err());
        assert!(world.try_veth((&ns, "v0"), (&ns, "w1")).is_err());
        assert_eq!(*ear.0.lock().expect("one thread"), [], "nobody hears of a refused one");
        ns.events.unsubscribe(&(ear as Arc<dyn EventSink>));
    });
}
