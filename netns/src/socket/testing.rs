//! A wire for unit tests in the place of L3: namespaces with addresses, and packets carried
//! between them with delay, loss and reordering, all on virtual time.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use warren_packet::Packet;
use warren_platform::{Duration, Instant};

use super::deliver::{Cast, Delivery, IcmpError, Quoted, RxInfo};
use super::path::{AddressKind, Path, PathQuery, SendFailure};
use crate::cx::Cx;
use crate::error::SocketError;
use crate::ids::Ifindex;
use crate::namespace::Namespace;
use crate::stack::Stack;
use crate::testing::TestPlatform;

/// What happens to a packet under way: dropped, or carried after a delay.
pub(crate) type Fate = dyn Fn(u64, &Packet) -> Option<Duration> + Send + Sync;

struct Flying {
    at: Instant,
    number: u64,
    from: Arc<Namespace>,
    packet: Packet,
}

struct State {
    hosts: Vec<(Ipv4Addr, Arc<Namespace>)>,
    flying: Vec<Flying>,
    fate: Arc<Fate>,
    sent: u64,
    mtu: usize,
    full_at: usize,
    /// Copies of the IP packets sent, for those who look at segments.
    log: Vec<Vec<u8>>,
}

/// See the module.
pub(crate) struct Wire(spin::Mutex<State>);

impl core::fmt::Debug for Wire {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Wire")
    }
}

/// The broadcast address of the test subnet 10.0.0.0/8.
const BROADCAST: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 255);

impl Wire {
    fn owner(&self, address: Ipv4Addr) -> Option<Arc<Namespace>> {
        let state = self.0.lock();
        state.hosts.iter().find(|(known, _)| *known == address).map(|(_, ns)| ns.clone())
    }

    pub(super) fn address_kind(&self, ns: &Arc<Namespace>, address: Ipv4Addr) -> AddressKind {
        match address {
            address if address.is_multicast() => AddressKind::Multicast,
            address if address.is_broadcast() || address == BROADCAST => AddressKind::Broadcast,
            address if address.is_loopback() => AddressKind::Local,
            address if self.owner(address).is_some_and(|o| Arc::ptr_eq(&o, ns)) => {
                AddressKind::Local
            }
            _ => AddressKind::Unicast,
        }
    }

    pub(super) fn find(&self, ns: &Arc<Namespace>, query: &PathQuery) -> Result<Path, SocketError> {
        let destination = match query.destination {
            any if any.is_unspecified() => Ipv4Addr::LOCALHOST,
            other => other,
        };
        if destination.octets()[0] == 192 {
            return Err(SocketError::NetUnreachable);
        }
        let kind = self.address_kind(ns, destination);
        let state = self.0.lock();
        let own = state.hosts.iter().find(|(_, host)| Arc::ptr_eq(host, ns)).map(|(a, _)| *a);
        let default = if kind == AddressKind::Local { Some(destination) } else { own };
        Ok(Path {
            source: query.source.or(default).ok_or(SocketError::NetUnreachable)?,
            destination,
            kind,
            mtu: if destination.is_loopback() { 65_535 } else { state.mtu },
            default_ttl: 64,
            way: None,
        })
    }

    pub(super) fn send(
        &self,
        ns: &Arc<Namespace>,
        packet: Packet,
        cx: &Cx<'_>,
    ) -> Result<(), SendFailure> {
        let mut state = self.0.lock();
        if state.flying.len() >= state.full_at {
            return Err(SendFailure::Full(packet));
        }
        let limit = state.mtu.max(packet.meta.gso.map_or(0, |_| 65_535));
        let local = packet.bytes()[16] == 127;
        assert!(local || packet.len() <= limit, "{} bytes on a smaller path", packet.len());
        let number = state.sent;
        state.sent += 1;
        state.log.push(packet.bytes().to_vec());
        let fate = state.fate.clone();
        if let Some(delay) = fate(number, &packet) {
            let at = cx.now + delay;
            state.flying.push(Flying { at, number, from: ns.clone(), packet });
        }
        Ok(())
    }
}

/// Namespaces on one wire, and the clock.
pub(crate) struct Net {
    pub(crate) stack: Arc<Stack>,
    pub(crate) platform: Arc<TestPlatform>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) now: Instant,
    pub(crate) a: Arc<Namespace>,
    pub(crate) b: Arc<Namespace>,
}

pub(crate) const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

impl Net {
    /// Two namespaces, `a` at 10.0.0.1 and `b` at 10.0.0.2, 50 us apart.
    pub(crate) fn new() -> Self {
        let (stack, platform) = crate::testing::stack();
        let now = Instant::from_millis(1_000);
        let cx = stack.enter(now);
        let a = stack.create_namespace(&cx).expect("memory");
        let b = stack.create_namespace(&cx).expect("memory");
        a.hold();
        b.hold();
        let wire = Arc::new(Wire(spin::Mutex::new(State {
            hosts: Vec::from([(A, a.clone()), (B, b.clone())]),
            flying: Vec::new(),
            fate: Arc::new(|_, _| Some(Duration::from_micros(50))),
            sent: 0,
            mtu: 1_500,
            full_at: usize::MAX,
            log: Vec::new(),
        })));
        for ns in [&a, &b] {
            ns.sockets.wire.call_once(|| wire.clone());
        }
        Self { stack, platform, wire, now, a, b }
    }

    pub(crate) fn cx(&self) -> Cx<'_> {
        self.stack.enter(self.now)
    }

    /// What happens to packets from now on.
    pub(crate) fn set_fate(
        &self,
        fate: impl Fn(u64, &Packet) -> Option<Duration> + Send + Sync + 'static,
    ) {
        self.wire.0.lock().fate = Arc::new(fate);
    }

    /// How many packets may fly at once before senders are told the queue is full.
    pub(crate) fn set_full_at(&self, packets: usize) {
        self.wire.0.lock().full_at = packets;
    }

    pub(crate) fn sent(&self) -> u64 {
        self.wire.0.lock().sent
    }

    /// Takes the packets sent since the last look.
    pub(crate) fn take_log(&self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.wire.0.lock().log)
    }

    /// Runs what is due until `until`, event by event.
    pub(crate) fn run_until(&mut self, until: Instant) {
        for _ in 0..2_000_000 {
            self.poll();
            let flying = self.wire.0.lock().flying.iter().map(|flying| flying.at).min();
            let timer = self.platform.step_keepers(self.now);
            if !self.stack.napi().is_idle(warren_platform::CpuId(0)) {
                continue;
            }
            let Some(next) = flying.into_iter().chain(timer).min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
        }
        panic!("the network does not come to rest");
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    fn poll(&self) {
        let cx = self.cx();
        loop {
            let due = {
                let mut state = self.wire.0.lock();
                let first = state
                    .flying
                    .iter()
                    .enumerate()
                    .filter(|(_, flying)| flying.at <= self.now)
                    .min_by_key(|(_, flying)| (flying.at, flying.number))
                    .map(|(index, _)| index);
                first.map(|index| state.flying.swap_remove(index))
            };
            let Some(flying) = due else { break };
            self.arrive(flying, &cx);
            self.stack.run_tail(&cx);
        }
        self.stack.run_tail(&cx);
    }

    fn arrive(&self, flying: Flying, cx: &Cx<'_>) {
        let Flying { from, packet, .. } = flying;
        let address = |at: usize| {
            let bytes = packet.bytes();
            Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3])
        };
        let (src, dst, protocol) = (address(12), address(16), packet.bytes()[9]);
        let cast = match self.wire.address_kind(&from, dst) {
            AddressKind::Multicast => Cast::Multicast,
            AddressKind::Broadcast => Cast::Broadcast,
            _ => Cast::Unicast,
        };
        let targets = match cast {
            Cast::Unicast if dst.is_loopback() => Vec::from([from.clone()]),
            Cast::Unicast => self.wire.owner(dst).into_iter().collect(),
            _ => Vec::from([self.a.clone(), self.b.clone()]),
        };
        for ns in targets {
            let link = ns.link(Ifindex::LOOPBACK).expect("every namespace has lo");
            let info = RxInfo { link, src, dst, protocol, header_len: 20, cast };
            let copy = packet.try_clone().expect("memory");
            if let Delivery::NoSocket(back) = ns.sockets.deliver(&ns, copy, &info, cx)
                && cast == Cast::Unicast
                && protocol != 1
            {
                self.unreachable(&from, &back, dst, cx);
            }
        }
    }

    /// What L3 would do: port unreachable, straight to the sender.
    fn unreachable(&self, sender: &Arc<Namespace>, packet: &Packet, by: Ipv4Addr, cx: &Cx<'_>) {
        let bytes = packet.bytes();
        let quoted = Quoted {
            protocol: bytes[9],
            src: Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]),
            dst: by,
            transport: &bytes[20..],
        };
        let error = IcmpError { icmp_type: 3, code: 3, offender: by, mtu: 0 };
        sender.sockets.icmp_error(sender, &quoted, &error, cx);
    }

    /// Ends both namespaces and checks that nothing is left of them.
    pub(crate) fn assert_clean(mut self) {
        self.run_for(Duration::from_secs(300));
        for ns in [&self.a, &self.b] {
            let left = ns.sockets.tcp_sockets().expect("memory");
            assert!(ns.sockets.is_empty(), "{} sockets left: {left:?}", ns.sockets.len());
            assert_eq!(ns.sockets.stat(), super::SockStat::default());
            assert_eq!(ns.deadlines.earliest(), None);
        }
        assert_eq!(self.stack.pool().stats(), warren_packet::PoolStats::default());
        let cx = self.cx();
        self.a.release(&cx);
        self.b.release(&cx);
        assert_eq!(self.stack.namespace_count(), 0);
    }
}
