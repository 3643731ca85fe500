//! What the control path tells whoever subscribed: the core's half of rtnetlink's
//! multicast groups, of /sys uevents and of nothing else.
//!
//! An event is emitted after the change is visible and after the locks of the change are
//! released, in the order of the changes of one namespace. It carries what a listener
//! cannot look up any more.

use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_platform::lock::{self, RwLock};

use crate::cx::Cx;
use crate::link::LinkInfo;
use crate::namespace::Namespace;

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
    },
}

/// A subscriber.
pub trait EventSink: Send + Sync + 'static {
    /// Told of each event of the namespaces it subscribed to; no lock is held.
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
