//! Real threads on real CPUs: senders, NAPI threads and an administrator at once. What the
//! simulation orders, here the machine orders; the promises are the same.

use core::cell::Cell;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;

use warren_bridge::Bridge;
use warren_netns::ip::address::{AddressSpec, IfExists};
use warren_netns::link::{LinkFlags, TxVerdict};
use warren_netns::namespace::change::{LinkChange, MasterChange};
use warren_netns::napi::Outcome;
use warren_netns::socket::{PingSocket, SendControl, SocketOwner};
use warren_netns::{Cx, DropReason, Link, MacAddr, Namespace, Stack};
use warren_packet::PoolStats;
use warren_platform::{CpuId, Instant, Keeper, Platform, Wake};
use warren_tests::frames::between;
use warren_tests::world::{ADMIN, flags, named};
use warren_veth::PairSpec;

const CPUS: u16 = 3;
const FRAMES: u64 = 20_000;

thread_local! {
    static CPU: Cell<u16> = const { Cell::new(0) };
}

/// A host whose threads say on which CPU they are.
#[derive(Debug, Default)]
struct Machine {
    bells: [AtomicBool; CPUS as usize],
    random: AtomicU64,
}

impl Platform for Machine {
    fn cpu_count(&self) -> u16 {
        CPUS
    }

    fn current_cpu(&self) -> CpuId {
        CpuId(CPU.get())
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let seed = self.random.fetch_add(1, Ordering::Relaxed);
            let bytes = warren_tests::random::Random::new(seed).next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    fn wake_napi(&self, cpu: CpuId) {
        self.bells[usize::from(cpu.0)].store(true, Ordering::Release);
    }

    /// No frame waits for a point in time here: the core copes with a host without threads.
    fn start_keeper(&self, _keeper: Box<dyn Keeper>) -> Option<Arc<dyn Wake>> {
        None
    }
}

fn cx(stack: &Stack) -> Cx<'_> {
    stack.enter(Instant::from_millis(1))
}

/// The body of a CPU's NAPI thread.
fn napi_thread(machine: &Machine, stack: &Stack, cpu: u16, stop: &AtomicBool) {
    CPU.set(cpu);
    loop {
        let last = stop.load(Ordering::Acquire);
        while machine.bells[usize::from(cpu)].swap(false, Ordering::AcqRel) {
            while stack.run_napi(CpuId(cpu), Instant::from_millis(1)) == Outcome::More {}
        }
        if last {
            return;
        }
        thread::yield_now();
    }
}

/// Sends `FRAMES` frames, each until it is taken or dropped; returns how many were taken.
fn sender(stack: &Stack, cpu: u16, from: &Arc<Link>, to: &Arc<Link>) -> u64 {
    CPU.set(cpu);
    let mut taken = 0;
    for _ in 0..FRAMES {
        let mut frame = between(stack, from, to);
        loop {
            let verdict = from.send(frame, &cx(stack));
            stack.run_tail(&cx(stack));
            match verdict {
                TxVerdict::Sent => taken += 1,
                TxVerdict::Dropped(_) => {}
                TxVerdict::Full(back) => {
                    frame = back;
                    thread::yield_now();
                    continue;
                }
            }
            break;
        }
    }
    taken
}

fn pair(stack: &Stack, own: &Arc<Namespace>, peer: &Arc<Namespace>) -> (Arc<Link>, Arc<Link>) {
    let spec = named("v%d");
    let own = PairSpec { ns: own, spec: &spec };
    let peer = PairSpec { ns: peer, spec: &spec };
    let link = warren_veth::create_pair(&ADMIN, own, peer, &cx(stack)).expect("a pair");
    let other = link.kind().peer().expect("two ends");
    (link, other)
}

fn change(stack: &Stack, link: &Arc<Link>, change: &LinkChange) {
    let ns = link.namespace().expect("it is somewhere");
    ns.change_link(&ADMIN, link, change, &cx(stack)).expect("a change Linux accepts");
}

fn up(stack: &Stack, link: &Arc<Link>) {
    change(stack, link, &flags(LinkFlags::UP, LinkFlags::UP));
}

fn down(stack: &Stack, link: &Arc<Link>) {
    change(stack, link, &flags(LinkFlags::empty(), LinkFlags::UP));
}

fn namespace(stack: &Arc<Stack>) -> Arc<Namespace> {
    let ns = stack.create_namespace(&cx(stack)).expect("memory");
    ns.hold();
    ns
}

/// Runs `senders` on CPUs of their own and `administrate` on the last one, with a NAPI
/// thread beside each, then checks that all that was sent has arrived or was dropped.
fn race(
    run: impl FnOnce(&Arc<Stack>) -> Vec<(Arc<Link>, Arc<Link>)>,
    administrate: impl Fn(&Arc<Stack>, u32) + Sync,
    check: impl FnOnce(&Arc<Stack>, &[u64]),
) {
    let machine = Arc::new(Machine::default());
    let stack = Stack::new(machine.clone());
    let routes = run(&stack);
    let stop = AtomicBool::new(false);
    let taken = thread::scope(|scope| {
        let pollers: Vec<_> = (0..CPUS)
            .map(|cpu| {
                let (machine, stack, stop) = (&machine, &stack, &stop);
                scope.spawn(move || napi_thread(machine, stack, cpu, stop))
            })
            .collect();
        let senders: Vec<_> = (0..)
            .zip(&routes)
            .map(|(cpu, (from, to))| {
                let stack = &stack;
                scope.spawn(move || sender(stack, cpu, from, to))
            })
            .collect();
        CPU.set(CPUS - 1);
        let mut round = 0;
        while senders.iter().any(|sender| !sender.is_finished()) {
            administrate(&stack, round);
            round += 1;
        }
        let taken: Vec<u64> =
            senders.into_iter().map(|sender| sender.join().expect("no panic")).collect();
        stop.store(true, Ordering::Release);
        for poller in pollers {
            poller.join().expect("no panic");
        }
        taken
    });
    for cpu in 0..CPUS {
        assert!(stack.napi().is_idle(CpuId(cpu)), "CPU {cpu} sleeps with work left");
    }
    check(&stack, &taken);
    drop(routes);
    while let Some(ns) = stack.first_namespace() {
        ns.release(&cx(&stack));
    }
    assert_eq!(stack.pool().stats(), PoolStats::default(), "packets left");
}

#[test]
fn frames_both_ways_all_arrive() {
    let ends = std::sync::OnceLock::new();
    race(
        |stack| {
            let (a, b) = (namespace(stack), namespace(stack));
            let (v0, v1) = pair(stack, &a, &b);
            up(stack, &v0);
            up(stack, &v1);
            ends.set((v0.clone(), v1.clone())).expect("once");
            vec![(v0.clone(), v1.clone()), (v1, v0)]
        },
        |_, _| thread::yield_now(),
        |_, taken| {
            let (v0, v1) = ends.get().expect("set");
            assert_eq!(taken, [FRAMES, FRAMES]);
            for end in [v0, v1] {
                let stats = end.stats.snapshot();
                assert_eq!((stats.rx_packets, stats.tx_packets), (FRAMES, FRAMES));
            }
        },
    );
}

#[test]
fn ends_that_go_down_and_move_under_load_lose_no_frame_without_a_name() {
    let ends = std::sync::OnceLock::new();
    race(
        |stack| {
            let spaces = [namespace(stack), namespace(stack), namespace(stack)];
            let (v0, v1) = pair(stack, &spaces[0], &spaces[1]);
            up(stack, &v0);
            up(stack, &v1);
            ends.set((v0.clone(), v1.clone(), spaces)).expect("once");
            vec![(v0.clone(), v1.clone()), (v1, v0)]
        },
        |stack, round| {
            let (v0, v1, spaces) = ends.get().expect("set before");
            match round % 4 {
                0 => down(stack, v1),
                1 => up(stack, v1),
                2 => {
                    let from = v0.namespace().expect("it is somewhere");
                    let to = &spaces[if from.id() == spaces[0].id() { 2 } else { 0 }];
                    from.move_link(&ADMIN, v0, to, None, None, &cx(stack)).expect("it may move");
                }
                _ => up(stack, v0),
            }
        },
        |_, taken| {
            let (v0, v1, _) = ends.get().expect("set");
            for (own, other, taken) in [(v0, v1, taken[0]), (v1, v0, taken[1])] {
                let there = other.stats.snapshot();
                let unheard = there.rx_dropped - other.stats.drops.get(DropReason::UnknownProtocol);
                let refused = own.stats.drops.get(DropReason::NoCarrier);
                assert_eq!(own.stats.snapshot().tx_packets, taken);
                assert_eq!(taken + refused, there.rx_packets + unheard);
            }
        },
    );
}

#[test]
fn ports_that_come_and_go_under_load_leave_a_sound_bridge() {
    let parts = std::sync::OnceLock::new();
    race(
        |stack| {
            let (home, a, b) = (namespace(stack), namespace(stack), namespace(stack));
            let bridge =
                warren_bridge::create(&home, &ADMIN, &named("br0"), &cx(stack)).expect("a bridge");
            up(stack, &bridge);
            let (s0, p0) = pair(stack, &a, &home);
            let (s1, p1) = pair(stack, &b, &home);
            for link in [&s0, &p0, &s1, &p1] {
                up(stack, link);
            }
            parts.set((bridge, p0, p1)).expect("once");
            vec![(s0.clone(), s1.clone()), (s1, s0)]
        },
        |stack, round| {
            let (bridge, p0, p1) = parts.get().expect("set before");
            let port = if round % 3 == 0 { p1 } else { p0 };
            let master = if port.master().is_some() {
                MasterChange::Leave
            } else {
                MasterChange::Join(bridge.clone())
            };
            change(stack, port, &LinkChange { master: Some(master), ..LinkChange::default() });
        },
        |_, taken| {
            let (bridge, p0, p1) = parts.get().expect("set");
            assert_eq!(taken, [FRAMES, FRAMES]);
            let kind = bridge.kind_as::<Bridge>().expect("a bridge");
            for entry in kind.fdb(Instant::from_millis(1)) {
                let Some(port) = entry.port else { continue };
                let listed = kind.ports().iter().any(|known| Arc::ptr_eq(known, &port));
                assert!(listed, "an entry names a port that is gone");
            }
            for port in [p0, p1] {
                assert_eq!(port.info().promiscuity, u32::from(port.master().is_some()));
                assert_eq!(port.stats.snapshot().rx_packets, FRAMES);
            }
        },
    );
}

/// One namespace's life on a network shared with others': made, joined, pinged from, gone.
fn live_and_die(stack: &Arc<Stack>, home: &Arc<Namespace>, bridge: &Arc<Link>, serial: u32) {
    let ns = namespace(stack);
    let (station, port) = pair(stack, &ns, home);
    change(
        stack,
        &port,
        &LinkChange { master: Some(MasterChange::Join(bridge.clone())), ..LinkChange::default() },
    );
    let [_, a, b, c] = (serial + 256).to_be_bytes();
    let address = AddressSpec::new(Ipv4Addr::new(10, a, b, c), 8);
    ns.add_address(&ADMIN, &station, &address, IfExists::Refuse, &cx(stack)).expect("a new one");
    up(stack, &port);
    up(stack, &station);
    let owner = SocketOwner { uid: 0 };
    let ping = PingSocket::open(&ns, owner, &cx(stack)).expect("a socket");
    let mut answered = 0;
    for _ in 0..20 {
        let mut fill = |bytes: &mut [u8]| -> Result<(), ()> {
            bytes.copy_from_slice(&[8, 0, 0, 0, 0, 0, 0, 1]);
            Ok(())
        };
        let to = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 0);
        let control = SendControl::default();
        if ping.send(Some(to), 8, &control, &mut fill, &cx(stack)).is_ok() {
            thread::yield_now();
            while ping.recv(false, |_| ()).is_ok() {
                answered += 1;
            }
        }
    }
    ping.close(&cx(stack));
    if serial.is_multiple_of(2) {
        home.delete_link(&ADMIN, &port, &cx(stack)).expect("it is there");
    }
    ns.release(&cx(stack));
    assert!(answered > 0, "twenty pings and no answer");
}

#[test]
fn namespaces_live_and_die_on_all_cpus_at_once_on_one_bridge() {
    let machine = Arc::new(Machine::default());
    let stack = Stack::new(machine.clone());
    let home = namespace(&stack);
    let bridge =
        warren_bridge::create(&home, &ADMIN, &named("br0"), &cx(&stack)).expect("a bridge");
    let address = AddressSpec::new(Ipv4Addr::new(10, 0, 0, 1), 8);
    home.add_address(&ADMIN, &bridge, &address, IfExists::Refuse, &cx(&stack)).expect("new");
    // A port that stays gives the bridge an address that stays.
    let (_, anchor) = pair(&stack, &home, &home);
    change(
        &stack,
        &anchor,
        &LinkChange { mac: Some(MacAddr([2, 0, 0, 0, 0, 1])), ..LinkChange::default() },
    );
    let master = Some(MasterChange::Join(bridge.clone()));
    change(&stack, &anchor, &LinkChange { master, ..LinkChange::default() });
    up(&stack, &bridge);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let pollers: Vec<_> = (0..CPUS)
            .map(|cpu| {
                let (machine, stack, stop) = (&machine, &stack, &stop);
                scope.spawn(move || napi_thread(machine, stack, cpu, stop))
            })
            .collect();
        let lives: Vec<_> = (0..u32::from(CPUS))
            .map(|cpu| {
                let (stack, home, bridge) = (&stack, &home, &bridge);
                scope.spawn(move || {
                    CPU.set(u16::try_from(cpu).expect("few CPUs"));
                    for round in 0..100 {
                        live_and_die(stack, home, bridge, 1_000 * cpu + round);
                    }
                })
            })
            .collect();
        for life in lives {
            life.join().expect("no panic");
        }
        stop.store(true, Ordering::Release);
        for poller in pollers {
            poller.join().expect("no panic");
        }
    });
    assert_eq!((stack.namespace_count(), home.link_count()), (1, 4));
    assert_eq!(bridge.kind_as::<Bridge>().expect("a bridge").ports().len(), 1);
    home.release(&cx(&stack));
    assert_eq!(stack.pool().stats(), PoolStats::default(), "packets left");
}
