//! Who is who among one namespace's netlink sockets: port ids, and who listens to which
//! multicast group. One value per namespace, kept in its extensions.
//!
//! It listens to the namespace's events itself, from the first member of a group to the
//! last, makes each notification once, and queues it to every member.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use warren_netns::event::{Event, EventSink};
use warren_netns::{Cx, Namespace};
use warren_platform::lock::{self, Mutex};

use super::{Incoming, NetlinkSocket};
use crate::errno::Errno;
use crate::netlink::route::notify;

/// Netlink sockets one namespace may have bound.
const MAX_PORTS: usize = 65_536;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ports {
    state: Mutex<lock::Netlink, State>,
}

#[derive(Debug, Default)]
struct State {
    bound: BTreeMap<u32, Weak<NetlinkSocket>>,
    members: Vec<Weak<NetlinkSocket>>,
    sink: Option<Arc<dyn EventSink>>,
}

impl Ports {
    /// The table of `ns`.
    pub(super) fn of(ns: &Namespace) -> Arc<Self> {
        ns.extensions.get()
    }

    /// Gives `socket` this port.
    ///
    /// # Errors
    /// EADDRINUSE if another has it, ENOMEM at the bound.
    pub(super) fn claim(&self, port: u32, socket: &Arc<NetlinkSocket>) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.bound.contains_key(&port) {
            return Err(Errno::EADDRINUSE);
        }
        if state.bound.len() >= MAX_PORTS {
            return Err(Errno::ENOMEM);
        }
        state.bound.insert(port, Arc::downgrade(socket));
        Ok(())
    }

    /// Gives `socket` a port of the kernel's choice: `wish` (the process id) if it is free,
    /// else downwards from somewhere in the negative numbers, as Linux goes.
    ///
    /// # Errors
    /// ENOMEM at the bound.
    pub(super) fn claim_any(
        &self,
        wish: u32,
        random: u32,
        socket: &Arc<NetlinkSocket>,
    ) -> Result<u32, Errno> {
        let mut port = wish;
        // Below -4096, the kernel's own errno range.
        let mut rover = 0x8000_0000 | (random % 0x7fff_f000);
        loop {
            match if port == 0 { Err(Errno::EADDRINUSE) } else { self.claim(port, socket) } {
                Ok(()) => return Ok(port),
                Err(Errno::EADDRINUSE) => {
                    port = rover;
                    rover = if rover == 0x8000_0000 { 0xffff_efff } else { rover - 1 };
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// The socket with this port.
    #[must_use]
    pub(super) fn find(&self, port: u32) -> Option<Arc<NetlinkSocket>> {
        self.state.lock().bound.get(&port).and_then(Weak::upgrade)
    }

    /// `socket` joined its first group or left its last.
    pub(super) fn set_member(
        self: &Arc<Self>,
        ns: &Arc<Namespace>,
        socket: &Arc<NetlinkSocket>,
        member: bool,
    ) {
        let this = Arc::downgrade(socket);
        let (subscribe, unsubscribe) = {
            let mut state = self.state.lock();
            state.members.retain(|known| !known.ptr_eq(&this) && known.strong_count() > 0);
            if member {
                state.members.push(this);
            }
            if state.members.is_empty() {
                (None, state.sink.take())
            } else if state.sink.is_none() {
                let sink: Arc<dyn EventSink> = Arc::new(Notifier(Arc::downgrade(self)));
                state.sink = Some(sink.clone());
                (Some(sink), None)
            } else {
                (None, None)
            }
        };
        if let Some(sink) = subscribe {
            ns.events.subscribe(sink);
        }
        if let Some(sink) = unsubscribe {
            ns.events.unsubscribe(&sink);
        }
    }

    /// `socket` closes.
    pub(super) fn forget(
        self: &Arc<Self>,
        ns: &Arc<Namespace>,
        port: u32,
        socket: &Arc<NetlinkSocket>,
    ) {
        self.set_member(ns, socket, false);
        if port != 0 {
            self.release(port);
        }
    }

    /// Gives a port back.
    pub(super) fn release(&self, port: u32) {
        self.state.lock().bound.remove(&port);
    }

    /// Queues a message to the members of its group, the sender excepted.
    pub(super) fn broadcast(&self, message: &Incoming) {
        for member in self.members() {
            if message.port == 0 || member.port() != message.port {
                member.overhear(message);
            }
        }
    }

    fn members(&self) -> Vec<Arc<NetlinkSocket>> {
        self.state.lock().members.iter().filter_map(Weak::upgrade).collect()
    }
}

/// Turns events into notifications.
#[derive(Debug)]
struct Notifier(Weak<Ports>);

impl EventSink for Notifier {
    fn event(&self, ns: &Arc<Namespace>, event: &Event, cx: &Cx<'_>) {
        let Some(ports) = self.0.upgrade() else { return };
        for notification in notify::render(ns, event, cx) {
            ports.broadcast(&Incoming::from_kernel(notification.bytes, notification.group));
        }
    }
}
