//! Bridges: learning, flooding, ageing, ports and what the bridge takes over from them.

use std::sync::Arc;

use warren_bridge::{Bridge, BridgeError, EntryKind, PortFlags, PortSetting, PortState, Setting};
use warren_netns::error::LinkError;
use warren_netns::link::{LinkFlags, OperState, TxVerdict};
use warren_netns::namespace::change::LinkChange;
use warren_netns::{DropReason, Link, MacAddr, Mtu, Namespace};
use warren_platform::Duration;
use warren_tests::counters::{Counted, counted};
use warren_tests::frames::{LEN, between, frame, sized, station};
use warren_tests::world::{ADMIN, named};
use warren_tests::{World, scenario};

const BYTES: u64 = LEN as u64;

/// A bridge in a namespace of its own, and stations on its ports, each in another.
struct Lan {
    home: Arc<Namespace>,
    bridge: Arc<Link>,
    ports: Vec<Arc<Link>>,
    stations: Vec<Arc<Link>>,
}

fn lan(world: &mut World, size: usize) -> Lan {
    let home = world.namespace();
    let bridge = world.bridge(&home, "br0");
    world.up(&[&bridge]);
    let mut lan = Lan { home, bridge, ports: Vec::new(), stations: Vec::new() };
    for number in 0..size {
        let ns = world.namespace();
        let (station, port) = world.veth((&ns, "eth0"), (&lan.home, &format!("p{number}")));
        world.join(&port, &lan.bridge).expect("a port");
        world.up(&[&port, &station]);
        lan.ports.push(port);
        lan.stations.push(station);
    }
    lan
}

fn kind(bridge: &Arc<Link>) -> &Bridge {
    bridge.kind_as::<Bridge>().expect("a bridge")
}

impl Lan {
    /// Sends one frame and says which stations received one, and whether the bridge did.
    fn send(&self, world: &World, from: usize, to: MacAddr) -> (Vec<usize>, bool) {
        let frame = frame(&world.stack, self.stations[from].mac(), to);
        self.send_as(world, from, frame)
    }

    fn send_as(
        &self,
        world: &World,
        from: usize,
        frame: warren_packet::Packet,
    ) -> (Vec<usize>, bool) {
        let count = || -> Vec<u64> {
            let all = self.stations.iter().chain([&self.bridge]);
            all.map(|link| link.stats.snapshot().rx_packets).collect()
        };
        let before = count();
        assert!(matches!(world.send(&self.stations[from], frame), TxVerdict::Sent));
        world.settle();
        let mut who: Vec<usize> = count()
            .iter()
            .zip(&before)
            .enumerate()
            .filter(|(_, (now, then))| now > then)
            .map(|(index, _)| index)
            .collect();
        let up = who.last() == Some(&self.stations.len());
        if up {
            who.pop();
        }
        (who, up)
    }

    fn learned(&self, world: &World) -> Vec<MacAddr> {
        let fdb = kind(&self.bridge).fdb(world.now());
        fdb.iter().filter(|entry| entry.kind == EntryKind::Learned).map(|entry| entry.mac).collect()
    }
}

#[test]
fn frames_to_unknown_stations_are_flooded_and_to_known_ones_are_not() {
    scenario(|world| {
        let lan = lan(world, 3);
        let [a, b, _] = [0, 1, 2].map(|n| lan.stations[n].mac());
        assert_eq!(lan.send(world, 0, b), (vec![1, 2], false));
        assert_eq!(lan.send(world, 1, a), (vec![0], false));
        assert_eq!(lan.send(world, 0, b), (vec![1], false));
        assert_eq!(lan.learned(world), [b, a]);
        // Frames to a station behind the port they came by go nowhere.
        let to_self = frame(&world.stack, station(9), a);
        assert_eq!(lan.send_as(world, 0, to_self), (vec![], false));
        assert_eq!(counted(&lan.bridge).drops, [(DropReason::NoPort, 1)]);
        let port = Counted { rx: (3, 3 * BYTES), tx: (1, BYTES), ..Counted::default() };
        assert_eq!(counted(&lan.ports[0]), port);
    });
}

#[test]
fn group_frames_reach_every_station_and_the_bridge_itself() {
    scenario(|world| {
        let lan = lan(world, 3);
        assert_eq!(lan.send(world, 0, MacAddr::BROADCAST), (vec![1, 2], true));
        let group = MacAddr([0x01, 0x00, 0x5e, 0, 0, 1]);
        assert_eq!(lan.send(world, 0, group), (vec![1, 2], true));
        let bridge = counted(&lan.bridge);
        // Linux counts what a bridge receives without the Ethernet header.
        assert_eq!(bridge.rx, (2, 2 * (BYTES - 14)));
        assert_eq!(bridge.multicast, 1);
        assert_eq!(bridge.drops, [(DropReason::UnknownProtocol, 2)]);
    });
}

#[test]
fn a_frame_to_the_bridge_or_to_a_port_goes_up_and_nowhere_else() {
    scenario(|world| {
        let lan = lan(world, 2);
        assert_eq!(lan.send(world, 0, lan.bridge.mac()), (vec![], true));
        assert_eq!(lan.send(world, 0, lan.ports[1].mac()), (vec![], true));
        // Neither was taken for another host's.
        assert_eq!(lan.home.drops.nonzero().collect::<Vec<_>>(), []);
    });
}

#[test]
fn what_the_bridge_sends_goes_where_its_frames_belong() {
    scenario(|world| {
        let lan = lan(world, 2);
        let [a, b] = [0, 1].map(|n| lan.stations[n].mac());
        lan.send(world, 0, b);
        let before = [0, 1].map(|n| counted(&lan.stations[n]).rx.0);
        for to in [a, b, MacAddr::BROADCAST] {
            let frame = frame(&world.stack, lan.bridge.mac(), to);
            assert!(matches!(world.send(&lan.bridge, frame), TxVerdict::Sent));
        }
        let after = [0, 1].map(|n| counted(&lan.stations[n]).rx.0);
        assert_eq!([after[0] - before[0], after[1] - before[1]], [3, 2]);
        assert_eq!(counted(&lan.bridge).tx, (3, 3 * BYTES));
        assert_eq!(counted(&lan.bridge).drops, []);
    });
}

#[test]
fn a_full_port_pushes_back_on_the_bridges_own_namespace_only() {
    scenario(|world| {
        let lan = lan(world, 2);
        let [a, b] = [0, 1].map(|n| lan.stations[n].mac());
        lan.send(world, 0, b);
        lan.send(world, 1, a);
        let mut sent = 0;
        loop {
            let frame = frame(&world.stack, lan.bridge.mac(), a);
            match world.queue(&lan.bridge, frame) {
                TxVerdict::Sent => sent += 1,
                TxVerdict::Full(frame) => break drop(frame),
                verdict => panic!("{verdict:?}"),
            }
        }
        assert_eq!(sent, 1_000);
        assert_eq!(counted(&lan.ports[0]).dropped, (0, 0));
        // A forwarded frame meets the same queue and is dropped by name.
        let frame = between(&world.stack, &lan.stations[1], &lan.stations[0]);
        lan.ports[1].receive(frame, &world.cx());
        assert_eq!(counted(&lan.ports[0]).drops, [(DropReason::QueueFull, 1)]);
        world.stack.run_tail(&world.cx());
        world.settle();
        // One flooded at first, then the thousand.
        assert_eq!(counted(&lan.stations[0]).rx.0, 1 + 1_000);
    });
}

#[test]
fn silent_stations_are_forgotten_after_the_ageing_time() {
    scenario(|world| {
        let lan = lan(world, 3);
        let [a, b, c] = [0, 1, 2].map(|n| lan.stations[n].mac());
        lan.send(world, 0, c);
        lan.send(world, 1, c);
        world.pass(Duration::from_secs(200));
        lan.send(world, 1, c);
        world.pass(Duration::from_secs(99));
        assert_eq!(lan.learned(world), [b, a]);
        world.pass(Duration::from_secs(1));
        assert_eq!(lan.learned(world), [b]);
        assert_eq!(lan.send(world, 2, a).0, [0, 1], "a forgotten station is flooded to");
        world.pass(Duration::from_secs(600));
        assert_eq!(lan.learned(world), []);
        assert_eq!(kind(&lan.bridge).next_sweep(), None, "nothing to wait for");
        assert_eq!(lan.home.deadlines.earliest(), None);
    });
}

#[test]
fn a_shorter_ageing_time_acts_at_once_and_zero_learns_nothing() {
    scenario(|world| {
        let lan = lan(world, 2);
        lan.send(world, 0, station(1));
        world.pass(Duration::from_secs(50));
        let bridge = kind(&lan.bridge);
        let set = |seconds| {
            let setting = Setting::AgeingTime(Duration::from_secs(seconds));
            bridge.set(&ADMIN, setting, &world.cx()).expect("any time");
        };
        set(60);
        assert_eq!(lan.learned(world).len(), 1);
        set(40);
        assert_eq!(lan.learned(world), []);
        set(0);
        lan.send(world, 0, station(1));
        assert_eq!(lan.learned(world), []);
    });
}

#[test]
fn a_station_that_moves_is_found_behind_its_new_port() {
    scenario(|world| {
        let lan = lan(world, 3);
        let mover = station(7);
        lan.send_as(world, 0, frame(&world.stack, mover, lan.stations[1].mac()));
        assert_eq!(lan.send(world, 2, mover).0, [0]);
        lan.send_as(world, 1, frame(&world.stack, mover, lan.stations[0].mac()));
        assert_eq!(lan.send(world, 2, mover).0, [1]);
    });
}

#[test]
fn learned_stations_are_bounded() {
    scenario(|world| {
        let lan = lan(world, 2);
        for number in 0..warren_bridge::MAX_LEARNED + 100 {
            let number = u32::try_from(number).expect("a small number").to_be_bytes();
            let source = MacAddr([0x06, 0, number[0], number[1], number[2], number[3]]);
            let frame = frame(&world.stack, source, lan.stations[1].mac());
            lan.ports[0].receive(frame, &world.cx());
            world.stack.run_tail(&world.cx());
        }
        world.settle();
        assert_eq!(lan.learned(world).len(), warren_bridge::MAX_LEARNED);
    });
}

#[test]
fn a_port_that_goes_down_forgets_who_was_behind_it() {
    scenario(|world| {
        let lan = lan(world, 3);
        lan.send(world, 0, station(1));
        lan.send(world, 1, station(1));
        let [a, b] = [0, 1].map(|n| lan.stations[n].mac());
        world.down(&[&lan.ports[0]]);
        assert_eq!(lan.learned(world), [b]);
        // The station at the far end of the wire counts as much as the port.
        world.down(&[&lan.stations[1]]);
        assert_eq!(lan.learned(world), []);
        let port = kind(&lan.bridge).port_of(&lan.ports[1]).expect("still a port");
        assert_eq!(port.state(), PortState::Disabled);
        world.up(&[&lan.stations[1], &lan.ports[0]]);
        assert_eq!(port.state(), PortState::Forwarding);
        assert_eq!(lan.send(world, 1, a).0, [0, 2]);
        world.delete(&lan.ports[1]);
        assert_eq!(lan.learned(world), []);
        assert_eq!(kind(&lan.bridge).ports().len(), 2);
        lan.home
            .change_link(
                &ADMIN,
                &lan.ports[0],
                &LinkChange {
                    master: Some(warren_netns::namespace::change::MasterChange::Leave),
                    ..LinkChange::default()
                },
                &world.cx(),
            )
            .expect("a port leaves");
        assert_eq!(kind(&lan.bridge).ports().len(), 1);
    });
}

#[test]
fn the_bridge_has_carrier_while_a_port_forwards() {
    scenario(|world| {
        let home = world.namespace();
        let far = world.namespace();
        let bridge = world.bridge(&home, "br0");
        let state = |link: &Arc<Link>| {
            let info = link.info();
            (info.oper_state, info.carrier, info.carrier_ups, info.carrier_downs)
        };
        // As Linux: a bridge nobody ever looked at has carrier of unknown state.
        assert_eq!(state(&bridge), (OperState::Down, true, 0, 0));
        world.up(&[&bridge]);
        assert_eq!(state(&bridge), (OperState::Unknown, true, 0, 0));
        let (v1, v0) = world.veth((&far, "v1"), (&home, "v0"));
        world.join(&v0, &bridge).expect("a port");
        assert_eq!(state(&bridge), (OperState::Down, false, 0, 1));
        world.up(&[&v0, &v1]);
        assert_eq!(state(&bridge), (OperState::Up, true, 1, 1));
        assert_eq!((v0.info().promiscuity, v0.info().allmulti), (1, 1));
        assert_eq!(v0.flags() & LinkFlags::PROMISC, LinkFlags::empty());
        world.leave(&v0);
        assert_eq!(state(&bridge), (OperState::Down, false, 1, 2));
        assert_eq!((v0.info().promiscuity, v0.info().allmulti), (0, 0));
        // One whose address the user chose was looked at when it was made.
        let mut spec = named("br1");
        spec.mac = Some(station(1));
        let fixed = warren_bridge::create(&home, &ADMIN, &spec, &world.cx()).expect("a bridge");
        assert_eq!(state(&fixed), (OperState::Down, false, 0, 1));
    });
}

#[test]
fn the_bridge_takes_the_lowest_address_of_its_ports() {
    scenario(|world| {
        let lan = lan(world, 3);
        let lowest = lan.ports.iter().map(|port| port.mac()).min().expect("three");
        assert_eq!(lan.bridge.mac(), lowest);
        assert_eq!(kind(&lan.bridge).settings().id.mac, lowest);
        let lower = MacAddr([0x02, 0, 0, 0, 0, 1]);
        world.set_mac(&lan.ports[2], lower);
        assert_eq!(lan.bridge.mac(), lower);
        assert_eq!(lan.send(world, 0, lower), (vec![], true));
        world.leave(&lan.ports[2]);
        assert_ne!(lan.bridge.mac(), lower);
        world.set_mac(&lan.bridge, station(5));
        world.join(&lan.ports[2], &lan.bridge).expect("a port");
        assert_eq!(lan.bridge.mac(), station(5), "the user's choice stays");
        assert_eq!(lan.send(world, 0, station(5)), (vec![], true));
        assert_eq!(kind(&lan.bridge).settings().id.to_bytes(), [0x80, 0, 0x02, 0x5a, 0, 0, 0, 5]);
    });
}

#[test]
fn a_bridge_whose_last_port_leaves_has_no_address_left() {
    scenario(|world| {
        let lan = lan(world, 1);
        world.leave(&lan.ports[0]);
        assert_eq!(lan.bridge.mac(), MacAddr::ZERO);
        assert_eq!(kind(&lan.bridge).fdb(world.now()).len(), 0);
    });
}

#[test]
fn the_bridge_takes_the_smallest_mtu_of_its_ports_unless_set() {
    scenario(|world| {
        let lan = lan(world, 2);
        let set = |link: &Arc<Link>, mtu| {
            let change = LinkChange { mtu: Some(Mtu(mtu)), ..LinkChange::default() };
            world.change(link, &change).expect("a valid MTU");
        };
        set(&lan.ports[0], 9_000);
        assert_eq!(lan.bridge.mtu(), Mtu(1_500));
        set(&lan.ports[1], 1_400);
        assert_eq!(lan.bridge.mtu(), Mtu(1_400));
        world.leave(&lan.ports[1]);
        assert_eq!(lan.bridge.mtu(), Mtu(9_000));
        set(&lan.bridge, 1_300);
        world.join(&lan.ports[1], &lan.bridge).expect("a port");
        assert_eq!(lan.bridge.mtu(), Mtu(1_300));
    });
}

#[test]
fn a_forwarded_frame_longer_than_the_port_takes_is_dropped_there() {
    scenario(|world| {
        let lan = lan(world, 2);
        let change = LinkChange { mtu: Some(Mtu(500)), ..LinkChange::default() };
        world.change(&lan.ports[1], &change).expect("a valid MTU");
        let [a, b] = [0, 1].map(|n| lan.stations[n].mac());
        let long = sized(&world.stack, a, b, 519);
        assert_eq!(lan.send_as(world, 0, long).0, Vec::<usize>::new());
        assert_eq!(counted(&lan.ports[1]).drops, [(DropReason::FrameLength, 1)]);
        let fits = sized(&world.stack, a, b, 518);
        assert_eq!(lan.send_as(world, 0, fits).0, [1]);
    });
}

#[test]
fn ports_linux_refuses_are_refused() {
    scenario(|world| {
        let (a, b) = (world.namespace(), world.namespace());
        let (bridge, other) = (world.bridge(&a, "br0"), world.bridge(&a, "br1"));
        let lo = a.find_link(b"lo").expect("always there");
        assert_eq!(world.join(&lo, &bridge), Err(LinkError::CannotEnslave));
        assert_eq!(world.join(&other, &bridge), Err(LinkError::Loop));
        let (far, near) = world.veth((&b, "v1"), (&a, "v0"));
        assert_eq!(world.join(&far, &bridge), Err(LinkError::CannotEnslave));
        assert_eq!(world.join(&bridge, &near), Err(LinkError::NotSupported));
        world.join(&near, &bridge).expect("a port");
        world.join(&near, &bridge).expect("it is one already");
        world.join(&near, &other).expect("it changes its master");
        assert_eq!(near.master().map(|master| master.id()), Some(other.id()));
        assert_eq!(kind(&bridge).ports().len(), 0);
        let refused = a.move_link(&ADMIN, &bridge, &b, None, None, &world.cx());
        assert_eq!(refused, Err(LinkError::NamespaceImmutable));
        a.move_link(&ADMIN, &near, &b, None, None, &world.cx()).expect("a port may move");
        assert!(near.master().is_none() && kind(&other).ports().is_empty());
    });
}

#[test]
fn a_deleted_bridge_lets_its_ports_go() {
    scenario(|world| {
        let lan = lan(world, 2);
        lan.send(world, 0, station(1));
        world.delete(&lan.bridge);
        for port in &lan.ports {
            assert!(port.master().is_none());
            assert_eq!(port.info().promiscuity, 0);
        }
        let Lan { home, bridge, ports, stations } = lan;
        let frame = between(&world.stack, &stations[0], &ports[0]);
        assert!(matches!(world.send(&stations[0], frame), TxVerdict::Sent));
        assert_eq!(counted(&ports[0]).drops, [(DropReason::UnknownProtocol, 1)]);
        warren_tests::check::is_freed(bridge);
        drop(home);
    });
}

#[test]
fn port_settings_change_where_frames_go() {
    scenario(|world| {
        let lan = lan(world, 3);
        let bridge = kind(&lan.bridge);
        let set = |port: usize, setting| bridge.set_port(&ADMIN, &lan.ports[port], setting);
        let unknown = station(1);
        set(1, PortSetting::Flag(PortFlags::FLOOD, false)).expect("a flag");
        assert_eq!(lan.send(world, 0, unknown).0, [2]);
        assert_eq!(lan.send(world, 0, MacAddr::BROADCAST).0, [1, 2]);
        set(1, PortSetting::Flag(PortFlags::FLOOD, true)).expect("a flag");
        set(0, PortSetting::Flag(PortFlags::ISOLATED, true)).expect("a flag");
        set(1, PortSetting::Flag(PortFlags::ISOLATED, true)).expect("a flag");
        assert_eq!(lan.send(world, 0, unknown).0, [2]);
        assert_eq!(lan.send(world, 2, unknown).0, [0, 1]);
        set(2, PortSetting::Flag(PortFlags::HAIRPIN, true)).expect("a flag");
        assert_eq!(lan.send(world, 2, unknown).0, [0, 1, 2]);
        set(2, PortSetting::State(PortState::Disabled)).expect("a state");
        assert_eq!(lan.send(world, 2, unknown), (vec![], false));
        assert_eq!(counted(&lan.ports[2]).drops, [(DropReason::PortState, 1)]);
        world.down(&[&lan.stations[2]]);
        assert_eq!(set(2, PortSetting::State(PortState::Learning)), Err(BridgeError::PortDown));
        assert_eq!(set(0, PortSetting::PathCost(0)), Err(BridgeError::OutOfRange));
        assert_eq!(set(0, PortSetting::Priority(64)), Err(BridgeError::OutOfRange));
        let port = bridge.port_of(&lan.ports[0]).expect("a port");
        assert_eq!((port.path_cost(), port.priority(), port.id()), (2, 32, 0x8001));
        let station = &lan.stations[0];
        let stranger = bridge.set_port(&ADMIN, station, PortSetting::PathCost(1));
        assert_eq!(stranger, Err(BridgeError::NotAPort));
    });
}

#[test]
fn what_a_bridge_cannot_do_yet_is_refused() {
    scenario(|world| {
        let home = world.namespace();
        let link = world.bridge(&home, "br0");
        let set = |setting| kind(&link).set(&ADMIN, setting, &world.cx());
        assert_eq!(set(Setting::SpanningTree(true)), Err(BridgeError::NotSupported));
        assert_eq!(set(Setting::VlanFiltering(true)), Err(BridgeError::NotSupported));
        assert_eq!(set(Setting::VlanFiltering(false)), Ok(()));
        let seconds = Duration::from_secs;
        assert_eq!(set(Setting::HelloTime(seconds(11))), Err(BridgeError::OutOfRange));
        assert_eq!(set(Setting::MaxAge(seconds(5))), Err(BridgeError::OutOfRange));
        assert_eq!(set(Setting::GroupForwardMask(1)), Err(BridgeError::Invalid));
        assert_eq!(set(Setting::Priority(4_096)), Ok(()));
        assert_eq!(kind(&link).settings().id.priority, 4_096);
    });
}

#[test]
fn link_local_groups_stay_on_their_wire_and_forged_sources_go_nowhere() {
    scenario(|world| {
        let lan = lan(world, 2);
        let group = |last| MacAddr([0x01, 0x80, 0xc2, 0, 0, last]);
        // BPDUs pass while there is no spanning tree; LLDP goes to the port's namespace.
        assert_eq!(lan.send(world, 0, group(0x00)), (vec![1], true));
        assert_eq!(lan.send(world, 0, group(0x0e)), (vec![], false));
        assert_eq!(lan.send(world, 0, group(0x01)), (vec![], false));
        let forged = frame(&world.stack, MacAddr::BROADCAST, lan.stations[1].mac());
        assert_eq!(lan.send_as(world, 0, forged), (vec![], false));
        assert_eq!(
            counted(&lan.ports[0]).drops,
            [
                (DropReason::UnknownProtocol, 1),
                (DropReason::BadSourceMac, 1),
                (DropReason::LinkLocalGroup, 1),
            ]
        );
        kind(&lan.bridge)
            .set(&ADMIN, Setting::GroupForwardMask(1 << 14), &world.cx())
            .expect("LLDP may be forwarded");
        assert_eq!(lan.send(world, 0, group(0x0e)).0, [1]);
    });
}

#[test]
fn the_forwarding_database_lists_what_linux_lists() {
    scenario(|world| {
        let home = world.namespace();
        let mut spec = named("br0");
        spec.mac = Some(MacAddr([2, 0, 0, 0, 0, 0x0b]));
        let bridge = warren_bridge::create(&home, &ADMIN, &spec, &world.cx()).expect("a bridge");
        let (_, v0) = world.veth((&home, "v1"), (&home, "v0"));
        world.set_mac(&v0, MacAddr([2, 0, 0, 0, 0, 1]));
        world.join(&v0, &bridge).expect("a port");
        let list: Vec<_> = kind(&bridge)
            .fdb(world.now())
            .iter()
            .map(|entry| (entry.mac.0[5], entry.vlan, entry.port.as_ref().map(|p| p.number())))
            .collect();
        // bridge_fdb_show.txt, its `master br0 permanent` lines.
        assert_eq!(list, [(1, 1, Some(1)), (1, 0, Some(1)), (0x0b, 1, None), (0x0b, 0, None)]);
    });
}

#[test]
fn a_loop_storms_within_its_budget_and_ends_when_it_is_opened() {
    scenario(|world| {
        let home = world.namespace();
        let bridges = ["br0", "br1"].map(|name| world.bridge(&home, name));
        world.up(&[&bridges[0], &bridges[1]]);
        let pairs = [("a0", "a1"), ("b0", "b1")].map(|(one, other)| {
            let (one, other) = world.veth((&home, one), (&home, other));
            world.join(&one, &bridges[0]).expect("a port");
            world.join(&other, &bridges[1]).expect("a port");
            world.up(&[&one, &other]);
            one
        });
        let frame = frame(&world.stack, bridges[0].mac(), MacAddr::BROADCAST);
        // The sender is not held up: the rest of the storm is the NAPI thread's.
        assert!(matches!(world.send(&bridges[0], frame), TxVerdict::Sent));
        assert!(!world.stack.napi().is_idle(world.cx().cpu));
        world.down(&[&pairs[0]]);
        world.settle();
    });
}
