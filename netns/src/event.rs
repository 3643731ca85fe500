//! What the control path tells whoever subscribed: the core's half of rtnetlink's
//! multicast groups, of /sys uevents and of nothing else.
//!
//! An event is emitted after the change is visible, under the `Config` lock of its namespace
//! and no other, so that listeners hear the changes of a namespace in their order. It
//! carries what a listener cannot look up any more.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use warren_platform::lock::{self, RwLock};

use crate::cx::Cx;
use crate::ids::Ifindex;
use crate::ip::{Address, Route, RouteMode};
use crate::link::LinkInfo;
use crate::namespace::Namespace;
use crate::neighbour::Neighbour;

/// One change in one namespace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A link is new, or some of it changed (RTM_NEWLINK).
    LinkNew {
        /// The link after the change.
        info: LinkInfo,
        /// Which flags changed (`ifi_change`); all ones for a new link.
        changed: u32,
    },
    /// A link left: it was deleted, or moved away (RTM_DELLINK).
    LinkGone {
        /// The link as it was.
        info: LinkInfo,
        /// Where it moved to and its index there (`IFLA_NEW_NETNSID`, `IFLA_NEW_IFINDEX`).
        moved_to: Option<(Weak<Namespace>, Ifindex)>,
    },
    /// An address is new, or its flags, label or lifetimes changed (RTM_NEWADDR).
    AddrNew {
        /// The address after the change.
        address: Address,
    },
    /// An address went (RTM_DELADDR).
    AddrGone {
        /// The address as it was.
        address: Address,
    },
    /// A route is new (RTM_NEWROUTE).
    RouteNew {
        /// The route.
        route: Arc<Route>,
        /// How it was put beside the others: the bits of `nlmsg_flags`.
        how: RouteMode,
    },
    /// A route went (RTM_DELROUTE). Routes that die with their link are not announced, as on
    /// Linux.
    RouteGone {
        /// The route.
        route: Arc<Route>,
    },
    /// A neighbour is new, or changed its state or address (RTM_NEWNEIGH). Told as it
    /// happens, without the `Config` lock.
    NeighbourNew {
        /// The neighbour after the change.
        neighbour: Neighbour,
    },
    /// A neighbour went (RTM_DELNEIGH).
    NeighbourGone {
        /// The neighbour as it was.
        neighbour: Neighbour,
    },
    /// Another namespace has a number here (RTM_NEWNSID).
    NsidNew {
        /// The number.
        nsid: u32,
    },
    /// A numbered namespace is gone (RTM_DELNSID).
    NsidGone {
        /// The number it had.
        nsid: u32,
    },
}

/// A subscriber.
pub trait EventSink: Send + Sync + 'static {
    /// Told of each event of the namespaces it subscribed to. Queues it and returns: no
    /// call back into the control path.
    fn event(&self, ns: &Arc<Namespace>, event: &Event, cx: &Cx<'_>);
}

impl core::fmt::Debug for dyn EventSink {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("EventSink")
    }
}

/// A namespace's subscribers.
#[derive(Debug, Default)]
pub struct EventHub {
    sinks: RwLock<lock::Events, Vec<Arc<dyn EventSink>>>,
}

impl EventHub {
    /// Adds a subscriber.
    pub fn subscribe(&self, sink: Arc<dyn EventSink>) {
        self.sinks.write().push(sink);
    }

    /// Removes a subscriber; unknown ones are ignored.
    pub fn unsubscribe(&self, sink: &Arc<dyn EventSink>) {
        self.sinks.write().retain(|known| !Arc::ptr_eq(known, sink));
    }

    /// Whether anybody listens: the emitter need not build an event for nobody.
    #[must_use]
    pub fn has_listeners(&self) -> bool {
        !self.sinks.read().is_empty()
    }

    /// Tells every subscriber. `make` runs only if there is one.
    pub fn emit(&self, ns: &Arc<Namespace>, cx: &Cx<'_>, make: impl FnOnce() -> Event) {
        let sinks = self.sinks.read().clone();
        if sinks.is_empty() {
            return;
        }
        let event = make();
        for sink in sinks {
            sink.event(ns, &event, cx);
        }
    }
}
