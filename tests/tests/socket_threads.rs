//! Sockets under real threads: several connections at once between two namespaces, each end
//! on a CPU of its own, while NAPI threads poll and time passes. Every byte arrives, nobody
//! sleeps for ever, nothing is left.

use core::cell::Cell;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use warren_netns::error::SocketError;
use warren_netns::ip::address::{AddressSpec, IfExists};
use warren_netns::link::LinkFlags;
use warren_netns::napi::Outcome;
use warren_netns::socket::{SocketOwner, TcpSocket};
use warren_netns::{Cx, Namespace, Stack};
use warren_packet::PoolStats;
use warren_platform::{CpuId, Instant, Keeper, KeeperStep, Platform, Wake};
use warren_tests::world::{ADMIN, flags, named};
use warren_veth::PairSpec;

const CPUS: u16 = 4;
const STREAMS: usize = 4;
const BYTES: usize = 400_000;
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

thread_local! {
    static CPU: Cell<u16> = const { Cell::new(0) };
}

/// A host whose clock its time thread moves.
#[derive(Default)]
struct Machine {
    bells: [AtomicBool; CPUS as usize],
    random: AtomicU64,
    nanos: AtomicU64,
    keepers: Mutex<Vec<Box<dyn Keeper>>>,
}

impl core::fmt::Debug for Machine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Machine")
    }
}

/// The time thread steps every keeper each turn: nobody need wake it.
#[derive(Debug)]
struct AwakeAlready;

impl Wake for AwakeAlready {
    fn wake(&self) {}
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

    fn start_keeper(&self, keeper: Box<dyn Keeper>) -> Option<Arc<dyn Wake>> {
        self.keepers.lock().expect("no panic").push(keeper);
        Some(Arc::new(AwakeAlready))
    }
}

impl Machine {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos.load(Ordering::Acquire))
    }

    /// Moves the clock and steps the keepers, and is every CPU's NAPI thread besides.
    fn run(&self, stack: &Stack, stop: &AtomicBool) {
        CPU.set(CPUS - 1);
        while !stop.load(Ordering::Acquire) {
            self.nanos.fetch_add(20_000, Ordering::AcqRel);
            let mut keepers = core::mem::take(&mut *self.keepers.lock().expect("no panic"));
            keepers.retain_mut(|keeper| keeper.step(self.now()) != KeeperStep::Exit);
            self.keepers.lock().expect("no panic").extend(keepers);
            for cpu in 0..CPUS {
                if self.bells[usize::from(cpu)].swap(false, Ordering::AcqRel) {
                    while stack.run_napi(CpuId(cpu), self.now()) == Outcome::More {}
                }
            }
            thread::yield_now();
        }
    }
}

struct Rig {
    machine: Arc<Machine>,
    stack: Arc<Stack>,
    a: Arc<Namespace>,
    b: Arc<Namespace>,
}

impl Rig {
    fn new() -> Self {
        let machine = Arc::new(Machine::default());
        machine.nanos.store(1_000_000_000, Ordering::Relaxed);
        let stack = Stack::new(machine.clone());
        let cx = stack.enter(machine.now());
        let [a, b] = [(); 2].map(|()| stack.create_namespace(&cx).expect("memory"));
        a.hold();
        b.hold();
        let (own, other) = (named("v0"), named("v1"));
        let own = PairSpec { ns: &a, spec: &own };
        let other = PairSpec { ns: &b, spec: &other };
        let v0 = warren_veth::create_pair(&ADMIN, own, other, &cx).expect("a pair");
        let v1 = v0.kind().peer().expect("a pair has two ends");
        for (ns, link, last) in [(&a, &v0, 1), (&b, &v1, 2)] {
            let up = flags(LinkFlags::UP, LinkFlags::UP);
            ns.change_link(&ADMIN, link, &up, &cx).expect("no reason not to");
            let address = AddressSpec::new(Ipv4Addr::new(10, 0, 0, last), 24);
            ns.add_address(&ADMIN, link, &address, IfExists::Refuse, &cx).expect("free");
        }
        Self { machine, stack, a, b }
    }

    fn cx(&self) -> Cx<'_> {
        self.stack.enter(self.machine.now())
    }

    /// Repeats `attempt` until it no longer would block.
    fn insist<R>(&self, mut attempt: impl FnMut(&Cx<'_>) -> Result<R, SocketError>) -> R {
        loop {
            match attempt(&self.cx()) {
                Ok(result) => return result,
                Err(SocketError::WouldBlock | SocketError::AlreadyConnecting) => {
                    thread::yield_now();
                }
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    fn client(&self, stream: usize) {
        CPU.set(u16::try_from(stream % 2).expect("small"));
        let socket = TcpSocket::open(&self.a, SocketOwner::default(), &self.cx()).expect("one");
        let to = SocketAddrV4::new(B, 80);
        assert_eq!(socket.connect(to, &self.cx()), Err(SocketError::InProgress));
        self.insist(|cx| socket.connect(to, cx));
        let mut sent = 0;
        while sent < BYTES {
            let left = BYTES - sent;
            let mut fill = |part: &mut [u8]| {
                for byte in part.iter_mut() {
                    *byte = (sent % 251) as u8;
                    sent += 1;
                }
                part.len()
            };
            self.insist(|cx| socket.send(left.min(9_000), &mut fill, cx));
        }
        socket.close(&self.cx());
    }

    fn server(&self, listener: &Arc<TcpSocket>, cpu: u16) {
        CPU.set(cpu);
        let socket = self.insist(|cx| listener.accept(cx));
        let mut got = 0;
        let mut sink = |part: &[u8]| {
            for byte in part {
                assert_eq!(*byte, (got % 251) as u8, "byte {got}");
                got += 1;
            }
            part.len()
        };
        while self.insist(|cx| socket.recv(7_000, false, &mut sink, cx)) > 0 {}
        assert_eq!(got, BYTES);
        socket.close(&self.cx());
    }
}

#[test]
fn streams_of_many_threads_arrive_whole() {
    let rig = Rig::new();
    let listener = TcpSocket::open(&rig.b, SocketOwner::default(), &rig.cx()).expect("one");
    listener.bind(SocketAddrV4::new(B, 80), &rig.cx()).expect("free");
    listener.listen(STREAMS, &rig.cx()).expect("bound");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let clock = scope.spawn(|| rig.machine.run(&rig.stack, &stop));
        let mut ends = Vec::new();
        for stream in 0..STREAMS {
            let (rig, listener) = (&rig, &listener);
            ends.push(scope.spawn(move || rig.client(stream)));
            let cpu = u16::try_from(stream % 3).expect("small");
            ends.push(scope.spawn(move || rig.server(listener, cpu)));
        }
        for end in ends {
            end.join().expect("every byte in order");
        }
        stop.store(true, Ordering::Release);
        clock.join().expect("the clock runs");
    });
    listener.close(&rig.cx());
    rig.a.release(&rig.cx());
    rig.b.release(&rig.cx());
    drop(listener);
    assert_eq!(rig.stack.namespace_count(), 0);
    assert_eq!(rig.stack.pool().stats(), PoolStats::default());
}
