//! [`World`]: one machine, its clock, and short words for what scenarios do.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use warren_netns::error::LinkError;
use warren_netns::link::{Dummy, LinkFlags, TxVerdict};
use warren_netns::namespace::change::{LinkChange, MasterChange};
use warren_netns::namespace::links::{LinkSpec, NameRequest};
use warren_netns::{Cx, IfName, Link, MacAddr, Namespace, NetAdmin, Stack};
use warren_packet::Packet;
use warren_platform::{CpuId, Duration, Instant};
use warren_veth::PairSpec;

use crate::check;
use crate::host::Host;

/// Tests may do anything.
pub const ADMIN: NetAdmin = NetAdmin::granted();

/// See the module.
#[derive(Debug)]
pub struct World {
    /// The host below.
    pub host: Arc<Host>,
    /// The stack under test.
    pub stack: Arc<Stack>,
    now: AtomicU64,
    namespaces: Vec<Arc<Namespace>>,
}

/// Runs a scenario in a world of two CPUs, then takes everything down and checks what must
/// hold at the end of each.
pub fn scenario(run: impl FnOnce(&mut World)) {
    seeded(1, run);
}

/// Runs a scenario once per seed. A failing one names its seed; `WARREN_SEED=n` runs that
/// one alone.
pub fn scenarios(count: u64, mut run: impl FnMut(&mut World, u64)) {
    let only = std::env::var("WARREN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..count, |seed: u64| seed..seed + 1);
    for seed in seeds {
        // Shown by the test harness with the output of a test that failed.
        println!("WARREN_SEED={seed}");
        seeded(seed, |world| run(world, seed));
    }
}

fn seeded(seed: u64, run: impl FnOnce(&mut World)) {
    let mut world = World::new(2, seed);
    run(&mut world);
    world.end();
}

impl World {
    fn new(cpu_count: u16, seed: u64) -> Self {
        let host = Host::new(cpu_count, seed);
        let stack = Stack::new(host.clone());
        // Not zero: nothing may take the origin of the clock for a point in time.
        let now = AtomicU64::new(1_000_000_000);
        Self { host, stack, now, namespaces: Vec::new() }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.now.load(Ordering::Relaxed))
    }

    /// The circumstances of an entry now, on the current CPU.
    #[must_use]
    pub fn cx(&self) -> Cx<'_> {
        self.stack.enter(self.now())
    }

    /// Has what follows run on `cpu`.
    pub fn run_on(&self, cpu: u16) {
        self.host.run_on(CpuId(cpu));
    }

    /// Lets `span` pass, stopping at every instant somebody waits for.
    pub fn pass(&self, span: Duration) {
        let end = self.now() + span;
        loop {
            self.host.settle(&self.stack, self.now());
            match self.host.next_alarm() {
                Some(alarm) if alarm <= end => {
                    self.now.store(alarm.max(self.now()).as_nanos(), Ordering::Relaxed);
                }
                _ => break,
            }
        }
        self.now.store(end.as_nanos(), Ordering::Relaxed);
        self.host.settle(&self.stack, end);
    }

    /// Finishes what is due now, without letting time pass.
    pub fn settle(&self) {
        self.host.settle(&self.stack, self.now());
    }

    /// A new namespace, held by the world until [`World::release`] or the end.
    pub fn namespace(&mut self) -> Arc<Namespace> {
        let ns = self.stack.create_namespace(&self.cx()).expect("memory");
        ns.hold();
        self.namespaces.push(ns.clone());
        ns
    }

    /// Lets go of a namespace, which destroys it.
    pub fn release(&mut self, ns: &Arc<Namespace>) {
        let held = self.namespaces.iter().position(|known| Arc::ptr_eq(known, ns));
        self.namespaces.swap_remove(held.expect("the world holds it"));
        ns.release(&self.cx());
    }

    /// The namespaces the world holds.
    #[must_use]
    pub fn namespaces(&self) -> &[Arc<Namespace>] {
        &self.namespaces
    }

    /// A veth pair between two namespaces; the first end is returned first.
    pub fn veth(
        &self,
        own: (&Arc<Namespace>, &str),
        peer: (&Arc<Namespace>, &str),
    ) -> (Arc<Link>, Arc<Link>) {
        let link = self.try_veth(own, peer).expect("a pair");
        let other = link.kind().peer().expect("a pair has two ends");
        (link, other)
    }

    /// A veth pair, or why not.
    ///
    /// # Errors
    /// Whatever either end is refused for.
    pub fn try_veth(
        &self,
        own: (&Arc<Namespace>, &str),
        peer: (&Arc<Namespace>, &str),
    ) -> Result<Arc<Link>, LinkError> {
        let (own_spec, peer_spec) = (named(own.1), named(peer.1));
        let own = PairSpec { ns: own.0, spec: &own_spec };
        let peer = PairSpec { ns: peer.0, spec: &peer_spec };
        warren_veth::create_pair(&ADMIN, own, peer, &self.cx())
    }

    /// A bridge without ports.
    pub fn bridge(&self, ns: &Arc<Namespace>, name: &str) -> Arc<Link> {
        warren_bridge::create(ns, &ADMIN, &named(name), &self.cx()).expect("a bridge")
    }

    /// A dummy.
    pub fn dummy(&self, ns: &Arc<Namespace>, name: &str) -> Arc<Link> {
        ns.create_link(&ADMIN, &named(name), Box::new(Dummy), &self.cx()).expect("a dummy")
    }

    /// Changes a link.
    ///
    /// # Errors
    /// Whatever it is refused for.
    pub fn change(&self, link: &Arc<Link>, change: &LinkChange) -> Result<(), LinkError> {
        let ns = link.namespace().ok_or(LinkError::NotFound)?;
        ns.change_link(&ADMIN, link, change, &self.cx())
    }

    /// Brings links up.
    pub fn up(&self, links: &[&Arc<Link>]) {
        for link in links {
            self.change(link, &flags(LinkFlags::UP, LinkFlags::UP)).expect("a link comes up");
        }
    }

    /// Takes links down.
    pub fn down(&self, links: &[&Arc<Link>]) {
        for link in links {
            let change = flags(LinkFlags::empty(), LinkFlags::UP);
            self.change(link, &change).expect("a link goes down");
        }
    }

    /// Makes `port` a port of `master`.
    ///
    /// # Errors
    /// Whatever it is refused for.
    pub fn join(&self, port: &Arc<Link>, master: &Arc<Link>) -> Result<(), LinkError> {
        let master = Some(MasterChange::Join(master.clone()));
        self.change(port, &LinkChange { master, ..LinkChange::default() })
    }

    /// Takes `port` from its master.
    pub fn leave(&self, port: &Arc<Link>) {
        let master = Some(MasterChange::Leave);
        let change = LinkChange { master, ..LinkChange::default() };
        self.change(port, &change).expect("a port leaves");
    }

    /// Sets a link's address.
    pub fn set_mac(&self, link: &Arc<Link>, mac: MacAddr) {
        let change = LinkChange { mac: Some(mac), ..LinkChange::default() };
        self.change(link, &change).expect("a valid address");
    }

    /// Deletes a link.
    pub fn delete(&self, link: &Arc<Link>) {
        let ns = link.namespace().expect("it is somewhere");
        ns.delete_link(&ADMIN, link, &self.cx()).expect("it is there");
    }

    /// Sends a frame as a system call does: the link takes it, and what it caused is polled
    /// at the tail.
    pub fn send(&self, link: &Arc<Link>, frame: Packet) -> TxVerdict {
        let verdict = self.queue(link, frame);
        self.stack.run_tail(&self.cx());
        verdict
    }

    /// Gives a frame to a link and leaves what it caused on the CPU's list.
    pub fn queue(&self, link: &Arc<Link>, frame: Packet) -> TxVerdict {
        link.send(frame, &self.cx())
    }

    /// Wakes the NAPI thread of the current CPU, as an entry does that leaves work to it.
    pub fn host_wakes(&self) {
        use warren_platform::Platform;
        self.host.wake_napi(self.host.current_cpu());
    }

    /// The end of a scenario: nothing is left undone, then everything goes and nothing is
    /// left at all.
    fn end(mut self) {
        self.settle();
        check::nobody_sleeps_on_work(&self);
        while let Some(ns) = self.namespaces.last().cloned() {
            self.release(&ns);
            self.settle();
            check::nobody_sleeps_on_work(&self);
        }
        check::nothing_is_left(&self);
    }
}

/// A link of this name; a `%d` in it is counted up.
///
/// # Panics
/// If Linux would refuse the name.
#[must_use]
pub fn named(name: &str) -> LinkSpec {
    LinkSpec::named(NameRequest::parse(name.as_bytes()).expect("a valid name"))
}

/// A name.
///
/// # Panics
/// If Linux would refuse it.
#[must_use]
pub fn name(name: &str) -> IfName {
    IfName::new(name.as_bytes()).expect("a valid name")
}

/// A change of flags.
#[must_use]
pub fn flags(values: LinkFlags, mask: LinkFlags) -> LinkChange {
    LinkChange { flags: Some((values, mask)), ..LinkChange::default() }
}
