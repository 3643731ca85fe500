//! IPv4 of a namespace: addresses, routes, and the way of a packet in, through and out.
//!
//! | control path | data path |
//! |---|---|
//! | [`address`]: addresses of links, and what follows for the routes | [`route::lookup`]: the way for a flow |
//! | [`route`]: the FIB, what it accepts, what it holds | |
//! | `link_hooks`: what a link's fate means here | |
//! | [`conf`]: sysctls | |
//!
//! Addresses and routes change together under one lock (`Routes`), and every change is
//! made under the namespace's `Config` lock. Readers share `Routes` for a lookup and keep
//! what they found by reference count.

pub mod address;
pub mod conf;
pub mod group;
mod link_hooks;
pub mod prefix;
pub mod route;
pub mod scope;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;

use warren_platform::lock::{self, RwLock};

use crate::cx::Cx;
use crate::event::Event;
use crate::link::Link;
use crate::namespace::Namespace;

pub use address::{
    Address, AddressFlags, AddressSelector, AddressSpec, IfExists, Label, Lifetimes,
};
pub use conf::LinkConf;
pub use route::lookup::{Flow, RouteDecision};
pub use route::{
    Metrics, Nexthop, NexthopSpec, Route, RouteKind, RouteMode, RouteSelector, RouteSpec,
};
pub use scope::Scope;

/// IPv4's share of a namespace.
#[derive(Debug, Default)]
pub struct Ipv4State {
    pub(crate) tables: RwLock<lock::Routes, Tables>,
    /// The settings of the namespace as a whole and for links to come.
    pub conf: conf::NamespaceConf,
    /// The multicast groups its links listen to.
    pub groups: group::Groups,
}

/// Addresses, and the routes that follow from them or were added.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) addresses: address::table::AddressTable,
    pub(crate) fib: route::fib::Fib,
}

impl Ipv4State {
    fn promotes_secondaries(&self, link: &Link) -> bool {
        self.conf.all.is_on(conf::Devconf::PromoteSecondaries)
            || link.conf4.is_on(conf::Devconf::PromoteSecondaries)
    }
}

/// Events of one change, kept until the tables are released.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<(Event, bool)>);

impl Log {
    /// What was asked for: its notification names who asked.
    fn by_request(&mut self, event: Event) {
        self.0.push((event, true));
    }

    /// What followed from it.
    fn follows(&mut self, event: Event) {
        self.0.push((event, false));
    }

    fn emit(self, ns: &Arc<Namespace>, cx: &Cx<'_>) {
        for (event, requested) in self.0 {
            let origin = if requested { cx.origin } else { None };
            ns.events.emit(ns, &Cx { origin, ..*cx }, || event);
        }
    }
}
