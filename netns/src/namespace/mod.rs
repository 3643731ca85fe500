//! A network namespace: everything about networking that one group of processes sees.
//!
//! It lives as long as somebody holds an `Arc` of it (a process, a descriptor, a mount, a
//! socket); the host lets go through [`Namespace::release`], and when the last holder is
//! gone the namespace is torn down before that call returns. Links hold only weak
//! references to their namespace.
//!
//! Control path: [`links`] (and, for addresses, routes and neighbours, `ip::control`).
//! Every change of one namespace happens under its `Config` lock, so changes are serial
//! per namespace and independent between namespaces.

pub mod change;
mod extensions;
mod l3_hooks;
mod life;
mod link_table;
pub mod links;
mod masters;
mod moves;
mod names;
mod nsid;
#[cfg(test)]
mod tests;

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use warren_platform::lock::{self, Mutex, RwLock};

use crate::cx::Cx;
use crate::deadline::{Deadlines, Key};
use crate::drop_reason::DropCounters;
use crate::event::EventHub;
use crate::ids::{IfName, Ifindex, NsId};
use crate::ip::Ipv4State;
use crate::link::Link;
use crate::napi::{Napi, Poll};
use crate::neighbour::Neighbours;
use crate::socket::SocketTable;
use crate::stack::Stack;

pub use extensions::Extensions;
use link_table::LinkTable;
use nsid::Nsids;

/// See the module.
#[derive(Debug)]
pub struct Namespace {
    id: NsId,
    stack: Weak<Stack>,
    this: Weak<Self>,
    /// Serialises the control path.
    pub(crate) config: Mutex<lock::Config, ()>,
    links: RwLock<lock::Links, LinkTable>,
    nsids: Mutex<lock::Nsids, Nsids>,
    dying: AtomicBool,
    /// Addresses, routes and settings of IPv4.
    pub ip: Ipv4State,
    /// Which stations its links' neighbours are.
    pub neighbours: Neighbours,
    /// Who waits for what time.
    pub deadlines: Deadlines,
    /// Its sockets.
    pub sockets: SocketTable,
    /// Who listens to changes.
    pub events: EventHub,
    /// Drops that belong to no link.
    pub drops: DropCounters,
    /// What the doors above the core keep here.
    pub extensions: Extensions,
    /// Polls due deadlines and sockets with something to send.
    napi: Arc<Napi>,
    holders: AtomicUsize,
}

impl Namespace {
    pub(crate) fn new(id: NsId, stack: &Arc<Stack>) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| Self {
            id,
            stack: Arc::downgrade(stack),
            this: this.clone(),
            config: Mutex::new(()),
            links: RwLock::default(),
            nsids: Mutex::default(),
            dying: AtomicBool::new(false),
            ip: Ipv4State::default(),
            neighbours: Neighbours::default(),
            deadlines: Deadlines::default(),
            sockets: SocketTable::default(),
            events: EventHub::default(),
            drops: DropCounters::default(),
            extensions: Extensions::default(),
            napi: Napi::new(Napi::WEIGHT, this.clone()),
            holders: AtomicUsize::new(0),
        })
    }

    /// Its identity in the stack.
    #[must_use]
    pub const fn id(&self) -> NsId {
        self.id
    }

    /// The stack it belongs to; `None` only while that is being dropped.
    #[must_use]
    pub fn stack(&self) -> Option<Arc<Stack>> {
        self.stack.upgrade()
    }

    /// The link with this index.
    #[must_use]
    pub fn link(&self, index: Ifindex) -> Option<Arc<Link>> {
        self.links.read().by_index(index).cloned()
    }

    /// The link with this name (not an alternative name).
    #[must_use]
    pub fn link_by_name(&self, name: &IfName) -> Option<Arc<Link>> {
        self.links.read().by_name(name).cloned()
    }

    /// The first link with an index of at least `from`: a dump walks the table with this,
    /// holding no lock between its steps.
    #[must_use]
    pub fn link_at_or_after(&self, from: u32) -> Option<Arc<Link>> {
        self.links.read().at_or_after(from).cloned()
    }

    /// Whether `link` is here (it may have been deleted or moved since it was looked up).
    #[must_use]
    pub fn contains(&self, link: &Arc<Link>) -> bool {
        self.links.read().by_id(link.id()).is_some()
    }

    /// Changes whenever a link came, went or was renamed: two equal answers around a walk
    /// say that it saw one state (Linux: `dev_base_seq`).
    #[must_use]
    pub fn link_generation(&self) -> u64 {
        self.links.read().generation()
    }

    /// How many links it has.
    #[must_use]
    pub fn link_count(&self) -> usize {
        self.links.read().len()
    }

    /// Counts one more holder: a process, a descriptor, a mount, a socket.
    pub fn hold(&self) {
        self.holders.fetch_add(1, Ordering::Relaxed);
    }

    /// One holder less; the last one tears the namespace down before this returns.
    pub fn release(self: &Arc<Self>, cx: &Cx<'_>) {
        if self.holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.destroy(cx);
        }
    }

    /// Has the namespace polled on this entry's CPU: a socket has something to send.
    pub(crate) fn schedule_poll(&self, cx: &Cx<'_>) {
        cx.stack.napi().schedule(&self.napi, cx.cpu);
    }

    /// The keeper saw a due deadline: have the namespace polled on the current CPU.
    pub(crate) fn schedule_deadlines(&self) {
        if let Some(stack) = self.stack.upgrade() {
            let cpu = stack.platform().current_cpu();
            stack.napi().schedule(&self.napi, cpu);
            stack.platform().wake_napi(cpu);
        }
    }
}

impl Poll for Namespace {
    fn poll(&self, weight: usize, cx: &Cx<'_>) -> usize {
        let mut done = 0;
        while done < weight {
            let Some(key) = self.deadlines.take_due(cx.now) else { break };
            done += 1;
            self.on_deadline(key, cx);
        }
        self.deadlines.resume();
        if done < weight {
            done += self.sockets.run(weight - done, cx);
        }
        done
    }
}

impl Namespace {
    fn on_deadline(&self, key: Key, cx: &Cx<'_>) {
        let Some(this) = self.this.upgrade() else { return };
        match key {
            Key::Link(id) => {
                let link = self.links.read().by_id(id).cloned();
                if let Some(link) = link {
                    link.kind().on_deadline(&link, cx);
                }
            }
            Key::Address => this.addresses_due(cx),
            Key::PathMtu => this.path_mtus_due(cx),
            Key::Announce(id) => {
                let link = self.links.read().by_id(id).cloned();
                if let Some(link) = link {
                    this.announce_addresses(&link, cx);
                }
            }
            Key::Neighbour(id) => this.neighbour_due(id, cx),
            Key::Reassembly => this.reassembly_due(cx),
            Key::Socket(id) => self.sockets.on_deadline(&this, id, cx),
        }
    }
}
